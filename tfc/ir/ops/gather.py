"""Data as indices: gathering, scattering, one-hot rows.

Indices are int32 or int64 and never negative; one out of range is an error of the run. Gradients follow TensorFlow 1.x
(`python/ops/array_grad.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import expr as E
from .. import index
from ..errors import DTypeError, ShapeError
from ..expr import Expr
from ..index import Dim
from ..op import Element, Op, Shapes, declare, normalize_axes
from ..types import Shape, TensorType, int32, int64
from .array import transpose, type_of_second
from .common import ANY, NUMBER, need

if TYPE_CHECKING:
    from ..graph import Node, Value


def _need_indices(t: TensorType) -> None:
    if t.dtype not in (int32, int64):
        raise DTypeError(f"indices are int32 or int64, not {t.dtype}")


def _in_range(b: Element, value: Expr, limit: Dim) -> Expr:
    """An int64 that the run reports where it is no index below a limit."""
    b.check((value >= 0) & (value < E.At(limit)), f"an index is negative or not below {limit}")
    return value


def check_range(indices: Any, limit: int) -> None:
    """Raises ShapeError for an index that is negative or not below a limit."""
    if np.any((indices < 0) | (indices >= limit)):
        raise ShapeError(f"an index is negative or not below {limit}")


def _checked_ref(x: Any, limit: int) -> Any:
    check_range(x, limit)
    return x


def _checked_type(shapes: Shapes, x: TensorType, *, limit: Dim) -> TensorType:
    _need_indices(x)
    return x


checked_index: Op = declare(
    "checked_index",
    _checked_type,
    ref=_checked_ref,
    element=lambda b, n, at: E.cast(_in_range(b, E.cast(b.operand(0, at), int64), n.attrs["limit"]), n.type.dtype),
    attrs=("limit",),
)
"""The operand itself; an element below 0 or not below `limit` is an error of the run."""


def _gather_type(shapes: Shapes, params: TensorType, indices: TensorType, *, axis: int) -> TensorType:
    _need_indices(indices)
    if params.shape is None or indices.shape is None:
        return TensorType(params.dtype, None)
    (k,) = normalize_axes((axis,), len(params.shape))
    return TensorType(params.dtype, (*params.shape[:k], *indices.shape, *params.shape[k + 1 :]))


def _gather_ref(params: Any, indices: Any, axis: int) -> Any:
    check_range(indices, params.shape[axis])
    return np.take(params, indices, axis)


def _row(b: Element, k: int, at: Shape, limit: Dim) -> Dim:
    """Operand `k`'s element at an index as an index below a limit; one out of range is reported and clamped."""
    value = _in_range(b, E.cast(b.operand(k, at), int64), limit)
    last = E.At(limit - 1)
    return b.let(E.prim("max", E.prim("min", value, last), 0), 0, index.maximum(limit - 1, 0))


def _gather_element(b: Element, n: Node, at: Shape) -> Expr:
    dims, rank = n.operands[0].type.dims, n.operands[1].type.rank
    (axis,) = normalize_axes((n.attrs["axis"],), len(dims))
    row = _row(b, 1, at[axis : axis + rank], dims[axis])
    value = b.operand(0, (*at[:axis], row, *at[axis + rank :]))
    # There is nothing to clamp to in an empty operand.
    return value if isinstance(dims[axis], int) and dims[axis] != 0 else E.select(E.At(dims[axis]) > 0, value, 0)


gather: Op = declare(
    "gather",
    _gather_type,
    ref=_gather_ref,
    element=_gather_element,
    grad=lambda n, dy: [gather_grad(dy, *n.operands, **n.attrs), None],
    attrs=("axis",),
    onnx="Gather",
)
"""Slices of the first operand along an axis at the indices in the second; the axis becomes the second's axes."""


def _gather_grad_graph(n: Node) -> Value:
    dy, params, indices = n.operands
    rank, taken = params.type.rank, indices.type.rank
    (axis,) = normalize_axes((n.attrs["axis"],), rank)
    dims = params.type.dims
    front = (*range(axis, axis + taken), *range(axis), *range(axis + taken, rank + taken - 1))
    rows = transpose(dy, perm=front) if axis else dy
    total = scatter_add(indices, rows, shape=(dims[axis], *dims[:axis], *dims[axis + 1 :]))
    return transpose(total, perm=(*range(1, axis + 1), 0, *range(axis + 1, rank))) if axis else total


def _gather_grad_ref(dy: Any, params: Any, indices: Any, axis: int) -> Any:
    axis %= params.ndim
    out = np.zeros(params.shape, dy.dtype)
    rows = np.moveaxis(dy, range(axis, axis + indices.ndim), range(indices.ndim))
    np.add.at(np.moveaxis(out, axis, 0), indices, rows)
    return out


gather_grad: Op = declare(
    "gather_grad",
    type_of_second,
    ref=_gather_grad_ref,
    decompose=_gather_grad_graph,
    grad=lambda n, dy: [gather(dy, n.operands[2], **n.attrs), None, None],
    attrs=("axis",),
)
"""The first operand's slices added up in the place that `gather` of the second at the third took them from."""


def _scatter_add_type(shapes: Shapes, indices: TensorType, updates: TensorType, *, shape: Shape) -> TensorType:
    _need_indices(indices)
    need((updates,), NUMBER)
    if indices.shape is not None and updates.shape is not None:
        wanted = (*indices.shape, *shape[1:])
        if len(wanted) != len(updates.shape):
            raise ShapeError(f"updates have rank {len(updates.shape)}, expected {len(wanted)}")
        for d, e in zip(updates.shape, wanted, strict=True):
            shapes.same(d, e, "dims of updates and of indices and slices")
    return TensorType(updates.dtype, tuple(shape))


def _scatter_add_ref(indices: Any, updates: Any, shape: tuple[int, ...]) -> Any:
    check_range(indices, shape[0])
    out = np.zeros(shape, updates.dtype)
    np.add.at(out, indices, updates)
    return out


scatter_add: Op = declare(
    "scatter_add",
    _scatter_add_type,
    ref=_scatter_add_ref,
    grad=lambda n, dy: [None, gather(dy, n.operands[0], axis=0)],
    template="scatter_add",
    attrs=("shape",),
)
"""Zeros of a shape with `updates[i, …]` (second) added to row `indices[i]` (first), in the order of `i`."""


def _one_hot_type(
    shapes: Shapes, indices: TensorType, on: TensorType, off: TensorType, *, depth: Dim, axis: int
) -> TensorType:
    if not indices.dtype.is_int:
        raise DTypeError(f"indices are integers, not {indices.dtype}")
    found = need((on, off), ANY)
    for t in (on, off):
        if t.shape not in (None, ()):
            raise ShapeError(f"the values on and off have rank 0, got {t}")
    if indices.shape is None:
        return TensorType(found, None)
    (k,) = normalize_axes((axis,), len(indices.shape) + 1)
    return TensorType(found, (*indices.shape[:k], depth, *indices.shape[k:]))


def _one_hot_ref(indices: Any, on: Any, off: Any, depth: int, axis: int) -> Any:
    hits = np.expand_dims(indices, -1) == np.arange(depth)
    return np.moveaxis(np.where(hits, on, off), -1, axis)


def _one_hot_element(b: Element, n: Node, at: Shape) -> Expr:
    (axis,) = normalize_axes((n.attrs["axis"],), len(at))
    value = E.cast(b.operand(0, (*at[:axis], *at[axis + 1 :])), int64)
    return E.select(value.eq(E.At(at[axis])), b.operand(1, ()), b.operand(2, ()))


one_hot: Op = declare(
    "one_hot",
    _one_hot_type,
    ref=_one_hot_ref,
    element=_one_hot_element,
    grad=lambda n, dy: [None, None, None],
    attrs=("depth", "axis"),
    onnx="OneHot",
)
"""A new axis of `depth` with the second operand at the index that the first says and the third elsewhere."""
