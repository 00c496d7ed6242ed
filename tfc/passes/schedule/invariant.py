"""What is the same in all iterations of a loop, computed before it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from tfc.ir.kernel import Body, Check, For, Kernel, Let, Stmt, exprs_of

from .bounds import is_positive
from .nest import ScheduleError, accesses, buffer_table, expr_symbols, facts_at, locate, replace_loop


def hoist(k: Kernel, var: str) -> Kernel:
    """The names and checks at the beginning of a loop's body that do not depend on the iteration, before the loop.

        for j < 8 { check lt(i[r], @(n)) else 0  let v = i[r]  y[r, j] = x[v, j] }
        -> check lt(i[r], @(n)) else 0  let v = i[r]  for j < 8 { y[r, j] = x[v, j] }

    The loop must run: what it would not have read or checked is not read or checked before it.
    """
    place = locate(k, var, "hoist")
    loop = place.loop
    before, body = _parted(loop, {b.name for b in buffer_table(k).values() if b.alias})
    if not before:
        raise ScheduleError("hoist", var, "nothing at the beginning of its body is the same in all iterations")
    if not is_positive(loop.extent, facts_at(k, place.outer, place.guards)):
        raise ScheduleError("hoist", var, f"{loop.extent} iterations may be none")
    return replace_loop(k, var, lambda s: (*before, replace(s, body=body)))


def _parted(loop: For, alias: Set[str]) -> tuple[Body, Body]:
    """The statements that come before the loop, and those that stay."""
    written = {a.buffer for a in accesses(loop.body) if a.writes}
    written |= alias if written & alias else set()
    varying, before, after = {loop.var}, list[Stmt](), list[Stmt]()
    for s in loop.body:
        used = frozenset[str]().union(*(expr_symbols(e) for e in exprs_of(s)))
        reads = {a.buffer for a in accesses((s,))}
        if isinstance(s, (Let, Check)) and not used & varying and not reads & written:
            before.append(s)
        else:
            after.append(s)
            varying |= {s.name} if isinstance(s, Let) else set()
    return tuple(before), tuple(after)
