"""Matrix products of any size: b in panels that are read in order, tiles of the result in registers.

A tile takes the whole depth at once where b is small enough to stay near. Then every element of the result is written
once, and what follows is done row by row while a block of rows is near. The elements of a are read where they stand,
one at a time for a whole vector: packing them costs more than it saves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tfc.ir.index import Dim, floordiv, symbols_of
from tfc.ir.kernel import Kernel

from ..target import Target
from .cpu_loops import merge_siblings, near
from .gemm import Gemm, along, dim_of, extent_of, merge_all
from .loops import Tail, cut, distribute, split
from .register_tile import (
    FEW_ROWS,
    Nests,
    Tile,
    best_tile,
    from_zeros,
    in_vectors,
    inside,
    layout,
    without_conditions,
    without_jumps,
)
from .staging import Axis, stage

DEPTH = 2048
"""Steps of a tile at most."""
LINE = 64
"""Bytes of a line of the caches."""
OFTEN = 4
"""Tiles side by side that read a block of a's rows often."""
MANY = 20
"""Vectors of columns from which on one more or less does not count."""
FEW = 2
"""Blocks of rows for which packing b does not pay."""


def packed(k: Kernel, g: Gemm, nests: Sequence[str], target: Target) -> Kernel:
    tile = best_tile(extent_of(k, g.i), extent_of(k, g.j), g.a.dtype, target)
    depth = _depth(k, g, target)
    copied = _copy_pays(k, g, tile, depth, target)
    if depth is None:
        return _whole(k, g, nests, tile, pack=_pays(k, g, tile, target), copied=copied)
    # Rows of a and of the result are read from memory here, and the prefetchers follow so many of them.
    return _in_chunks(k, g, nests, replace(tile, rows=min(tile.rows, FEW_ROWS)), depth, copied=copied)


def _depth(k: Kernel, g: Gemm, target: Target) -> int | None:
    """Steps after which a tile is added to the result; None for all of them at once, as where sizes are not known."""
    depth, columns = extent_of(k, g.k), extent_of(k, g.j)
    if not isinstance(depth, int):
        return None
    room = target.l3 // 8 // g.b.dtype.size
    most = min(DEPTH, max(1, DEPTH // 8, room // columns)) if isinstance(columns, int) else DEPTH
    if depth <= most:
        return None
    return -(-depth // -(-depth // most))


def _pays(k: Kernel, g: Gemm, tile: Tile, target: Target) -> bool:
    """Whether b is worth packing: it is not where its rows are vectors and it is seldom read, or near anyway."""
    rows, columns, depth = (extent_of(k, v) for v in (g.i, g.j, g.k))
    few = isinstance(rows, int) and rows <= FEW * tile.rows
    small = isinstance(depth, int) and isinstance(columns, int) and depth * columns * g.b.dtype.size <= target.l2 // 4
    # Loads under a mask are slow where the target has no masks at no cost.
    last = tile.columns if isinstance(columns, int) and columns >= MANY * tile.width else tile.width
    whole = target.masks or (isinstance(columns, int) and columns % last == 0)
    return not (along(g.b, g.j) and (few or (small and whole)))


def _copy_pays(k: Kernel, g: Gemm, tile: Tile, depth: int | None, target: Target) -> bool:
    """Whether a block of a's rows is worth copying: where it is columns in memory, one to a line, and often read."""
    columns, steps = extent_of(k, g.j), extent_of(k, g.k) if depth is None else depth
    many = not isinstance(columns, int) or columns > OFTEN * tile.columns
    return along(g.a, g.i) and many and not (isinstance(steps, int) and steps * LINE <= target.l1 // 2)


def _whole(k: Kernel, g: Gemm, nests: Sequence[str], tile: Tile, *, pack: bool, copied: bool) -> Kernel:
    """pack b  for block { for jt { r = 0  for k { r add= a * b }  c = r } .. }"""
    columns = extent_of(k, g.j)
    k, parts = _parts(k, g, tile)
    rows = [*(n.zero[0] for n in parts), *(n.rows for n in parts)]
    for v in (*rows, *nests[2:]):
        tail: Tail = "mask" if v in rows else "short"
        k = split(k, v, tile.rows, outer=f"{v}_o", inner=f"{v}_i", tail=tail)
    k = merge_all(k, [f"{v}_o" for v in (*rows, *nests[2:])])
    parts = [replace(n, zero=(f"{n.zero[0]}_i", n.zero[1]), rows=f"{n.rows}_i") for n in parts]
    for n in parts:
        k = from_zeros(k, g.c, n)
    if pack:
        same = g.batch and not symbols_of(*g.b.index) & set(g.batch)
        k = _pack(k, g, tile, around=g.zero[0] if same else f"{nests[0]}_o")
    k = _copy(k, g, f"{nests[0]}_o") if copied else k
    for n in parts:
        k = without_conditions(k, n.rows, n.columns, "mask")
        k = without_jumps(k, f"{n.zero[1]}_t", n.over, (f"{n.zero[1]}_l", f"{n.columns}_l", f"{n.registers}_out2"))
    k = _pack_whole_vectors(k, g, tile, columns) if pack else k
    return near(merge_siblings(k, [f"{v}_i" for v in nests[2:]]))


def _parts(k: Kernel, g: Gemm, tile: Tile) -> tuple[Kernel, list[Nests]]:
    """The nests of zeros and of the product, in two parts where the last tile of columns would be one vector of two."""
    *_, zi, zj = g.zero
    whole = Nests((zi, zj), g.i, g.j, (g.k,), tile, f"{g.c}_r")
    columns = extent_of(k, g.j)
    vectors = -(-columns // tile.width) if isinstance(columns, int) else 0
    if not tile.vectors < vectors < MANY or vectors % tile.vectors != 1:
        return k, [whole]
    end = (vectors - 1) * tile.width
    for i, j in ((zi, zj), (g.i, g.j)):
        k = distribute(cut(k, j, end), i, 1, second=f"{i}_tail")
    zero, over = (f"{zi}_tail", f"{zj}_tail"), (f"{g.k}_tail",)
    last = Nests(zero, f"{g.i}_tail", f"{g.j}_tail", over, replace(tile, vectors=1), f"{g.c}_r_tail")
    return k, [whole, last]


def _in_chunks(k: Kernel, g: Gemm, nests: Sequence[str], tile: Tile, depth: int, *, copied: bool) -> Kernel:
    """c = 0  for kc { pack b  for block { for jt { r = 0  for kk { r add= a * b }  c add= r } } }  .."""
    i, j, r, columns = f"{g.i}_i", g.j, f"{g.c}_r", extent_of(k, g.j)
    k = split(k, g.k, depth, outer=f"{g.k}_c", inner=f"{g.k}_k", tail="short")
    k = split(k, g.i, tile.rows, outer=f"{g.i}_o", inner=i, tail="mask")
    k = in_vectors(k, j, tile)
    k = inside(k, i, j, [f"{g.k}_k"], outer=[f"{g.k}_c", f"{g.i}_o"])
    k = stage(k, g.c, name=r, around=f"{g.k}_k", space="register", fresh=True, layout=layout(k, g.c, tile))
    k = _pack(k, g, tile, at=f"{g.k}_c")
    k = _copy(k, g, f"{g.i}_o") if copied else k
    k = without_conditions(k, i, j)
    k = without_jumps(k, f"{j}_t", [f"{g.k}_k"], (f"{j}_l", f"{r}_in2", f"{r}_out2"))
    k = _pack_whole_vectors(k, g, tile, columns)
    return near(merge_siblings(k, nests[2:]))


def _pack(k: Kernel, g: Gemm, tile: Tile, *, at: str | None = None, around: str | None = None) -> Kernel:
    """b in panels of a tile's columns, filled up with zeros."""
    j = dim_of(g.b, g.j)
    panels = (Axis(j, step=tile.columns), Axis(dim_of(g.b, g.k)), Axis(j, count=tile.columns))
    return stage(k, g.b.buffer, name=f"{g.c}_b", at=at, around=around, layout=panels, fill=0.0, align=64)


def _copy(k: Kernel, g: Gemm, at: str) -> Kernel:
    """The columns of a in a block of its rows side by side."""
    columns = (Axis(dim_of(g.a, g.k)), Axis(dim_of(g.a, g.i)))
    return stage(k, g.a.buffer, name=f"{g.c}_a", at=at, layout=columns, fill=0.0, align=64)


def _pack_whole_vectors(k: Kernel, g: Gemm, tile: Tile, columns: Dim) -> Kernel:
    """The copy of b with conditions in the last panel only, and there none on columns whose number is known."""
    k = cut(k, f"{g.c}_b_in0", floordiv(columns, tile.columns))
    rest = columns % tile.columns if isinstance(columns, int) else 0
    return cut(k, f"{g.c}_b_in2_tail", rest, suffix="_fill") if rest else k
