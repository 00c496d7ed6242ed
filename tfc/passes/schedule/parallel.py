"""Which loops threads run: the outermost whose iterations are independent and whose work pays for waking them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from tfc.ir.index import Dim, bounds, symbols_of
from tfc.ir.kernel import Body, Check, For, If, Kernel, Program, walk

from ..target import Target
from .cost import CYCLE, Costs, grain_of
from .cpu_loops import attempt
from .loops import parallelise
from .nest import ScheduleError, locate, replace_loop, spans_of

GRAIN = 32_000 * CYCLE
"""What is worth a thread: waking it and waiting for it take a quarter of this."""
CALL = 500 * CYCLE
"""What a loop inside of others takes at least where the call of its function is not to be felt."""
MANY = 64
"""Iterations from which on loops inside need no threads."""


@dataclass(frozen=True)
class Parallelise:
    """Marks the loops that threads may run, each with the iterations that are worth one.

    for i < n { for l < 512 { y[i, l] = exp(x[i, l]) } }  ->  for i < n parallel grain(16) { .. }

    Whether they do is decided in the run, by the extent and the number of threads; so the program is the same for any
    number, and so are its results: no iteration depends on which thread runs it.
    """

    target: Target
    grain: int = GRAIN
    """Units of work that are worth a thread."""
    name: ClassVar[str] = "parallelise"

    def apply(self, program: Program) -> Program:
        if not self.target.threads:
            return program
        return replace(program, kernels=tuple(parallel_kernel(k, self.target, self.grain) for k in program.kernels))


def parallel_kernel(k: Kernel, target: Target, grain: int = GRAIN) -> Kernel:
    """A kernel with the loops marked that threads may run."""
    for loop in list(_loops(k.body)):
        k = _mark(k, loop.var, target, grain)
    return k


def _loops(body: Body) -> Iterator[For]:
    """The loops of a body that are in no other of it."""
    for s in body:
        if isinstance(s, For):
            yield s
        elif isinstance(s, If):
            yield from _loops((*s.then, *s.orelse))


def _mark(k: Kernel, var: str, target: Target, grain: int, depth: int = 0, around: int = 0) -> Kernel:
    """A loop marked, or loops inside: `depth` counts the loops around it, `around` those of them that are marked."""
    place = locate(k, var, "parallelise")
    loop = place.loop
    if loop.kind != "serial":
        return k
    costs = Costs.of(k, target)
    each = replace(costs, facts=costs.facts.within(spans_of((*place.outer, loop)))).body(loop.body)
    least, most = bounds(each * loop.extent, dict.fromkeys(symbols_of(each, loop.extent), (1, None)))
    if most is not None and most < 2 * grain:
        return k
    marked = k
    if depth == 0 or (least is not None and least >= min(CALL, grain)):
        marked = attempt(k, _parallel, var, grain_of(each, grain))
    if marked is not k:
        around += 1
        if around > 1 or (isinstance(loop.extent, int) and loop.extent >= MANY):
            return marked
    for inner in list(_loops(loop.body)):
        marked = _mark(marked, inner.var, target, grain, depth + 1, around)
    return marked


def _parallel(k: Kernel, var: str, grain: Dim) -> Kernel:
    loop = locate(k, var, "parallelise").loop
    if len({s.message for s in walk(loop.body) if isinstance(s, Check)}) > 1:
        raise ScheduleError("parallelise", var, "which of its checks fails first would depend on the threads")
    if not symbols_of(grain) <= {*k.dims}:
        raise ScheduleError("parallelise", var, "what an iteration takes is not known outside of it")
    return replace_loop(parallelise(k, var), var, lambda s: (replace(s, grain=grain),))
