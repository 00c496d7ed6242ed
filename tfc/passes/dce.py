"""Dead code: nodes that nothing which the graph gives depends on are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tfc.ir.graph import Graph, Node, rebuild


@dataclass(frozen=True)
class DeadCode:
    """Keeps what outputs and updates need, control dependencies included.

    `keep_effects` also keeps every node that reads or writes state, placeholders among them, with what it needs. A
    placeholder that is left out no longer says what the symbols in its shape are.
    """

    name: ClassVar[str] = "dce"
    keep_effects: bool = True

    def apply(self, graph: Graph) -> Graph:
        work = [v.node for v in graph.outputs] + [v.node for pair in graph.updates for v in pair]
        if self.keep_effects:
            work += [node for node in graph.nodes if node.op.effect]
        live: set[Node] = set()
        while work:
            node = work.pop()
            if node not in live:
                live.add(node)
                work += [v.node for v in node.operands]
                work += node.control
        return rebuild(graph, lambda new, node, operands: None, keep=live)
