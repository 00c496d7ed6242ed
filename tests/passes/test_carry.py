"""Variables of no fixed shape, handed in and out."""

from __future__ import annotations

from tests.runtime.support import Builder
from tfc.ir.graph import Graph, Value
from tfc.ir.verify import verify_graph
from tfc.passes.carry import carry


def pairs(graph: Graph) -> list[tuple[str, str]]:
    return [(variable.node.name, new.node.name) for variable, new in graph.updates]


def names(values: tuple[Value, ...]) -> list[str]:
    return [v.node.name for v in values]


def test_a_graph_of_fixed_shapes_stays_as_it_is() -> None:
    b = Builder()
    v = b.variable("v", (2,))
    b.graph.updates = [(v, b.op("neg", v))]
    done = carry(b.graph)
    assert done.graph is b.graph
    assert (done.before, done.after) == ((), ())


def test_open_variables_are_placeholders_before_and_outputs_after() -> None:
    b = Builder()
    x, v, w = b.placeholder("x"), b.variable("v", None), b.variable("w", (3,))
    u, unread, kept = b.variable("u", ("n",)), b.variable("unread", None), b.variable("kept", None)
    new = b.op("add", v, x)
    b.graph.outputs = [x, kept]
    b.graph.updates = [(v, new), (w, b.op("neg", w)), (unread, u)]
    done = carry(b.graph)
    verify_graph(done.graph)
    assert [n.name for n in done.graph.nodes if n.op.name == "placeholder"] == ["x", "v", "u", "kept"]
    assert [n.name for n in done.graph.nodes if n.op.name == "variable"] == ["w"]
    assert names(done.before) == ["v", "u", "kept"]
    assert names(done.after) == ["v", "unread"]
    assert all(v.node.graph is b.graph for v in (*done.before, *done.after))
    assert names(tuple(done.graph.outputs)) == ["x", "kept", new.node.name, "u"]
    assert pairs(done.graph) == [("w", "neg")]
    assert str(done.graph["u"].type) == "float32[n]"
    assert [n.op.name for n in b.graph.nodes].count("variable") == 5, "the given graph stays as it is"


def test_variables_that_exchange_values() -> None:
    b = Builder()
    v, w = b.variable("v", None), b.variable("w", None)
    b.graph.updates = [(v, w), (w, v)]
    done = carry(b.graph)
    assert (names(done.before), names(done.after)) == (["v", "w"], ["v", "w"])
    assert names(tuple(done.graph.outputs)) == ["w", "v"]
