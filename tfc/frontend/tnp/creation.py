"""New arrays under NumPy's names. A dim may be one that is known only when the function runs; the dtype is float64
where none is given, as NumPy's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfc.ir.errors import DTypeError, ShapeError
from tfc.ir.graph import Value
from tfc.ir.index import Dim, floordiv, maximum
from tfc.ir.types import int64

from ..location import user_line
from ..tracer import (
    ArrayLike,
    Trace,
    TracedDim,
    Tracer,
    checked_dtype,
    dim_of,
    kind_of,
    lift,
    result_type,
    size_of,
    traceable,
)


def shape_of(trace: Trace, shape: Any) -> tuple[Dim, ...]:
    """The dims of a shape argument: an int or a sequence of them. Raises ShapeError for one below 0."""
    return tuple(size_of(trace, d) for d in (shape if isinstance(shape, Sequence) else (shape,)))


def _filled(trace: Trace, shape: Any, value: ArrayLike, dtype: Any) -> Any:
    dims = shape_of(trace, shape)
    of = result_type(kind_of(value)) if dtype is None else dtype
    return trace.apply("broadcast_to", lift(trace, value, checked_dtype(of)), shape=dims)


@traceable
def zeros(trace: Trace, shape: Any, dtype: Any = float) -> Any:
    """Zeros of a shape."""
    return _filled(trace, shape, 0, dtype)


@traceable
def ones(trace: Trace, shape: Any, dtype: Any = float) -> Any:
    """Ones of a shape."""
    return _filled(trace, shape, 1, dtype)


@traceable
def full(trace: Trace, shape: Any, fill_value: ArrayLike, dtype: Any = None) -> Any:
    """A value, broadcast to a shape; of the value's dtype where none is given."""
    return _filled(trace, shape, fill_value, dtype)


def _like(trace: Trace, a: ArrayLike, value: ArrayLike, dtype: Any) -> Any:
    like = lift(trace, a)
    of = like.type.dtype if dtype is None else checked_dtype(dtype)
    return trace.apply("broadcast_to", lift(trace, value, of), shape=like.type.dims)


@traceable
def zeros_like(trace: Trace, a: ArrayLike, dtype: Any = None) -> Any:
    """Zeros of the shape and, unless given, the dtype of an array."""
    return _like(trace, a, 0, dtype)


@traceable
def ones_like(trace: Trace, a: ArrayLike, dtype: Any = None) -> Any:
    """Ones of the shape and, unless given, the dtype of an array."""
    return _like(trace, a, 1, dtype)


@traceable
def full_like(trace: Trace, a: ArrayLike, fill_value: ArrayLike, dtype: Any = None) -> Any:
    """A value in the shape and, unless given, the dtype of an array."""
    return _like(trace, a, fill_value, dtype)


def iota(trace: Trace, shape: tuple[Dim, ...], axis: int) -> Value:
    """Each element's index along an axis, as int64."""
    return trace.node("iota", shape=shape, axis=axis, dtype=int64)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """Numbers from `start` (0 where only one is given) up to `stop`, without it, `step` apart.

    With a dim that is known only when the function runs, all three are integers. Raises DTypeError otherwise.
    """
    first, last = (0, start) if stop is None else (start, stop)
    if any(isinstance(x, Tracer) for x in (start, stop, step)):
        raise DTypeError(f"the size of arange would depend on the values of arrays, at {user_line()}")
    if not any(isinstance(x, TracedDim) for x in (start, stop, step)):
        found: np.ndarray[Any, Any] = np.arange(first, last, step, dtype=dtype)
        return found.astype(checked_dtype(found.dtype).np)
    return _arange(first, last, step, dtype)


@traceable
def _arange(trace: Trace, start: Any, stop: Any, step: Any, dtype: Any) -> Any:
    first, last, by = dim_of(start), dim_of(stop), dim_of(step)
    if not isinstance(by, int) or by == 0:
        raise DTypeError(f"the step of arange must be a known integer other than 0, got {step} at {user_line()}")
    span = last - first if by > 0 else first - last
    count = maximum(floordiv(span + (max(by, -by) - 1), max(by, -by)), 0)
    index = trace.wrap(iota(trace, (count,), 0))
    scaled = trace.node("mul", index.value, lift(trace, by, int64))
    offset = lift(trace, trace.dim(first), int64)
    return trace.wrap(lift(trace, trace.wrap(trace.node("add", scaled, offset)), checked_dtype(dtype or np.int64)))


@traceable
def linspace(
    trace: Trace, start: ArrayLike, stop: ArrayLike, num: Any = 50, endpoint: bool = True, dtype: Any = None
) -> Any:
    """`num` numbers evenly apart from `start` to `stop`, which is the last one unless `endpoint` is False."""
    count = size_of(trace, num)
    kind = result_type(kind_of(start), kind_of(stop), float)
    of = checked_dtype(kind)
    first, last = lift(trace, start, of), lift(trace, stop, of)
    if first.type.rank or last.type.rank:
        raise ShapeError(f"linspace takes numbers, got {first.type} and {last.type} at {user_line()}")
    index = iota(trace, (count,), 0)
    gaps = maximum(count - 1 if endpoint else count, 1)
    width = lift(trace, trace.dim(gaps), of)
    step = trace.node("div", trace.node("sub", last, first), width)
    line = trace.node("add", trace.node("mul", trace.node("cast", index, dtype=of), step), first)
    if endpoint:
        end = trace.node("equal", index, lift(trace, trace.dim(count - 1), int64))
        several = trace.node("greater", index, lift(trace, 0, int64))
        line = trace.node("select", trace.node("logical_and", end, several), last, line)
    return trace.wrap(lift(trace, trace.wrap(line), None if dtype is None else checked_dtype(dtype)))


@traceable
def eye(trace: Trace, N: Any, M: Any = None, k: int = 0, dtype: Any = float) -> Any:
    """Ones on the `k`-th diagonal of an N by M matrix (square where M is None), zeros elsewhere."""
    dims = (size_of(trace, N), size_of(trace, N if M is None else M))
    rows, columns = iota(trace, dims, 0), iota(trace, dims, 1)
    hit = trace.node("equal", trace.node("add", rows, lift(trace, int(k), int64)), columns)
    return trace.apply("cast", hit, dtype=checked_dtype(dtype))
