"""What passes share: which nodes are pure, and one order for the operands of commutative ops."""

from __future__ import annotations

from tfc.ir.graph import Graph, Node, Value


def is_pure(node: Node) -> bool:
    """Whether a node gives the same for the same operands and does nothing else."""
    return not node.op.effect and node.op.draws is None and not node.regions


class OperandOrder:
    """Orders operands by where their nodes stand in a graph that still grows; constants last."""

    def __init__(self) -> None:
        self._places: dict[Node, int] = {}

    def sort(self, graph: Graph, operands: tuple[Value, ...]) -> tuple[Value, ...]:
        for node in graph.nodes[len(self._places) :]:
            self._places[node] = len(self._places)
        return tuple(sorted(operands, key=self._key))

    def _key(self, v: Value) -> tuple[bool, int, int]:
        return v.node.op.name == "constant", self._places[v.node], v.index
