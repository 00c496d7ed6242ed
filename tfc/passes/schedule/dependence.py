"""Dependences between iterations: how far apart two accesses of one element can be.

For accesses `A` at iteration `p` and `B` at `q` of the loops of a band, each dim of the index says `A(p) = B(q)`. From
`6*io + ii = 6*io' + ii'` with `ii, ii' < 6` follows `io' - io = 0`, then `ii' - ii = 0`: distances are intervals,
narrowed dim by dim. What cannot be narrowed stays unknown, and the rewrite that asked is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations_with_replacement

from tfc.ir.index import Dim, Index, bounds, linear_in, subs, symbols_of
from tfc.ir.kernel import Body, Buffer, For

from .bounds import Facts, Span, at_least_0
from .nest import Access, accesses, allocated, condition_facts

Interval = tuple[int | None, int | None]
"""Inclusive; None where there is no bound."""
ZERO: Interval = (0, 0)
Distances = dict[str, Interval]


def conflict(a: Access, b: Access, buffers: Mapping[str, Buffer], *, at_once: bool = False) -> bool:
    """Whether the order of two accesses of one element can matter, or (`at_once`) whether they need any order."""
    commute = a.accumulates and a.kind == b.kind and a.buffer == b.buffer and not at_once
    if not (a.writes or b.writes) or commute:
        return False
    return a.buffer == b.buffer or (buffers[a.buffer].alias and buffers[b.buffer].alias)


def conflicts(first: Body, second: Body, buffers: Mapping[str, Buffer]) -> list[tuple[Access, Access]]:
    """Pairs of accesses, one of each body, whose order can matter; buffers that a body allocates are its own."""
    own = allocated(first) | allocated(second)
    left, right = ([a for a in accesses(body) if a.buffer not in own] for body in (first, second))
    of: dict[tuple[str, bool], list[Access]] = {}
    for b in right:
        # What writes meets all accesses, what reads only those that write.
        for a_writes in (True, False) if b.writes else (True,):
            of.setdefault((b.buffer, a_writes), []).append(b)
    pairs = ((a, right if buffers[a.buffer].alias else of.get((a.buffer, a.writes), ())) for a in left)
    return [(a, b) for a, near in pairs for b in near if conflict(a, b, buffers)]


def independent(first: Body, second: Body, buffers: Mapping[str, Buffer], facts: Facts) -> bool:
    """Whether two bodies may change places."""
    return all(distances(a, b, (), facts) is None for a, b in conflicts(first, second, buffers))


def distances(a: Access, b: Access, band: Sequence[For], facts: Facts, *, guarded: bool = False) -> Distances | None:
    """For each loop of the band, iteration of `b` minus iteration of `a` where both touch one element; None if never.

    `facts` are those outside the band. Loops of the accesses that are not in the band run freely in each. If `guarded`,
    the conditions that the accesses stand under are looked at, and digits of indices that these leave no carry.
    """
    names = [loop.var for loop in band]
    found: Distances = {}
    for loop in band:
        last = bounds(loop.extent - 1, facts.ranges)[1]
        found[loop.var] = (None if last is None else -last, last)
    if a.buffer != b.buffer:
        return found
    other = {loop.var: Index.symbol(loop.var + "'") for loop in b.loops if loop.var not in names}
    moved = {v: Index.symbol(v) + Index.symbol(_delta(v)) for v in names}
    spans = (
        *(Span(loop.var, 0, loop.extent - 1) for loop in a.loops),
        *(_primed(loop, {**other, **moved}) for loop in b.loops if loop.var not in names),
    )
    defined = {s.name for s in spans}
    inner = facts.within((*_missing(band, defined), *spans))
    pairs = [(ia, ib) for ia, ib in zip(a.index, b.index, strict=True) if not symbols_of(ia, ib) & facts.opaque]
    if guarded:
        differences = _under_guards(a, b, band, pairs, facts)
        differences = [subs(d, {v + "'": moved[v] for v in names}) for d in differences]
    else:
        differences = [subs(ib, {**other, **moved}) - ia for ia, ib in pairs]
    for _ in range(len(band) + 1):  # each digit of an index is found once those above it are
        before = dict(found)
        if not all(_narrow(d, band, inner, found) for d in differences):
            return None
        if found == before:
            break
    return found


def _under_guards(
    a: Access, b: Access, band: Sequence[For], pairs: Sequence[tuple[Dim, Dim]], facts: Facts
) -> list[Dim]:
    """The differences of indices, the variables of `b` primed, taken apart by what the accesses' conditions say."""
    loops = tuple(dict.fromkeys((*band, *b.loops)))
    names: dict[str, Dim] = {loop.var: Index.symbol(loop.var + "'") for loop in loops}
    said = [fact for g in a.guards for fact in condition_facts(g)]
    said += [subs(fact, names) for g in b.guards for fact in condition_facts(g)]
    known = tuple(fact for fact in said if not symbols_of(fact) & facts.opaque)
    mine = (Span(loop.var, 0, loop.extent - 1) for loop in dict.fromkeys((*band, *a.loops)))
    inner = facts.within((*mine, *(_primed(loop, names) for loop in loops)))
    inner = replace(inner, holds=(*known, *inner.holds))
    return [part for ia, ib in pairs for part in _digits(subs(ib, names) - ia, inner)]


def _digits(x: Dim, facts: Facts) -> list[Dim]:
    """Indices that are all 0 where `x` is: of `1000*r + c` with `-1000 < c < 1000`, both `1000*r` and `c`."""
    terms = x.terms if isinstance(x, Index) else ()
    for step in sorted({abs(c) for monomial, c in terms if monomial and abs(c) > 1}, reverse=True):
        multiples = Index(tuple((monomial, c) for monomial, c in terms if monomial and c % step == 0))
        rest = x - multiples
        if rest != 0 and at_least_0((step - 1) - rest, facts) and at_least_0(rest + (step - 1), facts):
            return [multiples, *_digits(rest, facts)]
    return [x]


def _delta(var: str) -> str:
    return f"{var}''"


def _missing(band: Sequence[For], defined: set[str]) -> Iterable[Span]:
    return (Span(loop.var, 0, loop.extent - 1) for loop in band if loop.var not in defined)


def _primed(loop: For, names: Mapping[str, Dim]) -> Span:
    return Span(loop.var + "'", 0, subs(loop.extent, names) - 1)


def _narrow(difference: Dim, band: Sequence[For], inner: Facts, found: Distances) -> bool:
    """Narrows the distances by `difference == 0`; False where that cannot be."""
    if isinstance(difference, int):
        return difference == 0
    alone = next((loop.var for loop in band if difference == Index.symbol(_delta(loop.var))), None)
    if alone is not None:
        return _intersect_into(found, alone, ZERO)
    deltas = tuple(_delta_span(loop, found[loop.var]) for loop in band)
    facts = inner.within(deltas)
    if at_least_0(difference - 1, facts) or at_least_0(-difference - 1, facts):
        return False
    for loop in band:
        form = linear_in(difference, _delta(loop.var))
        if form is None or form[0] == 0:
            continue
        c, rest = form
        if not at_least_0(c - 1, facts):
            c, rest = -c, -rest
        if not at_least_0(c - 1, facts):
            continue
        if at_least_0(c - 1 - rest, facts) and at_least_0(c - 1 + rest, facts):
            new: Interval = ZERO
        else:
            new = _quotient(rest, c, facts)
        if not _intersect_into(found, loop.var, new):
            return False
    return True


def _intersect_into(found: Distances, var: str, new: Interval) -> bool:
    """Narrows one distance; False where nothing is left of it."""
    low, high = found[var] = _intersect(found[var], new)
    return low is None or high is None or low <= high


def _delta_span(loop: For, known: Interval) -> Span:
    low, high = known
    return Span(_delta(loop.var), 1 - loop.extent if low is None else low, loop.extent - 1 if high is None else high)


def _quotient(rest: Dim, c: Dim, facts: Facts) -> Interval:
    """The interval of `d` with `c*d + rest == 0`."""
    if not isinstance(c, int):
        return (None, None)
    low, high = bounds(rest, facts.ranges)
    return (None if high is None else -(high // c), None if low is None else (-low) // c)


def _intersect(a: Interval, b: Interval) -> Interval:
    lows = [x for x in (a[0], b[0]) if x is not None]
    highs = [x for x in (a[1], b[1]) if x is not None]
    return (max(lows) if lows else None, min(highs) if highs else None)


def carried(loop: For, buffers: Mapping[str, Buffer], facts: Facts) -> tuple[Access, Access] | None:
    """Two accesses by which one iteration of a loop depends on another, or None.

    Accumulations into one element may come in any order, but not at once from the iterations of a parallel loop.
    """
    own = allocated(loop.body)
    uses = {
        (a.buffer, a.index, a.kind, tuple(x.var for x in a.loops), tuple(map(id, a.guards))): a
        for a in accesses(loop.body)
    }
    touched = [a for a in uses.values() if a.buffer not in own]
    for a, b in combinations_with_replacement(touched, 2):
        if not conflict(a, b, buffers, at_once=loop.kind == "parallel") or _of_one_iteration(a, b, loop, facts):
            continue
        for guarded in (False, True):
            between = distances(_inside(a, loop), _inside(b, loop), (loop,), facts, guarded=guarded)
            if between is None or between[loop.var] == ZERO:
                break
        else:
            return a, b
    return None


def _of_one_iteration(a: Access, b: Access, loop: For, facts: Facts) -> bool:
    """Whether some index of both accesses is the same multiple of the loop's variable, plus what it does not change."""
    if a.buffer != b.buffer:
        return False
    inner = facts.opaque.union(x.var for x in (*a.loops, *b.loops))
    for i, j in zip(a.index, b.index, strict=True):
        form = linear_in(i, loop.var)
        if i == j and form is not None and isinstance(form[0], int) and form[0] and not symbols_of(form[1]) & inner:
            return True
    return False


def _inside(a: Access, loop: For) -> Access:
    return Access(a.buffer, a.index, a.kind, (loop, *a.loops), a.guards)
