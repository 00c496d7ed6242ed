"""Products of a matrix and one or a few vectors: what counts is that the matrix is read once, in the order of memory.

Some rows of the matrix at a time are added to the result, tile by tile, so that they are read side by side to their
ends. A tile is some vectors of the result by some of their lanes; its vectors share what is read of the matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

from tfc.ir.expr import Load, Prim
from tfc.ir.index import Dim, Index, linear_in, symbols_of
from tfc.ir.kernel import Accumulate, Alloc, For, Kernel, Store, walk
from tfc.ir.types import Shape

from ..target import Target
from .cpu_loops import merge_siblings, near
from .defer import defer
from .gemm import extent_of, factor, unguarded
from .lanes import accumulate_lanes
from .loops import Tail, reorder, split, unroll, vectorise
from .nest import buffer_table, perfect_nest
from .staging import Axis, stage

CHAIN = 8
"""Rows of the matrix that are added to one vector at a time: the more, the seldomer it is read and written."""
BLOCK = 32
"""Times so many rows in a block that threads may take."""
ROWS = 16
"""Rows of the matrix that are added to the tiles of a few vectors at a time: each is a stream from memory."""
BUSY = 8
"""Vectors that keep the arithmetic busy; then so many times more rows make up for reading and writing the tiles."""
FEW = 32
"""Vectors that are few: where more read the matrix, packing it pays."""
PAGE = 4096
WAYS = 16
"""Rows of a result a multiple of a page apart that caches hold at a time: the same places are theirs."""
FEWEST = 8
"""Vectors that are few for a matrix that is near: tiles of many more serve that best."""
COLUMNS = 512
"""Elements of a row that threads take apart, for a few vectors; shorter pieces are not fetched ahead as well."""
TILE = 8
"""Vectors and rows of a tile at most."""
SHORT = 4
"""Vectors of lanes from which on a row is long."""


@dataclass(frozen=True)
class Gemv:
    """`c[.., few, v] add= matrix[.., k, v] * vector[.., few, k]`: the loops of a product by what they are to it."""

    c: str
    at: Shape
    matrix: Load
    vector: Load
    few: str | None
    """The loop over vectors, where there is more than one."""
    v: str
    k: str


def find_gemv(k: Kernel) -> Gemv | None:
    """The product of a matrix and vectors that a kernel begins with; None where there is none, or a dim is 0."""
    nests = [s for s in k.body if not isinstance(s, Alloc)][:2]
    if len(nests) < 2 or not (isinstance(nests[0], For) and isinstance(nests[1], For)):
        return None
    zero, loops = perfect_nest(nests[0]), perfect_nest(nests[1])
    match zero[-1].body, loops[-1].body:
        case (Store(buffer=c),), (
            Accumulate(buffer=same, index=at, combiner="add", value=Prim(op="mul", args=(left, right))),
        ) if c == same and len(zero) == len(loops) - 1:
            factors = [factor(left), factor(right)]
        case _:
            return None
    *batch, v, over = (loop.var for loop in loops)
    if any(loop.extent == 0 for loop in loops) or [x for x in at if x != 0] != [Index.symbol(x) for x in (*batch, v)]:
        return None
    matrix, vector = sorted(factors, key=lambda f: f is None or v not in symbols_of(*f.index))
    if matrix is None or vector is None:
        return None
    of_matrix, of_vector = symbols_of(*matrix.index), symbols_of(*vector.index)
    if v in of_vector or not {v, over} <= of_matrix or over not in of_vector:
        return None
    few = batch[-1] if batch and batch[-1] not in of_matrix else None
    return Gemv(c, at, matrix, vector, few, v, over)


def streamed(k: Kernel, g: Gemv, target: Target) -> Kernel:
    """The kernel in the form in which the matrix is read in the order of memory; as it is where there is none.

    There is none for few elements in the result's vectors or, where they lie in the order of memory, the matrix's rows.
    """
    width = target.lanes(g.matrix.dtype)
    rest = [s.var for s in k.body if isinstance(s, For)][2:]
    if width < 2 or _less(extent_of(k, g.v), SHORT * width):
        return k
    if by_rows(k, g):
        k = _one(k, g, width) if g.few is None else _several(k, g, g.few, target)
    elif _lie_along_depth(k, g, SHORT * width):
        k = _along_depth(k, g, target)
    else:
        return k
    return near(merge_siblings(k, rest))


def by_rows(k: Kernel, g: Gemv) -> bool:
    """Whether the rows that are added up lie in the order of memory, as does the result."""
    return stride(k, g.matrix.buffer, g.matrix.index, g.v) == 1 and stride(k, g.c, g.at, g.v) == 1


def _lie_along_depth(k: Kernel, g: Gemv, least: int) -> bool:
    """Whether the matrix and the vectors do, and far enough; the run decides the depth and one other dim at most."""
    along = all(stride(k, f.buffer, f.index, g.k) == 1 for f in (g.matrix, g.vector))
    return along and isinstance(extent_of(k, g.v), int) and not _less(extent_of(k, g.k), least)


def _less(extent: Dim, count: int) -> bool:
    return isinstance(extent, int) and extent < count


def _along_depth(k: Kernel, g: Gemv, target: Target) -> Kernel:
    """for tile { r = 0  for lanes { for few { for row { r add= matrix * vector } } }  c add= r }"""
    few = [] if g.few is None else [g.few]
    for v, tile in zip((g.v, *few), _square(1 if g.few is None else extent_of(k, g.few), target), strict=False):
        k = split(k, v, tile, outer=f"{v}_t", inner=f"{v}_i", tail="mask")
    loops, r = [*few, g.v], f"{g.c}_r"
    k = reorder(k, [f"{g.v}_t", *(f"{v}_t" for v in few), g.k, *(f"{v}_i" for v in loops)])
    layout = [Axis(_dim(g, v)) for v in loops]
    k = stage(k, g.c, name=r, around=g.k, space="register", layout=layout, fresh=True)
    for v in reversed(loops):
        k = unguarded(k, f"{v}_i", "clamp")
    k = accumulate_lanes(k, g.k, target.lanes(g.matrix.dtype), name=f"{g.c}_p")
    for s in [s for s in walk(k.body) if isinstance(s, For) and s.kind == "serial"]:
        if s.var.removesuffix("_tail") in [f"{v}_i" for v in loops] or s.var.startswith((f"{r}_", f"{g.c}_p_")):
            k = unroll(k, s.var)
    return k


def _square(count: Dim, target: Target) -> tuple[int, int]:
    """Rows and vectors of a tile: what is read of both is used as often as there are registers for sums."""
    registers = target.vector_registers - 1
    few = 2 if not isinstance(count, int) else min(count, 4 if registers > 16 else 2)
    return min(TILE, registers // (few + 1)), few


def _one(k: Kernel, g: Gemv, width: int) -> Kernel:
    """for some rows { for lanes { r = c  for row { r add= matrix * vector }  c = r } }"""
    depth = extent_of(k, g.k)
    chain, c = _chain(depth), g.c
    chains = _chains(depth, chain)
    k = reorder(k, [g.k, g.v])
    if chains is not None:
        # Blocks of rows that threads may take, each with sums of its own, which are added up in order.
        c, block = f"{g.c}_s", f"{g.k}_b"
        k = split(k, g.k, chain * chains, outer=block, inner=f"{g.k}_n")
        k = stage(k, g.c, name=c, at=block, fresh=True)
        k = defer(k, block, g.c, name=f"{c}_all", after=f"{block}_sum")
    inner = g.k if chains is None else f"{g.k}_n"
    k = split(k, inner, chain, outer=f"{g.k}_c", inner=f"{g.k}_k", tail="peel_loop", suffix="_rest")
    k = reorder(k, [f"{g.k}_c", g.v, f"{g.k}_k"])
    k = split(k, g.v, width, outer=f"{g.v}_o", inner=f"{g.v}_l", tail="peel")
    for part in ("", "_tail") if has_loop(k, f"{g.v}_l_tail") else ("",):
        lane, row, r = f"{g.v}_l{part}", f"{g.k}_k{part}", f"{g.c}_r{part}"
        k = reorder(k, [row, lane])
        k = stage(k, c, name=r, around=row, space="register")
        k = unguarded(unguarded(k, f"{r}_in0", "mask"), lane, "mask")
        for x in (lane, f"{r}_in0", f"{r}_out0"):
            k = vectorise(k, x)
        k = unroll(k, row)
    return k


def _chain(depth: Dim) -> int:
    """Rows at a time: about as many as are good, so that none are left over where the depth is known."""
    if not isinstance(depth, int):
        return CHAIN
    near = sorted(range(CHAIN // 2 + 2, 3 * CHAIN // 2 + 1), key=lambda n: abs(n - CHAIN))
    return next((n for n in near if depth % n == 0), min(CHAIN, depth))


def _chains(depth: Dim, chain: int) -> int | None:
    """How many times so many rows make a block of them; None where blocks do not divide the depth, or it is one."""
    if not isinstance(depth, int) or depth % chain or depth < 2 * BLOCK * chain:
        return None
    near = sorted(range(BLOCK // 2, 2 * BLOCK), key=lambda n: abs(n - BLOCK))
    return next((n for n in near if depth // chain % n == 0), None)


def _several(k: Kernel, g: Gemv, over: str, target: Target) -> Kernel:
    """for columns { for some rows { for tile { r = c  for row { for few { for lane { r add= .. } } }  c = r } } }"""
    width, length, count = target.lanes(g.matrix.dtype), extent_of(k, g.v), extent_of(k, over)
    tile, vectors = _tile(count, target)
    if isinstance(length, int):
        # As many as divide a row, or leave the fewest: its last tile takes masks, and is read apart.
        whole = length // width
        vectors = min(range(min(vectors, whole), min(vectors, whole) // 2, -1), key=lambda n: whole % n)
    few, inner = f"{over}_t", f"{over}_i"
    k = split(k, over, tile, outer=few, inner=inner, tail="mask")
    k = reorder(k, [g.v, few, g.k, inner])
    left: Tail = "peel_loop" if isinstance(length, int) else "peel"
    k = split(k, g.v, vectors * width, outer=f"{g.v}_t", inner=f"{g.v}_b", tail=left)
    tiles = max(1, COLUMNS // (vectors * width))
    k = split(k, f"{g.v}_t", tiles, outer=f"{g.v}_s", inner=f"{g.v}_n", tail="short")
    rows = ROWS * BUSY if isinstance(count, int) and count >= BUSY else ROWS
    k = _in_registers(k, g, over, rows, width, "")
    return _in_registers(k, g, over, rows, width, "_tail") if has_loop(k, f"{g.v}_b_tail") else k


def _tile(count: Dim, target: Target) -> tuple[int, int]:
    """Vectors of a tile, as many as leave the least to compute twice, and vectors of their lanes."""
    most = min(TILE, target.vector_registers // 2 - 2)
    if isinstance(count, int):
        rows = min(range(min(count, most), most // 2, -1), key=lambda n: -(-count // n) * n, default=count)
        return rows, min(TILE, (target.vector_registers - 2) // (rows + 1))
    # One vector alone must not pay for too many others; and there is the code of another form beside this one.
    return most // 2, min(TILE // 2, (target.vector_registers - 2) // (most // 2 + 1))


def _in_registers(k: Kernel, g: Gemv, over: str, rows: int, width: int, part: str) -> Kernel:
    """A tile of the result in registers while some rows are added."""
    few, inner, depth, row, v = (f"{x}{part}" for x in (f"{over}_t", f"{over}_i", g.k, f"{g.k}_k", f"{g.v}_b"))
    k = split(k, depth, rows, outer=f"{depth}_c", inner=row, tail="short")
    blocks, tiles = ([], []) if part else ([f"{g.v}_s"], [f"{g.v}_n"])
    k = split(k, v, width, outer=f"{v}_v", inner=f"{v}_l", tail="mask")
    k = reorder(k, [*blocks, f"{depth}_c", *tiles, few, row, inner, f"{v}_v", f"{v}_l"])
    d, r = _dim(g, g.v), f"{g.c}_r{part}"
    layout = (Axis(_dim(g, over)), Axis(d, step=width), Axis(d, count=width))
    k = stage(k, g.c, name=r, around=row, space="register", layout=layout)
    for way in ("in", "out"):
        k = reorder(k, [f"{r}_{way}{n}" for n in range(3)])
    # There may be two conditions: where the matrix ends, and where the tile does.
    k = unguarded(unguarded(unguarded(k, f"{r}_in2", "mask"), f"{r}_in2", "mask"), f"{r}_in0", "clamp")
    k = unguarded(unguarded(k, f"{v}_l", "mask"), inner, "clamp")
    for lane in (f"{v}_l", f"{r}_in2", f"{r}_out2"):
        k = vectorise(k, lane)
    for x in (inner, f"{v}_v", *(f"{r}_{way}{n}" for way in ("in", "out") for n in (0, 1))):
        k = unroll(k, x)
    return k


def _dim(g: Gemv, var: str) -> int:
    return g.at.index(Index.symbol(var))


def has_loop(k: Kernel, var: str) -> bool:
    return any(isinstance(s, For) and s.var == var for s in walk(k.body))


def few(k: Kernel, g: Gemv, target: Target) -> int:
    """For how many vectors this is the best form. Reading the matrix once counts little where it is near."""
    length, depth = extent_of(k, g.v), extent_of(k, g.k)
    size = g.matrix.dtype.size
    if not isinstance(length, int):
        return FEW
    if isinstance(depth, int) and length * depth <= target.l2 // 4 // size:
        return FEWEST
    return WAYS if length * size % PAGE == 0 else FEW


def stride(k: Kernel, buffer: str, index: Shape, var: str) -> Dim | None:
    """How far apart in memory, in elements, the iterations of a loop touch a buffer; None where that varies."""
    flat: Dim = 0
    for i, step in zip(index, buffer_table(k)[buffer].steps, strict=True):
        flat = flat + i * step
    form = linear_in(flat, var)
    return None if form is None else form[0]
