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
from .defer import defer
from .loops import parallelise, split, unroll, vectorise
from .nest import ScheduleError, accesses, allocated, buffer_table, locate, replace_loop, spans_of
from .staging import stage

GRAIN = 24_000 * CYCLE
"""What is worth a thread: waking one on a core that rests takes up to 9 us, and the count is up to three times high."""
CALL = 500 * CYCLE
"""What a loop inside of others takes at least where the call of its function is not to be felt."""
BLOCKS = 4
"""Blocks that make up a grain, where a loop is cut because it accumulates."""
BLOCK = 8
"""Iterations of a block at least."""
LANES = 64
"""Iterations of a loop at most that make one vector where partial sums are copied."""
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
        kinds = _written_again(loop)
        marked = k if kinds else attempt(k, _parallel, var, grain_of(each, grain))
        if marked is k and "store" not in kinds:
            marked = attempt(k, _partial, var, each, grain)
    if marked is not k:
        around += 1
        if around > 1 or (isinstance(loop.extent, int) and loop.extent >= MANY):
            return marked
    for inner in list(_loops(loop.body)):
        marked = _mark(marked, inner.var, target, grain, depth + 1, around)
    return marked


def _written_again(loop: For) -> set[str]:
    """How a loop writes elements that all its iterations write: `store`, or the combiners of accumulations."""
    inside = loop.declared
    own, names = {b.name for b in inside.buffers}, inside.lets | {loop.var}
    writes = (a for a in accesses(loop.body) if a.writes and a.buffer not in own)
    return {a.kind for a in writes if not a.guards and not symbols_of(*a.index) & names}


def _partial(k: Kernel, var: str, each: Dim, grain: int) -> Kernel:
    """A loop that accumulates, for threads: what its iterations, or blocks of them, give is put together after it.

    for k < n { s[] add= x[k] }
    -> alloc p: float32[floordiv(n + 63, 64)] local stack
       for b < floordiv(n + 63, 64) parallel {
         s2[] = 0.0  for k < min(64, n - 64*b) { s2[] add= x[64*b + k] }  p[b] = s2[]
       }
       for b2 < floordiv(n + 63, 64) { s[] add= p[b2] }

    The blocks follow from what an iteration takes, never from the number of threads.
    """
    loop = locate(k, var, "parallelise").loop
    sums = list(
        dict.fromkeys(a.buffer for a in accesses(loop.body) if a.accumulates and var not in symbols_of(*a.index))
    )
    sums = [b for b in sums if b not in allocated(loop.body)]
    if not sums:
        raise ScheduleError("parallelise", var, "nothing is accumulated over it")
    block = max(BLOCK, -(-grain // BLOCKS // max(each, 1))) if isinstance(each, int) else 1
    over = var
    if block > 1:
        over, inner = f"{var}_b", f"{var}_k"
        k = split(k, var, block, outer=over, inner=inner, tail="short")
        for b in sums:
            k = _apart(k, b, inner)
    for b in sums:
        k = defer(k, over, b, name=f"{b}_{over}_all", after=f"{over}_{b}")
    return _parallel(k, over, grain_of(each * block, grain))


def _apart(k: Kernel, buffer: str, around: str) -> Kernel:
    """What a loop accumulates in memory of its own: in registers, where it was in such."""
    name, old = f"{buffer}_{around}", buffer_table(k)[buffer]
    space = "register" if old.space == "register" or not old.shape else "stack"
    k = stage(k, buffer, name=name, around=around, space=space, fresh=True)
    loops = [s for s in walk(k.body) if isinstance(s, For) and s.var.startswith((f"{name}_in", f"{name}_out"))]
    for s in loops:
        if not any(isinstance(x, For) for x in walk(s.body)):
            k = vectorise(k, s.var) if isinstance(s.extent, int) and s.extent <= LANES else k
        elif space == "register":
            k = unroll(k, s.var)
    return k


def _parallel(k: Kernel, var: str, grain: Dim) -> Kernel:
    loop = locate(k, var, "parallelise").loop
    if len({s.message for s in walk(loop.body) if isinstance(s, Check)}) > 1:
        raise ScheduleError("parallelise", var, "which of its checks fails first would depend on the threads")
    if not symbols_of(grain) <= {*k.dims}:
        raise ScheduleError("parallelise", var, "what an iteration takes is not known outside of it")
    return replace_loop(parallelise(k, var), var, lambda s: (replace(s, grain=grain),))
