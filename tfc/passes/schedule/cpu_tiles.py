"""Sums over several loops in tiles of registers: the steps that convolutions and windows share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tfc.ir.index import Dim, bounds, subs, symbols_of
from tfc.ir.kernel import Alloc, If, Kernel, walk

from .clip import clip, cut_ends, peel_ends
from .cpu_loops import attempt
from .gemm import extent_of, unguarded
from .loops import merge, reorder, split, unroll, vectorise
from .nest import ScheduleError, accesses, condition_facts, expr_symbols, locate
from .overlap import overlap
from .staging import Axis, stage
from .storage import shrink
from .sums import Sums


@dataclass(frozen=True)
class Tile:
    """A tile in registers: places along each of the last dims but one, and vectors along the last."""

    places: tuple[int, ...]
    vectors: int


@dataclass(frozen=True)
class Nest:
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


def merged(k: Kernel, loops: Sequence[str]) -> Kernel:
    """Sibling loops as one, and each local buffer that only they use cut to what an iteration needs."""
    for v in loops[1:]:
        k = merge(k, loops[0], v)
    for name in [s.buffer.name for s in walk(k.body) if isinstance(s, Alloc)]:
        k = attempt(k, shrink, name, loops[0])
    return k


def resident(k: Kernel, g: Sums, t: Tile, width: int, blocks: Sequence[str]) -> Kernel:
    """for tiles { r = 0  for over { r[tile] add= .. }  c = r }, in loops over rows that stand in the same body.

    The first two of these are the zeros' and the sums', what follows is computed in the same loop over blocks of rows.
    """
    # Unrolled inside of other loops, they would share loads of one factor, and these would not fit into registers.
    over = (*decided(k, g), *(v for v in g.over if v not in decided(k, g)))
    sums, zero = Nest(g.rows[-2:], g.around, g.j, over), Nest(g.zero_rows[-2:], (), g.zero_j)
    sums = replace(sums, single=tuple(v for v, p in zip(sums.rows, t.places, strict=True) if p == 1))
    extents, deciding, ends = [extent_of(k, v) for v in (*sums.rows, g.j)], decided(k, g), cuts(k, g)
    for v in blocks:
        k = split_rows(k, v, t.places[0])
    k = merged(k, [f"{v}_t" for v in blocks])
    for v in g.around:
        zero = replace(zero, around=(f"{g.zero_j}_{v}",), j=f"{g.zero_j}_{g.j}")
        k = split(k, g.zero_j, _static(extents[-1]), outer=zero.around[0], inner=zero.j)
    for tiled in (row_tiles, column_tiles):
        k, first = tiled(k, zero, t, width)
        k, second = tiled(k, sums, t, width)
        for z, v in zip(first, second, strict=True):
            k = merge(k, z, v)
    for z, extent, size in zip((*zero.rows, zero.j), extents, (*t.places, t.vectors * width), strict=True):
        if isinstance(extent, int) and extent > size and extent % size:
            k = overlap(k, f"{z}_t", extent, size)
    k = vectors(vectors(k, zero, width), sums, width)
    axes = layout(k, g, sums, width)
    k = stage(k, g.c, name=f"{g.c}_r", at=f"{zero.j}_t", space="register", layout=axes)
    for v in (f"{zero.j}_l", *(f"{z}_i" for z in reversed(zero.rows))):
        k = unguarded(k, v)
    masked = [v for v, extent in zip(sums.rows, extents, strict=False) if not isinstance(extent, int)]
    k = in_registers(k, sums, masked, (zero.inside, copying(g, "out", axes)))
    return without_conditions(k, g.over, deciding, f"{zero.rows[-1]}_t", ends)


def copying(g: Sums, way: str, layout: Sequence[Axis]) -> list[str]:
    """The loops that fill the registers of a tile or empty them."""
    return [f"{g.c}_r_{way}{n}" for n in range(len(layout))]


def _static(extent: Dim) -> int:
    if isinstance(extent, int):
        return extent
    raise ScheduleError("conv", str(extent), "a group of channels has no fixed size")


def layout(k: Kernel, g: Sums, nest: Nest, width: int) -> tuple[Axis, ...]:
    """The places and the vectors of a tile, by the dims of c that their loops go along."""
    (at,) = [a.index for a in accesses(locate(k, nest.inside[-1], "conv").loop.body) if a.buffer == g.c]
    rows = [d for v in nest.rows for d, x in enumerate(at) if f"{v}_i" in symbols_of(x)]
    return (*map(Axis, rows), Axis(len(at) - 1, step=width), Axis(len(at) - 1, count=width))


def split_rows(k: Kernel, v: str, size: int) -> Kernel:
    return split(k, v, size, outer=f"{v}_t", inner=f"{v}_i", tail="mask")


def row_tiles(k: Kernel, nest: Nest, t: Tile, width: int) -> tuple[Kernel, Sequence[str]]:
    """A nest, in which the first rows are split, with the loops over tiles of the others outermost, and these."""
    for v, size in zip(nest.rows[1:], t.places[1:], strict=True):
        k = split_rows(k, v, size)
    outer = (*(f"{v}_t" for v in nest.rows[1:]), *nest.around)
    return reorder(k, [*outer, *nest.sums, *nest.places, nest.j]), outer


def column_tiles(k: Kernel, nest: Nest, t: Tile, width: int) -> tuple[Kernel, Sequence[str]]:
    """A nest with the loop over tiles of columns outside of what is in the tiles of rows, and that loop."""
    k = split(k, nest.j, t.vectors * width, outer=f"{nest.j}_t", inner=f"{nest.j}_b", tail="mask")
    return reorder(k, [f"{nest.j}_t", *nest.sums, *nest.places, f"{nest.j}_b"]), (f"{nest.j}_t",)


def vectors(k: Kernel, nest: Nest, width: int) -> Kernel:
    """A nest with the columns of a tile as vectors."""
    k = split(k, f"{nest.j}_b", width, outer=f"{nest.j}_v", inner=f"{nest.j}_l")
    return reorder(k, [f"{nest.j}_v", f"{nest.j}_l"])


def in_registers(k: Kernel, nest: Nest, masked: Sequence[str], beside: Sequence[Sequence[str]]) -> Kernel:
    """The sums of a tile, and what is done with all of them before and after, without jumps or masks."""
    k = unguarded(k, f"{nest.j}_l", "mask")
    for v in reversed(masked):
        k = unguarded(k, f"{v}_i", "clamp")
    for *loops, lanes in (nest.inside, *beside):
        k = vectorise(k, lanes)
        for v in loops:
            k = unroll(k, v)
    return k


def partners(g: Sums, row: str) -> set[str]:
    """The loops of the sums that a condition names beside a row."""
    return {v for guard in g.guards if row in guard for v in g.over if v in guard}


def stands_alone(k: Kernel, g: Sums, row: str) -> bool:
    """Whether a tile is one place wide along a row, so that conditions on it are bounds of loops inside.

    Along the last row they may stay in the tile, where the few iterations of a loop beside it decide them.
    """
    if not any(row in guard for guard in g.guards):
        return False
    return row != g.rows[-1] or not (_is_few(k, g) or cuts(k, g))


def _is_few(k: Kernel, g: Sums) -> bool:
    """Whether the loops beside the last row are shorter than it."""
    own, beside = extent_of(k, g.rows[-1]), [extent_of(k, v) for v in partners(g, g.rows[-1])]
    return isinstance(own, int) and all(isinstance(e, int) and e <= own for e in beside)


def cuts(k: Kernel, g: Sums) -> dict[str, tuple[int, int]]:
    """Iterations at both ends of the loop beside the last row outside of which its conditions hold all along the row.

    They are cut off where there is no other row to tile.
    """
    row, beside = g.rows[-1], sorted(partners(g, g.rows[-1]))
    others = [v for v in g.rows[-2:-1] if not any(v in guard for guard in g.guards)]
    own, v = extent_of(k, row), beside[0] if len(beside) == 1 else ""
    if others or not v or v == g.over[0] or not isinstance(own, int) or _is_few(k, g):
        return {}
    facts = [
        fact
        for s in walk(locate(k, g.j, "conv").loop.body)
        if isinstance(s, If) and row in expr_symbols(s.condition)
        for fact in condition_facts(s.condition)
    ]
    count = extent_of(k, v)
    holds = [
        all((low := bounds(subs(f, {v: at}), {row: (0, own - 1)})[0]) is not None and low >= 0 for f in facts)
        for at in range(count if isinstance(count, int) else 0)
    ]
    if True not in holds:
        return {}
    return {v: (holds.index(True), holds[::-1].index(True))}


def decided(k: Kernel, g: Sums) -> tuple[str, ...]:
    """The loops of the sums whose iterations decide the conditions that stay in a tile."""
    row = g.rows[-1]
    return () if stands_alone(k, g, row) or not _is_few(k, g) else tuple(sorted(partners(g, row)))


def without_conditions(
    k: Kernel, over: Sequence[str], deciding: Sequence[str], tiles: str, ends: Mapping[str, tuple[int, int]]
) -> Kernel:
    """Conditions as bounds of the loops of the sums, or decided in what is unrolled at the ends of a row."""
    for v in over:
        if isinstance(locate(k, v, "conv").loop.body[0], If):
            k = clip(k, v)
    for v, (before, after) in ends.items():
        k = cut_ends(k, v, before, after)
    if not deciding:
        return k
    parts: tuple[str, ...] = ("",)
    if extent_of(k, tiles) != 1:
        parts = ("_first", "_last")
        k = peel_ends(k, tiles, first=parts[0], last=parts[1])
    for v in deciding:
        for part in parts:
            k = unroll(k, f"{v}{part}")
    return k
