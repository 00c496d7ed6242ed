"""Sessions: what is fetched and fed, what is missing, the end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfc.ir.errors import GraphError, RunError
from tfc.ir.op import REGISTRY
from tfc.runtime import Session

from .support import Builder


def test_a_node_gives_none_and_a_value_an_array() -> None:
    b = Builder()
    v, x = b.variable("v"), b.placeholder("x", ())
    up, y = b.op("assign", v, x), b.op("neg", x)
    session = Session(b.graph)
    out = session.prepare((up.node, y, up.node, up), (x,))([2.0])
    assert [None if o is None else o.tolist() for o in out] == [None, -2, None, 2]


def test_nothing_may_be_fetched() -> None:
    b = Builder()
    x = b.placeholder("x")
    session = Session(b.graph)
    assert session.prepare((), ())([]) == []
    assert session.prepare((), (x,))([[1, 2]]) == []


def test_a_value_fetched_twice_and_fed_values_are_arrays_of_their_own() -> None:
    b = Builder()
    x = b.placeholder("x", (2,))
    y = b.op("neg", x)
    given = np.array([1, 2], np.float32)
    out = Session(b.graph).prepare((y, y, x, x), (x,))([given])
    for o, expected in zip(out, ([-1, -2], [-1, -2], [1, 2], [1, 2]), strict=True):
        assert o.tolist() == expected
    for k, o in enumerate(out):
        assert not any(np.shares_memory(o, other) for other in (given, *out[:k]))


def test_results_stay_as_they_are_in_later_runs() -> None:
    b = Builder()
    v = b.variable("v", (3,))
    up = b.op("assign_add", v, b.constant([1, 1, 1]))
    start = b.op("assign", v, b.constant([0, 0, 0]))
    session = Session(b.graph)
    session.prepare((start.node,), ())([])
    run = session.prepare((v, up), ())
    first, second = run([]), run([])
    assert [o.tolist() for o in (*first, *second)] == [[0] * 3, [1] * 3, [1] * 3, [2] * 3]
    first[0][:] = 77
    assert run([])[0].tolist() == [2] * 3, "what is fetched is no view of the variable"


@pytest.mark.parametrize("value", [np.zeros(0), np.ones(3), 5.0])
def test_any_value_may_be_fed(value: Any) -> None:
    b = Builder()
    x = b.placeholder("x")
    y = b.op("exp", x)
    z = b.op("neg", y)
    (out,) = Session(b.graph).prepare((z,), (y,))([value])
    np.testing.assert_array_equal(out, -np.asarray(value))


def test_dims_of_a_graph_follow_from_values_that_are_fed_within_it() -> None:
    b = Builder()
    x = b.placeholder("x", ("n",))
    both = b.op("concat", x, x, axis=0)
    n = x.type.dims[0]
    halves, ones = b.op("reshape", both, shape=(2, n)), b.op("broadcast_to", b.constant(1.0), shape=(n,))
    session = Session(b.graph)
    for feeds, given in (((both,), [[1, 2, 3, 4]]), ((x,), [[1, 2]]), ((both, x), [[1, 2, 3, 4], [5, 6]])):
        out, one = session.prepare((halves, ones), feeds)(given)
        assert out.tolist() == ([[1, 2], [3, 4]] if both in feeds else [[1, 2], [1, 2]])
        assert one.tolist() == [1, 1]


def test_a_placeholder_that_is_needed_and_not_fed() -> None:
    b = Builder()
    x, y, z = b.placeholder("x", ("n", 784)), b.placeholder("y", of="float64"), b.placeholder("z", (), "int32")
    total = b.op("neg", x)
    session = Session(b.graph)
    for fetch, feeds, text in (
        (total, (), "'x' with dtype float and shape [?,784], made at model.py:1"),
        (y, (x,), "'y' with dtype double, made at model.py:2"),
        (z, (), "'z' with dtype int32 and shape [], made at model.py:3"),
    ):
        run = session.prepare((fetch,), feeds)
        for _ in range(2):
            with pytest.raises(RunError) as caught:
                run([np.zeros((1, 784))] * len(feeds))
            assert str(caught.value) == f"You must feed a value for placeholder tensor {text}"
    session.prepare((b.graph["neg"].results[0],), (x,))([np.zeros((1, 784))])


def test_a_placeholder_is_needed_where_a_dim_of_it_is() -> None:
    b = Builder()
    x = b.placeholder("x", ("n",))
    ones = b.op("broadcast_to", b.constant(1.0), shape=x.type.dims)
    session = Session(b.graph)
    with pytest.raises(RunError, match=r"You must feed a value for placeholder tensor 'x' .* model.py:1"):
        session.prepare((ones,), ())([])
    assert session.prepare((ones,), (x,))([[5, 5]])[0].tolist() == [1, 1]


def test_values_of_another_graph_are_refused() -> None:
    b, other = Builder(), Builder()
    x = b.placeholder("x")
    with pytest.raises(GraphError, match="x:0 is not of this graph"):
        Session(other.graph).prepare((x,), ())


def test_constants_of_any_byte_order_and_layout() -> None:
    b = Builder()
    value = np.arange(12, dtype=np.float32).reshape(3, 4)
    made = [REGISTRY["constant"](graph=b.graph, value=v) for v in (value.T, value[:, ::2], value.astype(">f4"))]
    outputs = Session(b.graph).prepare((*made, *(b.op("neg", v) for v in made)), ())([])
    for found, expected in zip(outputs, (value.T, value[:, ::2], value, -value.T, -value[:, ::2], -value), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_closed_session() -> None:
    b = Builder()
    x = b.placeholder("x")
    session = Session(b.graph)
    run = session.prepare((b.op("neg", x),), (x,))
    run([1.0])
    session.close()
    session.close()
    with pytest.raises(RunError, match="^the session is closed$"):
        run([1.0])
    with pytest.raises(RunError, match="^the session is closed$"):
        run([[1.0]])
    with pytest.raises(RunError, match="^the session is closed$"):
        session.prepare((x,), (x,))


def test_the_same_run_is_prepared_once(compiled: list[Any]) -> None:
    b = Builder()
    x = b.placeholder("x", ("n",))
    y = b.op("neg", x)
    session = Session(b.graph)
    assert session.prepare((y,), (x,)) is session.prepare((y,), (x,))
    for n in (1, 2):
        session.prepare((y,), (x,))([np.ones(n)])
    assert len(compiled) == 1


def test_a_failed_check_names_op_and_line_and_the_next_run_is_well() -> None:
    b = Builder()
    table, at = b.constant(np.arange(4)), b.placeholder("at", ("n",), "int32")
    run = Session(b.graph).prepare((b.op("gather", table, at, axis=0),), (at,))
    for _ in range(2):
        with pytest.raises(RunError, match="gather gather at model.py:3: an index is negative or not below 4"):
            run([[0, 4]])
        with pytest.raises(RunError, match="not below 4"):
            run([[-1]])
        assert run([[3, 0]])[0].tolist() == [3, 0]
        assert run([[]])[0].tolist() == []
