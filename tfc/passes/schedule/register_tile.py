"""Tiles of a product's result in registers: how large, and the steps that make them of a nest of loops.

The nest may reduce over several loops, as those of a convolution do: what is asked of it are rows and columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfc.ir.index import Dim
from tfc.ir.kernel import For, Kernel, walk
from tfc.ir.types import DType

from ..target import Target
from .gemm import rank_of, unguarded
from .loops import merge, reorder, split, unroll, vectorise
from .nest import locate
from .staging import Axis, Outside, stage

VECTORS = 2
"""Vectors in a row of a tile: each element of a that is read is used as often, each vector of b once per row."""
CHAINS = 12
"""Sums that keep the multipliers busy: with fewer each step of a tile waits for the one before."""
FEW_ROWS = 8
"""Rows of a tile where more do not pay."""
OVERHEAD = 0.1
"""What a step of a tile costs beside its multiplications, in these."""


@dataclass(frozen=True)
class Tile:
    """A tile of the result, in elements: rows, and vectors of a width in each."""

    rows: int
    vectors: int
    width: int

    @property
    def columns(self) -> int:
        return self.vectors * self.width


def best_tile(rows: Dim, columns: Dim, dtype: DType, target: Target) -> Tile:
    """The tile by the registers, which hold the sums, the vectors of b and one of a, and by the rows that are known.

    Rows beyond the last one are computed in vain; where their number is not known, a power of two wastes least.
    """
    width = max(1, target.lanes(dtype))
    vectors = min(VECTORS, -(-columns // width)) if isinstance(columns, int) else VECTORS
    most = (target.vector_registers - VECTORS - 2) // VECTORS
    if not isinstance(rows, int):
        return Tile(min(most, FEW_ROWS), vectors, width)

    def cost(r: int) -> float:
        return -(-rows // r) * (max(r * vectors, CHAINS) + OVERHEAD)

    return Tile(min(min(range(most, most // 2, -1), key=cost), rows), vectors, width)


def in_vectors(k: Kernel, j: str, tile: Tile) -> Kernel:
    """A loop over columns as tiles `{j}_t` of vectors `{j}_v` of lanes `{j}_l`."""
    k = split(k, j, tile.columns, outer=f"{j}_t", inner=f"{j}_b", tail="mask")
    return split(k, f"{j}_b", tile.width, outer=f"{j}_v", inner=f"{j}_l")


def inside(k: Kernel, i: str, j: str, over: Sequence[str], outer: Sequence[str] = ()) -> Kernel:
    """The loops of a product with the tile's, over rows `i` and columns `j`, in its reduction's loops."""
    return reorder(k, [*outer, f"{j}_t", *over, i, f"{j}_v", f"{j}_l"])


def layout(k: Kernel, c: str, tile: Tile) -> tuple[Axis, Axis, Axis]:
    """The result's tile as vectors: rows, vectors, lanes."""
    d = rank_of(k, c) - 1
    return Axis(d - 1), Axis(d, step=tile.width), Axis(d, count=tile.width)


@dataclass(frozen=True)
class Nests:
    """A nest over a block of rows that sets a result to zero, that of the product into it, and their tile.

    The loops over rows and columns of both, those of the product's reduction, the name of the tile's registers.
    """

    zero: tuple[str, str]
    rows: str
    columns: str
    over: tuple[str, ...]
    tile: Tile
    registers: str


def from_zeros(k: Kernel, c: str, n: Nests) -> Kernel:
    """The tiles of a nest of zeros and of the product's as one in registers.

    for zi { for zj { c = 0 } }  for i { for j { for k { c add= a * b } } }
    -> for jt { r = 0  for k { for i { for jv { for jl { r add= a * b } } } }  c = r }
    """
    zi, zj = n.zero
    k = in_vectors(in_vectors(k, zj, n.tile), n.columns, n.tile)
    k = inside(inside(k, zi, zj, ()), n.rows, n.columns, n.over)
    k = merge(k, f"{zj}_t", f"{n.columns}_t")
    k = stage(k, c, name=n.registers, at=f"{zj}_t", space="register", layout=layout(k, c, n.tile))
    return unguarded(unguarded(k, f"{zj}_l"), zi)


def without_conditions(k: Kernel, i: str, j: str, columns: Outside = "refuse") -> Kernel:
    """A product's tile without the conditions on rows and columns: what is beyond the last is computed, not stored."""
    return unguarded(unguarded(k, f"{j}_l", columns), i, "clamp")


def without_jumps(k: Kernel, at: str, over: Sequence[str], lanes: Sequence[str]) -> Kernel:
    """The loops of a tile in a loop's body in vectors and unrolled, but those of the reduction: so it is registers."""
    for v in lanes:
        k = vectorise(k, v)
    loops = [s for s in walk(locate(k, at, "unroll").loop.body) if isinstance(s, For)]
    for s in loops:
        if s.kind == "serial" and s.var not in over and isinstance(s.extent, int):
            k = unroll(k, s.var)
    return k
