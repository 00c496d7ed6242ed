"""The last tile of a loop begun early enough to be whole, so that tiles have one size and no masks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tfc.ir.expr import At, Expr, Load
from tfc.ir.index import Dim, Index, minimum, subs, symbols_of
from tfc.ir.kernel import Accumulate, Body, For, If, Kernel, Stmt, Store, map_expr

from .bounds import Facts
from .nest import ScheduleError, accesses, allocated, buffer_table, expr_symbols, facts_at, less, locate, replace_loop
from .window import covered_first, window


def overlap(k: Kernel, var: str, extent: int, factor: int) -> Kernel:
    """Tiles of a loop that was split under masks, the last of them moved back by what it lacks.

        for o < 3 { for i < 4 { if 4*o + i < 10 { y[4*o + i] = x[4*o + i] } } }
        -> for o < 3 { for i < 4 { y[min(4*o, 6) + i] = x[min(4*o, 6) + i] } }

    Some elements are computed twice, so all below the loop must be under the mask, speak of tile and place only by
    their sum, and set what it accumulates into or reads again.
    """
    place = locate(k, var, "overlap")
    loop = place.loop
    if loop.kind != "serial" or extent < factor or loop.extent != -(-extent // factor):
        raise ScheduleError("overlap", var, f"it is not the serial loop over tiles of {factor} of {extent}")
    _check_repeatable(k, loop, facts_at(k, (*place.outer, loop), place.guards))
    tiles = _Tiles(var, extent, factor)
    return replace_loop(k, var, lambda s: (replace(s, body=tiles.body(s.body, ())),))


def _check_repeatable(k: Kernel, loop: For, facts: Facts) -> None:
    """Raises ScheduleError unless an iteration does the same whatever others have done."""
    table, own = buffer_table(k), allocated(loop.body)
    uses = [a for a in accesses(loop.body) if a.buffer not in own]
    for name in dict.fromkeys(a.buffer for a in uses if a.writes):
        box = window([a for a in uses if a.buffer == name], table[name], facts)
        if table[name].alias or not covered_first(loop.body, table[name], box, facts):
            raise ScheduleError("overlap", loop.var, f"an iteration may find what another has left in {name}")


@dataclass(frozen=True)
class _Tiles:
    """The rewrite of what is below the loop over tiles."""

    var: str
    extent: int
    factor: int

    def body(self, body: Body, loops: tuple[str, ...]) -> Body:
        """Statements that are not yet under the mask."""
        return tuple(new for s in body for new in self.outside(s, loops))

    def outside(self, s: Stmt, loops: tuple[str, ...]) -> Body:
        if isinstance(s, For) and self.var not in symbols_of(s.extent):
            inner = (*loops, s.var) if s.extent == self.factor else loops
            return (replace(s, body=self.body(s.body, inner)),)
        if isinstance(s, If) and not s.orelse:
            for v in loops:
                if s.condition == less(Index.symbol(self.var) * self.factor + Index.symbol(v), self.extent):
                    return tuple(self.inside(x, v) for x in s.then)
            used = expr_symbols(s.condition)
            if self.var not in used:
                return (replace(s, then=self.body(s.then, tuple(v for v in loops if v not in used))),)
        raise ScheduleError("overlap", self.var, f"a {type(s).__name__} in it is not under the mask")

    def inside(self, s: Stmt, v: str) -> Stmt:
        """A statement under the mask of the place `v`."""

        def expr(e: Expr) -> Expr:
            if isinstance(e, At):
                return At(self.moved(e.index, v))
            return replace(e, index=tuple(self.moved(i, v) for i in e.index)) if isinstance(e, Load) else e

        match s:
            case For():
                return replace(s, extent=self.moved(s.extent, v), body=tuple(self.inside(x, v) for x in s.body))
            case If():
                then, orelse = (tuple(self.inside(x, v) for x in part) for part in (s.then, s.orelse))
                return If(map_expr(s.condition, expr), then, orelse)
            case Store() | Accumulate():
                return replace(s, index=tuple(self.moved(i, v) for i in s.index), value=map_expr(s.value, expr))
        raise ScheduleError("overlap", self.var, f"there is a {type(s).__name__} in it")

    def moved(self, x: Dim, v: str) -> Dim:
        tile, place = Index.symbol(self.var) * self.factor, Index.symbol(v)
        whole = f"{self.var}+{v}"
        together = subs(x, {v: Index.symbol(whole) - tile})
        if self.var in symbols_of(together):
            raise ScheduleError("overlap", self.var, f"{x} depends on the tile or the place alone")
        return subs(together, {whole: minimum(tile, self.extent - self.factor) + place})
