"""`tf.losses` against NumPy: weights, reductions, what is collected, names and numbers of nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import tfc.v1 as tf

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(4, 3)).astype(np.float32), RNG.normal(size=(4, 3)).astype(np.float32)
SHARES, MARKS = RNG.random((4, 3)).astype(np.float32), RNG.integers(0, 2, (4, 3)).astype(np.float32)
CLASSES = np.array([0, 2, 1, 1], np.int32)
ONE_HOT = np.eye(3, dtype=np.float32)[CLASSES]
WEIGHTS = np.array([[1.0], [0.0], [2.5], [0.0]], np.float32)
losses = tf.losses


def huber(y: Array, x: Array) -> Array:
    d = abs(x - y)
    return np.where(d <= 0.5, d * d / 2, 0.5 * d - 0.125)


def cross_entropy(y: Array, x: Array) -> Array:
    return -(y * special.log_softmax(x, -1)).sum(-1)


def sigmoid_cross_entropy(y: Array, x: Array) -> Array:
    return np.logaddexp(x, 0) - x * y


CASES: dict[str, tuple[Callable[..., Any], Callable[..., Array], Array, Array]] = {
    "absolute_difference": (losses.absolute_difference, lambda y, x: abs(x - y), Y, X),
    "mean_squared_error": (losses.mean_squared_error, lambda y, x: (x - y) ** 2, Y, X),
    "log_loss": (
        losses.log_loss,
        lambda y, p: -y * np.log(p + 1e-7) - (1 - y) * np.log(1 - p + 1e-7),
        MARKS,
        SHARES,
    ),
    "huber_loss": (lambda y, x: losses.huber_loss(y, x, delta=0.5), huber, Y, X),
    "hinge_loss": (losses.hinge_loss, lambda y, x: np.maximum(0, 1 - (2 * y - 1) * x), MARKS, X),
    "cosine_distance": (lambda y, x: losses.cosine_distance(y, x, axis=1), lambda y, x: 1 - (x * y).sum(1), Y, X),
    "softmax_cross_entropy": (losses.softmax_cross_entropy, cross_entropy, ONE_HOT, X),
    "softmax_cross_entropy smoothed": (
        lambda y, x: losses.softmax_cross_entropy(onehot_labels=y, logits=x, label_smoothing=0.3),
        lambda y, x: cross_entropy(y * 0.7 + 0.1, x),
        ONE_HOT,
        X,
    ),
    "sparse_softmax_cross_entropy": (
        lambda y, x: losses.sparse_softmax_cross_entropy(labels=y, logits=x),
        lambda y, x: cross_entropy(np.eye(3)[y], x),
        CLASSES,
        X,
    ),
    "sparse_softmax_cross_entropy of a column": (
        losses.sparse_softmax_cross_entropy,
        lambda y, x: cross_entropy(np.eye(3)[y[:, 0]], x),
        CLASSES[:, None],
        X,
    ),
    "sigmoid_cross_entropy": (losses.sigmoid_cross_entropy, sigmoid_cross_entropy, MARKS, X),
    "sigmoid_cross_entropy smoothed": (
        lambda y, x: losses.sigmoid_cross_entropy(y, x, label_smoothing=0.2),
        lambda y, x: sigmoid_cross_entropy(y * 0.8 + 0.1, x),
        MARKS,
        X,
    ),
}


def fed(x: Array) -> Any:
    return tf.placeholder(tf.as_dtype(x.dtype), [None, *x.shape[1:]])


@pytest.mark.parametrize("name", CASES)
def test_losses_are_means_of_numpys(name: str) -> None:
    function, rule, y, x = CASES[name]
    labels, predictions = fed(y), fed(x)
    loss = function(labels, predictions)
    assert loss.op.name.endswith("/value")
    assert tf.losses.get_losses() == [loss]
    with tf.Session() as s:
        found = s.run(loss, {labels: y, predictions: x})
    wide = y if y.dtype.kind == "i" else y.astype(np.float64)
    np.testing.assert_allclose(found, rule(wide, x.astype(np.float64)).mean(), rtol=1e-5)


REDUCED: dict[str, Callable[[Array, Array], Any]] = {
    tf.losses.Reduction.NONE: lambda losses, w: losses * w,
    tf.losses.Reduction.SUM: lambda losses, w: (losses * w).sum(),
    tf.losses.Reduction.MEAN: lambda losses, w: (losses * w).sum() / (np.ones_like(losses) * w).sum(),
    tf.losses.Reduction.SUM_OVER_BATCH_SIZE: lambda losses, w: (losses * w).mean(),
    tf.losses.Reduction.SUM_BY_NONZERO_WEIGHTS: lambda losses, w: (losses * w).sum() / (losses[w[:, 0] != 0]).size,
}


@pytest.mark.parametrize("reduction", REDUCED)
def test_weights_and_reductions(reduction: str) -> None:
    y, x, w = fed(Y), fed(X), fed(WEIGHTS)
    loss = tf.losses.mean_squared_error(y, x, w, reduction=reduction)
    with tf.Session() as s:
        found = s.run(loss, {y: Y, x: X, w: WEIGHTS})
    np.testing.assert_allclose(found, REDUCED[reduction]((X - Y) ** 2, WEIGHTS), rtol=1e-5)


def test_a_loss_without_weight_is_0_and_has_no_slope() -> None:
    y, x, w = fed(Y), fed(X), fed(WEIGHTS)
    loss = tf.losses.mean_squared_error(y, x, w)
    (slope,) = tf.gradients(loss, [x])
    with tf.Session() as s:
        value, found = s.run([loss, slope], {y: Y, x: X, w: 0 * WEIGHTS})
    assert value == 0
    assert not found.any()


def test_the_total_has_the_losses_of_regularisers() -> None:
    x = fed(X)
    with tf.variable_scope("v"):
        tf.layers.dense(x, 2, kernel_initializer=tf.ones_initializer(), kernel_regularizer=tf.nn.l2_loss)
    first = tf.losses.mean_squared_error(np.zeros((4, 3)), x)
    tf.losses.mean_squared_error(np.ones((4, 3)), x, loss_collection=None)
    tf.losses.add_loss(tf.constant(5.0))
    total, alone = tf.losses.get_total_loss(), tf.losses.get_total_loss(add_regularization_losses=False, name="alone")
    assert (total.op.name, first.op.name) == ("total_loss", "mean_squared_error/value")
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        regular = s.run(tf.losses.get_regularization_loss())
        found, without = s.run([total, alone], {x: X})
    assert regular == 3
    np.testing.assert_allclose([found, without], [(X**2).mean() + 8, (X**2).mean() + 5], rtol=1e-6)


def test_numbers_of_nodes_are_tensorflows() -> None:
    graph = tf.get_default_graph()
    y, x, classes = fed(Y), fed(X), fed(CLASSES)
    for call, nodes in (
        (lambda: losses.mean_squared_error(y, x), 35),
        (lambda: losses.absolute_difference(y, x), 36),
        (lambda: losses.hinge_loss(y, x), 43),
        (lambda: losses.softmax_cross_entropy(y, x), 66),
        (lambda: losses.sparse_softmax_cross_entropy(classes, x), 35),
        (lambda: losses.sigmoid_cross_entropy(y, x), 44),
    ):
        before = graph.last_id
        call()
        assert graph.last_id - before == nodes


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("labels must not be None", lambda: losses.mean_squared_error(None, fed(X))),
        ("not compatible", lambda: losses.mean_squared_error(fed(X), tf.zeros([4, 2]))),
        ("can not be broadcast", lambda: losses.mean_squared_error(fed(X), fed(Y), weights=fed(X[:, 0]))),
        ("Invalid Reduction", lambda: losses.mean_squared_error(fed(X), fed(Y), reduction="mean")),
        ("at least one", losses.get_total_loss),
    ],
)
def test_arguments_that_do_not_fit(message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=message):
        call()
