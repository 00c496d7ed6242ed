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
    new = tuple([part for s in body for part in _statement(s, facts)])
    same = len(new) == len(body) and all(a is b for a, b in zip(new, body, strict=True))
    return body if same else new


def _statement(s: Stmt, facts: Facts) -> Body:
    if isinstance(s, For):
        return _loop(s, facts)
    if isinstance(s, If):
        return _condition(s, facts)

    def expr(e: Expr) -> Expr:
        if isinstance(e, At):
            at = simplify(e.index, facts.ranges)
            return e if at is e.index else At(at)
        if isinstance(e, Load):
            index = tidy(e.index, facts)
            return e if index == e.index else replace(e, index=index)
        return e

    if isinstance(s, (Store, Accumulate)):
        index, value = tidy(s.index, facts), map_expr(s.value, expr)
        return (s if index == s.index and value is s.value else replace(s, index=index, value=value),)
    if isinstance(s, Let):
        value = map_expr(s.value, expr)
        return (s if value is s.value else replace(s, value=value),)
    if isinstance(s, Check):
        return (replace(s, condition=map_expr(s.condition, expr)),)
    return (s,)


def _loop(s: For, facts: Facts) -> Body:
    extent = simplify(s.extent, facts.ranges)
    if extent == 0:
        return ()
    if extent == 1:
        return _body(substitute(s.body, {s.var: 0}), facts)
    s = s if extent == s.extent else replace(s, extent=extent)
    inner = facts.within(spans_of((s,)))
    if not isinstance(extent, int):
        inner = replace(inner, holds=(*inner.holds, extent - 1))
    body = _body(s.body, inner)
    if not body:
        return ()
    return (s if body is s.body else s.around(body),)


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
