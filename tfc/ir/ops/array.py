"""Arrays: changes of shape and order, and arrays made from dims.

Dims in attributes may be symbols. Each op takes any dtype and, unless its rank decides the result, an unknown rank. The
gradients whose shape is an operand's are ops of their own (`reshape_like`, …) that take that operand for its type only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import expr as E
from .. import index
from ..errors import ShapeError
from ..expr import Expr
from ..index import Dim, product
from ..op import Element, Op, Shapes, broadcast_index, declare, normalize_axes
from ..types import DType, Shape, TensorType
from .common import unbroadcast
from .reduce import reduce_sum

if TYPE_CHECKING:
    from ..graph import Node, Value


def type_of_second(shapes: Shapes, dy: TensorType, x: TensorType, *rest: TensorType, **attrs: Any) -> TensorType:
    """The type rule of a gradient that has the shape of its second operand."""
    return TensorType(dy.dtype, x.shape)


# reshape


def _reshape_type(shapes: Shapes, x: TensorType, *, shape: Shape) -> TensorType:
    # A dim may be symbolic, so -1 is looked for by type first.
    unknown = [k for k, d in enumerate(shape) if isinstance(d, int) and d < 0]
    if len(unknown) > 1 or any(shape[k] != -1 for k in unknown):
        raise ShapeError(f"a shape has no negative dims but one -1, got {shape}")
    if x.shape is None:
        return TensorType(x.dtype, None if unknown else tuple(shape))
    dims = list(shape)
    if unknown:
        others = product(d for d in shape if d != -1)
        if others == 0:
            raise ShapeError(f"the -1 in {shape} could be any number")
        dims[unknown[0]] = index.floordiv(x.size, others)
    shapes.same(x.size, product(dims), f"number of elements of {x} and of shape {shape}")
    return TensorType(x.dtype, tuple(dims))


def _divides(d: Dim, x: Dim) -> bool:
    """Whether a dim is known to divide another that is at least as large."""
    return d == 1 or (d != 0 and index.mod(x, d) == 0)


def _groups(result: Shape, operand: Shape) -> list[tuple[list[int], list[int]]]:
    """Axes of both shapes in the finest groups found, in order, whose products are equal."""
    groups: list[tuple[list[int], list[int]]] = []
    ours, theirs = list(range(len(result))), list(range(len(operand)))
    while ours and theirs:
        a, b = [ours.pop(0)], [theirs.pop(0)]
        p, q = result[a[0]], operand[b[0]]
        while p != q and (ours or theirs):
            if ours and (not theirs or _divides(p, q)):
                a.append(ours.pop(0))
                p = p * result[a[-1]]
            else:
                b.append(theirs.pop(0))
                q = q * operand[b[-1]]
        groups.append((a, b))
    # What is left are dims of 1.
    return [*groups, (ours, theirs)]


def _reshape_element(b: Element, n: Node, at: Shape) -> Expr:
    """The index, flattened and split again within each group of axes; an axis that did not change keeps its own."""
    result, operand = n.type.dims, n.operands[0].type.dims
    place: list[Dim] = [0] * len(operand)
    for mine, theirs in _groups(result, operand):
        flat: Dim = 0
        for k in mine:
            flat = flat * result[k] + (0 if result[k] == 1 else at[k])
        wide = [k for k in theirs if operand[k] != 1]
        for nth, k in enumerate(wide):
            inner = product(operand[j] for j in wide[nth + 1 :])
            i = b.simplify(index.floordiv(flat, inner)) if inner != 0 else 0
            place[k] = i if nth == 0 or operand[k] == 0 else b.simplify(index.mod(i, operand[k]))
    return b.operand(0, tuple(place))


reshape: Op = declare(
    "reshape",
    _reshape_type,
    ref=lambda x, shape: np.reshape(np.asarray(x), shape),
    element=_reshape_element,
    grad=lambda n, dy: [reshape_like(dy, n.operands[0])],
    attrs=("shape",),
    onnx="Reshape",
)
"""The same elements in row-major order in another shape; one dim may be -1, which the others decide."""
reshape_like: Op = declare(
    "reshape_like",
    type_of_second,
    ref=lambda x, like: np.reshape(x, like.shape),
    decompose=lambda n: reshape(n.operands[0], shape=n.operands[1].type.dims),
    grad=lambda n, dy: [reshape_like(dy, n.operands[0]), None],
)
"""The first operand in the shape of the second."""


# broadcast, tile


def _broadcast_to_type(shapes: Shapes, x: TensorType, *, shape: Shape) -> TensorType:
    if x.shape is not None and len(x.shape) > len(shape):
        raise ShapeError(f"{x} cannot be broadcast to the lower rank of {shape}")
    for d, to in zip(reversed(x.shape or ()), reversed(shape), strict=False):
        if d == to or d == 1:
            continue
        if isinstance(d, int):
            shapes.same(d, to, "dim to broadcast and wanted dim")
        else:
            # The wanted dim is not broadcast in its turn: 5 does not fit a wanted 1.
            shapes.same(shapes.broadcast_dim(d, to), to, "dim to broadcast and wanted dim")
    return TensorType(x.dtype, tuple(shape))


broadcast_to: Op = declare(
    "broadcast_to",
    _broadcast_to_type,
    ref=lambda x, shape: np.broadcast_to(np.asarray(x), shape),
    element=lambda b, n, at: b.operand(0, broadcast_index(at, n.operands[0].type.dims)),
    grad=lambda n, dy: [unbroadcast(dy, n.operands[0])],
    attrs=("shape",),
    onnx="Expand",
)
"""The operand repeated along its dims of 1, and along new leading dims, to a shape."""


def _tile_type(shapes: Shapes, x: TensorType, *, multiples: Shape) -> TensorType:
    if x.shape is None:
        return TensorType(x.dtype, None)
    if len(multiples) != len(x.shape):
        raise ShapeError(f"{len(multiples)} multiples for rank {len(x.shape)}")
    return TensorType(x.dtype, tuple(d * m for d, m in zip(x.shape, multiples, strict=True)))


def _tile_element(b: Element, n: Node, at: Shape) -> Expr:
    dims = n.operands[0].type.dims
    return b.operand(0, tuple(0 if d == 0 else b.simplify(index.mod(i, d)) for i, d in zip(at, dims, strict=True)))


def _tile_grad_graph(n: Node) -> Value:
    dy, x = n.operands
    pairs = zip(n.attrs["multiples"], x.type.dims, strict=True)
    copies = reshape(dy, shape=tuple(d for pair in pairs for d in pair))
    return reduce_sum(copies, axes=tuple(range(0, 2 * x.type.rank, 2)), keepdims=False)


def _tile_grad_ref(dy: Any, x: Any, multiples: tuple[int, ...]) -> Any:
    split = [d for pair in zip(multiples, x.shape, strict=True) for d in pair]
    return dy.reshape(split).sum(axis=tuple(range(0, 2 * x.ndim, 2)), dtype=dy.dtype)


tile: Op = declare(
    "tile",
    _tile_type,
    ref=lambda x, multiples: np.tile(np.asarray(x), multiples),
    element=_tile_element,
    grad=lambda n, dy: [tile_grad(dy, n.operands[0], **n.attrs)],
    attrs=("multiples",),
    onnx="Tile",
)
"""The operand repeated as a whole, `multiples[k]` times along axis k."""
tile_grad: Op = declare(
    "tile_grad",
    type_of_second,
    ref=_tile_grad_ref,
    decompose=_tile_grad_graph,
    grad=lambda n, dy: [tile(dy, **n.attrs), None],
    attrs=("multiples",),
)
"""The sum of the copies that `tile` made of the second operand."""


# order and axes


def _permutation(perm: Sequence[int] | None, rank: int) -> tuple[int, ...]:
    if perm is None:
        return tuple(reversed(range(rank)))
    if normalize_axes(perm, rank) != tuple(range(rank)):
        raise ShapeError(f"{tuple(perm)} is not an order of the axes of rank {rank}")
    return tuple(p % rank for p in perm)


def _transpose_type(shapes: Shapes, x: TensorType, *, perm: Sequence[int] | None) -> TensorType:
    if x.shape is None:
        return TensorType(x.dtype, None)
    return TensorType(x.dtype, tuple(x.shape[p] for p in _permutation(perm, len(x.shape))))


def _transpose_element(b: Element, n: Node, at: Shape) -> Expr:
    perm = _permutation(n.attrs["perm"], len(at))
    return b.operand(0, tuple(at[perm.index(k)] for k in range(len(at))))


def _grad_transpose(n: Node, dy: Value) -> list[Value | None]:
    perm = n.attrs["perm"]
    if perm is None:
        return [transpose(dy, perm=None)]
    order = _permutation(perm, len(perm))
    return [transpose(dy, perm=tuple(order.index(k) for k in range(len(order))))]


transpose: Op = declare(
    "transpose",
    _transpose_type,
    ref=lambda x, perm: np.transpose(np.asarray(x), perm),
    element=_transpose_element,
    grad=_grad_transpose,
    attrs=("perm",),
    onnx="Transpose",
)
"""The axes in another order: axis k of the result is axis `perm[k]`; None turns the order round."""


def _expand_dims_type(shapes: Shapes, x: TensorType, *, axis: int) -> TensorType:
    if x.shape is None:
        return TensorType(x.dtype, None)
    (k,) = normalize_axes((axis,), len(x.shape) + 1)
    return TensorType(x.dtype, (*x.shape[:k], 1, *x.shape[k:]))


def _expand_dims_element(b: Element, n: Node, at: Shape) -> Expr:
    (axis,) = normalize_axes((n.attrs["axis"],), len(at))
    return b.operand(0, (*at[:axis], *at[axis + 1 :]))


expand_dims: Op = declare(
    "expand_dims",
    _expand_dims_type,
    ref=lambda x, axis: np.expand_dims(np.asarray(x), axis),
    element=_expand_dims_element,
    grad=lambda n, dy: [squeeze(dy, axes=(n.attrs["axis"],))],
    attrs=("axis",),
    onnx="Unsqueeze",
)
"""A dim of 1 put in, so that it is the result's axis `axis`."""


def _squeeze_type(shapes: Shapes, x: TensorType, *, axes: Sequence[int] | None) -> TensorType:
    if x.shape is None:
        return TensorType(x.dtype, None)
    if axes is None:
        ones = [shapes.is_one(d) for d in x.shape]
        known = None if None in ones else tuple(d for d, one in zip(x.shape, ones, strict=True) if not one)
        return TensorType(x.dtype, known)
    out = normalize_axes(axes, len(x.shape))
    for k in out:
        shapes.same(x.shape[k], 1, f"dim {k} and the 1 that can be squeezed")
    return TensorType(x.dtype, tuple(d for k, d in enumerate(x.shape) if k not in out))


def _squeeze_element(b: Element, n: Node, at: Shape) -> Expr:
    dims, axes, left = n.operands[0].type.dims, n.attrs["axes"], iter(at)
    out = [k for k, d in enumerate(dims) if d == 1] if axes is None else normalize_axes(axes, len(dims))
    return b.operand(0, tuple(0 if k in out else next(left) for k in range(len(dims))))


squeeze: Op = declare(
    "squeeze",
    _squeeze_type,
    ref=lambda x, axes: np.squeeze(np.asarray(x), axes),
    element=_squeeze_element,
    grad=lambda n, dy: [reshape_like(dy, n.operands[0])],
    attrs=("axes",),
    onnx="Squeeze",
)
"""Dims of 1 taken out: those of `axes`, or all that are 1, for which the dims must be known."""


def _ensure_shape_type(shapes: Shapes, x: TensorType, *, shape: Shape) -> TensorType:
    if x.shape is None:
        return TensorType(x.dtype, tuple(shape))
    if len(x.shape) != len(shape):
        raise ShapeError(f"expected rank {len(shape)}, got {x}")
    pairs = enumerate(zip(x.shape, shape, strict=True))
    return TensorType(x.dtype, tuple(shapes.same(d, e, f"dim {k} and the {e} that it must be") for k, (d, e) in pairs))


def _ensure_shape_ref(x: Any, shape: Shape) -> Any:
    if np.shape(x) != tuple(shape):
        raise ShapeError(f"expected shape {tuple(shape)}, got {np.shape(x)}")
    return x


ensure_shape: Op = declare(
    "ensure_shape",
    _ensure_shape_type,
    ref=_ensure_shape_ref,
    decompose=lambda n: n.operands[0],
    grad=lambda n, dy: [dy],
    attrs=("shape",),
)
"""The operand, whose dims must be those of `shape`: what an op takes for granted of dims that only the run knows."""


# arrays of dims


iota: Op = declare(
    "iota",
    lambda shapes, shape, axis, dtype: TensorType(dtype, tuple(shape)),
    ref=lambda shape, axis, dtype: np.indices(shape, dtype.np)[axis] if shape else np.zeros((), dtype.np),
    element=lambda b, n, at: E.cast(E.At(at[n.attrs["axis"]]), n.type.dtype),
    attrs=("shape", "axis", "dtype"),
)
"""Each element's own index along an axis."""


def _shape_of_type(shapes: Shapes, x: TensorType, *, dtype: DType) -> TensorType:
    return TensorType(dtype, None if x.shape is None else (len(x.shape),))


def _shape_of_element(b: Element, n: Node, at: Shape) -> Expr:
    dims = [E.cast(E.At(d), n.type.dtype) for d in n.operands[0].type.dims]
    out = dims[-1]
    for k in reversed(range(len(dims) - 1)):
        out = E.select(E.At(at[0]).eq(k), dims[k], out)
    return out


shape_of: Op = declare(
    "shape_of",
    _shape_of_type,
    ref=lambda x, dtype: np.asarray(x.shape, dtype.np),
    element=_shape_of_element,
    attrs=("dtype",),
    onnx="Shape",
)
"""The dims of the operand as a vector."""
