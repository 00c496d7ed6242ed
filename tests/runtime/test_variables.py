"""Variables: in place, uninitialised, of changing shape; what a run that fails leaves of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.frontend.v1.reference_engine import ReferenceEngine
from tfc.ir.errors import InternalError, RunError, ShapeError, UninitializedError
from tfc.ir.graph import Node, Value
from tfc.runtime import Session

from .support import Builder

NO_VALUE = "Attempting to use uninitialized value {}: the variable made at model.py:{} has no value yet"


def run(session: Session, *fetches: Value | Node, feeds: dict[Value, Any] | None = None) -> list[Any]:
    feeds = feeds or {}
    return session.prepare(fetches, tuple(feeds))(list(feeds.values()))


def test_a_variable_without_a_value() -> None:
    b = Builder()
    v, w = b.variable("v", (2,)), b.variable("w", (2,))
    read, double = b.op("identity", v), b.op("mul", v, v)
    start, plus = b.op("assign", v, b.constant([1, 2])), b.op("assign_add", v, b.constant([1, 1]))
    other, swap = b.op("assign", w, v), b.op("assign_sub", w, v)
    session = Session(b.graph)
    for fetch in (v, read, double, plus, plus.node, other, read.node):
        for _ in range(2):
            with pytest.raises(UninitializedError) as caught:
                run(session, fetch)
            assert str(caught.value) == NO_VALUE.format("v", 1)
    assert run(session, start.node) == [None]
    assert [run(session, f)[0].tolist() for f in (v, read, double, plus)] == [[1, 2], [1, 2], [1, 4], [2, 3]]
    with pytest.raises(UninitializedError) as caught:
        run(session, swap)
    assert str(caught.value) == NO_VALUE.format("w", 2)
    run(session, other.node)
    assert run(session, swap)[0].tolist() == [0, 0]


def test_a_fed_variable_needs_no_value() -> None:
    b = Builder()
    v = b.variable("v", (2,))
    double = b.op("add", v, v)
    session = Session(b.graph)
    assert run(session, double, feeds={v: [1, 2]})[0].tolist() == [2, 4]
    with pytest.raises(UninitializedError):
        run(session, double)


def test_a_variable_stays_where_it_is() -> None:
    b = Builder()
    v, x = b.variable("v", (1000, 100)), b.placeholder("x", (1000, 100))
    start, step = b.op("assign", v, x), b.op("assign_sub", v, x)
    session = Session(b.graph)
    run(session, start.node, feeds={x: np.ones((1000, 100))})
    memory = session._state.variable(v).memory
    assert memory.ctypes.data % 64 == 0
    for k in range(3):
        run(session, step.node, feeds={x: np.ones((1000, 100))})
        assert memory[-1, -1] == -k
        assert session._state.variable(v).memory is memory


def test_sessions_do_not_share_variables() -> None:
    b = Builder()
    v = b.variable("v")
    start = b.op("assign", v, b.constant(1.0))
    one, two = Session(b.graph), Session(b.graph)
    run(one, start.node)
    assert run(one, v)[0] == 1
    with pytest.raises(UninitializedError):
        run(two, v)


def test_an_assignment_of_another_shape() -> None:
    b = Builder()
    v, x = b.variable("v", (3, 2)), b.placeholder("x")
    up = b.op("assign", v, x)
    y = b.placeholder("y", ("n", 2))
    other = b.op("assign", v, y)
    session = Session(b.graph)
    text = "assignment to v made at model.py:1 of the placeholder x at model.py:2: "
    for shape, message in (
        ((2, 2), text + "dim 0 of variable and value: 3 and 2 differ"),
        ((3,), text + "rank of variable and value: 2 and 1 differ"),
    ):
        with pytest.raises(ShapeError) as caught:
            run(session, up, feeds={x: np.ones(shape)})
        assert str(caught.value) == message
    with pytest.raises(ShapeError, match="placeholder y at model.py:4: dim 0 of variable and value: 3 and 4 differ"):
        run(session, other, feeds={y: np.ones((4, 2))})
    with pytest.raises(UninitializedError):
        run(session, v)
    assert run(session, other, feeds={y: np.ones((3, 2))})[0].shape == (3, 2)
    with pytest.raises(ShapeError):
        run(session, other, feeds={y: np.zeros((4, 2))})
    assert run(session, v)[0].sum() == 6


def test_a_run_whose_check_fails_changes_no_variable() -> None:
    """Updates before, after and in the very op that fails, in place or not."""
    b = Builder()
    v, w, u = b.variable("v", (4,)), b.variable("w", (2,)), b.variable("u", (4,))
    start = [b.op("assign", x, b.constant(np.arange(n))).node for x, n in ((v, 4), (w, 2), (u, 4))]
    at = b.placeholder("at", (2,), "int32")
    step = b.op("assign_add", v, b.constant([1, 1, 1, 1]))
    row = b.op("gather", step, at, axis=0)
    updates = [step, b.op("assign", w, row), b.op("assign", u, b.op("mul", u, b.constant(2.0)))]
    session = Session(b.graph)
    run(session, *start)
    fetches = [x.node for x in updates]
    with pytest.raises(RunError, match="gather gather at model.py:"):
        run(session, *fetches, feeds={at: [0, 4]})
    assert [x.tolist() for x in run(session, v, w, u)] == [[0, 1, 2, 3], [0, 1], [0, 1, 2, 3]]
    run(session, *fetches, feeds={at: [0, 3]})
    assert [x.tolist() for x in run(session, v, w, u)] == [[1, 2, 3, 4], [1, 4], [0, 2, 4, 6]]


def test_a_variable_that_a_failed_run_would_have_set_has_no_value() -> None:
    b = Builder()
    v, at = b.variable("v", (1,)), b.placeholder("at", (1,), "int32")
    up = b.op("assign", v, b.op("gather", b.constant([1, 2]), at, axis=0))
    session = Session(b.graph)
    with pytest.raises(RunError):
        run(session, up, feeds={at: [2]})
    with pytest.raises(UninitializedError):
        run(session, v)


def test_a_variable_whose_shape_changes() -> None:
    b = Builder()
    v, x = b.variable("v", None), b.placeholder("x")
    up, double = b.op("assign", v, x), b.op("assign", v, b.op("concat", v, v, axis=0))
    total, same = b.op("reduce_sum", v, axes=None, keepdims=False), b.op("identity", v)
    count = b.variable("count")
    more = b.op("assign_add", count, b.constant(1.0))
    session = Session(b.graph)
    run(session, b.op("assign", count, b.constant(0.0)).node)
    with pytest.raises(UninitializedError) as caught:
        run(session, total)
    assert str(caught.value) == NO_VALUE.format("v", 1)
    for value in ([1.0, 2.0], [[1.0, 2.0, 3.0]], 5.0, np.zeros((0, 2)), [[1.0], [2.0]]):
        run(session, up.node, more.node, feeds={x: value})
        assert run(session, v)[0].tolist() == np.asarray(value).tolist()
        assert run(session, total)[0] == np.sum(value)
    old, new, read = run(session, v, double, same)
    assert (old.shape, new.shape, read.shape) == ((2, 1), (4, 1), (2, 1))
    new[:] = 9
    assert run(session, v)[0].tolist() == [[1], [2], [1], [2]]
    run(session, double.node)
    assert run(session, v)[0].shape == (8, 1)
    assert run(session, count)[0] == 5


def test_growing_does_not_compile_again(compiled: list[Any]) -> None:
    b = Builder()
    v = b.variable("v", None)
    start, grow = b.op("assign", v, b.constant([1.0])), b.op("assign", v, b.op("concat", v, v, axis=0))
    session = Session(b.graph)
    run(session, start.node)
    for k in range(5):
        assert len(run(session, grow)[0]) == 2 ** (k + 1)
    assert len(compiled) == 2


def test_one_key_is_one_variable() -> None:
    b = Builder()
    v = b.variable("v", (2,))
    b.variable("w", (3,))
    session = Session(b.graph)
    assert session._state.variable(v) is session._state.variable(v)
    b.graph["w"].attrs["key"] = "v"
    with pytest.raises(InternalError, match="variable v"):
        session._state.variable(b.graph["w"].results[0])


def test_random_numbers_go_on_from_run_to_run_and_start_again_in_another_session() -> None:
    b = Builder()
    draw = b.normal(5)
    first, reference = Session(b.graph), ReferenceEngine(b.graph)
    seen = [run(first, draw)[0] for _ in range(3)]
    expected = [reference.run((draw,), (), [])[0] for _ in range(3)]
    np.testing.assert_allclose(seen, expected, rtol=1e-6)
    assert len({x.tobytes() for x in seen}) == 3
    second = Session(b.graph)
    for x in seen:
        np.testing.assert_array_equal(run(second, draw)[0], x)


OPS = st.tuples(
    st.sampled_from(["assign", "assign_add", "assign_sub"]),
    st.integers(0, 2),
    st.integers(0, 7),
    st.sampled_from(["", "neg", "flip", "sum"]),
    st.booleans(),
)


def build(b: Builder, steps: list[tuple[str, int, int, str, bool]]) -> tuple[list[Node], list[Value]]:
    """Three variables, their initialisers, and assignments from earlier values, some after all the earlier ones."""
    values = [b.variable(f"v{k}", (3,)) for k in range(3)]
    start = [b.op("assign", v, b.constant(np.arange(3) + 3.0 * k)).node for k, v in enumerate(values)]
    made: list[Value] = []
    for op, target, source, how, last in steps:
        x = values[source % len(values)]
        if how == "neg":
            x = b.op("neg", x)
        elif how == "flip":
            x = b.op("slice", x, starts=(2,), sizes=(3,), steps=(-1,))
        elif how == "sum":
            x = b.op("add", x, b.op("reduce_sum", x, axes=(0,), keepdims=True))
        control = tuple(v.node for v in made) if last else ()
        made.append(b.op(op, values[target], x, control=control))
        values.append(made[-1] if source % 2 else b.op("identity", values[target], control=control))
    return start, values


@settings(max_examples=60, deadline=None)
@given(st.lists(OPS, min_size=1, max_size=6))
def test_updates_of_each_other_are_those_of_the_reference(steps: list[tuple[str, int, int, str, bool]]) -> None:
    b = Builder()
    start, values = build(b, steps)
    session, reference = Session(b.graph), ReferenceEngine(b.graph)
    run(session, *start)
    reference.run(start, (), [])
    for _ in range(2):
        found, expected = run(session, *values), reference.run(values, (), [])
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)
    for x, y in zip(run(session, *values[:3]), reference.run(values[:3], (), []), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)
