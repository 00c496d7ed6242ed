"""`tf.losses`: weighted losses, each kept in a collection, from which the total is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import dtypes, math, nn
from .array import ones_like, shape, size, squeeze
from .basics import GraphKeys, convert_to_tensor
from .declare import either
from .graph import Graph, Tensor, get_default_graph, graph_of
from .lift import emit, is_tensor_like
from .shape_values import int_argument

WEIGHTING = 34
"""Nodes of TF's that weigh losses by one number and reduce them."""


class Reduction:
    """How losses become one number."""

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls) -> tuple[str, ...]:
        return (cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_BY_NONZERO_WEIGHTS)

    @classmethod
    def validate(cls, key: str) -> None:
        """Raises ValueError for another."""
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key}.")


BY_WEIGHTS = Reduction.SUM_BY_NONZERO_WEIGHTS


@contextmanager
def _opened(kind: str, scope: str | None, *given: Any, **named: Any) -> Iterator[Graph]:
    """The name scope of a loss. Raises ValueError for a named argument that is None."""
    for name, value in named.items():
        if value is None:
            raise ValueError(f"{name} must not be None.")
    graph = graph_of(*named.values(), *given)
    with graph.as_default(), graph.name_scope(scope or kind):
        yield graph


def _floats(*given: Any) -> tuple[Tensor, ...]:
    """Tensors as float32, which must be able to have one shape. Raises ValueError."""
    tensors = tuple(math.cast(x, dtypes.float32) for x in given)
    first = tensors[0].shape
    for t in tensors[1:]:
        t.shape.assert_is_compatible_with(first)
    return tensors


def _check_weights(losses: Tensor, weights: Tensor) -> None:
    """Raises ValueError for weights that are neither a number nor, dim by dim, 1 or the losses'."""
    ours, theirs = losses.shape, weights.shape
    if theirs.ndims in (0, None) or ours.ndims is None:
        return
    dims = zip(theirs, ours, strict=False)
    if theirs.ndims != ours.ndims or not all(a.value == 1 or a.is_compatible_with(b) for a, b in dims):
        raise ValueError(f"weights can not be broadcast to values. values.shape={ours}. weights.shape={theirs}.")


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = BY_WEIGHTS,
) -> Tensor:
    """The losses times the weights, reduced: by default their sum over the number of losses with a weight."""
    with _opened("weighted_loss", scope, losses, losses=losses) as graph:
        return _weighted(graph, losses, weights, loss_collection, reduction)


def _weighted(
    graph: Graph, losses: Any, weights: Any, collection: Any, reduction: str, nodes: int = WEIGHTING
) -> Tensor:
    Reduction.validate(reduction)
    given = convert_to_tensor(losses)
    with graph.counted(nodes):
        values = math.cast(given, dtypes.float32)
        factor = math.cast(weights, dtypes.float32)
        _check_weights(values, factor)
        scaled = math.ELEMENTWISE["multiply"](values, factor, name="Mul")
        loss = scaled if reduction == Reduction.NONE else _reduced(graph, values, scaled, factor, reduction)
        loss = math.cast(loss, given.dtype)
    if collection:
        graph.add_to_collection(collection, loss)
    return loss


def _reduced(graph: Graph, values: Tensor, scaled: Tensor, weights: Tensor, reduction: str) -> Tensor:
    total = math.reduce_sum(scaled)
    if reduction == Reduction.SUM:
        return total
    if reduction == Reduction.SUM_OVER_BATCH_SIZE:
        number = math.cast(size(values), dtypes.float32)
    else:
        shares = (
            weights
            if reduction == Reduction.MEAN
            else math.cast(math.ELEMENTWISE["not_equal"](weights, 0.0), dtypes.float32)
        )
        number = math.reduce_sum(shares * ones_like(values))
    # Of nothing the loss is 0.
    none = math.equal(number, 0.0)
    quotient = total / emit(graph, "select", [none, 1.0, number], name="number", dtype=dtypes.float32.ir)
    return emit(graph, "select", [none, 0.0, quotient], name="value", dtype=dtypes.float32.ir)


def absolute_difference(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = BY_WEIGHTS,
) -> Tensor:
    """`|predictions - labels|`."""
    with _opened("absolute_difference", scope, weights, labels=labels, predictions=predictions) as graph:
        x, y = _floats(predictions, labels)
        return _weighted(graph, abs(x - y), weights, loss_collection, reduction)


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = BY_WEIGHTS,
) -> Tensor:
    """`(predictions - labels) ** 2`."""
    with _opened("mean_squared_error", scope, weights, labels=labels, predictions=predictions) as graph:
        x, y = _floats(predictions, labels)
        return _weighted(graph, math.ELEMENTWISE["squared_difference"](x, y), weights, loss_collection, reduction)


def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = BY_WEIGHTS,
) -> Tensor:
    """`-y * log(p + epsilon) - (1 - y) * log(1 - p + epsilon)`."""
    with _opened("log_loss", scope, weights, labels=labels, predictions=predictions) as graph:
        p, y = _floats(predictions, labels)
        losses = -(y * math.log(p + epsilon)) - (1 - y) * math.log(1 - p + epsilon)
        return _weighted(graph, losses, weights, loss_collection, reduction)


def huber_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    delta: float = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = BY_WEIGHTS,
) -> Tensor:
    """Half the square of a difference up to `delta`, linear beyond."""
    with _opened("huber_loss", scope, weights, labels=labels, predictions=predictions) as graph:
        x, y = _floats(predictions, labels)
        distance = abs(x - y)
        near = math.minimum(distance, delta)
        losses = near * near * 0.5 + (distance - near) * delta
        return _weighted(graph, losses, weights, loss_collection, reduction)


def hinge_loss(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = BY_WEIGHTS,
) -> Tensor:
    """`max(0, 1 - s * logits)`, s -1 for a label of 0 and 1 for one of 1."""
    with _opened("hinge_loss", scope, weights, labels=labels, logits=logits) as graph:
        x, y = _floats(logits, labels)
        ones = ones_like(y)
        return _weighted(graph, nn.relu(ones - (2 * y - ones) * x), weights, loss_collection, reduction)


def cosine_distance(
    labels: Any,
    predictions: Any,
    axis: int | None = None,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = BY_WEIGHTS,
    dim: int | None = None,
) -> Tensor:
    """1 less the sum of products along an axis; both are taken to have a norm of 1."""
    along = int_argument(either(axis, dim, "axis", "dim"), "axis")
    with _opened("cosine_distance_loss", scope, weights, labels=labels, predictions=predictions) as graph:
        x, y = _floats(predictions, labels)
        return _weighted(graph, 1 - math.reduce_sum(x * y, along, keepdims=True), weights, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = BY_WEIGHTS,
) -> Tensor:
    """The cross entropy with softmax(logits); smoothed labels have a share of all classes."""
    kind = "softmax_cross_entropy_loss"
    with _opened(kind, scope, weights, onehot_labels=onehot_labels, logits=logits) as graph:
        x = convert_to_tensor(logits)
        y = math.cast(onehot_labels, x.dtype)
        x.shape.assert_is_compatible_with(y.shape)
        if label_smoothing > 0:
            classes = math.cast(shape(y)[1], x.dtype)
            y = y * (1 - label_smoothing) + label_smoothing / classes
        losses = nn.softmax_cross_entropy_with_logits(labels=y, logits=x, name="xentropy")
        return _weighted(graph, losses, weights, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = BY_WEIGHTS,
) -> Tensor:
    """The cross entropy of integer labels, of the logits' rank less one or with a last dim of 1."""
    with _opened("sparse_softmax_cross_entropy_loss", scope, weights, labels=labels, logits=logits) as graph:
        x, y = convert_to_tensor(logits), convert_to_tensor(labels)
        if y.shape.ndims is not None and y.shape.ndims == x.shape.ndims and y.shape[-1].value == 1:
            y = squeeze(y, [-1])
        losses = nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x, name="xentropy")
        rank = weights.shape.ndims if is_tensor_like(weights) else None
        if rank and losses.shape.ndims == rank - 1:
            weights = squeeze(weights, [-1])
        return _weighted(graph, losses, weights, loss_collection, reduction, WEIGHTING - 1)


def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = BY_WEIGHTS,
) -> Tensor:
    """The cross entropy of independent labels with sigmoid(logits); smoothed labels are nearer to a half."""
    kind = "sigmoid_cross_entropy_loss"
    with _opened(kind, scope, weights, multi_class_labels=multi_class_labels, logits=logits) as graph:
        x = convert_to_tensor(logits)
        y = math.cast(multi_class_labels, x.dtype)
        x.shape.assert_is_compatible_with(y.shape)
        if label_smoothing > 0:
            y = y * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x, name="xentropy")
        return _weighted(graph, losses, weights, loss_collection, reduction)


# The total


def add_loss(loss: Any, loss_collection: Any = GraphKeys.LOSSES) -> None:
    """Adds a loss made otherwise to the collection."""
    if loss_collection:
        get_default_graph().add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: Any = GraphKeys.LOSSES) -> list[Any]:
    """The losses in the collection, of a scope if one is given."""
    return get_default_graph().get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Any]:
    """The losses of regularisers."""
    return get_default_graph().get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(scope: str | None = None, name: str = "total_regularization_loss") -> Tensor:
    """The sum of the losses of regularisers; 0 of none."""
    found = get_regularization_losses(scope)
    return math.add_n(found, name) if found else convert_to_tensor(0.0)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Tensor:
    """The sum of all losses in the collection, those of regularisers included. Raises ValueError for none."""
    found = get_losses(scope)
    if add_regularization_losses:
        found = found + get_regularization_losses(scope)
    return math.add_n(found, name)
