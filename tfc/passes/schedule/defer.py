"""Accumulations put off to the end of a loop, in the same order: what makes its iterations independent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tfc.ir.expr import Expr, Load, prim
from tfc.ir.index import Index, product, symbols_of
from tfc.ir.kernel import Accumulate, Alloc, Body, Buffer, For, If, Kernel, Stmt, Store, map_body, substitute

from .nest import (
    ScheduleError,
    accesses,
    buffer_table,
    check_free,
    expr_symbols,
    guarded,
    is_index_condition,
    let_names,
    locate,
    nested,
    replace_loop,
)

MOST = 4096
"""Values of one iteration at most that are kept."""


@dataclass(frozen=True)
class _Put:
    """An accumulation in a loop, with the loops and conditions between the two, outermost first."""

    statement: Accumulate
    around: tuple[For | Expr, ...]

    @property
    def loops(self) -> tuple[For, ...]:
        return tuple(x for x in self.around if isinstance(x, For))


def defer(k: Kernel, var: str, buffer: str, *, name: str, after: str) -> Kernel:
    """What a loop accumulates into a buffer kept for each iteration, and accumulated by a loop after it.

        for i < n { t[] = f(i)  s[] add= t[] }
        -> alloc p: float32[n] local stack
           for i < n { t[] = f(i)  p[i] = t[] }
           for i2 < n { s[] add= p[i2] }                                                   after="i2", name="p"

    Nothing else in the loop may touch the buffer. The order of accumulations stays, so do the bits. Names of the loops
    of the second nest end in the name of its outermost.
    """
    loop = locate(k, var, "defer").loop
    puts = list(_find(loop.body, buffer, ()))
    uses = [a for a in accesses(loop.body) if a.buffer == buffer]
    if len(puts) != 1 or len(uses) != 1 or buffer_table(k)[buffer].alias:
        raise ScheduleError("defer", var, f"{buffer} is not accumulated by one statement, or something else touches it")
    (put,) = puts
    _check(k, loop, put, buffer)
    dtype = buffer_table(k)[buffer].dtype
    shape = (loop.extent, *(inner.extent for inner in put.loops))
    kept = Buffer(name, dtype, shape, "local", "stack")
    index = tuple(Index.symbol(x.var) for x in (loop, *put.loops))

    def store(s: Stmt) -> Stmt:
        return Store(name, index, put.statement.value) if s is put.statement else s

    second = replace(put.statement, value=Load(dtype, name, index))
    nest: Body = (second,)
    for x in reversed(put.around):
        nest = nested((x,), nest) if isinstance(x, For) else guarded((x,), nest)
    nest = nested((replace(loop, kind="serial"),), nest)
    new = {x.var: after if x is loop else f"{x.var}_{after}" for x in (loop, *put.loops)}
    check_free(k, "defer", var, (name, *new.values()))
    nest = _renamed(nest, new)
    return replace_loop(k, var, lambda s: (Alloc(kept), replace(s, body=map_body(s.body, store)), *nest))


def _find(body: Body, buffer: str, around: tuple[For | Expr, ...]) -> Iterator[_Put]:
    for s in body:
        if isinstance(s, Accumulate) and s.buffer == buffer:
            yield _Put(s, around)
        elif isinstance(s, For):
            yield from _find(s.body, buffer, (*around, s))
        elif isinstance(s, If):
            yield from _find(s.then, buffer, (*around, s.condition))
            yield from _find(s.orelse, buffer, (*around, prim("not", s.condition)))


def _check(k: Kernel, loop: For, put: _Put, buffer: str) -> None:
    """Raises ScheduleError unless the statement can be made again after the loop, on a value that was kept."""
    where = f"{buffer} in {loop.var}"
    size = product(x.extent for x in put.loops)
    if not isinstance(size, int) or size > MOST or symbols_of(loop.extent) - {*k.dims}:
        raise ScheduleError("defer", where, "an iteration accumulates many values, or their number varies")
    conditions = [x for x in put.around if not isinstance(x, For)]
    if not all(map(is_index_condition, conditions)):
        raise ScheduleError("defer", where, "a condition around it is not one on indices")
    used = symbols_of(*put.statement.index).union(*map(expr_symbols, conditions))
    if used & let_names(loop.body):
        raise ScheduleError("defer", where, "it depends on a name of the loop's body")


def _renamed(nest: Body, names: dict[str, str]) -> Body:
    body = substitute(nest, {old: Index.symbol(new) for old, new in names.items()})
    return map_body(body, lambda s: replace(s, var=names[s.var]) if isinstance(s, For) else s)
