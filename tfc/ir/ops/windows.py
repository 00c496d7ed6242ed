"""Windows that slide over the spatial dims of an array: how many there are, what padding they need, what they take.

The spatial dims are all but the batch (the first) and the channels, which are last in format NHWC and second in NCHW,
whatever the number of spatial dims. A padding is `SAME`, `VALID` or a pair `(before, after)` per spatial dim. Dims may
be symbols.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from .. import index
from ..errors import ShapeError
from ..index import Dim
from ..op import Shapes
from ..types import Shape
from .array import transpose
from .parts import pad, slice_

if TYPE_CHECKING:
    from ..graph import Value

Pairs = tuple[tuple[Dim, Dim], ...]
Padding = Union[str, Pairs]
FORMATS = ("NHWC", "NCHW")


def check_windows(strides: Sequence[int], dilations: Sequence[int], padding: Padding, data_format: str) -> None:
    """Raises ShapeError for attributes that say no windows."""
    if data_format not in FORMATS:
        raise ShapeError(f"data format {data_format!r} is none of {', '.join(FORMATS)}")
    if len(strides) != len(dilations):
        raise ShapeError(f"{len(strides)} strides and {len(dilations)} dilations")
    for name, numbers in (("strides", strides), ("dilations", dilations)):
        if any(n < 1 for n in numbers):
            raise ShapeError(f"{name} are at least 1, got {tuple(numbers)}")
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise ShapeError(f"padding {padding!r} is neither SAME nor VALID")
    elif len(padding) != len(strides) or any(isinstance(p, int) and p < 0 for pair in padding for p in pair):
        raise ShapeError(f"padding {padding} is not a pair of numbers from 0 on for each of {len(strides)} dims")


def parts_of(shape: Sequence[Any], data_format: str) -> tuple[Any, tuple[Any, ...], Any]:
    """Batch, spatial dims and channels of a shape, or of anything that is given for its dims."""
    batch, *rest = shape
    return (batch, tuple(rest[:-1]), rest[-1]) if data_format == "NHWC" else (batch, tuple(rest[1:]), rest[0])


def shape_of_parts(batch: Dim, spatial: Shape, channels: Dim, data_format: str) -> Shape:
    return (batch, *spatial, channels) if data_format == "NHWC" else (batch, channels, *spatial)


def last_order(rank: int, data_format: str) -> tuple[int, ...]:
    """The order of axes that brings the channels last."""
    batch, spatial, channels = parts_of(range(rank), data_format)
    return (batch, *spatial, channels)


def channels_last(x: Value, data_format: str) -> Value:
    return x if data_format == "NHWC" else transpose(x, perm=last_order(x.type.rank, data_format))


def channels_back(y: Value, data_format: str) -> Value:
    """The inverse of `channels_last`."""
    if data_format == "NHWC":
        return y
    return transpose(y, perm=tuple(np.argsort(last_order(y.type.rank, data_format)).tolist()))


def reach(window: Dim, dilation: int) -> Dim:
    """Elements from the first of a window to its last, both included."""
    return (window - 1) * dilation + 1


def window_counts(
    shapes: Shapes,
    sizes: Shape,
    window: Shape,
    strides: Sequence[int],
    dilations: Sequence[int],
    padding: Padding,
) -> Shape:
    """How many windows there are along each spatial dim. Raises ShapeError where not one fits that must."""
    if padding == "SAME":
        return tuple(index.floordiv(n + s - 1, s) for n, s in zip(sizes, strides, strict=True))
    out = []
    pairs = window_pairs(sizes, window, strides, dilations, padding)
    for n, k, s, d, (before, after) in zip(sizes, window, strides, dilations, pairs, strict=True):
        whole = n + before + after
        shapes.at_most(reach(k, d), whole, "a window of {a} does not fit into a padded size of {b}")
        out.append(index.floordiv(whole - reach(k, d), s) + 1)
    return tuple(out)


def window_pairs(
    sizes: Shape, window: Shape, strides: Sequence[int], dilations: Sequence[int], padding: Padding
) -> Pairs:
    """The padding as pairs. Of an odd SAME padding the greater part comes after, as in TensorFlow."""
    if not isinstance(padding, str):
        return padding
    if padding == "VALID":
        return ((0, 0),) * len(sizes)
    pairs = []
    for n, k, s, d in zip(sizes, window, strides, dilations, strict=True):
        total = index.maximum((index.floordiv(n + s - 1, s) - 1) * s + reach(k, d) - n, 0)
        before = index.floordiv(total, 2)
        pairs.append((before, total - before))
    return tuple(pairs)


def padded_sizes(sizes: Shape, pairs: Pairs) -> Shape:
    return tuple(n + before + after for n, (before, after) in zip(sizes, pairs, strict=True))


def check_fit(shapes: Shapes, sizes: Shape, window: Shape, counts: Shape, attrs: dict[str, Any]) -> None:
    """Raises ShapeError where so many windows are known to leave an unpadded array."""
    for n, k, m, s, d in zip(sizes, window, counts, attrs["strides"], attrs["dilations"], strict=True):
        if m != 0 and k != 0:
            shapes.at_most((m - 1) * s + reach(k, d), n, "windows over {a} elements do not fit into {b}")


def pad_spatial(x: Value, pairs: Pairs, value: float) -> Value:
    """An array in format NHWC with its spatial dims padded; itself where there is nothing to add."""
    if all(pair == (0, 0) for pair in pairs):
        return x
    return pad(x, paddings=((0, 0), *pairs, (0, 0)), value=value, mode="constant")


def crop_spatial(x: Value, before: Shape, sizes: Shape) -> Value:
    """A part of the spatial dims of an array in format NHWC; itself where that is all."""
    batch, spatial, channels = parts_of(x.type.dims, "NHWC")
    if spatial == sizes and all(b == 0 for b in before):
        return x
    return slice_(x, starts=(0, *before, 0), sizes=(batch, *sizes, channels), steps=(1,) * x.type.rank)


# References


def last_ref(x: Any, data_format: str) -> Any:
    """An array with its channels last, laid out so that sums run in one order whatever its strides were."""
    return np.ascontiguousarray(np.transpose(x, last_order(x.ndim, data_format)))


def back_ref(y: Any, data_format: str) -> Any:
    return np.ascontiguousarray(np.transpose(y, np.argsort(last_order(y.ndim, data_format))))


def pad_ref(x: Any, pairs: Any, value: Any = 0) -> Any:
    return np.pad(x, ((0, 0), *pairs, (0, 0)), constant_values=value)


def crop_ref(x: Any, pairs: Any) -> Any:
    """The inverse of `pad_ref`."""
    inner = (slice(before, n - after) for n, (before, after) in zip(x.shape[1:-1], pairs, strict=True))
    return x[(slice(None), *inner, slice(None))]


def taps(shape: Any, window: Any, counts: Any, attrs: dict[str, Any]) -> Iterator[tuple[int, tuple[int, ...], Any]]:
    """Number and position of each element of a window, and NumPy's index of what all windows take there.

    `shape` is that of the array in format NHWC.
    """
    strides, dilations = attrs["strides"], attrs["dilations"]
    for number, at in enumerate(np.ndindex(*window)):
        spatial = (np.arange(m) * s + k * d for m, s, k, d in zip(counts, strides, at, dilations, strict=True))
        yield number, at, np.ix_(np.arange(shape[0]), *spatial, np.arange(shape[-1]))
