"""Whole programs as their users write them: compiled functions on the runtime, beside NumPy in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tfc
import tfc.numpy as tnp
from tfc.ir.errors import ShapeError
from tfc.runtime import Executable

from .reference import Array, array, same, softmax


def test_the_classifier_as_a_plain_function() -> None:
    @tfc.compile
    def f(x: Any, w: Any, b: Any) -> Any:
        return tnp.softmax(x @ w + b)

    x, w, b = array("float32", 100, 784, low=0, high=1), array("float32", 784, 10, seed=1), array("float32", 10)
    for n in (100, 1, 0, 33):
        found = f(x[:n], w, b)
        assert (found.shape, found.dtype) == ((n, 10), np.float32)
        np.testing.assert_allclose(found, softmax(x[:n].astype("f8") @ w + b), rtol=1e-3, atol=1e-6)
    (program,) = f._programs.values()
    assert type(program.executable) is Executable
    with pytest.raises(ShapeError, match=r"test_programs\.py:\d+"):
        f(x[:, :-1], w, b)


def test_training_by_value_and_grad() -> None:
    """A network of two layers; its losses and weights after 30 steps are those of float64 NumPy."""

    def loss(params: Any, x: Any, y: Any) -> Any:
        hidden = tnp.tanh(x @ params["w"] + params["b"])
        return tnp.mean(tnp.softmax_cross_entropy(hidden @ params["v"], y))

    @tfc.compile
    def step(params: Any, x: Any, y: Any) -> Any:
        value, slope = tfc.value_and_grad(loss)(params, x, y)
        return value, {k: params[k] - 0.2 * slope[k] for k in params}

    g = np.random.default_rng(5)
    x, y = g.standard_normal((40, 6)), np.eye(3)[g.integers(0, 3, 40)]
    params = {"w": g.standard_normal((6, 8)) / 3, "b": np.zeros(8), "v": g.standard_normal((8, 3)) / 3}
    wide = {k: v.copy() for k, v in params.items()}
    narrow: Any = {k: v.astype("f4") for k, v in params.items()}
    first = 0.0
    for k in range(30):
        n = 40 if k % 3 else 25
        value, narrow = step(narrow, x[:n].astype("f4"), y[:n].astype("f4"))
        expected, wide = numpy_step(wide, x[:n], y[:n])
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        first = value if k == 0 else first
    assert value < 0.95 < first
    for name, w in wide.items():
        np.testing.assert_allclose(narrow[name], w, rtol=1e-4, atol=1e-5)


def numpy_step(params: dict[str, Array], x: Array, y: Array) -> tuple[float, dict[str, Array]]:
    hidden = np.tanh(x @ params["w"] + params["b"])
    p = softmax(hidden @ params["v"])
    dz = (p - y) / len(x)
    dh = dz @ params["v"].T * (1 - hidden**2)
    slopes = {"w": x.T @ dh, "b": dh.sum(0), "v": hidden.T @ dz}
    return float(-(y * np.log(p)).sum(1).mean()), {k: params[k] - 0.2 * slopes[k] for k in params}


def test_attention() -> None:
    @tfc.compile(specs=[tfc.Spec((None, None, 16), "float32"), tfc.Spec((16, 48), "float32")])
    def attention(x: Any, w: Any) -> Any:
        rows = x @ w
        q, k, v = rows[..., :16], rows[..., 16:32], rows[..., 32:]
        return tnp.softmax(q @ tnp.transpose(k, (0, 2, 1)) / 4.0) @ v

    w = array("float32", 16, 48, seed=2, low=-1, high=1)
    for batch, length in ((2, 5), (1, 1), (3, 9), (2, 0), (0, 4)):
        x = array("float32", batch, length, 16, low=-1, high=1)
        q, k, v = np.split(x.astype("f8") @ w, 3, axis=-1)
        s = q @ k.transpose(0, 2, 1) / 4
        e = np.exp(s - s.max(-1, keepdims=True, initial=-np.inf))
        with np.errstate(all="ignore"):
            expected = e / e.sum(-1, keepdims=True) @ v
        np.testing.assert_allclose(attention(x, w), expected, rtol=1e-4, atol=1e-5)


def test_newtons_method_by_gradients_of_gradients() -> None:
    def f(x: Any) -> Any:
        return tnp.exp(x) - 3.0 * x

    step = tfc.compile(lambda x: x - tfc.grad(f)(x) / tfc.grad(tfc.grad(f))(x))
    x = np.float64(0.5)
    for _ in range(8):
        x = step(x)
    np.testing.assert_allclose(x, np.log(3), rtol=1e-14)


def test_statistics_of_integers_and_bools() -> None:
    @tfc.compile
    def describe(x: Any) -> Any:
        big = x > 2
        return {"sum": x.sum(), "any": big.any(), "count": big.sum(0), "at": tnp.argmax(x, 1), "mean": x.mean()}

    for n in (4, 1):
        x = array("int32", n, 5)
        found = describe(x)
        same(found["sum"], x.sum(dtype=found["sum"].dtype))
        same(found["any"], (x > 2).any())
        same(found["count"], (x > 2).sum(0))
        same(found["at"], x.argmax(1))
        np.testing.assert_allclose(found["mean"], x.mean())
