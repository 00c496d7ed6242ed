"""Small integer tensors as dims: what `tf.shape`, `tf.stack` and arithmetic on them say before the run.

tf.reshape(x, [tf.shape(x)[0], -1])    the shape tensor has the value (d0, -1)    reshape{shape=(d0, -1)}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tfc.ir import index
from tfc.ir.graph import Node, Value
from tfc.ir.index import Dim, Index
from tfc.ir.types import Shape

from .errors import unsupported
from .lift import Array, as_array, is_tensor_like
from .shapes import Dimension, TensorShape

if TYPE_CHECKING:
    from .graph import Graph

Rule = Callable[..., Any]


def _by_reference(node: Node, *arrays: Array) -> Any:
    """The op's reference, on arrays of dims."""
    assert node.op.ref is not None
    return node.op.ref(*arrays, **node.attrs)


def _elementwise(rule: Callable[[Any, Any], Any]) -> Rule:
    return lambda node, a, b: np.frompyfunc(rule, 2, 1)(a, b)


_RULES: dict[str, Rule] = {
    **dict.fromkeys(
        ("add", "sub", "mul", "neg", "reduce_sum", "reduce_prod", "stack", "concat", "slice", "reshape", "squeeze"),
        _by_reference,
    ),
    **dict.fromkeys(("expand_dims", "transpose", "tile", "pad"), _by_reference),
    "floordiv": _elementwise(index.floordiv),
    "mod": _elementwise(index.mod),
    "maximum": _elementwise(index.maximum),
    "minimum": _elementwise(index.minimum),
    "identity": lambda node, x: x,
    "stop_gradient": lambda node, x: x,
    "cast": lambda node, x: x,
    "gather": lambda node, x, at: np.take(x, at.astype(np.int64), node.attrs.get("axis", 0)),
}
"""What ops that make dims of dims compute."""


def value_of(v: Value) -> Array | None:
    """The value of an integer tensor as an array of dims; None where only a run knows it."""
    node = v.node
    if not v.type.dtype.is_int:
        return None
    if node.op.name == "constant":
        return np.asarray(node.attrs["value"]).astype(object)
    if node.op.name == "dim":
        return _objects(node.attrs["value"])
    if node.op.name in ("shape_of", "size"):
        return _of_shape(node)
    if node.op.name not in _RULES or _is_open(node.attrs.values()):
        return None
    arrays = [value_of(operand) for operand in node.operands]
    if any(a is None for a in arrays):
        return None
    results = _RULES[node.op.name](node, *arrays)
    return _objects(results[v.index] if isinstance(results, (tuple, list)) else results)


def _is_open(attrs: Iterable[Any]) -> bool:
    """Whether a dim that only a run knows is among attributes."""
    return any(isinstance(a, Index) or (isinstance(a, tuple) and _is_open(a)) for a in attrs)


def _of_shape(node: Node) -> Array | None:
    dims = node.operands[0].type.shape
    if dims is None:
        return None
    if node.op.name == "shape_of":
        return _objects(list(dims)) if dims else np.empty(0, object)
    axes = node.attrs["axes"]
    return _objects(index.product(dims if axes is None else [dims[k] for k in axes]))


def _objects(x: Any) -> Array:
    if isinstance(x, np.ndarray):
        return x.astype(object)
    out = np.empty(np.shape(x) if not isinstance(x, Index) else (), object)
    out[...] = x
    return out


def dim_argument(x: Any, what: str) -> Dim:
    """A dim or number given as an int, a Dimension, or an integer tensor whose value is known before the run.

    Raises UnimplementedError for a tensor of any other kind, TypeError for what is no integer.
    """
    if isinstance(x, Dimension):
        return int(x)
    if is_tensor_like(x):
        value = value_of(x.ir_value)
        if value is None or value.size != 1:
            raise unsupported(f"{what}: {x!r} must follow from shapes and constants; its value is known only in a run")
        return value.item()  # type: ignore[no-any-return]
    array = as_array(x)
    if array.ndim or array.dtype.kind not in "iu":
        raise TypeError(f"{what} must be an integer, got {x!r}")
    return int(array)


def dims_argument(x: Any, what: str) -> Shape:
    """A vector of dims given as numbers, a TensorShape, or integer tensors whose values are known before the run.

    Raises as `dim_argument`.
    """
    if is_tensor_like(x):
        value = value_of(x.ir_value)
        if value is None:
            raise unsupported(f"{what}: {x!r} must follow from shapes and constants; its value is known only in a run")
        return tuple(value.reshape(-1))
    if isinstance(x, TensorShape):
        return tuple(int(d) for d in x)
    if isinstance(x, np.ndarray) or not hasattr(x, "__iter__"):
        x = np.asarray(x).reshape(-1).tolist() if isinstance(x, np.ndarray) else [x]
    return tuple(dim_argument(d, what) for d in x)


def ints_argument(x: Any, what: str) -> tuple[int, ...]:
    """As `dims_argument`, where the values must be known when the graph is built."""
    dims = dims_argument(x, what)
    if any(isinstance(d, Index) for d in dims):
        raise unsupported(f"{what} must be known when the graph is built, got {dims}")
    return tuple(int(d) for d in dims)  # type: ignore[arg-type]


def vector_nodes(x: Any) -> int:
    """Nodes that TF makes of a vector: none of a tensor, a constant of numbers, a stack of tensors and constants."""
    if is_tensor_like(x):
        return 0
    tensors = sum(map(is_tensor_like, x)) if isinstance(x, (list, tuple)) else 0
    return 1 + len(x) - tensors if tensors else 1


def int_argument(x: Any, what: str) -> int:
    """As `dim_argument`, where the value must be known when the graph is built."""
    return ints_argument([x], what)[0]


def shape_argument(graph: Graph, x: Any, what: str = "shape") -> Shape:
    """The dims of a `shape` argument that has no -1; an unknown dim of a TensorShape is an error."""
    dims = dims_argument(x, what)
    for d in dims:
        if isinstance(d, int) and d < 0:
            raise ValueError(f"{what} has a negative dim: {dims}")
    return dims
