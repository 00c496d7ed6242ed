"""`tf.nn`'s convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfc.ir.types import Shape

from .array import reshape
from .basics import convert_to_tensor
from .declare import either
from .graph import Graph, Tensor, graph_of
from .lift import emit, first_tensor, lift_hinted
from .shape_values import dims_argument, int_argument, ints_argument, vector_nodes
from .windows import channels_of, format_argument, numbers_argument, padding_argument

ONES = (1, 1, 1, 1)


def _operands(graph: Graph, x: Any, w: Any, names: tuple[str, str]) -> tuple[Tensor, Tensor]:
    """Operand and filter as tensors; one that is none takes the other's dtype."""
    first = first_tensor([x, w])
    hint = None if first is None else first.ir_value.type.dtype
    left = lift_hinted(x, graph, hint, names[0])
    return graph.tensor(left), graph.tensor(lift_hinted(w, graph, left.type.dtype, names[1]))


def _groups(x: Tensor, inner: int | None, form: str) -> int:
    """How many groups of channels filters that take `inner` channels make; 1 while that is unknown."""
    channels = channels_of(x, form)
    if channels is None or not inner:
        return 1
    if channels % inner:
        raise ValueError(
            f"Depth of input ({channels}) is not a multiple of input depth of filter ({inner}) at {x.graph.ir.locate()}"
        )
    return channels // inner


def _inner(w: Tensor) -> int | None:
    """The channels that a filter takes."""
    shape = w.shape
    return None if shape.ndims is None or shape.ndims < 2 else shape[-2].value


def _attrs(dims: int, form: str, strides: Any, dilations: Any, padding: Any) -> dict[str, Any]:
    return {
        "strides": numbers_argument(strides, dims, form, "strides"),
        "dilations": numbers_argument(dilations, dims, form, "dilations"),
        "padding": padding_argument(padding, dims, form),
        "data_format": form,
    }


def _like(x: Tensor, shape: Shape) -> Tensor:
    """A tensor that is taken for its shape only, by no node of TF's."""
    with x.graph.counted(0):
        zero = x.graph.tensor(x.graph.constant(np.zeros((), x.ir_value.type.dtype.np), "like"))
        return emit(x.graph, "broadcast_to", [zero], name="like", attrs={"shape": shape})


def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str | None = "NHWC",
    dilations: Any = ONES,
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """The convolution of images with filters `[height, width, channels, filters]`.

    Strides and dilations are numbers for height and width, with or without the 1s of batch and channels. The padding
    is SAME, VALID, or a list of pairs for all four dims.
    """
    w = either(filters, filter, "filters", "filter")
    return convolved(input, w, 2, strides, padding, data_format, dilations, name or "Conv2D", 1)


def convolved(
    x: Any,
    w: Any,
    dims: int,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilations: Any,
    name: str,
    nodes: int,
) -> Tensor:
    """The convolution of so many spatial dims, with TF's arguments."""
    graph = graph_of(x, w)
    with graph.name_scope(name) as scope:
        form = format_argument(data_format, dims)
        left, right = _operands(graph, x, w, ("input", "filter"))
        attrs = _attrs(dims, form, strides, dilations, padding)
        attrs["groups"] = _groups(left, _inner(right), form)
        return emit(graph, "conv", [left, right], name=scope, nodes=nodes, attrs=attrs)


def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The convolution of sequences `[batch, width, channels]` with filters `[width, channels, filters]`."""
    x = either(input, value, "input", "value")
    with graph_of(x, filters).name_scope(name or "conv1d"):
        return convolved(x, filters, 1, stride, padding, data_format, dilations, "Squeeze", 6)


def convolution(
    input: Any,
    filter: Any = None,
    padding: Any = None,
    strides: Any = None,
    dilation_rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The convolution of any number of spatial dims, which the filter says; strided or dilated, not both."""
    w = convert_to_tensor(either(filters, filter, "filters", "filter"))
    if w.shape.ndims is None or not 3 <= w.shape.ndims <= 5:
        raise ValueError(f"a filter has 1 to 3 spatial dims, got the shape {w.shape}")
    dims = w.shape.ndims - 2
    rate = either(dilations, dilation_rate, "dilations", "dilation_rate")
    _one_of_both(dims, strides, rate)
    return convolved(input, w, dims, strides, padding, data_format, rate, name or "convolution", 1)


def _one_of_both(dims: int, strides: Any, rate: Any) -> None:
    """Raises ValueError where windows are both strided and dilated."""
    step = numbers_argument(strides, dims, "NHWC", "strides") if strides is not None else (1,)
    wide = numbers_argument(rate, dims, "NHWC", "dilation_rate") if rate is not None else (1,)
    if max(step) > 1 and max(wide) > 1:
        raise ValueError("strides > 1 not supported in conjunction with dilation_rate > 1")


def atrous_conv2d(value: Any, filters: Any, rate: Any, padding: Any, name: str | None = None) -> Tensor:
    """`conv2d` whose windows take every `rate`-th element."""
    return convolved(value, filters, 2, None, padding, "NHWC", int_argument(rate, "rate"), name or "convolution", 1)


# Gradients


def conv2d_backprop_input(
    input_sizes: Any,
    filter: Any = None,
    out_backprop: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str | None = "NHWC",
    dilations: Any = ONES,
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """The gradient of `conv2d` to its input, whose shape is `input_sizes`."""
    w = either(filters, filter, "filters", "filter")
    kind = name or "Conv2DBackpropInput"
    return _backprop_input(input_sizes, w, out_backprop, strides, padding, data_format, dilations, kind)


def input_gradient(
    shape: Shape,
    w: Any,
    dy: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilations: Any,
    name: str,
    nodes: int,
) -> Tensor:
    """The gradient of a convolution of images to its input of a shape, with TF's arguments."""
    graph = graph_of(dy, w)
    with graph.name_scope(name) as scope:
        form = format_argument(data_format, 2)
        left, right = _operands(graph, dy, w, ("out_backprop", "filter"))
        x = _like(left, shape)
        attrs = {**_attrs(2, form, strides, dilations, padding), "groups": _groups(x, _inner(right), form)}
        return emit(graph, "conv_input", [left, right, x], name=scope, nodes=nodes, attrs=attrs)


def _backprop_input(
    sizes: Any, w: Any, dy: Any, strides: Any, padding: Any, data_format: str | None, dilations: Any, name: str
) -> Tensor:
    shape, nodes = dims_argument(sizes, "input_sizes"), 1 + vector_nodes(sizes)
    return input_gradient(shape, w, dy, strides, padding, data_format, dilations, name, nodes)


def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    use_cudnn_on_gpu: bool = True,
    data_format: str | None = "NHWC",
    dilations: Any = ONES,
    name: str | None = None,
) -> Tensor:
    """The gradient of `conv2d` to its filter, whose shape is `filter_sizes`."""
    graph = graph_of(input, out_backprop)
    with graph.name_scope(name or "Conv2DBackpropFilter") as scope:
        form = format_argument(data_format, 2)
        x, dy = _operands(graph, input, out_backprop, ("input", "out_backprop"))
        sizes = ints_argument(filter_sizes, "filter_sizes")
        attrs = _attrs(2, form, strides, dilations, padding)
        attrs["groups"] = _groups(x, sizes[-2] if len(sizes) > 1 else None, form)
        nodes = 1 + vector_nodes(filter_sizes)
        return emit(graph, "conv_filter", [x, dy, _like(x, sizes)], name=scope, nodes=nodes, attrs=attrs)


def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The gradient of a convolution to its input, with filters `[height, width, output channels, input channels]`."""
    x = either(input, value, "input", "value")
    w = either(filters, filter, "filters", "filter")
    return _backprop_input(output_shape, w, x, strides, padding, data_format, dilations, name or "conv2d_transpose")


def atrous_conv2d_transpose(
    value: Any, filters: Any, output_shape: Any, rate: Any, padding: Any, name: str | None = None
) -> Tensor:
    """`conv2d_transpose` whose windows take every `rate`-th element."""
    wide = int_argument(rate, "rate")
    return _backprop_input(output_shape, filters, value, None, padding, "NHWC", wide, name or "atrous_conv2d_transpose")


# Depthwise


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Each channel convolved with filters of its own, `[height, width, channels, filters of each]`."""
    wide = either(dilations, rate, "dilations", "rate")
    return _depthwise(input, filter, strides, padding, data_format, wide, name or "depthwise", 3)


def depthwise_conv2d_native(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NHWC",
    dilations: Any = ONES,
    name: str | None = None,
) -> Tensor:
    """`depthwise_conv2d` as one node."""
    return _depthwise(input, filter, strides, padding, data_format, dilations, name or "DepthwiseConv2dNative", 1)


def _depthwise(
    x: Any, w: Any, strides: Any, padding: Any, data_format: str | None, rate: Any, name: str, nodes: int
) -> Tensor:
    graph = graph_of(x, w)
    with graph.name_scope(name) as scope:
        form = format_argument(data_format, 2)
        left, right = _operands(graph, x, w, ("input", "filter"))
        shape = right.shape.with_rank(4).as_list()
        if None in shape:
            raise ValueError(f"a depthwise filter has known dims, got {right.shape} at {graph.ir.locate()}")
        height, width, channels, each = map(int, shape)  # type: ignore[arg-type]
        attrs = {**_attrs(2, form, strides, rate, padding), "groups": channels}
        step, wide = attrs["strides"], attrs["dilations"]
        if max(step) > 1 and max(wide) > 1:
            raise ValueError("strides > 1 not supported in conjunction with rate > 1")
        with graph.counted(0):
            flat = reshape(right, [height, width, 1, channels * each], name="filter")
        return emit(graph, "conv", [left, flat], name=scope, nodes=nodes, attrs=attrs)


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """A depthwise convolution, and one of 1 x 1 over its channels."""
    wide = either(dilations, rate, "dilations", "rate")
    with graph_of(input, depthwise_filter, pointwise_filter).name_scope(name or "separable_conv2d") as scope:
        narrow = _depthwise(input, depthwise_filter, strides, padding, data_format, wide, "depthwise", 3)
        point = _operands(narrow.graph, narrow, pointwise_filter, ("input", "pointwise_filter"))[1]
        if not point.shape.is_compatible_with([1, 1, None, None]):
            raise ValueError(f"pointwise_filter must have the shape [1, 1, ?, ?], got {point.shape}")
        channels = channels_of(narrow, format_argument(data_format, 2))
        if not point.shape[2].is_compatible_with(channels):
            raise ValueError(f"pointwise_filter takes {point.shape[2]} channels, got {channels}")
        return convolved(narrow, point, 2, None, "VALID", data_format, None, scope, 1)
