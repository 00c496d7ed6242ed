"""`x[...]` as NumPy has it: integers, slices, None, an Ellipsis and arrays of integers.

x[1:, i]      ->    slice, then gather
x[i, j]       ->    gather of the two axes flattened, at i * dim + j
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfc.ir import index
from tfc.ir.errors import DTypeError, ShapeError, UnsupportedError
from tfc.ir.graph import Value
from tfc.ir.index import Dim, Index, product

from ..location import user_line
from ..tracer import ArrayLike, Trace, TracedDim, dim_of, lift, traceable
from .shapes import indices_of


@dataclass(frozen=True)
class _Part:
    """What is selected along one axis: a slice, one element (`drop`), or the elements at an array of indices."""

    start: Dim
    size: Dim
    step: int = 1
    drop: bool = False
    indices: Value | None = None


@traceable
def select(trace: Trace, array: ArrayLike, key: Any) -> Any:
    """`array[key]`. An index known to be out of range raises ShapeError, another one is an error of the run.

    Raises UnsupportedError for a mask, whose result has a size that depends on values; DTypeError for any other key.
    """
    x = lift(trace, array)
    keys = _spread(list(key) if isinstance(key, tuple) else [key], x)
    for axis, k in enumerate(keys):
        if k is None:
            x = trace.node("expand_dims", x, axis=axis)
    keys = [slice(None) if k is None else k for k in keys]
    parts = [_part(trace, k, axis, d) for axis, (k, d) in enumerate(zip(keys, x.type.dims, strict=True))]
    x = _sliced(trace, x, parts)
    dropped = [axis for axis, p in enumerate(parts) if p.drop]
    chosen = [axis for axis, p in enumerate(parts) if p.indices is not None]
    if not chosen:
        return trace.wrap(trace.node("squeeze", x, axes=tuple(dropped)) if dropped else x)
    return trace.wrap(_gathered(trace, x, parts, sorted((*chosen, *dropped))))


def _spread(keys: list[Any], x: Value) -> list[Any]:
    """The keys with one for every axis and None for every new one."""
    # Arrays among the keys compare element by element, so identity is what tells an Ellipsis.
    places = [n for n, k in enumerate(keys) if k is Ellipsis]
    count = sum(k is not None and k is not Ellipsis for k in keys)
    if len(places) > 1:
        raise ShapeError(f"an index with more than one Ellipsis, at {user_line()}")
    if count > x.type.rank:
        raise ShapeError(f"{count} indices for {x.type}, at {user_line()}")
    at = places[0] if places else len(keys)
    return [*keys[:at], *[slice(None)] * (x.type.rank - count), *keys[at + 1 :]]


def _part(trace: Trace, k: Any, axis: int, size: Dim) -> _Part:
    if isinstance(k, slice):
        return _slice_part(trace, k, size)
    if isinstance(k, bool | np.bool_):
        raise UnsupportedError(f"a bool as an index, at {user_line()}: use where")
    if isinstance(k, int | np.integer | TracedDim):
        at = dim_of(k)
        place = at + size if isinstance(at, int) and at < 0 else at
        message = f"index {k} is out of range for axis {axis} of {size}"
        trace.require(place, message, ShapeError)
        trace.require(size - 1 - place, message, ShapeError)
        return _Part(place, 1, drop=True)
    if isinstance(k, float | str | bytes):
        raise DTypeError(f"{k!r} is no index, at {user_line()}")
    given = lift(trace, np.zeros(0, np.int64) if isinstance(k, list) and not k else k)
    if given.type.dtype.is_bool:
        raise UnsupportedError(
            f"a mask as an index, at {user_line()}: the size of the result depends on values; use where"
        )
    return _Part(0, size, indices=indices_of(trace, trace.wrap(given), size))


def _slice_part(trace: Trace, k: slice, size: Dim) -> _Part:
    step = 1 if k.step is None else dim_of(k.step)
    if not isinstance(step, int) or step == 0:
        raise ShapeError(f"the step of a slice must be a known integer other than 0, got {k.step} at {user_line()}")
    low: Dim = 0 if step > 0 else -1
    high: Dim = size if step > 0 else size - 1

    def place(given: Any, default: Dim) -> Dim:
        if given is None:
            return default
        bound = dim_of(given)
        if isinstance(bound, int) and bound < 0:
            bound = bound + size
        elif isinstance(bound, Index):
            trace.require(bound, f"the bound {bound} of a slice is negative")
        return index.maximum(low, index.minimum(bound, high))

    first, last = place(k.start, 0 if step > 0 else high), place(k.stop, size if step > 0 else -1)
    span = last - first if step > 0 else first - last
    count = index.maximum(0, index.floordiv(span + (abs(step) - 1), abs(step)))
    return _Part(first if count != 0 else 0, size if count == size else count, step)


def _sliced(trace: Trace, x: Value, parts: list[_Part]) -> Value:
    if all(p.step == 1 and p.size == d for p, d in zip(parts, x.type.dims, strict=True)):
        return x
    return trace.node(
        "slice",
        x,
        starts=tuple(p.start for p in parts),
        sizes=tuple(p.size for p in parts),
        steps=tuple(p.step for p in parts),
    )


def _gathered(trace: Trace, x: Value, parts: list[_Part], axes: list[int]) -> Value:
    """The elements at indices along several axes, whose own axes come first unless those are neighbours.

    An axis that a number selected has 1 element by now, and stands among the arrays as NumPy has it.
    """
    at = axes[0] if axes[-1] - axes[0] == len(axes) - 1 else 0
    others = [k for k in range(x.type.rank) if k not in axes]
    perm = (*others[:at], *axes, *others[at:])
    if perm != tuple(range(len(perm))):
        x = trace.node("transpose", x, perm=perm)
    found = [(parts[k].indices, x.type.dims[at + n]) for n, k in enumerate(axes)]
    wanted = [(indices, d) for indices, d in found if indices is not None]
    if len(axes) == 1:
        return trace.node("gather", x, wanted[0][0], axis=at)
    dims = x.type.dims
    flat = trace.node("reshape", x, shape=(*dims[:at], product(d for _, d in wanted), *dims[at + len(axes) :]))
    place: Value | None = None
    for indices, d in wanted:
        checked = trace.node("checked_index", indices, limit=d)
        if place is not None:
            place = trace.node("mul", place, lift(trace, trace.dim(d), checked.type.dtype))
        place = checked if place is None else trace.node("add", place, checked)
    assert place is not None
    return trace.node("gather", flat, place, axis=at)
