"""Matrix products for the CPU, with what follows them in the same block of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfc.ir.expr import Expr, Load, Prim
from tfc.ir.index import Dim, Index, linear_in, symbols_of
from tfc.ir.kernel import Accumulate, Alloc, Body, For, If, Kernel, Store, walk

from ..target import Target
from .cpu_loops import merge_siblings, near
from .loops import Tail, merge, reorder, split, unroll, vectorise
from .nest import locate
from .staging import Axis, Outside, stage, unguard
from .storage import shrink


@dataclass(frozen=True)
class Gemm:
    """The product in a kernel: `c[.., i, j] add= a * b` over `k`, and the nest before it that sets c to zero."""

    c: str
    a: Load
    b: Load
    batch: tuple[str, ...]
    i: str
    j: str
    k: str
    zero: tuple[str, ...]
    """The loops of the nest that sets c to zero: batch, row, column."""


@dataclass(frozen=True)
class Tiles:
    """How a product is cut, in elements: a tile in registers, and the blocks of the packed form that caches hold."""

    rows: int
    vectors: int
    width: int
    row_block: int
    depth_block: int
    column_block: int

    @property
    def columns(self) -> int:
        return self.vectors * self.width


NARROW = 3
"""Vectors of columns up to which a product is computed without packing."""
NARROW_ROWS = 12
"""Rows of such a tile at most: enough chains of additions, and little is wasted on the last block of rows."""
DEPTH = 256
"""Depth of a packed block: two panels of it leave room in the nearest cache."""


def tiles_for(columns: Dim, dtype_size: int, target: Target) -> Tiles:
    """Tile sizes by the registers and caches: sums, the vectors of b and one of a fill the registers."""
    width = target.vector_bytes // dtype_size
    narrow = isinstance(columns, int) and columns <= NARROW * width
    vectors = max(1, -(-columns // width)) if narrow and isinstance(columns, int) else 2
    rows = (target.vector_registers - vectors - 2) // vectors
    if narrow:
        rows = min(rows, NARROW_ROWS)
    tile = vectors * width
    row_block = max(1, target.l2 // 2 // (DEPTH * dtype_size) // rows) * rows
    column_block = max(1, target.l3 // 4 // (DEPTH * dtype_size) // tile) * tile
    return Tiles(rows, vectors, width, row_block, DEPTH, column_block)


def find_gemm(k: Kernel) -> Gemm | None:
    """The matrix product that a kernel begins with; None where there is none, or one of its dims is 1."""
    nests = [s for s in k.body if isinstance(s, For)]
    if len(nests) < 2 or any(not isinstance(s, (For, Alloc)) for s in k.body):
        return None
    zero, product = _chain(nests[0]), _chain(nests[1])
    match zero[-1].body, product[-1].body:
        case (Store(buffer=c),), (
            Accumulate(buffer=same, index=at, combiner="add", value=Prim(op="mul", args=(left, right))),
        ) if c == same and len(at) >= 2 and len(zero) == len(at) == len(product) - 1:
            a, b = _factor(left), _factor(right)
        case _:
            return None
    *batch, i, j, over = (loop.var for loop in product)
    if a is None or b is None or at != tuple(Index.symbol(v) for v in (*batch, i, j)):
        return None
    of_a, of_b = symbols_of(*a.index), symbols_of(*b.index)
    if j in of_a or i in of_b or not {i, over} <= of_a or not {j, over} <= of_b:
        return None
    return Gemm(c, a, b, tuple(batch), i, j, over, tuple(loop.var for loop in zero))


def _chain(loop: For) -> list[For]:
    chain = [loop]
    while len(chain[-1].body) == 1 and isinstance(inner := chain[-1].body[0], For):
        chain.append(inner)
    return chain


def _factor(e: Expr) -> Load | None:
    """The element that a factor is, cast or not."""
    inner = e.args[0] if isinstance(e, Prim) and e.op == "cast" else e
    return inner if isinstance(inner, Load) else None


def schedule_gemm(k: Kernel, g: Gemm, target: Target) -> Kernel:
    """Rows in blocks, in each block all columns of the product in tiles of registers, then what follows."""
    tiles = tiles_for(locate(k, g.j, "gemm").loop.extent, g.a.dtype.size, target)
    for depth in range(len(g.batch)):
        k = _merge_all(k, _siblings(k, g, depth))
    nests = _siblings(k, g, len(g.batch))
    form = _narrow if tiles.vectors * tiles.width >= _extent(k, g.j) and _along(g.b, g.j) else _packed
    return form(k, g, tiles, nests)


def _extent(k: Kernel, var: str) -> float:
    extent = locate(k, var, "gemm").loop.extent
    return extent if isinstance(extent, int) else float("inf")


def _along(load: Load, var: str) -> bool:
    """Whether a loop goes along the last dim of an operand."""
    form = linear_in(load.index[-1], var)
    return form is not None and form[0] == 1


def _siblings(k: Kernel, g: Gemm, depth: int) -> list[str]:
    """The loops of all nests at a depth, once those above are merged."""
    body: Body = k.body if depth == 0 else locate(k, g.zero[depth - 1], "gemm").loop.body
    return [s.var for s in body if isinstance(s, For)]


def _merge_all(k: Kernel, loops: Sequence[str]) -> Kernel:
    """Sibling loops as one, and each local buffer cut to what an iteration needs."""
    for v in loops[1:]:
        k = merge(k, loops[0], v)
    for name in [s.buffer.name for s in walk(k.body) if isinstance(s, Alloc)]:
        k = shrink(k, name, loops[0])
    return k


def _row_blocks(k: Kernel, loops: Sequence[str], rows: int, tail: Tail) -> Kernel:
    """All nests in one loop over blocks of rows."""
    for v in loops:
        k = split(k, v, rows, outer=f"{v}_o", inner=f"{v}_i", tail=tail)
    return _merge_all(k, [f"{v}_o" for v in loops])


def _narrow(k: Kernel, g: Gemm, t: Tiles, nests: Sequence[str]) -> Kernel:
    """Few columns: b is read where it stands, its last vector masked; a row beyond the last reads the last again.

    for block { r = 0  for k { for i < rows { for j { r[i, j] add= a[min(i, m - 1), k] * b[k, j] } } }  c = r  .. }
    """
    k = _row_blocks(k, nests, t.rows, "mask")
    *_, z, zj = g.zero
    for v in (zj, g.j):
        k = split(k, v, t.columns, outer=f"{v}_t", inner=f"{v}_b", tail="mask")
        k = split(k, f"{v}_b", t.width, outer=f"{v}_v", inner=f"{v}_l")
    k = reorder(k, [f"{zj}_t", f"{z}_i", f"{zj}_v", f"{zj}_l"])
    k = reorder(k, [f"{g.j}_t", g.k, f"{g.i}_i", f"{g.j}_v", f"{g.j}_l"])
    k = merge(k, f"{zj}_t", f"{g.j}_t")
    last = _rank(k, g.c) - 1
    layout = (Axis(last - 1), Axis(last, step=t.width), Axis(last, count=t.width))
    k = stage(k, g.c, name=f"{g.c}_r", at=f"{zj}_t", space="register", layout=layout)
    k = _unguarded(_unguarded(k, f"{zj}_l"), f"{z}_i")
    k = _unguarded(_unguarded(k, f"{g.j}_l", "mask"), f"{g.i}_i", "clamp")
    return _in_registers(k, g, (f"{zj}_l", f"{g.c}_r_out2"), (f"{z}_i", f"{zj}_v", f"{g.c}_r_out0", f"{g.c}_r_out1"))


def _packed(k: Kernel, g: Gemm, t: Tiles, nests: Sequence[str]) -> Kernel:
    """Blocks of rows, columns and depth, of which both operands are packed into panels that the registers stream.

    for block { for jc { for kc { pack b, a  for jr { for ir { r = 0  for kk { r add= a * b }  c add= r } } } }  .. }
    """
    block, columns = _no_larger(k, g.i, t.row_block, t.rows), _no_larger(k, g.j, t.column_block, t.columns)
    k = _row_blocks(k, nests, block, "short")
    i, j = f"{g.i}_i", g.j
    k = split(k, i, t.rows, outer=f"{i}r", inner=f"{i}i", tail="mask")
    k = split(k, j, columns, outer=f"{j}_c", inner=f"{j}_b", tail="short")
    k = split(k, f"{j}_b", t.columns, outer=f"{j}_r", inner=f"{j}_j", tail="mask")
    k = split(k, f"{j}_j", t.width, outer=f"{j}_v", inner=f"{j}_l")
    k = split(k, g.k, t.depth_block, outer=f"{g.k}_c", inner=f"{g.k}_k", tail="short")
    k = reorder(k, [f"{j}_c", f"{g.k}_c", f"{j}_r", f"{i}r", f"{g.k}_k", f"{i}i", f"{j}_v", f"{j}_l"])
    last = _rank(k, g.c) - 1
    layout = (Axis(last - 1), Axis(last, step=t.width), Axis(last, count=t.width))
    k = stage(k, g.c, name=f"{g.c}_r", around=f"{g.k}_k", space="register", fresh=True, layout=layout)
    for load, size, along, name in ((g.b, t.columns, j, "b"), (g.a, t.rows, g.i, "a")):
        d = next(d for d, x in enumerate(load.index) if along in symbols_of(x))
        over = next(d for d, x in enumerate(load.index) if g.k in symbols_of(x))
        panels = (Axis(d, step=size), Axis(over), Axis(d, count=size))
        k = stage(k, load.buffer, name=f"{g.c}_{name}", at=f"{g.k}_c", layout=panels, fill=0.0, align=64)
    k = _unguarded(_unguarded(k, f"{j}_l"), f"{i}i")
    vectors = (f"{g.c}_r_in2", f"{g.c}_r_out2")
    unrolled = [f"{g.c}_r_{way}{n}" for way in ("in", "out") for n in (0, 1)]
    k = _in_registers(k, g, vectors, unrolled)
    return near(merge_siblings(k, [f"{v}_i" for v in nests[2:]]))


def _unguarded(k: Kernel, var: str, outside: Outside = "refuse") -> Kernel:
    """The kernel without the condition in a loop, which is there where the tile does not divide the extent."""
    return unguard(k, var, outside=outside) if isinstance(locate(k, var, "gemm").loop.body[0], If) else k


def _no_larger(k: Kernel, var: str, block: int, tile: int) -> int:
    """A block that is no larger than the tiles that a loop of known extent needs."""
    extent = locate(k, var, "gemm").loop.extent
    return min(block, -(-extent // tile) * tile) if isinstance(extent, int) else block


def _rank(k: Kernel, buffer: str) -> int:
    local = [s.buffer for s in walk(k.body) if isinstance(s, Alloc)]
    return next(len(b.shape) for b in (*local, *k.buffers) if b.name == buffer)


def _in_registers(k: Kernel, g: Gemm, vectors: Sequence[str], unrolled: Sequence[str]) -> Kernel:
    """The loops over a tile without jumps, so that its elements are registers."""
    rows = [s.var for s in walk(k.body) if isinstance(s, For) and s.var in (f"{g.i}_i", f"{g.i}_ii")]
    for v in (f"{g.j}_l", *vectors):
        k = vectorise(k, v)
    for v in (rows[-1], f"{g.j}_v", *unrolled):
        k = unroll(k, v)
    return k
