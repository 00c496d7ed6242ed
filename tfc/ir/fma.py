"""a * b + c with one rounding, on NumPy arrays: what the primitive `fma` means."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

SAFE = (2.0**-400, 2.0**400)
"""Magnitudes with which no error term below overflows or underflows."""


def fma(a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once. Narrower floats go by float64, where the product is exact."""
    dtype = np.asarray(a).dtype
    a, b, c = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (a, b, c)))
    return _exact(a, b, c, a * b + c) if dtype == np.float64 else _sum_to_odd(a * b, c).astype(dtype)


def _exact(a: Any, b: Any, c: Any, plain: Any) -> Any:
    """Float64 by error-free products and sums (Dekker, Knuth), the errors added by rounding to odd (Boldo)."""
    with np.errstate(all="ignore"):
        product, product_error = _two_product(a, b)
        low, low_error = _two_sum(c, product_error)
        high, high_error = _two_sum(product, low)
        result = high + _sum_to_odd(high_error, low_error)
        safe = np.isfinite(plain)
        for v in (a, b, c, product, product_error):
            size = np.abs(v)
            safe = safe & ((size == 0) | ((size > SAFE[0]) & (size < SAFE[1])))
    # An exact zero has the sign that the plain sum gives it.
    result = np.where(safe & (result != 0), result, plain)
    rare = ~safe & np.isfinite(a) & np.isfinite(b) & np.isfinite(c)
    for k in zip(*np.nonzero(rare), strict=True) if rare.ndim else [()] * int(rare):
        result[k] = _by_fractions(a[k], b[k], c[k], plain[k])
    return result


def _two_sum(x: Any, y: Any) -> tuple[Any, Any]:
    """A sum and its error."""
    total = x + y
    other = total - x
    return total, (x - (total - other)) + (y - other)


def _two_product(x: Any, y: Any) -> tuple[Any, Any]:
    """A product and its error, by halves of 26 bits."""
    product = x * y
    (xh, xl), (yh, yl) = _halves(x), _halves(y)
    return product, xl * yl - (((product - xh * yh) - xl * yh) - xh * yl)


def _halves(x: Any) -> tuple[Any, Any]:
    scaled = x * 134217729.0  # 2^27 + 1
    high = scaled - (scaled - x)
    return high, x - high


def _sum_to_odd(x: Any, y: Any) -> Any:
    """x + y, where inexact the neighbour of the exact sum whose last bit is odd: only a later rounding counts."""
    total, error = _two_sum(x, y)
    bits = np.asarray(total).view(np.int64)
    even = np.isfinite(total) & (error != 0) & ((bits & 1) == 0)
    step = np.where((error > 0) == (total > 0), 1, -1)
    return np.where(even, bits + step, bits).view(np.float64)


def _by_fractions(a: float, b: float, c: float, plain: float) -> float:
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    if exact == 0:
        return plain
    try:
        return float(exact)
    except OverflowError:
        return float("inf") if exact > 0 else float("-inf")
