"""Arrays of one number, as constants often are: known without a look at each element where they hold one in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def repeated(array: Array) -> Array | None:
    """The element, as an array of rank 0, that every element of an array is to the bit; None where there is none."""
    if not array.size:
        return None
    one = array[(0,) * array.ndim + (...,)]
    if all(step == 0 or n == 1 for step, n in zip(array.strides, array.shape, strict=True)):
        return one
    if array[(-1,) * array.ndim + (...,)].tobytes() != one.tobytes():
        return None
    bits = np.ascontiguousarray(array).reshape(-1).view(f"u{array.itemsize}")
    return one if (bits == bits[0]).all() else None
