"""Convolutions of any number of spatial dims, and their gradients.

The operand is `[batch, spatial.., channels]` (format NHWC) or `[batch, channels, spatial..]` (NCHW); the filter is
`[window.., channels / groups, filters]` in both. Group g of the filters sees group g of the channels only, so that as
many groups as channels are a depthwise convolution. As in TensorFlow, the filter is not flipped.

`conv`, `conv_input` and `conv_filter` are the three ways to leave out one of operand, filter and result in the sum of
their products. Each is linear in both of its operands, and the gradients of each are the other two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import index
from ..errors import ShapeError
from ..index import Dim
from ..op import Op, Shapes, declare
from ..types import Shape, TensorType
from .common import NUMBER, need
from .conv_input import InputGradient
from .windows import (
    Padding,
    Pairs,
    back_ref,
    channels_back,
    channels_last,
    check_fit,
    check_windows,
    crop_ref,
    last_ref,
    pad_ref,
    pad_spatial,
    padded_sizes,
    parts_of,
    shape_of_parts,
    taps,
    window_counts,
    window_pairs,
)

if TYPE_CHECKING:
    from ..graph import Node, Value

ATTRS = ("strides", "dilations", "padding", "groups", "data_format")


def _conv_type(
    shapes: Shapes,
    x: TensorType,
    w: TensorType,
    *,
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    padding: Padding,
    groups: int,
    data_format: str,
) -> TensorType:
    found = need((x, w), NUMBER)
    check_windows(strides, dilations, padding, data_format)
    rank = len(strides) + 2
    for t in (x, w):
        if t.shape is not None and len(t.shape) != rank:
            raise ShapeError(f"operand and filter have rank {rank} with {len(strides)} strides, got {t}")
    if x.shape is None or w.shape is None:
        return TensorType(found, None)
    batch, sizes, channels = parts_of(x.shape, data_format)
    *window, inner, filters = w.shape
    _check_groups(shapes, channels, inner, filters, groups)
    counts = window_counts(shapes, sizes, tuple(window), strides, dilations, padding)
    return TensorType(found, shape_of_parts(batch, counts, filters, data_format))


def _check_groups(shapes: Shapes, channels: Dim, inner: Dim, filters: Dim, groups: int) -> None:
    if groups < 1:
        raise ShapeError(f"groups are at least 1, got {groups}")
    shapes.same(channels, inner * groups, "channels of the operand and those that the filter takes")
    if isinstance(filters, int) and filters % groups != 0:
        raise ShapeError(f"{filters} filters are no multiple of {groups} groups")


def _conv_input_type(shapes: Shapes, dy: TensorType, w: TensorType, x: TensorType, **attrs: Any) -> TensorType:
    need((dy, w), NUMBER)
    _check_result(shapes, dy, _conv_type(shapes, TensorType(dy.dtype, x.shape), w, **attrs))
    return TensorType(dy.dtype, x.shape)


def _conv_filter_type(shapes: Shapes, x: TensorType, dy: TensorType, w: TensorType, **attrs: Any) -> TensorType:
    need((x, dy), NUMBER)
    _check_result(shapes, dy, _conv_type(shapes, x, TensorType(x.dtype, w.shape), **attrs))
    return TensorType(x.dtype, w.shape)


def _check_result(shapes: Shapes, dy: TensorType, y: TensorType) -> None:
    """Raises ShapeError where a gradient is known not to have the shape of the convolution's result."""
    if dy.shape is None or y.shape is None:
        return
    if len(dy.shape) != len(y.shape):
        raise ShapeError(f"the gradient {dy} has not the rank of the result {y}")
    for k, (a, b) in enumerate(zip(dy.shape, y.shape, strict=True)):
        shapes.same(a, b, f"dim {k} of the gradient and of the result")


# The core: format NHWC, padding by pairs


def _conv_valid_type(
    shapes: Shapes, x: TensorType, w: TensorType, *, sizes: Shape, groups: int, pairs: Pairs, **windows: Any
) -> TensorType:
    found = need((x, w), NUMBER)
    if x.shape is None or w.shape is None:
        return TensorType(found, None)
    batch, outer, channels = parts_of(x.shape, "NHWC")
    *window, inner, filters = w.shape
    _check_groups(shapes, channels, inner, filters, groups)
    check_fit(shapes, padded_sizes(outer, pairs), tuple(window), sizes, windows)
    return TensorType(found, (batch, *sizes, filters))


def _conv_filter_valid_type(
    shapes: Shapes, x: TensorType, dy: TensorType, *, sizes: Shape, groups: int, pairs: Pairs, **windows: Any
) -> TensorType:
    found = need((x, dy), NUMBER)
    if x.shape is None or dy.shape is None:
        return TensorType(found, None)
    batch, outer, channels = parts_of(x.shape, "NHWC")
    of, counts, filters = parts_of(dy.shape, "NHWC")
    shapes.same(batch, of, "batches")
    check_fit(shapes, padded_sizes(outer, pairs), sizes, counts, windows)
    return TensorType(found, (*sizes, index.floordiv(channels, groups), filters))


def _wide(x: Any) -> Any:
    """The dtype of sums: 16-bit floats are added up in float32."""
    return np.float32 if x.dtype.itemsize == 2 and x.dtype.kind not in "iu" else x.dtype


def _grouped(x: Any, groups: int) -> Any:
    """The last axis as groups and what is in one."""
    return x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)


def _inside(x: Any, pairs: Pairs) -> Any:
    """Which elements of a padded array are no padding."""
    return pad_ref(np.ones(x.shape, np.bool_), pairs)


def _conv_valid_ref(x: Any, w: Any, sizes: Any, groups: int, pairs: Pairs, **windows: Any) -> Any:
    out = np.zeros((x.shape[0], *sizes, groups, w.shape[-1] // groups), _wide(x))
    w, real = np.ascontiguousarray(w, out.dtype), _inside(x, pairs)
    x = pad_ref(x, pairs)
    for _, at, taken in taps(x.shape, w.shape[:-2], sizes, windows):
        found = np.einsum("...gc,cgf->...gf", _grouped(x[taken], groups), _grouped(w[at], groups), dtype=out.dtype)
        out += np.where(real[taken].all(-1)[..., None, None], found, 0)
    return out.reshape(x.shape[0], *sizes, w.shape[-1]).astype(x.dtype)


def _conv_filter_valid_ref(x: Any, dy: Any, sizes: Any, groups: int, pairs: Pairs, **windows: Any) -> Any:
    of, real = _wide(x), _inside(x, pairs)
    x = pad_ref(x, pairs)
    out = np.zeros((*sizes, x.shape[-1] // groups, dy.shape[-1]), of)
    rows = int(np.prod(dy.shape[:-1]))
    for _, at, taken in taps(x.shape, sizes, dy.shape[1:-1], windows):
        part = x[taken].reshape(rows, groups, x.shape[-1] // groups)
        given = (
            np.where(real[taken].all(-1, keepdims=True), dy, 0).astype(of).reshape(rows, groups, dy.shape[-1] // groups)
        )
        found = np.einsum("rgc,rgf->cgf", part, given, dtype=of)
        out[at] = found.reshape(out.shape[-2:])
    return out.astype(x.dtype)


CORE = ("strides", "dilations", "groups", "sizes", "pairs")
conv_valid: Op = declare("conv_valid", _conv_valid_type, ref=_conv_valid_ref, template="conv", attrs=CORE)
"""The convolution in format NHWC; `sizes` are the spatial dims of the result, `pairs` how far windows reach beyond the
operand: what is not there is no part of a sum."""
conv_filter_valid: Op = declare(
    "conv_filter_valid", _conv_filter_valid_type, ref=_conv_filter_valid_ref, template="conv_filter", attrs=CORE
)
"""The gradient of `conv_valid` to the filter, from its operand and the gradient of its result; `sizes` are those of the
window."""


# The convolution and its gradients


def _split(attrs: dict[str, Any]) -> tuple[dict[str, Any], Padding, str]:
    """The attributes that the core has too, the padding, and the format."""
    core = {name: attrs[name] for name in ("strides", "dilations", "groups")}
    return core, attrs["padding"], attrs["data_format"]


def _padded(x: Value, pairs: Pairs) -> tuple[Value, Pairs]:
    """An operand, channels last, and what of the padding is left to the core: all of it where that is known."""
    if all(isinstance(d, int) for pair in (x.type.dims[1:-1], *pairs) for d in pair):
        return x, pairs
    return pad_spatial(x, pairs, 0), ((0, 0),) * len(pairs)


def _conv_graph(n: Node) -> Value:
    x, w = n.operands
    core, padding, form = _split(n.attrs)
    sizes = parts_of(x.type.dims, form)[1]
    pairs = window_pairs(sizes, w.type.dims[:-2], core["strides"], core["dilations"], padding)
    padded, pairs = _padded(channels_last(x, form), pairs)
    y = conv_valid(padded, w, sizes=parts_of(n.type.dims, form)[1], pairs=pairs, **core)
    return channels_back(y, form)


def _conv_filter_graph(n: Node) -> Value:
    x, dy, w = n.operands
    core, padding, form = _split(n.attrs)
    window = w.type.dims[:-2]
    pairs = window_pairs(parts_of(x.type.dims, form)[1], window, core["strides"], core["dilations"], padding)
    padded, pairs = _padded(channels_last(x, form), pairs)
    return conv_filter_valid(padded, channels_last(dy, form), sizes=window, pairs=pairs, **core)


def _conv_input_graph(n: Node) -> Value:
    return channels_back(InputGradient.of(n).value(), n.attrs["data_format"])


def _conv_ref(x: Any, w: Any, padding: Padding, data_format: str, **core: Any) -> Any:
    last = last_ref(x, data_format)
    sizes, window, strides, dilations = last.shape[1:-1], w.shape[:-2], core["strides"], core["dilations"]
    pairs = window_pairs(sizes, window, strides, dilations, padding)
    counts = window_counts(Shapes(), sizes, window, strides, dilations, padding)
    return back_ref(_conv_valid_ref(last, w, sizes=counts, pairs=pairs, **core), data_format)


def _conv_filter_ref(x: Any, dy: Any, w: Any, padding: Padding, data_format: str, **core: Any) -> Any:
    last, window = last_ref(x, data_format), w.shape[:-2]
    pairs = window_pairs(last.shape[1:-1], window, core["strides"], core["dilations"], padding)
    return _conv_filter_valid_ref(last, last_ref(dy, data_format), sizes=window, pairs=pairs, **core)


def _conv_input_ref(dy: Any, w: Any, x: Any, padding: Padding, data_format: str, groups: int, **windows: Any) -> Any:
    last, window, shape = last_ref(dy, data_format), w.shape[:-2], last_ref(x, data_format).shape
    pairs = window_pairs(shape[1:-1], window, windows["strides"], windows["dilations"], padding)
    out = np.zeros((shape[0], *padded_sizes(shape[1:-1], pairs), shape[-1]), _wide(dy))
    w = np.ascontiguousarray(w, out.dtype)
    grouped = _grouped(last, groups).astype(out.dtype)
    for _, at, taken in taps(out.shape, window, last.shape[1:-1], windows):
        found = np.einsum("...gf,cgf->...gc", grouped, _grouped(w[at], groups), dtype=out.dtype)
        out[taken] += found.reshape(*last.shape[:-1], shape[-1])
    return back_ref(crop_ref(out, pairs), data_format).astype(dy.dtype)


def _grad_conv(n: Node, dy: Value) -> list[Value | None]:
    x, w = n.operands
    return [conv_input(dy, w, x, **n.attrs), conv_filter(x, dy, w, **n.attrs)]


def _grad_conv_input(n: Node, ddx: Value) -> list[Value | None]:
    dy, w, _ = n.operands
    return [conv(ddx, w, **n.attrs), conv_filter(ddx, dy, w, **n.attrs), None]


def _grad_conv_filter(n: Node, ddw: Value) -> list[Value | None]:
    x, dy, _ = n.operands
    return [conv_input(dy, ddw, x, **n.attrs), conv(x, ddw, **n.attrs), None]


conv: Op = declare("conv", _conv_type, ref=_conv_ref, decompose=_conv_graph, grad=_grad_conv, attrs=ATTRS)
"""At each window the sum of its elements times those of a filter, for each filter."""
conv_input: Op = declare(
    "conv_input",
    _conv_input_type,
    ref=_conv_input_ref,
    decompose=_conv_input_graph,
    grad=_grad_conv_input,
    attrs=ATTRS,
)
"""The gradient of `conv` to its operand, which comes third for its shape, from that of the result and the filter; a
transposed convolution."""
conv_filter: Op = declare(
    "conv_filter",
    _conv_filter_type,
    ref=_conv_filter_ref,
    decompose=_conv_filter_graph,
    grad=_grad_conv_filter,
    attrs=ATTRS,
)
"""The gradient of `conv` to its filter, which comes third for its shape, from the operand and that of the result."""
