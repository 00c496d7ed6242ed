"""Neural networks: activations, softmax, cross entropies, bias, dropout. All on floats.

Gradients follow TensorFlow 1.x (`python/ops/nn_grad.py`). Softmax and its kin are built from the same expressions
(`z = x - max(x)`, `e = exp(z)`, `s = sum(e)`), so that those of one tensor share them after common subexpressions are
joined.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import expr as E
from ..errors import DTypeError, ShapeError
from ..expr import Expr, prim
from ..op import Op, Shapes, declare, normalize_axes
from ..types import TensorType, bool_, dtype, int32, int64
from .array import expand_dims, iota, reshape
from .common import FLOAT, elementwise, like, need, sum_to, unbroadcast
from .gather import check_range, checked_index
from .math import (
    abs_,
    add,
    div,
    equal,
    erf,
    exp,
    greater,
    greater_equal,
    less,
    log,
    log1p,
    logical_and,
    maximum,
    mul,
    neg,
    select,
    sigmoid,
    square,
    sub,
    tanh,
)
from .reduce import reduce_max, reduce_sum

if TYPE_CHECKING:
    from ..graph import Node, Value

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848
"""Klambauer et al., Self-Normalizing Neural Networks, 2017."""
GELU_SLOPE, GELU_CUBIC = math.sqrt(2 / math.pi), 0.044715
"""Hendrycks and Gimpel, Gaussian Error Linear Units, 2016."""

# Activations


def _where(condition: Value, yes: Value, no: Value | float) -> Value:
    return select(condition, yes, like(yes, no) if isinstance(no, (int, float)) else no)


def _grad_relu(n: Node, dy: Value) -> list[Value | None]:
    return [_where(greater(n.results[0], like(dy, 0)), dy, 0)]


def _grad_relu6(n: Node, dy: Value) -> list[Value | None]:
    y = n.results[0]
    return [_where(logical_and(greater(y, like(dy, 0)), less(y, like(dy, 6))), dy, 0)]


def _grad_leaky_relu(n: Node, dy: Value) -> list[Value | None]:
    return [select(greater(n.operands[0], like(dy, 0)), dy, mul(dy, like(dy, n.attrs["alpha"])))]


def _grad_elu(n: Node, dy: Value) -> list[Value | None]:
    y = n.results[0]
    return [select(less(y, like(dy, 0)), mul(dy, add(y, like(dy, 1))), dy)]


def _grad_selu(n: Node, dy: Value) -> list[Value | None]:
    y = n.results[0]
    slope = add(y, like(dy, SELU_SCALE * SELU_ALPHA))
    return [mul(dy, select(less(y, like(dy, 0)), slope, like(dy, SELU_SCALE)))]


def _grad_softsign(n: Node, dy: Value) -> list[Value | None]:
    return [div(dy, square(add(like(dy, 1), abs_(n.operands[0]))))]


def _grad_swish(n: Node, dy: Value) -> list[Value | None]:
    s = sigmoid(n.operands[0])
    return [mul(dy, add(s, mul(n.results[0], sub(like(dy, 1), s))))]


def _gelu(x: Expr, approximate: bool) -> Expr:
    if approximate:
        return x * 0.5 * (1 + prim("tanh", (x + x * x * x * GELU_CUBIC) * GELU_SLOPE))
    return x * 0.5 * (1 + prim("erf", x * math.sqrt(0.5)))


def _gelu_ref(x: Any, approximate: bool) -> Any:
    of = dtype(np.asarray(x).dtype)
    half, one = np.asarray(0.5, of.np), np.asarray(1, of.np)
    if approximate:
        inner = (x + x * x * x * np.asarray(GELU_CUBIC, of.np)) * np.asarray(GELU_SLOPE, of.np)
        return x * half * (one + np.tanh(inner))
    return x * half * (one + E.evaluate("erf", of, x * np.asarray(math.sqrt(0.5), of.np)))


def _grad_gelu(n: Node, dy: Value) -> list[Value | None]:
    x = n.operands[0]
    half, one = like(x, 0.5), like(x, 1)
    if n.attrs["approximate"]:
        cube = mul(mul(mul(x, x), x), like(x, GELU_CUBIC))
        t = tanh(mul(add(x, cube), like(x, GELU_SLOPE)))
        slope = mul(add(one, mul(square(x), like(x, 3 * GELU_CUBIC))), like(x, GELU_SLOPE))
        density = mul(mul(half, sub(one, square(t))), slope)
        share = mul(half, add(one, t))
    else:
        share = mul(half, add(one, erf(mul(x, like(x, math.sqrt(0.5))))))
        density = mul(exp(mul(square(x), like(x, -0.5))), like(x, 1 / math.sqrt(2 * math.pi)))
    return [mul(dy, add(share, mul(x, density)))]


def _softplus_ref(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


relu: Op = elementwise("relu", FLOAT, lambda x: np.maximum(x, 0), lambda x: prim("max", x, 0), _grad_relu, onnx="Relu")
"""`max(x, 0)`, NaN where x is NaN; the gradient at 0 is 0."""
relu6: Op = elementwise(
    "relu6",
    FLOAT,
    lambda x: np.minimum(np.maximum(x, 0), 6),
    lambda x: prim("min", prim("max", x, 0), 6),
    _grad_relu6,
)
"""`min(max(x, 0), 6)`; the gradient at 0 and 6 is 0."""
leaky_relu: Op = elementwise(
    "leaky_relu",
    FLOAT,
    lambda x, alpha: np.where(x > 0, x, x * np.asarray(alpha, x.dtype)),
    lambda x, alpha: E.select(x > 0, x, x * alpha),
    _grad_leaky_relu,
    attrs=("alpha",),
    onnx="LeakyRelu",
)
"""`x` above 0, `alpha * x` elsewhere."""
elu: Op = elementwise(
    "elu",
    FLOAT,
    lambda x: np.where(x < 0, np.expm1(x), x),
    lambda x: E.select(x < 0, prim("expm1", x), x),
    _grad_elu,
    onnx="Elu",
)
"""`exp(x) - 1` below 0, `x` elsewhere."""
selu: Op = elementwise(
    "selu",
    FLOAT,
    lambda x: np.where(
        x < 0, np.expm1(x) * np.asarray(SELU_SCALE * SELU_ALPHA, x.dtype), x * np.asarray(SELU_SCALE, x.dtype)
    ),
    lambda x: E.select(x < 0, prim("expm1", x) * (SELU_SCALE * SELU_ALPHA), x * SELU_SCALE),
    _grad_selu,
    onnx="Selu",
)
"""Scaled `elu` whose fixed point has mean 0 and variance 1."""
softplus: Op = elementwise(
    "softplus",
    FLOAT,
    _softplus_ref,
    lambda x: prim("max", x, 0) + prim("log1p", prim("exp", -prim("abs", x))),
    lambda n, dy: [mul(dy, sigmoid(n.operands[0]))],
    onnx="Softplus",
)
"""`log(1 + exp(x))` without overflow."""
softsign: Op = elementwise(
    "softsign",
    FLOAT,
    lambda x: x / (1 + np.abs(x)),
    lambda x: x / (1 + prim("abs", x)),
    _grad_softsign,
    onnx="Softsign",
)
"""`x / (1 + |x|)`."""
gelu: Op = elementwise("gelu", FLOAT, _gelu_ref, _gelu, _grad_gelu, attrs=("approximate",), onnx="Gelu")
"""`x` times the normal distribution function of `x`: by `erf`, or approximated by `tanh`."""
swish: Op = elementwise(
    "swish",
    FLOAT,
    lambda x: x * E.evaluate("sigmoid", dtype(np.asarray(x).dtype), x),
    lambda x: x * prim("sigmoid", x),
    _grad_swish,
)
"""`x * sigmoid(x)`."""

# Softmax


def _softmax_type(shapes: Shapes, x: TensorType, *, axis: int) -> TensorType:
    need((x,), FLOAT)
    if x.shape is not None:
        normalize_axes((axis,), len(x.shape))
    return x


def _shifted(x: Value, axis: int) -> tuple[Value, dict[str, Any]]:
    """`x` less its largest along the axis, and the attributes of reductions along it."""
    over: dict[str, Any] = {"axes": normalize_axes((axis,), x.type.rank), "keepdims": True}
    return sub(x, reduce_max(x, **over)), over


def _softmax_graph(n: Node) -> Value:
    z, over = _shifted(n.operands[0], n.attrs["axis"])
    e = exp(z)
    return div(e, reduce_sum(e, **over))


def _log_softmax_graph(n: Node) -> Value:
    z, over = _shifted(n.operands[0], n.attrs["axis"])
    return sub(z, log(reduce_sum(exp(z), **over)))


def _softmax_ref(x: Any, axis: int) -> Any:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True, initial=-np.inf))
    return e / np.sum(e, axis=axis, keepdims=True)


def _log_softmax_ref(x: Any, axis: int) -> Any:
    z = x - np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    return z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True))


def _grad_softmax(n: Node, dy: Value) -> list[Value | None]:
    y = n.results[0]
    return [mul(sub(dy, reduce_sum(mul(dy, y), axes=(n.attrs["axis"],), keepdims=True)), y)]


def _grad_log_softmax(n: Node, dy: Value) -> list[Value | None]:
    total = reduce_sum(dy, axes=(n.attrs["axis"],), keepdims=True)
    return [sub(dy, mul(softmax(n.operands[0], **n.attrs), total))]


softmax: Op = declare(
    "softmax",
    _softmax_type,
    ref=_softmax_ref,
    decompose=_softmax_graph,
    grad=_grad_softmax,
    attrs=("axis",),
    onnx="Softmax",
)
"""`exp(x) / sum(exp(x))` along an axis, without overflow."""
log_softmax: Op = declare(
    "log_softmax",
    _softmax_type,
    ref=_log_softmax_ref,
    decompose=_log_softmax_graph,
    grad=_grad_log_softmax,
    attrs=("axis",),
    onnx="LogSoftmax",
)
"""The logarithm of softmax along an axis."""

# Cross entropies


def _loss_type(shapes: Shapes, logits: TensorType, labels: TensorType, *, axis: int) -> TensorType:
    found = need((logits, labels), FLOAT)
    if logits.shape is None or labels.shape is None:
        return TensorType(found, None)
    if len(logits.shape) != len(labels.shape):
        raise ShapeError(f"logits {logits} and labels {labels} differ in rank")
    (k,) = normalize_axes((axis,), len(logits.shape))
    pairs = zip(logits.shape, labels.shape, strict=True)
    dims = [shapes.same(a, b, "dims of logits and labels") for a, b in pairs]
    return TensorType(found, (*dims[:k], *dims[k + 1 :]))


def _loss_graph(n: Node) -> Value:
    logits, labels = n.operands
    axis = n.attrs["axis"]
    return neg(reduce_sum(mul(labels, log_softmax(logits, axis=axis)), axes=(axis,), keepdims=False))


def _grad_loss(n: Node, dy: Value) -> list[Value | None]:
    logits, labels = n.operands
    rows = expand_dims(dy, **n.attrs)
    return [
        mul(sub(softmax(logits, **n.attrs), labels), rows),
        mul(neg(log_softmax(logits, **n.attrs)), rows),
    ]


softmax_cross_entropy: Op = declare(
    "softmax_cross_entropy",
    _loss_type,
    ref=lambda logits, labels, axis: -np.sum(labels * _log_softmax_ref(logits, axis), axis=axis, dtype=logits.dtype),
    decompose=_loss_graph,
    grad=_grad_loss,
    attrs=("axis",),
)
"""`-sum(labels * log_softmax(logits))` along an axis (`tf.nn.softmax_cross_entropy_with_logits_v2`).

As TensorFlow's, the gradient to the logits takes the labels for a distribution: they sum to 1.
"""


def _label_type(shapes: Shapes, labels: TensorType, logits: TensorType) -> TensorType:
    if labels.dtype not in (int32, int64):
        raise DTypeError(f"labels are int32 or int64, not {labels.dtype}")
    if logits.shape is None or labels.shape is None:
        return TensorType(bool_, logits.shape)
    if len(logits.shape) != len(labels.shape) + 1:
        raise ShapeError(f"labels {labels} must have the rank of logits {logits} less one")
    rows = (shapes.same(a, b, "dims of labels and logits") for a, b in zip(labels.shape, logits.shape, strict=False))
    return TensorType(bool_, (*rows, logits.shape[-1]))


def _label_graph(n: Node) -> Value:
    labels, logits = n.operands
    dims = logits.type.dims
    classes = iota(graph=n.graph, shape=dims, axis=len(dims) - 1, dtype=labels.type.dtype)
    return equal(classes, expand_dims(checked_index(labels, limit=dims[-1]), axis=-1))


def _label_ref(labels: Any, logits: Any) -> Any:
    check_range(labels, logits.shape[-1])
    return np.arange(logits.shape[-1]) == np.expand_dims(labels, -1)


label_mask: Op = declare(
    "label_mask",
    _label_type,
    ref=_label_ref,
    decompose=_label_graph,
)
"""Whether each class, along the last axis of the second operand, is the label in the first."""


def _sparse_loss_type(shapes: Shapes, logits: TensorType, labels: TensorType) -> TensorType:
    need((logits,), FLOAT)
    mask = _label_type(shapes, labels, logits)
    return TensorType(logits.dtype, labels.shape if mask.shape is None else mask.shape[:-1])


def _sparse_loss_graph(n: Node) -> Value:
    logits, labels = n.operands
    mine = _where(label_mask(labels, logits), log_softmax(logits, axis=-1), 0)
    return neg(reduce_sum(mine, axes=(-1,), keepdims=False))


def _sparse_loss_ref(logits: Any, labels: Any) -> Any:
    check_range(labels, logits.shape[-1])
    rows = np.expand_dims(labels, -1).astype(np.int64)
    return -np.take_along_axis(_log_softmax_ref(logits, -1), rows, -1)[..., 0]


def _grad_sparse_loss(n: Node, dy: Value) -> list[Value | None]:
    logits, labels = n.operands
    one_hot = select(label_mask(labels, logits), like(logits, 1), like(logits, 0))
    return [mul(sub(softmax(logits, axis=-1), one_hot), expand_dims(dy, axis=-1)), None]


sparse_softmax_cross_entropy: Op = declare(
    "sparse_softmax_cross_entropy",
    _sparse_loss_type,
    ref=_sparse_loss_ref,
    decompose=_sparse_loss_graph,
    grad=_grad_sparse_loss,
)
"""`-log_softmax(logits)` along the last axis at the integer label; a label out of range is an error of the run."""


def _sigmoid_loss_type(shapes: Shapes, logits: TensorType, labels: TensorType) -> TensorType:
    return TensorType(need((logits, labels), FLOAT), shapes.broadcast(logits.shape, labels.shape))


def _sigmoid_loss_graph(n: Node) -> Value:
    x, z = n.operands
    return add(sub(maximum(x, like(x, 0)), mul(x, z)), log1p(exp(neg(abs_(x)))))


def _grad_sigmoid_loss(n: Node, dy: Value) -> list[Value | None]:
    x, z = n.operands
    return [unbroadcast(mul(dy, sub(sigmoid(x), z)), x), unbroadcast(neg(mul(dy, x)), z)]


sigmoid_cross_entropy: Op = declare(
    "sigmoid_cross_entropy",
    _sigmoid_loss_type,
    ref=lambda logits, labels: _softplus_ref(logits) - logits * labels,
    decompose=_sigmoid_loss_graph,
    grad=_grad_sigmoid_loss,
)
"""Cross entropy of independent labels (second) with `sigmoid(logits)` (first), without overflow."""

# Layers

CHANNEL_AXIS = {"NHWC": -1, "NCHW": 1}


def _bias_type(shapes: Shapes, x: TensorType, bias: TensorType, *, data_format: str) -> TensorType:
    found = need((x, bias), "fiu")
    if data_format not in CHANNEL_AXIS:
        raise ShapeError(f"data format {data_format!r} is none of {', '.join(CHANNEL_AXIS)}")
    if bias.shape is not None and len(bias.shape) != 1:
        raise ShapeError(f"a bias has rank 1, got {bias}")
    if x.shape is None or bias.shape is None:
        return TensorType(found, x.shape)
    if len(x.shape) < 2:
        raise ShapeError(f"an operand with channels has rank 2 or more, got {x}")
    (axis,) = normalize_axes((CHANNEL_AXIS[data_format],), len(x.shape))
    channels = shapes.same(x.shape[axis], bias.shape[0], "channels and bias")
    return TensorType(found, (*x.shape[:axis], channels, *x.shape[axis + 1 :]))


def _bias_graph(n: Node) -> Value:
    x, bias = n.operands
    trailing = x.type.rank - 2 if n.attrs["data_format"] == "NCHW" else 0
    wide = reshape(bias, shape=(*bias.type.dims, *(1,) * trailing)) if trailing else bias
    return add(x, wide)


def _bias_ref(x: Any, bias: Any, data_format: str) -> Any:
    return x + (bias.reshape(-1, *(1,) * (x.ndim - 2)) if data_format == "NCHW" else bias)


def _grad_bias(n: Node, dy: Value) -> list[Value | None]:
    if n.attrs["data_format"] == "NHWC":
        return [dy, sum_to(dy, n.operands[1])]
    if dy.type.shape is None:
        raise ShapeError("the gradient of a bias in format NCHW needs a known rank")
    others = tuple(k for k in range(dy.type.rank) if k != 1)
    return [dy, reduce_sum(dy, axes=others, keepdims=False)]


bias_add: Op = declare(
    "bias_add",
    _bias_type,
    ref=_bias_ref,
    decompose=_bias_graph,
    grad=_grad_bias,
    attrs=("data_format",),
)
"""A number per channel (second, rank 1) added along the last axis, or axis 1 in format NCHW."""


def _dropout_type(shapes: Shapes, x: TensorType, u: TensorType, *, rate: float) -> TensorType:
    return TensorType(need((x, u), FLOAT), shapes.broadcast(x.shape, u.shape))


def _kept(u: Value, x: Value, rate: float) -> Value:
    return _where(greater_equal(u, like(u, rate)), div(x, like(x, 1 - rate)), 0)


dropout: Op = declare(
    "dropout",
    _dropout_type,
    ref=lambda x, u, rate: np.where(u >= np.asarray(rate, u.dtype), x / np.asarray(1 - rate, x.dtype), 0).astype(
        x.dtype
    ),
    decompose=lambda n: _kept(n.operands[1], n.operands[0], n.attrs["rate"]),
    grad=lambda n, dy: [_kept(n.operands[1], dy, n.attrs["rate"]), None],
    attrs=("rate",),
)
"""`x / (1 - rate)` where the uniform number in the second operand is at least `rate`, else 0."""
l2_loss: Op = declare(
    "l2_loss",
    lambda shapes, x: TensorType(need((x,), FLOAT), ()),
    ref=lambda x: np.sum(np.square(x), dtype=x.dtype) / np.asarray(2, x.dtype),
    decompose=lambda n: div(reduce_sum(square(n.operands[0]), axes=None, keepdims=False), like(n.operands[0], 2)),
    grad=lambda n, dy: [mul(dy, n.operands[0])],
)
"""`sum(x**2) / 2` over all elements."""
