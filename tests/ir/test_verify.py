"""Every rule of graphs, broken one at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tfc.ir.errors import VerifyError
from tfc.ir.graph import Graph, Loc, Value
from tfc.ir.op import REGISTRY
from tfc.ir.text import parse_graph
from tfc.ir.types import TensorType, float32, int32
from tfc.ir.verify import verify_graph

TEXT = """
graph @main {
  %x = placeholder() {dtype = float32, shape = [d0, 3]} : float32[d0, 3] @ "train.py":1
  %w = variable() {dtype = float32, shape = [3], key = "w"} : float32[3] @ "train.py":2
  %a = add(%x, %w) : float32[d0, 3] @ "train.py":3
  %s = reduce_sum(%a) {axes = [0], keepdims = false} : float32[3] after %a @ "train.py":4
  %n = neg(%s) : float32[3] @ "train.py":5
  return %a, %n
  update %w = %n
}
"""


def graph() -> Graph:
    return parse_graph(TEXT)


def test_a_valid_graph_passes() -> None:
    verify_graph(graph())
    verify_graph(Graph())


def swap(g: Graph) -> None:
    g.nodes[2], g.nodes[3] = g.nodes[3], g.nodes[2]


def foreign() -> Value:
    return REGISTRY["neg"](graph_with_x().nodes[0].results[0])


def graph_with_x() -> Graph:
    other = Graph("other")
    REGISTRY["placeholder"](graph=other, dtype=float32, shape=(3,))
    return other


def set_type(g: Graph) -> None:
    g["s"].results[0].type = TensorType(float32, (4,))


def set_operands(g: Graph, name: str, operands: tuple[Value, ...]) -> None:
    for v in g[name].operands:
        v.users.remove(g[name])
    g[name].operands = operands
    for v in operands:
        v.users.append(g[name])


BROKEN: list[tuple[Callable[[Graph], object], str]] = [
    (swap, "operand a:0 is not defined above it"),
    (set_type, "expected type (float32[3]), got (float32[4])"),
    (lambda g: g["x"].results[0].users.clear(), "expected users of x:0: a, got none"),
    (lambda g: g["x"].results[0].users.append(g["n"]), "expected users of x:0: a, got a, n"),
    (lambda g: g["x"].results[0].users.append(g["a"]), "expected users of x:0: a, got a, a"),
    (lambda g: set_operands(g, "n", (foreign(),)), "operand neg:0 is not defined above it"),
    (lambda g: set_operands(g, "n", (g["s"].results[0],) * 2), "its type rule fails"),
    (lambda g: set_operands(g, "n", ()), "its type rule fails"),
    (lambda g: setattr(g["a"], "name", "other"), "does not find it by its name other"),
    (lambda g: setattr(g["a"], "name", "x"), "does not find it by its name x"),
    (lambda g: setattr(g["a"], "graph", Graph("g2")), "it says that it belongs to graph g2"),
    (lambda g: setattr(g["a"], "control", (g["n"],)), "control dependency n is not above it"),
    (lambda g: g["s"].attrs.pop("axes"), "expected attributes (axes, keepdims), got (keepdims)"),
    (lambda g: g["s"].attrs.update(extra=1), "expected attributes (axes, keepdims), got (axes, keepdims, extra)"),
    (lambda g: g["s"].attrs.update(axes=(5,)), "axis 5 is out of range"),
    (lambda g: g["s"].attrs.update(axes="text"), "its type rule fails"),
    (lambda g: g.nodes.append(g["a"]), "it stands in the graph twice"),
    (lambda g: g.outputs.append(foreign()), "output 2, neg:0 at unknown line, is not of the graph"),
    (lambda g: g.updates.append((g["w"].results[0], foreign())), "with neg:0 is not of the graph"),
    (lambda g: g.updates.append((g["x"].results[0], g["a"].results[0])), "expected a variable, got placeholder"),
    (lambda g: g.updates.append(g.updates[0]), "is the second of that variable"),
    (lambda g: g.updates.__setitem__(0, (g["w"].results[0], cast(g))), "expected float32[3], got int32[3]"),
    (lambda g: setattr(g["a"].results[0], "index", 1), "result 0 says that it is a:1"),
]


def cast(g: Graph) -> Value:
    return REGISTRY["cast"](g["n"].results[0], dtype=int32)


@pytest.mark.parametrize(("damage", "message"), BROKEN, ids=[m for _, m in BROKEN])
def test_each_broken_rule_is_told(damage: Callable[[Graph], object], message: str) -> None:
    g = graph()
    damage(g)
    with pytest.raises(VerifyError) as caught:
        verify_graph(g)
    assert message in str(caught.value)


def test_a_failure_shows_the_op_the_line_and_the_nodes_around() -> None:
    g = graph()
    set_type(g)
    with pytest.raises(VerifyError) as caught:
        verify_graph(g)
    head, *around = str(caught.value).split("\n")
    assert head == "graph main: reduce_sum s at train.py:4: expected type (float32[3]), got (float32[4])"
    assert around == ["  w = variable()", "  a = add(x:0, w:0)", "> s = reduce_sum(a:0)", "  n = neg(s:0)"]


def test_regions_are_verified() -> None:
    outer = Graph("outer")
    region = graph()
    region.name = "body"
    outer.add(REGISTRY["no_op"], (), {}, regions=(region,), loc=Loc("train.py", 9))
    verify_graph(outer)
    set_type(region)
    with pytest.raises(VerifyError, match="graph body: reduce_sum s at train.py:4"):
        verify_graph(outer)
