"""The definition of `fma` against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfc.ir.expr import evaluate
from tfc.ir.types import float32, float64

floats = st.floats(allow_nan=False, allow_infinity=False)


def exact(a: float, b: float, c: float) -> float:
    """The rounded sum; zeros apart."""
    value = Fraction(a) * Fraction(b) + Fraction(c)
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


@given(floats, floats, floats)
def test_any_floats(a: float, b: float, c: float) -> None:
    assert float(evaluate("fma", float64, np.float64(a), np.float64(b), np.float64(c))) == exact(a, b, c)


@pytest.mark.parametrize("spread", [0, 10, 60, 110])
def test_cancellation_and_ties(spread: int) -> None:
    """Sums that cancel, and addends just where they decide how a product rounds."""
    rng = np.random.default_rng(spread)
    a, b = (rng.standard_normal(3000) for _ in range(2))
    a = np.where(rng.random(3000) < 0.5, np.round(a * 2**20) / 2**20, a)
    for c in (-a * b, a * b * 2.0**-spread, rng.choice([-1, 1], 3000) * 2.0 ** rng.integers(-spread - 1, 1, 3000)):
        got = evaluate("fma", float64, a, b, c)
        expected = [exact(*t) for t in zip(a, b, c, strict=True)]
        np.testing.assert_array_equal(got, expected)


def test_zeros_infinities_and_nan() -> None:
    a = np.array([0.0, -0.0, 1.0, np.inf, np.inf, np.nan, 1e300, 1e300])
    b = np.array([1.0, 1.0, -1.0, 1.0, 0.0, 1.0, 1e300, -1e300])
    c = np.array([-0.0, -0.0, 1.0, -np.inf, 1.0, 1.0, 1.0, 1.0])
    got = evaluate("fma", float64, a, b, c)
    np.testing.assert_array_equal(got, [0.0, -0.0, 0.0, np.nan, np.nan, np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(np.signbit(got[:3]), [False, True, False])


def test_float32_rounds_once_where_the_plain_sum_rounds_twice() -> None:
    a = np.float32(1 + 2**-12)
    got = evaluate("fma", float32, a, a, np.float32(-1))
    assert got.dtype == np.float32
    assert float(got) == float(np.float32((1 + 2**-12) ** 2 - 1)) != float(a * a - np.float32(1))


@pytest.mark.parametrize("sign", [1, -1])
def test_float32_is_not_rounded_to_float64_first(sign: int) -> None:
    """A product below half of the last place by less than float64 can say: rounded there first, the sum is a tie."""
    a, b = np.float32(2**-24 * (1 + 2**-23)), np.float32(sign * (1 - 2**-23))
    c = np.float32(sign * (1 + 2**-23))
    assert evaluate("fma", float32, a, b, c) == c
    infinite = evaluate("fma", float32, np.full(2, a), np.full(2, b), np.array([np.inf, np.nan], np.float32))
    np.testing.assert_array_equal(infinite, [np.inf, np.nan])
