"""Products of arrays under NumPy's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfc.ir.errors import ShapeError
from tfc.ir.graph import Value
from tfc.ir.index import product
from tfc.ir.op import normalize_axes

from ..location import user_line
from ..tracer import ArrayLike, Trace, checked_dtype, kind_of, lift, result_type, traceable


def _operands(trace: Trace, a: ArrayLike, b: ArrayLike) -> tuple[Value, Value]:
    of = checked_dtype(result_type(kind_of(a), kind_of(b)))
    return lift(trace, a, of), lift(trace, b, of)


def _matmul(trace: Trace, x: Value, y: Value) -> Value:
    return trace.node("matmul", x, y, transpose_a=False, transpose_b=False)


@traceable
def matmul(trace: Trace, x1: ArrayLike, x2: ArrayLike, /) -> Any:
    """Product of matrices, the leading dims broadcast; a vector is a row on the left and a column on the right."""
    x, y = _operands(trace, x1, x2)
    if not x.type.rank or not y.type.rank:
        raise ShapeError(f"matmul({x.type}, {y.type}) at {user_line()}: a number has no rows; use *")
    row, column = x.type.rank == 1, y.type.rank == 1
    if row:
        x = trace.node("expand_dims", x, axis=0)
    if column:
        y = trace.node("expand_dims", y, axis=1)
    found = _matmul(trace, x, y)
    dropped = (*((-2,) if row else ()), *((-1,) if column else ()))
    return trace.wrap(trace.node("squeeze", found, axes=dropped) if dropped else found)


@traceable
def dot(trace: Trace, a: ArrayLike, b: ArrayLike) -> Any:
    """Sum of products over the last axis of `a` and the last but one (the only) of `b`; a number multiplies."""
    x, y = _operands(trace, a, b)
    if not x.type.rank or not y.type.rank:
        return trace.apply("mul", x, y)
    return _contract(trace, x, y, (x.type.rank - 1,), (max(y.type.rank - 2, 0),))


@traceable
def tensordot(trace: Trace, a: ArrayLike, b: ArrayLike, axes: Any = 2) -> Any:
    """Sum of products over pairs of axes: the last `axes` of `a` with the first of `b`, or two lists of axes."""
    x, y = _operands(trace, a, b)
    rank = x.type.rank
    if not isinstance(axes, Sequence):
        if not 0 <= axes <= min(rank, y.type.rank):
            raise ShapeError(f"tensordot over {axes} axes of {x.type} and {y.type}, at {user_line()}")
        return _contract(trace, x, y, tuple(range(rank - axes, rank)), tuple(range(axes)))
    left, right = (tuple(s) if isinstance(s, Sequence) else (s,) for s in axes)
    if len(left) != len(right):
        raise ShapeError(f"tensordot of {len(left)} axes with {len(right)}, at {user_line()}")
    normalize_axes(left, rank)
    normalize_axes(right, y.type.rank)
    return _contract(trace, x, y, tuple(k % rank for k in left), tuple(k % y.type.rank for k in right))


def _contract(trace: Trace, x: Value, y: Value, left: tuple[int, ...], right: tuple[int, ...]) -> Any:
    """The sum of products over pairs of axes, as one product of matrices."""
    rows = [k for k in range(x.type.rank) if k not in left]
    columns = [k for k in range(y.type.rank) if k not in right]
    outer = [x.type.dims[k] for k in rows], [y.type.dims[k] for k in columns]
    a = _matrix(trace, x, (*rows, *left), (product(outer[0]), product(x.type.dims[k] for k in left)))
    b = _matrix(trace, y, (*right, *columns), (product(y.type.dims[k] for k in right), product(outer[1])))
    if len(left) > 1:
        # The product of the dims alone would let (2, 3) meet (3, 2).
        for i, j in zip(left, right, strict=True):
            trace.require_equal(x.type.dims[i], y.type.dims[j], "summed dims differ")
    return trace.apply("reshape", _matmul(trace, a, b), shape=(*outer[0], *outer[1]))


def _matrix(trace: Trace, x: Value, perm: tuple[int, ...], shape: tuple[Any, Any]) -> Value:
    if perm != tuple(range(len(perm))):
        x = trace.node("transpose", x, perm=perm)
    return x if x.type.dims == shape else trace.node("reshape", x, shape=shape)


@traceable
def outer(trace: Trace, a: ArrayLike, b: ArrayLike) -> Any:
    """Every product of an element of `a`, flattened, and one of `b`."""
    x, y = _operands(trace, a, b)
    return trace.apply(
        "mul",
        trace.node("reshape", x, shape=(x.type.size, 1)),
        trace.node("reshape", y, shape=(1, y.type.size)),
    )


@traceable
def inner(trace: Trace, a: ArrayLike, b: ArrayLike) -> Any:
    """Sum of products over the last axes; a number multiplies."""
    x, y = _operands(trace, a, b)
    if not x.type.rank or not y.type.rank:
        return trace.apply("mul", x, y)
    return _contract(trace, x, y, (x.type.rank - 1,), (y.type.rank - 1,))
