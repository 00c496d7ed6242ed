"""The pure graph of one run: what it takes, which value each use of a variable sees, what dims are known by."""

from __future__ import annotations

import pytest

from tests.runtime.support import Builder
from tfc.ir.errors import GraphError
from tfc.ir.graph import Graph, Node, Value
from tfc.ir.index import Index
from tfc.ir.ops.common import const
from tfc.ir.types import int64
from tfc.ir.verify import verify_graph
from tfc.passes.extract import extract


def said(v: Value) -> str:
    """What a value is computed from, down to sources."""
    node = v.node
    if not node.operands:
        return node.name
    return f"{node.op.name}({', '.join(map(said, node.operands))})"


def pure(b: Builder, *fetches: Value | Node, feeds: tuple[Value, ...] = ()) -> Graph:
    graph = extract(b.graph, fetches, feeds)
    verify_graph(graph)
    assert all(not n.control for n in graph.nodes)
    return graph


def outputs(graph: Graph) -> list[str]:
    return [said(v) for v in graph.outputs]


def updates(graph: Graph) -> dict[str, str]:
    return {variable.node.name: said(new) for variable, new in graph.updates}


def test_only_what_is_needed_is_taken() -> None:
    b = Builder()
    x, y = b.placeholder("x"), b.placeholder("y")
    e = b.op("exp", x)
    n = b.op("neg", e)
    b.op("add", n, y)
    graph = pure(b, n)
    assert [node.name for node in graph.nodes] == ["x", "exp", "neg"]
    graph = pure(b, n, e, feeds=(e, y))
    assert [node.name for node in graph.nodes] == ["exp", "y", "neg"]
    assert [node.op.name for node in graph.nodes] == ["placeholder", "placeholder", "neg"]
    assert outputs(graph) == ["neg(exp)", "exp"]
    assert [str(node.loc) for node in graph.nodes] == ["model.py:3", "model.py:2", "model.py:4"]


def test_a_use_sees_the_last_assignment_that_must_have_run_before_it() -> None:
    b = Builder()
    v, one = b.variable("v"), b.constant(1.0)
    before = b.op("neg", v)
    first = b.op("assign_add", v, one)
    free = b.op("neg", v)
    after = b.op("neg", v, control=(first.node,))
    last = b.op("assign", v, b.op("exp", first), control=(after.node,))
    end = b.op("identity", v, control=(last.node,))
    graph = pure(b, before, first, free, after, last, end, v)
    added = "add(v, constant)"
    assert outputs(graph) == [
        "neg(v)",
        added,
        "neg(v)",
        f"neg({added})",
        f"exp({added})",
        f"identity(exp({added}))",
        "v",
    ]
    assert updates(graph) == {"v": f"exp({added})"}


def test_assignments_that_nothing_orders_run_as_they_were_made() -> None:
    b = Builder()
    v, one = b.variable("v"), b.constant(1.0)
    x, y = b.op("assign_add", v, one), b.op("assign_sub", v, b.op("exp", one))
    assert updates(pure(b, y.node, x.node)) == {"v": "sub(add(v, constant), exp(constant))"}
    assert updates(pure(b, y.node)) == {"v": "sub(v, exp(constant))"}


def test_variables_are_read_before_any_is_written() -> None:
    b = Builder()
    v, w = b.variable("v"), b.variable("w")
    swap = [b.op("assign", v, w).node, b.op("assign", w, b.op("identity", v)).node]
    assert updates(pure(b, *swap)) == {"v": "w", "w": "v"}


def test_reads_stand_for_the_variable() -> None:
    b = Builder()
    v = b.variable("v")
    read = b.op("identity", b.op("identity", v))
    up = b.op("assign", v, b.constant(2.0))
    late = b.op("neg", read, control=(up.node,))
    assert outputs(pure(b, late, read)) == ["neg(constant)", "v"]


def test_a_fed_variable_is_no_variable() -> None:
    b = Builder()
    v = b.variable("v")
    graph = pure(b, b.op("neg", v), feeds=(v,))
    assert [n.op.name for n in graph.nodes] == ["placeholder", "neg"]
    with pytest.raises(GraphError, match=r"assign assign at model.py:4: v:0 is not a variable or is fed"):
        extract(b.graph, (b.op("assign", v, b.constant(1.0)),), (v,))


def test_draws_move_their_counter_on() -> None:
    b = Builder()
    draw = b.normal(10, 3)
    graph = pure(b, draw)
    ((counter, new),) = graph.updates
    assert said(counter) == "counter"
    assert said(new) == "add(counter, dim)"
    assert new.node.operands[1].node.attrs == {"value": 30 * 256, "dtype": int64}


@pytest.mark.parametrize("which", ["x", "both", "both and x"])
def test_dims_are_known_by_what_is_fed(which: str) -> None:
    b = Builder()
    x = b.placeholder("x", ("n", 3))
    both = b.op("concat", x, x, axis=0)
    n = Index.symbol("n")
    ones = b.op("broadcast_to", const(b.graph, 1.0, x.type.dtype), shape=(n + 1,))
    fed = {"x": (x,), "both": (both,), "both and x": (both, x)}[which]
    graph = pure(b, both, ones, feeds=fed)
    given = [str(v.node.attrs["shape"]) for v in (node.results[0] for node in graph.nodes[: len(fed)])]
    (size,) = graph.outputs[1].type.dims
    expected = {"x": ["(n, 3)"], "both": ["(f0_0, 3)"], "both and x": ["(2*n, 3)", "(n, 3)"]}
    assert given == expected[which]
    assert str(size) == ("floordiv(f0_0, 2) + 1" if which == "both" else "n + 1")


def test_dims_of_a_default_are_known_where_nothing_is_fed() -> None:
    """What `placeholder_with_default` makes: an identity whose type says less than that of its operand."""
    b = Builder()
    x = b.op("identity", b.constant([[1.0, 2.0]]))
    x.type = b.placeholder("like", ("m", 2)).type
    ones = b.op("broadcast_to", b.constant(1.0), shape=(Index.symbol("m"),))
    assert pure(b, x, ones).outputs[1].type.dims == (1,)
    assert pure(b, x, ones, feeds=(x,)).outputs[1].type.dims == (Index.symbol("m"),)
