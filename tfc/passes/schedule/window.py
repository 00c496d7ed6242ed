"""The part of a buffer that statements touch."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from tfc.ir.expr import At, Expr, Prim
from tfc.ir.index import Dim, Index, bounds, linear_in, simplify, subs, symbols_of
from tfc.ir.kernel import Alloc, Body, Buffer, For, Kernel, walk
from tfc.ir.types import Shape

from .bounds import Facts, Span, at_least_0, is_positive, lower, upper
from .dependence import ZERO, distances
from .nest import Access, accesses, bodies_of, condition_facts, conjuncts, facts_at, is_index_condition, spans_of

Masks = tuple[tuple[Dim, Dim], ...]
"""Comparisons `a < b` that hold for the index of every element that is touched; the symbol `#d` is its dim `d`."""


@dataclass(frozen=True)
class Window:
    """Per dim of a buffer the first index touched, the number of indices from there on, and a bound of that number.

    The bound, `size`, is a number where one is known.
    """

    low: Shape
    count: Shape
    size: Shape


def window(uses: Sequence[Access], buffer: Buffer, facts: Facts) -> Window:
    """The least box that holds all accesses, for given values of the names in `facts`.

    A dim in which no box can be shown is taken whole. Conditions are not looked at: under a mask the box may reach
    beyond the buffer.
    """
    boxes = [_box([a.index[d] for a in uses], uses, buffer.shape[d], facts) for d in range(len(buffer.shape))]
    most = [bounds(count, facts.ranges)[1] for _, count in boxes]
    sizes = [count if m is None else m for (_, count), m in zip(boxes, most, strict=True)]
    return Window(tuple(low for low, _ in boxes), tuple(count for _, count in boxes), tuple(sizes))


def _box(indices: Sequence[Dim], uses: Sequence[Access], extent: Dim, facts: Facts) -> tuple[Dim, Dim]:
    whole: tuple[Dim, Dim] = (0, extent)
    lows, highs = list[Dim](), list[Dim]()
    for index, use in zip(indices, uses, strict=True):
        spans = spans_of(use.loops)
        ranges = facts.within(spans).ranges
        low, high = lower(index, spans, ranges), upper(index, spans, ranges)
        if low is None or high is None or symbols_of(index) & facts.opaque:
            return whole
        lows.append(low)
        highs.append(high)
    least, greatest = _least(lows, facts), _least([-h for h in highs], facts)
    if least is None or greatest is None:
        return whole
    size = -greatest - least + 1
    return whole if at_least_0(size - extent, facts) and at_least_0(-least, facts) else (least, size)


def _least(dims: Sequence[Dim], facts: Facts) -> Dim | None:
    best = dims[0]
    for d in dims[1:]:
        if at_least_0(best - d, facts):
            best = d
        elif not at_least_0(d - best, facts):
            return None
    return best


def covered_first(body: Body, buffer: Buffer, box: Window, facts: Facts, *, masks: Masks = ()) -> bool:
    """Whether every element of the window is stored to before anything else is done with it.

    Elements that the masks leave out need no store, nor do those outside of the buffer.
    """
    uses = [a for a in accesses(body) if a.buffer == buffer.name]
    first = uses[:1] if uses and uses[0].kind == "store" else []
    stores = first + [a for a in uses[1:2] if first and a.kind == "store" and a.index == first[0].index]
    return any(_covers(a, buffer, box, masks, facts) and _precedes(a, uses, facts) for a in stores)


def _precedes(first: Access, uses: Sequence[Access], facts: Facts) -> bool:
    """Whether what an access touches was touched by the first one in the same iteration of the loops around both."""
    for use in uses:
        both = [one for one, other in zip(first.loops, use.loops, strict=False) if one == other]
        between = distances(first, use, both, facts)
        if between is not None and any(d != ZERO for d in between.values()):
            return False
    return True


def _covers(a: Access, buffer: Buffer, box: Window, masks: Masks, facts: Facts) -> bool:
    room = {extent - 1 - i for extent, i in zip(buffer.shape, a.index, strict=True)}
    for c in (c for g in a.guards for c in conjuncts(g)):
        inside = is_index_condition(c) and room.issuperset(condition_facts(c))
        if not inside and _said_of_element(c, a) not in masks:
            return False
    loops = {loop.var: loop.extent for loop in a.loops}
    if any(symbols_of(extent) & loops.keys() for extent in loops.values()):
        return False
    used = list[str]()
    for index, low, size in zip(a.index, box.low, box.count, strict=True):
        names = _radix(simplify(index - low, facts.ranges), size, loops)
        if names is None:
            return False
        used += names
    idle = [extent for v, extent in loops.items() if v not in used]
    return len(set(used)) == len(used) and all(is_positive(extent, facts) for extent in idle)


def _radix(x: Dim, size: Dim, loops: dict[str, Dim]) -> list[str] | None:
    """The loops whose variables, as digits of a number, run through 0 to below `size` at least; None where not."""
    used = list[str]()
    step: Dim = 1
    left = sorted((v for v in symbols_of(x) if v in loops), key=lambda v: (loops[v] != 1, v))
    while left:
        v = next((v for v in left if (form := linear_in(x, v)) is not None and form[0] == step), None)
        if v is None:
            return None
        form = linear_in(x, v)
        assert form is not None
        x, step = form[1], step * loops[v]
        left.remove(v)
        used.append(v)
    enough = step == size or (isinstance(step, int) and isinstance(size, int) and step > size)
    return used if x == 0 and enough else None


def all_spans(body: Body) -> tuple[Span, ...]:
    """Spans of all loops of a body: their names differ, so one set serves all of its statements."""
    return spans_of(s for s in walk(body) if isinstance(s, For))


def out_of_bounds(index: Shape, shape: Shape, facts: Facts) -> list[tuple[Dim, Dim]]:
    """The comparisons `a < b` that must hold for an index to be inside, and cannot be shown."""
    pairs: list[tuple[Dim, Dim]] = []
    for i, extent in zip(index, shape, strict=True):
        if not at_least_0(i, facts):
            pairs.append((-1, i))
        if not at_least_0(extent - 1 - i, facts):
            pairs.append((i, extent))
    return pairs


def masks_of(uses: Sequence[Access], unknown: Set[str]) -> Masks:
    """The conditions that all accesses stand under, as far as they can be said of the element's index.

    From `if 8*jo + ji < n { t[8*jo + ji] .. }` it follows that no element beyond `n` is touched. Conditions on names
    that are `unknown` outside of the accesses' statements, or mean something else there, are left out.
    """
    conditions = [[c for g in use.guards for c in conjuncts(g)] for use in uses]
    each = [
        dict.fromkeys(
            pair for c in some if (pair := _said_of_element(c, use)) is not None and not (symbols_of(*pair) & unknown)
        )
        for some, use in zip(conditions, uses, strict=True)
    ]
    return tuple(pair for pair in each[0] if all(pair in other for other in each))


def _said_of_element(condition: Expr, use: Access) -> tuple[Dim, Dim] | None:
    match condition:
        case Prim(op="lt", args=(At(index=a), At(index=b))):
            pass
        case _:
            return None
    inner = {loop.var for loop in use.loops}
    for v in sorted(symbols_of(a, b) & inner):
        forms = ((d, linear_in(i, v)) for d, i in enumerate(use.index))
        found = next(((d, form[1]) for d, form in forms if form is not None and form[0] == 1), None)
        if found is not None:
            value = {v: Index.symbol(f"#{found[0]}") - found[1]}
            a, b = subs(a, value), subs(b, value)
    return None if symbols_of(a, b) & inner else (a, b)


def untouched(place: Shape, buffer: Buffer, masks: Masks, facts: Facts) -> list[tuple[Dim, Dim]]:
    """The comparisons that tell elements that may be touched from others, at an index: bounds and masks."""
    here = {f"#{d}": i for d, i in enumerate(place)}
    pairs = [(subs(a, here), subs(b, here)) for a, b in masks]
    return [*out_of_bounds(place, buffer.shape, facts), *(p for p in pairs if not at_least_0(p[1] - p[0] - 1, facts))]


def known_written(k: Kernel, buffer: Buffer, first: Access, box: Window, masks: Masks, facts: Facts) -> bool:
    """Whether all of a window, under its masks, holds values where the statements of the first access to it begin."""
    if buffer.role not in ("local", "out"):
        return True
    return (first.kind != "store" and _covers(first, buffer, box, masks, facts)) or filled_first(k, buffer)


def filled_first(k: Kernel, b: Buffer) -> bool:
    """Whether a buffer that starts undefined is filled before anything else is done with it."""
    homes = [body for body in bodies_of(k.body) if any(isinstance(s, Alloc) and s.buffer == b for s in body)]
    box = Window(tuple(0 for _ in b.shape), b.shape, b.shape)
    return any(covered_first(body, b, box, facts_at(k, ())) for body in ([k.body] if b.role == "out" else homes))
