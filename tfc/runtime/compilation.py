"""From a pure graph and the shapes of its feeds to native code: the sequence of all stages, in this one place."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from tfc.ir.errors import GraphError, UnsupportedError
from tfc.ir.graph import Graph, Value
from tfc.ir.kernel import Program
from tfc.ir.lazy import Lazy
from tfc.passes.lower import constants_of, lower, variables_of
from tfc.passes.manager import IR, Pass, PassManager
from tfc.passes.pipeline import GRAPH_PASSES, program_passes
from tfc.passes.specialize import ShapeClass, specialize
from tfc.passes.target import Target

from .backend import NativeCode, back_end


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)


@dataclass(frozen=True)
class Watch:
    """How a compilation is watched: `on_print` is given the IR where a pass named in `print_after` changed it."""

    print_after: Collection[str] = ()
    on_print: Callable[[str], None] = _to_stderr
    verify: bool = False


UNWATCHED = Watch()


@dataclass(frozen=True)
class Compilation:
    """Every stage of one compilation; native code is made when it is first asked for."""

    pure: Graph
    """As extracted: ranks and dims may be unknown."""
    shape_class: ShapeClass
    """Specialised to the shapes that were fed."""
    optimised: Graph
    """After the passes over graphs; what is lowered."""
    lowered: Program
    """Algorithms: no schedule has touched them."""
    program: Program
    """After the passes over programs; what the back end prints."""
    target: Target
    seconds: list[tuple[str, float]] = field(default_factory=list)
    """What each stage took, by its name, in order."""

    @Lazy
    def native(self) -> NativeCode:
        start = time.perf_counter()
        code = back_end().compile_program(self.program, self.target)
        self.seconds.append(("native", time.perf_counter() - start))
        return code

    @property
    def variables(self) -> list[Value]:
        """The variables that the program reads or writes, in the order of their slots."""
        return variables_of(self.optimised)

    @property
    def constants(self) -> list[Value]:
        """The constants that the program takes, in the order of their slots."""
        return constants_of(self.optimised)


def compile_pure(pure: Graph, shapes: Sequence[tuple[int, ...]], watch: Watch = UNWATCHED) -> Compilation:
    """The stages of a pure graph for feeds of these shapes, one per placeholder in order.

    Raises ShapeError, with the user's line, where the shapes do not fit together; GraphError where the watch names an
    unknown pass; UnsupportedError for a variable of no fixed shape, which `carry` would take out of the graph.
    """
    for n in pure.nodes:
        if n.op.name == "variable" and not n.type.is_static:
            raise UnsupportedError(f"variable {n.attrs['key']} at {n.loc}: its shape is {n.type}, which is not fixed")
    target = back_end().host_target()
    of_programs = program_passes(target)
    known = {*(p.name for p in GRAPH_PASSES), *(p.name for p in of_programs)}
    for name in watch.print_after:
        if name not in known:
            raise GraphError(f"no pass is named {name}; there are {', '.join(sorted(known))}")
    seconds: list[tuple[str, float]] = []
    start = time.perf_counter()
    shape_class = specialize(pure, shapes)
    seconds.append(("specialize", time.perf_counter() - start))
    graphs = _manager(GRAPH_PASSES, watch)
    optimised = graphs.run(shape_class.graph)
    seconds += graphs.timings
    start = time.perf_counter()
    lowered = lower(optimised)
    seconds.append(("lower", time.perf_counter() - start))
    programs = _manager(of_programs, watch)
    program = programs.run(lowered)
    seconds += programs.timings
    return Compilation(pure, shape_class, optimised, lowered, program, target, seconds)


def _manager(passes: Sequence[Pass[IR]], watch: Watch) -> PassManager[IR]:
    here = {p.name for p in passes}
    return PassManager(passes, watch.verify, [n for n in watch.print_after if n in here], watch.on_print)
