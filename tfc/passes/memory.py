"""Where values live: in place, in a fetch, or in the arena, where values that never live at once share bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from tfc.ir.index import Dim, maximum
from tfc.ir.kernel import Alloc, Body, Buffer, Kernel, Launch, Program, Slot, Stmt, map_body, rename

ALIGN = 64
"""Bytes: a cache line, and the widest vector."""
STACK = 16 << 10
"""Local buffers up to this many bytes stand on the stack; larger ones, or of unknown size, in the arena."""


@dataclass(frozen=True)
class PlanMemory:
    """Gives local buffers of kernels that are too large for the stack a slot, and all slots of the arena their places.

    alloc t: float32[n, 784] local stack    ->    an argument t: float32[n, 784] local arena align(64) at(4096)
    """

    name: ClassVar[str] = "plan-memory"

    def apply(self, program: Program) -> Program:
        kernels: dict[str, Kernel] = {}
        added: dict[str, list[Slot]] = {}
        for k in program.kernels:
            kernels[k.name], moved = _with_scratch(k)
            added[k.name] = [Slot(b, "arena") for b in moved]
        steps = tuple(_with_arguments(s, added[s.kernel]) for s in program.steps)
        slots = (*program.slots, *(s for more in added.values() for s in more))
        return place_slots(replace(program, slots=slots, kernels=tuple(kernels.values()), steps=steps))


def _with_arguments(step: Launch, slots: Sequence[Slot]) -> Launch:
    return replace(step, args=(*step.args, *(s.buffer.name for s in slots)))


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
    body = rename(body, {old: new.name for old, new in moved.items()})
    arguments = tuple(replace(b, role="out") for b in moved.values())
    return replace(kernel, buffers=(*kernel.buffers, *arguments), body=body), list(moved.values())


def _fits_stack(b: Buffer) -> bool:
    return isinstance(b.nbytes, int) and b.nbytes <= STACK


def place_slots(program: Program) -> Program:
    """A program whose slots of the arena have places by their lifetimes."""
    inner = [s for s in program.slots if s.kind == "arena"]
    offsets, size = arena([_lifetime(s, program.steps) for s in inner])
    slots = tuple(replace(s, offset=offsets.get(s.buffer.name, 0)) for s in program.slots)
    return replace(program, slots=slots, arena=size)


def _lifetime(slot: Slot, steps: Sequence[Launch]) -> Lifetime:
    uses = [k for k, step in enumerate(steps) if slot.buffer.name in step.args]
    return Lifetime(slot.buffer.name, slot.buffer.nbytes, uses[0], uses[-1])


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


@dataclass
class _Place:
    size: Dim
    free_after: int


def arena(lifetimes: Sequence[Lifetime]) -> tuple[Mapping[str, Dim], Dim]:
    """Offsets of buffers and the size of the arena, in bytes.

    Buffers whose lifetimes do not overlap may share a place, the one that wastes least; sizes that cannot be compared
    before run time never share.
    """
    places: list[_Place] = []
    chosen: dict[str, _Place] = {}
    for buffer in sorted(lifetimes, key=lambda b: b.first):
        size = aligned(buffer.size)
        free = [p for p in places if p.free_after < buffer.first and isinstance(p.size - size, int)]
        place = min(free, key=lambda p: abs(_difference(p.size, size)), default=None)
        if place is None:
            place = _Place(size, buffer.last)
            places.append(place)
        place.size, place.free_after = maximum(place.size, size), buffer.last
        chosen[buffer.name] = place
    starts: dict[int, Dim] = {}
    total: Dim = 0
    for place in places:
        starts[id(place)] = total
        total = total + place.size
    return {name: starts[id(place)] for name, place in chosen.items()}, total


def _difference(a: Dim, b: Dim) -> int:
    d = a - b
    assert isinstance(d, int)
    return d
