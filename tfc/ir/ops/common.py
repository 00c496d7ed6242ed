"""What op declarations share: type rules, constants, and the reduction of a gradient to an operand's shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..expr import Const, Expr
from ..op import REGISTRY, Element, Op, Shapes, declare
from ..types import DType, Shape, TensorType, bool_, dtype

if TYPE_CHECKING:
    from ..graph import Graph, Node, Value

FLOAT, NUMBER, ANY = "f", "fiu", "fiub"


def need(types: tuple[TensorType, ...], kinds: str) -> DType:
    """The one dtype of all operands, which must be of the kinds. Raises DTypeError."""
    first = types[0].dtype
    if any(t.dtype != first for t in types):
        raise DTypeError(f"operands must have one dtype, got {', '.join(str(t.dtype) for t in types)}")
    if first.kind not in kinds:
        raise DTypeError(f"dtype {first} is not supported")
    return first


def elementwise(
    name: str,
    kinds: str,
    ref: Callable[..., Any],
    scalar: Callable[..., Expr],
    grad: Callable[[Node, Value], Any] | None = None,
    *,
    result: DType | None = None,
    **parts: Any,
) -> Op:
    """Declares an op on the elements of operands that are broadcast together and share a dtype of the kinds.

    `result` is the result's dtype where it is not the operands'. `scalar` and `ref` also take the op's attributes.
    """

    def infer(shapes: Shapes, *types: TensorType, **attrs: Any) -> TensorType:
        found = need(types, kinds)
        return TensorType(result or found, shapes.broadcast(*(t.shape for t in types)))

    return declare(name, infer, ref=ref, scalar=scalar, grad=grad, **parts)


def _constant_type(shapes: Shapes, *, value: np.ndarray[Any, Any]) -> TensorType:
    return TensorType(dtype(value.dtype), tuple(value.shape))


def _constant_element(b: Element, node: Node, at: Shape) -> Expr:
    value = node.attrs["value"]
    return Const(node.type.dtype, value.reshape(-1)[0].item())


constant: Op = declare("constant", _constant_type, ref=lambda value: value, element=_constant_element, attrs=("value",))
"""A tensor known at compile time; lowering makes an element of it only where all its elements are one number."""


def const(graph: Graph, value: Any, of: DType) -> Value:
    """A constant node."""
    return constant(graph=graph, value=np.asarray(value, of.np))


def like(x: Value, value: Any) -> Value:
    """A scalar constant of the dtype of `x`, in its graph."""
    return const(x.node.graph, value, x.type.dtype)


def no_gradient(node: Node, *dys: Value) -> list[Value | None]:
    """The gradient of an op that is flat wherever it has a slope: none for any operand."""
    return [None] * len(node.operands)


def same_shape(a: Value, b: Value) -> bool:
    """Whether two values are known to have one shape."""
    return a.type.shape is not None and a.type.shape == b.type.shape


def _like_type(shapes: Shapes, x: TensorType, like: TensorType) -> TensorType:
    shapes.broadcast(x.shape, like.shape)
    return TensorType(x.dtype, like.shape)


def _sum_to_ref(x: Any, like: Any) -> Any:
    extra = x.ndim - like.ndim
    axes = tuple(range(extra)) + tuple(
        k + extra for k, d in enumerate(like.shape) if d == 1 and x.shape[k + extra] != 1
    )
    # A sum of one number starts at 0.0 and loses the sign of -0.0.
    return (x.sum(axis=axes, keepdims=True, dtype=x.dtype) if axes else x).reshape(like.shape)


def _sum_to_graph(node: Node) -> Value:
    # By name: the modules of those ops stand after this one.
    x, target = node.operands
    dims, shape = x.type.dims, target.type.dims
    extra = len(dims) - len(shape)
    if extra < 0:
        raise ShapeError(f"{x.type} cannot be summed to {target.type}")
    axes = tuple(range(extra)) + tuple(k + extra for k, d in enumerate(shape) if d == 1 and dims[k + extra] != 1)
    summed = REGISTRY["reduce_sum"](x, axes=axes, keepdims=False) if axes else x
    return summed if summed.type.shape == shape else REGISTRY["reshape"](summed, shape=shape)


def _sum_to_grad(node: Node, dy: Value) -> list[Value | None]:
    return [broadcast_like(dy, node.operands[0]), None]


sum_to: Op = declare("sum_to", _like_type, ref=_sum_to_ref, decompose=_sum_to_graph, grad=_sum_to_grad)
"""The first operand summed over the axes along which the second's shape was broadcast to make it."""


def _broadcast_like_graph(node: Node) -> Value:
    return REGISTRY["broadcast_to"](node.operands[0], shape=node.operands[1].type.dims)


broadcast_like: Op = declare(
    "broadcast_like",
    _like_type,
    ref=lambda x, like: np.broadcast_to(x, like.shape),
    decompose=_broadcast_like_graph,
    grad=lambda node, dy: [sum_to(dy, node.operands[0]), None],
)
"""The first operand broadcast to the shape of the second."""


def unbroadcast(dy: Value, x: Value) -> Value:
    """A gradient summed to the shape of the operand it belongs to; itself where the shapes are known to agree."""
    return dy if same_shape(dy, x) else sum_to(dy, x)


__all__ = [
    "ANY",
    "FLOAT",
    "NUMBER",
    "bool_",
    "broadcast_like",
    "const",
    "constant",
    "elementwise",
    "like",
    "need",
    "no_gradient",
    "same_shape",
    "sum_to",
    "unbroadcast",
]
