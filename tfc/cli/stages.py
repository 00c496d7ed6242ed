"""The stages of what is dumped: of a graph, or of a program of kernels."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from tfc.codegen_llvm import CodegenError, compile_program, host_target
from tfc.ir.errors import TfcError, UnsupportedError
from tfc.ir.graph import Graph, Node, Value
from tfc.ir.index import symbol_name
from tfc.ir.kernel import Program
from tfc.ir.kernel_text import parse_program, print_program
from tfc.ir.kernel_verify import verify_program
from tfc.ir.text import parse_graph, print_graph
from tfc.ir.verify import verify_graph
from tfc.passes.extract import ASSIGN, extract
from tfc.runtime import Compilation, Watch, compile_pure

from .feeds import Shape, completed, placeholders
from .memory import memory_comment
from .picture import picture_of, to_dot, to_svg

STAGES = MappingProxyType(
    {
        "graph": "the graph that is run, as it was built",
        "opt": "the graph after all passes over graphs, for one class of shapes",
        "kernel": "the loops with their buffers, scheduled for the target",
        "llvm": "the LLVM IR that is written from them",
        "asm": "the machine code, as assembly",
    }
)
PICTURED = ("graph", "opt")
FORMS: Mapping[str, Callable[[Graph], str]] = MappingProxyType(
    {
        "text": print_graph,
        "dot": lambda graph: to_dot(picture_of(graph)),
        "svg": lambda graph: to_svg(picture_of(graph)),
    }
)
"""How a graph is written, by the name of the format."""


class Subject(Protocol):
    """What is dumped."""

    @property
    def seconds(self) -> Sequence[tuple[str, float]]:
        """What each step took so far, in order."""

    def text(self, stage: str, form: str) -> str:
        """A stage in a format of `FORMS`. Raises TfcError for one that the subject does not have."""

    def compile(self) -> None:
        """Runs all passes, so that the IR is printed after those that are watched."""


class GraphSubject:
    """A pure graph, and the shapes that its placeholders are fed, as far as they are known."""

    def __init__(self, graph: Graph, shapes: Sequence[Shape | None], watch: Watch) -> None:
        self.graph = graph
        self.shapes = shapes
        self.watch = watch
        self._compilation: Compilation | None = None

    def with_shapes(self, shapes: Mapping[int, Shape]) -> GraphSubject:
        """The subject with other shapes for some placeholders, by their places."""
        return GraphSubject(self.graph, [shapes.get(k, shape) for k, shape in enumerate(self.shapes)], self.watch)

    @property
    def seconds(self) -> Sequence[tuple[str, float]]:
        return self._compilation.seconds if self._compilation is not None else ()

    def text(self, stage: str, form: str) -> str:
        if stage == "graph":
            return FORMS[form](self.graph)
        done = self._compiled()
        match stage:
            case "opt":
                return FORMS[form](done.optimised)
            case "kernel":
                return memory_comment(done.program, self._dims(done)) + print_program(done.program)
            case "llvm":
                return done.native.llvm_ir
        return done.native.assembly()

    def _dims(self, done: Compilation) -> dict[str, int]:
        """The run-time dims of the program by what is fed."""
        fed = completed(placeholders(self.graph), self.shapes)
        both = zip(done.shape_class.inputs, fed, strict=True)
        pairs = [pair for dims, shape in both for pair in zip(dims, shape, strict=True)]
        return {name: size for d, size in pairs if (name := symbol_name(d)) is not None}

    def compile(self) -> None:
        self._compiled()

    def _compiled(self) -> Compilation:
        if self._compilation is None:
            fed = completed(placeholders(self.graph), self.shapes)
            self._compilation = compile_pure(self.graph, fed, self.watch)
        return self._compilation


class ProgramSubject:
    """A program of kernels, taken as it is: no pass runs over it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.seconds: list[tuple[str, float]] = []

    def text(self, stage: str, form: str) -> str:
        if stage in PICTURED:
            raise TfcError(f"a program of kernels has no stage {stage}: it begins with kernel")
        if stage == "kernel":
            return memory_comment(self.program, {}) + print_program(self.program)
        start = time.perf_counter()
        try:
            native = compile_program(self.program, host_target())
        except CodegenError as error:  # no bug here: what no pass has prepared is the text's own
            raise UnsupportedError(str(error)) from None
        self.seconds.append(("native", time.perf_counter() - start))
        return native.llvm_ir if stage == "llvm" else native.assembly()

    def compile(self) -> None:
        raise TfcError("no pass runs over a program of kernels: there is nothing to print after one")


def parsed(text: str, watch: Watch) -> Subject:
    """What a text in the IR's form says: a graph or a program. Raises ParseError and VerifyError."""
    if first_word(text) == "program":
        program = parse_program(text)
        verify_program(program)
        return ProgramSubject(program)
    graph = parse_graph(text)
    verify_graph(graph)
    pure = _without_effects(graph)
    return GraphSubject(pure, (None,) * len(placeholders(pure)), watch)


def first_word(text: str) -> str:
    """The first word of a text that is no comment."""
    lines = (line.strip() for line in text.splitlines())
    return next((line.split()[0] for line in lines if line and not line.startswith("#")), "")


def _without_effects(graph: Graph) -> Graph:
    """A graph in which nothing is assigned: itself, or else what a run of its outputs and assignments computes."""
    effects: list[Value | Node] = [n for n in graph.nodes if n.op.name in ASSIGN]
    return extract(graph, [*graph.outputs, *effects], placeholders(graph)) if effects else graph
