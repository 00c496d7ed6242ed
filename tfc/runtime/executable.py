"""A graph without state, made ready to run."""

from __future__ import annotations

from tfc.ir.graph import Graph

from .execution import Execution
from .feeds import feeds_of
from .state import State


class Executable:
    """The native programs of a graph whose placeholders are fed in order; compiled for a class of shapes once."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        placeholders = [n.results[0] for n in graph.nodes if n.op.name == "placeholder"]
        self._execution = Execution(graph, feeds_of(placeholders), State())
        self.run = self._execution
