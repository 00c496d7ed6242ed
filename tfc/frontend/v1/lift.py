"""What may stand for a tensor becomes a value of the IR graph: TF's rules for Python numbers, lists and arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfc.ir import types
from tfc.ir.graph import Value
from tfc.ir.op import REGISTRY
from tfc.ir.types import Shape

from .shapes import Dimension, TensorShape

if TYPE_CHECKING:
    from .graph import Graph, Tensor

Array = np.ndarray[Any, Any]
_KINDS = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}
"""Kinds of Python values that an explicit dtype of a kind takes."""


def is_tensor_like(x: Any) -> bool:
    """Whether it stands for a value of a graph: a tensor or a variable."""
    return hasattr(x, "ir_value")


def as_array(x: Any, of: types.DType | None = None) -> Array:
    """An array of Python or NumPy numbers.

    Without a dtype Python floats are float32 and Python ints int32 (int64 where they do not fit); arrays keep theirs.
    Raises TypeError for what is no number of the dtype, ValueError for a ragged list.
    """
    if isinstance(x, TensorShape):
        x = x.as_list()
        if None in x:
            raise ValueError(f"Cannot convert a partially known TensorShape to a Tensor: {x}")
    if isinstance(x, (np.ndarray, np.generic)):
        # A copy: the caller may write to the array later.
        return np.array(x).astype(x.dtype.newbyteorder("=") if of is None else of.np, copy=False)
    if x is None:
        raise ValueError("None values not supported.")
    array = np.array(_plain(x))
    if array.dtype.kind not in "fiub":
        raise TypeError(f"cannot convert {x!r} of type {type(x).__name__} to a tensor: it holds numbers or bools")
    if of is None:
        return _narrow(array)
    if array.size and array.dtype.kind not in _KINDS[of.kind]:
        raise TypeError(f"Expected {of.name}, got {x!r} of type '{type(x).__name__}' instead.")
    return _in_range(array, of)


def _plain(x: Any) -> Any:
    if isinstance(x, Dimension):
        return int(x)
    return [_plain(item) for item in x] if isinstance(x, (list, tuple)) else x


def _narrow(array: Array) -> Array:
    if array.dtype == np.float64:
        return array.astype(np.float32)
    if array.dtype == np.int64:
        small = array.astype(np.int32)
        return small if np.array_equal(small, array) else array
    return array


def _in_range(array: Array, of: types.DType) -> Array:
    if of.is_int and array.size:
        limits = np.iinfo(of.np)
        if array.min() < limits.min or array.max() > limits.max:
            raise ValueError(f"{array.tolist()!r} does not fit {of.name}")
    return array.astype(of.np)


def first_tensor(x: Any) -> Any:
    """The first tensor in nested lists and tuples; None where there is none."""
    if is_tensor_like(x):
        return x
    if isinstance(x, (list, tuple)):
        return next((t for t in map(first_tensor, x) if t is not None), None)
    return None


def lift(x: Any, graph: Graph, dtype: types.DType | None = None, name: str = "Const") -> Value:
    """The value that `x` stands for; a constant of that name where it is Python or NumPy numbers.

    Raises ValueError for a tensor of another graph or of another dtype than the given one, TypeError for what is no
    number.
    """
    if is_tensor_like(x):
        value: Value = x.ir_value
        if value.node.graph is not graph.ir:
            raise ValueError(f"{x!r} must be from the same graph as the operation that takes it.")
        if dtype is not None and value.type.dtype != dtype:
            raise ValueError(
                f"Tensor conversion requested dtype {dtype} for Tensor with dtype {value.type.dtype}: {x!r}"
            )
        return value
    inner = first_tensor(x)
    if inner is None:
        return graph.constant(as_array(x, dtype), name)
    of = dtype or inner.ir_value.type.dtype
    with graph.name_scope(name) as scope:
        items = [lift(item, graph, of, str(k)) for k, item in enumerate(x)]
        return REGISTRY["stack"](*items, axis=0, name=scope)


def lift_hinted(x: Any, graph: Graph, hint: types.DType | None, name: str) -> Value:
    """As `lift`, in the hinted dtype where `x` is numbers that have it."""
    if hint is None or is_tensor_like(x):
        return lift(x, graph, None, name)
    return lift(x, graph, hint, name)


def emit(
    graph: Graph,
    op: str,
    inputs: Sequence[Any],
    *,
    name: str,
    args: Sequence[str] = ("x", "y", "z"),
    nodes: int = 1,
    attrs: Mapping[str, Any] | None = None,
    dtype: types.DType | None = None,
) -> Tensor:
    """A node of an IR op in its own name scope; inputs that are no tensors are constants there, named as in `args`.

    They take `dtype`, else that of the first tensor among the inputs. `nodes` is the number of nodes that TF makes,
    constants of tensor inputs apart: TF's seeds depend on it.
    """
    first = first_tensor(list(inputs))
    hint = dtype or (None if first is None else first.ir_value.type.dtype)
    with graph.name_scope(name) as scope:
        values = [lift_hinted(x, graph, hint, arg) for x, arg in zip(inputs, args, strict=False)]
        with graph.counted(nodes):
            return graph.tensor(REGISTRY[op](*values, graph=graph.ir, name=scope, **(attrs or {})))


def shaped(x: Tensor, shape: Shape | None) -> Tensor:
    """A tensor that must have a shape: itself where that is known, else checked in the run, by no node of TF's.

    Raises ShapeError where it is known to have another. A shape of unknown rank is any.
    """
    if shape is None or x.ir_value.type.shape == shape:
        return x
    return emit(x.graph, "ensure_shape", [x], name="shaped", nodes=0, attrs={"shape": shape})
