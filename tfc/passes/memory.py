"""Where values live: in place, in a fetch, or in the arena, where values that never live at once share bytes."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from tfc.ir.index import Dim, maximum, subs
from tfc.ir.kernel import Alloc, Body, Buffer, For, Kernel, Launch, Program, Slot, Stmt, map_body, rename, walk

ALIGN = 64
"""Bytes: a cache line, and the widest vector."""
STACK = 16 << 10
"""Local buffers up to this many bytes stand on the stack; larger ones, or of unknown size, in the arena."""


@dataclass(frozen=True)
class PlanMemory:
    """Gives local buffers of kernels that are too large for the stack a slot, and all slots of the arena their places.

    alloc t: float32[n, 784] local stack    ->    an argument t: float32[n, 784] local arena align(64) at(4096)

    What is allocated in a parallel loop is private to its threads; the place in the arena is that of the calling one.
    """

    name: ClassVar[str] = "plan-memory"

    def apply(self, program: Program) -> Program:
        moved = {k.name: _with_scratch(k) for k in program.kernels}
        scratch = [[*_scratch(n, s, *moved[s.kernel])] for n, s in enumerate(program.steps)]
        steps = tuple(
            replace(s, args=(*s.args, *(slot.buffer.name for slot in own)))
            for s, own in zip(program.steps, scratch, strict=True)
        )
        kernels = tuple(kernel for kernel, _ in moved.values())
        slots = (*program.slots, *(slot for own in scratch for slot in own))
        return place_slots(replace(program, slots=slots, kernels=kernels, steps=steps))


def _scratch(number: int, step: Launch, kernel: Kernel, moved: Sequence[Buffer]) -> Iterator[Slot]:
    """The slots of a launch for what was moved out of its kernel, in the dims that it is launched with."""
    dims = dict(zip(kernel.dims, step.dims, strict=True))
    for b in moved:
        shape = tuple(subs(d, dims) for d in b.shape)
        yield Slot(replace(b, name=f"{b.name}_{number}", shape=shape), "arena")


def _with_scratch(kernel: Kernel) -> tuple[Kernel, list[Buffer]]:
    """A kernel whose large local buffers are arguments in the arena instead, and these, named after the kernel."""
    moved: dict[str, Buffer] = {}

    def statement(s: Stmt) -> Stmt | Body:
        if isinstance(s, Alloc) and s.buffer.space == "stack" and not _fits_stack(s.buffer):
            name = f"{kernel.name}_{s.buffer.name}"
            moved[s.buffer.name] = replace(s.buffer, name=name, space="arena", align=ALIGN)
            return ()
        return s

    body = map_body(kernel.body, statement)
    if not moved:
        return kernel, []
    body = rename(_with_private(kernel, body, moved.keys()), {old: new.name for old, new in moved.items()})
    arguments = tuple(replace(b, role="out") for b in moved.values())
    return replace(kernel, buffers=(*kernel.buffers, *arguments), body=body), list(moved.values())


def _with_private(kernel: Kernel, body: Body, moved: Collection[str]) -> Body:
    """A body whose parallel loops name what was allocated in them: each thread needs a copy of its own."""
    loops = {s.var: s.body for s in walk(kernel.body) if isinstance(s, For) and s.kind == "parallel"}

    def statement(s: Stmt) -> Stmt:
        if not isinstance(s, For) or s.var not in loops:
            return s
        inside = (x.buffer.name for x in walk(loops[s.var]) if isinstance(x, Alloc))
        return replace(s, private=tuple(name for name in inside if name in moved))

    return map_body(body, statement)


def _fits_stack(b: Buffer) -> bool:
    return isinstance(b.nbytes, int) and b.nbytes <= STACK


def place_slots(program: Program) -> Program:
    """A program whose slots of the arena have places by their lifetimes."""
    uses: dict[str, tuple[int, int]] = {}
    for k, step in enumerate(program.steps):
        for name in step.args:
            uses[name] = (uses.get(name, (k, k))[0], k)
    inner = [s.buffer for s in program.slots if s.kind == "arena"]
    offsets, size = arena([Lifetime(b.name, b.nbytes, *uses[b.name]) for b in inner])
    slots = tuple(replace(s, offset=offsets.get(s.buffer.name, 0)) for s in program.slots)
    return replace(program, slots=slots, arena=size)


def aligned(size: Dim) -> Dim:
    """A size in bytes rounded up to the alignment."""
    return (size + (ALIGN - 1)) // ALIGN * ALIGN


@dataclass(frozen=True)
class Lifetime:
    """A buffer's size in bytes and the first and last step that touch it."""

    name: str
    size: Dim
    first: int
    last: int


@dataclass(eq=False)
class _Place:
    size: Dim


def arena(lifetimes: Sequence[Lifetime]) -> tuple[Mapping[str, Dim], Dim]:
    """Offsets of buffers and the size of the arena, in bytes.

    Buffers whose lifetimes do not overlap may share a place, the one that wastes least; sizes that cannot be compared
    before run time never share.
    """
    places: list[_Place] = []
    chosen: dict[str, _Place] = {}
    free: dict[Dim, list[_Place]] = {}
    """Places by the part of their sizes that the run decides."""
    busy: list[tuple[int, int, Dim, _Place]] = []
    for number, buffer in enumerate(sorted(lifetimes, key=lambda b: b.first)):
        while busy and busy[0][0] < buffer.first:
            _, _, kind, place = heapq.heappop(busy)
            free.setdefault(kind, []).append(place)
        size = aligned(buffer.size)
        kind = size - _constant(size)
        if free.get(kind):
            place = min(free[kind], key=lambda p: abs(_constant(p.size) - _constant(size)))
            free[kind].remove(place)
            place.size = maximum(place.size, size)
        else:
            place = _Place(size)
            places.append(place)
        heapq.heappush(busy, (buffer.last, number, kind, place))
        chosen[buffer.name] = place
    starts: dict[_Place, Dim] = {}
    total: Dim = 0
    for place in places:
        starts[place] = total
        total = total + place.size
    return {name: starts[place] for name, place in chosen.items()}, total


def _constant(size: Dim) -> int:
    """What a size is apart from what the run decides."""
    if isinstance(size, int):
        return size
    return next((c for monomial, c in size.terms if not monomial), 0)
