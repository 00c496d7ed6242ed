"""Where values live: in place, in a fetch, or in the arena, where values that never live at once share bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tfc.ir.index import Dim, maximum

ALIGN = 64
"""Bytes: a cache line, and the widest vector."""


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
