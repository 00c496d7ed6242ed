"""Composite ops become the graphs of other ops that define them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfc.ir.graph import Graph, Node, Value, infer_types, rebuild

FORWARDED = frozenset(("identity", "stop_gradient"))
"""Ops that are their operand once gradients are built."""


@dataclass(frozen=True)
class Decompose:
    """Replaces every op that has `decompose` by its graph, and again in that graph, until none is left.

    `keep` names ops that stay whole.
    """

    name: ClassVar[str] = "decompose"
    keep: frozenset[str] = frozenset()

    def apply(self, graph: Graph) -> Graph:
        while any(self.takes(node) for node in graph.nodes):
            graph = rebuild(graph, self.rule)
        return graph

    def takes(self, node: Node) -> bool:
        return (node.op.decompose is not None or node.op.name in FORWARDED) and node.op.name not in self.keep

    def rule(self, new: Graph, node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
        if not self.takes(node):
            return None
        if node.op.decompose is None:
            return operands
        types = infer_types(node.op, tuple(v.type for v in operands), node.attrs, new.shapes, node.loc)
        # A node beside the graph: what defines the op is built from its operands, and it is not.
        model = Node(new, node.op, operands, node.attrs, types, node.name, node.loc, (), ())
        return (node.op.decompose(model),)
