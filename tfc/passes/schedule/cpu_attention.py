"""Attention: blocks of queries against blocks of keys.

The rows of a block lie in the lanes of vectors, so that the largest score and the sum of a row need no steps across
lanes, and keys and values are read where they stand: the scores' tile takes one element of a key for a whole vector of
queries, that of the result one probability for a whole vector of values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfc.ir.expr import Prim
from tfc.ir.index import Dim, simplify, symbols_of
from tfc.ir.kernel import Accumulate, Alloc, For, If, Kernel, Stmt, Store, walk

from ..target import Target
from .gemm import at_most, extent_of, unguarded
from .loops import distribute, merge, reorder, split, unroll, vectorise
from .nest import accesses, buffer_table, facts_at, locate, perfect_nest
from .simplify import simplify_kernel
from .staging import Axis, stage, unguard
from .storage import expand, pad, permute, shrink


@dataclass(frozen=True)
class Attention:
    """The attention in a kernel: its loops over rows and over blocks of keys, and its local buffers."""

    row: str
    block: str
    query: str
    scores: str
    result: str
    locals: tuple[str, ...]


def find_attention(k: Kernel) -> Attention | None:
    """The attention that a kernel begins with; None where a dim is 0 or 1, or each row has keys of its own."""
    first = next((s for s in k.body if isinstance(s, For)), None)
    if first is None:
        return None
    row = perfect_nest(first)[-1]
    allocs = tuple(s.buffer.name for s in row.body if isinstance(s, Alloc))
    match [s for s in row.body if not isinstance(s, Alloc)]:
        case [For() as q, Store(), Store(), For() as o, For() as block, Store(), For()]:
            pass
        case _:
            return None
    match block.body:
        case (For() as zero, For() as product, *_, For() as last) if all(map(_is_product, (product, last))):
            pass
        case _:
            return None
    query, result, scores = (_written(s) for s in (q, o, zero))
    read = [a for s in (product, last) for a in accesses((s,)) if a.buffer not in allocs]
    ranges = facts_at(k, (block,)).ranges
    loops = [s for s in walk((first,)) if isinstance(s, For) and s is not block]
    if any(simplify(s.extent, ranges) in (0, 1) for s in loops) or block.extent == 0:
        return None
    if any(row.var in symbols_of(*a.index) for a in read):
        return None
    return Attention(row.var, block.var, query, scores, result, allocs)


def _is_product(s: For) -> bool:
    """Whether a loop adds up products in a perfect nest of two."""
    match perfect_nest(s):
        case [_, For(body=(Accumulate(combiner="add", value=Prim(op="mul")),))]:
            return True
    return False


def _written(s: Stmt) -> str:
    return next(x.buffer for x in walk((s,)) if isinstance(x, (Store, Accumulate)))


@dataclass(frozen=True)
class Tiles:
    """How attention is cut: vectors of rows in a block, keys of a tile of scores, rows and vectors of the result's."""

    width: int
    vectors: int
    keys: int
    rows: int
    columns: int

    @property
    def block(self) -> int:
        return self.width * self.vectors


def tiles_for(k: Kernel, a: Attention, target: Target) -> Tiles:
    """Half of the registers hold sums, of few registers three quarters: enough to hide the latency of an addition.

    Values of up to four vectors are read by whole rows; of more, each tile of rows reads them again, so it is taller.
    """
    table = buffer_table(k)
    width, of_result = target.lanes(table[a.scores].dtype), table[a.result].shape[0]
    few = target.fma and target.vector_registers <= 16
    sums = target.vector_registers * 3 // 4 if few else target.vector_registers // 2
    vectors = _vectors(extent_of(k, a.row), width, 3 if few else 2)
    needed = -(-of_result // width) if isinstance(of_result, int) else 2 * sums
    columns = needed if needed in (1, 2, 4) and 4 * needed <= sums else 2
    rows = max(r for r in range(1, sums // columns + 1) if width * vectors % r == 0)
    return Tiles(width, vectors, sums // vectors, rows, columns)


def _vectors(rows: Dim, width: int, most: int) -> int:
    """Vectors of rows in a block: one less costs a twelfth, which rows that a block has too many may cost as well."""
    if not isinstance(rows, int):
        return most
    return min(range(most, 0, -1), key=lambda v: -(-rows // (v * width)) * v * (12 + most - v))


def attention(k: Kernel, a: Attention, target: Target) -> Kernel:
    """for rows { q packed  for keys { tiles of scores, with their largest  exp, sums  tiles of the result }  y }"""
    t = tiles_for(k, a, target)
    k, around, inside = row_blocks(k, a, t.block)
    # What the number of keys decides is known from here on, so that buffers are seen to be filled.
    k = simplify_kernel(k)
    guarded = [v for v in (*around[:-1], *inside) if isinstance(locate(k, v, "attention").loop.body[0], If)]
    k = unguard(k, *guarded, outside="clamp")
    zero, product, *steps, _, most = inside[:-8]
    exponential, total, sums = inside[-3:]
    # The scores last: that they are stored before they are read is seen while one loop sets them all to zero.
    k = _result(k, a, sums, t)
    k = _row_sums(k, exponential, total, t)
    return _scores(k, a, (zero, product, *steps, most), t)


def _inner(k: Kernel, var: str) -> list[str]:
    return [loop.var for loop in perfect_nest(locate(k, var, "attention").loop)[1:]]


def _lanes(k: Kernel, var: str, width: int) -> tuple[Kernel, tuple[str, str]]:
    """A loop over rows in vectors."""
    return split(k, var, width, outer=f"{var}_v", inner=f"{var}_l"), (f"{var}_v", f"{var}_l")


def _scores(k: Kernel, a: Attention, rows: Sequence[str], t: Tiles) -> Kernel:
    """for tile { r = 0  for d { for j { r[j] add= q * k } }  r = steps(r)  n max= r  s = r }"""
    largest = _written(locate(k, rows[-1], "attention").loop)
    keys, vectors, lanes = list[str](), list[str](), list[str]()
    for row in rows:
        key, *depth = _inner(k, row)
        k, (vector, lane) = _lanes(k, row, t.width)
        k = split(k, key, at_most(k, key, t.keys), outer=f"{key}_t", inner=f"{key}_j", tail="mask")
        k = reorder(k, [f"{key}_t", *depth, f"{key}_j", vector, lane])
        keys, vectors, lanes = [*keys, key], [*vectors, vector], [*lanes, lane]
    first = f"{keys[0]}_t"
    for v in keys[1:]:
        k = merge(k, first, f"{v}_t")
    layout = (Axis(0), Axis(1, step=t.width), Axis(1, count=t.width))
    name = f"{a.scores}_r"
    k = stage(k, a.scores, name=name, at=first, space="register", layout=layout)
    for v in keys[:2]:
        k = unguarded(k, f"{v}_j", "clamp")
    for v in (*lanes, f"{name}_out2"):
        k = vectorise(k, v)
    for v in (*(f"{v}_j" for v in keys), *vectors, f"{name}_out0", f"{name}_out1"):
        k = unroll(k, v)
    return _rows_in_registers(k, largest, first, t)


def _rows_in_registers(k: Kernel, buffer: str, around: str, t: Tiles) -> Kernel:
    """A number for each row in registers over all of a loop."""
    name, layout = f"{buffer}_r", (Axis(0, step=t.width), Axis(0, count=t.width))
    k = stage(k, buffer, name=name, around=around, space="register", layout=layout)
    for way in ("in", "out"):
        k = unroll(vectorise(k, f"{name}_{way}1"), f"{name}_{way}0")
    return k


def _row_sums(k: Kernel, exponential: str, total: str, t: Tiles) -> Kernel:
    """for j { s = exp(s - t)  l add= s }"""
    keys, sums = list[str](), _written(locate(k, total, "attention").loop)
    for row in (exponential, total):
        (key,) = _inner(k, row)
        k, (vector, lane) = _lanes(k, row, t.width)
        k = reorder(k, [key, vector, lane])
        k = unroll(vectorise(k, lane), vector)
        keys.append(key)
    return _rows_in_registers(merge(k, *keys), sums, keys[0], t)


def _result(k: Kernel, a: Attention, row: str, t: Tiles) -> Kernel:
    """for tile { r = o  for j { r[i, e] add= s[j, i] * v[j, e] }  o = r }"""
    key, e = _inner(k, row)
    k = split(k, row, t.rows, outer=f"{row}_t", inner=f"{row}_i")
    k = split(k, e, t.width * t.columns, outer=f"{e}_t", inner=f"{e}_b", tail="mask")
    k = split(k, f"{e}_b", t.width, outer=f"{e}_v", inner=f"{e}_l")
    k = reorder(k, [f"{row}_t", f"{e}_t", key, f"{row}_i", f"{e}_v", f"{e}_l"])
    name = f"{a.result}_r"
    layout = (Axis(0), Axis(1, step=t.width), Axis(1, count=t.width))
    k = stage(k, a.result, name=name, around=key, space="register", layout=layout, fill=0.0)
    k = unguarded(k, f"{e}_l", "mask")
    for v in (f"{e}_l", f"{name}_in2", f"{name}_out2"):
        k = vectorise(k, v)
    for v in (f"{row}_i", f"{e}_v", *(f"{name}_{way}{n}" for way in ("in", "out") for n in (0, 1))):
        k = unroll(k, v)
    return k


def row_blocks(k: Kernel, a: Attention, rows: int) -> tuple[Kernel, list[str], list[str]]:
    """Blocks of rows around everything; the loops over the rows of a block, outside of the blocks of keys and inside.

    for i { alloc s  S  for b { T  U } }  ->  for io { alloc s  for i { S }  for b { for i { T }  for i { U } } }
    """
    for name in a.locals:
        k = expand(k, name, a.row)
    k, around = fission(k, a.row)
    (keys,) = (v for v in around if _only(k, v) == a.block)
    k = reorder(k, [a.block, keys])
    k, inside = fission(k, keys)
    around.remove(keys)
    for v in (*around, *inside):
        k = split(k, v, rows, outer=f"{v}_o", inner=f"{v}_i", tail="mask")
    for v in inside[1:]:
        k = merge(k, f"{keys}_o", f"{v}_o")
    k = reorder(k, [f"{keys}_o", a.block])
    first, *others = around
    for v in [*others[:3], keys, *others[3:]]:
        k = merge(k, f"{first}_o", f"{v}_o")
    for name in a.locals:
        k = pad(shrink(k, name, f"{first}_o"), name, 0, rows)
    for name in (a.query, a.scores):
        k = permute(k, name, (1, 0))
    return k, [f"{v}_i" for v in around], [f"{v}_i" for v in inside]


def _only(k: Kernel, var: str) -> str:
    """The loop that a loop is perfectly nested around, or no name."""
    body = locate(k, var, "attention").loop.body
    return body[0].var if len(body) == 1 and isinstance(body[0], For) else ""


def fission(k: Kernel, var: str) -> tuple[Kernel, list[str]]:
    """A loop cut apart at every statement of its body, and the names of the loops."""
    names = [var]
    while len(locate(k, names[-1], "fission").loop.body) > 1:
        names.append(f"{var}_{len(names)}")
        k = distribute(k, names[-2], 1, second=names[-1])
    return k, names
