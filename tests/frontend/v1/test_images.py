"""Convolutions, pools and normalisations of `tf.nn` against NumPy, window by window, and what TF says of arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tfc.v1 as tf

from . import images

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(3)


def normal(*shape: int) -> Array:
    return RNG.normal(size=shape)


X, W, D, POINT = normal(2, 7, 6, 4), normal(3, 2, 4, 5), normal(3, 2, 4, 2), normal(1, 1, 8, 3)
Y, V = normal(2, 4, 3, 5), normal(3, 3, 3, 5)
S, F = normal(2, 9, 3), normal(4, 3, 5)
SCALE, OFFSET, MEAN, SPREAD = normal(4), normal(4), normal(4), np.abs(normal(4)) + 0.5
EXPLICIT = [[0, 0], [2, 1], [0, 3], [0, 0]]


def wide(f: Callable[..., Array], x: Array, *rest: Any) -> Array:
    """A rule of images on sequences, which are images of one row."""
    return f(x[:, None], *rest)[:, 0]


def lrn(x: Array, radius: int, bias: float, alpha: float, beta: float) -> Array:
    sums = [(x[..., max(k - radius, 0) : k + radius + 1] ** 2).sum(-1) for k in range(x.shape[-1])]
    return x / (bias + alpha * np.stack(sums, -1)) ** beta


def first(x: Array) -> Array:
    return np.moveaxis(x, -1, 1)


def last(x: Array) -> Array:
    return np.moveaxis(x, 1, -1)


nn = tf.nn
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Array], list[Array]]] = {
    "conv2d": (lambda x, w: nn.conv2d(x, w, [1, 1, 1, 1], "SAME"), images.conv, [X, W]),
    "conv2d strides": (
        lambda x, w: nn.conv2d(input=x, filter=w, strides=[1, 2, 3, 1], padding="SAME"),
        lambda x, w: images.conv(x, w, (2, 3)),
        [X, W],
    ),
    "conv2d one stride": (
        lambda x, w: nn.conv2d(x, filters=w, strides=2, padding="VALID"),
        lambda x, w: images.conv(x, w, (2, 2), "VALID"),
        [X, W],
    ),
    "conv2d explicit": (
        lambda x, w: nn.conv2d(x, w, 2, EXPLICIT),
        lambda x, w: images.conv(x, w, (2, 2), EXPLICIT),
        [X, W],
    ),
    "conv2d dilations": (
        lambda x, w: nn.conv2d(x, w, 1, "SAME", dilations=[1, 2, 3, 1]),
        lambda x, w: images.conv(x, w, dilations=(2, 3)),
        [X, W],
    ),
    "conv2d NCHW": (
        lambda x, w: nn.conv2d(x, w, [1, 1, 2, 1], "SAME", data_format="NCHW"),
        lambda x, w: first(images.conv(last(x), w, (2, 1))),
        [first(X), W],
    ),
    "conv2d groups": (lambda x, w: nn.conv2d(x, w, 1, "SAME"), images.conv, [X, normal(2, 2, 2, 6)]),
    "conv2d wide window": (lambda x, w: nn.conv2d(x, w, 1, "SAME"), images.conv, [X[:, :2, :1], normal(5, 4, 4, 2)]),
    "conv2d wide stride": (
        lambda x, w: nn.conv2d(x, w, 4, "SAME"),
        lambda x, w: images.conv(x, w, (4, 4)),
        [X, normal(1, 1, 4, 2)],
    ),
    "conv2d empty": (lambda x, w: nn.conv2d(x, w, 1, "SAME"), lambda x, w: np.zeros((0, 7, 6, 5)), [X[:0], W]),
    "conv1d": (
        lambda x, w: nn.conv1d(x, w, 2, "SAME"),
        lambda x, w: wide(images.conv, x, w[None], (1, 2)),
        [S, F],
    ),
    "conv1d NCW": (
        lambda x, w: nn.conv1d(value=x, filters=w, stride=1, padding="VALID", data_format="NCW"),
        lambda x, w: first(wide(images.conv, last(x), w[None], (1, 1), "VALID")),
        [first(S), F],
    ),
    "convolution": (
        lambda x, w: nn.convolution(x, w, "VALID", dilation_rate=[2, 1]),
        lambda x, w: images.conv(x, w, padding="VALID", dilations=(2, 1)),
        [X, W],
    ),
    "atrous_conv2d": (
        lambda x, w: nn.atrous_conv2d(x, w, 2, "SAME"),
        lambda x, w: images.conv(x, w, dilations=(2, 2)),
        [X, W],
    ),
    "depthwise_conv2d": (
        lambda x, w: nn.depthwise_conv2d(x, w, [1, 2, 2, 1], "SAME"),
        lambda x, w: images.depthwise(x, w, (2, 2)),
        [X, D],
    ),
    "depthwise_conv2d rate": (
        lambda x, w: nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "VALID", rate=[2, 2]),
        lambda x, w: images.depthwise(x, w, padding="VALID", dilations=(2, 2)),
        [X, D],
    ),
    "separable_conv2d": (
        lambda x, w, p: nn.separable_conv2d(x, w, p, [1, 1, 1, 1], "SAME"),
        lambda x, w, p: images.depthwise(x, w) @ p[0, 0],
        [X, D, POINT],
    ),
    "conv2d_transpose": (
        lambda y, w: nn.conv2d_transpose(y, w, [2, 8, 5, 3], [1, 2, 2, 1]),
        lambda y, w: images.conv_input(y, w, (2, 8, 5, 3), (2, 2), "SAME"),
        [Y, V],
    ),
    "conv2d_transpose open": (
        lambda y, w: nn.conv2d_transpose(y, w, tf.stack([tf.shape(y)[0], 9, 8, 3]), 2, "VALID"),
        lambda y, w: images.conv_input(y, w, (2, 9, 8, 3), (2, 2), "VALID"),
        [Y, V],
    ),
    "conv2d_backprop_input": (
        lambda y, w: nn.conv2d_backprop_input([2, 4, 3, 3], w, y, 1, "SAME"),
        lambda y, w: images.conv_input(y, w, (2, 4, 3, 3), (1, 1), "SAME"),
        [Y, V],
    ),
    "max_pool": (
        lambda x: nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME"),
        lambda x: images.max_pool(x, (2, 2), (2, 2), "SAME"),
        [X],
    ),
    "max_pool explicit": (
        lambda x: nn.max_pool(x, 4, 2, EXPLICIT),
        lambda x: images.max_pool(x, (4, 4), (2, 2), EXPLICIT),
        [X],
    ),
    "max_pool NCHW": (
        lambda x: nn.max_pool(x, [1, 1, 3, 2], [1, 1, 1, 2], "VALID", data_format="NCHW"),
        lambda x: first(images.max_pool(last(x), (3, 2), (1, 2), "VALID")),
        [first(X)],
    ),
    "avg_pool": (
        lambda x: nn.avg_pool(x, [1, 3, 2, 1], [1, 2, 1, 1], "SAME"),
        lambda x: images.avg_pool(x, (3, 2), (2, 1), "SAME"),
        [X],
    ),
    "max_pool1d": (
        lambda x: nn.max_pool1d(x, 3, 2, "SAME"),
        lambda x: wide(images.max_pool, x, (1, 3), (1, 2), "SAME"),
        [S],
    ),
    "avg_pool1d": (
        lambda x: nn.avg_pool1d(x, 3, 2, "SAME"),
        lambda x: wide(images.avg_pool, x, (1, 3), (1, 2), "SAME"),
        [S],
    ),
    "pool": (
        lambda x: nn.pool(x, [2, 3], "MAX", "SAME", strides=[2, 1]),
        lambda x: images.max_pool(x, (2, 3), (2, 1), "SAME"),
        [X],
    ),
    "pool dilation": (
        lambda x: nn.pool(x, [2, 3], "AVG", "VALID", dilation_rate=[3, 2]),
        lambda x: images.avg_pool(x, (2, 3), (1, 1), "VALID", (3, 2)),
        [X],
    ),
    "lrn": (lambda x: nn.lrn(x, 1, 1.5, 0.3, 0.75), lambda x: lrn(x, 1, 1.5, 0.3, 0.75), [X]),
    "lrn defaults": (nn.local_response_normalization, lambda x: lrn(x, 5, 1, 1, 0.5), [X]),
    "fused_batch_norm": (
        lambda x, g, b: nn.fused_batch_norm(x, g, b)[0],
        lambda x, g, b: (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 0.001) * g + b,
        [X, SCALE, OFFSET],
    ),
    "fused_batch_norm variance": (
        lambda x, g, b: nn.fused_batch_norm(x, g, b)[2],
        lambda x, g, b: x.var((0, 1, 2), ddof=1),
        [X, SCALE, OFFSET],
    ),
    "fused_batch_norm given NCHW": (
        lambda x, g, b, m, v: nn.fused_batch_norm(x, g, b, m, v, 0.1, "NCHW", is_training=False)[0],
        lambda x, g, b, m, v: first((last(x) - m) / np.sqrt(v + 0.1) * g + b),
        [first(X), SCALE, OFFSET, MEAN, SPREAD],
    ),
    "bias_add NCHW": (lambda x, b: nn.bias_add(x, b, "NCHW"), lambda x, b: first(last(x) + b), [first(X), SCALE]),
}


@pytest.mark.parametrize("name", CASES)
def test_images_are_those_of_numpy(name: str) -> None:
    """With the batch, and, where the filter says the channels, height and width left to the run."""
    function, rule, arrays = CASES[name]
    x, *rest = (a.astype(np.float64) for a in arrays)
    open_dims = [None, *x.shape[1:]] if "transpose" in name or "back" in name or "NC" in name else [None, None, None, 4]
    fed = tf.placeholder(tf.float64, [None, *x.shape[1:]] if x.ndim == 3 else open_dims)
    result = function(fed, *rest)
    expected = rule(x, *rest)
    assert result.shape.is_compatible_with(expected.shape)
    with tf.Session() as s:
        np.testing.assert_allclose(s.run(result, {fed: x}), expected, rtol=1e-11, atol=1e-11)


def gradient(y: Callable[[Any], Any], x: list[float]) -> list[float]:
    """The gradient of the sum of y to a column of numbers."""
    fed = tf.placeholder(tf.float32, [1, None, 1, 1])
    (slope,) = tf.gradients(y(fed), [fed])
    with tf.Session() as s:
        found: list[float] = s.run(slope, {fed: np.reshape(np.asarray(x, np.float32), (1, -1, 1, 1))}).ravel().tolist()
    return found


def test_gradients_of_pools_are_tensorflows() -> None:
    """TensorFlow's own numbers: the first of equal ones gets all; a mean counts no padding."""

    def pool(op: Any) -> Callable[[Any], Any]:
        return lambda x: op(x, [1, 3, 1, 1], [1, 1, 1, 1], "SAME")

    assert gradient(pool(nn.max_pool), [1, 1, 1, 1]) == [2, 1, 1, 0]
    assert gradient(pool(nn.max_pool), [0.0, -0.0, -0.0, 0.0]) == [2, 1, 1, 0]
    infinite = float("-inf")
    assert gradient(pool(nn.max_pool), [infinite] * 4) == [2, 1, 1, 0]
    assert gradient(lambda x: nn.avg_pool(x, [1, 2, 1, 1], [1, 2, 1, 1], "SAME"), [1, 2, 3]) == [0.5, 0.5, 1]


def test_a_nan_is_the_largest_number() -> None:
    x = tf.placeholder(tf.float32, [1, 4, 1, 1])
    y = nn.max_pool(x, [1, 2, 1, 1], [1, 1, 1, 1], "VALID")
    (slope,) = tf.gradients(y, [x])
    with tf.Session() as s:
        value, found = s.run([y, slope], {x: np.reshape([1, np.nan, np.nan, -np.inf], (1, 4, 1, 1))})
    assert np.isnan(value).all()
    assert found.ravel().tolist() == [0, 2, 1, 0]


def test_second_gradients() -> None:
    """The gradients of a convolution are convolutions; finite differences of the first gradient say the second."""
    x = tf.placeholder(tf.float64, [1, None, 4, 2])
    w = tf.placeholder(tf.float64, [2, 3, 2, 2])
    y = nn.conv2d(x, w, [1, 2, 1, 1], "SAME")
    pooled = nn.max_pool(y * y, 2, 1, "SAME") + nn.avg_pool(y, 2, 1, "SAME") ** 2
    to_x, to_w = tf.gradients(pooled, [x, w])
    total = tf.reduce_sum(tf.sin(to_x)) + tf.reduce_sum(to_w * to_w)
    seconds = tf.gradients(total, [x, w])
    values = {x: normal(1, 5, 4, 2), w: normal(2, 3, 2, 2)}
    with tf.Session() as s:
        found = s.run(seconds, values)
        for (fed, value), slope in zip(values.items(), found, strict=True):
            way = normal(*value.shape)
            ends = [s.run(total, {**values, fed: value + h * way}) for h in (1e-6, -1e-6)]
            np.testing.assert_allclose((ends[0] - ends[1]) / 2e-6, (slope * way).sum(), rtol=1e-6)


def images_of(*dims: int | None, dtype: Any = tf.float32) -> Any:
    return tf.placeholder(dtype, list(dims))


def test_names_and_numbers_of_nodes_are_tensorflows() -> None:
    x, w = images_of(2, 8, 8, 3), images_of(3, 3, 3, 4)
    graph = tf.get_default_graph()
    for call, name, nodes in (
        (lambda: nn.conv2d(x, w, 1, "SAME"), "Conv2D", 1),
        (lambda: nn.conv2d(x, np.zeros((1, 1, 3, 2)), 1, "SAME", name="c"), "c", 2),
        (lambda: nn.conv1d(images_of(1, 5, 3), images_of(2, 3, 4), 1, "SAME"), "conv1d/Squeeze", 8),
        (lambda: nn.conv2d_transpose(images_of(2, 4, 4, 4), w, [2, 8, 8, 3], 2), "conv2d_transpose", 3),
        (lambda: nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "SAME"), "depthwise", 3),
        (lambda: nn.depthwise_conv2d_native(x, w, [1, 1, 1, 1], "SAME"), "DepthwiseConv2dNative", 1),
        (lambda: nn.separable_conv2d(x, w, images_of(1, 1, 12, 2), [1, 1, 1, 1], "SAME"), "separable_conv2d", 5),
        (lambda: nn.max_pool(x, 2, 2, "SAME"), "MaxPool", 1),
        (lambda: nn.avg_pool(x, 2, 2, "SAME"), "AvgPool", 1),
        (lambda: nn.max_pool1d(images_of(1, 5, 3), 2, 2, "SAME"), "MaxPool1d/Squeeze", 5),
        (lambda: nn.pool(x, [2, 2], "MAX", "SAME"), "max_pool", 2),
        (lambda: nn.lrn(x), "LRN", 1),
        (lambda: nn.fused_batch_norm(x, images_of(3), images_of(3))[0], "FusedBatchNormV3", 5),
    ):
        before = graph.last_id
        assert (call().op.name, graph.last_id - before) == (name, nodes)


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ValueError, "not a multiple", lambda: nn.conv2d(images_of(1, 8, 8, 3), images_of(5, 5, 2, 4), 1, "SAME")),
        (ValueError, "'same' is not in", lambda: nn.conv2d(images_of(1, 8, 8, 1), images_of(2, 2, 1, 1), 1, "same")),
        (TypeError, "Expected string", lambda: nn.conv2d(images_of(1, 8, 8, 1), images_of(2, 2, 1, 1), 1)),
        (ValueError, "does not fit", lambda: nn.conv2d(images_of(1, 4, 8, 1), images_of(5, 5, 1, 1), 1, "VALID")),
        (
            ValueError,
            "length 1, 2 or 4",
            lambda: nn.conv2d(images_of(1, 8, 8, 1), np.ones((1, 1, 1, 1)), [1, 1, 1], "SAME"),
        ),
        (ValueError, "must be > 0", lambda: nn.conv2d(images_of(1, 8, 8, 1), np.ones((1, 1, 1, 1)), [0, 1], "SAME")),
        (ValueError, "rank 4", lambda: nn.conv2d(images_of(8, 8, 1), np.ones((1, 1, 1, 1)), 1, "SAME")),
        (ValueError, "both 'filter' and 'filters'", lambda: nn.conv2d(1, 2, 1, "SAME", filters=3)),
        (ValueError, "size 4", lambda: nn.conv2d(images_of(1, 8, 8, 1), np.ones((1, 1, 1, 1)), 1, [[0, 0], [1, 1]])),
        (
            ValueError,
            "nonnegative",
            lambda: nn.conv2d(images_of(1, 8, 8, 1), np.ones((1, 1, 1, 1)), 1, [[0, 0], [-1, 0], [0, 0], [0, 0]]),
        ),
        (
            ValueError,
            "batch or depth",
            lambda: nn.conv2d(images_of(1, 8, 8, 1), np.ones((1, 1, 1, 1)), 1, [[1, 0], [0, 0], [0, 0], [0, 0]]),
        ),
        (
            tf.errors.UnimplementedError,
            "batch and channels",
            lambda: nn.max_pool(images_of(1, 8, 8, 4), [1, 1, 1, 2], 1, "SAME"),
        ),
        (ValueError, "data_format", lambda: nn.max_pool(images_of(1, 8, 8, 4), 2, 1, "SAME", "CHWN")),
        (
            ValueError,
            "smaller than the window",
            lambda: nn.max_pool(images_of(1, 8, 8, 4), 2, 1, [[0, 0], [2, 0], [0, 0], [0, 0]]),
        ),
        (TypeError, "int32", lambda: nn.avg_pool(images_of(1, 8, 8, 4, dtype=tf.int32), 2, 1, "SAME")),
        (ValueError, "not supported", lambda: nn.pool(images_of(1, 8, 8, 4), [2, 2], "SUM", "SAME")),
        (ValueError, "not implemented", lambda: nn.pool(images_of(1, 8, 8, 4), [2, 2], "AVG", "SAME", [2, 2])),
        (
            ValueError,
            "conjunction",
            lambda: nn.depthwise_conv2d(images_of(1, 8, 8, 1), np.ones((2, 2, 1, 1)), [1, 2, 2, 1], "SAME", [2, 2]),
        ),
        (
            ValueError,
            "differ",
            lambda: nn.conv2d_transpose(images_of(2, 4, 4, 8), images_of(3, 3, 5, 7), [2, 8, 8, 5], 2),
        ),
        (
            ValueError,
            "8 channels|takes 5",
            lambda: nn.separable_conv2d(images_of(1, 8, 8, 4), D, np.ones((1, 1, 5, 3)), [1, 1, 1, 1], "SAME"),
        ),
    ],
)
def test_arguments_that_do_not_fit(error: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_window_that_does_not_fit_in_a_run() -> None:
    x = tf.placeholder(tf.float32, [1, None, None, 1])
    y = nn.conv2d(x, np.ones((3, 3, 1, 1)), 1, "VALID")
    with tf.Session() as s:
        assert s.run(y, {x: np.ones((1, 3, 5, 1))}).shape == (1, 1, 3, 1)
        with pytest.raises(ValueError, match="a window of 3 does not fit into a padded size of 2"):
            s.run(y, {x: np.ones((1, 2, 5, 1))})
