"""Common subexpressions: equal nodes become one.

a = add(x, y); b = add(y, x); c = mul(a, b)    ->    a = add(x, y); c = mul(a, a)
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfc.ir.graph import Graph, Node, Value, rebuild
from tfc.ir.structure import attrs_key

from .canonical import OperandOrder, is_pure


@dataclass(frozen=True)
class CommonSubexpressions:
    """Merges pure nodes of one op with the same operands and attributes, which are compared by their bits.

    Operands of commutative ops are first put in one order: that of their nodes, constants last.
    """

    name: ClassVar[str] = "cse"

    def apply(self, graph: Graph) -> Graph:
        seen: dict[Hashable, Node] = {}
        order = OperandOrder()

        def rule(new: Graph, node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
            if not is_pure(node):
                return None
            if node.op.commutative:
                operands = order.sort(new, operands)
            key = (node.op, operands, attrs_key(node))
            if key not in seen:
                seen[key] = new.add(node.op, operands, node.attrs, name=node.name)
            return seen[key].results

        return rebuild(graph, rule)
