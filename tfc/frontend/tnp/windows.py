"""Convolutions and pools over any number of spatial dims.

Arrays are `[batch, spatial.., channels]`, or `[batch, channels, spatial..]` with `data_format="NCHW"` whatever the
number of spatial dims. Strides, dilations and windows are a number for all spatial dims or one for each; a padding is
`SAME`, `VALID` or a pair `(before, after)` for each.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from tfc.ir.errors import ShapeError
from tfc.ir.graph import Value
from tfc.ir.types import DType

from ..location import user_line
from ..tracer import ArrayLike, Trace, checked_dtype, kind_of, lift, result_type, size_of, traceable
from .nn import as_float

Numbers = int | Sequence[int]
Padding = str | Sequence[Sequence[int]]


def _numbers(given: Numbers, dims: int, what: str) -> tuple[int, ...]:
    """A number for each spatial dim. Raises ShapeError for another count."""
    numbers = tuple(map(operator.index, given)) if isinstance(given, Sequence) else (operator.index(given),) * dims
    if len(numbers) != dims:
        raise ShapeError(f"{what} are {dims} numbers, one for each spatial dim, got {given} at {user_line()}")
    return numbers


def _padding(given: Padding) -> str | tuple[tuple[int, ...], ...]:
    return given.upper() if isinstance(given, str) else tuple(tuple(map(operator.index, pair)) for pair in given)


def _about(dims: int, strides: Numbers, dilations: Numbers, padding: Padding, data_format: str) -> dict[str, Any]:
    return {
        "strides": _numbers(strides, dims, "strides"),
        "dilations": _numbers(dilations, dims, "dilations"),
        "padding": _padding(padding),
        "data_format": data_format,
    }


def _both(trace: Trace, x: ArrayLike, filters: ArrayLike) -> tuple[Value, Value, int]:
    """Operand and filter in one dtype, and the number of spatial dims."""
    of: DType = checked_dtype(result_type(kind_of(x), kind_of(filters)))
    w = lift(trace, filters, of)
    if w.type.rank < 3:
        raise ShapeError(f"a filter has rank 3 or more: window, channels and filters, got {w.type} at {user_line()}")
    return lift(trace, x, of), w, w.type.rank - 2


@traceable
def conv(
    trace: Trace,
    x: ArrayLike,
    filters: ArrayLike,
    strides: Numbers = 1,
    padding: Padding = "VALID",
    dilations: Numbers = 1,
    groups: int = 1,
    data_format: str = "NHWC",
) -> Any:
    """At each window the sum of its elements times those of `[window.., channels / groups, filters]`, not flipped."""
    left, w, dims = _both(trace, x, filters)
    return trace.apply("conv", left, w, **_about(dims, strides, dilations, padding, data_format), groups=int(groups))


@traceable
def conv_transpose(
    trace: Trace,
    x: ArrayLike,
    filters: ArrayLike,
    shape: Sequence[Any],
    strides: Numbers = 1,
    padding: Padding = "VALID",
    dilations: Numbers = 1,
    groups: int = 1,
    data_format: str = "NHWC",
) -> Any:
    """The gradient of `conv` to an operand of `shape`, where that of its result is `x`."""
    left, w, dims = _both(trace, x, filters)
    like = trace.node("broadcast_to", lift(trace, 0, left.type.dtype), shape=tuple(size_of(trace, d) for d in shape))
    about = _about(dims, strides, dilations, padding, data_format)
    return trace.apply("conv_input", left, w, like, **about, groups=int(groups))


def _pool(
    x: Value, window: Numbers, strides: Numbers | None, padding: Padding, dilations: Numbers, data_format: str
) -> dict[str, Any]:
    dims = x.type.rank - 2
    if dims < 1:
        raise ShapeError(f"a pool takes rank 3 or more: batch, spatial dims, channels, got {x.type} at {user_line()}")
    size = _numbers(window, dims, "windows")
    return {"window": size, **_about(dims, size if strides is None else strides, dilations, padding, data_format)}


@traceable
def max_pool(
    trace: Trace,
    x: ArrayLike,
    window: Numbers,
    strides: Numbers | None = None,
    padding: Padding = "VALID",
    dilations: Numbers = 1,
    data_format: str = "NHWC",
) -> Any:
    """The largest number of each window, NaN where there is one; windows lie side by side unless strides are given."""
    value = lift(trace, x)
    return trace.apply("max_pool", value, **_pool(value, window, strides, padding, dilations, data_format))


@traceable
def avg_pool(
    trace: Trace,
    x: ArrayLike,
    window: Numbers,
    strides: Numbers | None = None,
    padding: Padding = "VALID",
    dilations: Numbers = 1,
    data_format: str = "NHWC",
    count_padding: bool = False,
) -> Any:
    """The mean of each window, without the padding unless `count_padding`."""
    value = as_float(trace, x)
    about = _pool(value, window, strides, padding, dilations, data_format)
    return trace.apply("avg_pool", value, **about, count_padding=bool(count_padding))
