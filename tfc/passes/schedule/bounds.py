"""Bounds of indices over loops whose extents are symbols: what interval arithmetic on numbers cannot show.

A loop variable is eliminated by putting its first or last value in its place, whichever makes the index smaller; so
`n - 1 - (6*io + ii)` with `ii < 6` and `io < floordiv(n, 6)` comes down to `n - 6*floordiv(n, 6)`, which is at least 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from tfc.ir.index import Atom, Dim, Index, Ranges, bounds, floordiv, linear_in, mod, product
from tfc.ir.lazy import Lazy

DEPTH = 8
"""Calls of functions in an index that are bounded one after another."""
TRIES = 16
"""Bounds of an index that are looked at: each call of min or max has up to three."""


@dataclass(frozen=True)
class Span:
    """A variable and its first and last value."""

    name: str
    low: Dim
    high: Dim


@dataclass(frozen=True)
class Facts:
    """Spans of variables (one's ends may use those before it), indices known to be at least 0, names of any value."""

    spans: tuple[Span, ...]
    holds: tuple[Dim, ...] = ()
    opaque: frozenset[str] = frozenset()

    @Lazy
    def _hash(self) -> int:
        return hash((self.spans, self.holds, self.opaque))

    def __hash__(self) -> int:
        return self._hash

    @Lazy
    def ranges(self) -> Ranges:
        """The spans as numbers, where they have such."""
        return _with_spans(dict.fromkeys(self.opaque, (None, None)), self.spans)

    def within(self, spans: Iterable[Span]) -> Facts:
        """The same with further, inner spans."""
        further = tuple(spans)
        inner = Facts((*self.spans, *further), self.holds, self.opaque)
        vars(inner)["ranges"] = _with_spans(dict(self.ranges), further)
        return inner


def _with_spans(ranges: dict[str, tuple[int | None, int | None]], spans: Iterable[Span]) -> Ranges:
    """Ranges to which those of spans were added."""
    for s in spans:
        ranges[s.name] = (bounds(s.low, ranges)[0], bounds(s.high, ranges)[1])
    return ranges


def lower(x: Dim, spans: Iterable[Span], ranges: Ranges) -> Dim | None:
    """A dim without the spans' names that `x` is never below; None where none is found."""
    return next(_lower(x, tuple(spans), ranges), None)


def _lower(x: Dim, spans: tuple[Span, ...], ranges: Ranges) -> Iterator[Dim]:
    """Such dims; of the smaller of two dims, or the larger, both are tried."""
    if isinstance(x, int) or not spans:
        yield x
    elif spans[-1].name not in x.symbols:
        yield from _lower(x, spans[:-1], ranges)
    else:
        for below in _eliminate(x, spans[-1], ranges):
            yield from _lower(below, spans[:-1], ranges)


def upper(x: Dim, spans: Iterable[Span], ranges: Ranges) -> Dim | None:
    """A dim without the spans' names that `x` is never above; None where none is found."""
    below = lower(-x, spans, ranges)
    return None if below is None else -below


def _eliminate(x: Index, span: Span, ranges: Ranges) -> Iterator[Dim]:
    whole = linear_in(x, span.name)
    forms = (whole,) if whole is not None else (linear_in(free, span.name) for free in _free(x, ranges, span.name))
    for form in forms:
        if form is None:
            continue
        c, rest = form
        low, high = bounds(c, ranges)
        if low is not None and low >= 0:
            yield c * span.low + rest
        elif high is not None and high <= 0:
            yield c * span.high + rest


def _free(x: Dim, ranges: Ranges, name: str | None = None, depth: int = DEPTH) -> Iterator[Dim]:
    """Dims not above `x` in which no function is called (of `name`, if one is given)."""
    if isinstance(x, int):
        yield x
        return
    x = _without_mod(x, name)
    calls = [(m, c, a) for m, c in _terms(x) for a in m if _is_call(a, name)]
    if not calls:
        yield x
    elif depth:
        monomial, c, atom = calls[0]
        others = list(monomial)
        others.remove(atom)
        for bound in _below_call(c * product(map(_symbol, others)), atom, ranges):
            yield from _free(x - Index(((monomial, c),)) + bound, ranges, name, depth - 1)


def _terms(x: Dim) -> tuple[tuple[tuple[Atom, ...], int], ...]:
    return x.terms if isinstance(x, Index) else ()


def _symbol(atom: Atom) -> Index:
    return Index((((atom,), 1),))


def _is_call(atom: Atom, name: str | None) -> bool:
    return not atom.is_symbol and (name is None or name in _symbol(atom).symbols)


def _without_mod(x: Index, name: str | None) -> Dim:
    """`mod(a, b)` as `a - b*floordiv(a, b)`, so that it cancels against its quotient."""
    total: Dim = x
    for monomial, c in x.terms:
        for atom in monomial:
            if atom.name == "mod" and _is_call(atom, name):
                rest = list(monomial)
                rest.remove(atom)
                a, b = atom.args
                new = c * product(map(_symbol, rest)) * (a - b * floordiv(a, b))
                total = total - Index(((monomial, c),)) + new
                break
    return total


def _below_call(c: Dim, atom: Atom, ranges: Ranges) -> Iterator[Dim]:
    """Dims not above `c * atom`, the likeliest first."""
    low, high = bounds(c, ranges)
    positive = low is not None and low >= 0
    if not positive and (high is None or high > 0):
        return
    if atom.name == "floordiv" and mod(c, atom.args[1]) == 0:
        a, b = atom.args
        quotient = floordiv(c, b)
        yield quotient * (a - b + 1) if positive else quotient * a
        return
    number = bounds(_symbol(atom), ranges)[0 if positive else 1]
    if number is not None:
        yield c * number
    if (atom.name == "min" and not positive) or (atom.name == "max" and positive):
        yield from (c * a for a in atom.args)


@lru_cache(1 << 12)
def at_least_0(x: Dim, facts: Facts) -> bool:
    """Whether `x >= 0` can be shown, by the spans alone or with one of the facts."""
    return any(_spans_show(x - fact, facts) for fact in (0, *facts.holds))


def _spans_show(x: Dim, facts: Facts) -> bool:
    low = bounds(x, facts.ranges)[0]
    if low is not None and low >= 0:
        return True
    found = (free for below in _lower(x, facts.spans, facts.ranges) for free in _free(below, facts.ranges))
    lows = (bounds(free, facts.ranges)[0] for free in islice(found, TRIES))
    return any(low is not None and low >= 0 for low in lows)


def is_positive(extent: Dim, facts: Facts) -> bool:
    """Whether a loop of that extent can be shown to run; of the smaller of two dims, by both."""
    match extent:
        case Index(terms=((((Atom(name="min", args=args),), 1)),)):
            return all(is_positive(a, facts) for a in args)
    return at_least_0(extent - 1, facts)


def divisors_in(x: Dim) -> tuple[int, ...]:
    """The numbers by which quotients in an index are divided: times one of them, its quotients can be bounded."""
    calls = (atom for monomial, _ in _terms(x) for atom in monomial if atom.name == "floordiv")
    return tuple(dict.fromkeys(b for atom in calls for b in atom.args[1:] if isinstance(b, int)))
