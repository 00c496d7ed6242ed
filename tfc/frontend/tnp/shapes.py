"""Changes of shape and order, joining, padding and taking, under NumPy's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfc.ir import index
from tfc.ir.errors import ShapeError, UnsupportedError
from tfc.ir.graph import Value
from tfc.ir.index import Dim, Index
from tfc.ir.op import normalize_axes
from tfc.ir.types import DType, int64

from ..location import user_line
from ..tracer import ArrayLike, Trace, checked_dtype, kind_of, lift, result_type, size_of, traceable
from .creation import shape_of
from .elementwise import asarray
from .reduce import Axis


def _listed(x: Any) -> Sequence[Any]:
    return x if isinstance(x, Sequence) else (x,)


def _axes(axis: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes in the order given, as non-negative numbers."""
    given = [int(a) for a in _listed(axis)]
    normalize_axes(given, rank)
    return tuple(a % rank for a in given)


def shape(a: ArrayLike) -> tuple[Any, ...]:
    """The dims of an array."""
    return tuple(asarray(a).shape)


def ndim(a: ArrayLike) -> int:
    """The rank of an array."""
    return len(shape(a))


def size(a: ArrayLike, axis: int | None = None) -> Any:
    """The number of elements of an array, or the dim of one axis."""
    return asarray(a).size if axis is None else shape(a)[axis]


@traceable
def reshape(trace: Trace, a: ArrayLike, /, shape: Any) -> Any:
    """The same elements in row-major order in another shape, of which one dim may be -1."""
    dims = [d if isinstance(d, int) and d == -1 else size_of(trace, d) for d in _listed(shape)]
    return trace.apply("reshape", lift(trace, a), shape=tuple(dims))


@traceable
def ravel(trace: Trace, a: ArrayLike) -> Any:
    """The elements in row-major order in one axis."""
    x = lift(trace, a)
    return trace.apply("reshape", x, shape=(x.type.size,))


@traceable
def transpose(trace: Trace, a: ArrayLike, axes: Sequence[int] | None = None) -> Any:
    """The axes in another order; turned round where `axes` is None."""
    return trace.apply("transpose", lift(trace, a), perm=None if axes is None else tuple(int(k) for k in axes))


@traceable
def swapaxes(trace: Trace, a: ArrayLike, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    x = lift(trace, a)
    perm = list(range(x.type.rank))
    (i,), (j,) = _axes(axis1, len(perm)), _axes(axis2, len(perm))
    perm[i], perm[j] = perm[j], perm[i]
    return trace.apply("transpose", x, perm=tuple(perm))


@traceable
def moveaxis(trace: Trace, a: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Axes moved to other places; the others keep their order."""
    x = lift(trace, a)
    rank = x.type.rank
    origin, target = _axes(source, rank), _axes(destination, rank)
    if len(origin) != len(target):
        raise ShapeError(f"{len(origin)} axes cannot move to {len(target)} places, at {user_line()}")
    perm = [k for k in range(rank) if k not in origin]
    for to, k in sorted(zip(target, origin, strict=True)):
        perm.insert(to, k)
    return trace.apply("transpose", x, perm=tuple(perm))


@traceable
def expand_dims(trace: Trace, a: ArrayLike, axis: int | Sequence[int]) -> Any:
    """Dims of 1 put in, so that they are the result's axes `axis`."""
    x = lift(trace, a)
    count = len(axis) if isinstance(axis, Sequence) else 1
    for k in sorted(_axes(axis, x.type.rank + count)):
        x = trace.node("expand_dims", x, axis=k)
    return trace.wrap(x)


@traceable
def squeeze(trace: Trace, a: ArrayLike, axis: Axis = None) -> Any:
    """Dims of 1 taken out: those of `axis`, or all."""
    x = lift(trace, a)
    if axis is None and any(isinstance(d, Index) for d in x.type.dims):
        raise trace.need_dim("squeeze() without an axis")
    return trace.apply("squeeze", x, axes=None if axis is None else _axes(axis, x.type.rank))


def _lifted(trace: Trace, arrays: Sequence[ArrayLike], dtype: Any = None) -> list[Value]:
    if not len(arrays):
        raise ShapeError(f"at least one array is needed, at {user_line()}")
    of = checked_dtype(result_type(*map(kind_of, arrays)) if dtype is None else dtype)
    return [lift(trace, x, of) for x in arrays]


@traceable
def concatenate(trace: Trace, arrays: Sequence[ArrayLike], axis: int | None = 0, *, dtype: Any = None) -> Any:
    """Arrays one after another along an axis; flattened first where it is None."""
    values = _lifted(trace, arrays, dtype)
    if axis is None:
        values = [trace.node("reshape", v, shape=(v.type.size,)) for v in values]
    return trace.apply("concat", *values, axis=0 if axis is None else int(axis))


@traceable
def stack(trace: Trace, arrays: Sequence[ArrayLike], axis: int = 0, *, dtype: Any = None) -> Any:
    """Arrays of one shape along a new axis."""
    return trace.apply("stack", *_lifted(trace, arrays, dtype), axis=int(axis))


def _paddings(trace: Trace, pad_width: Any, rank: int) -> tuple[tuple[Dim, Dim], ...]:
    """`(before, after)` for each axis, from one number, one pair, or a pair for each axis."""
    if not isinstance(pad_width, Sequence):
        return ((size_of(trace, pad_width),) * 2,) * rank
    pairs = [tuple(p) if isinstance(p, Sequence) else p for p in pad_width]
    if len(pairs) == 2 and not isinstance(pairs[0], tuple):
        pairs = [tuple(pairs)]
    if len(pairs) == 1:
        pairs *= rank
    if len(pairs) != rank or any(not isinstance(p, tuple) or len(p) not in (1, 2) for p in pairs):
        raise ShapeError(f"pad widths {pad_width} do not fit rank {rank}, at {user_line()}")
    return tuple((size_of(trace, p[0]), size_of(trace, p[-1])) for p in pairs)


@traceable
def pad(trace: Trace, array: ArrayLike, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    """Elements added around an array: one number, or mirrored (`reflect`, `symmetric`)."""
    x = lift(trace, array)
    paddings = _paddings(trace, pad_width, x.type.rank)
    if mode not in {"constant", "reflect", "symmetric"}:
        raise UnsupportedError(f"pad mode {mode!r}, at {user_line()}")
    if mode == "constant":
        value = _fill(trace, constant_values, x.type.dtype)
        return trace.apply("pad", x, paddings=paddings, value=value, mode=mode)
    room = 1 if mode == "reflect" else 0
    for d, pair in zip(x.type.dims, paddings, strict=True):
        for width in pair:
            trace.require(d - room - width, f"pad mode {mode!r} by more than the dim has", ShapeError)
    return trace.apply("pad", x, paddings=paddings, value=0, mode=mode)


def _fill(trace: Trace, value: Any, of: DType) -> Any:
    """A padding value in the array's dtype, as a Python number."""
    constant = lift(trace, value, of)
    if constant.node.op.name != "constant" or constant.type.rank:
        raise UnsupportedError(f"a padding other than one constant number, at {user_line()}")
    return constant.node.attrs["value"].item()


def indices_of(trace: Trace, given: ArrayLike, size: Dim) -> Value:
    """Indices into a dim as int64, those below 0 counted from its end. Raises ShapeError for what is no integer."""
    x = lift(trace, given)
    if not x.type.dtype.is_int:
        raise ShapeError(f"indices must be integers, got {x.type} at {user_line()}")
    signed = x.type.dtype.kind == "i"
    x = lift(trace, trace.wrap(x), int64)
    if not signed:
        return x
    end = trace.node("add", x, lift(trace, trace.dim(size), int64))
    return trace.node("select", trace.node("less", x, lift(trace, 0, int64)), end, x)


@traceable
def take(trace: Trace, a: ArrayLike, indices: ArrayLike, axis: int | None = None) -> Any:
    """Slices at indices along an axis, or elements of the flattened array; one out of range is an error of the run."""
    x = lift(trace, a)
    if axis is None:
        x = trace.node("reshape", x, shape=(x.type.size,))
    (along,) = _axes(0 if axis is None else axis, x.type.rank)
    return trace.apply("gather", x, indices_of(trace, indices, x.type.dims[along]), axis=along)


@traceable
def tile(trace: Trace, A: ArrayLike, reps: Any) -> Any:
    """The array repeated as a whole, `reps[k]` times along axis k."""
    x, multiples = lift(trace, A), shape_of(trace, reps)
    missing = len(multiples) - x.type.rank
    if missing > 0:
        x = trace.node("reshape", x, shape=((1,) * missing + x.type.dims))
    return trace.apply("tile", x, multiples=(1,) * -missing + multiples)


@traceable
def broadcast_to(trace: Trace, array: ArrayLike, shape: Any) -> Any:
    """The array repeated along its dims of 1, and along new leading dims, to a shape."""
    return trace.apply("broadcast_to", lift(trace, array), shape=shape_of(trace, shape))


@traceable
def flip(trace: Trace, m: ArrayLike, axis: Axis = None) -> Any:
    """The order of the elements turned round along axes, or along all."""
    x = lift(trace, m)
    dims = x.type.dims
    over = range(len(dims)) if axis is None else _axes(axis, len(dims))
    starts = tuple(index.maximum(d - 1, 0) if k in over else 0 for k, d in enumerate(dims))
    return trace.apply(
        "slice", x, starts=starts, sizes=dims, steps=tuple(-1 if k in over else 1 for k in range(len(dims)))
    )
