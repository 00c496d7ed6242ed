"""Reductions under NumPy's names, with its choice of dtypes.

`axis` is an axis, a tuple of axes or None for all; `keepdims` leaves dims of 1 in place of the reduced ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfc.ir.errors import DTypeError, ShapeError
from tfc.ir.graph import Value
from tfc.ir.index import product
from tfc.ir.op import normalize_axes
from tfc.ir.types import DType, bool_, float32, float64, int8, int64, uint64

from ..location import user_line
from ..tracer import ArrayLike, Trace, checked_dtype, lift, traceable
from .elementwise import ufunc_types

Axis = int | Sequence[int] | None


def axes_of(axis: Axis) -> tuple[int, ...] | None:
    """The `axes` attribute for NumPy's `axis`."""
    if axis is None:
        return None
    return tuple(int(a) for a in axis) if isinstance(axis, Sequence) else (int(axis),)


def require_elements(trace: Trace, x: Value, axes: tuple[int, ...] | None, what: str) -> None:
    """A reduction without a neutral element needs one element or more."""
    dims = x.type.dims
    over = normalize_axes(axes, len(dims))
    if over:
        trace.require(product(dims[k] for k in over) - 1, f"{what} of an empty array", ShapeError)


def _accumulator(of: DType, wanted: Any) -> DType:
    """The dtype in which NumPy adds and multiplies: small integers in 64 bits."""
    if wanted is not None:
        return checked_dtype(wanted)
    if of.is_float:
        return of
    return uint64 if of.kind == "u" else int64


def _total(op: str, name: str, doc: str) -> Callable[..., Any]:
    def call(trace: Trace, a: ArrayLike, axis: Axis = None, dtype: Any = None, *, keepdims: bool = False) -> Any:
        x = lift(trace, a)
        x = lift(trace, trace.wrap(x), _accumulator(x.type.dtype, dtype))
        return trace.apply(op, x, axes=axes_of(axis), keepdims=keepdims)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    return traceable(call)


sum = _total("reduce_sum", "sum", "Sum; bools and small integers in 64 bits, unless `dtype` says otherwise.")
prod = _total("reduce_prod", "prod", "Product; bools and small integers in 64 bits, unless `dtype` says otherwise.")


def _extreme(op: str, of_bools: str, name: str, doc: str) -> Callable[..., Any]:
    def call(trace: Trace, a: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Any:
        x, axes = lift(trace, a), axes_of(axis)
        require_elements(trace, x, axes, name)
        return trace.apply(of_bools if x.type.dtype.is_bool else op, x, axes=axes, keepdims=keepdims)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    return traceable(call)


max = amax = _extreme("reduce_max", "reduce_any", "max", "Largest number, NaN where there is one; of at least one.")
min = amin = _extreme("reduce_min", "reduce_all", "min", "Smallest number, NaN where there is one; of at least one.")


@traceable
def any(trace: Trace, a: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Whether any element is not 0."""
    return trace.apply("reduce_any", lift(trace, a, bool_), axes=axes_of(axis), keepdims=keepdims)


@traceable
def all(trace: Trace, a: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Whether no element is 0."""
    return trace.apply("reduce_all", lift(trace, a, bool_), axes=axes_of(axis), keepdims=keepdims)


@traceable
def count_nonzero(trace: Trace, a: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Number of elements that are not 0."""
    hits = trace.node("cast", lift(trace, a, bool_), dtype=int64)
    return trace.apply("reduce_sum", hits, axes=axes_of(axis), keepdims=keepdims)


def _working(x: Value, wanted: Any) -> tuple[DType, DType]:
    """The dtypes in which a mean is computed and given: integers in float64, short floats computed in float32."""
    given = checked_dtype(wanted) if wanted is not None else x.type.dtype if x.type.dtype.is_float else float64
    if not given.is_float:
        raise DTypeError(f"a mean in {given} is not supported, at {user_line()}")
    return (float32 if given.bits < 32 else given), given


@traceable
def mean(trace: Trace, a: ArrayLike, axis: Axis = None, dtype: Any = None, *, keepdims: bool = False) -> Any:
    """Arithmetic mean; of integers in float64. The mean of nothing is NaN."""
    x = lift(trace, a)
    inner, given = _working(x, dtype)
    x = lift(trace, trace.wrap(x), inner)
    return trace.wrap(_as(trace, trace.node("reduce_mean", x, axes=axes_of(axis), keepdims=keepdims), given))


def _as(trace: Trace, x: Value, of: DType) -> Value:
    return x if x.type.dtype is of else trace.node("cast", x, dtype=of)


def _variance(trace: Trace, x: Value, axes: tuple[int, ...] | None, ddof: float, keepdims: bool) -> Value:
    of = x.type.dtype
    deviation = trace.node("sub", x, trace.node("reduce_mean", x, axes=axes, keepdims=True))
    total = trace.node("reduce_sum", trace.node("square", deviation), axes=axes, keepdims=keepdims)
    count = trace.node("sub", trace.node("size", x, axes=axes, dtype=of), lift(trace, ddof, of))
    return trace.node("div", total, trace.node("maximum", count, lift(trace, 0, of)))


@traceable
def var(
    trace: Trace, a: ArrayLike, axis: Axis = None, dtype: Any = None, *, ddof: float = 0, keepdims: bool = False
) -> Any:
    """Mean squared deviation from the mean, with `ddof` taken from the number of elements."""
    x = lift(trace, a)
    inner, given = _working(x, dtype)
    x = lift(trace, trace.wrap(x), inner)
    return trace.wrap(_as(trace, _variance(trace, x, axes_of(axis), ddof, keepdims), given))


@traceable
def std(
    trace: Trace, a: ArrayLike, axis: Axis = None, dtype: Any = None, *, ddof: float = 0, keepdims: bool = False
) -> Any:
    """The square root of the variance."""
    x = lift(trace, a)
    inner, given = _working(x, dtype)
    x = lift(trace, trace.wrap(x), inner)
    root = trace.node("sqrt", _variance(trace, x, axes_of(axis), ddof, keepdims))
    return trace.wrap(_as(trace, root, given))


def _position(op: str) -> Callable[..., Any]:
    def call(trace: Trace, a: ArrayLike, axis: int | None = None, *, keepdims: bool = False) -> Any:
        x = lift(trace, a)
        if x.type.dtype.is_bool:
            x = trace.node("cast", x, dtype=int8)
        rank = x.type.rank
        if axis is None:
            x = trace.node("reshape", x, shape=(x.type.size,))
        along = 0 if axis is None else int(axis)
        require_elements(trace, x, (along,), op)
        found = trace.node(op, x, axis=along, dtype=int64)
        if not keepdims:
            return trace.wrap(found)
        if axis is None:
            return trace.apply("reshape", found, shape=(1,) * rank)
        return trace.apply("expand_dims", found, axis=normalize_axes((along,), rank)[0])

    call.__name__ = call.__qualname__ = op
    call.__doc__ = f"Position, as int64, that {op} finds along an axis, or in the flattened array; the first of equals."
    return traceable(call)


argmax = _position("argmax")
argmin = _position("argmin")


@traceable
def logsumexp(trace: Trace, a: ArrayLike, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """`log(sum(exp(a)))` without overflow."""
    x = lift(trace, a, ufunc_types(np.exp, a)[0])
    return trace.apply("logsumexp", x, axes=axes_of(axis), keepdims=keepdims)
