"""Rewrites of the order of iterations: split, reorder, distribute, merge, and the kinds of loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from tfc.ir.expr import Expr
from tfc.ir.index import Dim, Index, floordiv, minimum, mod, symbols_of
from tfc.ir.kernel import KINDS, Alloc, Body, For, If, Kernel, Let, Stmt, substitute, walk

from .bounds import at_least_0, divisors_in
from .dependence import ZERO, Distances, carried, conflicts, distances, independent
from .nest import (
    Access,
    ScheduleError,
    body_symbols,
    buffer_table,
    check_free,
    expr_symbols,
    facts_at,
    guarded,
    has_barrier,
    has_loads,
    less,
    locate,
    map_bodies,
    rename_var,
    renamed_copy,
    replace_loop,
)

Tail = Literal["exact", "mask", "short", "peel", "peel_loop"]
_FREE_KINDS = ("vector", "parallel", "grid", "block", "lane")


def split(
    k: Kernel, var: str, factor: int, *, outer: str, inner: str, tail: Tail = "exact", suffix: str = "_tail"
) -> Kernel:
    """A loop as tiles of `factor` iterations; the outer loop keeps the kind.

        for i < n { S(i) }
        -> for io < floordiv(n, 4) { for ii < 4 { S(4*io + ii) } }                                 exact
        -> for io < floordiv(n + 3, 4) { for ii < 4 { if 4*io + ii < n { S(4*io + ii) } } }        mask
        -> for io < floordiv(n + 3, 4) { for ii < min(4, n - 4*io) { S(4*io + ii) } }              short
        -> for io < floordiv(n, 4) { for ii < 4 { S(4*io + ii) } }                                 peel
           for ii_tail < 4 { if 4*floordiv(n, 4) + ii_tail < n { S(4*floordiv(n, 4) + ii_tail) } }

    `exact` needs a factor that provably divides. The second copy of `peel` has a static extent and a mask, that of
    `peel_loop` runs `mod(n, 4)` times without one; every name of the copy ends in the suffix.
    """
    loop = locate(k, var, "split").loop
    if factor < 1 or loop.kind == "vector":
        raise ScheduleError("split", var, f"the factor must be positive, got {factor}, and the loop no vector")
    check_free(k, "split", var, (outer, inner))
    whole, rest = floordiv(loop.extent, factor), mod(loop.extent, factor)
    if tail == "exact" and rest != 0:
        raise ScheduleError("split", var, f"{factor} does not provably divide {loop.extent}; choose another tail")
    o, i = Index.symbol(outer), Index.symbol(inner)
    body = substitute(loop.body, {var: o * factor + i})
    extent: Dim = factor
    if tail in ("mask", "short") and rest != 0:
        whole = floordiv(loop.extent + (factor - 1), factor)
    if tail == "mask" and rest != 0:
        body = guarded([less(o * factor + i, loop.extent)], body)
    elif tail == "short" and rest != 0:
        extent = minimum(factor, loop.extent - o * factor)
    main = replace(loop, var=outer, extent=whole, body=(For(inner, extent, body),))
    if not tail.startswith("peel") or rest == 0:
        return replace_loop(k, var, lambda _: (main,))
    remaining = _tail_copy(k, loop, factor, inner + suffix, suffix, masked=tail == "peel")
    return replace_loop(k, var, lambda _: (main, remaining))


def _tail_copy(k: Kernel, loop: For, factor: int, inner: str, suffix: str, *, masked: bool) -> For:
    at = floordiv(loop.extent, factor) * factor + Index.symbol(inner)
    body = renamed_copy(k, loop.body, suffix, "split", loop.var)
    body = substitute(body, {loop.var: at})
    if masked:
        return For(inner, factor, guarded([less(at, loop.extent)], body))
    return For(inner, mod(loop.extent, factor), body)


def cut(k: Kernel, var: str, at: Dim, *, suffix: str = "_tail") -> Kernel:
    """A loop as its first `at` iterations and the others; every name of the second part ends in the suffix.

        for i < n { S(i) }  ->  for i < m { S(i) }  for i_tail < n - m { S(m + i_tail) }

    `simplify_kernel` then drops the conditions that hold in all of the first part, as do those of whole tiles.
    """
    place = locate(k, var, "cut")
    loop, facts = place.loop, facts_at(k, place.outer, place.guards)
    rest = loop.extent - at
    if not at_least_0(at, facts) or not any(at_least_0(rest * m, facts) for m in (1, *divisors_in(rest))):
        raise ScheduleError("cut", var, f"{at} is not known to be one of 0 to {loop.extent}")
    second = var + suffix
    check_free(k, "cut", var, [second])
    body = substitute(renamed_copy(k, loop.body, suffix, "cut", var), {var: Index.symbol(second) + at})
    both = (replace(loop, extent=at), replace(loop, var=second, extent=rest, body=body))
    return replace_loop(k, var, lambda _: both)


def reorder(k: Kernel, order: Sequence[str]) -> Kernel:
    """Perfectly nested loops in another order.

        for i < n { for j < m { S } }  ->  for j < m { for i < n { S } }

    Conditions on indices that stand between or inside the loops go to where their variables are known. Refused where
    a dependence would turn round; accumulations with one combiner may come in any order.
    """
    places = [locate(k, v, "reorder") for v in order]
    top = min(places, key=lambda p: len(p.outer))
    where = ", ".join(order)
    chain, guards, body = _chain(top.loop, set(order), where)
    facts = facts_at(k, top.outer, top.guards)
    new = [next(c for c in chain if c.var == v) for v in order]
    for n, loop in enumerate(new):
        if symbols_of(loop.extent) & {c.var for c in new[n:]}:
            raise ScheduleError("reorder", where, f"the extent of {loop.var} depends on a loop that would be inside")
    for a, b in conflicts(body, body, buffer_table(k)):
        band = [_in_band(x, chain) for x in (a, b)]
        between = distances(band[0], band[1], chain, facts)
        if between is not None and not _keeps_order(between, chain, new):
            raise ScheduleError("reorder", where, f"{b.kind} of {b.buffer} depends on another iteration's {a.kind}")
    k = replace_loop(k, top.loop.var, lambda _: _placed(new, guards, body))
    for loop in new:
        check_independent(k, loop.var, "reorder")
    return k


def _in_band(a: Access, band: Sequence[For]) -> Access:
    return replace(a, loops=(*band, *a.loops))


def _chain(loop: For, wanted: set[str], where: str) -> tuple[list[For], list[Expr], Body]:
    """The loops down from one, the conditions between and inside them, the body of the innermost."""
    chain, guards = [loop], list[Expr]()
    body = loop.body
    while True:
        match body:
            case (For() as inner,) if inner.var in wanted:
                chain.append(inner)
                body = inner.body
            case (If(condition=condition, then=then, orelse=()),) if not has_loads(condition):
                guards.append(condition)
                body = then
            case _:
                break
    if {c.var for c in chain} != wanted:
        raise ScheduleError("reorder", where, f"the loops are not perfectly nested inside {chain[-1].var}")
    if has_barrier(body):
        raise ScheduleError("reorder", where, "there is a barrier inside")
    return chain, guards, body


def _keeps_order(between: Distances, old: Sequence[For], new: Sequence[For]) -> bool:
    """Whether iterations that far apart come in the same order in both nests."""
    moving = [loop.var for loop in old if between[loop.var] != ZERO]
    if len(moving) <= 1 or moving == [loop.var for loop in new if loop.var in moving]:
        return True
    exact = {v: low for v, (low, high) in between.items() if low is not None and low == high}
    if any(v not in exact for v in moving):
        return False
    first_old, first_new = (next(exact[c.var] for c in nest if c.var in moving) for nest in (old, new))
    return (first_old > 0) == (first_new > 0)


def _placed(order: Sequence[For], guards: Sequence[Expr], body: Body) -> Body:
    """Loops with each condition just inside the last loop that it speaks of."""
    names = [loop.var for loop in order]

    def depth(condition: Expr) -> int:
        used = expr_symbols(condition)
        return max((n for n, v in enumerate(names) if v in used), default=0)

    for n in reversed(range(len(order))):
        body = (replace(order[n], body=guarded([g for g in guards if depth(g) == n], body)),)
    return body


def distribute(k: Kernel, var: str, at: int, *, second: str) -> Kernel:
    """A loop cut in two before statement `at` of its body; the later loop is named `second`.

        for i < n { S(i)  T(i) }  ->  for i < n { S(i) }  for i2 < n { T(i2) }

    Refused where `S` of a later iteration touches what `T` of an earlier one must see first.
    """
    place = locate(k, var, "distribute")
    loop = place.loop
    first, last = loop.body[:at], loop.body[at:]
    check_free(k, "distribute", var, [second])
    shared = {s.name for s in first if isinstance(s, Let)} & body_symbols(last)
    allocates = any(isinstance(s, Alloc) for s in first)
    if not first or not last or shared or allocates or has_barrier(loop.body):
        why = "both parts need statements; names of both, allocations and barriers stay whole"
        raise ScheduleError("distribute", var, why)
    facts = facts_at(k, place.outer, place.guards)
    for a, b in conflicts(first, last, buffer_table(k)):
        between = distances(_in_band(a, [loop]), _in_band(b, [loop]), (loop,), facts)
        low = 0 if between is None else between[var][0]
        if low is None or low < 0:
            raise ScheduleError("distribute", var, f"{a.buffer} is touched again by a later iteration")
    later = replace(loop, var=second, body=rename_var(last, var, second))
    return replace_loop(k, var, lambda _: (replace(loop, body=first), later))


def merge(k: Kernel, first: str, second: str) -> Kernel:
    """Two sibling loops of equal extent as one, which keeps the name of the first.

        for i < n { S(i) }  for j < n { T(j) }  ->  for i < n { S(i)  T(i) }

    What `T(i)` touches, `S` must have left by iteration `i`: shown by the indices. Statements between the two are moved
    before the loop, or after it where they depend on its first part only.
    """
    place, other = locate(k, first, "merge"), locate(k, second, "merge")
    one, two = place.loop, other.loop
    if (
        first == second
        or one.extent != two.extent
        or one.kind != two.kind
        or has_barrier(one.body)
        or has_barrier(two.body)
    ):
        raise ScheduleError("merge", f"{first}, {second}", f"extents {one.extent}, {two.extent} or kinds differ")
    buffers, facts = buffer_table(k), facts_at(k, place.outer, place.guards)
    body = rename_var(two.body, second, first)
    for a, b in conflicts(one.body, body, buffers):
        between = distances(_in_band(a, [one]), _in_band(b, [one]), (one,), facts)
        low = 0 if between is None else between[first][0]
        if low is None or low < 0:
            why = f"{second} touches {b.buffer}{list(map(str, b.index))} before {first} has left it"
            raise ScheduleError("merge", f"{first}, {second}", why)
    merged = replace(one, body=(*one.body, *body))
    found: list[Body] = []

    def join(siblings: Body) -> Body:
        if one not in siblings or two not in siblings:
            return siblings
        i, j = siblings.index(one), siblings.index(two)
        if i > j:
            return siblings
        between = siblings[i + 1 : j]
        before, after = _moved_aside(one, two, between, lambda x, y: independent((x,), (y,), buffers, facts))
        found.append(after)
        return (*siblings[:i], *before, merged, *after, *siblings[j + 1 :])

    out = replace(k, body=map_bodies(k.body, join))
    if not found:
        raise ScheduleError("merge", f"{first}, {second}", "they are not siblings, the first before the second")
    check_independent(out, first, "merge")
    return out


def _moved_aside(one: For, two: For, between: Body, free: Callable[[Stmt, Stmt], bool]) -> tuple[Body, Body]:
    """The statements between two loops, parted into those that can go before the first and those after the second."""
    before, after = list[Stmt](), list[Stmt]()
    for s in between:
        if isinstance(s, Alloc) or all(free(x, s) for x in (one, *after)):
            before.append(s)
        elif free(s, two) and not isinstance(s, Let):
            after.append(s)
        else:
            raise ScheduleError("merge", f"{one.var}, {two.var}", f"a {type(s).__name__} between them can not be moved")
    return tuple(before), tuple(after)


def unroll(k: Kernel, var: str) -> Kernel:
    """for i < 4 { S }  ->  for i < 4 unrolled { S }. The extent must be static."""
    return bind(k, var, "unrolled")


def vectorise(k: Kernel, var: str) -> Kernel:
    """for i < 8 { S }  ->  for i < 8 vector { S }. Innermost, of static extent, its iterations independent."""
    return bind(k, var, "vector")


def parallelise(k: Kernel, var: str) -> Kernel:
    """for i < n { S }  ->  for i < n parallel { S }. Its iterations must be independent."""
    return bind(k, var, "parallel")


def bind(k: Kernel, var: str, kind: str) -> Kernel:
    """A loop run in another way; the kinds that need it are refused where one iteration depends on another."""
    loop = locate(k, var, kind).loop
    if kind not in KINDS:
        raise ScheduleError("bind", var, f"{kind} is none of {', '.join(KINDS)}")
    if kind in ("unrolled", "vector") and not isinstance(loop.extent, int):
        raise ScheduleError(kind, var, f"the extent {loop.extent} is not static")
    if kind == "vector" and any(isinstance(s, (For, Alloc)) for s in walk(loop.body)):
        raise ScheduleError(kind, var, "it is not innermost, or allocates")
    k = replace_loop(k, var, lambda x: (replace(x, kind=kind),))
    check_independent(k, var, kind)
    return k


def check_independent(k: Kernel, var: str, rewrite: str) -> None:
    """Raises ScheduleError where a loop's kind needs independent iterations and they cannot be shown to be."""
    place = locate(k, var, rewrite)
    if place.loop.kind not in _FREE_KINDS:
        return
    bad = carried(place.loop, buffer_table(k), facts_at(k, place.outer, place.guards))
    if bad is not None:
        what = " and ".join(f"{a.kind} {a.buffer}[{', '.join(map(str, a.index))}]" for a in bad)
        raise ScheduleError(rewrite, var, f"iterations may depend on each other: {what}")
