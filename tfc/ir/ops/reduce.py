"""Reductions over axes.

`axes` is None for all axes or a tuple of axes as given, negative ones counted from the last; `keepdims` leaves dims
of 1 in place of the reduced ones. A reduction of nothing gives the neutral element. Gradients follow TensorFlow 1.x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import expr as E
from ..errors import DTypeError
from ..index import Dim, product
from ..op import REGISTRY, Op, Shapes, declare, normalize_axes
from ..types import DType, TensorType, dtype, int32, int64
from .common import FLOAT, NUMBER, const, like, need, no_gradient
from .math import (
    abs_,
    add,
    cast,
    div,
    equal,
    exp,
    floordiv,
    is_finite,
    is_nan,
    log,
    logical_and,
    logical_or,
    mul,
    select,
    sign,
    sub,
)

if TYPE_CHECKING:
    from ..graph import Node, Value

Axes = Sequence[int] | None


def _reduced_type(x: TensorType, axes: Axes, keepdims: bool) -> TensorType:
    if x.shape is None:
        return TensorType(x.dtype, () if axes is None and not keepdims else None)
    over = normalize_axes(axes, len(x.shape))
    return TensorType(x.dtype, tuple(1 if k in over else d for k, d in enumerate(x.shape) if keepdims or k not in over))


def _rule(kinds: str) -> Callable[..., TensorType]:
    def infer(shapes: Shapes, x: TensorType, *, axes: Axes, keepdims: bool) -> TensorType:
        need((x,), kinds)
        return _reduced_type(x, axes, keepdims)

    return infer


def _reduce(name: str, kinds: str, combiner: str, ref: Any, grad: Any = None, **parts: Any) -> Op:
    return declare(name, _rule(kinds), ref=ref, combiner=combiner, grad=grad, attrs=("axes", "keepdims"), **parts)


def _unreduce_ref(y: Any, x: Any, axes: Axes, keepdims: bool) -> Any:
    kept = tuple(1 if k in normalize_axes(axes, x.ndim) else d for k, d in enumerate(x.shape))
    return np.broadcast_to(np.reshape(y, kept), x.shape)


def _unreduce_graph(node: Node) -> Value:
    y, x = node.operands
    kept = _reduced_type(x.type, node.attrs["axes"], True).dims
    wide = y if y.type.shape == kept else REGISTRY["reshape"](y, shape=kept)
    return REGISTRY["broadcast_to"](wide, shape=x.type.dims)


unreduce: Op = declare(
    "unreduce",
    lambda shapes, y, x, axes, keepdims: TensorType(y.dtype, x.shape),
    ref=_unreduce_ref,
    decompose=_unreduce_graph,
    grad=lambda n, dy: [reduce_sum(dy, **n.attrs), None],
    attrs=("axes", "keepdims"),
)
"""What a reduction gave (first operand) broadcast back to the shape of what was reduced (second)."""


def _spread(n: Node, y: Value) -> Value:
    """A result of the reduction `n`, or its gradient, in the shape of what was reduced."""
    return unreduce(y, n.operands[0], **n.attrs)


def _grad_prod(n: Node, dy: Value) -> list[Value | None]:
    """The product of the other factors: by division where none is 0; a 0 that is alone has the product of the rest."""
    x = n.operands[0]
    zero, one = like(x, 0), like(x, 1)
    is_zero = equal(x, zero)
    others = select(is_zero, one, x)
    product_ = _spread(n, reduce_prod(others, **n.attrs))
    zeros = _spread(n, reduce_sum(cast(is_zero, dtype=x.type.dtype), **n.attrs))
    alone = logical_and(is_zero, equal(zeros, one))
    factor = select(equal(zeros, zero), div(product_, others), select(alone, product_, zero))
    return [mul(_spread(n, dy), factor)]


def _grad_extreme(n: Node, dy: Value) -> list[Value | None]:
    """Shared equally among the elements that equal the result."""
    x = n.operands[0]
    hits = cast(equal(x, _spread(n, n.results[0])), dtype=dy.type.dtype)
    share = div(dy, reduce_sum(hits, **n.attrs))
    return [mul(hits, _spread(n, share))]


def _extreme_ref(ufunc: Any, combiner: str) -> Callable[..., Any]:
    def ref(x: Any, axes: Axes, keepdims: bool) -> Any:
        first = E.identity(combiner, dtype(x.dtype)).value
        return ufunc.reduce(x, axis=axes, keepdims=keepdims, initial=np.asarray(first, x.dtype)[()])

    return ref


reduce_sum: Op = _reduce(
    "reduce_sum",
    NUMBER,
    "add",
    lambda x, axes, keepdims: np.sum(x, axis=axes, keepdims=keepdims, dtype=x.dtype),
    lambda n, dy: [_spread(n, dy)],
    onnx="ReduceSum",
)
"""Sum of numbers."""
reduce_prod: Op = _reduce(
    "reduce_prod",
    NUMBER,
    "mul",
    lambda x, axes, keepdims: np.prod(x, axis=axes, keepdims=keepdims, dtype=x.dtype),
    _grad_prod,
    onnx="ReduceProd",
)
"""Product of numbers; its gradient is right where factors are 0."""
reduce_max: Op = _reduce("reduce_max", NUMBER, "max", _extreme_ref(np.maximum, "max"), _grad_extreme, onnx="ReduceMax")
"""Largest number, NaN where there is one; equal ones share the gradient."""
reduce_min: Op = _reduce("reduce_min", NUMBER, "min", _extreme_ref(np.minimum, "min"), _grad_extreme, onnx="ReduceMin")
"""Smallest number, NaN where there is one; equal ones share the gradient."""
reduce_any: Op = _reduce("reduce_any", "b", "or", lambda x, axes, keepdims: np.any(x, axis=axes, keepdims=keepdims))
"""Whether any bool holds."""
reduce_all: Op = _reduce("reduce_all", "b", "and", lambda x, axes, keepdims: np.all(x, axis=axes, keepdims=keepdims))
"""Whether all bools hold."""

# Counting

dim: Op = declare(
    "dim",
    lambda shapes, value, dtype: TensorType(dtype, ()),
    ref=lambda value, dtype: np.asarray(value, dtype.np),
    element=lambda b, n, at: E.cast(E.At(n.attrs["value"]), n.type.dtype),
    attrs=("value", "dtype"),
)
"""The value of a dim as a tensor of rank 0."""


def _size_type(shapes: Shapes, x: TensorType, *, axes: Axes, dtype: DType) -> TensorType:
    if x.shape is not None:
        normalize_axes(axes, len(x.shape))
    return TensorType(dtype, ())


def _size_of(dims: Sequence[Dim], axes: Axes) -> Dim:
    return product(dims[k] for k in normalize_axes(axes, len(dims)))


size: Op = declare(
    "size",
    _size_type,
    ref=lambda x, axes, dtype: np.asarray(_size_of(x.shape, axes), dtype.np),
    decompose=lambda n: dim(
        graph=n.graph, value=_size_of(n.operands[0].type.dims, n.attrs["axes"]), dtype=n.attrs["dtype"]
    ),
    grad=no_gradient,
    attrs=("axes", "dtype"),
    onnx="Size",
)
"""Number of elements along axes, as a tensor of rank 0."""

# Composites


def _mean_graph(n: Node) -> Value:
    x = n.operands[0]
    total = reduce_sum(x, **n.attrs)
    count = size(x, axes=n.attrs["axes"], dtype=x.type.dtype)
    if x.type.dtype.is_float:
        return div(total, count)
    if x.type.dtype.kind == "u":
        return floordiv(total, count)
    return mul(sign(total), floordiv(abs_(total), count))


def _mean_ref(x: Any, axes: Axes, keepdims: bool) -> Any:
    total = np.sum(x, axis=axes, keepdims=keepdims, dtype=x.dtype)
    count = np.asarray(_size_of(x.shape, axes), x.dtype)
    if dtype(x.dtype).is_float:
        return total / count
    return np.sign(total) * (np.abs(total) // count)


def _grad_mean(n: Node, dy: Value) -> list[Value | None]:
    count = size(n.operands[0], axes=n.attrs["axes"], dtype=dy.type.dtype)
    return [_spread(n, div(dy, count))]


reduce_mean: Op = declare(
    "reduce_mean",
    _rule(NUMBER),
    ref=_mean_ref,
    decompose=_mean_graph,
    grad=_grad_mean,
    attrs=("axes", "keepdims"),
    onnx="ReduceMean",
)
"""Sum divided by the number of elements; integers truncate, as TensorFlow. The mean of no floats is NaN."""


def _logsumexp_graph(n: Node) -> Value:
    x = n.operands[0]
    largest = reduce_max(x, axes=n.attrs["axes"], keepdims=True)
    # An infinite largest would make inf - inf; without it exp and log give the right infinity.
    shift = select(is_finite(largest), largest, like(x, 0))
    total = add(log(reduce_sum(exp(sub(x, shift)), axes=n.attrs["axes"], keepdims=True)), shift)
    return total if n.attrs["keepdims"] else REGISTRY["reshape"](total, shape=n.type.dims)


def _logsumexp_ref(x: Any, axes: Axes, keepdims: bool) -> Any:
    ufunc: Any = np.logaddexp
    return ufunc.reduce(x, axis=axes, keepdims=keepdims, initial=np.asarray(-np.inf, x.dtype)[()])


logsumexp: Op = declare(
    "logsumexp",
    _rule(FLOAT),
    ref=_logsumexp_ref,
    decompose=_logsumexp_graph,
    grad=lambda n, dy: [mul(_spread(n, dy), exp(sub(n.operands[0], _spread(n, n.results[0]))))],
    attrs=("axes", "keepdims"),
    onnx="ReduceLogSumExp",
)
"""`log(sum(exp(x)))` of floats without overflow; -inf where all are -inf, inf where one is."""


def _arg_type(shapes: Shapes, x: TensorType, *, axis: int, dtype: DType) -> TensorType:
    need((x,), NUMBER)
    if dtype not in (int32, int64):
        raise DTypeError(f"indices are int32 or int64, not {dtype}")
    if x.shape is None:
        return TensorType(dtype, None)
    (k,) = normalize_axes((axis,), len(x.shape))
    shapes.at_most(1, x.shape[k], f"axis {axis} is empty")
    return TensorType(dtype, (*x.shape[:k], *x.shape[k + 1 :]))


LONG_ROW = 512
"""Elements of a row from which on the place of an extreme is found by blocks of so many."""


def _row_arg_type(shapes: Shapes, x: TensorType, *, combiner: str, dtype: DType) -> TensorType:
    if x.shape:
        shapes.at_most(LONG_ROW, x.shape[-1], f"a row has less than {LONG_ROW} elements")
    return _arg_type(shapes, x, axis=-1, dtype=dtype)


row_arg: Op = declare(
    "row_arg",
    _row_arg_type,
    ref=lambda x, combiner, dtype: {"max": np.argmax, "min": np.argmin}[combiner](x, axis=-1).astype(dtype.np),
    template="row_arg",
    attrs=("combiner", "dtype"),
)
"""Position along the last axis, of `LONG_ROW` elements at least, of the first largest or smallest, or the first NaN."""


def _arg_graph(reduction: Op, n: Node) -> Value:
    """The least position whose element equals the extreme or is NaN."""
    x, of = n.operands[0], n.attrs["dtype"]
    (axis,) = normalize_axes((n.attrs["axis"],), x.type.rank)
    length = x.type.dims[axis]
    if axis == x.type.rank - 1 and isinstance(length, int) and length >= LONG_ROW:
        return row_arg(x, combiner=reduction.combiner, dtype=of)
    hit = equal(x, reduction(x, axes=(axis,), keepdims=True))
    if x.type.dtype.is_float:
        hit = logical_or(hit, is_nan(x))
    small = int32 if isinstance(length, int) and length < np.iinfo(np.int32).max else of
    position = REGISTRY["iota"](graph=n.graph, shape=x.type.dims, axis=axis, dtype=small)
    nowhere = const(n.graph, np.iinfo(small.np).max, small)
    place = reduce_min(select(hit, position, nowhere), axes=(axis,), keepdims=False)
    return place if small == of else cast(place, dtype=of)


def _arg(name: str, reduction: Op, ref: Callable[..., Any], onnx: str) -> Op:
    return declare(
        name,
        _arg_type,
        ref=lambda x, axis, dtype: ref(x, axis=axis).astype(dtype.np),
        decompose=lambda n: _arg_graph(reduction, n),
        attrs=("axis", "dtype"),
        onnx=onnx,
    )


argmax: Op = _arg("argmax", reduce_max, np.argmax, "ArgMax")
"""Position along an axis of the first largest number, or of the first NaN; int32 or int64."""
argmin: Op = _arg("argmin", reduce_min, np.argmin, "ArgMin")
"""Position along an axis of the first smallest number, or of the first NaN; int32 or int64."""
