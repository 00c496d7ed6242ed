"""What runs graphs: imported when a first one runs, for what is only built and printed needs no code generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from tfc.ir.graph import Graph, Node, Value


class Runnable(Protocol):
    """A graph made ready to run on arrays in the order of its placeholders."""

    def run(self, inputs: Sequence[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]: ...


Engine = Callable[[Graph], Runnable]


class SessionEngine(Protocol):
    """The values of a graph's variables, and its runs."""

    def prepare(
        self, fetches: tuple[Value | Node, ...], feeds: tuple[Value, ...]
    ) -> Callable[[Sequence[Any]], Sequence[Any]]: ...

    def close(self) -> None: ...


def executable(graph: Graph) -> Runnable:
    """The native program of a graph."""
    found: Runnable = import_module("tfc.runtime").Executable(graph)
    return found


def session_engine(graph: Graph) -> SessionEngine:
    """The runs of a graph with variables."""
    found: SessionEngine = import_module("tfc.runtime").Session(graph)
    return found
