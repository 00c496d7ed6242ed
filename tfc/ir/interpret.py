"""The reference interpreter of kernel IR: slow, strict, and the definition of what a kernel means.

It runs one iteration after another and checks what no back end checks: that every access is inside its buffer, that
memory is written before it is read, and that iterations which may run at the same time do not touch the same element
(unless all of them read it, or all accumulate into it with one combiner and are not of a `parallel` loop).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import KernelError
from .expr import At, Const, Expr, Load, Name, Prim, evaluate
from .index import FUNCTIONS, Dim
from .kernel import (
    Accumulate,
    Alloc,
    Barrier,
    Body,
    Buffer,
    Check,
    For,
    If,
    Kernel,
    Launch,
    Let,
    Program,
    Slot,
    Stmt,
    Store,
)

Array = np.ndarray[Any, Any]
Stop = tuple[int, ...]
"""Where a barrier stands: statement numbers and iteration numbers from the lane loop inward."""

INDEPENDENT = frozenset(("vector", "parallel", "grid", "block", "lane"))
"""Kinds of loops whose iterations may run at the same time."""


def run_kernel(kernel: Kernel, arrays: Mapping[str, Array], dims: Mapping[str, int]) -> list[int]:
    """Runs a kernel on arrays named as its buffers and writes those of role `out` and `inout` in place.

    Each array has its buffer's dtype, shape and strides. Returns the numbers of the failed checks, ascending. Raises
    KernelError where an argument does not fit and where the kernel breaks a rule of the IR.
    """
    buffers = {b.name: _argument(kernel, b, arrays, dims, unwritten=b.role == "out") for b in kernel.buffers}
    return _run(kernel, buffers, dims)


def run_program(program: Program, slots: Mapping[str, Array], dims: Mapping[str, int]) -> list[int]:
    """Runs a program on arrays for all its slots but those in the arena, and writes fetches and variables in place.

    The arena is one block of bytes, so slots that overlap there do overwrite each other. Returns the numbers of the
    checks that failed in the first step in which some did, ascending; no step after it is run. Raises KernelError as
    `run_kernel` does, and for a fetch that was not written.
    """
    size = index_value(program.arena, dims)
    arena, written = np.zeros(size, np.uint8), np.zeros(size, np.bool_)
    bound = {s.buffer.name: _slot(program, s, slots, dims, arena, written) for s in program.slots}
    kernels = {k.name: k for k in program.kernels}
    for step in program.steps:
        kernel = kernels[step.kernel]
        values = {name: index_value(d, dims) for name, d in zip(kernel.dims, step.dims, strict=True)}
        failed = _run(kernel, _launch(kernel, step, bound, values), values)
        if failed:
            return sorted(failed)
    for s in program.slots:
        mask = bound[s.buffer.name].written
        if s.kind == "fetch" and mask is not None and not mask.all():
            raise KernelError(f"program {program.name}: fetch {s.buffer.name} was not written in full")
    return []


def index_value(x: Dim, values: Mapping[str, int]) -> int:
    """The number that an index expression is, given its symbols. Raises KernelError on a division by zero."""
    if isinstance(x, int):
        return x
    total = 0
    for monomial, c in x.terms:
        for atom in monomial:
            if atom.is_symbol:
                c *= values[atom.name]
                continue
            a, b = index_value(atom.args[0], values), index_value(atom.args[1], values)
            if b == 0 and atom.name in ("floordiv", "mod"):
                raise KernelError(f"division by zero in the index {x}")
            result = FUNCTIONS[atom.name](a, b)
            assert isinstance(result, int)
            c *= result
        total += c
    return total


@dataclass(frozen=True)
class _Bound:
    """A buffer in scope: its elements, which bytes were written (None: all), how many watched loops are around it."""

    buffer: Buffer
    array: Array
    written: Array | None
    depth: int = 0


def _unwritten(b: _Bound, depth: int) -> _Bound:
    """A buffer of the same shape of which nothing is written."""
    return _Bound(b.buffer, np.zeros_like(b.array), np.zeros((*b.array.shape, b.array.itemsize), np.bool_), depth)


@dataclass
class _Watch:
    """Who touched which address in one run of an independent loop: address -> how -> iteration, -1 for many."""

    loop: str
    accumulates: bool = True
    """Whether several iterations may accumulate into one element."""
    seen: dict[int, dict[str, int]] = field(default_factory=dict)

    def conflict(self, address: int, how: str, iteration: int) -> int | None:
        """Records an access; the other iteration (-1: several) if it conflicts."""
        entry = self.seen.setdefault(address, {})
        together = how == "load" or (how != "store" and self.accumulates)
        for other, by in entry.items():
            if by != iteration and (other != how or not together):
                return by
        entry[how] = iteration if entry.get(how, iteration) == iteration else -1
        return None


@dataclass(frozen=True)
class _Scope:
    """What is visible at a statement."""

    symbols: dict[str, int]
    values: dict[str, Any]
    buffers: dict[str, _Bound]
    watches: tuple[tuple[_Watch, int], ...] = ()
    in_lane: bool = False

    def inner(self) -> _Scope:
        return _Scope(dict(self.symbols), dict(self.values), dict(self.buffers), self.watches, self.in_lane)

    def iteration(self, loop: For, number: int, watch: _Watch | None) -> _Scope:
        watches = self.watches if watch is None else (*self.watches, (watch, number))
        lane = loop.kind == "lane" or (self.in_lane and watch is None)
        symbols = {**self.symbols, loop.var: number}
        inner = _Scope(symbols, dict(self.values), dict(self.buffers), watches, lane)
        for name in loop.private:
            inner.buffers[name] = _unwritten(self.buffers[name], len(watches))
        return inner


def _run(kernel: Kernel, buffers: dict[str, _Bound], dims: Mapping[str, int]) -> list[int]:
    _check_overlap(kernel, buffers)
    run = _Run(kernel)
    for _ in run.body(kernel.body, _Scope(dict(dims), {}, buffers)):
        raise AssertionError("a barrier outside a lane loop raises where it stands")
    return sorted(run.failed)


class _Run:
    """One run of a kernel. Statements are generators that stop at barriers."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.failed: set[int] = set()

    def error(self, text: str) -> KernelError:
        return KernelError(f"kernel {self.kernel.name}: {text}")

    def body(self, body: Body, scope: _Scope) -> Iterator[Stop]:
        for number, s in enumerate(body):
            for stop in self.statement(s, scope):
                yield (number, *stop)

    def statement(self, s: Stmt, scope: _Scope) -> Iterator[Stop]:
        match s:
            case For():
                yield from (self.lanes if s.kind == "lane" else self.loop)(s, scope)
            case If(condition, then, orelse):
                taken = bool(self.value(condition, scope))
                for stop in self.body(then if taken else orelse, scope.inner()):
                    yield (int(taken), *stop)
            case Barrier():
                if not scope.in_lane:
                    raise self.error("a barrier outside a lane loop")
                yield ()
            case _:
                self.simple(s, scope)

    def simple(self, s: Stmt, scope: _Scope) -> None:
        """A statement without a body."""
        match s:
            case Let(name, value):
                scope.values[name] = self.value(value, scope)
                if value.dtype.name == "int64":
                    scope.symbols[name] = int(scope.values[name])
            case Store(buffer, index, value):
                self.write(buffer, index, self.value(value, scope), scope)
            case Accumulate():
                self.accumulate(s, scope)
            case Alloc(buffer):
                shape = tuple(index_value(d, scope.symbols) for d in buffer.shape)
                array = np.zeros(shape, buffer.dtype.np)
                written = np.zeros((*shape, 1), np.bool_)
                scope.buffers[buffer.name] = _Bound(buffer, array, written, len(scope.watches))
            case Check(condition, message):
                if not self.value(condition, scope):
                    self.failed.add(message)

    def loop(self, s: For, scope: _Scope) -> Iterator[Stop]:
        watch = _Watch(s.var, s.kind != "parallel") if s.kind in INDEPENDENT else None
        for i in range(index_value(s.extent, scope.symbols)):
            for stop in self.body(s.body, scope.iteration(s, i, watch)):
                yield (i, *stop)

    def lanes(self, s: For, scope: _Scope) -> Iterator[Stop]:
        """All lanes to their next barrier, again and again; a barrier below two lane loops is one for both."""
        watch = _Watch(s.var)
        extent = index_value(s.extent, scope.symbols)
        lanes = [self.body(s.body, scope.iteration(s, i, watch)) for i in range(extent)]
        while True:
            stops = {next(lane, None) for lane in lanes}
            if stops <= {None}:
                return
            if len(stops) > 1:
                raise self.error(f"a barrier that not all lanes of {s.var} reach")
            if scope.in_lane:
                yield next(stop for stop in stops if stop is not None)
            watch.seen.clear()

    def accumulate(self, s: Accumulate, scope: _Scope) -> None:
        value = self.value(s.value, scope)
        bound, at = self.locate(s.buffer, s.index, scope)
        self.touch(bound, at, s.combiner, scope)
        self.check_written(bound, at)
        bound.array[at] = evaluate(s.combiner, bound.buffer.dtype, bound.array[at], value)

    def write(self, name: str, index: tuple[Dim, ...], value: Any, scope: _Scope) -> None:
        bound, at = self.locate(name, index, scope)
        self.touch(bound, at, "store", scope)
        bound.array[at] = value
        if bound.written is not None:
            bound.written[at] = True

    def read(self, name: str, index: tuple[Dim, ...], scope: _Scope) -> Any:
        bound, at = self.locate(name, index, scope)
        self.touch(bound, at, "load", scope)
        self.check_written(bound, at)
        return bound.array[at]

    def locate(self, name: str, index: tuple[Dim, ...], scope: _Scope) -> tuple[_Bound, tuple[int, ...]]:
        bound = scope.buffers[name]
        at = tuple(index_value(i, scope.symbols) for i in index)
        shape = bound.array.shape
        if len(at) != len(shape) or not all(0 <= i < extent for i, extent in zip(at, shape, strict=True)):
            raise self.error(f"{_element(name, at)} is outside the shape {_tuple(shape)}")
        return bound, at

    def touch(self, bound: _Bound, at: tuple[int, ...], how: str, scope: _Scope) -> None:
        name = bound.buffer.name
        if how != "load" and bound.buffer.role == "in":
            raise self.error(f"a write to {_element(name, at)}, but {name} has role in")
        watches = scope.watches[bound.depth :]
        if not watches:
            return
        array = bound.array
        address = array.ctypes.data + sum(i * step for i, step in zip(at, array.strides, strict=True))
        for watch, iteration in watches:
            other = watch.conflict(address, how, iteration)
            if other is not None:
                others = "several iterations" if other < 0 else f"iteration {other}"
                where = f"{how} in iteration {iteration} of {watch.loop}"
                raise self.error(f"a race on {_element(name, at)}: {where}, which {others} touched")

    def check_written(self, bound: _Bound, at: tuple[int, ...]) -> None:
        if bound.written is not None and not bound.written[at].all():
            raise self.error(f"{_element(bound.buffer.name, at)} is read before it is written")

    def value(self, e: Expr, scope: _Scope) -> Any:
        match e:
            case Const(dtype, value):
                return np.asarray(value, dtype.np)
            case At(index=index):
                return np.asarray(index_value(index, scope.symbols), np.int64)
            case Name(name=name):
                return scope.values[name]
            case Load(buffer=name, index=index):
                return self.read(name, index, scope)
            case Prim(op="select", args=(condition, yes, no)):
                return self.value(yes if self.value(condition, scope) else no, scope)
            case Prim(dtype, op, args):
                return evaluate(op, dtype, *(self.value(a, scope) for a in args))
        raise self.error(f"unknown expression {e!r}")


def _argument(
    owner: Kernel | Program, buffer: Buffer, arrays: Mapping[str, Array], dims: Mapping[str, int], unwritten: bool
) -> _Bound:
    """An array given for a buffer, with its dtype, shape and strides checked."""
    name, where = buffer.name, f"{'kernel' if isinstance(owner, Kernel) else 'program'} {owner.name}"
    if name not in arrays:
        raise KernelError(f"{where}: no array for {name}")
    array = arrays[name]
    shape = tuple(index_value(d, dims) for d in buffer.shape)
    if array.dtype != buffer.dtype.np or array.shape != shape:
        given = f"{array.dtype}{_tuple(array.shape)}"
        raise KernelError(f"{where}: {name} is {buffer.dtype}{_tuple(shape)}, the array is {given}")
    steps = tuple(index_value(d, dims) for d in buffer.steps)
    given_steps = tuple(step // array.itemsize for step in array.strides)
    if array.size and any(n > 1 and a != b for n, a, b in zip(shape, steps, given_steps, strict=True)):
        raise KernelError(f"{where}: {name} has strides {_tuple(steps)}, the array has {_tuple(given_steps)}")
    if not unwritten:
        return _Bound(buffer, array, None)
    strides = tuple(step * array.itemsize for step in steps)
    flags = np.zeros(_span(shape, strides, array.itemsize), np.bool_)
    return _Bound(buffer, array, _mask(flags, shape, strides, array.itemsize))


def _slot(
    program: Program, slot: Slot, arrays: Mapping[str, Array], dims: Mapping[str, int], arena: Array, written: Array
) -> _Bound:
    b = slot.buffer
    if slot.kind != "arena":
        return _argument(program, b, arrays, dims, unwritten=slot.kind == "fetch")
    shape = tuple(index_value(d, dims) for d in b.shape)
    strides = tuple(index_value(d, dims) * b.dtype.size for d in b.steps)
    offset = index_value(slot.offset, dims)
    end = offset + _span(shape, strides, b.dtype.size)
    if offset < 0 or end > arena.size:
        raise KernelError(
            f"program {program.name}: {b.name} takes the bytes {offset} to {end} of an arena of {arena.size}"
        )
    array = np.ndarray(shape, b.dtype.np, arena, offset, strides) if end > offset else np.zeros(shape, b.dtype.np)
    return _Bound(b, array, _mask(written[offset:], shape, strides, b.dtype.size))


def _launch(kernel: Kernel, step: Launch, slots: Mapping[str, _Bound], dims: Mapping[str, int]) -> dict[str, _Bound]:
    """A kernel's buffers as views of the slots' memory, each in the shape that the kernel gives it."""
    out = {}
    for buffer, name in zip(kernel.buffers, step.args, strict=True):
        slot = slots[name]
        shape = tuple(index_value(d, dims) for d in buffer.shape)
        strides = tuple(index_value(d, dims) * buffer.dtype.size for d in buffer.steps)
        fits = _span(shape, strides, buffer.dtype.size) <= _span(
            slot.array.shape, slot.array.strides, slot.array.itemsize
        )
        if buffer.dtype != slot.buffer.dtype or not fits:
            have = f"{slot.buffer.dtype}{_tuple(slot.array.shape)}"
            raise KernelError(f"kernel {kernel.name}: {buffer.name} is {buffer.dtype}{_tuple(shape)}, {name} is {have}")
        array, mask = slot.array, slot.written
        if shape != array.shape:
            array = np.lib.stride_tricks.as_strided(array, shape, strides)
            mask = None if mask is None else _mask(mask, shape, strides, buffer.dtype.size)
        out[buffer.name] = _Bound(buffer, array, mask)
    return out


def _mask(written: Array, shape: tuple[int, ...], strides: tuple[int, ...], size: int) -> Array:
    """The flags of an array's bytes: its shape with one more axis for the bytes of an element."""
    return np.lib.stride_tricks.as_strided(written, (*shape, size), (*strides, 1))


def _span(shape: tuple[int, ...], strides: tuple[int, ...], size: int) -> int:
    """Bytes from the first element to the end of the last."""
    if 0 in shape:
        return 0
    return sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) + size


def _check_overlap(kernel: Kernel, buffers: Mapping[str, _Bound]) -> None:
    """Arguments share memory only where both say so, or where neither is written."""
    bound = list(buffers.values())
    for k, a in enumerate(bound):
        for b in bound[k + 1 :]:
            read_only = a.buffer.role == b.buffer.role == "in"
            allowed = read_only or (a.buffer.alias and b.buffer.alias)
            if not allowed and np.may_share_memory(a.array, b.array):
                raise KernelError(
                    f"kernel {kernel.name}: {a.buffer.name} and {b.buffer.name} share memory, but are not both alias"
                )


def _element(name: str, at: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, at))}]"


def _tuple(shape: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"
