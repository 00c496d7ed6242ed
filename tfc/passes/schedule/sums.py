"""Sums of windows in a kernel: a nest that fills an array and one that adds to it over several loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tfc.ir.expr import Expr, Load, Prim
from tfc.ir.index import Dim, Index, linear_in, symbol_name, symbols_of
from tfc.ir.kernel import Accumulate, Alloc, Body, For, If, Kernel, Store, subexprs

from .gemm import along, factor
from .nest import conjuncts, expr_symbols, is_index_condition, perfect_nest


@dataclass(frozen=True)
class Sums:
    """`c[.., r, j] add= value` over several loops, by any combiner, and the nest before it that fills c."""

    c: str
    loads: tuple[Load, ...]
    """What it reads; of a product the two factors, the second along j."""
    rows: tuple[str, ...]
    j: str
    over: tuple[str, ...]
    around: tuple[str, ...]
    """The loop over groups, outside of j, where both go along the last dim of c."""
    zero_rows: tuple[str, ...]
    zero_j: str
    guards: tuple[frozenset[str], ...] = ()
    """The names in each condition under which it adds: what lies in padding is no part of a sum."""


def find_contraction(k: Kernel) -> Sums | None:
    """The sum of products over several loops that a kernel begins with; None where there is none, or a dim is 0."""
    nests = _first_nests(k)
    found = None if nests is None else _find(*nests, ("add",))
    if found is None:
        return None
    g, value = found
    match value:
        case Prim(op="mul", args=(left, right)):
            factors = factor(left), factor(right)
        case _:
            return None
    for a, b in (factors, factors[::-1]):
        if a is not None and b is not None and along(b, g.j) and (along(a, g.j) or g.j not in symbols_of(*a.index)):
            return replace(g, loads=(a, b))
    return None


def find_windows(k: Kernel) -> Sums | None:
    """What a kernel begins with if it puts together, by any combiner, the elements of windows, channel by channel."""
    nests = _first_nests(k)
    return None if nests is None else windows_of(*nests)


def windows_of(zero: For, product: For) -> Sums | None:
    """What two nests put together of windows; None where they do something else."""
    found = _find(zero, product, ("add", "mul", "min", "max", "and", "or"))
    if found is None:
        return None
    g, value = found
    loads = tuple(e for e in subexprs(value) if isinstance(e, Load))
    if not g.over or g.around or any(g.j in symbols_of(*x.index[:-1]) for x in loads):
        return None
    slide = any(symbols_of(i) & set(g.rows) and symbols_of(i) & set(g.over) for x in loads for i in x.index)
    side_by_side = all(form is not None and form[0] in (0, 1) for x in loads for form in [linear_in(x.index[-1], g.j)])
    return replace(g, loads=loads) if slide and side_by_side else None


def _first_nests(k: Kernel) -> tuple[For, For] | None:
    nests = [s for s in k.body if isinstance(s, For)]
    if len(nests) < 2 or any(not isinstance(s, (For, Alloc)) for s in k.body):
        return None
    return nests[0], nests[1]


def _find(first: For, second: For, combiners: Sequence[str]) -> tuple[Sums, Expr] | None:
    """The loops of two nests, without what is read, and what is added up."""
    zero, product = perfect_nest(first), perfect_nest(second)
    conditions, body = _under_conditions(product[-1].body)
    match zero[-1].body, body:
        case (Store(buffer=c, index=start),), (Accumulate(buffer=same, index=at, combiner=combiner, value=value),) if (
            c == same and combiner in combiners and at
        ):
            pass
        case _:
            return None
    if any(loop.extent == 0 for loop in product):
        return None
    places = dict(zip(map(symbol_name, at[:-1]), map(symbol_name, start), strict=False))
    zero_j, columns = symbol_name(start[-1]), _columns(at[-1], product)
    if zero_j is None or columns is None:
        return None
    *group, j = columns
    loops = [loop.var for loop in product]
    rows = tuple(v for v in loops if v in places)
    over = tuple(v for v in loops if v not in places and v not in columns)
    apart = any(i != start[d] for d, i in enumerate(at[:-1]) if not symbols_of(i) & set(loops))
    if not rows or len(rows) + 1 != len(zero) or symbols_of(*at[:-1]) & set(loops) != set(rows) or apart:
        return None
    zero_rows, guards = (str(places[v]) for v in rows), (expr_symbols(e) for e in conditions)
    return Sums(c, (), rows, j, over, tuple(group), tuple(zero_rows), zero_j, tuple(guards)), value


def _under_conditions(body: Body) -> tuple[list[Expr], Body]:
    """The conditions on indices around statements, and these."""
    found: list[Expr] = []
    while len(body) == 1 and isinstance(s := body[0], If) and not s.orelse and is_index_condition(s.condition):
        found += conjuncts(s.condition)
        body = s.then
    return found, body


def _columns(last: Dim, loops: Sequence[For]) -> tuple[str, ...] | None:
    """The loops that go along the last dim of a result: one, or one over groups and one inside of each."""
    extents = {loop.var: loop.extent for loop in loops if loop.var in symbols_of(last)}
    for j, extent in extents.items():
        around = [v for v in extents if v != j]
        place = Index.symbol(j) + (Index.symbol(around[0]) * extent if around else 0)
        if len(around) <= 1 and last == place:
            return (*around, j)
    return None
