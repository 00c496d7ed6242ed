"""A reduction into many partial results: what lets a sum run in vector lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tfc.ir.expr import Expr, Load, identity
from tfc.ir.index import Dim, Index, floordiv, mod, symbols_of
from tfc.ir.kernel import Accumulate, Alloc, Body, Buffer, For, If, Kernel, Let, Store, substitute, walk
from tfc.ir.types import Shape

from .bounds import Facts
from .dependence import conflicts
from .loops import check_independent
from .nest import (
    ScheduleError,
    accesses,
    buffer_table,
    check_free,
    expr_symbols,
    facts_at,
    guarded,
    less,
    locate,
    map_accesses,
    nested,
    renamed_copy,
    replace_loop,
    spans_of,
    tidy,
)
from .window import Masks, Window, all_spans, known_written, masks_of, untouched, window


@dataclass(frozen=True)
class _Partial:
    """The partial results of one accumulated buffer: the window's kept dims, then chains and lanes."""

    target: Buffer
    part: Buffer
    combiner: str
    box: Window
    kept: tuple[int, ...]
    masks: Masks
    facts: Facts


def accumulate_lanes(
    k: Kernel, var: str, width: int, *, name: str, unroll: int = 1, space: str = "register", suffix: str = "_tail"
) -> Kernel:
    """A reduction over `var` into `unroll` chains of `width` lanes, combined at the end.

        for k < 20 { s[] add= x[k] }
        -> alloc p: float32[1, 8] register
           for p_init_u < 1 unrolled { for p_init_l < 8 vector { p[p_init_u, p_init_l] = 0.0 } }
           for k < 2 { for k_u < 1 unrolled { for k_l < 8 vector { p[k_u, k_l] add= x[8*k + 8*k_u + k_l] } } }
           for k_u_tail < 1 unrolled { for k_l_tail < 8 vector {
               if 16 + 8*k_u_tail + k_l_tail < 20 { p[k_u_tail, k_l_tail] add= x[16 + 8*k_u_tail + k_l_tail] } } }
           for p_out_u < 1 unrolled { for p_out_l < 8 vector { s[] add= p[p_out_u, p_out_l] } }

    Below the loop only loops, lets, conditions and accumulations may stand; the loops among them go outside of the
    lanes. A second accumulated buffer gets partial results named `{name}_{buffer}`.
    """
    place = locate(k, var, "accumulate_lanes")
    loop = place.loop
    facts = facts_at(k, place.outer, place.guards)
    partials = _partials(k, loop, facts, (name, space, unroll, width))
    step = width * unroll
    main = _laned(loop, Index.symbol(var) * step, unroll, width, "", partials, None, facts)
    whole = floordiv(loop.extent, step)
    tail: Body = ()
    if mod(loop.extent, step) != 0:
        copy = replace(loop, body=renamed_copy(k, loop.body, suffix, "accumulate_lanes", var))
        tail = _laned(copy, whole * step, unroll, width, suffix, partials, loop.extent, facts)
    before = [s for p in partials for s in (Alloc(p.part), *_init(p, unroll, width))]
    after = [s for p in partials for s in _combine(p, unroll, width)]
    new: Body = (*before, replace(loop, extent=whole, body=main), *tail, *after)
    fresh = [s.var for s in walk(new) if isinstance(s, For)]
    kept = {s.var for s in walk((loop,)) if isinstance(s, For)}
    check_free(k, "accumulate_lanes", var, [v for v in (*fresh, *(p.part.name for p in partials)) if v not in kept])
    k = replace_loop(k, var, lambda _: new)
    for around in place.outer:
        check_independent(k, around.var, "accumulate_lanes")
    return k


def _partials(k: Kernel, loop: For, facts: Facts, part: tuple[str, str, int, int]) -> list[_Partial]:
    name, space, unroll, width = part
    if any(s.kind == "vector" for s in walk((loop,)) if isinstance(s, For)):
        raise ScheduleError("accumulate_lanes", loop.var, "there is a vector loop already")
    if any(not isinstance(s, (For, If, Let, Accumulate)) for s in walk(loop.body)):
        raise ScheduleError("accumulate_lanes", loop.var, "its body does more than accumulate")
    table = buffer_table(k)
    uses = list(accesses(loop.body))
    out: list[_Partial] = []
    for buffer in dict.fromkeys(a.buffer for a in uses if a.writes):
        mine = [a for a in uses if a.buffer == buffer]
        if len({a.kind for a in mine}) != 1 or any(loop.var in symbols_of(*a.index) for a in mine):
            raise ScheduleError("accumulate_lanes", loop.var, f"{buffer} is accumulated in more than one way")
        box, masks = window(mine, table[buffer], facts), masks_of(mine, {loop.var, *facts.opaque})
        first = replace(mine[0], loops=(loop, *mine[0].loops))
        if not known_written(k, table[buffer], first, box, masks, facts):
            raise ScheduleError("accumulate_lanes", loop.var, f"the part of {buffer} accumulated may have holes")
        kept = tuple(d for d, n in enumerate(box.size) if n != 1)
        shape = (*(box.size[d] for d in kept), unroll, width)
        if symbols_of(*shape) - (set() if space == "register" else set(k.dims)):
            raise ScheduleError("accumulate_lanes", loop.var, f"the part of {buffer} accumulated has no fixed size")
        own = Buffer(f"{name}_{buffer}" if out else name, table[buffer].dtype, shape, "local", space)
        out.append(_Partial(table[buffer], own, mine[0].kind, box, kept, masks, facts))
    if conflicts(loop.body, loop.body, table):
        raise ScheduleError("accumulate_lanes", loop.var, "what it reads may be what it accumulates")
    return out


def _laned(
    loop: For,
    base: Dim,
    unroll: int,
    width: int,
    suffix: str,
    partials: Sequence[_Partial],
    extent: Dim | None,
    facts: Facts,
) -> Body:
    """The loop's body at `base` plus chain and lane, with these two loops inside of all others."""
    chain, lane = f"{loop.var}_u{suffix}", f"{loop.var}_l{suffix}"
    at = base + Index.symbol(chain) * width + Index.symbol(lane)
    inside = facts.within(all_spans((loop,)))
    body = loop.body
    for p in partials:

        def to(index: Shape, p: _Partial = p) -> tuple[str, Shape]:
            local = tidy(tuple(index[d] - p.box.low[d] for d in p.kept), inside)
            return p.part.name, (*local, Index.symbol(chain), Index.symbol(lane))

        body = map_accesses(body, p.target.name, to)
    mask = [] if extent is None else [less(at, extent)]
    loops = (For(chain, unroll, (), "unrolled"), For(lane, width, (), "vector"))

    def sink(b: Body, inside: tuple[Expr, ...] = ()) -> Body:
        match b:
            case (For() as inner,):
                return (replace(inner, body=sink(inner.body, inside)),)
            case (If(then=(For(),), orelse=()) as guard,) if loop.var in expr_symbols(guard.condition):
                # It differs between the lanes, so it goes inside of them.
                return sink(guard.then, (*inside, guard.condition))
            case (If(then=(For(),), orelse=()) as guard,):
                return (replace(guard, then=sink(guard.then, inside)),)
            case _ if any(isinstance(s, For) for s in walk(b)):
                raise ScheduleError("accumulate_lanes", loop.var, "the loops below it are not perfectly nested")
        return nested(loops, guarded([*mask, *inside], b))

    return substitute(sink(body), {loop.var: at})


def _init(p: _Partial, unroll: int, width: int) -> Body:
    loops, index = _over(p, "init", unroll, width)
    return nested(loops, (Store(p.part.name, index, identity(p.combiner, p.part.dtype)),))


def _combine(p: _Partial, unroll: int, width: int) -> Body:
    """The chains in the first one, then its lanes in the buffer: adding up lanes is what takes long."""
    name, dtype = p.part.name, p.part.dtype
    chains: Body = ()
    if unroll > 1:
        loops, index = _over(p, "sum", unroll - 1, width)
        other, first = (*index[:-2], index[-2] + 1, index[-1]), (*index[:-2], 0, index[-1])
        chains = nested(loops, (Accumulate(name, first, Load(dtype, name, other), p.combiner),))
    loops, index = _over(p, "out", 1, width)
    place = list(p.box.low)
    for d, i in zip(p.kept, index, strict=False):
        place[d] = place[d] + i
    inside = untouched(tuple(place), p.target, p.masks, p.facts.within(spans_of(loops)))
    new = Accumulate(p.target.name, tuple(place), Load(dtype, name, index), p.combiner)
    return (*chains, *nested(loops, guarded([less(a, b) for a, b in inside], (new,))))


def _over(p: _Partial, what: str, unroll: int, width: int) -> tuple[list[For], Shape]:
    name = f"{p.part.name}_{what}"
    window_loops = [For(f"{name}{n}", p.box.size[d], ()) for n, d in enumerate(p.kept)]
    loops = [*window_loops, For(f"{name}_u", unroll, (), "unrolled"), For(f"{name}_l", width, (), "vector")]
    return loops, tuple(Index.symbol(loop.var) for loop in loops)
