"""The functions that the table's rows measure, in the vocabulary of `benchmarks.ops`."""

from __future__ import annotations

from typing import Any

from .ops import Ops

Arrays = tuple[Any, ...]
CLASSES = 10
CNN_IMAGE = (28, 28, 1)
CNN_FEATURES = (32, 64)
CNN_FLAT = (7, 7, 64)
CNN_HIDDEN = 128


def dense(ops: Ops, weights: Arrays, x: Any) -> Any:
    """Layers of matrix and bias with relu between them; the logits."""
    for i in range(0, len(weights), 2):
        x = ops.matmul(x, weights[i]) + weights[i + 1]
        if i + 2 < len(weights):
            x = ops.relu(x)
    return x


def classify(ops: Ops, weights: Arrays, x: Any) -> Any:
    return ops.softmax(dense(ops, weights, x))


def dense_loss(ops: Ops, weights: Arrays, x: Any, y: Any) -> Any:
    return ops.cross_entropy(dense(ops, weights, x), y)


def dense_update(ops: Ops, weights: Arrays, rate: float, x: Any, y: Any) -> Arrays:
    """One step of gradient descent on `dense_loss`."""
    inner = [x]
    for i in range(0, len(weights) - 2, 2):
        inner.append(ops.relu(ops.matmul(inner[-1], weights[i]) + weights[i + 1]))
    logits = ops.matmul(inner[-1], weights[-2]) + weights[-1]
    return _descend(ops, weights, rate, inner, (ops.softmax(logits) - y) * (1.0 / x.shape[0]))[0]


def _descend(ops: Ops, weights: Arrays, rate: float, inner: list[Any], d: Any) -> tuple[Arrays, Any]:
    """The new weights of dense layers whose inputs are `inner`, and the gradient of the first of those before relu."""
    new: list[Any] = []
    for i in reversed(range(0, len(weights), 2)):
        x = inner[i // 2]
        new[:0] = [
            weights[i] - rate * ops.matmul(x, d, ta=True),
            weights[i + 1] - rate * ops.sum(d, 0),
        ]
        if i:
            d = ops.where(x > 0.0, ops.matmul(d, weights[i], tb=True), 0.0)
    return tuple(new), d


def cnn(ops: Ops, weights: Arrays, x: Any) -> Any:
    """Twice convolution, relu and pool, then two dense layers; the logits."""
    for i in range(0, 4, 2):
        x = ops.max_pool(ops.relu(ops.conv2d(x, weights[i], weights[i + 1])))
    return dense(ops, weights[4:], ops.flatten(x))


def cnn_classify(ops: Ops, weights: Arrays, x: Any) -> Any:
    return ops.softmax(cnn(ops, weights, x))


def cnn_loss(ops: Ops, weights: Arrays, x: Any, y: Any) -> Any:
    return ops.cross_entropy(cnn(ops, weights, x), y)


def cnn_update(ops: Any, weights: Arrays, rate: float, x: Any, y: Any) -> Arrays:
    """One step of gradient descent on `cnn_loss`, where there are the gradients of convolution and pooling."""
    images, active = [x], []
    for i in range(0, 4, 2):
        active.append(ops.relu(ops.conv2d(images[-1], weights[i], weights[i + 1])))
        images.append(ops.max_pool(active[-1]))
    flat = ops.flatten(images[-1])
    hidden = ops.relu(ops.matmul(flat, weights[4]) + weights[5])
    logits = ops.matmul(hidden, weights[6]) + weights[7]
    d = (ops.softmax(logits) - y) * (1.0 / x.shape[0])
    d_hidden = ops.where(hidden > 0.0, ops.matmul(d, weights[6], tb=True), 0.0)
    new, _ = _descend(ops, weights[4:], rate, [flat, hidden], d)
    d = ops.reshape(ops.matmul(d_hidden, weights[4], tb=True), images[-1].shape)
    for i in (2, 0):
        before = images[i // 2]
        d = ops.where(active[i // 2] > 0.0, ops.max_pool_gradient(active[i // 2], d), 0.0)
        size = weights[i].shape[:2]
        new = (
            weights[i] - rate * ops.conv2d_filter_gradient(before, d, size),
            weights[i + 1] - rate * ops.sum(d, (0, 1, 2)),
            *new,
        )
        d = ops.conv2d_input_gradient(d, weights[i]) if i else None
    return new


def chain(ops: Ops, weights: Arrays, x: Any, y: Any) -> Any:
    """Twelve operations that are no library's one call."""
    a = x * 1.5 + y
    b = ops.abs(a) + 0.25
    c = ops.sqrt(b) - x * y
    d = ops.maximum(c, -1.0)
    e = ops.minimum(d, 2.0)
    return e * e + a / b


def scale_rows_and_columns(ops: Ops, weights: Arrays, x: Any, row: Any, column: Any) -> Any:
    return (x + row) * column - row
