"""Gradients as graph building: `tf.gradients`' semantics, and values against closed forms and finite differences."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from tfc.ir.errors import DTypeError, GraphError, ShapeError, UnsupportedError
from tfc.ir.graph import Graph, Loc, Value
from tfc.ir.interpret_graph import evaluate
from tfc.ir.op import REGISTRY
from tfc.ir.ops.common import const
from tfc.ir.text import print_graph
from tfc.ir.types import DType, Shape, TensorType, bool_, float32, float64, int32
from tfc.ir.verify import verify_graph
from tfc.passes.autodiff import gradients


def op(name: str, *operands: Value, **attrs: Any) -> Value:
    return REGISTRY[name](*operands, **attrs)


def feed(graph: Graph, shape: Shape | None = (3,), dtype: DType = float64, name: str | None = None) -> Value:
    return REGISTRY["placeholder"](graph=graph, name=name, dtype=dtype, shape=shape)


def values(wanted: list[Value | None], feeds: dict[Value, Any]) -> list[Any]:
    assert None not in wanted
    found = [v for v in wanted if v is not None]
    verify_graph(found[0].node.graph)
    return evaluate(found[0].node.graph, {k: np.asarray(x, k.type.dtype.np) for k, x in feeds.items()}, found)


X = [1.0, -2.0, 0.5]
Y = [3.0, 4.0, -1.0]


def test_product_and_sum() -> None:
    g = Graph()
    x, y = feed(g), feed(g)
    z = op("add", op("mul", x, y), x)
    dx, dy = values(gradients([z], [x, y]), {x: X, y: Y})
    np.testing.assert_array_equal(dx, np.add(Y, 1))
    np.testing.assert_array_equal(dy, X)


def test_ys_are_summed_and_grad_ys_weigh_them() -> None:
    g = Graph()
    x, w = feed(g), feed(g)
    ys = [op("mul", x, x), op("neg", x)]
    (plain,) = values(gradients(ys, [x]), {x: X})
    np.testing.assert_array_equal(plain, 2 * np.array(X) - 1)
    (weighed,) = values(gradients(ys, [x], [w, None]), {x: X, w: Y})
    np.testing.assert_array_equal(weighed, 2 * np.array(X) * Y - 1)


def test_a_y_that_is_an_x_and_an_x_given_twice() -> None:
    g = Graph()
    x = feed(g)
    y = op("square", x)
    first, own, again = gradients([y, x], [x, y, x])
    assert first is again
    dx, dy = values([first, own], {x: X})
    np.testing.assert_array_equal(dx, 2 * np.array(X) + 1)
    np.testing.assert_array_equal(dy, np.ones(3))


def test_an_x_between_another_x_and_y_passes_its_gradient_on() -> None:
    g = Graph()
    x = feed(g)
    middle = op("square", x)
    y = op("mul", middle, const(g, 3.0, float64))
    dx, dm = values(gradients([y], [x, middle]), {x: X})
    np.testing.assert_array_equal(dm, [3, 3, 3])
    np.testing.assert_array_equal(dx, 6 * np.array(X))


def test_unconnected_is_none() -> None:
    g = Graph()
    x, y = feed(g), feed(g)
    assert gradients([op("neg", x)], [y]) == [None]
    assert gradients([op("stop_gradient", x)], [x]) == [None]
    assert gradients([], [x]) == [None]
    assert gradients([x], []) == []


def test_integers_and_bools_carry_no_gradient() -> None:
    g = Graph()
    x, i, p = feed(g), feed(g, dtype=int32), feed(g, dtype=bool_)
    through_int = op("cast", op("cast", x, dtype=int32), dtype=float64)
    picked = op("select", op("less", x, through_int), x, op("neg", x))
    assert gradients([through_int], [x]) == [None]
    assert gradients([op("add", i, i)], [i]) == [None]
    assert gradients([picked], [i, p]) == [None, None]
    (dx,) = values(gradients([picked], [x]), {x: X})
    np.testing.assert_array_equal(dx, [-1, -1, -1])  # x < trunc(x) for none
    (through,) = values(gradients([op("mul", x, op("cast", i, dtype=float64))], [x]), {x: X, i: [2, 3, 4]})
    np.testing.assert_array_equal(through, [2, 3, 4])


def test_stop_gradients_are_constants_as_tensorflow_documents() -> None:
    g = Graph()
    a = const(g, 0.0, float64)
    b = op("mul", const(g, 2.0, float64), a)
    total = op("add", a, b)
    assert values(gradients([total], [a, b], stop_gradients=[a, b]), {}) == [1, 1]
    assert values(gradients([total], [a, b]), {}) == [3, 1]
    assert values(gradients([total], [a], stop_gradients=[b]), {}) == [1]


def test_unknown_rank_is_filled_when_the_run_knows_it() -> None:
    g = Graph()
    x, y = feed(g, None), feed(g, None)
    z = op("mul", x, y)
    dx, dy = values(gradients([z], [x, y]), {x: np.ones((2, 3)), y: [1.0, 2.0, 3.0]})
    np.testing.assert_array_equal(dx, np.broadcast_to([1, 2, 3], (2, 3)))
    np.testing.assert_array_equal(dy, [2, 2, 2])


def test_contributions_are_added_in_one_order() -> None:
    def text() -> str:
        g = Graph()
        x = feed(g, name="x")
        ys = [op(name, x) for name in ("exp", "sin", "cos", "tanh", "square")]
        g.outputs = [v for v in gradients([*ys, op("mul", ys[0], ys[1])], [x]) if v is not None]
        return print_graph(g)

    assert text() == text()


def test_finite_differences_of_a_network() -> None:
    g = Graph()
    x, w, b = feed(g, (4, 3)), feed(g, (3, 2)), feed(g, (2,))
    hidden = op("tanh", op("add", op("matmul", x, w, transpose_a=False, transpose_b=False), b))
    loss = op("reduce_sum", op("square", op("sub", hidden, op("sigmoid", hidden))), axes=None, keepdims=False)
    rng = np.random.default_rng(0)
    feeds = {v: rng.standard_normal(v.type.dims) for v in (x, w, b)}
    for v, found in zip((x, w, b), values(gradients([loss], [x, w, b]), feeds), strict=True):
        for place in np.ndindex(found.shape):
            step = np.zeros(found.shape)
            step[place] = 1e-5
            low, high = (float(evaluate(g, {**feeds, v: feeds[v] + s * step}, [loss])[0]) for s in (-1, 1))
            assert found[place] == pytest.approx((high - low) / 2e-5, rel=1e-6, abs=1e-8)


def test_second_derivative() -> None:
    g = Graph()
    x = feed(g)
    (first,) = gradients([op("mul", op("square", x), x)], [x])
    assert first is not None
    (second,) = values(gradients([first], [x]), {x: X})
    np.testing.assert_allclose(second, 6 * np.array(X))


def test_gradient_nodes_carry_the_forward_line() -> None:
    g = Graph()
    x = feed(g)
    with g.at(Loc("model.py", 7)):
        y = op("exp", x)
    with g.at(Loc("train.py", 1)):
        gradients([y], [x])
    made = g.nodes[g.nodes.index(y.node) + 1 :]
    assert made
    assert {n.loc for n in made} == {Loc("model.py", 7)}


def test_an_op_without_gradient_names_itself_and_the_line() -> None:
    g = Graph()
    x = REGISTRY["variable"](graph=g, dtype=float32, shape=(), key="x")
    with g.at(Loc("model.py", 8)):
        y = REGISTRY["assign_add"](x, const(g, 1.0, float32), name="step")
    with pytest.raises(UnsupportedError, match=r"assign_add \(step\) at model.py:8 has no gradient"):
        gradients([y], [x])
    assert gradients([y], [feed(g)]) == [None]
    other = op("neg", x)
    assert values(gradients([other], [x]), {x: 1.0}) == [-1]


def test_a_chain_of_ten_thousand_nodes() -> None:
    g = Graph()
    x = v = feed(g, ())
    for _ in range(10_000):
        v = op("neg", v)
    assert values(gradients([v], [x]), {x: 2.0}) == [1]


def test_a_thousand_uses_of_one_value_take_linear_time() -> None:
    g = Graph()
    x = v = feed(g, ())
    for _ in range(1000):
        v = op("add", v, x)
    start = time.monotonic()
    assert values(gradients([v], [x]), {x: 1.0}) == [1001]
    assert time.monotonic() - start < 20


def test_wrong_arguments_are_told() -> None:
    g, other = Graph(), Graph()
    x, foreign = feed(g), feed(other)
    y = op("neg", x)
    with pytest.raises(GraphError, match="belongs to another graph"):
        gradients([y], [foreign])
    with pytest.raises(GraphError, match="a gradient for each of 1 ys, got 2"):
        gradients([y], [x], [None, None])
    with pytest.raises(DTypeError, match="must be float64, got float32"):
        gradients([y], [x], [const(g, [1, 1, 1], float32)])
    with pytest.raises(ShapeError, match=r"must be float64\[3\], got float64\[2\]"):
        gradients([y], [x], [const(g, [1, 1], float64)])


def test_types_are_those_of_xs() -> None:
    g = Graph()
    x, b = feed(g, (2, 3), float32), feed(g, (1, 3), float32)
    dx, db = gradients([op("mul", x, b)], [x, b])
    assert dx is not None
    assert db is not None
    assert (dx.type, db.type) == (TensorType(float32, (2, 3)), TensorType(float32, (1, 3)))
