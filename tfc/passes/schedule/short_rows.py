"""Rows too short to fill vectors: many of them at a time, one in each lane.

What a row takes of its own, sums and maxima, then needs no adding up across lanes, and what was one instruction for a
row of a few elements is one for as many rows as there are lanes.
"""

from __future__ import annotations

from tfc.ir.expr import PRIMITIVES, Prim
from tfc.ir.index import symbols_of
from tfc.ir.kernel import Accumulate, Alloc, Body, For, Kernel, Let, Store, exprs_of, subexprs, walk

from .loops import distribute, reorder, split, unroll, vectorise
from .nest import ScheduleError, accesses, body_symbols, buffer_table, locate, names_of, perfect_nest
from .staging import Axis, stage
from .storage import expand

UNROLLED = 32
"""Elements of a row at most that are written out one after another; longer rows are taken in blocks."""

LIGHT = 4
"""Operations of an element that are few."""


def rows_in_lanes(k: Kernel, var: str, width: int) -> Kernel:
    """The iterations of a loop over rows in vector lanes, each statement for all lanes before the next.

        for i < n { s[i] = 0.0  for j < 3 { s[i] add= x[i, j] } }
        -> for i_o < floordiv(n, 8) {
             alloc t: float32[3, 8] local stack
             for t_in0 < 3 unrolled { for t_in1 < 8 vector { t[t_in0, t_in1] = x[8*i_o + t_in1, t_in0] } }
             for i_l < 8 vector { s[8*i_o + i_l] = 0.0 }
             for j < 3 unrolled { for i_l1 < 8 vector { s[8*i_o + i_l1] add= t[j, i_l1] } } }
           for i_l_rest < mod(n, 8) { .. }

    Buffers that a row allocates get a last dim for the lanes; of others the block of rows is copied so, here as `t`,
    with the name `x_i_o`. The loops of a row are perfect nests of static extents.
    """
    body = locate(k, var, "rows_in_lanes").loop.body
    if not all(isinstance(s, (For, Let, Store, Accumulate, Alloc)) for s in walk(body)):
        raise ScheduleError("rows_in_lanes", var, "a row does more than loop, name, store and accumulate")
    nests = [perfect_nest(s) for s in body if isinstance(s, For)]
    if any(not isinstance(loop.extent, int) for nest in nests for loop in nest):
        raise ScheduleError("rows_in_lanes", var, "a loop of a row has no static extent")
    lane = f"{var}_l"
    k = split(k, var, width, outer=f"{var}_o", inner=lane, tail="peel_loop", suffix="_rest")
    for loop in (nest[-1] for nest in nests):
        if isinstance(loop.extent, int) and loop.extent > UNROLLED:
            k = split(k, loop.var, width, outer=f"{loop.var}_o", inner=f"{loop.var}_u", tail="peel_loop")
    for s in body:
        if isinstance(s, Alloc):
            k = expand(k, s.buffer.name, lane, last=True)
    k, lanes = _one_by_one(k, lane)
    long = any(isinstance(loop.extent, int) and loop.extent > UNROLLED for nest in nests for loop in nest)
    k = k if long else _with_lanes_last(k, f"{var}_o", set(lanes))
    for v in lanes:
        inner = perfect_nest(locate(k, v, "rows_in_lanes").loop)[1:]
        k = vectorise(reorder(k, [*(loop.var for loop in inner), v]) if inner else k, v)
        if inner and (_is_light(inner[-1]) or _across(k, locate(k, inner[0].var, "rows_in_lanes").loop, {v})):
            k = unroll(k, inner[-1].var)
    return k


def _is_light(loop: For) -> bool:
    """Whether what a loop computes is as short as what it takes to loop."""
    work = [e for s in walk(loop.body) for x in exprs_of(s) for e in subexprs(x) if isinstance(e, Prim)]
    return len(work) <= LIGHT and all(PRIMITIVES[e.op].kind == "machine" for e in work)


def _across(k: Kernel, loop: For, lanes: set[str]) -> dict[str, int]:
    """The buffers that lie across the lanes in a loop, with the dim that the lanes go along."""
    table, found = buffer_table(k), dict[str, int]()
    for a in accesses(loop.body):
        along = [d for d, i in enumerate(a.index) if symbols_of(i) & lanes]
        if a.buffer in table and along and table[a.buffer].steps[along[0]] != 1:
            found[a.buffer] = along[0]
    return found


def _with_lanes_last(k: Kernel, block: str, lanes: set[str]) -> Kernel:
    """What lies across the lanes in a block of rows copied to where it does not, and back: once, not at each access."""
    for buffer, row in _across(k, locate(k, block, "rows_in_lanes").loop, lanes).items():
        rank, name = len(buffer_table(k)[buffer].shape), f"{buffer}_{block}"
        layout = (*(Axis(d) for d in range(rank) if d != row), Axis(row))
        try:
            k = stage(k, buffer, name=name, at=block, layout=layout, align=64)
        except ScheduleError:
            continue
        for way in ("in", "out"):
            loops = [f"{name}_{way}{d}" for d in range(rank)]
            if all(v in names_of(k) for v in loops):
                k = vectorise(k, loops[-1])
                for v in loops[:-1]:
                    k = unroll(k, v)
    return k


def _one_by_one(k: Kernel, var: str) -> tuple[Kernel, list[str]]:
    """A loop for each statement of one, with the names that it needs."""
    loops = [var]
    while (at := _first_part(locate(k, loops[-1], "rows_in_lanes").loop.body)) is not None:
        loops.append(f"{var}{len(loops)}")
        k = distribute(k, loops[-2], at, second=loops[-1])
    return k, loops


def _first_part(body: Body) -> int | None:
    """How many statements at least can be parted from the rest: up to one after which none of their names is used."""
    for at in range(1, len(body)):
        names = {s.name for s in body[:at] if isinstance(s, Let)}
        if not isinstance(body[at - 1], Let) and not names & body_symbols(body[at:]):
            return at
    return None
