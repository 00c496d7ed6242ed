"""Convolutions: sums over several loops in a tile of registers, the elements of both factors read where they stand.

Vectors go along the last dim of the result, which lies side by side in one factor at least. The other factor is read
one element at a time for a whole vector. A tile is some places of the last one or two other dims of the result by some
vectors; all it adds up stays in registers. Tiles that do not divide a dim overlap.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from tfc.ir.expr import Load
from tfc.ir.index import Dim, bounds, floordiv, mod, product, symbols_of
from tfc.ir.kernel import Body, For, Kernel, Store

from ..target import Target
from .cpu_loops import merge_siblings, near
from .cpu_tiles import (
    Nest,
    Tile,
    column_tiles,
    copying,
    cuts,
    decided,
    in_registers,
    layout,
    merged,
    resident,
    row_tiles,
    split_rows,
    stands_alone,
    vectors,
    without_conditions,
)
from .gemm import extent_of
from .loops import reorder, split, unroll
from .nest import ScheduleError, buffer_table, locate, perfect_nest
from .staging import stage
from .sums import Sums, windows_of


def is_conv(k: Kernel, g: Sums, target: Target) -> bool:
    """Whether a sum is no matrix product, or one of many rows of two dims and more with a matrix that a cache holds."""
    if len(g.over) != 1:
        return len(g.over) > 1
    size = product(buffer_table(k)[g.loads[1].buffer].shape) * g.loads[1].dtype.size
    shared = len(g.rows) > 1 and not symbols_of(*g.loads[1].index) & set(g.rows)
    # A tile of places takes some of both last dims, of which the run may have one.
    known = all(isinstance(extent_of(k, v), int) for v in g.rows[-2:])
    return shared and known and isinstance(size, int) and size <= target.l2 // 2


LATENCY = 10
"""Multiplications that start before the first of them has ended: sums that a tile needs to keep the machine busy."""
LOAD = 0.15
"""What a load costs that there is time for: of tiles of equal work the one that reads less is better."""
STEPS = 64
"""Steps of a sum that are worth a tile's way into registers and back."""
TAPS = 16
"""Elements of a window that are taken one by one in the code."""
MOST = 4
"""Vectors of a tile along the last dim at most."""


def tile_for(extents: Sequence[Dim], columns: Dim, width: int, registers: int) -> Tile:
    """The tile with the least time, by a count of its multiplications and loads, over all of the result."""
    across = -(-columns // width) if isinstance(columns, int) else MOST

    def time(t: Tile) -> tuple[float, int]:
        count = math.prod(t.places)
        loads = count + t.vectors
        step = max(count * t.vectors, loads, LATENCY) + 1 + loads * LOAD
        tiles: float = -(-across // t.vectors)
        # A dim of unknown length is taken as a large one.
        tiles *= math.prod(-(-e // p) if isinstance(e, int) else 1 / p for e, p in zip(extents, t.places, strict=True))
        return tiles * step, -t.places[-1]

    found = [
        Tile(places, v)
        for v in range(1, min(across, MOST) + 1)
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
    width = _width(k, g, target)
    rows = [1 if _is_narrow(k, g, v) else extent_of(k, v) for v in g.rows[-2:]]
    t = tile_for(rows, extent_of(k, g.j), width, target.vector_registers)
    steps = product(extent_of(k, v) for v in g.over)
    if not isinstance(steps, int) or steps * t.vectors * target.vector_bytes > target.l2:
        return _chunked(k, g, t, target)
    if _exceeds(k, g.loads[1], target.l2 // 2):
        k, g = _columns_first(k, g, t.vectors * width)
    return _all(k, g, t, width)


def _exceeds(k: Kernel, load: Load, most: int) -> bool:
    size = product(buffer_table(k)[load.buffer].shape) * load.dtype.size
    return isinstance(size, int) and size > most


def _columns_first(k: Kernel, g: Sums, columns: int) -> tuple[Kernel, Sums]:
    """Blocks of columns outside of all rows, so that a cache holds what of the second factor one of them reads.

    for i < n { for j < 64 { c[i, j] = .. } }  ->  for jo < 2 { for i < n { for j < 32 { c[i, j + 32*jo] = .. } } }
    """
    nests = [perfect_nest(locate(k, v, "conv").loop) for v in _loops_in(k, ())]
    lasts = [g.zero_j, g.j, *(nest[-1].var for nest in nests[2:])]
    plain = all(isinstance(s, Store) for nest in nests[2:] for s in nest[-1].body)
    if g.around or not plain or len(g.rows) < 2 or any(mod(extent_of(k, v), columns) != 0 for v in lasts):
        return k, g
    if any(extent_of(k, v) in (columns, 1) or extent_of(k, v) != extent_of(k, g.j) for v in lasts):
        return k, g
    for v, nest in zip(lasts, nests, strict=True):
        k = split(k, v, columns, outer=f"{v}_o", inner=f"{v}_p")
        k = reorder(k, [f"{v}_o", *(loop.var if loop.var != v else f"{v}_p" for loop in nest)])
    rows, zero_rows = (f"{g.j}_o", *g.rows), (f"{g.zero_j}_o", *g.zero_rows)
    return k, replace(g, rows=rows, zero_rows=zero_rows, j=f"{g.j}_p", zero_j=f"{g.zero_j}_p")


def _is_narrow(k: Kernel, g: Sums, row: str) -> bool:
    """Whether a tile is one place along a row: where conditions say so, or all but the last may be few."""
    return stands_alone(k, g, row) or (row != g.rows[-1] and not isinstance(extent_of(k, row), int))


def _width(k: Kernel, g: Sums, target: Target) -> int:
    return target.lanes(buffer_table(k)[g.c].dtype)


def _chunk(k: Kernel, g: Sums, target: Target) -> tuple[int, int]:
    """A loop of the sums and how many of its iterations read no more than a cache holds, those before it standing."""
    inner = len(g.over) - 1
    for n in (n for n, v in enumerate(g.over) if v not in decided(k, g)):
        size = _bytes_read(k, g, g.over[: n + 1])
        if size is not None and (size <= target.l2 // 8 or n + 1 >= inner):
            return n, max(STEPS if n == inner else 1, target.l2 // 8 // size)
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


def pool(k: Kernel, g: Sums, target: Target) -> Kernel:
    """Windows put together, and what follows in the same loops over rows."""
    outer = g.zero_rows[:-2]
    for depth in range(len(outer)):
        k = merged(k, _loops_in(k, outer[:depth]))
    blocks = _loops_in(k, outer)
    k = windows(k, g, _width(k, g, target), blocks)
    return near(merge_siblings(k, [f"{v}_i" for v in blocks[2:]]))


def _all(k: Kernel, g: Sums, t: Tile, width: int) -> Kernel:
    """All nests in the same loops over rows; pools that follow beside the rows that they take."""
    outer = g.zero_rows[:-2]
    for depth in range(len(outer)):
        k = merged(k, _loops_in(k, outer[:depth]))
    k, g, blocks, pools = _with_pools(k, g, _loops_in(k, outer))
    if mod(extent_of(k, blocks[0]), t.places[0]) != 0 and pools:
        t = replace(t, places=(1, *t.places[1:]))
    k = resident(k, g, t, width, blocks)
    k = near(merge_siblings(k, [f"{v}_i" for v in blocks[2:]]))
    for pool in pools:
        k = windows(k, pool, width, (pool.zero_rows[0], pool.rows[0]))
    return k


def _with_pools(k: Kernel, g: Sums, blocks: Sequence[str]) -> tuple[Kernel, Sums, Sequence[str], list[Sums]]:
    """Nests over rows that put windows of several rows together in one loop with as many rows of what they take.

    for i < 28 { c[i] = .. }  for p < 14 { y[p] = -inf }  for q < 14 { y[q] max= c[2*q] .. }
    -> for p < 14 { for i < 2 { c[i + 2*p] = .. }  y[p] = -inf  y[p] max= c[2*p] .. }
    """
    rows = extent_of(k, blocks[0])
    fine, coarse = ([v for v in blocks if (extent_of(k, v) == rows) == same] for same in (True, False))
    nests = [locate(k, v, "conv").loop for v in coarse]
    pools = [windows_of(*pair) for pair in pairwise(nests)]
    counts = {nest.extent for nest in nests}
    count = next(iter(counts), 0)
    each = floordiv(rows, count) if len(counts) == 1 and count != 0 and mod(rows, count) == 0 else None
    if not isinstance(each, int):
        return k, g, fine, []
    new = k
    try:
        for v in fine:
            new = split(new, v, each, outer=f"{v}_p", inner=f"{v}_q")
        new = merged(new, [*(f"{v}_p" for v in fine), *coarse])
    except ScheduleError:
        return k, g, fine, []
    found = [_below(p) for p in pools if p is not None and len(p.rows) > 1]
    return new, _renamed(g, "_q"), [f"{v}_q" for v in fine], found


def _renamed(g: Sums, suffix: str) -> Sums:
    """The sums with another name for the first of the rows that are tiled."""
    at = max(0, len(g.rows) - 2)
    old = g.rows[at]
    rows, zero = (tuple(v + suffix if n == at else v for n, v in enumerate(r)) for r in (g.rows, g.zero_rows))
    guards = tuple(frozenset(v + suffix if v == old else v for v in guard) for guard in g.guards)
    return replace(g, rows=rows, zero_rows=zero, guards=guards)


def _below(g: Sums) -> Sums:
    """The sums of one row."""
    return replace(g, rows=g.rows[1:], zero_rows=g.zero_rows[1:])


def windows(k: Kernel, g: Sums, width: int, blocks: Sequence[str]) -> Kernel:
    """What windows are put together to, vector by vector, in registers; small windows unrolled."""
    columns, taps = extent_of(k, g.j), product(extent_of(k, v) for v in g.over)
    t = Tile((1,) * len(g.rows[-2:]), min(MOST, -(-columns // width) if isinstance(columns, int) else MOST))
    k = resident(k, g, t, width, blocks)
    if isinstance(taps, int) and taps <= TAPS:
        for v in g.over:
            k = unroll(k, v)
    return k


def _chunked(k: Kernel, g: Sums, t: Tile, target: Target) -> Kernel:
    """c = 0  for chunks { for tiles { r = 0  for over { r[tile] add= a * b }  c add= r } }"""
    width, (n, count) = _width(k, g, target), _chunk(k, g, target)
    first = g.over[n]
    deciding, ends = decided(k, g), cuts(k, g)
    masked = [v for v, p in zip(g.rows[-2:], t.places, strict=True) if mod(extent_of(k, v), p) != 0]
    k = split(k, first, count, outer=f"{first}_c", inner=f"{first}_k", tail="short")
    nest = Nest(g.rows[-2:], g.around, g.j, (f"{first}_k", *g.over[n + 1 :]))
    nest = replace(nest, single=tuple(v for v, p in zip(nest.rows, t.places, strict=True) if p == 1))
    k = reorder(k, [*g.over[:n], f"{first}_c", *g.rows, *g.around, g.j, *nest.over])
    k = split_rows(k, nest.rows[0], t.places[0])
    k, _ = row_tiles(k, nest, t, width)
    k, _ = column_tiles(k, nest, t, width)
    k = vectors(k, nest, width)
    axes = layout(k, g, nest, width)
    k = stage(k, g.c, name=f"{g.c}_r", around=nest.over[0], space="register", fresh=True, layout=axes)
    k = in_registers(k, nest, masked, [copying(g, way, axes) for way in ("in", "out")])
    return without_conditions(k, nest.over, deciding, f"{nest.rows[-1]}_t", ends)


def _loops_in(k: Kernel, around: Sequence[str]) -> list[str]:
    """The loops that stand side by side in a loop, the last of those given, or in the kernel."""
    body: Body = locate(k, around[-1], "conv").loop.body if around else k.body
    return [s.var for s in body if isinstance(s, For)]
