"""Gradients against central differences of the references in float64, and at the points where they are a convention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tfc.ir.graph import Graph
from tfc.ir.interpret_graph import evaluate
from tfc.ir.op import REGISTRY
from tfc.ir.types import dtype, float64

from .cases import CASES, Case, floats, rng
from .lowering import Array, Lowered, apply

STEP = 1e-5


def vjp(case: Case, dy: Array, *, lowered: bool = False) -> list[Array | None]:
    """The gradient of each operand, by the references of the gradient's ops or by their lowering."""
    node, feeds = apply(case.op, case.operands, case.attrs)
    seed = REGISTRY["placeholder"](graph=node.graph, dtype=float64, shape=dy.shape)
    grad = REGISTRY[case.op].grad
    assert grad is not None
    found = grad(node, seed)
    feeds = {**feeds, seed: dy}
    if lowered:
        values = Lowered(feeds)
        return [None if v is None else values.value(v) for v in found]
    wanted = [v for v in found if v is not None]
    arrays = iter(evaluate(node.graph, feeds, wanted))
    return [None if v is None else next(arrays) for v in found]


def difference(case: Case, k: int, dy: Array) -> Array:
    """Central differences of `sum(dy * f)` by operand k."""
    ref = REGISTRY[case.op].ref
    assert ref is not None
    out = np.zeros(case.operands[k].shape)
    for at in np.ndindex(*out.shape):
        sums = []
        for step in (STEP, -STEP):
            operands = list(case.operands)
            operands[k] = operands[k].copy()
            operands[k][at] += step
            sums.append(np.sum(dy * ref(*operands, **case.attrs)))
        out[at] = (sums[0] - sums[1]) / (2 * STEP)
    return out


def result(case: Case) -> Array:
    node, feeds = apply(case.op, case.operands, case.attrs)
    return evaluate(node.graph, feeds, node.results)[0]


@pytest.mark.parametrize("case", [c for c in CASES if c.slopes], ids=str)
def test_gradient_is_the_slope(case: Case) -> None:
    dy = rng(str(case)).uniform(-1, 1, result(case).shape)
    found, by_lowering = vjp(case, dy), vjp(case, dy, lowered=True)
    assert len(found) == len(case.operands)
    for k in case.slopes:
        gradient, again = found[k], by_lowering[k]
        assert gradient is not None and again is not None  # noqa: PT018
        assert gradient.shape == case.operands[k].shape
        np.testing.assert_allclose(gradient, difference(case, k, dy), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(again, gradient, rtol=1e-11, atol=1e-11)


def test_every_gradient_has_a_case() -> None:
    covered = {c.op for c in CASES if c.slopes}
    flat = {"sign", "floor", "ceil", "round", "floordiv", "stop_gradient", "size", "one_hot"}
    assert {op.name for op in REGISTRY.ops.values() if op.grad is not None} == covered | flat


@pytest.mark.parametrize("op", ["floor", "ceil", "round", "stop_gradient"])
def test_flat_ops_pass_nothing(op: str) -> None:
    assert vjp(Case(op, [floats(3)]), np.ones(3)) == [None]


INF, NAN = math.inf, math.nan
PROD = {"axes": None, "keepdims": False}


@pytest.mark.parametrize(
    ("op", "operands", "attrs", "expected"),
    [
        ("abs", [[0.0, -0.0, -2.0]], {}, [[0.0, 0.0, -1.0]]),
        ("sign", [[0.0, 3.0]], {}, [[0.0, 0.0]]),
        ("relu", [[0.0, -1.0, 1.0]], {}, [[0.0, 0.0, 1.0]]),
        ("relu6", [[0.0, 6.0, 5.0, 7.0]], {}, [[0.0, 0.0, 1.0, 0.0]]),
        ("leaky_relu", [[0.0, -1.0]], {"alpha": 0.25}, [[0.25, 0.25]]),
        ("elu", [[0.0]], {}, [[1.0]]),
        ("sqrt", [[0.0, 4.0]], {}, [[INF, 0.25]]),
        ("log", [[0.0, -1.0]], {}, [[INF, -1.0]]),
        ("maximum", [[1.0, 2.0, 0.0], [1.0, 1.0, 1.0]], {}, [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        ("minimum", [[1.0, 2.0, 0.0], [1.0, 1.0, 1.0]], {}, [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
        ("clip", [[0.0, 1.0, 2.0, -1.0], [0.0] * 4, [1.0] * 4], {}, [[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]),
        # x**2 at 0, x**0 at 0, a negative base, x**y with the slope to the exponent masked.
        ("pow", [[0.0, 0.0, -2.0, 0.0], [2.0, 0.0, 3.0, 1.0]], {}, [[0.0, 0.0, 12.0, 1.0], [0.0] * 4]),
        ("reduce_prod", [[2.0, 0.0, 3.0]], PROD, [[0.0, 6.0, 0.0]]),
        ("reduce_prod", [[0.0, 0.0, 3.0]], PROD, [[0.0, 0.0, 0.0]]),
        ("reduce_max", [[2.0, 5.0, 5.0, 1.0]], PROD, [[0.0, 0.5, 0.5, 0.0]]),
        ("reduce_min", [[1.0, 1.0, 1.0, 4.0]], PROD, [[1 / 3, 1 / 3, 1 / 3, 0.0]]),
        ("select", [[True, False], [NAN, 1.0], [1.0, INF]], {}, [None, [1.0, 0.0], [0.0, 1.0]]),
        ("softmax", [[1.0, -INF]], {"axis": 0}, [[0.0, 0.0]]),
        ("logsumexp", [[0.0, -INF]], PROD, [[1.0, 0.0]]),
        ("gather", [[1.0, 2.0], [1, 1, 0]], {"axis": 0}, [[1.0, 2.0], None]),
        ("softplus", [[1000.0, -1000.0]], {}, [[1.0, 0.0]]),
    ],
)
def test_conventions(op: str, operands: list[Any], attrs: dict[str, Any], expected: list[Any]) -> None:
    """TensorFlow 1.x's: `python/ops/{math,nn,array}_grad.py`."""
    case = Case(op, [np.asarray(x) for x in operands], attrs)
    found = vjp(case, np.ones_like(result(case)))
    for gradient, wanted in zip(found, expected, strict=True):
        assert (gradient is None) == (wanted is None)
        if gradient is not None:
            np.testing.assert_allclose(gradient, wanted)


def test_gradients_of_cross_entropies_are_tensorflows() -> None:
    """Softmax less labels, whatever the labels sum to; the labels' own is the negative log softmax."""
    logits, labels = np.array([[1.0, 2.0]]), np.array([[2.0, 0.0]])
    p = np.exp(logits) / np.exp(logits).sum()
    to_logits, to_labels = vjp(Case("softmax_cross_entropy", [logits, labels], {"axis": -1}), np.array([3.0]))
    assert to_logits is not None
    assert to_labels is not None
    np.testing.assert_allclose(to_logits, 3 * (p - labels))
    np.testing.assert_allclose(to_labels, -3 * np.log(p))


def test_second_gradients_can_be_built_of_unknown_ranks() -> None:
    """The gradients' own ops have gradients, which do not need a rank either."""
    for case in (c for c in CASES if c.slopes and c.op != "bias_add" and all(x.ndim for x in c.operands)):
        graph = Graph()
        operands = [REGISTRY["placeholder"](graph=graph, dtype=dtype(x.dtype), shape=None) for x in case.operands]
        node = REGISTRY[case.op].node(*operands, **case.attrs)
        dy = REGISTRY["placeholder"](graph=graph, dtype=node.type.dtype, shape=node.type.shape)
        before = len(graph.nodes)
        assert node.op.grad is not None
        node.op.grad(node, dy)
        for inner in graph.nodes[before:]:
            if inner.op.name != "constant" and inner.type.dtype.is_float:
                assert inner.op.grad is not None, (case.op, inner.op)
                ddy = REGISTRY["placeholder"](graph=graph, dtype=inner.type.dtype, shape=inner.type.shape)
                inner.op.grad(inner, ddy)
