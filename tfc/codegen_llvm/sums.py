"""Lanes of many vectors added up at once: vectors are folded into each other until each lane is the total of one.

    for u < 4 unrolled { for l < 4 vector { s[u] add= p[u, l] } }

One by one, every vector takes a shuffle and an operation for each halving; folded in pairs, two vectors share them.
"""

from __future__ import annotations

from collections.abc import Sequence

from tfc.ir.expr import Load
from tfc.ir.index import symbols_of
from tfc.ir.kernel import Accumulate, For, exprs_of, subexprs
from tfc.ir.types import DType

from .context import Context
from .expressions import value_of
from .memory import flat_index, read_at, write_at
from .primitives import apply
from .tiles import LANE_BYTES, shuffle, size_of, vector_loop
from .writer import Value


def sums_together(cx: Context, s: For, extent: int) -> bool:
    """Emits an unrolled loop over sums of lanes, if it is one: elements side by side, each the total of a vector."""
    lanes = vector_loop(cx, s, extent)
    match lanes:
        case For(body=(Accumulate() as sums,)) if sums.buffer in cx.views:
            view = cx.views[sums.buffer]
        case _:
            return False
    assert isinstance(lanes.extent, int)
    read = {e.buffer for x in exprs_of(sums) for e in subexprs(x) if isinstance(e, Load)}
    varies = symbols_of(*sums.index)
    if extent > lanes.extent or lanes.var in varies or sums.buffer in read or not view.elements:
        return False
    if view.dtype.is_bool or (view.dtype.is_float and view.dtype.bits == 16):
        return False
    values, places = [], []
    for k in range(extent):
        with cx.names():
            cx.symbols[s.var] = k
            places.append(flat_index(cx, view, sums.index))
            with cx.vector(lanes.var, lanes.extent):
                values.append(cx.w.splat(value_of(cx, sums.value), lanes.extent))
    if any(place - places[0] != k for k, place in enumerate(places)):
        return False
    folded = _folded(cx, sums.combiner, view.dtype, values)
    totals = shuffle(cx, folded, folded, range(extent))
    old = read_at(cx, view, places[0], extent)
    write_at(cx, view, places[0], apply(cx, sums.combiner, view.dtype, view.dtype, (old, totals)))
    return True


def _folded(cx: Context, combiner: str, dtype: DType, vectors: Sequence[Value]) -> Value:
    """A vector whose lane k is the total of vector k: first within units of few bytes, then of whole units."""
    n, work = vectors[0].lanes, list(vectors)
    unit = min(n, LANE_BYTES // size_of(vectors[0].elem))
    stages = [(1, unit)] * (unit.bit_length() - 1) + [(unit, n)] * ((n // unit).bit_length() - 1)
    for grain, block in stages:
        work = [_fold(cx, combiner, dtype, work[k : k + 2], grain, block) for k in range(0, len(work), 2)]
    return work[0]


def _fold(cx: Context, combiner: str, dtype: DType, pair: Sequence[Value], grain: int, block: int) -> Value:
    """Neighbouring grains of each block combined: those of the first vector, then those of the second."""
    n = pair[0].lanes
    halves = []
    for odd in (0, 1):
        own = [[k for k in range(at, at + block) if k // grain % 2 == odd] for at in range(0, n, block)]
        second = n if len(pair) == 2 else None
        lanes = [k for b in own for k in (*b, *(-1 if second is None else second + k for k in b))]
        halves.append(shuffle(cx, pair[0], pair[-1], lanes))
    return apply(cx, combiner, dtype, dtype, (halves[0], halves[1]))
