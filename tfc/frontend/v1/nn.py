"""`tf.nn`: activations, softmax, cross entropies, layers' parts, under TF's names and with its old arguments."""

from __future__ import annotations

import math as scalar_math
from typing import Any

from . import dtypes, math
from .array import gather, reshape, shape
from .basics import constant, convert_to_tensor, identity, stop_gradient
from .declare import Function, either, wrapper
from .errors import unsupported
from .graph import Tensor, graph_of
from .lift import emit, first_tensor, is_tensor_like, shaped
from .random import random_uniform
from .shape_values import int_argument, ints_argument

ACTIVATIONS: dict[str, Function] = {
    name: wrapper(name, name, "features", node)
    for name, node in (
        ("relu", "Relu"),
        ("relu6", "Relu6"),
        ("elu", "Elu"),
        ("selu", "Selu"),
        ("softplus", "Softplus"),
        ("softsign", "Softsign"),
        ("swish", "swish"),
    )
}
"""Activations of one op and one argument."""
relu = ACTIVATIONS["relu"]


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """The features above 0, `alpha` times them below."""
    attrs = {"alpha": float(alpha)}
    return emit(graph_of(features), "leaky_relu", [features], name=name or "LeakyRelu", args=("features",), attrs=attrs)


def _softmax(op: str, node: str) -> Function:
    def function(logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None) -> Tensor:
        attrs = {"axis": int_argument(either(axis, dim, "axis", "dim", -1), "axis")}
        return emit(graph_of(logits), op, [logits], name=name or node, args=("logits",), attrs=attrs)

    function.__name__ = function.__qualname__ = op
    function.__doc__ = f"`{op}` along an axis, the last by default."
    return function


softmax, log_softmax = _softmax("softmax", "Softmax"), _softmax("log_softmax", "LogSoftmax")


def _logits_and_labels(function: str, sentinel: Any, labels: Any, logits: Any) -> tuple[Tensor, Any]:
    """The two arguments of a cross entropy; positional ones are (logits, labels), as before TF 1.0."""
    if sentinel is not None and logits is None:
        logits = sentinel
    elif sentinel is not None:
        raise ValueError(f"Only call `{function}` with named arguments (labels=..., logits=..., ...)")
    if labels is None or logits is None:
        raise ValueError(f"Both labels and logits must be provided to `{function}`.")
    return convert_to_tensor(logits, name="logits"), labels


def softmax_cross_entropy_with_logits(
    _sentinel: Any = None,
    labels: Any = None,
    logits: Any = None,
    dim: int = -1,
    name: str | None = None,
    axis: int | None = None,
) -> Tensor:
    """The cross entropy of labels that sum to 1 with softmax(logits); no gradient flows into the labels."""
    kind = "softmax_cross_entropy_with_logits"
    logits, labels = _logits_and_labels(kind, _sentinel, labels, logits)
    with graph_of(logits, labels).name_scope(name or f"{kind}_sg") as scope:
        fixed = stop_gradient(labels, "labels_stop_gradient") if is_tensor_like(labels) else labels
        return softmax_cross_entropy_with_logits_v2(
            labels=fixed, logits=logits, axis=dim if axis is None else axis, name=scope
        )


def softmax_cross_entropy_with_logits_v2(
    _sentinel: Any = None,
    labels: Any = None,
    logits: Any = None,
    axis: int | None = None,
    name: str | None = None,
    dim: int | None = None,
) -> Tensor:
    """The cross entropy of labels that sum to 1 with softmax(logits) along an axis, the last by default."""
    kind = "softmax_cross_entropy_with_logits"
    logits, labels = _logits_and_labels(kind, _sentinel, labels, logits)
    graph = graph_of(logits, labels)
    attrs = {"axis": int_argument(either(axis, dim, "axis", "dim", -1), "axis")}
    with graph.name_scope(name or kind) as scope:
        if is_tensor_like(labels):
            labels = math.cast(labels, logits.dtype)
        # TF flattens both to matrices before its op and restores the shape after: 30 nodes more.
        return emit(
            graph,
            "softmax_cross_entropy",
            [logits, labels],
            name=scope,
            args=("logits", "labels"),
            nodes=31,
            attrs=attrs,
        )


def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """The cross entropy of integer labels with softmax(logits) along the last axis."""
    kind = "SparseSoftmaxCrossEntropyWithLogits"
    logits, labels = _logits_and_labels("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    graph = graph_of(logits, labels)
    with graph.name_scope(name or kind) as scope:
        classes = convert_to_tensor(labels, name="labels")
        return emit(graph, "sparse_softmax_cross_entropy", [logits, classes], name=scope, nodes=2)


def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """The cross entropy of independent labels with sigmoid(logits). Raises ValueError for shapes that differ."""
    logits, labels = _logits_and_labels("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    graph = graph_of(logits, labels)
    with graph.name_scope(name or "logistic_loss") as scope:
        labels = convert_to_tensor(labels, logits.dtype if not is_tensor_like(labels) else None, name="labels")
        if not logits.shape.is_compatible_with(labels.shape):
            raise ValueError(f"logits and labels must have the same shape ({logits.shape} vs {labels.shape})")
        labels = shaped(labels, logits.ir_value.type.shape)
        return emit(graph, "sigmoid_cross_entropy", [logits, labels], name=scope, nodes=10)


def weighted_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, pos_weight: Any = None, name: str | None = None, targets: Any = None
) -> Tensor:
    """`sigmoid_cross_entropy_with_logits` with the loss of positive labels weighted."""
    z, x = convert_to_tensor(either(labels, targets, "labels", "targets")), convert_to_tensor(logits)
    with graph_of(x, z).name_scope(name or "logistic_loss"):
        weight = (convert_to_tensor(pos_weight, x.dtype) - 1) * z + 1
        tail = math.ELEMENTWISE["log1p"](math.exp(-abs(x))) + relu(-x)
        return (1 - z) * x + weight * tail


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Tensor:
    """A bias added along the channels: the last axis, or axis 1 for NCHW."""
    attrs = {"data_format": data_format or "NHWC"}
    return emit(
        graph_of(value, bias), "bias_add", [value, bias], name=name or "BiasAdd", args=("value", "bias"), attrs=attrs
    )


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """`matmul(x, weights) + biases`."""
    with graph_of(x, weights, biases).name_scope(name or "xw_plus_b") as scope:
        return bias_add(math.matmul(x, weights), biases, name=scope)


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """`relu(matmul(x, weights) + biases)`."""
    with graph_of(x, weights, biases).name_scope(name or "relu_layer") as scope:
        return relu(xw_plus_b(x, weights, biases), name=scope)


def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
    rate: Any = None,
) -> Tensor:
    """Each element with probability `keep_prob` = 1 - `rate`, scaled by its inverse, else 0.

    Dims of 1 in `noise_shape` share their draw. Raises ValueError for a known probability out of range or none.
    """
    x = convert_to_tensor(x)
    if (keep_prob is None) == (rate is None):
        raise ValueError("exactly one of keep_prob and rate must be given")
    if not x.dtype.is_floating:
        raise ValueError(
            f"x has to be a floating point tensor since it's going to be scaled. Got a {x.dtype} tensor instead."
        )
    kept = 1 - rate if keep_prob is None else keep_prob
    if not is_tensor_like(kept):
        if not 0 < kept <= 1:
            raise ValueError(f"keep_prob must be in (0, 1], got {kept}")
        if kept == 1:
            return identity(x, name or "dropout")
    with x.graph.name_scope(name or "dropout") as scope:
        kept = _number(convert_to_tensor(kept, x.dtype, name="keep_prob"), "keep_prob")
        wanted = shape(x) if noise_shape is None else noise_shape
        if x.shape.ndims is None:
            raise unsupported(f"dropout of {x.name} at {x.graph.ir.locate()}: its rank is unknown")
        drawn = random_uniform(wanted, dtype=x.dtype, seed=seed)
        scaled = x / kept
        hit = math.floor(kept + drawn)
        return emit(x.graph, "mul", [scaled, hit], name=scope)


def _number(t: Tensor, what: str) -> Tensor:
    """A tensor of rank 0; one of unknown rank is taken as such, and a run checks it. Raises ValueError for another."""
    if t.shape.ndims is None:
        with t.graph.counted(0):
            return emit(t.graph, "reshape", [t], name="number", attrs={"shape": ()})
    if t.shape.ndims:
        raise ValueError(f"{what} must be a number, got the shape {t.shape}")
    return t


def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """Half the sum of squares."""
    return emit(graph_of(t), "l2_loss", [t], name=name or "L2Loss", args=("t",))


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None) -> Tensor:
    """The tensor divided by its Euclidean norm over the axes; squares sum to at least `epsilon`."""
    over = either(axis, dim, "axis", "dim")
    with graph_of(x).name_scope(name or "l2_normalize") as scope:
        x = convert_to_tensor(x)
        total = math.reduce_sum(math.square(x), over, keepdims=True)
        return emit(x.graph, "mul", [x, math.rsqrt(math.maximum(total, epsilon))], name=scope)


def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Mean and variance over axes."""
    kept = bool(either(keepdims, keep_dims, "keepdims", "keep_dims", False))
    with graph_of(x).name_scope(name or "moments"):
        x = convert_to_tensor(x)
        over = ints_argument(axes, "axes")
        mean = math.reduce_mean(x, over, keepdims=True, name="mean")
        distance = math.ELEMENTWISE["squared_difference"](x, stop_gradient(mean))
        variance = math.reduce_mean(distance, over, keepdims=True, name="variance")
        if kept:
            return mean, variance
        return tuple(emit(x.graph, "squeeze", [t], name="Squeeze", attrs={"axes": over}) for t in (mean, variance))  # type: ignore[return-value]


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any, name: str | None = None
) -> Tensor:
    """`(x - mean) / sqrt(variance + variance_epsilon) * scale + offset`; offset and scale may be None."""
    with graph_of(x, mean, variance, scale, offset).name_scope(name or "batchnorm"):
        hint = first_tensor([x, mean, variance, scale, offset])
        of = None if hint is None else hint.dtype
        inverse = math.rsqrt(convert_to_tensor(variance, of) + variance_epsilon)
        if scale is not None:
            inverse = inverse * scale
        return math.add(x * inverse, (0.0 if offset is None else offset) - mean * inverse, name="add_1")


def batch_norm_with_global_normalization(
    t: Any,
    m: Any,
    v: Any,
    beta: Any,
    gamma: Any,
    variance_epsilon: Any,
    scale_after_normalization: bool,
    name: str | None = None,
) -> Tensor:
    """`batch_normalization` in an older form, scaled only if asked for."""
    scale = gamma if scale_after_normalization else None
    return batch_normalization(t, m, v, beta, scale, variance_epsilon, name)


def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: Any = None,
) -> Tensor:
    """The rows of `params` at the ids."""
    if isinstance(params, (list, tuple)):
        if len(params) != 1:
            raise unsupported("embedding_lookup of parameters in several parts")
        params = params[0]
    if max_norm is not None:
        raise unsupported("embedding_lookup with max_norm")
    with graph_of(params, ids).name_scope(name or "embedding_lookup") as scope:
        return identity(gather(params, ids), scope)


def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Tensor:
    """Whether fewer than `k` classes have a larger prediction than the target, which must be finite."""
    with graph_of(predictions, targets).name_scope(name or "in_top_k") as scope:
        predictions, targets = convert_to_tensor(predictions), convert_to_tensor(targets)
        graph = predictions.graph
        mine = emit(graph, "label_mask", [targets, predictions], name="target")
        lowest = constant(-scalar_math.inf, predictions.dtype)
        value = math.reduce_max(emit(graph, "select", [mine, predictions, lowest], name="value"), 1, keepdims=True)
        above = math.reduce_sum(math.cast(predictions > value, dtypes.int32), 1)
        finite = math.is_finite(reshape(value, [-1]))
        return emit(graph, "logical_and", [above < k, finite], name=scope)


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The share of elements that are 0."""
    with graph_of(value).name_scope(name or "zero_fraction"):
        return math.reduce_mean(math.cast(math.equal(value, 0), dtypes.float32))
