"""The table and its vocabulary: references against SciPy and differences, adapters against references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import tfc.v1 as tf
from benchmarks import models
from benchmarks.contestants import Unsupported, expression
from benchmarks.contestants.tf1 import TensorflowOps
from benchmarks.numpy_ops import NumpyOps, Reference
from benchmarks.runner import expected, traffic_of
from benchmarks.workload import Traffic
from benchmarks.workloads import STEP, WORKLOADS, matching, named

Function = Callable[..., Any]


def test_names_are_unique() -> None:
    assert len({w.name for w in WORKLOADS}) == len(WORKLOADS)
    with pytest.raises(LookupError, match="no workload 'nothing'"):
        named("nothing")


def test_the_quick_ones_are_of_every_group() -> None:
    assert {w.group for w in WORKLOADS if w.quick} == {w.group for w in WORKLOADS}


@pytest.mark.parametrize(
    ("patterns", "some"),
    [
        ([], len(WORKLOADS)),
        (["Matmul: *512x512x512*float64"], 1),
        (["training: softmax", "training: MLP"], 2),
        (["nothing"], 0),
    ],
)
def test_patterns(patterns: list[str], some: int) -> None:
    assert len(matching(patterns)) == some


def test_traffic_and_what_is_checked() -> None:
    after, references = expected(STEP, STEP.data(buffers=2))
    assert after == [1, 3]
    assert traffic_of(STEP, references[0]) == Traffic(4 * 100 * 794, 4 * 7850, 4 * 7850)
    table = next(w for w in WORKLOADS if w.name.startswith("embedding"))
    assert traffic_of(table, [np.zeros((4096, 256))]) == Traffic(4 * 4096 * 257, 0, 4 * 4096 * 256)


@pytest.mark.parametrize("which", [True, False])
def test_updates_descend_the_gradient(which: bool) -> None:
    """Against central differences of the loss, at some places of each weight."""
    ops, draw = Reference(), np.random.default_rng(5)
    if which:
        shapes = [(7, 6), (6,), (6, 5), (5,), (5, 3), (3,)]
        x, loss, update = draw.normal(size=(4, 7)), models.dense_loss, models.dense_update
    else:
        shapes = [(3, 3, 1, 2), (2,), (3, 3, 2, 3), (3,), (12, 5), (5,), (5, 3), (3,)]
        x, loss, update = draw.normal(size=(2, 8, 8, 1)), models.cnn_loss, models.cnn_update
    weights = tuple(draw.normal(size=s) for s in shapes)
    y = np.eye(3)[draw.integers(0, 3, len(x))]
    new = update(ops, weights, 1.0, x, y)
    for k, w in enumerate(weights):
        for at in {tuple(draw.integers(0, n) for n in w.shape) for _ in range(6)}:
            moved = []
            for by in (1e-6, -1e-6):
                point = [a.copy() for a in weights]
                point[k][at] += by
                moved.append(float(loss(ops, tuple(point), x, y)))
            assert w[at] - new[k][at] == pytest.approx((moved[0] - moved[1]) / 2e-6, abs=1e-7)


def test_the_vocabulary_of_the_references() -> None:
    ops, draw = Reference(), np.random.default_rng(6)
    x, q, k, v = draw.normal(size=(5, 7)), *(draw.normal(size=(2, 3, 4, 8)) for _ in range(3))
    close = np.testing.assert_allclose
    close(ops.softmax(x), scipy.special.softmax(x, -1))
    close(ops.log_softmax(x), scipy.special.log_softmax(x, -1))
    close(ops.logsumexp(x), scipy.special.logsumexp(x, -1))
    close(ops.sigmoid(x), scipy.special.expit(x))
    close(ops.erf(x), scipy.special.erf(x))
    close(ops.gelu(x), x * scipy.special.ndtr(x), atol=2e-3)
    close(ops.layer_norm(x, 2.0, 1.0), (x - x.mean(-1)[:, None]) / np.sqrt(x.var(-1) + 1e-5)[:, None] * 2 + 1)
    close(ops.rms_norm(x, 2.0), x / np.sqrt((x * x).mean(-1) + 1e-5)[:, None] * 2)
    weights = scipy.special.softmax(np.einsum("bhqd,bhkd->bhqk", q, k) / np.sqrt(8), -1)
    close(ops.attention(q, k, v), np.einsum("bhqk,bhkd->bhqd", weights, v))
    assert ops.cast(np.float32([1.5]), "float32").dtype == np.float64
    assert ops.cast(np.array([1.5]), "int32").dtype == np.int32


def test_convolution_keeps_the_size() -> None:
    draw = np.random.default_rng(7)
    x, w, b = draw.normal(size=(2, 4, 6, 3)), draw.normal(size=(3, 3, 3, 5)), draw.normal(size=5)
    out = Reference().conv2d(x, w, b)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for n, i, j, f in np.ndindex(out.shape):
        assert out[n, i, j, f] == pytest.approx((padded[n, i : i + 3, j : j + 3] * w[..., f]).sum() + b[f])
    pooled = Reference().max_pool(x)
    assert pooled.shape == (2, 2, 3, 3)
    assert pooled[1, 1, 2, 0] == x[1, 2:4, 4:6, 0].max()


VOCABULARY: dict[str, Function] = {
    "chain": lambda ops, x: models.chain(ops, (), x, x + 2.0),
    "gelu": lambda ops, x: ops.gelu(x),
    "sigmoid": lambda ops, x: ops.sigmoid(x),
    "softmax": lambda ops, x: ops.softmax(x),
    "log_softmax": lambda ops, x: ops.log_softmax(x),
    "logsumexp": lambda ops, x: ops.logsumexp(x),
    "layer_norm": lambda ops, x: ops.layer_norm(x, 2.0, 1.0),
    "rms_norm": lambda ops, x: ops.rms_norm(x, 2.0),
    "argmax": lambda ops, x: ops.argmax(x),
    "matmul": lambda ops, x: ops.matmul(x, x, tb=True),
    "where": lambda ops, x: ops.where(x > 0.0, x, 0.5),
    "concat": lambda ops, x: ops.concat([x, x], -1),
    "transpose": lambda ops, x: ops.transpose(x, (1, 0)),
    "cast": lambda ops, x: ops.cast(x, "int32"),
    "reduce": lambda ops, x: ops.max(x, 0) + ops.sum(x, 0) + ops.mean(x, 0),
}


@pytest.mark.parametrize("name", VOCABULARY)
def test_tensorflows_vocabulary_on_tfc(name: str) -> None:
    values = np.random.default_rng(8).normal(size=(4, 5))
    with tf.Graph().as_default(), tf.Session() as session:
        got = session.run(VOCABULARY[name](TensorflowOps(tf), tf.constant(values, tf.float32)))
    np.testing.assert_allclose(got, VOCABULARY[name](Reference(), values), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(VOCABULARY)))
def test_numpys_vocabulary(name: str) -> None:
    values = np.random.default_rng(8).normal(size=(4, 5)).astype(np.float32)
    got = VOCABULARY[name](NumpyOps(), values)
    assert got.dtype != np.float64
    np.testing.assert_allclose(got, VOCABULARY[name](Reference(), values), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["12-op chain 16K", "gelu by tanh 4M", "sigmoid 1M"])
def test_expressions_as_text(name: str) -> None:
    """Each statement evaluated by Python is the function; what occurs twice is one statement."""
    workload = named(name)
    whole, names = expression.of(workload)
    lines, numbers = expression.statements(whole, lambda x, of: f"apply({x.op!r}, {', '.join(of)})")
    operators: dict[str, Function] = {"+": np.add, "*": np.multiply, "/": np.divide}

    def apply(op: str, *operands: Any) -> Any:
        if op == "-":
            return -operands[0] if len(operands) == 1 else operands[0] - operands[1]
        return operators.get(op, getattr(np, op, None))(*operands)  # type: ignore[misc]

    values = [np.random.default_rng(k).normal(size=9) for k in range(len(names))]
    scope: dict[str, Any] = {"apply": apply, **numbers, **dict(zip(names, values, strict=True))}
    for line in lines:
        exec(line, scope)
    assert workload.function is not None
    np.testing.assert_allclose(scope[f"t{len(lines) - 1}"], workload.function(Reference(), (), *values))
    if name.startswith("12"):
        assert len(lines) == 12


def test_what_is_no_expression() -> None:
    with pytest.raises(Unsupported, match="no softmax|no max"):
        expression.of(named("softmax 10000x10"))
    with pytest.raises(Unsupported, match="no elementwise function"):
        expression.of(STEP)
