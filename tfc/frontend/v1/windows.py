"""Arguments of convolutions and pools: strides, sizes and paddings in the forms that TF takes."""

from __future__ import annotations

from typing import Any, Union

from tfc.ir.index import Index

from .errors import unsupported
from .graph import Tensor
from .shape_values import ints_argument

Padding = Union[str, tuple[tuple[int, ...], ...]]
FORMATS = {
    1: {"NWC": "NHWC", "NHWC": "NHWC", "NCW": "NCHW", "NCHW": "NCHW"},
    2: {"NHWC": "NHWC", "NCHW": "NCHW"},
    3: {"NDHWC": "NHWC", "NCDHW": "NCHW"},
}
"""TF's data formats by the number of spatial dims, and the IR's, which are named as for two."""


def format_argument(data_format: str | None, dims: int) -> str:
    """The IR's data format. Raises ValueError for one that TF does not have."""
    known = FORMATS[dims]
    given = next(iter(known)) if data_format is None else data_format
    if given not in known:
        raise ValueError(f"data_format must be one of {', '.join(known)}, got {data_format!r}")
    return known[given]


def numbers_argument(value: Any, dims: int, data_format: str, what: str) -> tuple[int, ...]:
    """A number per spatial dim: given as one for all, as one each, or with those of batch and channels, which are 1.

    Raises ValueError for another count, UnimplementedError for other numbers of batch or channels.
    """
    numbers = (1,) if value is None else ints_argument(value, what)
    if len(numbers) not in (1, dims, dims + 2):
        raise ValueError(f"{what} should be of length 1, {dims} or {dims + 2} but was {len(numbers)}")
    if len(numbers) == dims + 2 > dims:
        outer, numbers = without_spatial(numbers, data_format), spatial(numbers, data_format)
        if outer != (1, 1):
            raise unsupported(f"{what} of batch and channels must be 1, got {outer}")
    if len(numbers) == 1:
        numbers *= dims
    if any(n < 1 for n in numbers):
        raise ValueError(f"{what} must be > 0, but got {min(numbers)}")
    return numbers


def spatial(items: Any, data_format: str) -> tuple[Any, ...]:
    """What is given for the spatial dims, out of what is given for all."""
    return tuple(items[1:-1] if data_format == "NHWC" else items[2:])


def without_spatial(items: Any, data_format: str) -> tuple[Any, Any]:
    return items[0], items[-1 if data_format == "NHWC" else 1]


def channels_of(x: Tensor, data_format: str) -> int | None:
    """The number of channels; None while it is unknown."""
    dims = x.ir_value.type.shape
    found = None if dims is None else without_spatial(dims, data_format)[1]
    return None if isinstance(found, Index) else found


def padding_argument(padding: Any, dims: int, data_format: str, explicit: bool = True) -> Padding:
    """`SAME`, `VALID`, or, where they are allowed, pairs for the spatial dims out of a list of pairs for all dims.

    Raises TypeError and ValueError as TF does.
    """
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise ValueError(f'padding {padding!r} is not in: "SAME", "VALID"')
        return padding
    if not explicit or not isinstance(padding, (list, tuple)):
        raise TypeError(f"Expected string for argument 'padding' not {padding}.")
    if len(padding) != dims + 2:
        raise ValueError(f"When padding is a list, it must be of size {dims + 2}, got {len(padding)}")
    pairs = [ints_argument(pair, "padding") for pair in padding]
    for k, pair in enumerate(pairs):
        if len(pair) != 2:
            raise ValueError(f"When padding is a list, each element must be a list of size 2, got {padding[k]}")
        if min(pair) < 0:
            raise ValueError(f"All elements of explicit paddings must be nonnegative, got {pair}")
    if without_spatial(pairs, data_format) != ((0, 0), (0, 0)):
        raise ValueError("Nonzero explicit padding in the batch or depth dimensions is not supported")
    return spatial(pairs, data_format)
