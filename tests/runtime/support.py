"""Graphs for the runtime's tests, each node with the line that it would have in a user's file."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfc.ir.graph import Graph, Loc, Node, Value
from tfc.ir.index import Index
from tfc.ir.op import REGISTRY
from tfc.ir.ops.common import const
from tfc.ir.types import Shape, dtype

Array = np.ndarray[Any, Any]


class Builder:
    """A graph whose nodes stand in `model.py`, the n-th of them on line n."""

    def __init__(self) -> None:
        self.graph = Graph("model")
        self.graph.locate = lambda: Loc("model.py", len(self.graph.nodes) + 1)

    def placeholder(self, name: str, shape: Any = None, of: str = "float32") -> Value:
        """Dims that are strings are unknown."""
        attrs = {"dtype": dtype(of), "shape": dims(shape)}
        return REGISTRY["placeholder"](graph=self.graph, name=name, **attrs)

    def variable(self, name: str, shape: Any = (), of: str = "float32") -> Value:
        attrs = {"dtype": dtype(of), "shape": dims(shape), "key": name}
        return REGISTRY["variable"](graph=self.graph, name=name, **attrs)

    def constant(self, value: Any, of: str = "float32") -> Value:
        return const(self.graph, value, dtype(of))

    def op(self, name: str, *operands: Value, control: tuple[Node, ...] = (), **attrs: Any) -> Value:
        """The first result of a new node."""
        return self.graph.add(REGISTRY[name], operands, attrs, control=control).results[0]

    def normal(self, *shape: int) -> Value:
        """Random numbers that differ from run to run."""
        counter = self.variable("counter", (), "int64")
        seeds = self.constant([7, 3], "int64")
        return self.op("random_normal", counter, seeds, shape=shape, dtype=dtype("float32"))


def dims(shape: Any) -> Shape | None:
    return None if shape is None else tuple(Index.symbol(d) if isinstance(d, str) else d for d in shape)
