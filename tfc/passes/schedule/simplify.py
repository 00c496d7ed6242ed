"""Cleaning up what the other rewrites leave: indices, loops and conditions that the known ranges decide."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

from tfc.ir.expr import At, Expr, Load, prim
from tfc.ir.index import simplify
from tfc.ir.kernel import Accumulate, Body, Check, For, If, Kernel, Let, Stmt, Store, map_expr, substitute

from .bounds import Facts, at_least_0
from .nest import condition_facts, conjuncts, facts_at, is_index_condition, spans_of, tidy


def simplify_kernel(k: Kernel) -> Kernel:
    """Indices simplified, loops of one iteration and decided conditions replaced by their bodies, empty loops dropped.

    for i < 1 { for j < 8 { if 8*i + j < 8 { y[floordiv(8*i + j, 8), mod(j, 8)] = 0.0 } } }
    -> for j < 8 { y[0, j] = 0.0 }
    """
    return replace(k, body=_body(k.body, facts_at(k, ())))


def _body(body: Body, facts: Facts) -> Body:
    return tuple(new for s in body for new in _statement(s, facts))


def _statement(s: Stmt, facts: Facts) -> Body:
    if isinstance(s, For):
        return _loop(s, facts)
    if isinstance(s, If):
        return _condition(s, facts)

    def expr(e: Expr) -> Expr:
        if isinstance(e, At):
            return At(simplify(e.index, facts.ranges))
        return replace(e, index=tidy(e.index, facts)) if isinstance(e, Load) else e

    if isinstance(s, (Store, Accumulate)):
        return (replace(s, index=tidy(s.index, facts), value=map_expr(s.value, expr)),)
    if isinstance(s, Let):
        return (replace(s, value=map_expr(s.value, expr)),)
    if isinstance(s, Check):
        return (replace(s, condition=map_expr(s.condition, expr)),)
    return (s,)


def _loop(s: For, facts: Facts) -> Body:
    extent = simplify(s.extent, facts.ranges)
    if extent == 0:
        return ()
    if extent == 1:
        return _body(substitute(s.body, {s.var: 0}), facts)
    s = replace(s, extent=extent)
    inner = facts.within(spans_of((s,)))
    runs = () if isinstance(extent, int) else (extent - 1,)
    body = _body(s.body, replace(inner, holds=(*inner.holds, *runs)))
    return (replace(s, body=body),) if body else ()


def _condition(s: If, facts: Facts) -> Body:
    parts = [c for c in conjuncts(s.condition) if not _always(c, facts)]
    if not parts:
        return _body(s.then, facts)
    if any(at_least_0(-fact - 1, facts) for c in parts for fact in condition_facts(c)):
        return _body(s.orelse, facts)
    condition = reduce(lambda a, b: prim("and", a, b), parts)
    under = replace(facts, holds=(*condition_facts(condition), *facts.holds))
    then, orelse = _body(s.then, under), _body(s.orelse, facts)

    def expr(e: Expr) -> Expr:
        return At(simplify(e.index, facts.ranges)) if isinstance(e, At) else e

    new = replace(s, condition=map_expr(condition, expr), then=then, orelse=orelse)
    return (new,) if then or orelse else ()


def _always(condition: Expr, facts: Facts) -> bool:
    return is_index_condition(condition) and all(at_least_0(f, facts) for f in condition_facts(condition))
