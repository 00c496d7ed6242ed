"""`tf.layers`: names and reuse of variables, defaults, values against NumPy, and TF's errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tfc.v1 as tf

from . import images

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(8)
X, ROWS = RNG.normal(size=(3, 6, 5, 2)), RNG.normal(size=(4, 5))
layers = tf.layers


def fed(*dims: int | None, dtype: Any = tf.float64) -> Any:
    return tf.placeholder(dtype, list(dims))


def names(variables: list[Any]) -> list[str]:
    return [v.name for v in variables]


def test_names_of_variables_and_operations() -> None:
    x = fed(None, 6, 5, 2, dtype=tf.float32)
    conv = layers.conv2d(x, 4, 3, activation=tf.nn.relu)
    pool = layers.max_pooling2d(conv, 2, 2)
    flat = layers.flatten(pool)
    first, second = layers.dense(flat, 3), layers.dense(flat, 3, tf.nn.tanh)
    named = layers.dense(flat, 2, use_bias=False, name="logits")
    dropped = layers.dropout(named)
    assert [t.name for t in (conv, pool, flat, first, second, named, dropped)] == [
        "conv2d/Relu:0",
        "max_pooling2d/MaxPool:0",
        "flatten/Reshape:0",
        "dense/BiasAdd:0",
        "dense_1/Tanh:0",
        "logits/MatMul:0",
        "dropout/Identity:0",
    ]
    parts = ["conv2d/kernel", "conv2d/bias", "dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"]
    assert names(tf.trainable_variables()) == [f"{p}:0" for p in [*parts, "logits/kernel"]]
    assert [v.shape.as_list() for v in tf.trainable_variables()][:4] == [[3, 3, 2, 4], [4], [8, 3], [3]]


def test_a_layer_counts_as_many_nodes_as_in_tensorflow() -> None:
    graph = tf.get_default_graph()
    x = fed(None, 6, 5, 2, dtype=tf.float32)
    for call, nodes in (
        (lambda: layers.dense(fed(None, 5, dtype=tf.float32), 3, tf.nn.relu), 1 + 10 + 4 + 3),
        (lambda: layers.conv2d(x, 4, 3), 10 + 4 + 3),
        (lambda: layers.average_pooling2d(x, 2, 2), 1),
        (lambda: layers.flatten(x), 8),
    ):
        before = graph.last_id
        call()
        assert graph.last_id - before == nodes


def test_a_scope_that_reuses_finds_its_layers_in_order() -> None:
    x = fed(None, 5)

    def network() -> Any:
        return layers.dense(layers.dense(x, 5, tf.nn.relu), 5)

    with tf.variable_scope("m"):
        first = network()
    with tf.variable_scope("m", reuse=True):
        again = network()
    third = layers.dense(x, 5, name="m/dense", reuse=True)
    assert len(tf.global_variables()) == 4
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        a, b, c = s.run([first, again, tf.nn.relu(third)], {x: ROWS})
        kernel, bias = s.run(tf.global_variables()[2:])
    np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(c @ kernel + bias, a)


def test_the_default_kernel_is_glorots() -> None:
    layers.conv2d(fed(None, 6, 5, 2), 50, 3)
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        kernel, bias = s.run(tf.global_variables())
    limit = np.sqrt(6 / (9 * 2 + 9 * 50))
    assert 0.9 * limit < np.abs(kernel).max() <= limit
    assert not bias.any()


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


CASES: dict[str, tuple[Callable[[Any], Any], Callable[..., Array], Array]] = {
    "dense": (lambda x: layers.dense(x, 3, tf.nn.relu), lambda x, w, b: relu(x @ w + b), ROWS),
    "dense of images": (lambda x: layers.dense(x, 3), lambda x, w, b: x @ w + b, X),
    "conv2d": (
        lambda x: layers.conv2d(x, 4, (3, 2), strides=2, padding="same", activation=tf.nn.relu),
        lambda x, w, b: relu(images.conv(x, w, (2, 2)) + b),
        X,
    ),
    "conv2d first": (
        lambda x: layers.conv2d(x, 4, 2, data_format="channels_first"),
        lambda x, w, b: np.moveaxis(images.conv(np.moveaxis(x, 1, -1), w, padding="VALID") + b, -1, 1),
        np.ascontiguousarray(np.moveaxis(X, -1, 1)),
    ),
    "conv2d dilated": (
        lambda x: layers.conv2d(x, 4, 2, dilation_rate=(2, 3), use_bias=False),
        lambda x, w: images.conv(x, w, padding="VALID", dilations=(2, 3)),
        X,
    ),
    "conv1d": (
        lambda x: layers.conv1d(x, 4, 3, strides=2, padding="SAME"),
        lambda x, w, b: images.conv(x[:, None], w[None], (1, 2))[:, 0] + b,
        X[:, 0],
    ),
    "conv2d_transpose": (
        lambda x: layers.conv2d_transpose(x, 4, (3, 5), strides=2),
        lambda x, w, b: images.conv_input(x, w, (3, 13, 13, 4), (2, 2), "VALID") + b,
        X,
    ),
    "conv2d_transpose same": (
        lambda x: layers.conv2d_transpose(x, 4, 1, strides=(2, 3), padding="same"),
        lambda x, w, b: images.conv_input(x, w, (3, 12, 15, 4), (2, 3), "SAME") + b,
        X,
    ),
    "max_pooling2d": (
        lambda x: layers.max_pooling2d(x, (3, 2), 2, "same"),
        lambda x: images.max_pool(x, (3, 2), (2, 2), "SAME"),
        X,
    ),
    "average_pooling2d": (
        lambda x: layers.average_pooling2d(inputs=x, pool_size=[2, 2], strides=1),
        lambda x: images.avg_pool(x, (2, 2), (1, 1), "VALID"),
        X,
    ),
    "max_pooling1d": (
        lambda x: layers.max_pooling1d(x, 2, 2),
        lambda x: images.max_pool(x[:, None], (1, 2), (1, 2), "VALID")[:, 0],
        X[:, 0],
    ),
    "flatten": (layers.flatten, lambda x: x.reshape(3, -1), X),
    "flatten first": (
        lambda x: layers.flatten(x, data_format="channels_first"),
        lambda x: np.moveaxis(x, 1, -1).reshape(3, -1),
        X,
    ),
    "flatten vector": (layers.flatten, lambda x: x[:, None], X[:, 0, 0, 0]),
}


@pytest.mark.parametrize("name", CASES)
def test_layers_are_those_of_numpy(name: str) -> None:
    function, rule, x = CASES[name]
    given = fed(None, *x.shape[1:])
    result = function(given)
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        for v in tf.global_variables():
            v.load(RNG.normal(size=v.shape.as_list()), s)
        found, *weights = s.run([result, *tf.global_variables()], {given: x})
    np.testing.assert_allclose(found, rule(x, *weights), rtol=1e-11, atol=1e-11)


def test_dropout_only_when_it_trains() -> None:
    x, training = fed(200), tf.placeholder(tf.bool, [])
    always, asked = layers.dropout(x, 0.4, training=True), layers.dropout(x, 0.4, training=training)
    with tf.Session() as s:
        ones = np.ones(200)
        for result in (s.run(always, {x: ones}), s.run(asked, {x: ones, training: True})):
            kept = result != 0
            assert 80 < kept.sum() < 160
            np.testing.assert_allclose(result[kept], 1 / 0.6)
        np.testing.assert_array_equal(s.run(asked, {x: ones, training: False}), ones)


@pytest.mark.parametrize(
    ("shape", "axis", "fused"), [((6, 3), -1, None), ((2, 3, 2, 3), 3, None), ((2, 3, 4, 2), 1, False)]
)
@pytest.mark.parametrize("asked", [False, True])
def test_batch_normalization(shape: tuple[int, ...], axis: int, fused: bool | None, asked: bool) -> None:
    """The average of the variance of images follows that of the population, unless they are not `fused`."""
    value, momentum = RNG.normal(size=shape) * 3 + 1, 0.8
    x = fed(None, *shape[1:])
    training = tf.placeholder(tf.bool, []) if asked else True
    y = layers.batch_normalization(x, axis, momentum, 0.01, training=training, fused=fused)
    parts = ["gamma", "beta", "moving_mean", "moving_variance"]
    assert names(tf.global_variables()) == [f"batch_normalization/{p}:0" for p in parts]
    assert names(tf.trainable_variables()) == [f"batch_normalization/{p}:0" for p in parts[:2]]
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    others = tuple(k for k in range(len(shape)) if k != axis % len(shape))
    mean, variance = value.mean(others, keepdims=True), value.var(others, keepdims=True)
    n = value.size // mean.size if len(shape) == 4 and fused is None else 0
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        feed = {x: value, **({training: True} if asked else {})}
        found = s.run([y, updates], feed)[0]
        np.testing.assert_allclose(found, (value - mean) / np.sqrt(variance + 0.01), rtol=1e-10, atol=1e-10)
        moved = s.run(tf.global_variables()[2:])
        np.testing.assert_allclose(moved[0], 0.2 * mean.ravel(), rtol=1e-10)
        np.testing.assert_allclose(moved[1], 0.8 + 0.2 * (variance.ravel() * (n / (n - 1) if n else 1)), rtol=1e-10)
        if asked:
            found = s.run([y, updates], {x: value, training: False})[0]
            wide = [m.reshape(mean.shape) for m in moved]
            np.testing.assert_allclose(found, (value - wide[0]) / np.sqrt(wide[1] + 0.01), rtol=1e-10, atol=1e-10)
            np.testing.assert_array_equal(s.run(tf.global_variables()[2:]), moved)


def test_losses_of_weights_and_results_are_collected_once() -> None:
    x = fed(None, 5)
    for reuse in (None, True):
        layers.dense(x, 3, kernel_regularizer=tf.nn.l2_loss, name="d", reuse=reuse)
    assert names(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == ["d/kernel/Regularizer/L2Loss:0"]
    layers.dense(x, 3, activity_regularizer=tf.nn.l2_loss)
    assert len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == 2


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ValueError, "last dimension", lambda: layers.dense(fed(None, None), 3)),
        (TypeError, "non-floating", lambda: layers.dense(fed(2, 3, dtype=tf.int32), 3)),
        (ValueError, "channel dimension", lambda: layers.conv2d(fed(None, 4, 4, None), 3, 2)),
        (ValueError, "ndim=4", lambda: layers.conv2d(fed(None, 4, 4), 3, 2)),
        (ValueError, "tuple of 2", lambda: layers.conv2d(fed(None, 4, 4, 1), 3, (1, 2, 3))),
        (ValueError, "padding", lambda: layers.conv2d(fed(None, 4, 4, 1), 3, 2, padding="full")),
        (ValueError, "data_format", lambda: layers.conv2d(fed(None, 4, 4, 1), 3, 2, data_format="NHWC")),
        (ValueError, "conjunction", lambda: layers.conv2d(fed(None, 8, 8, 1), 3, 2, 2, dilation_rate=2)),
        (ValueError, "reuse", lambda: layers.dense(fed(2, 3), 3, reuse=True)),
        (ValueError, "already exists", lambda: [layers.dense(fed(2, 3), 3, name="d") for _ in range(2)]),
        (ValueError, "axis", lambda: layers.batch_normalization(fed(2, 3), axis=2)),
        (tf.errors.UnimplementedError, "renorm", lambda: layers.batch_normalization(fed(2, 3), renorm=True)),
    ],
)
def test_arguments_that_do_not_fit(error: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=message):
        call()


def test_contrib_layers() -> None:
    """Other names of variables; the rectifier and Xavier's weights are the default; a normaliser instead of biases."""
    x = fed(None, 6, 5, 2)
    flat = tf.contrib.layers.flatten(x)
    hidden = tf.contrib.layers.fully_connected(flat, 4, variables_collections=["all"], outputs_collections="ends")
    assert names(tf.get_collection("all")) == names(tf.global_variables())
    assert tf.get_collection("ends") == [hidden]
    plain = tf.contrib.layers.fully_connected(hidden, 3, activation_fn=None, scope="out", biases_initializer=None)
    again = tf.contrib.layers.fully_connected(hidden, 3, None, scope="out", biases_initializer=None, reuse=True)
    twice = tf.contrib.layers.fully_connected(plain, 2, None, lambda y, by: y * by, {"by": 2.0})
    parts = ["fully_connected/weights", "fully_connected/biases", "out/weights", "fully_connected_1/weights"]
    assert names(tf.trainable_variables()) == [f"{p}:0" for p in parts]
    assert [t.name for t in (flat, hidden, plain)] == [
        "Flatten/flatten/Reshape:0",
        "fully_connected/Relu:0",
        "out/MatMul:0",
    ]
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        found, same, last, w, b, v, u = s.run([plain, again, twice, *tf.global_variables()], {x: X})
    expected = relu(X.reshape(3, -1) @ w + b) @ v
    np.testing.assert_allclose(found, expected)
    np.testing.assert_array_equal(same, found)
    np.testing.assert_allclose(last, expected @ u * 2)
    assert np.abs(w).max() <= np.sqrt(6 / 64)
