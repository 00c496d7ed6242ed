"""Convolutions: sums over several loops in a tile of registers, the elements of both factors read where they stand.

Vectors go along the last dim of the result, which lies side by side in one factor at least. The other factor is read
one element at a time for a whole vector. A tile is some places of the last one or two other dims of the result by some
vectors; all it adds up stays in registers. Tiles that do not divide a dim overlap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tfc.ir.index import Dim, bounds, mod, product, symbols_of
from tfc.ir.kernel import Body, For, If, Kernel

from ..target import Target
from .clip import clip, peel_ends
from .cpu_loops import merge_siblings, near
from .gemm import extent_of, merge_all, unguarded
from .loops import merge, reorder, split, unroll, vectorise
from .nest import (
    ScheduleError,
    accesses,
    buffer_table,
    locate,
)
from .overlap import overlap
from .staging import Axis, stage
from .sums import Sums


def is_conv(k: Kernel, g: Sums, target: Target) -> bool:
    """Whether a sum is no matrix product, or one of many rows of two dims and more with a matrix that a cache holds."""
    if len(g.over) != 1:
        return len(g.over) > 1
    size = product(buffer_table(k)[g.loads[1].buffer].shape) * g.loads[1].dtype.size
    shared = len(g.rows) > 1 and not symbols_of(*g.loads[1].index) & set(g.rows)
    return shared and isinstance(size, int) and size <= target.l2 // 2


LATENCY = 8
"""Multiplications that start before the first of them has ended: sums that a tile needs to keep the machine busy."""
STEPS = 64
"""Steps of a sum that are worth a tile's way into registers and back."""
MOST = 4
"""Vectors of a tile along the last dim at most."""


@dataclass(frozen=True)
class Tile:
    """A tile in registers: places along each of the last dims but one, and vectors along the last."""

    places: tuple[int, ...]
    vectors: int


def tile_for(extents: Sequence[Dim], columns: Dim, width: int, registers: int) -> Tile:
    """The tile with the least time, by a count of its multiplications and loads, over all of the result."""
    vectors = -(-columns // width) if isinstance(columns, int) else MOST

    def time(t: Tile) -> tuple[float, int]:
        count = math.prod(t.places)
        step = max(count * t.vectors, count + t.vectors, LATENCY) + 1
        tiles: float = -(-vectors // t.vectors)
        # A dim of unknown length is taken as a large one.
        tiles *= math.prod(-(-e // p) if isinstance(e, int) else 1 / p for e, p in zip(extents, t.places, strict=True))
        return tiles * step, -t.places[-1]

    found = [
        Tile(places, v)
        for v in range(1, min(vectors, MOST) + 1)
        for places in _places(extents, (registers - v - 1) // v)
    ]
    return min(found, key=time)


def _places(extents: Sequence[Dim], most: int) -> Iterator[tuple[int, ...]]:
    """Sizes of tiles of so many places at most."""
    if not extents:
        yield ()
        return
    last = extents[-1]
    for p in range(1, min(last if isinstance(last, int) else most, most) + 1):
        for outer in _places(extents[:-1], most // p):
            yield (*outer, p)


def conv(k: Kernel, g: Sums, target: Target) -> Kernel:
    """A sum over several loops: all of it at once where a cache holds what a tile reads, else chunk by chunk."""
    rows, width = [1 if _stands_alone(k, g, v) else extent_of(k, v) for v in g.rows[-2:]], _width(k, g, target)
    t = tile_for(rows, extent_of(k, g.j), width, target.vector_registers)
    steps = product(extent_of(k, v) for v in g.over)
    if isinstance(steps, int) and steps * t.vectors * target.vector_bytes <= target.l2:
        return _resident(k, g, t, target)
    return _chunked(k, g, t, target)


def _partners(g: Sums, row: str) -> set[str]:
    """The loops of the sums that a condition names beside a row."""
    return {v for guard in g.guards if row in guard for v in g.over if v in guard}


def _stands_alone(k: Kernel, g: Sums, row: str) -> bool:
    """Whether a tile is one place wide along a row, so that conditions on it are bounds of loops inside.

    Along the last row they may stay in the tile, where the few iterations of a loop beside it decide them.
    """
    if not any(row in guard for guard in g.guards):
        return False
    own, beside = extent_of(k, row), [extent_of(k, v) for v in _partners(g, row)]
    few = isinstance(own, int) and all(isinstance(e, int) and e <= own for e in beside)
    return row != g.rows[-1] or not few


def _decided(k: Kernel, g: Sums) -> tuple[str, ...]:
    """The loops of the sums whose iterations decide the conditions that stay in a tile."""
    row = g.rows[-1]
    return () if _stands_alone(k, g, row) else tuple(sorted(_partners(g, row)))


def _without_conditions(k: Kernel, over: Sequence[str], decided: Sequence[str], tiles: str) -> Kernel:
    """Conditions as bounds of the loops of the sums, or, in tiles at the ends of a row, decided one by one."""
    for v in over:
        if isinstance(locate(k, v, "conv").loop.body[0], If):
            k = clip(k, v)
    if not decided:
        return k
    ends: tuple[str, ...] = ("",)
    if extent_of(k, tiles) != 1:
        ends = ("_first", "_last")
        k = peel_ends(k, tiles, first=ends[0], last=ends[1])
    for v in decided:
        for end in ends:
            k = unroll(k, f"{v}{end}")
    return k


def _width(k: Kernel, g: Sums, target: Target) -> int:
    return target.lanes(buffer_table(k)[g.c].dtype)


def _chunk(k: Kernel, g: Sums, target: Target) -> tuple[int, int]:
    """A loop of the sums and how many of its iterations read no more than a cache holds, those before it standing."""
    inner = len(g.over) - 1
    for n in (n for n, v in enumerate(g.over) if v not in _decided(k, g)):
        size = _bytes_read(k, g, g.over[: n + 1])
        if size is not None and (size <= target.l2 // 4 or n + 1 >= inner):
            return n, max(STEPS if n == inner else 1, target.l2 // 4 // size)
    return (0, 1) if inner else (0, STEPS)


def _bytes_read(k: Kernel, g: Sums, standing: Sequence[str]) -> int | None:
    """Bytes of both factors that are read while some loops stand still; None where that is not known."""
    ranges: dict[str, tuple[int | None, int | None]] = dict.fromkeys(standing, (0, 0))
    for v in (*g.rows, *g.around, g.j, *g.over):
        extent = extent_of(k, v)
        ranges.setdefault(v, (0, extent - 1 if isinstance(extent, int) else None))
    ends = [[bounds(i, ranges)[1] for i in load.index] for load in g.loads]
    known = [[end + 1 for end in at if end is not None] for at in ends]
    if list(map(len, known)) != list(map(len, ends)):
        return None
    return sum(math.prod(sizes) * load.dtype.size for sizes, load in zip(known, g.loads, strict=True))


@dataclass(frozen=True)
class _Nest:
    """The loops of a nest that are tiled and those around and inside of the tiles."""

    rows: tuple[str, ...]
    around: tuple[str, ...]
    """Loops between those over tiles of rows and of columns."""
    j: str
    over: tuple[str, ...] = ()

    single: tuple[str, ...] = ()
    """The rows along which a tile is one place."""

    @property
    def sums(self) -> tuple[str, ...]:
        """The loops between those over tiles and those over a tile."""
        return (*(f"{v}_i" for v in self.single), *self.over)

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(f"{v}_i" for v in self.rows if v not in self.single)

    @property
    def inside(self) -> tuple[str, ...]:
        return (*self.places, f"{self.j}_v", f"{self.j}_l")


def _resident(k: Kernel, g: Sums, t: Tile, target: Target) -> Kernel:
    """for tiles { r = 0  for over { r[tile] add= a * b }  c = r }, and what follows in the same loop over rows."""
    width, outer = _width(k, g, target), g.zero_rows[:-2]
    # Unrolled inside of other loops, they would share loads of one factor, and these would not fit into registers.
    over = (*_decided(k, g), *(v for v in g.over if v not in _decided(k, g)))
    sums, zero = _Nest(g.rows[-2:], g.around, g.j, over), _Nest(g.zero_rows[-2:], (), g.zero_j)
    sums = replace(sums, single=tuple(v for v, p in zip(sums.rows, t.places, strict=True) if p == 1))
    extents, decided = [extent_of(k, v) for v in (*sums.rows, g.j)], _decided(k, g)
    for depth in range(len(outer)):
        k = merge_all(k, _loops_in(k, outer[:depth]))
    blocks = _loops_in(k, outer)
    for v in blocks:
        k = _split(k, v, t.places[0])
    k = merge_all(k, [f"{v}_t" for v in blocks])
    for v in g.around:
        zero = replace(zero, around=(f"{g.zero_j}_{v}",), j=f"{g.zero_j}_{g.j}")
        k = split(k, g.zero_j, _static(extents[-1]), outer=zero.around[0], inner=zero.j)
    for tiled in (_row_tiles, _column_tiles):
        k, first = tiled(k, zero, t, width)
        k, second = tiled(k, sums, t, width)
        for z, v in zip(first, second, strict=True):
            k = merge(k, z, v)
    for z, extent, size in zip((*zero.rows, zero.j), extents, (*t.places, t.vectors * width), strict=True):
        if isinstance(extent, int) and extent > size and extent % size:
            k = overlap(k, f"{z}_t", extent, size)
    k = _vectors(_vectors(k, zero, width), sums, width)
    layout = _layout(k, g, sums, width)
    k = stage(k, g.c, name=f"{g.c}_r", at=f"{zero.j}_t", space="register", layout=layout)
    for v in (f"{zero.j}_l", *(f"{z}_i" for z in reversed(zero.rows))):
        k = unguarded(k, v)
    masked = [v for v, extent in zip(sums.rows, extents, strict=False) if not isinstance(extent, int)]
    k = _in_registers(k, sums, masked, (zero.inside, _copying(g, "out", layout)))
    k = near(merge_siblings(k, [f"{v}_i" for v in blocks[2:]]))
    return _without_conditions(k, g.over, decided, f"{zero.rows[-1]}_t")


def _chunked(k: Kernel, g: Sums, t: Tile, target: Target) -> Kernel:
    """c = 0  for chunks { for tiles { r = 0  for over { r[tile] add= a * b }  c add= r } }"""
    width, (n, count) = _width(k, g, target), _chunk(k, g, target)
    first = g.over[n]
    decided = _decided(k, g)
    masked = [v for v, p in zip(g.rows[-2:], t.places, strict=True) if mod(extent_of(k, v), p) != 0]
    k = split(k, first, count, outer=f"{first}_c", inner=f"{first}_k", tail="short")
    nest = _Nest(g.rows[-2:], g.around, g.j, (f"{first}_k", *g.over[n + 1 :]))
    nest = replace(nest, single=tuple(v for v, p in zip(nest.rows, t.places, strict=True) if p == 1))
    k = reorder(k, [*g.over[:n], f"{first}_c", *g.rows, *g.around, g.j, *nest.over])
    k = _split(k, nest.rows[0], t.places[0])
    k, _ = _row_tiles(k, nest, t, width)
    k, _ = _column_tiles(k, nest, t, width)
    k = _vectors(k, nest, width)
    layout = _layout(k, g, nest, width)
    k = stage(k, g.c, name=f"{g.c}_r", around=nest.over[0], space="register", fresh=True, layout=layout)
    k = _in_registers(k, nest, masked, [_copying(g, way, layout) for way in ("in", "out")])
    return _without_conditions(k, nest.over, decided, f"{nest.rows[-1]}_t")


def _copying(g: Sums, way: str, layout: Sequence[Axis]) -> list[str]:
    """The loops that fill the registers of a tile or empty them."""
    return [f"{g.c}_r_{way}{n}" for n in range(len(layout))]


def _static(extent: Dim) -> int:
    if isinstance(extent, int):
        return extent
    raise ScheduleError("conv", str(extent), "a group of channels has no fixed size")


def _loops_in(k: Kernel, around: Sequence[str]) -> list[str]:
    """The loops that stand side by side in a loop, the last of those given, or in the kernel."""
    body: Body = locate(k, around[-1], "conv").loop.body if around else k.body
    return [s.var for s in body if isinstance(s, For)]


def _layout(k: Kernel, g: Sums, nest: _Nest, width: int) -> tuple[Axis, ...]:
    """The places and the vectors of a tile, by the dims of c that their loops go along."""
    (at,) = [a.index for a in accesses(locate(k, nest.inside[-1], "conv").loop.body) if a.buffer == g.c]
    rows = [d for v in nest.rows for d, x in enumerate(at) if f"{v}_i" in symbols_of(x)]
    return (*map(Axis, rows), Axis(len(at) - 1, step=width), Axis(len(at) - 1, count=width))


def _split(k: Kernel, v: str, size: int) -> Kernel:
    return split(k, v, size, outer=f"{v}_t", inner=f"{v}_i", tail="mask")


def _row_tiles(k: Kernel, nest: _Nest, t: Tile, width: int) -> tuple[Kernel, Sequence[str]]:
    """A nest, in which the first rows are split, with the loops over tiles of the others outermost, and these."""
    for v, size in zip(nest.rows[1:], t.places[1:], strict=True):
        k = _split(k, v, size)
    outer = (*(f"{v}_t" for v in nest.rows[1:]), *nest.around)
    return reorder(k, [*outer, *nest.sums, *nest.places, nest.j]), outer


def _column_tiles(k: Kernel, nest: _Nest, t: Tile, width: int) -> tuple[Kernel, Sequence[str]]:
    """A nest with the loop over tiles of columns outside of what is in the tiles of rows, and that loop."""
    k = split(k, nest.j, t.vectors * width, outer=f"{nest.j}_t", inner=f"{nest.j}_b", tail="mask")
    return reorder(k, [f"{nest.j}_t", *nest.sums, *nest.places, f"{nest.j}_b"]), (f"{nest.j}_t",)


def _vectors(k: Kernel, nest: _Nest, width: int) -> Kernel:
    """A nest with the columns of a tile as vectors."""
    k = split(k, f"{nest.j}_b", width, outer=f"{nest.j}_v", inner=f"{nest.j}_l")
    return reorder(k, [f"{nest.j}_v", f"{nest.j}_l"])


def _in_registers(k: Kernel, nest: _Nest, masked: Sequence[str], beside: Sequence[Sequence[str]]) -> Kernel:
    """The sums of a tile, and what is done with all of them before and after, without jumps or masks."""
    k = unguarded(k, f"{nest.j}_l", "mask")
    for v in reversed(masked):
        k = unguarded(k, f"{v}_i", "clamp")
    for *loops, lanes in (nest.inside, *beside):
        k = vectorise(k, lanes)
        for v in loops:
            k = unroll(k, v)
    return k
