"""What runs a traced graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from tfc.ir.graph import Graph


class Runnable(Protocol):
    """A graph made ready to run on arrays in the order of its placeholders."""

    def run(self, inputs: Sequence[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]: ...


Engine = Callable[[Graph], Runnable]


def executable(graph: Graph) -> Runnable:
    """The native program of a graph."""
    # What is only traced and printed needs no code generator.
    found: Runnable = import_module("tfc.runtime").Executable(graph)
    return found
