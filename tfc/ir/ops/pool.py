"""Pooling: the largest number or the mean of each window, and the gradients.

Windows as in `tfc.ir.ops.windows`. What the padding adds is no part of a window: it is never the largest, and a mean
counts it only where `count_padding` says so. As in TensorFlow, the gradient of the largest goes to the first of equal
ones in row-major order; where there is a NaN, to the first NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import expr as E
from .. import index
from ..errors import DTypeError, ShapeError
from ..expr import Expr
from ..index import Dim, product
from ..op import Element, Op, Shapes, declare
from ..types import DType, Shape, TensorType, dtype, int32
from .common import FLOAT, NUMBER, like, need
from .math import div, equal, select
from .windows import (
    Pairs,
    back_ref,
    channels_back,
    channels_last,
    check_fit,
    check_windows,
    crop_ref,
    crop_spatial,
    last_ref,
    pad_ref,
    pad_spatial,
    padded_sizes,
    parts_of,
    reach,
    shape_of_parts,
    taps,
    window_counts,
    window_pairs,
)

if TYPE_CHECKING:
    from ..graph import Node, Value

WINDOW = ("window", "strides", "dilations")
ATTRS = (*WINDOW, "padding", "data_format")
NOWHERE = np.iinfo(np.int32).max


# The cores: format NHWC, and no padding


def _reduce_type(shapes: Shapes, x: TensorType, *, combiner: str, sizes: Shape, **windows: Any) -> TensorType:
    need((x,), NUMBER)
    if x.shape is None:
        return x
    batch, outer, channels = parts_of(x.shape, "NHWC")
    check_fit(shapes, outer, windows["window"], sizes, windows)
    return TensorType(x.dtype, (batch, *sizes, channels))


def _reduce_ref(x: Any, combiner: str, sizes: Any, window: Any, **rest: Any) -> Any:
    of = dtype(x.dtype)
    out = np.full((x.shape[0], *sizes, x.shape[-1]), E.identity(combiner, of).value, x.dtype)
    for _, _, taken in taps(x.shape, window, sizes, rest):
        out = E.evaluate(combiner, of, out, x[taken])
    return out


window_reduce: Op = declare(
    "window_reduce",
    _reduce_type,
    ref=_reduce_ref,
    template="window_reduce",
    attrs=("combiner", "sizes", *WINDOW),
)
"""The elements of each window put together by a combiner of the kernel IR; `sizes` are the numbers of windows."""


def _first_type(shapes: Shapes, x: TensorType, y: TensorType, **windows: Any) -> TensorType:
    need((x, y), NUMBER)
    if x.shape is not None and y.shape is not None:
        check_fit(shapes, x.shape[1:-1], windows["window"], y.shape[1:-1], windows)
    return TensorType(int32, y.shape)


def _first_ref(x: Any, y: Any, window: Any, **rest: Any) -> Any:
    out = np.full(y.shape, NOWHERE, np.int32)
    for number, _, taken in taps(x.shape, window, y.shape[1:-1], rest):
        hit = (x[taken] == y) | (x[taken] != x[taken])
        out = np.where(hit, np.minimum(out, number), out)
    return out.astype(np.int32)


window_first: Op = declare("window_first", _first_type, ref=_first_ref, template="window_first", attrs=WINDOW)
"""The number, in row-major order, of the first element of each window of the first operand that is the result, which
the second has, or NaN."""


def _need_numbers(first: TensorType) -> None:
    if first.dtype != int32:
        raise DTypeError(f"numbers of elements are int32, not {first.dtype}")


def _pick_type(shapes: Shapes, x: TensorType, first: TensorType, **windows: Any) -> TensorType:
    _need_numbers(first)
    if x.shape is not None and first.shape is not None:
        check_fit(shapes, x.shape[1:-1], windows["window"], first.shape[1:-1], windows)
    return TensorType(x.dtype, first.shape)


def _pick_ref(x: Any, first: Any, window: Any, **rest: Any) -> Any:
    out = np.zeros(first.shape, x.dtype)
    for number, _, taken in taps(x.shape, window, first.shape[1:-1], rest):
        out = np.where(first == number, x[taken], out)
    return out


window_pick: Op = declare("window_pick", _pick_type, ref=_pick_ref, template="window_pick", attrs=WINDOW)
"""The element of each window that has the number in the second operand; 0 where none has."""


def _place_type(shapes: Shapes, dy: TensorType, *first: TensorType, sizes: Shape, **windows: Any) -> TensorType:
    for t in first:
        _need_numbers(t)
    if dy.shape is None:
        return dy
    batch, counts, channels = parts_of(dy.shape, "NHWC")
    check_fit(shapes, sizes, windows["window"], counts, windows)
    return TensorType(dy.dtype, (batch, *sizes, channels))


def _place_ref(dy: Any, *first: Any, sizes: Any, window: Any, **rest: Any) -> Any:
    out = np.zeros((dy.shape[0], *sizes, dy.shape[-1]), np.float32 if dy.dtype.itemsize == 2 else dy.dtype)
    for number, _, taken in taps(out.shape, window, dy.shape[1:-1], rest):
        out[taken] += np.where(first[0] == number, dy, 0) if first else dy
    return out.astype(dy.dtype)


window_place: Op = declare(
    "window_place", _place_type, ref=_place_ref, template="window_place", attrs=("sizes", *WINDOW)
)
"""The sum of what windows give their elements: each gives its number to all, or, with a second operand, to the element
that has the number in it. `sizes` are the spatial dims of what the windows lie over."""


def _spread_type(shapes: Shapes, dy: TensorType, *first: TensorType, window: tuple[int, ...]) -> TensorType:
    for t in first:
        _need_numbers(t)
    if dy.shape is None:
        return dy
    batch, counts, channels = parts_of(dy.shape, "NHWC")
    return TensorType(dy.dtype, (batch, *(m * k for m, k in zip(counts, window, strict=True)), channels))


def _spread_ref(dy: Any, *first: Any, window: tuple[int, ...]) -> Any:
    sizes = tuple(m * k for m, k in zip(dy.shape[1:-1], window, strict=True))
    apart = {"strides": window, "dilations": (1,) * len(window)}
    out = np.zeros((dy.shape[0], *sizes, dy.shape[-1]), dy.dtype)
    for number, _, taken in taps(out.shape, window, dy.shape[1:-1], apart):
        out[taken] = np.where(first[0] == number, dy, 0) if first else dy
    return out


def _spread_element(b: Element, n: Node, at: Shape) -> Expr:
    window = n.attrs["window"]
    number: Dim = 0
    for i, k in zip(at[1:-1], window, strict=True):
        number = number * k + index.mod(i, k)
    place = (at[0], *(b.simplify(index.floordiv(i, k)) for i, k in zip(at[1:-1], window, strict=True)), at[-1])
    given = b.operand(0, place)
    if len(n.operands) == 1:
        return given
    here = b.operand(1, place).eq(E.cast(E.At(b.simplify(number)), int32))
    return E.select(here, given, E.lit(0, n.type.dtype))


window_spread: Op = declare("window_spread", _spread_type, ref=_spread_ref, element=_spread_element, attrs=("window",))
"""What `window_place` gives where windows lie side by side and leave nothing out: each element is of one window."""


# Windows and what is no padding: `inside` are start and size of that in each spatial dim


def _below(limit: Dim, i: Dim, stride: int, dilation: int) -> Dim:
    """How many elements of window `i`, if it had no end, lie before a place; less than 1 for none."""
    return index.floordiv(limit - i * stride + dilation - 1, dilation)


def _each(n: Node, at: Shape) -> Iterator[tuple[Dim, int, int, int, tuple[Dim, Dim]]]:
    """Per spatial dim the window, its size, stride and dilation, and start and size of what is inside."""
    return zip(at, *(n.attrs[name] for name in (*WINDOW, "inside")), strict=False)


def _count_element(b: Element, n: Node, at: Shape) -> Expr:
    total: Expr = E.At(1)
    for i, k, s, d, (start, size) in _each(n, at):
        ends = (index.maximum(index.minimum(_below(p, i, s, d), k), 0) for p in (start, start + size))
        first, last = map(b.simplify, ends)
        total = total * E.At(last - first)
    return E.cast(total, n.type.dtype)


def _count_ref(of: DType, counts: Any, inside: Any, **windows: Any) -> Any:
    return _reduce_ref(_marked(counts, inside, windows).astype(of.np), "add", counts, **windows)[0]


def _marked(counts: Any, inside: Any, windows: dict[str, Any]) -> Any:
    """An array that so many windows lie over: whether an element is inside."""
    each = zip(inside, counts, *(windows[name] for name in WINDOW), strict=True)
    sizes = [max(start + size, (m - 1) * s + reach(k, d)) for (start, size), m, k, s, d in each]
    out = np.zeros((1, *sizes, 1), np.bool_)
    out[(slice(None), *(slice(start, start + size) for start, size in inside))] = True
    return out


window_count: Op = declare(
    "window_count",
    lambda shapes, of, counts, **attrs: TensorType(of, (*counts, 1)),
    ref=_count_ref,
    element=_count_element,
    attrs=("of", "counts", "inside", *WINDOW),
)
"""How many elements of each window lie inside, as a number of a dtype per window and one channel."""


def _origin_element(b: Element, n: Node, at: Shape) -> Expr:
    number: Dim = 0
    for i, k, s, d, (start, _) in _each(n, at):
        number = number * k + b.simplify(index.maximum(_below(start, i, s, d), 0))
    return E.cast(E.At(number), int32)


def _origin_ref(counts: Any, inside: Any, **windows: Any) -> Any:
    places = (np.arange(m) for m in counts)
    number: Any = np.zeros((), np.int64)
    grid = np.meshgrid(*places, indexing="ij")
    each = zip(grid, *(windows[name] for name in WINDOW), inside, strict=True)
    for i, k, s, d, (start, _) in each:
        number = number * k + np.maximum(-((i * s - start) // d), 0)
    return number.astype(np.int32)[..., None]


window_origin: Op = declare(
    "window_origin",
    lambda shapes, counts, **attrs: TensorType(int32, (*counts, 1)),
    ref=_origin_ref,
    element=_origin_element,
    attrs=("counts", "inside", *WINDOW),
)
"""The number, in row-major order, of the first element of each window that lies inside, per window and one channel;
any number where none does."""


# The pools and their gradients


def _pool_type(kinds: str) -> Any:
    def infer(shapes: Shapes, x: TensorType, *, window: Any, strides: Any, dilations: Any, **attrs: Any) -> TensorType:
        need((x,), kinds)
        padding, form = attrs["padding"], attrs["data_format"]
        check_windows(strides, dilations, padding, form)
        if len(window) != len(strides) or any(k < 1 for k in window):
            raise ShapeError(f"a window has a size from 1 on for each of {len(strides)} dims, got {tuple(window)}")
        if x.shape is None:
            return x
        if len(x.shape) != len(strides) + 2:
            raise ShapeError(f"an operand has rank {len(strides) + 2} with {len(strides)} strides, got {x}")
        batch, sizes, channels = parts_of(x.shape, form)
        counts = window_counts(shapes, sizes, window, strides, dilations, padding)
        return TensorType(x.dtype, shape_of_parts(batch, counts, channels, form))

    return infer


_max_type, _mean_type = _pool_type(NUMBER), _pool_type(FLOAT)


def _windows(attrs: dict[str, Any]) -> dict[str, Any]:
    return {name: attrs[name] for name in WINDOW}


def _pairs(sizes: Shape, attrs: dict[str, Any]) -> Pairs:
    return window_pairs(sizes, attrs["window"], attrs["strides"], attrs["dilations"], attrs["padding"])


def _inside(sizes: Shape, pairs: Pairs) -> Pairs:
    """Start and size of what is no padding."""
    return tuple((before, n) for n, (before, _) in zip(sizes, pairs, strict=True))


def _padded(x: Value, attrs: dict[str, Any], value: float) -> Value:
    """An operand with its channels last, and padded."""
    sizes, form = parts_of(x.type.dims, attrs["data_format"])[1], attrs["data_format"]
    return pad_spatial(channels_last(x, form), _pairs(sizes, attrs), value)


def _lowest(of: DType) -> Any:
    return E.identity("max", of).value


def _reduced(n: Node, combiner: str, value: float) -> Value:
    """The windows of a pool's padded operand put together, channels last."""
    sizes = parts_of(n.type.dims, n.attrs["data_format"])[1]
    return window_reduce(_padded(n.operands[0], n.attrs, value), combiner=combiner, sizes=sizes, **_windows(n.attrs))


def _max_graph(n: Node) -> Value:
    return channels_back(_reduced(n, "max", _lowest(n.type.dtype)), n.attrs["data_format"])


def _first(x: Value, y: Value, attrs: dict[str, Any]) -> Value:
    """Where in its window each largest number is.

    Where that is the number which the padding has too, all of the window is equal, and its first element counts.
    """
    sizes, form = parts_of(x.type.dims, attrs["data_format"])[1], attrs["data_format"]
    last, pairs, lowest = channels_last(y, form), _pairs(sizes, attrs), _lowest(x.type.dtype)
    found = window_first(_padded(x, attrs, lowest), last, **_windows(attrs))
    if all(pair == (0, 0) for pair in pairs):
        return found
    counts, inside = last.type.dims[1:-1], _inside(sizes, pairs)
    origin = window_origin(graph=x.node.graph, counts=counts, inside=inside, **_windows(attrs))
    return select(equal(last, like(x, lowest)), origin, found)


def _placed(n: Node, x: Value, *operands: Value) -> Value:
    """What windows give, without what they give the padding, in the operand's format."""
    sizes, form = parts_of(x.type.dims, n.attrs["data_format"])[1], n.attrs["data_format"]
    pairs, window = _pairs(sizes, n.attrs), n.attrs["window"]
    whole, counts = padded_sizes(sizes, pairs), operands[0].type.dims[1:-1]
    side_by_side = n.attrs["strides"] == window and all(
        d == 1 or k == 1 for d, k in zip(n.attrs["dilations"], window, strict=True)
    )
    if side_by_side and whole == tuple(m * k for m, k in zip(counts, window, strict=True)):
        full = window_spread(*operands, window=window)
    else:
        full = window_place(*operands, sizes=whole, **_windows(n.attrs))
    return channels_back(crop_spatial(full, tuple(before for before, _ in pairs), sizes), form)


def _max_grad_graph(n: Node) -> Value:
    dy, x, y = n.operands
    return _placed(n, x, channels_last(dy, n.attrs["data_format"]), _first(x, y, n.attrs))


def _max_pick_graph(n: Node) -> Value:
    v, x, y = n.operands
    picked = window_pick(_padded(v, n.attrs, 0), _first(x, y, n.attrs), **_windows(n.attrs))
    return channels_back(picked, n.attrs["data_format"])


def _counts(x: Value, y: Value, attrs: dict[str, Any]) -> Value:
    """What each mean divides by, channels last: one number where every window is whole."""
    sizes, counts = (parts_of(v.type.dims, attrs["data_format"])[1] for v in (x, y))
    pairs = _pairs(sizes, attrs)
    if attrs["count_padding"] or all(pair == (0, 0) for pair in pairs):
        return like(x, product(attrs["window"]))
    inside = _inside(sizes, pairs)
    return window_count(graph=x.node.graph, of=x.type.dtype, counts=counts, inside=inside, **_windows(attrs))


def _mean_graph(n: Node) -> Value:
    mean = div(_reduced(n, "add", 0), _counts(n.operands[0], n.results[0], n.attrs))
    return channels_back(mean, n.attrs["data_format"])


def _mean_grad_graph(n: Node) -> Value:
    dy, x = n.operands
    return _placed(n, x, div(channels_last(dy, n.attrs["data_format"]), _counts(x, dy, n.attrs)))


def _second(shapes: Shapes, dy: TensorType, x: TensorType, *rest: TensorType, **attrs: Any) -> TensorType:
    found = need((dy, x, *rest), NUMBER)
    y = _max_type(shapes, x, **attrs)
    for t in (dy, *rest):
        for k, (a, b) in enumerate(zip(t.shape or (), y.shape or (), strict=False)):
            shapes.same(a, b, f"dim {k} of the gradient and of the result")
    return TensorType(found, x.shape)


def _geometry(x: Any, attrs: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The operand of a reference with its channels last, its padding, and the numbers of windows."""
    last = last_ref(x, attrs["data_format"])
    sizes = last.shape[1:-1]
    about = (attrs["window"], attrs["strides"], attrs["dilations"], attrs["padding"])
    return last, window_pairs(sizes, *about), window_counts(Shapes(), sizes, *about)


def _max_ref(x: Any, **attrs: Any) -> Any:
    last, pairs, counts = _geometry(x, attrs)
    padded = pad_ref(last, pairs, _lowest(dtype(x.dtype)))
    return back_ref(_reduce_ref(padded, "max", counts, **_windows(attrs)), attrs["data_format"])


def _first_of(x: Any, y: Any, attrs: dict[str, Any]) -> Any:
    """Where in its window each largest number is: the first element that is no padding and is it, or is NaN."""
    last, pairs, counts = _geometry(x, attrs)
    padded, y = pad_ref(last, pairs), last_ref(y, attrs["data_format"])
    real = pad_ref(np.ones(last.shape, np.bool_), pairs)
    out = np.full(y.shape, NOWHERE, np.int32)
    for number, _, taken in taps(padded.shape, attrs["window"], counts, attrs):
        hit = real[taken] & ((padded[taken] == y) | (padded[taken] != padded[taken]))
        out = np.where(hit, np.minimum(out, number), out)
    return out.astype(np.int32)


def _max_grad_ref(dy: Any, x: Any, y: Any, **attrs: Any) -> Any:
    last, pairs, _ = _geometry(x, attrs)
    sizes = padded_sizes(last.shape[1:-1], pairs)
    form = attrs["data_format"]
    full = _place_ref(last_ref(dy, form), _first_of(x, y, attrs), sizes=sizes, **_windows(attrs))
    return back_ref(crop_ref(full, pairs), form)


def _max_pick_ref(v: Any, x: Any, y: Any, **attrs: Any) -> Any:
    last, pairs, _ = _geometry(v, attrs)
    picked = _pick_ref(pad_ref(last, pairs), _first_of(x, y, attrs), **_windows(attrs))
    return back_ref(picked, attrs["data_format"])


def _counts_ref(x: Any, count_padding: bool, **attrs: Any) -> Any:
    last, pairs, counts = _geometry(x, attrs)
    if count_padding:
        return np.asarray(product(attrs["window"]), x.dtype)
    return _count_ref(dtype(x.dtype), counts, _inside(last.shape[1:-1], pairs), **_windows(attrs))


def _mean_ref(x: Any, **attrs: Any) -> Any:
    last, pairs, counts = _geometry(x, attrs)
    total = _reduce_ref(pad_ref(last, pairs), "add", counts, **_windows(attrs))
    return back_ref(total / _counts_ref(x, **attrs), attrs["data_format"])


def _mean_grad_ref(dy: Any, x: Any, **attrs: Any) -> Any:
    last, pairs, _ = _geometry(x, attrs)
    form = attrs["data_format"]
    shares = last_ref(dy, form) / _counts_ref(x, **attrs)
    full = _place_ref(shares, sizes=padded_sizes(last.shape[1:-1], pairs), **_windows(attrs))
    return back_ref(crop_ref(full, pairs), form)


max_pool: Op = declare(
    "max_pool",
    _max_type,
    ref=_max_ref,
    decompose=_max_graph,
    grad=lambda n, dy: [max_pool_grad(dy, n.operands[0], n.results[0], **n.attrs)],
    attrs=ATTRS,
    onnx="MaxPool",
)
"""The largest number of each window, NaN where there is one."""
max_pool_grad: Op = declare(
    "max_pool_grad",
    _second,
    ref=_max_grad_ref,
    decompose=_max_grad_graph,
    grad=lambda n, ddx: [max_pool_pick(ddx, *n.operands[1:], **n.attrs), None, None],
    attrs=ATTRS,
)
"""The gradient of `max_pool` from that of its result, its operand and its result."""
max_pool_pick: Op = declare(
    "max_pool_pick",
    lambda shapes, v, x, y, **attrs: TensorType(_second(shapes, y, v, **attrs).dtype, y.shape),
    ref=_max_pick_ref,
    decompose=_max_pick_graph,
    grad=lambda n, dy: [max_pool_grad(dy, *n.operands[1:], **n.attrs), None, None],
    attrs=ATTRS,
)
"""The elements of the first operand in the places where `max_pool` of the second found its result, the third."""
avg_pool: Op = declare(
    "avg_pool",
    _mean_type,
    ref=_mean_ref,
    decompose=_mean_graph,
    grad=lambda n, dy: [avg_pool_grad(dy, n.operands[0], **n.attrs)],
    attrs=(*ATTRS, "count_padding"),
    onnx="AveragePool",
)
"""The mean of each window, over its elements without the padding (`count_padding`: with it)."""
avg_pool_grad: Op = declare(
    "avg_pool_grad",
    _second,
    ref=_mean_grad_ref,
    decompose=_mean_grad_graph,
    grad=lambda n, ddx: [avg_pool(ddx, **n.attrs), None],
    attrs=(*ATTRS, "count_padding"),
)
"""The gradient of `avg_pool` from that of its result; the second operand is its own, for its shape."""
