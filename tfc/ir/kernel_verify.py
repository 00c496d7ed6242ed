"""What must hold of every kernel and program: names, types, bounds and writes, as far as they are known before a run.

An access that cannot be proved to be inside its buffer is allowed here; the interpreter checks each one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from .errors import VerifyError
from .expr import PRIMITIVES, At, Const, Expr, Load, Name, Prim, prim
from .index import Dim, Index, bounds, linear_in, subs, symbols_of
from .kernel import (
    COMBINERS,
    KINDS,
    ROLES,
    SLOT_KINDS,
    SPACES,
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
    subexprs,
    walk,
)
from .kernel_text import KEYWORDS, print_expr, print_stmt
from .lexer import NAME
from .types import DType, Shape

INDEPENDENT = frozenset(("vector", "parallel", "grid", "block", "lane"))
"""Kinds of loops whose iterations may run at the same time."""

STATIC = frozenset(("vector", "unrolled", "lane"))
"""Kinds of loops whose extent is known when the kernel is compiled."""

MEMORY = "[]"
"""Stands for everything that a loaded value may depend on."""


def verify_kernel(kernel: Kernel) -> None:
    """Raises VerifyError with the kernel, the rule and the statement for the first rule that the kernel breaks."""
    verifier = _Verifier(f"kernel {kernel.name}")
    verifier.check_names((kernel.name,), "kernel")
    names = (*kernel.dims, *(b.name for b in kernel.buffers))
    verifier.check_names(names, "buffer or dim")
    scope = _Scope(dict.fromkeys(kernel.dims, frozenset()), {}, {}, ())
    for b in kernel.buffers:
        verifier.buffer(b, scope)
        if b.role == "local" or b.space not in ("arg", "arena"):
            raise verifier.error(f"argument {b.name} has role {b.role} and space {b.space}")
    scope.buffers.update({b.name: (b, 0) for b in kernel.buffers})
    verifier.body(kernel.body, scope)


def verify_program(program: Program) -> None:
    """Raises VerifyError for the first rule that the program, or a kernel of it, breaks."""
    verifier = _Verifier(f"program {program.name}")
    verifier.check_names((program.name,), "program")
    verifier.check_names((*program.dims, *(s.buffer.name for s in program.slots)), "slot or dim")
    verifier.check_names((k.name for k in program.kernels), "kernel")
    scope = _Scope(dict.fromkeys(program.dims, frozenset()), {}, {}, ())
    verifier.symbols((program.arena,), scope)
    for slot in program.slots:
        verifier.slot(slot, program, scope)
    for kernel in program.kernels:
        verify_kernel(kernel)
        numbers = [s.message for s in walk(kernel.body) if isinstance(s, Check)]
        if numbers and max(numbers) >= len(program.messages):
            raise verifier.error(f"kernel {kernel.name} reports message {max(numbers)} of {len(program.messages)}")
    kernels, slots = {k.name: k for k in program.kernels}, {s.buffer.name: s for s in program.slots}
    for number, step in enumerate(program.steps):
        _Verifier(f"program {program.name}, step {number} ({step.kernel})").launch(step, kernels, slots, scope)
    written = {
        name
        for step in program.steps
        for b, name in zip(kernels[step.kernel].buffers, step.args, strict=True)
        if b.role != "in"
    }
    for slot in program.slots:
        if slot.kind == "fetch" and slot.buffer.name not in written:
            raise verifier.error(f"no step writes the fetch {slot.buffer.name}")


@dataclass(frozen=True)
class _Scope:
    """What is visible at a statement.

    `symbols` are the names that may stand in an index, each with the loop variables it is derived from; `lets` hold
    dtypes; `buffers` are with the number of loops around their declaration. `guard` is the number of loops around the
    innermost condition, None where there is none.
    """

    symbols: dict[str, frozenset[str]]
    lets: dict[str, tuple[DType, frozenset[str]]]
    buffers: dict[str, tuple[Buffer, int]]
    loops: tuple[For, ...]
    guard: int | None = None

    @property
    def names(self) -> set[str]:
        return {*self.symbols, *self.lets, *self.buffers}

    def inner(self) -> _Scope:
        return replace(self, symbols=dict(self.symbols), lets=dict(self.lets), buffers=dict(self.buffers))

    def guarded(self) -> _Scope:
        return replace(self.inner(), guard=len(self.loops))

    def origin(self, names: Iterable[str]) -> frozenset[str]:
        """The loop variables that symbols are derived from."""
        return frozenset(v for n in names for v in self.symbols[n])


@dataclass(frozen=True)
class _Verifier:
    """The rules; `where` and `statement` are for the messages."""

    where: str
    statement: Stmt | None = None

    def error(self, text: str) -> VerifyError:
        line = "" if self.statement is None else "\n  in: " + print_stmt(self.statement).split("\n", 1)[0]
        return VerifyError(f"{self.where}: {text}{line}")

    def check_names(self, names: Iterable[str], what: str) -> None:
        seen: set[str] = set()
        for name in names:
            if not NAME.fullmatch(name) or name in KEYWORDS:
                raise self.error(f"{name!r} cannot be the name of a {what}")
            if name in seen:
                raise self.error(f"two of the name {name}")
            seen.add(name)

    def declare(self, name: str, what: str, scope: _Scope) -> None:
        self.check_names((name,), what)
        if name in scope.names:
            raise self.error(f"the name {name} is taken")

    def symbols(self, dims: Iterable[Dim], scope: _Scope) -> None:
        for name in sorted(symbols_of(*dims)):
            if name not in scope.symbols:
                raise self.error(f"unknown symbol {name}")

    def buffer(self, b: Buffer, scope: _Scope) -> None:
        """What holds of every buffer, wherever it is declared."""
        self.symbols((*b.shape, *(b.strides or ())), scope)
        if b.role not in ROLES or b.space not in SPACES:
            raise self.error(f"buffer {b.name} has role {b.role} and space {b.space}")
        if any(isinstance(d, int) and d < 0 for d in b.shape):
            raise self.error(f"buffer {b.name} has a negative dim")
        if b.strides is not None and len(b.strides) != len(b.shape):
            raise self.error(f"buffer {b.name} has {len(b.shape)} dims and {len(b.strides)} strides")
        if b.align < 0 or b.align & (b.align - 1):
            raise self.error(f"buffer {b.name} is aligned to {b.align}, not to a power of two")

    def body(self, body: Body, scope: _Scope) -> None:
        for s in body:
            replace(self, statement=s).check(s, scope)

    def check(self, s: Stmt, scope: _Scope) -> None:
        match s:
            case For():
                self.loop(s, scope)
            case If(condition, then, orelse):
                self.condition(condition, scope)
                self.body(then, scope.guarded())
                self.body(orelse, scope.guarded())
            case Let(name, value):
                self.let(name, value, scope)
            case Store() | Accumulate():
                self.write(s, scope)
            case Alloc(b):
                self.alloc(b, scope)
            case Check(condition, message):
                self.condition(condition, scope)
                if message < 0:
                    raise self.error(f"{message} is not the number of a message")
            case Barrier():
                inside = [loop.kind for loop in scope.loops if loop.kind not in ("serial", "unrolled")]
                if inside[-1:] != ["lane"]:
                    raise self.error("a barrier outside a lane loop")

    def loop(self, s: For, scope: _Scope) -> None:
        self.declare(s.var, "loop variable", scope)
        self.symbols((s.extent,), scope)
        if s.kind not in KINDS:
            raise self.error(f"{s.kind} is not a kind of loop ({', '.join(KINDS)})")
        if s.kind in STATIC and isinstance(s.extent, Index):
            raise self.error(f"the extent of a loop of kind {s.kind} is {s.extent}, not a number")
        if isinstance(s.extent, int) and s.extent < 0:
            raise self.error(f"the extent {s.extent} is negative")
        if s.kind == "vector" and any(loop.kind == "vector" for loop in scope.loops):
            raise self.error("a vector loop inside a vector loop")
        if s.kind == "parallel":
            self.threads(s, scope)
        elif s.grain != 1 or s.private:
            raise self.error(f"a grain or private buffers of a loop of kind {s.kind}")
        inner = replace(scope.inner(), loops=(*scope.loops, s))
        inner.symbols[s.var] = scope.origin(symbols_of(s.extent)) | {s.var}
        self.body(s.body, inner)

    def threads(self, s: For, scope: _Scope) -> None:
        """The grain and the private buffers of a parallel loop."""
        self.symbols((s.grain,), scope)
        if isinstance(s.grain, int) and s.grain < 1:
            raise self.error(f"the grain is {s.grain}")
        for name in s.private:
            b = scope.buffers[name][0] if name in scope.buffers else None
            if b is None or b.role != "out" or b.space != "arena":
                raise self.error(f"{name} is private and no argument of role out in the arena")

    def let(self, name: str, value: Expr, scope: _Scope) -> None:
        self.declare(name, "let", scope)
        self.expr(value, scope)
        origin = _origin(value, scope)
        scope.lets[name] = (value.dtype, origin)
        if value.dtype.name == "int64":
            scope.symbols[name] = origin | {name}

    def condition(self, e: Expr, scope: _Scope) -> None:
        self.expr(e, scope)
        if not e.dtype.is_bool:
            raise self.error(f"the condition {print_expr(e)} is {e.dtype}, not bool")

    def alloc(self, b: Buffer, scope: _Scope) -> None:
        self.declare(b.name, "buffer", scope)
        self.buffer(b, scope)
        if b.role != "local" or b.space == "arg":
            raise self.error(f"local buffer {b.name} has role {b.role} and space {b.space}")
        scope.buffers[b.name] = (b, len(scope.loops))

    def write(self, s: Store | Accumulate, scope: _Scope) -> None:
        self.expr(s.value, scope)
        b = self.access(s.buffer, s.index, scope)
        if b.role == "in":
            raise self.error(f"a write to {b.name}, which has role in")
        if s.value.dtype != b.dtype:
            raise self.error(f"a value of {s.value.dtype} is written to {b.name} of {b.dtype}")
        if isinstance(s, Store):
            self.conflict(s, scope)
        elif s.combiner not in COMBINERS or b.dtype.kind not in PRIMITIVES[s.combiner].operands:
            raise self.error(f"{s.combiner} does not combine {b.dtype}")
        else:
            self.conflict(s, scope, frozenset(("parallel",)))

    def conflict(self, s: Store | Accumulate, scope: _Scope, kinds: frozenset[str] = INDEPENDENT) -> None:
        """A write that every iteration of a loop of these kinds makes to the same place of memory outside the loop."""
        origin = scope.origin(symbols_of(*s.index))
        if MEMORY in origin:
            return
        outside = scope.buffers[s.buffer][1]
        for number in range(scope.guard or 0, len(scope.loops)):
            loop = scope.loops[number]
            most = bounds(loop.extent, dict.fromkeys(scope.symbols, (None, None)))[1]
            several = most is None or most > 1
            private = s.buffer in loop.private
            if loop.kind in kinds and number >= outside and several and loop.var not in origin and not private:
                raise self.error(
                    f"all iterations of the {loop.kind} loop {loop.var} write the same place of {s.buffer}"
                )

    def access(self, name: str, index: Shape, scope: _Scope) -> Buffer:
        if name not in scope.buffers:
            raise self.error(f"unknown buffer {name}")
        b = scope.buffers[name][0]
        self.symbols(index, scope)
        if len(index) != len(b.shape):
            raise self.error(f"{name} has {len(b.shape)} dims, the access has {len(index)} indices")
        if scope.guard is None:
            for axis, (i, extent) in enumerate(zip(index, b.shape, strict=True)):
                if _outside(i, extent, scope):
                    raise self.error(f"the index {i} of axis {axis} of {name} leaves its {extent} elements")
        return b

    def expr(self, e: Expr, scope: _Scope) -> None:
        match e:
            case Const(dtype, value):
                if not _is_constant(value, dtype):
                    raise self.error(f"{value!r} is not a constant of {dtype}")
            case At(index=index):
                self.symbols((index,), scope)
            case Name(dtype, name):
                if name not in scope.lets:
                    raise self.error(f"unknown name {name}")
                if scope.lets[name][0] != dtype:
                    raise self.error(f"{name} is {scope.lets[name][0]}, not {dtype}")
            case Load(dtype, name, index):
                b = self.access(name, index, scope)
                if b.dtype != dtype:
                    raise self.error(f"a load of {dtype} from {name} of {b.dtype}")
            case Prim():
                self.primitive(e, scope)

    def primitive(self, e: Prim, scope: _Scope) -> None:
        if e.op not in PRIMITIVES:
            raise self.error(f"unknown primitive {e.op}")
        for k, a in enumerate(e.args):
            self.expr(a, scope.guarded() if e.op == "select" and k > 0 else scope)
        try:
            result = prim(e.op, *e.args, dtype=e.dtype).dtype
        except TypeError as error:
            raise self.error(str(error)) from None
        if result != e.dtype:
            raise self.error(f"{e.op} gives {result}, not {e.dtype}")
        if e.op == "bitcast" and e.args[0].dtype.bits != result.bits:
            raise self.error(f"a bitcast of {e.args[0].dtype} to {result}, which has another width")

    def slot(self, slot: Slot, program: Program, scope: _Scope) -> None:
        b = slot.buffer
        self.buffer(b, scope)
        self.symbols((slot.offset,), scope)
        if slot.kind not in SLOT_KINDS:
            raise self.error(f"{slot.kind} is not a kind of slot ({', '.join(SLOT_KINDS)})")
        if slot.kind != "arena":
            return
        low, beyond = bounds(slot.offset, {})[1], bounds(slot.offset + b.nbytes - program.arena, {})[0]
        if (low is not None and low < 0) or (b.strides is None and beyond is not None and beyond > 0):
            raise self.error(f"slot {b.name} leaves the arena of {program.arena} bytes")

    def launch(self, step: Launch, kernels: Mapping[str, Kernel], slots: Mapping[str, Slot], scope: _Scope) -> None:
        if step.kernel not in kernels:
            raise self.error("unknown kernel")
        kernel = kernels[step.kernel]
        if len(step.args) != len(kernel.buffers) or len(step.dims) != len(kernel.dims):
            takes, has = (len(kernel.buffers), len(kernel.dims)), (len(step.args), len(step.dims))
            raise self.error(f"the kernel takes {takes[0]} buffers and {takes[1]} dims, got {has[0]} and {has[1]}")
        self.symbols(step.dims, scope)
        dims = dict(zip(kernel.dims, step.dims, strict=True))
        for b, name in zip(kernel.buffers, step.args, strict=True):
            if name not in slots:
                raise self.error(f"unknown slot {name}")
            self.argument(b, slots[name], dims)
        self.overlap(kernel, step)

    def argument(self, b: Buffer, slot: Slot, dims: Mapping[str, Dim]) -> None:
        have = slot.buffer
        if b.dtype != have.dtype:
            raise self.error(f"{b.name} is {b.dtype}, slot {have.name} is {have.dtype}")
        if b.role != "in" and slot.kind in ("feed", "constant"):
            raise self.error(f"a write to {slot.kind} {have.name}")
        missing = bounds(subs(b.nbytes, dims) - have.nbytes, {})[0]
        if b.strides is have.strides is None and missing is not None and missing > 0:
            raise self.error(f"{b.name} has more elements than slot {have.name}")

    def overlap(self, kernel: Kernel, step: Launch) -> None:
        """One slot for two arguments: both say alias, or neither is written."""
        for k, a in enumerate(kernel.buffers):
            for m, b in enumerate(kernel.buffers[:k]):
                written = a.role != "in" or b.role != "in"
                if step.args[k] == step.args[m] and written and not (a.alias and b.alias):
                    raise self.error(f"{b.name} and {a.name} are both {step.args[k]}, but are not both alias")


def _origin(e: Expr, scope: _Scope) -> frozenset[str]:
    """The loop variables that a value is derived from."""
    out: set[str] = set()
    for x in subexprs(e):
        match x:
            case Load():
                out.add(MEMORY)
            case Name(name=name):
                out |= scope.lets[name][1]
            case At(index=index):
                out |= scope.origin(symbols_of(index))
    return frozenset(out)


def _is_constant(value: object, dtype: DType) -> bool:
    if not dtype.is_int:
        return type(value) is (bool if dtype.is_bool else float)
    info = np.iinfo(dtype.np)
    return type(value) is int and info.min <= value <= info.max


def _outside(i: Dim, extent: Dim, scope: _Scope) -> bool:
    """Whether an index is known to leave `0 <= i < extent` in some iteration of the loops around it."""
    dims = {name for name, origin in scope.symbols.items() if not origin}
    if any(loop.extent == 0 for loop in scope.loops):
        return False
    if not all(symbols_of(loop.extent) <= dims for loop in scope.loops) or not symbols_of(extent) <= dims:
        return False
    ends = _ends(i, scope.loops)
    if ends is None or not symbols_of(*ends) <= dims:
        return False
    most, least = bounds(ends[0], {})[1], bounds(ends[1] - extent, {})[0]
    return (most is not None and most < 0) or (least is not None and least >= 0)


def _ends(i: Dim, loops: tuple[For, ...]) -> tuple[Dim, Dim] | None:
    """The least and the greatest value of an index that is linear in the loop variables."""
    low: Dim = i
    high: Dim = i
    for loop in loops:
        form = linear_in(i, loop.var)
        if form is None or not isinstance(form[0], int):
            return None
        last = {loop.var: loop.extent - 1}
        first: dict[str, Dim] = {loop.var: 0}
        low, high = subs(low, last if form[0] < 0 else first), subs(high, first if form[0] < 0 else last)
    return low, high
