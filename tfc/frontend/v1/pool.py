"""`tf.nn`'s pools."""

from __future__ import annotations

from typing import Any

from .declare import either
from .errors import unsupported
from .graph import Tensor, graph_of
from .lift import emit
from .windows import Padding, format_argument, numbers_argument, padding_argument


def pooled(
    op: str,
    x: Any,
    window: Any,
    strides: Any,
    padding: Padding,
    form: str,
    dims: int,
    name: str,
    *,
    dilations: Any = None,
    nodes: int = 1,
) -> Tensor:
    """The pool of so many spatial dims by an op of the IR, in its data format, else with TF's arguments."""
    attrs: dict[str, Any] = {
        "window": numbers_argument(window, dims, form, "ksize"),
        "strides": numbers_argument(strides, dims, form, "strides"),
        "dilations": numbers_argument(dilations, dims, form, "dilations"),
        "padding": padding,
        "data_format": form,
    }
    if op == "avg_pool":
        attrs["count_padding"] = False
    elif not isinstance(padding, str):
        # TF leaves out the padding, so a window of nothing else has no largest number.
        for k, pair in zip(attrs["window"], padding, strict=True):
            if max(pair) >= k:
                raise ValueError(f"explicit padding {pair} must be smaller than the window, which takes {k}")
    return emit(graph_of(x), op, [x], name=name, args=("input",), nodes=nodes, attrs=attrs)


def max_pool(
    value: Any = None,
    ksize: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """The largest number of each window of images; the gradient goes to the first of equal ones."""
    form = format_argument(data_format, 2)
    x = either(input, value, "input", "value")
    return pooled("max_pool", x, ksize, strides, padding_argument(padding, 2, form), form, 2, name or "MaxPool")


def avg_pool(
    value: Any = None,
    ksize: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """The mean of each window of images, over its elements without the padding."""
    form = format_argument(data_format, 2)
    x = either(input, value, "input", "value")
    return pooled("avg_pool", x, ksize, strides, padding_argument(padding, 2, form, False), form, 2, name or "AvgPool")


def max_pool2d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = "NHWC", name: str | None = None
) -> Tensor:
    """`max_pool`."""
    return max_pool(input, ksize, strides, padding, data_format, name or "MaxPool2d")


avg_pool2d = avg_pool


def max_pool1d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = "NWC", name: str | None = None
) -> Tensor:
    """The largest number of each window of sequences."""
    return _squeezed("max_pool", input, ksize, strides, padding, data_format, name or "MaxPool1d")


def avg_pool1d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = "NWC", name: str | None = None
) -> Tensor:
    """The mean of each window of sequences."""
    return _squeezed("avg_pool", input, ksize, strides, padding, data_format, name or "AvgPool1D")


def _squeezed(op: str, x: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None, name: str) -> Tensor:
    """A pool of one spatial dim, which TF makes of one of two."""
    form = format_argument(data_format, 1)
    with graph_of(x).name_scope(name):
        given = padding_argument(padding, 1, form, False)
        return pooled(op, x, ksize, strides, given, form, 1, "Squeeze", nodes=4)


POOLS = {"MAX": "max_pool", "AVG": "avg_pool"}


def pool(
    input: Any,
    window_shape: Any,
    pooling_type: str,
    padding: Any,
    dilation_rate: Any = None,
    strides: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """A pool of one to three spatial dims, which `window_shape` says; `pooling_type` is MAX or AVG.

    Raises ValueError for SAME with dilated windows, and for windows both strided and dilated.
    """
    dims = len(window_shape)
    if pooling_type not in POOLS:
        raise ValueError(f"{dims}-D {pooling_type} pooling is not supported.")
    if dims not in (1, 2, 3):
        raise unsupported(f"pooling of {dims} spatial dims")
    form = format_argument(data_format, dims)
    rate = numbers_argument(either(dilations, dilation_rate, "dilations", "dilation_rate"), dims, form, "dilation_rate")
    step = numbers_argument(strides, dims, form, "strides")
    given = padding_argument(padding, dims, form, False)
    if max(rate) > 1 and given == "SAME":
        raise ValueError("pooling with 'SAME' padding is not implemented for `dilation_rate` > 1")
    if max(rate) > 1 and max(step) > 1:
        raise ValueError("strides > 1 not supported in conjunction with dilation_rate > 1")
    op = POOLS[pooling_type]
    return pooled(op, input, window_shape, step, given, form, dims, name or op, dilations=rate, nodes=2)
