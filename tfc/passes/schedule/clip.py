"""Conditions on a loop's variable as bounds of the loop, or decided at its ends, so that none is left in the middle."""

from __future__ import annotations

from dataclasses import replace

from tfc.ir.index import Dim, Index, floordiv, linear_in, maximum, minimum
from tfc.ir.kernel import Body, For, If, Kernel, substitute

from .nest import ScheduleError, condition_facts, is_index_condition, locate, renamed_copy, replace_loop


def clip(k: Kernel, var: str) -> Kernel:
    """The conditions that are the body of a loop as its bounds.

    for j < 5 { if i + j >= 2 { if i + j < 9 { S(j) } } }
    -> for j < max(0, min(5, 9 - i) - max(0, 2 - i)) { S(j + max(0, 2 - i)) }
    """
    loop = locate(k, var, "clip").loop
    low, high, body = _bounds(loop)
    new = replace(loop, extent=maximum(high - low, 0), body=substitute(body, {var: Index.symbol(var) + low}))
    return replace_loop(k, var, lambda _: (new,))


def _bounds(loop: For) -> tuple[Dim, Dim, Body]:
    """The first iteration that meets the conditions, the last but one, and what they guard."""
    first: Dim = 0
    high, body = loop.extent, loop.body
    while len(body) == 1 and isinstance(guard := body[0], If) and is_index_condition(guard.condition):
        if guard.orelse:
            break
        for fact in condition_facts(guard.condition):
            form = linear_in(fact, loop.var)
            if form is None or not isinstance(form[0], int) or form[0] == 0:
                raise ScheduleError("clip", loop.var, f"{fact} is no bound of it")
            c, rest = int(form[0]), form[1]
            if c > 0:
                first = maximum(first, floordiv(rest * -1 + (c - 1), c))
            else:
                high = minimum(high, floordiv(rest, -c) + 1)
        body = guard.then
    if body is loop.body:
        raise ScheduleError("clip", loop.var, "its body is not a condition on indices")
    return first, high, body


def peel_ends(k: Kernel, var: str, *, first: str = "_first", last: str = "_last") -> Kernel:
    """The first and the last iteration of a loop as copies of its body; every name in them ends in a suffix.

    for i < n { S(i) }  ->  S(0)  for i < n - 2 { S(i + 1) }  S(n - 1)
    """
    loop = locate(k, var, "peel_ends").loop
    if not isinstance(loop.extent, int) or loop.extent < 2 or loop.kind != "serial":
        raise ScheduleError("peel_ends", var, "it is not a serial loop of two iterations at least")
    start, end = (renamed_copy(k, loop.body, suffix, "peel_ends", var) for suffix in (first, last))
    middle = replace(loop, extent=loop.extent - 2, body=substitute(loop.body, {var: Index.symbol(var) + 1}))
    new = (*substitute(start, {var: 0}), *((middle,) if loop.extent > 2 else ()))
    return replace_loop(k, var, lambda _: (*new, *substitute(end, {var: loop.extent - 1})))


def cut_ends(k: Kernel, var: str, before: int, after: int) -> Kernel:
    """The first and the last iterations of a loop as unrolled loops of their own.

    for i < 9 { S(i) }
    -> for i_first < 2 unrolled { S(i_first) }  for i < 4 { S(i + 2) }  for i_last < 3 unrolled { S(i_last + 6) }
    """
    loop = locate(k, var, "cut_ends").loop
    if not isinstance(loop.extent, int) or loop.extent < before + after or loop.kind != "serial":
        raise ScheduleError("cut_ends", var, f"it is not a serial loop of {before + after} iterations at least")
    parts = []
    for suffix, start, count in (("_first", 0, before), ("_last", loop.extent - after, after)):
        body = renamed_copy(k, loop.body, suffix, "cut_ends", var)
        at = Index.symbol(f"{var}{suffix}") + start
        parts.append(For(f"{var}{suffix}", count, substitute(body, {var: at}), "unrolled"))
    middle = substitute(loop.body, {var: Index.symbol(var) + before})
    main = replace(loop, extent=loop.extent - before - after, body=middle)
    return replace_loop(k, var, lambda _: (parts[0], main, parts[1]))
