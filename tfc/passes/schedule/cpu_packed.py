"""Matrix products of any size: panels of b, which the nearest cache holds, packed and streamed by tiles in registers.

The elements of a are read where they stand, one at a time for a whole vector: packing them costs more than it saves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tfc.ir.kernel import Kernel

from ..target import Target
from .cpu_loops import merge_siblings, near
from .gemm import Gemm, at_most, dim_of, rank_of, row_blocks, unguarded
from .loops import reorder, split, unroll, vectorise
from .staging import Axis, stage

DEPTH = 256
"""Depth of a panel: it leaves room in the nearest cache."""


@dataclass(frozen=True)
class Tiles:
    """How a product is cut, in elements: the tile in registers, and the block of rows that a cache holds."""

    rows: int
    vectors: int
    width: int
    row_block: int

    @property
    def columns(self) -> int:
        return self.vectors * self.width


def tiles_for(dtype_size: int, target: Target) -> Tiles:
    """Sizes by the registers, which hold the sums, the vectors of b and one of a, and by the caches."""
    width = max(1, target.vector_bytes // dtype_size)
    vectors = 2
    rows = (target.vector_registers - vectors - 2) // vectors
    row_block = max(1, target.l2 // 2 // (DEPTH * dtype_size) // rows) * rows
    return Tiles(rows, vectors, width, row_block)


def packed(k: Kernel, g: Gemm, nests: Sequence[str], target: Target) -> Kernel:
    """for block { for jt { for kc { pack b  for ir { r = 0  for kk { r add= a * b }  c add= r } } } }"""
    t = tiles_for(g.a.dtype.size, target)
    t = replace(t, rows=at_most(k, g.i, t.rows), vectors=at_most(k, g.j, t.vectors, t.width))
    k = row_blocks(k, nests, at_most(k, g.i, t.row_block // t.rows, t.rows) * t.rows, "short")
    i, j = f"{g.i}_i", g.j
    k = split(k, i, t.rows, outer=f"{i}r", inner=f"{i}i", tail="mask")
    k = split(k, j, t.columns, outer=f"{j}_t", inner=f"{j}_b", tail="mask")
    k = split(k, f"{j}_b", t.width, outer=f"{j}_v", inner=f"{j}_l")
    k = split(k, g.k, DEPTH, outer=f"{g.k}_c", inner=f"{g.k}_k", tail="short")
    k = reorder(k, [f"{j}_t", f"{g.k}_c", f"{i}r", f"{g.k}_k", f"{i}i", f"{j}_v", f"{j}_l"])
    d = rank_of(k, g.c) - 1
    layout = (Axis(d - 1), Axis(d, step=t.width), Axis(d, count=t.width))
    k = stage(k, g.c, name=f"{g.c}_r", around=f"{g.k}_k", space="register", fresh=True, layout=layout)
    # Whole tiles, also where there are fewer columns: the first dim is of one tile.
    panel = (Axis(dim_of(g.b, j), step=t.columns), Axis(dim_of(g.b, g.k)), Axis(dim_of(g.b, j), count=t.columns))
    k = stage(k, g.b.buffer, name=f"{g.c}_b", at=f"{g.k}_c", layout=panel, fill=0.0, align=64)
    k = unguarded(unguarded(k, f"{j}_l"), f"{i}i", "clamp")
    for v in (f"{j}_l", f"{g.c}_r_in2", f"{g.c}_r_out2"):
        k = vectorise(k, v)
    for v in (f"{i}i", f"{j}_v", *(f"{g.c}_r_{way}{n}" for way in ("in", "out") for n in (0, 1))):
        k = unroll(k, v)
    return near(merge_siblings(k, [f"{v}_i" for v in nests[2:]]))
