"""Parts of arrays and arrays put together: slices, concatenation, padding.

Dims in attributes may be symbols. Gradients follow TensorFlow 1.x (`python/ops/array_grad.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import expr as E
from .. import index
from ..errors import ShapeError
from ..expr import Expr
from ..index import Dim
from ..op import Element, Op, Shapes, declare, normalize_axes
from ..types import Shape, TensorType
from .array import expand_dims, squeeze, type_of_second
from .common import ANY, broadcast_like, like, need
from .math import add

if TYPE_CHECKING:
    from ..graph import Node, Value

Pairs = Sequence[tuple[Dim, Dim]]


# slice and its inverse


def _check_slice(shapes: Shapes, dims: Shape | None, starts: Shape, sizes: Shape, steps: Sequence[int]) -> None:
    """Raises ShapeError where a slice is known to leave an array."""
    ranks = {len(starts), len(sizes), len(steps), *(() if dims is None else (len(dims),))}
    if len(ranks) != 1:
        raise ShapeError(f"starts {starts}, sizes {sizes} and steps {tuple(steps)} do not fit the rank")
    if 0 in steps:
        raise ShapeError("a step of 0")
    for n in sizes:
        shapes.at_most(0, n, "the size {b} of a slice is negative")
    for d, start, n, step in zip(dims or (), starts, sizes, steps, strict=False):
        if n == 0:
            continue
        last = start + (n - 1) * step
        low, high = (start, last) if step > 0 else (last, start)
        shapes.at_most(0, low, "a slice reads index {b}")
        shapes.at_most(high, d - 1, "a slice reads index {a}, the last is {b}")


def _slice_type(shapes: Shapes, x: TensorType, *, starts: Shape, sizes: Shape, steps: Sequence[int]) -> TensorType:
    _check_slice(shapes, x.shape, starts, sizes, steps)
    return TensorType(x.dtype, tuple(sizes))


def _places(starts: Sequence[int], sizes: Sequence[int], steps: Sequence[int]) -> Any:
    """NumPy's index of the elements of a slice."""
    axes = [a + s * np.arange(n) for a, n, s in zip(starts, sizes, steps, strict=True)]
    return np.ix_(*axes) if axes else ()


def _slice_element(b: Element, n: Node, at: Shape) -> Expr:
    starts, steps = n.attrs["starts"], n.attrs["steps"]
    return b.operand(0, tuple(start + i * step for i, start, step in zip(at, starts, steps, strict=True)))


slice_: Op = declare(
    "slice",
    _slice_type,
    ref=lambda x, starts, sizes, steps: np.asarray(x)[_places(starts, sizes, steps)],
    element=_slice_element,
    grad=lambda n, dy: [slice_grad(dy, n.operands[0], starts=n.attrs["starts"], steps=n.attrs["steps"])],
    attrs=("starts", "sizes", "steps"),
    onnx="Slice",
)
"""Per axis `sizes[k]` elements from `starts[k]` (not negative) on, `steps[k]` apart; a step may be negative."""


def _unslice_type(shapes: Shapes, x: TensorType, *, shape: Shape, starts: Shape, steps: Sequence[int]) -> TensorType:
    if x.shape is not None:
        _check_slice(shapes, tuple(shape), starts, x.shape, steps)
    return TensorType(x.dtype, tuple(shape))


def _place(b: Element, n: Node, at: Shape, starts: Sequence[Dim], steps: Sequence[int], fill: float | bool) -> Expr:
    """The operand's element that a slice of the result would read here, `fill` where it would read none."""
    sizes = n.operands[0].type.dims
    inside: Expr | None = None
    place: list[Dim] = []
    for i, size, whole, start, step in zip(at, sizes, n.type.dims, starts, steps, strict=True):
        distance = i - start if step > 0 else start - i
        width = abs(step)
        place.append(b.simplify(index.floordiv(distance, width)))
        conditions = []
        if not (step > 0 and start == 0):
            conditions.append(E.At(distance) >= 0)
        if not (step == 1 and start + size == whole) and not (step < 0 and start - (size - 1) * width == 0):
            conditions.append(E.At(distance) < E.At(size * width))
        if width > 1:
            conditions.append(E.At(b.simplify(index.mod(distance, width))).eq(0))
        for c in conditions:
            inside = c if inside is None else inside & c
    value = b.operand(0, tuple(place))
    return value if inside is None else E.select(inside, value, fill)


def _unslice_ref(x: Any, shape: tuple[int, ...], starts: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    out = np.zeros(shape, np.asarray(x).dtype)
    out[_places(starts, np.shape(x), steps)] = x
    return out


unslice: Op = declare(
    "unslice",
    _unslice_type,
    ref=_unslice_ref,
    element=lambda b, n, at: _place(b, n, at, n.attrs["starts"], n.attrs["steps"], 0),
    grad=lambda n, dy: [slice_like(dy, n.operands[0], starts=n.attrs["starts"], steps=n.attrs["steps"])],
    attrs=("shape", "starts", "steps"),
)
"""Zeros of a shape with the operand in the place that a slice of them would read."""
slice_grad: Op = declare(
    "slice_grad",
    type_of_second,
    ref=lambda dy, x, starts, steps: _unslice_ref(dy, x.shape, starts, steps),
    decompose=lambda n: unslice(n.operands[0], shape=n.operands[1].type.dims, **n.attrs),
    grad=lambda n, dy: [slice_like(dy, n.operands[0], **n.attrs), None],
    attrs=("starts", "steps"),
)
"""Zeros of the second operand's shape with the first in the place that a slice read."""
slice_like: Op = declare(
    "slice_like",
    type_of_second,
    ref=lambda x, like, starts, steps: np.asarray(x)[_places(starts, like.shape, steps)],
    decompose=lambda n: slice_(n.operands[0], sizes=n.operands[1].type.dims, **n.attrs),
    grad=lambda n, dy: [slice_grad(dy, n.operands[0], **n.attrs), None],
    attrs=("starts", "steps"),
)
"""A slice of the first operand, of the second's shape."""


# concat, stack


def _concat_type(shapes: Shapes, *xs: TensorType, axis: int) -> TensorType:
    found = need(xs, ANY)
    known = [x.shape for x in xs if x.shape is not None]
    if len(known) < len(xs):
        return TensorType(found, None)
    first = known[0]
    (k,) = normalize_axes((axis,), len(first))
    dims, total = list(first), first[k]
    for shape in known[1:]:
        if len(shape) != len(first):
            raise ShapeError(f"ranks {len(first)} and {len(shape)} differ")
        dims = [
            d if j == k else shapes.same(d, e, f"dim {j} of the operands")
            for j, (d, e) in enumerate(zip(dims, shape, strict=True))
        ]
        total = total + shape[k]
    dims[k] = total
    return TensorType(found, tuple(dims))


def _grad_concat(n: Node, dy: Value) -> list[Value | None]:
    return [concat_grad(dy, *n.operands, index=k, **n.attrs) for k in range(len(n.operands))]


concat: Op = declare(
    "concat",
    _concat_type,
    ref=lambda *xs, axis: np.concatenate(xs, axis),
    grad=_grad_concat,
    template="concat",
    attrs=("axis",),
    onnx="Concat",
)
"""One or more operands of one dtype one after another along an axis."""


def _part(x: Value, axis: int, start: Dim, size: Dim, step: int = 1) -> Value:
    """A slice along one axis."""
    dims = x.type.dims
    return slice_(
        x,
        starts=tuple(start if k == axis else 0 for k in range(len(dims))),
        sizes=tuple(size if k == axis else d for k, d in enumerate(dims)),
        steps=tuple(step if k == axis else 1 for k in range(len(dims))),
    )


def _concat_grad_graph(n: Node) -> Value:
    dy, *xs = n.operands
    k = n.attrs["index"]
    (axis,) = normalize_axes((n.attrs["axis"],), dy.type.rank)
    start: Dim = 0
    for x in xs[:k]:
        start = start + x.type.dims[axis]
    return _part(dy, axis, start, xs[k].type.dims[axis])


def _concat_grad_ref(dy: Any, *xs: Any, axis: int, index: int) -> Any:
    return np.split(dy, np.cumsum([x.shape[axis] for x in xs])[:-1], axis)[index]


def _grad_concat_grad(n: Node, dy: Value) -> list[Value | None]:
    xs = n.operands[1:]
    zero = like(dy, 0)
    parts = [dy if k == n.attrs["index"] else broadcast_like(zero, x) for k, x in enumerate(xs)]
    return [concat(*parts, axis=n.attrs["axis"]), *[None for _ in xs]]


concat_grad: Op = declare(
    "concat_grad",
    lambda shapes, dy, *xs, axis, index: TensorType(dy.dtype, xs[index].shape),
    ref=_concat_grad_ref,
    decompose=_concat_grad_graph,
    grad=_grad_concat_grad,
    attrs=("axis", "index"),
)
"""The part of the first operand that `concat` of the others made of the one of this index."""


def _stack_type(shapes: Shapes, *xs: TensorType, axis: int) -> TensorType:
    found = need(xs, ANY)
    known = [x.shape for x in xs if x.shape is not None]
    if len(known) < len(xs):
        return TensorType(found, None)
    first = known[0]
    (k,) = normalize_axes((axis,), len(first) + 1)
    for shape in known[1:]:
        if len(shape) != len(first):
            raise ShapeError(f"ranks {len(first)} and {len(shape)} differ")
        first = tuple(shapes.same(d, e, "dims of the operands") for d, e in zip(first, shape, strict=True))
    return TensorType(found, (*first[:k], len(xs), *first[k:]))


def _rows(n: Node) -> list[Value]:
    return [expand_dims(x, axis=n.attrs["axis"]) for x in n.operands]


def _grad_stack(n: Node, dy: Value) -> list[Value | None]:
    axis, rows = n.attrs["axis"], _rows(n)
    return [squeeze(concat_grad(dy, *rows, axis=axis, index=k), axes=(axis,)) for k in range(len(rows))]


stack: Op = declare(
    "stack",
    _stack_type,
    ref=lambda *xs, axis: np.stack(xs, axis),
    decompose=lambda n: concat(*_rows(n), **n.attrs),
    grad=_grad_stack,
    attrs=("axis",),
)
"""One or more operands of one dtype and shape along a new axis."""


# pad

MIRROR = {"reflect": 1, "symmetric": 0}
"""How many elements at the edge a mirrored pad leaves out."""


def _check_pad(shapes: Shapes, dims: Shape, paddings: Pairs, mode: str) -> None:
    """Raises ShapeError for a negative padding, and one of more than there is to mirror."""
    for d, pair in zip(dims, paddings, strict=True):
        for p in pair:
            shapes.at_most(0, p, "a padding of {b}")
            if mode in MIRROR:
                shapes.at_most(p, d - MIRROR[mode], f"mode {mode} pads a dim of {d} by {{b}} at most, not {{a}}")


def _pad_type(shapes: Shapes, x: TensorType, *, paddings: Pairs, value: float, mode: str) -> TensorType:
    if mode != "constant" and mode not in MIRROR:
        raise ShapeError(f"pad mode {mode!r} is none of constant, {', '.join(MIRROR)}")
    if x.shape is None:
        return TensorType(x.dtype, None)
    if len(paddings) != len(x.shape):
        raise ShapeError(f"{len(paddings)} paddings for rank {len(x.shape)}")
    _check_pad(shapes, x.shape, paddings, mode)
    return TensorType(x.dtype, tuple(d + a + z for d, (a, z) in zip(x.shape, paddings, strict=True)))


def _pad_ref(x: Any, paddings: Any, value: float, mode: str) -> Any:
    # NumPy mirrors again where there is not enough to mirror.
    _check_pad(Shapes(), x.shape, paddings, mode)
    filled: dict[str, Any] = {"constant_values": np.asarray(value).astype(x.dtype)} if mode == "constant" else {}
    padded: Any = np.pad
    return padded(x, paddings, mode, **filled) if x.ndim else x


def _pad_element(b: Element, n: Node, at: Shape) -> Expr:
    before, mode = [p[0] for p in n.attrs["paddings"]], n.attrs["mode"]
    if mode == "constant":
        return _place(b, n, at, before, [1] * len(at), n.attrs["value"])
    skip = MIRROR[mode]
    place = []
    for i, d, start, (_, after) in zip(at, n.operands[0].type.dims, before, n.attrs["paddings"], strict=True):
        k = i - start
        if start != 0:
            k = index.maximum(k, -1 * k - 1 + skip)
        if after != 0:
            k = index.minimum(k, 2 * d - 1 - skip - k)
        place.append(b.simplify(k))
    return b.operand(0, tuple(place))


pad: Op = declare(
    "pad",
    _pad_type,
    ref=_pad_ref,
    element=_pad_element,
    grad=lambda n, dy: [
        pad_grad(dy, n.operands[0], paddings=n.attrs["paddings"], mode=n.attrs["mode"]),
    ],
    attrs=("paddings", "value", "mode"),
    onnx="Pad",
)
"""`(before, after)` elements added per axis: `value`, or the operand mirrored without or with its edge."""


def _fold(dy: Value, axis: int, pair: tuple[Dim, Dim], skip: int | None) -> Value:
    """What one axis of a pad gives back: its middle, and each mirrored end where it came from."""
    before, after = pair
    size = dy.type.dims[axis] - before - after
    total = _part(dy, axis, before, size)
    if skip is None:
        return total
    ends = ((before - 1, before, skip), (before + size + after - 1, after, size - skip - after))
    for start, width, place in ends:
        if width == 0:
            continue
        end = _part(dy, axis, start, width, step=-1)
        starts = tuple(place if k == axis else 0 for k in range(dy.type.rank))
        total = add(total, unslice(end, shape=total.type.dims, starts=starts, steps=(1,) * dy.type.rank))
    return total


def _pad_grad_graph(n: Node) -> Value:
    total = n.operands[0]
    for axis, pair in enumerate(n.attrs["paddings"]):
        if tuple(pair) != (0, 0):
            total = _fold(total, axis, pair, MIRROR.get(n.attrs["mode"]))
    return total


def _pad_grad_ref(dy: Any, x: Any, paddings: Any, mode: str) -> Any:
    """Where each padded element came from, by padding the positions; -1 is nowhere."""
    places = np.arange(x.size).reshape(x.shape)
    source = _pad_ref(places, paddings, -1, mode)
    out = np.zeros(x.size, dy.dtype)
    np.add.at(out, source[source >= 0], dy[source >= 0])
    return out.reshape(x.shape)


pad_grad: Op = declare(
    "pad_grad",
    type_of_second,
    ref=_pad_grad_ref,
    decompose=_pad_grad_graph,
    grad=lambda n, dy: [pad(dy, value=0, **n.attrs), None],
    attrs=("paddings", "mode"),
)
"""The sum of the elements that a pad of the second operand made of each of its elements."""
