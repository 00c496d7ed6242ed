"""Convolutions and pools of `tfc.numpy` against SciPy and NumPy, traced and at once, and their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.signal

import tfc
import tfc.numpy as tnp
from tfc.ir.errors import DTypeError, ShapeError

from .reference import Array, agree, array, compiled, same
from .v1 import images


def correlated(x: Array, w: Array) -> Array:
    """The convolution without padding of any number of spatial dims, by SciPy's correlation of pairs of channels."""
    planes = [
        [sum(scipy.signal.correlate(a[..., c], w[..., c, f], "valid") for c in range(w.shape[-2])) for a in x]
        for f in range(w.shape[-1])
    ]
    return np.moveaxis(np.array(planes), 0, -1)


def wide_float(rule: Callable[..., Array]) -> Callable[..., Array]:
    """The rule in float64, and its result in the dtype of its operands."""
    return lambda *xs: rule(*(x.astype(np.float64) for x in xs)).astype(np.result_type(*xs))


X, W = (1, 6, 5, 4), (3, 2, 4, 3)
SHAPES: dict[str, tuple[Callable[..., Any], Callable[..., Array], list[tuple[int, ...]]]] = {
    "conv 1": (tnp.conv, correlated, [(2, 7, 3), (4, 3, 2)]),
    "conv 2": (tnp.conv, correlated, [(2, 6, 5, 2), (3, 2, 2, 3)]),
    "conv 3": (tnp.conv, correlated, [(1, 4, 3, 5, 2), (2, 2, 3, 2, 2)]),
    "conv same": (lambda x, w: tnp.conv(x, w, 2, "same"), lambda x, w: images.conv(x, w, (2, 2)), [X, W]),
    "conv strides": (lambda x, w: tnp.conv(x, w, (1, 3)), lambda x, w: images.conv(x, w, (1, 3), "VALID"), [X, W]),
    "conv pairs": (
        lambda x, w: tnp.conv(x, w, padding=[(4, 0), (1, 3)]),
        lambda x, w: images.conv(x, w, padding=[None, (4, 0), (1, 3)]),
        [X, W],
    ),
    "conv dilations": (
        lambda x, w: tnp.conv(x, w, dilations=(1, 2)),
        lambda x, w: images.conv(x, w, padding="VALID", dilations=(1, 2)),
        [X, W],
    ),
    "conv groups": (
        lambda x, w: tnp.conv(x, w, groups=2, padding="SAME"),
        images.conv,
        [X, (3, 3, 2, 6)],
    ),
    "conv_transpose": (
        lambda y, w: tnp.conv_transpose(y, w, (y.shape[0], 7, 6, 2), 2, "SAME"),
        lambda y, w: images.conv_input(y, w, (1, 7, 6, 2), (2, 2), "SAME"),
        [(1, 4, 3, 3), (3, 3, 2, 3)],
    ),
    "max_pool": (lambda x: tnp.max_pool(x, 2), lambda x: images.max_pool(x, (2, 2), (2, 2), "VALID"), [X]),
    "max_pool same": (
        lambda x: tnp.max_pool(x, (3, 2), 1, "SAME"),
        lambda x: images.max_pool(x, (3, 2), (1, 1), "SAME"),
        [X],
    ),
    "avg_pool": (
        lambda x: tnp.avg_pool(x, (3, 2), 1, "SAME"),
        lambda x: images.avg_pool(x, (3, 2), (1, 1), "SAME"),
        [X],
    ),
    "avg_pool count_padding": (
        lambda x: tnp.avg_pool(x, 2, padding=[(1, 0), (0, 1)], count_padding=True),
        lambda x: images.avg_pool(np.pad(x, ((0, 0), (1, 0), (0, 1), (0, 0))), (2, 2), (2, 2), "VALID"),
        [X],
    ),
    "first": (
        lambda x: tnp.max_pool(x, 2, 1, data_format="NCHW"),
        lambda x: np.moveaxis(images.max_pool(np.moveaxis(x, 1, -1), (2, 2), (1, 1), "VALID"), -1, 1),
        [X],
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", SHAPES)
def test_windows_are_those_of_numpy(case: str, dtype: str) -> None:
    ours, theirs, shapes = SHAPES[case]
    agree(ours, wide_float(theirs), *(array(dtype, *s) for s in shapes), ulp=64)


def test_integers_and_float16() -> None:
    x, w = array("int32", 1, 4, 5, 2), array("int32", 2, 3, 2, 3)
    agree(tnp.conv, correlated, x, w)
    agree(lambda x: tnp.max_pool(x, 2, 1), wide_float(lambda x: images.max_pool(x, (2, 2), (1, 1), "VALID")), x)
    agree(lambda x: tnp.avg_pool(x, 2, 1), lambda x: images.avg_pool(x.astype(np.float64), (2, 2), (1, 1), "VALID"), x)
    half = array("float16", 1, 9, 64), array("float16", 5, 64, 2)
    agree(tnp.conv, wide_float(correlated), *half)


def test_sizes_of_a_run() -> None:
    """A compiled function serves all sizes; of an odd padding the greater part comes after."""

    def network(x: Any, w: Any) -> Any:
        return tnp.avg_pool(tnp.relu(tnp.conv(x, w, 2, "SAME")), (2, 3), 1, "SAME")

    ours = tfc.compile(network)
    w = array("float64", 3, 2, 2, 3)
    for shape in ((1, 1, 1, 2), (2, 5, 8, 2), (3, 8, 5, 2), (0, 4, 4, 2)):
        x = array("float64", *shape)
        wanted = images.avg_pool(np.maximum(images.conv(x, w, (2, 2)), 0), (2, 3), (1, 1), "SAME")
        same(ours(x, w), wanted, 64)


def test_gradients_are_slopes() -> None:
    def loss(x: Any, w: Any, v: Any) -> Any:
        y = tnp.max_pool(tnp.tanh(tnp.conv(x, w, (2, 1), "SAME", groups=2)), (2, 2), 1)
        z = tnp.conv_transpose(y, v, (1, 7, 4, 2), dilations=(2, 1))
        return tnp.sum(tnp.avg_pool(z, 3, 2, "SAME") ** 2)

    xs = [array("float64", 1, 8, 4, 4) / 8, array("float64", 3, 3, 2, 4), array("float64", 3, 2, 2, 4)]
    for k, x in enumerate(xs):
        slope = compiled(tfc.grad(loss, k))(*xs)
        way = array("float64", *x.shape, seed=1)
        ends = [loss(*xs[:k], x + h * way, *xs[k + 1 :]) for h in (1e-6, -1e-6)]
        np.testing.assert_allclose((ends[0] - ends[1]) / 2e-6, (slope * way).sum(), rtol=1e-6)


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (
            ShapeError,
            r"strides are 2 numbers.*test_windows\.py:\d+",
            lambda x: tnp.conv(x, np.ones((1, 1, 4, 2)), (1, 1, 1)),
        ),
        (ShapeError, "neither SAME nor VALID", lambda x: tnp.conv(x, np.ones((1, 1, 4, 2)), padding="full")),
        (ShapeError, "channels of the operand", lambda x: tnp.conv(x, np.ones((1, 1, 3, 2)))),
        (ShapeError, "no multiple of 2 groups", lambda x: tnp.conv(x, np.ones((1, 1, 2, 3)), groups=2)),
        (ShapeError, "rank 3 or more", lambda x: tnp.conv(x, np.ones((4, 2)))),
        (ShapeError, "a window of 9 does not fit", lambda x: tnp.max_pool(x, 9)),
        (ShapeError, "at least 1", lambda x: tnp.max_pool(x, 2, 0)),
        (ShapeError, "none of NHWC, NCHW", lambda x: tnp.max_pool(x, 2, data_format="CHWN")),
        (ShapeError, "takes rank 3", lambda x: tnp.avg_pool(x[0, 0], 2)),
        (DTypeError, "bool", lambda x: tnp.max_pool(x > 0, 2)),
    ],
)
def test_what_does_not_fit_is_an_error(error: type[Exception], message: str, call: Callable[[Any], Any]) -> None:
    with pytest.raises(error, match=message):
        call(array("float32", *X))
