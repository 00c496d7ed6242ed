"""Variables whose shape is not fixed: taken out of the program, whose memory for a variable never changes its size.

variable v : float32[*]    ->    placeholder v : float32[*]
update v = new                   output new

Whoever runs the program keeps their values from one run to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfc.ir.graph import Graph, Node, Value, rebuild
from tfc.ir.op import REGISTRY


@dataclass(frozen=True)
class Carried:
    """A graph whose variables are all of a fixed shape, and the `variable` nodes' values that were taken out.

    `before` are those that its last placeholders stand for, `after` those whose new values are its last outputs, each
    in order.
    """

    graph: Graph
    before: tuple[Value, ...] = ()
    after: tuple[Value, ...] = ()


def carry(graph: Graph) -> Carried:
    """Takes the variables of no fixed shape out of a pure graph whose placeholders stand before them."""
    open_ = {n.name: n.results[0] for n in graph.nodes if n.op.name == "variable" and not n.type.is_static}
    if not open_:
        return Carried(graph)

    def rule(new: Graph, node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
        if node.name not in open_:
            return None
        return REGISTRY["placeholder"].node(graph=new, name=node.name, **_type(node)).results

    new = rebuild(graph, rule)
    after = [(v.node.name, value) for v, value in new.updates if v.node.name in open_]
    new.updates = [pair for pair in new.updates if pair[0].node.name not in open_]
    new.outputs += [value for _, value in after]
    unused = {n for n in new.nodes if n.name in open_ and not n.results[0].users and n.results[0] not in new.outputs}
    new = rebuild(new, lambda *_: None, keep=set(new.nodes) - unused)
    before = [open_[n.name] for n in new.nodes if n.name in open_]
    return Carried(new, tuple(before), tuple(open_[name] for name, _ in after))


def _type(variable: Node) -> dict[str, object]:
    return {"dtype": variable.type.dtype, "shape": variable.type.shape}
