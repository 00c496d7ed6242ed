"""What passes share: which nodes are pure, what number a constant is, one order for operands of commutative ops."""

from __future__ import annotations

from typing import Any

from tfc.ir.arrays import repeated
from tfc.ir.graph import Graph, Node, Value

_SPREADS = frozenset(("broadcast_to", "broadcast_like"))


def is_pure(node: Node) -> bool:
    """Whether a node gives the same for the same operands and does nothing else."""
    return not node.op.effect and node.op.draws is None and not node.regions


def is_constant(v: Value) -> bool:
    return v.node.op.name == "constant"


def number_of(v: Value) -> Any:
    """The NumPy scalar that every element of a value is known to be, to the bit; None where there is none."""
    while v.node.op.name in _SPREADS:
        v = v.node.operands[0]
    if not is_constant(v):
        return None
    one = repeated(v.node.attrs["value"])
    return None if one is None else one[()]


class OperandOrder:
    """Orders operands by where their nodes stand in a graph that still grows; constants last."""

    def __init__(self) -> None:
        self._places: dict[Node, int] = {}

    def sort(self, graph: Graph, operands: tuple[Value, ...]) -> tuple[Value, ...]:
        for node in graph.nodes[len(self._places) :]:
            self._places[node] = len(self._places)
        return tuple(sorted(operands, key=self._key))

    def _key(self, v: Value) -> tuple[bool, int, int]:
        return is_constant(v), self._places[v.node], v.index
