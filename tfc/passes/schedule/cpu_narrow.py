"""Matrix products with few rows or columns: nothing is packed but, where it pays, the small operand.

Vectors go along the columns, where these fill them; else along the rows or along the depth, whichever lies side by side
in memory. Tiles of the result stay in registers over all of the depth. A tile that reaches beyond the last row or
column computes the last one again and does not store it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tfc.ir.kernel import For, Kernel, walk

from ..target import Target
from .cpu_loops import rows_together
from .gemm import Gemm, along, at_most, dim_of, extent_of, rank_of, row_blocks, unguarded
from .lanes import accumulate_lanes
from .loops import merge, reorder, split, unroll, vectorise
from .staging import Axis, stage

MOST = 3
"""Vectors of columns that are few."""
ROWS = 12
"""Rows of a tile along columns at most: enough chains of additions, and little is wasted on the last block of rows."""
SHORT = 16
"""Columns of a result that what follows takes many rows of at a time, after the whole product, and of which sums along
the depth pay: with more of them each element of a is added to more sums than registers hold."""
CHAINS = 8
"""Sums that hide the latency of an addition."""
WASTE = 1.34
"""How much of the vectors' work along columns may be wasted on lanes beyond the last one."""
DEEP = 8
"""Vectors of depth from which on sums along the depth pay for adding up their lanes."""


def narrow(k: Kernel, g: Gemm, nests: Sequence[str], target: Target) -> Kernel | None:
    """The kernel for few rows or columns; None where both are many, or nothing lies as the forms need it."""
    columns, depth, width = extent_of(k, g.j), extent_of(k, g.k), target.lanes(g.a.dtype)
    if width < 2:
        return None
    if isinstance(columns, int) and columns <= SHORT and isinstance(depth, int) and depth >= DEEP * width:
        # The result takes little room beside the rows that it is made of.
        k, nests = rows_together(k, nests[2:], target), nests[:2]
    rows = extent_of(k, g.i)
    many = not isinstance(rows, int) or rows > ROWS
    if not isinstance(columns, int) or columns > MOST * width:
        if many or not along(g.b, g.j):
            return None
        fit = target.vector_registers > 2 * at_most(k, g.i, ROWS) + 2
        return _along_columns(k, g, nests, 2 if fit else 1, target)
    vectors = -(-columns // width)
    if many and vectors == MOST and columns % width:
        # A tile of two vectors and one of one, on a copy of b that is filled up, waste less and need no masks.
        return None
    if along(g.b, g.j) and vectors * width <= WASTE * columns:
        return _along_columns(k, g, nests, vectors, target)
    if along(g.a, g.i):
        return _along_rows(k, g, nests, columns, target)
    if along(g.a, g.k) and isinstance(depth, int) and depth >= DEEP * width and not (many and columns > SHORT):
        return _along_depth(k, g, nests, columns, target)
    return _along_columns(k, g, nests, vectors, target) if along(g.b, g.j) else None


def _along_columns(k: Kernel, g: Gemm, nests: Sequence[str], vectors: int, target: Target) -> Kernel:
    """for block { r = 0  for k { for i { for j { r[i, j] add= a[min(i, m - 1), k] * b[k, j] } } }  c = r }"""
    width = target.lanes(g.a.dtype)
    rows = at_most(k, g.i, min(ROWS, (target.vector_registers - vectors - 1) // vectors))
    k = _tiled(k, g, nests, rows, vectors * width)
    *_, z, zj = g.zero
    for v in (zj, g.j):
        k = split(k, f"{v}_b", width, outer=f"{v}_v", inner=f"{v}_l")
    d = rank_of(k, g.c) - 1
    layout = (Axis(d - 1), Axis(d, step=width), Axis(d, count=width))
    k = _registers(k, g, (f"{z}_i", f"{zj}_v", f"{zj}_l"), (f"{g.i}_i", f"{g.j}_v", f"{g.j}_l"), layout)
    k = unguarded(unguarded(k, f"{zj}_l"), f"{z}_i")
    k = unguarded(unguarded(k, f"{g.j}_l", "mask"), f"{g.i}_i", "clamp")
    return _in_vectors(k, g, (f"{zj}_l", f"{g.j}_l", f"{g.c}_r_out2"))


def _along_rows(k: Kernel, g: Gemm, nests: Sequence[str], columns: int, target: Target) -> Kernel:
    """for block { r = 0  for k { for j { for i { r[j, i] add= a[k, i] * b[k, min(j, n - 1)] } } }  c = r }"""
    width, registers = target.lanes(g.a.dtype), target.vector_registers
    tile = _tile(columns, registers - 2)
    vectors = at_most(k, g.i, min(-(-CHAINS // tile), max(1, (registers - 1) // (tile + 1))), width)
    k = _tiled(k, g, nests, vectors * width, tile)
    *_, z, zj = g.zero
    for v in (z, g.i):
        k = split(k, f"{v}_i", width, outer=f"{v}_v", inner=f"{v}_l")
    d = rank_of(k, g.c) - 1
    layout = (Axis(d), Axis(d - 1, step=width), Axis(d - 1, count=width))
    k = _registers(k, g, (f"{zj}_b", f"{z}_v", f"{z}_l"), (f"{g.j}_b", f"{g.i}_v", f"{g.i}_l"), layout)
    k = unguarded(unguarded(k, f"{z}_l"), f"{zj}_b")
    k = unguarded(unguarded(k, f"{g.i}_l", "mask"), f"{g.j}_b", "clamp")
    return _in_vectors(k, g, (f"{z}_l", f"{g.i}_l", f"{g.c}_r_out2"))


def _along_depth(k: Kernel, g: Gemm, nests: Sequence[str], columns: int, target: Target) -> Kernel:
    """bt = b transposed  for block { r = 0  for k { for i { for j { r[i, j] add= a[i, k] * bt[j, k] } } }  c = r }"""
    registers = target.vector_registers - 1
    tile = _tile(columns, registers // 2 - 1)
    k = _tiled(k, g, nests, at_most(k, g.i, registers // (tile + 1)), tile)
    *_, z, zj = g.zero
    d = rank_of(k, g.c) - 1
    k = _registers(k, g, (f"{z}_i", f"{zj}_b"), (f"{g.i}_i", f"{g.j}_b"), (Axis(d - 1), Axis(d)))
    k = unguarded(unguarded(k, f"{zj}_b"), f"{z}_i")
    k = unguarded(unguarded(k, f"{g.j}_b", "clamp"), f"{g.i}_i", "clamp")
    if not along(g.b, g.k):
        layout = (Axis(dim_of(g.b, g.j)), Axis(dim_of(g.b, g.k)))
        k = stage(k, g.b.buffer, name=f"{g.c}_bt", around=f"{nests[0]}_o", layout=layout, align=64)
    k = accumulate_lanes(k, g.k, target.lanes(g.a.dtype), name=f"{g.c}_p")
    return _in_vectors(k, g, ())


def _tile(columns: int, most: int) -> int:
    """Columns of a tile: a divisor of all of them, unless that is small."""
    divisor = next(d for d in range(min(columns, most), 0, -1) if columns % d == 0)
    return divisor if 2 * divisor >= min(columns, most) else min(columns, most)


def _tiled(k: Kernel, g: Gemm, nests: Sequence[str], rows: int, columns: int) -> Kernel:
    """Blocks of rows over all nests; the columns of the product and of its zeros in tiles."""
    k = row_blocks(k, nests, rows, "mask")
    for v in (g.zero[-1], g.j):
        k = split(k, v, columns, outer=f"{v}_t", inner=f"{v}_b", tail="mask")
    return k


def _registers(k: Kernel, g: Gemm, zero: Sequence[str], tile: Sequence[str], layout: Sequence[Axis]) -> Kernel:
    """The depth around the loops over a tile, and the tile in registers from its zeros on."""
    first = f"{g.zero[-1]}_t"
    k = reorder(k, [first, *zero])
    k = reorder(k, [f"{g.j}_t", g.k, *tile])
    k = merge(k, first, f"{g.j}_t")
    return stage(k, g.c, name=f"{g.c}_r", at=first, space="register", layout=layout)


def _in_vectors(k: Kernel, g: Gemm, lanes: Sequence[str]) -> Kernel:
    """The loops over a tile without jumps, so that its elements are registers."""
    for v in lanes:
        k = vectorise(k, v)
    *_, z, zj = g.zero
    tile = tuple(f"{v}_{part}" for v in (z, zj, g.i, g.j) for part in "ibvl")
    copies = (f"{g.c}_r_out", f"{g.c}_p_init", f"{g.c}_p_out")
    for s in [s for s in walk(k.body) if isinstance(s, For) and s.kind == "serial"]:
        if s.var.removesuffix("_tail") in tile or s.var.startswith(copies):
            k = unroll(k, s.var)
    return k
