"""`tfc.grad` and `tfc.value_and_grad` against finite differences and formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tfc
import tfc.numpy as tnp
from tfc.frontend.tracer import TraceError
from tfc.ir.errors import DTypeError, ShapeError, TfcError

from .reference import array, compiled, same, softmax

pytestmark = pytest.mark.usefixtures("on_both")

HERE = r"test_gradient\.py:\d+"


def slope(f: Callable[..., Any], xs: list[np.ndarray[Any, Any]], k: int, h: float = 1e-6) -> Any:
    """Central differences of a function of float64 arrays by its argument `k`."""
    out = np.zeros_like(xs[k])
    for at in np.ndindex(xs[k].shape):
        ends = []
        for step in (h, -h):
            moved = [x.copy() for x in xs]
            moved[k][at] += step
            ends.append(float(f(*moved)))
        out[at] = (ends[0] - ends[1]) / (2 * h)
    return out


def mlp(w: Any, v: Any, x: Any, y: Any) -> Any:
    hidden = tnp.gelu(x @ w, approximate=False)
    return tnp.mean(tnp.softmax_cross_entropy(tnp.tanh(hidden) @ v, y))


COMPOSITES: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "mlp": (mlp, [(3, 5), (5, 4), (2, 3), (2, 4)]),
    "unnormalised labels": (lambda x, y: tnp.softmax_cross_entropy(x, y).sum(), [(3, 4), (3, 4)]),
    "broadcast": (lambda a, b, c: (a * b / (c * c + 1)).sum(), [(3, 1), (2, 1, 4), ()]),
    "variance": (lambda x: (tnp.var(x, axis=0) * tnp.std(x, axis=0, ddof=1)).sum(), [(5, 3)]),
    "indexing": (
        lambda x: (x[1:, ::-1] * x[:-1, [0, 2, 1]]).sum() + x[tnp.arange(4), [0, 1, 2, 0]].sum() ** 2,
        [(4, 3)],
    ),
    "shapes": (
        lambda x, y: tnp.mean(tnp.concatenate([tnp.tile(x, (2, 1)), tnp.pad(y, 1)]).T.reshape(-1) ** 3),
        [(2, 4), (1, 2)],
    ),
    "reductions": (lambda x: tnp.prod(x, 0).max() + tnp.logsumexp(x) - x.min(1).mean(), [(3, 4)]),
    "powers": (lambda x, y: (tnp.exp(y) ** x + (x * x + 1) ** 1.5 + tnp.sqrt(x * x + 0.1)).sum(), [(4,), (4,)]),
    "contraction": (lambda x, y: tnp.tensordot(x, y, ([1, 2], [1, 0])).std(), [(2, 3, 2), (2, 3, 4)]),
    "where": (lambda x: tnp.where(x > 0, tnp.log1p(x * x), tnp.sin(x)).sum() / x.shape[0], [(7,)]),
}


@pytest.mark.parametrize("case", COMPOSITES)
def test_gradients_are_the_slopes(case: str) -> None:
    f, shapes = COMPOSITES[case]
    xs = [array("float64", *s, seed=k, low=-2, high=2) for k, s in enumerate(shapes)]
    every = tuple(range(len(xs)))
    value, found = compiled(tfc.value_and_grad(f, argnums=every))(*xs)
    plain = compiled(f)
    same(value, plain(*xs))
    for k in every:
        assert found[k].shape == xs[k].shape
        np.testing.assert_allclose(found[k], slope(plain, xs, k), rtol=2e-6, atol=2e-8)


def test_grad_of_grad_and_structures() -> None:
    cube = compiled(tfc.grad(tfc.grad(lambda x: x**3)))
    same(cube(2.0), np.float64(12))
    f = tfc.grad(lambda p, x: ((x @ p["w"] + p["b"]) ** 2).sum(), argnums=0)
    w, b, x = array("float32", 3, 2), array("float32", 2), array("float32", 4, 3)
    found = compiled(f)({"w": w, "b": b}, x)
    rest = 2 * (x @ w + b)
    same(found["w"], x.T @ rest, ulp=32)
    same(found["b"], rest.sum(0), ulp=32)
    hessian = compiled(lambda x: tnp.stack([tfc.grad(lambda y, k=k: tfc.grad(mixed)(y)[k])(x) for k in range(3)]))
    y = array("float64", 3)
    np.testing.assert_allclose(
        hessian(y),
        np.stack([slope(lambda z, k=k: compiled(tfc.grad(mixed))(z)[k], [y], 0) for k in range(3)]),
        atol=1e-8,
    )


def mixed(x: Any) -> Any:
    return tnp.sin(x[0] * x[1]) + tnp.exp(x[2]) * x[0]


def test_grad_with_aux_values_and_unconnected_arguments() -> None:
    x, y = np.arange(3.0), np.ones((2, 2), np.float32)
    found, aux = compiled(tfc.grad(lambda x, y: ((x * x).sum(), {"x": x + 1}), (0, 1), has_aux=True))(x, y)
    same(found[0], 2 * x)
    same(found[1], np.zeros((2, 2), np.float32))
    same(aux["x"], x + 1)
    (value, rest), slopes = compiled(tfc.value_and_grad(lambda x: (x.sum(), 7), has_aux=True))(x)
    same(value, np.float64(3))
    same(rest, np.int64(7))
    same(slopes, np.ones(3))
    same(compiled(tfc.grad(lambda x: tnp.sum(tnp.stop_gradient(x) * x)))(x), x)
    same(compiled(tfc.grad(lambda x: 2.0))(x), np.zeros(3))
    # Only the argument is differentiated by, not another use of the same array.
    same(compiled(lambda x: tfc.grad(lambda z: (z * x).sum())(x))(x), x)


def test_the_gradient_serves_every_batch() -> None:
    f = compiled(tfc.value_and_grad(lambda w, x, y: tnp.mean(tnp.sparse_softmax_cross_entropy(x @ w, y))))
    w = array("float64", 4, 3)
    for n in (5, 1, 8):
        x, y = array("float64", n, 4), np.arange(n) % 3
        p = softmax(x @ w)
        value, found = f(w, x, y)
        np.testing.assert_allclose(value, -np.log(p[np.arange(n), y]).mean(), rtol=1e-12)
        np.testing.assert_allclose(found, x.T @ (p - np.eye(3)[y]) / n, rtol=1e-10, atol=1e-12)
    assert len(f.engine.graphs) == 1


def test_one_program_for_open_dims_that_broadcast_or_not() -> None:
    def f(x: Any, y: Any) -> Any:
        return (tnp.exp(x) * y).sum()

    g = compiled(tfc.grad(f, (0, 1)))
    for a, b in [(3, 3), (1, 3), (3, 1), (1, 1), (0, 1)]:
        x, y = array("float64", a, 2), array("float64", b, 2, seed=1)
        dx, dy = g(x, y)
        whole = np.broadcast_shapes(x.shape, y.shape)
        np.testing.assert_allclose(dx, (np.exp(x) * y).sum(0, keepdims=True) if a < whole[0] else np.exp(x) * y)
        wide = np.broadcast_to(np.exp(x), whole)
        np.testing.assert_allclose(dy, wide.sum(0, keepdims=True) if b != whole[0] else wide)
    assert len(g.engine.graphs) == 1


@pytest.mark.parametrize(
    ("f", "args", "error", "message"),
    [
        (lambda x: x, (np.ones(3),), ShapeError, r"must give one float, got float64\["),
        (lambda x: (x > 0).any(), (1.0,), DTypeError, "must give one float, got bool"),
        (lambda x: (x, x), (1.0,), TraceError, "has_aux"),
        (lambda x: None, (1.0,), TraceError, "got NoneType"),
        (lambda x: x.sum(), (np.ones(3, int),), DTypeError, "needs floats, got int64"),
        (lambda x: x, (3,), DTypeError, "needs floats"),
        (lambda: 1.0, (), TraceError, "no argument 0"),
    ],
)
def test_what_has_no_gradient(f: Any, args: Any, error: type[TfcError], message: str) -> None:
    with pytest.raises(error, match=f"{message}.*{HERE}"):
        compiled(tfc.grad(f))(*args)
