"""The references against SciPy and NumPy in float64, the values that are a convention, and other dtypes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from scipy import special, stats

from tfc.ir import types as T
from tfc.ir.graph import Graph, Value
from tfc.ir.interpret_graph import evaluate
from tfc.ir.op import REGISTRY

from .cases import CASES, Case, floats
from .lowering import Array, Lowered, agrees, apply


def both(op: str, operands: list[Any], attrs: dict[str, Any]) -> tuple[Array, Array]:
    """What an op gives by its reference and by its lowering."""
    node, feeds = apply(op, [np.asarray(x) for x in operands], attrs)
    return evaluate(node.graph, feeds, node.results)[0], Lowered(feeds).value(node.results[0])


X = np.array([-700.0, -30.0, -3.5, -1.0, -1e-9, 0.0, 1e-9, 0.25, 1.0, 3.5, 30.0, 700.0])
ORACLES: dict[str, Callable[[Array], Array]] = {
    "sigmoid": special.expit,
    "erf": special.erf,
    "softplus": lambda x: -special.log_expit(-x),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "swish": lambda x: x * special.expit(x),
    "elu": lambda x: np.where(x > 0, x, special.expm1(np.minimum(x, 0))),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * special.expm1(np.minimum(x, 0))),
    "relu6": lambda x: np.clip(x, 0, 6),
    "square": lambda x: x**2,
}


@pytest.mark.parametrize("op", ORACLES)
def test_activations(op: str) -> None:
    for found in both(op, [X], {}):
        np.testing.assert_allclose(found, ORACLES[op](X), rtol=1e-13, atol=1e-300)


def test_gelu() -> None:
    for found in both("gelu", [X], {"approximate": False}):
        np.testing.assert_allclose(found, X * stats.norm.cdf(X), rtol=1e-12, atol=1e-14)
    for found in both("gelu", [X], {"approximate": True}):
        np.testing.assert_allclose(found, X * stats.norm.cdf(X), atol=5e-4)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_softmax_and_its_kin(axis: int, scale: float) -> None:
    x = floats(4, 5) * scale
    labels = special.softmax(floats(4, 5, low=-1), axis)
    oracles: list[tuple[str, list[Array], dict[str, Any], Array]] = [
        ("softmax", [x], {"axis": axis}, special.softmax(x, axis)),
        ("log_softmax", [x], {"axis": axis}, special.log_softmax(x, axis)),
        ("logsumexp", [x], {"axes": (axis,), "keepdims": False}, special.logsumexp(x, axis)),
        ("softmax_cross_entropy", [x, labels], {"axis": axis}, -(labels * special.log_softmax(x, axis)).sum(axis)),
    ]
    for op, operands, attrs, expected in oracles:
        for found in both(op, operands, attrs):
            np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_sigmoid_cross_entropy() -> None:
    x, z = np.meshgrid(X, [0.0, 0.3, 1.0])
    expected = -(z * special.log_expit(x) + (1 - z) * special.log_expit(-x))
    for found in both("sigmoid_cross_entropy", [x, z], {}):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


INF, NAN = math.inf, math.nan
ALL: dict[str, Any] = {"axes": None, "keepdims": False}
ARG: dict[str, Any] = {"axis": 0, "dtype": T.int64}


@pytest.mark.parametrize(
    ("op", "operands", "attrs", "expected"),
    [
        ("relu", [[NAN, -INF, INF]], {}, [NAN, 0, INF]),
        ("maximum", [[NAN, 1.0], [1.0, NAN]], {}, [NAN, NAN]),
        ("sign", [[NAN, -INF, -0.0]], {}, [NAN, -1, 0]),
        ("round", [[0.5, 1.5, 2.5, -0.5, -1.5]], {}, [0, 2, 2, 0, -2]),
        ("floordiv", [[7, -7, 7, 5], [2, 2, -2, 0]], {}, [3, -4, -4, 0]),
        ("mod", [[7, -7, 7, 5], [2, 2, -2, 0]], {}, [1, 1, -1, 0]),
        ("floordiv", [[1.0, -1.0, 1.0, INF], [0.1, INF, 0.0, 2.0]], {}, [9, -1, INF, NAN]),
        ("mod", [[1.0, -1.0, 1.0, -0.25], [0.1, INF, 0.0, 1.0]], {}, [np.mod(1.0, 0.1), INF, NAN, 0.75]),
        ("clip", [[NAN, 5.0, -5.0], [0.0] * 3, [1.0] * 3], {}, [NAN, 1, 0]),
        ("clip", [[0.5], [2.0], [1.0]], {}, [2]),
        ("int_pow", [[0, 2, -3, 7], [0, 10, 3, 1]], {}, [1, 1024, -27, 7]),
        ("cast", [[1.9, -1.9, NAN, 1e20, -1e20]], {"dtype": T.int32}, [1, -1, 0, 2**31 - 1, -(2**31)]),
        ("cast", [[0.0, -0.0, 0.1, NAN]], {"dtype": T.bool_}, [False, False, True, True]),
        ("reduce_max", [[1.0, NAN, 3.0]], ALL, NAN),
        ("reduce_min", [[1.0, NAN, -INF]], ALL, NAN),
        ("reduce_max", [np.zeros(0)], ALL, -INF),
        ("reduce_min", [np.zeros(0, np.int32)], ALL, 2**31 - 1),
        ("reduce_mean", [np.zeros(0)], ALL, NAN),
        ("reduce_mean", [[3, -10, 0]], ALL, -2),
        ("reduce_mean", [[1, 0, 1]], ALL, 0),
        ("reduce_all", [np.zeros(0, np.bool_)], ALL, True),
        ("logsumexp", [[-INF, -INF]], ALL, -INF),
        ("logsumexp", [[INF, 1.0]], ALL, INF),
        ("logsumexp", [[NAN, 1.0]], ALL, NAN),
        ("logsumexp", [np.zeros(0)], ALL, -INF),
        ("logsumexp", [[1000.0, 1000.0]], ALL, 1000 + math.log(2)),
        ("argmax", [[1.0, 3.0, 3.0]], ARG, 1),
        ("argmax", [[1.0, NAN, 3.0, NAN]], ARG, 1),
        ("argmin", [[2.0, NAN, -INF]], ARG, 1),
        ("argmax", [[-INF, -INF]], ARG, 0),
        ("argmin", [[INF, INF]], ARG, 0),
        ("one_hot", [[0, -1, 2], 1.0, 0.0], {"depth": 2, "axis": -1}, [[1, 0], [0, 0], [0, 0]]),
        ("scatter_add", [[1, 1, 0], [1.0, 2.0, 4.0]], {"shape": (3,)}, [4, 3, 0]),
        ("sparse_softmax_cross_entropy", [[[0.0, -INF]], [0]], {}, [0]),
        ("dropout", [[1.0, 2.0], [0.4, 0.39]], {"rate": 0.4}, [1 / 0.6, 0]),
        ("l2_loss", [[[3.0, 4.0]]], {}, 12.5),
        ("pad", [[1, 2, 3]], {"paddings": ((2, 2),), "value": 0, "mode": "reflect"}, [3, 2, 1, 2, 3, 2, 1]),
        ("pad", [[1, 2, 3]], {"paddings": ((2, 1),), "value": 0, "mode": "symmetric"}, [2, 1, 1, 2, 3, 3]),
        ("bias_add", [np.zeros((1, 2, 1)), [1.0, 2.0]], {"data_format": "NCHW"}, [[[1], [2]]]),
    ],
)
def test_conventions(op: str, operands: list[Any], attrs: dict[str, Any], expected: Any) -> None:
    for found in both(op, operands, attrs):
        np.testing.assert_allclose(found, np.asarray(expected, found.dtype), rtol=1e-14)


def widths(of: str) -> list[Case]:
    """The cases of float64 in another width."""
    to = np.dtype(ml_dtypes.bfloat16) if of == "bfloat16" else np.dtype(of)
    kept = []
    for case in CASES:
        if any(x.dtype == np.float64 for x in case.operands):
            narrow = [x.astype(to) if x.dtype == np.float64 else x for x in case.operands]
            kept.append(Case(case.op, narrow, case.attrs))
    return kept


TOLERANCE = {"float32": 2e-5, "float16": 0.05, "bfloat16": 0.3}


@pytest.mark.parametrize("of", TOLERANCE)
def test_other_widths(of: str) -> None:
    """The reference keeps the dtype, and the lowering computes the same in it, to within rounding."""
    bad = []
    for case in widths(of):
        node, feeds = apply(case.op, case.operands, case.attrs)
        (expected,) = evaluate(node.graph, feeds, node.results)
        found = Lowered(feeds).value(node.results[0])
        if not agrees(node.type, found):
            bad.append(str(case))
        elif expected.dtype.kind not in "iub" and case.op not in ("mod", "floordiv"):
            limit = TOLERANCE[of]
            if not np.allclose(found.astype("f8"), expected.astype("f8"), rtol=limit, atol=limit, equal_nan=True):
                bad.append(str(case))
    assert bad == []


def key(v: Value, leaves: dict[Value, str], seen: set[tuple[Any, ...]]) -> tuple[Any, ...]:
    """What a value is, once composites are decomposed; `seen` gathers all that is on the way."""
    if v in leaves:
        return (leaves[v],)
    if v.node.op.decompose is not None:
        return key(v.node.op.decompose(v.node), leaves, seen)
    found = (v.node.op.name, str(v.node.attrs), *(key(x, leaves, seen) for x in v.node.operands))
    seen.add(found)
    return found


def test_softmax_and_its_kin_share_their_parts() -> None:
    """One maximum, one exponential, one sum and one logarithm serve loss, probabilities and gradient."""
    graph = Graph()
    x, z, dy = (
        REGISTRY["placeholder"](graph=graph, dtype=T.float32, shape=shape) for shape in ((8, 10), (8, 10), (8,))
    )
    loss = REGISTRY["softmax_cross_entropy"].node(x, z, axis=-1)
    assert loss.op.grad is not None
    kin = [loss.results[0], *loss.op.grad(loss, dy)]
    kin += [REGISTRY["softmax"](x, axis=1), REGISTRY["log_softmax"](x, axis=-1)]
    seen: set[tuple[Any, ...]] = set()
    for v in kin:
        assert v is not None
        key(v, {x: "x", z: "z", dy: "dy"}, seen)
    counts = [sum(k[0] == op for k in seen) for op in ("reduce_max", "exp", "log", "div")]
    assert counts == [1, 1, 1, 1]
