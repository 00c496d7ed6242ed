"""Tiles that lie across their vectors: rows of memory read or written whole, and transposed in registers.

    for u < 4 unrolled { for l < 8 vector { y[u, l] = x[l, u] } }

A lane's elements of all iterations of the unrolled loop lie side by side. So the row of each lane is read as one vector
where one scalar per lane and iteration would be, and vectors of rows become vectors of lanes by shuffles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfc.ir.expr import Expr, Load, Prim
from tfc.ir.index import Dim, linear_in, symbols_of
from tfc.ir.kernel import Accumulate, Body, For, If, Let, Store, exprs_of, walk
from tfc.ir.types import Shape

from .context import Context, Place, View, memory_element
from .memory import flat_index, read_at, write_at
from .writer import Value

LANE_BYTES = 16
"""Shuffles within so many bytes are cheapest."""
DENSE = 4
"""Rows of at most so many elements, one after another, are taken apart by shuffles of any two vectors."""


@dataclass(frozen=True)
class Tile:
    """The elements at one index over all iterations and lanes: `origin + step * lane + iteration`."""

    view: View
    origin: Dim
    step: Dim
    rows: int
    columns: int

    @property
    def dense(self) -> bool:
        """Whether the rows are few elements each and stand one after another."""
        return self.step == self.columns and self.columns <= DENSE

    def row(self, k: int) -> Dim:
        return self.origin + self.step * k

    def width(self, elem: str) -> int:
        """Columns that are read or written at a time: a square's, or as many as the smallest unit of shuffles has."""
        return self.rows if self.columns >= self.rows else min(self.rows, LANE_BYTES // size_of(elem))


def loaded_tiles(cx: Context, s: For, extent: int) -> dict[Place, list[Value]]:
    """For loads in an unrolled loop's vector loop that go across the vectors: the vector of each iteration."""
    lanes = vector_loop(cx, s, extent)
    if lanes is None:
        return {}
    written = {x.buffer for x in walk(lanes.body) if isinstance(x, (Store, Accumulate))}
    found: dict[Place, list[Value]] = {}
    for load in _always_loaded(lanes.body):
        place = load.buffer, load.index
        view = cx.views.get(load.buffer)
        if view is None or place in found or load.buffer in written or not (view.constant or view.elements):
            continue
        tile = _tile(cx, s.var, extent, lanes, view, load.index)
        if tile is not None and _by_rows(tile):
            found[place] = _read(cx, tile)
    return found


def stored_tiles(cx: Context, s: For, extent: int) -> dict[Place, Tile]:
    """The stores in an unrolled loop's vector loop that go across the vectors and may wait for its last iteration."""
    lanes = vector_loop(cx, s, extent)
    if lanes is None:
        return {}
    uses = [x.buffer for x in walk(lanes.body) if isinstance(x, (Store, Accumulate))]
    uses += [load.buffer for x in walk(lanes.body) for e in exprs_of(x) for load in _loads(e, guarded=True)]
    found: dict[Place, Tile] = {}
    for x in lanes.body:
        if isinstance(x, Store) and uses.count(x.buffer) == 1 and x.buffer in cx.views:
            view = cx.views[x.buffer]
            tile = None if view.alias else _tile(cx, s.var, extent, lanes, view, x.index)
            if tile is not None and _by_rows(tile) and _are_apart(x.index, s.var, lanes.var, tile):
                found[x.buffer, x.index] = tile
    return found


def write_tile(cx: Context, tile: Tile, columns: Sequence[Value]) -> None:
    """Stores a tile given by the vector of each iteration."""
    if tile.dense:
        for k, v in enumerate(_interleaved(cx, columns)):
            write_at(cx, tile.view, tile.origin + k * tile.rows, v)
        return
    width = tile.width(columns[0].elem)
    for first in _blocks(tile, width):
        rows = _transposed(cx, columns[first : first + width])
        for k, vector in enumerate(rows):
            for row, part in zip(range(k, tile.rows, width), _parts(cx, vector, width), strict=True):
                write_at(cx, tile.view, tile.row(row) + first, part)


# --- what is a tile


def vector_loop(cx: Context, s: For, extent: int) -> For | None:
    """The vector loop that is the whole body of an unrolled one, where nothing around is masked or in vectors."""
    if cx.lanes or cx.mask is not None or extent < 2 or s.var in cx.values or s.var in cx.symbols:
        return None
    match s.body:
        case (For(kind="vector", extent=int(lanes), body=body) as inner,) if lanes & (lanes - 1) == 0 and lanes > 1:
            plain = all(isinstance(x, (Store, Accumulate, Let)) for x in body)
            known = inner.var in cx.values or inner.var in cx.symbols
            return inner if plain and not known else None
    return None


def _always_loaded(body: Body) -> Iterator[Load]:
    return (load for x in body if not isinstance(x, (For, If)) for e in exprs_of(x) for load in _loads(e))


def _loads(e: Expr, *, guarded: bool = False) -> Iterator[Load]:
    """The loads of an expression; those in the arms of a `select` only where `guarded`."""
    stack, seen = [e], set[int]()
    while stack:
        x = stack.pop()
        if isinstance(x, Load):
            yield x
        elif isinstance(x, Prim) and id(x) not in seen:
            seen.add(id(x))
            stack += x.args[:1] if x.op == "select" and not guarded else x.args


def _tile(cx: Context, var: str, extent: int, lanes: For, view: View, index: Shape) -> Tile | None:
    if not {var, lanes.var} <= symbols_of(*index) or any(isinstance(s, Let) for s in lanes.body if _binds(s, index)):
        return None
    flat = flat_index(cx, view, index)
    form = linear_in(flat, lanes.var)
    inner = None if form is None else linear_in(form[1], var)
    if form is None or inner is None or inner[0] != 1 or form[0] in (0, 1) or symbols_of(form[0]) & {var, lanes.var}:
        return None
    assert isinstance(lanes.extent, int)
    return Tile(view, inner[1], form[0], lanes.extent, extent)


def _binds(s: object, index: Shape) -> bool:
    return isinstance(s, Let) and s.name in symbols_of(*index)


def _are_apart(index: Shape, var: str, lane: str, tile: Tile) -> bool:
    """Whether all elements of a tile differ: by the step, or as the two variables index different dims."""
    if isinstance(tile.step, int) and abs(tile.step) >= tile.columns:
        return True
    return not any({var, lane} <= symbols_of(i) for i in index)


def _by_rows(tile: Tile) -> bool:
    """Whether rows of a tile can be read and written in vectors."""
    return tile.dense or tile.columns >= tile.width(memory_element(tile.view.dtype))


def _blocks(tile: Tile, width: int) -> list[int]:
    """First columns of the blocks of a width that cover a tile; the last may overlap the one before."""
    whole = range(0, tile.columns - width + 1, width)
    return [*whole, tile.columns - width] if tile.columns % width else [*whole]


# --- reading and shuffling


def _read(cx: Context, tile: Tile) -> list[Value]:
    n = tile.rows
    if tile.dense:
        vectors = [read_at(cx, tile.view, tile.origin + k * n, n) for k in range(tile.columns)]
        return _taken_apart(cx, vectors)
    width = tile.width(memory_element(tile.view.dtype))
    out: dict[int, Value] = {}
    for first in _blocks(tile, width):
        rows = [read_at(cx, tile.view, tile.row(k) + first, width) for k in range(n)]
        whole = [_joined(cx, rows[k::width]) for k in range(width)]
        out |= zip(range(first, first + width), _transposed(cx, whole), strict=True)
    return [out[k] for k in range(tile.columns)]


def _joined(cx: Context, parts: Sequence[Value]) -> Value:
    """Vectors, a power of two of them, one after another in one."""
    while len(parts) > 1:
        both = range(2 * parts[0].lanes)
        parts = [shuffle(cx, a, b, both) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _parts(cx: Context, v: Value, width: int) -> list[Value]:
    """The inverse of `_joined`."""
    if v.lanes == width:
        return [v]
    return [shuffle(cx, v, v, range(k, k + width)) for k in range(0, v.lanes, width)]


def shuffle(cx: Context, a: Value, b: Value, lanes: Sequence[int]) -> Value:
    """The lanes of two vectors, those of the second counted on from those of the first; -1 for any value."""
    picked = ", ".join(f"i32 {k}" if k >= 0 else "i32 poison" for k in lanes)
    return cx.w.pure(a.elem, len(lanes), f"shufflevector {a.typed}, {b.typed}, <{len(lanes)} x i32> <{picked}>", a, b)


def _transposed(cx: Context, rows: Sequence[Value]) -> list[Value]:
    """The columns of squares of as many rows as are given, which stand side by side in the vectors.

    First each unit of a vector gets one column's elements of as many rows, then the units of a column come together.
    """
    n, work = rows[0].lanes, list(rows)
    unit = min(len(rows), LANE_BYTES // size_of(rows[0].elem))
    for _ in range(unit.bit_length() - 1):
        work = _interleave_stage(cx, work, unit)
    for _ in range((n // unit).bit_length() - 1 if len(rows) == n else 0):
        work = _sort_stage(cx, work, unit)
    return work


def _interleave_stage(cx: Context, work: list[Value], unit: int) -> list[Value]:
    """Of each group of `unit` rows, rows i and i + unit/2 as two whose units hold their low and their high halves."""
    n, half = work[0].lanes, unit // 2
    low = [base + (k // 2) + (n if k % 2 else 0) for base in range(0, n, unit) for k in range(unit)]
    high = [x + half for x in low]
    out: list[Value] = []
    for group in range(0, len(work), unit):
        for i in range(half):
            a, b = work[group + i], work[group + i + half]
            out += [shuffle(cx, a, b, low), shuffle(cx, a, b, high)]
    return out


def _sort_stage(cx: Context, work: Sequence[Value], unit: int) -> list[Value]:
    """Of the rows at one place in all groups, pairs as the even and the odd units of both."""
    units = work[0].lanes // unit
    even = [unit * u + k for u in range(0, 2 * units, 2) for k in range(unit)]
    odd = [x + unit for x in even]
    out = list(work)
    for s in range(unit):
        column = [work[unit * g + s] for g in range(units)]
        for g in range(units // 2):
            a, b = column[2 * g], column[2 * g + 1]
            out[unit * g + s] = shuffle(cx, a, b, even)
            out[unit * (g + units // 2) + s] = shuffle(cx, a, b, odd)
    return out


def _interleaved(cx: Context, columns: Sequence[Value]) -> list[Value]:
    """Vectors a, b, c as a0 b0 c0 a1 b1 c1 .., in as many vectors."""
    n, m = columns[0].lanes, len(columns)
    out = []
    for k in range(m):
        wanted = [divmod(n * k + lane, m) for lane in range(n)]
        out.append(_gathered(cx, columns, [(column, row) for row, column in wanted]))
    return out


def _taken_apart(cx: Context, vectors: Sequence[Value]) -> list[Value]:
    """The inverse of `_interleaved`."""
    n, m = vectors[0].lanes, len(vectors)
    return [_gathered(cx, vectors, [divmod(m * row + column, n) for row in range(n)]) for column in range(m)]


def _gathered(cx: Context, vectors: Sequence[Value], wanted: Sequence[tuple[int, int]]) -> Value:
    """A vector of the lanes `(vector, lane)`, by one shuffle for each further vector."""
    n, result = vectors[0].lanes, vectors[0]
    at = [lane if v == 0 else -1 for v, lane in wanted]
    for k in range(1, len(vectors)):
        picked = [n + lane if v == k else here for here, (v, lane) in zip(at, wanted, strict=True)]
        result = shuffle(cx, result, vectors[k], picked)
        at = [i if v <= k else -1 for i, (v, _) in enumerate(wanted)]
    return result


def size_of(elem: str) -> int:
    """Bytes of an element in memory."""
    return {"float": 4, "double": 8}.get(elem) or max(1, int(elem[1:]) // 8)
