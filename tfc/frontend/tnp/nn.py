"""Neural networks: activations, softmax, cross entropies. Integers are taken as floats as NumPy's `exp` takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfc.ir.errors import DTypeError
from tfc.ir.graph import Value
from tfc.ir.types import DType, int32, int64

from ..location import user_line
from ..tracer import ArrayLike, Trace, checked_dtype, kind_of, lift, result_type, size_of, traceable
from .elementwise import ufunc_types


def as_float(trace: Trace, x: ArrayLike) -> Value:
    return lift(trace, x, ufunc_types(np.exp, x)[0])


def _activation(name: str, doc: str, op: str | None = None) -> Callable[..., Any]:
    def call(trace: Trace, x: ArrayLike) -> Any:
        return trace.apply(op or name, as_float(trace, x))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    return traceable(call)


relu = _activation("relu", "`max(x, 0)`, NaN where x is NaN; the gradient at 0 is 0.")
relu6 = _activation("relu6", "`min(max(x, 0), 6)`.")
selu = _activation("selu", "Scaled `elu` whose fixed point has mean 0 and variance 1.")
elu = _activation("elu", "`exp(x) - 1` below 0, `x` elsewhere.")
softplus = _activation("softplus", "`log(1 + exp(x))` without overflow.")
silu = _activation("silu", "`x * sigmoid(x)`.", "swish")


@traceable
def leaky_relu(trace: Trace, x: ArrayLike, negative_slope: float = 0.01) -> Any:
    """`x` above 0, `negative_slope * x` elsewhere."""
    return trace.apply("leaky_relu", as_float(trace, x), alpha=float(negative_slope))


@traceable
def gelu(trace: Trace, x: ArrayLike, approximate: bool = True) -> Any:
    """`x` times the normal distribution function of `x`: approximated by `tanh`, or by `erf`."""
    return trace.apply("gelu", as_float(trace, x), approximate=bool(approximate))


@traceable
def softmax(trace: Trace, x: ArrayLike, axis: int = -1) -> Any:
    """`exp(x) / sum(exp(x))` along an axis, without overflow."""
    return trace.apply("softmax", as_float(trace, x), axis=int(axis))


@traceable
def log_softmax(trace: Trace, x: ArrayLike, axis: int = -1) -> Any:
    """The logarithm of softmax along an axis."""
    return trace.apply("log_softmax", as_float(trace, x), axis=int(axis))


@traceable
def one_hot(trace: Trace, x: ArrayLike, num_classes: Any, dtype: Any = np.float32, axis: int = -1) -> Any:
    """A new axis of `num_classes` with 1 at the index that `x` says and 0 elsewhere; all 0 for an index outside."""
    of = checked_dtype(dtype)
    indices = lift(trace, x)
    if not indices.type.dtype.is_int:
        raise DTypeError(f"one_hot takes integers, got {indices.type} at {user_line()}")
    on, off = lift(trace, 1, of), lift(trace, 0, of)
    return trace.apply("one_hot", indices, on, off, depth=size_of(trace, num_classes), axis=int(axis))


def _pair(trace: Trace, logits: ArrayLike, labels: ArrayLike) -> tuple[Value, Value]:
    of: DType = checked_dtype(result_type(kind_of(logits), kind_of(labels)))
    if not of.is_float:
        raise DTypeError(f"logits are floats, got {of} at {user_line()}")
    return lift(trace, logits, of), lift(trace, labels, of)


@traceable
def softmax_cross_entropy(trace: Trace, logits: ArrayLike, labels: ArrayLike, axis: int = -1) -> Any:
    """`-sum(labels * log_softmax(logits))` along an axis; the labels are one row of weights per row of logits."""
    x, y = _pair(trace, logits, labels)
    terms = trace.node("mul", y, trace.node("log_softmax", x, axis=int(axis)))
    return trace.apply("neg", trace.node("reduce_sum", terms, axes=(int(axis),), keepdims=False))


@traceable
def sparse_softmax_cross_entropy(trace: Trace, logits: ArrayLike, labels: ArrayLike) -> Any:
    """`-log_softmax(logits)` along the last axis at the integer label; one out of range is an error of the run."""
    found = lift(trace, labels)
    if not found.type.dtype.is_int:
        raise DTypeError(f"labels are integers, got {found.type} at {user_line()}")
    narrow = found if found.type.dtype in (int32, int64) else trace.node("cast", found, dtype=int64)
    return trace.apply("sparse_softmax_cross_entropy", as_float(trace, logits), narrow)


@traceable
def sigmoid_cross_entropy(trace: Trace, logits: ArrayLike, labels: ArrayLike) -> Any:
    """Cross entropy of independent labels with `sigmoid(logits)`, without overflow."""
    return trace.apply("sigmoid_cross_entropy", *_pair(trace, logits, labels))


@traceable
def stop_gradient(trace: Trace, x: ArrayLike) -> Any:
    """The array itself; no gradient passes."""
    return trace.apply("stop_gradient", lift(trace, x))
