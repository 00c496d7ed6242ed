"""exp, expm1, sigmoid, and the parts of exp that other expansions are made of.

Saturation is by selects of the form that is one min or max instruction and lets NaN through. Bounds are in units in the
last place of the exact result (the subnormal spacing below the least normal number) over all inputs.
"""

from __future__ import annotations

from functools import partial

from tfc.ir.expr import Expr, bitcast, select

from .builder import Builder, Table, absolute, copysign, fma, horner, paired, square
from .formats import FORMATS, LOG2_E, Format


def reduce(b: Builder, t: Format, x: Expr, bias: int, factor: Expr | None = None) -> tuple[Expr, Expr, Expr]:
    """`x factor = n log 2 + r` with |r| <= 0.3467: r, n, and bits whose low part is n + bias.

    The product is not rounded in r.
    """
    shifted = b.let(fma(x if factor is None else x * factor, LOG2_E, t.rounder + bias))
    n = b.let(shifted - (t.rounder + bias))
    high = fma(n, -t.ln2_high, x) if factor is None else fma(x, factor, n * -t.ln2_high)
    r = b.let(fma(n, -t.ln2_low, high))
    return r, n, b.let(bitcast(shifted, t.unsigned))


def scales(b: Builder, t: Format, bits: Expr) -> tuple[Expr, Expr]:
    """2^floor(n/2) and 2^ceil(n/2) from the bits of n with twice the format's bias.

    Multiplying by one and then the other rounds once, also where the result is subnormal.
    """
    half = b.let(bits >> 1)
    return b.let(bitcast(half << t.mantissa, t.dtype)), b.let(bitcast((bits - half) << t.mantissa, t.dtype))


def clamp(b: Builder, t: Format, x: Expr) -> Expr:
    """`x`, and beyond the range of exp its ends."""
    low, high = t.exp_range
    x = b.let(select(x > high, high, x))
    return b.let(select(x < low, low, x))


def exp(t: Format, b: Builder, x: Expr) -> Expr:
    """Float32 within 1 ULP (0.979 over all 2^32 inputs), float64 within 2."""
    r, _, bits = reduce(b, t, clamp(b, t, x), 2 * t.bias)
    low, high = scales(b, t, bits)
    s = exp_less_1(b, t, r)
    return fma(s, low, low) * high


def exp_less_1(b: Builder, t: Format, r: Expr) -> Expr:
    """exp(r) - 1 for |r| <= 0.3467, by error relative to exp(r)."""
    squared = b.let(square(r))
    first, second, *rest = t.exp
    # The rest may be rounded more often: it is small beside the first two.
    return b.let(fma(fma(fma(paired(r, squared, rest), r, second), r, first), squared, r))


def is_normal(t: Format, low: float, high: float) -> bool:
    """Whether exp of all between two numbers is a normal number, by a power of two that is one."""
    return low * LOG2_E >= 0.6 - t.bias and high * LOG2_E <= t.bias + 0.4


def exp_within(b: Builder, t: Format, x: Expr, factor: Expr | None = None) -> Expr:
    """exp(x factor) for a product between numbers that `is_normal` allows, as exactly as `exp`."""
    r, _, bits = reduce(b, t, x, t.bias, factor)
    scale = b.let(bitcast(bits << t.mantissa, t.dtype))
    return fma(exp_less_1(b, t, r), scale, scale)


def expm1_parts(b: Builder, t: Format, x: Expr) -> tuple[Expr, Expr, Expr]:
    """n, expm1(r), and from these expm1(x) where n is not 0, for x = n log 2 + r.

    2^n (r + rest) + 2^n - 1 by half of 2^n, lest that overflow; r is added first, since it is what may cancel.
    """
    x = b.let(select(x > t.exp_range[1], t.exp_range[1], x))
    r, n, bits = reduce(b, t, b.let(select(x < t.expm1_low, t.expm1_low, x)), t.bias - 1)
    rest = b.let(square(r) * horner(r, t.expm1))
    half = b.let(bitcast(bits << t.mantissa, t.dtype))
    return n, r + rest, 2.0 * fma(half, rest, fma(half, r, half - 0.5))


def expm1(t: Format, b: Builder, x: Expr) -> Expr:
    """Within 2 ULP (float32: 1.26 over all 2^32 inputs)."""
    n, small, large = expm1_parts(b, t, x)
    return copysign(select(n.eq(0.0), small, large), x)


def sigmoid(t: Format, b: Builder, x: Expr) -> Expr:
    """Float32 within 1 ULP (0.974 over all 2^32 inputs), float64 within 2.

    1 / (1 + e) or e / (1 + e) with e = exp(-|x|) = 2^n (1 + s), the sum and the quotient with their errors. For
    negative x the numerator is 1 + s, and 2^n multiplies the quotient, so that subnormal results are rounded once.
    """
    negative = b.let(x < 0.0)
    c = b.let(-absolute(x))
    # 2^n may be subnormal: it is a normal number times another.
    above = t.bias // 2
    r, _, bits = reduce(b, t, b.let(select(c < t.exp_range[0], t.exp_range[0], c)), t.bias + above)
    scale = b.let(bitcast(bits << t.mantissa, t.dtype) * 2.0**-above)
    s = exp_less_1(b, t, r)
    d = b.let(fma(s, scale, scale + 1.0))
    d_error = fma(s, scale, scale - (d - 1.0))
    y = b.let(1.0 / d)
    y_error = b.let(fma(-y, d_error, fma(-y, d, 1.0)))
    top = b.let(select(negative, s, 0.0))
    quotient = b.let(fma(y, top, y))
    result = b.let(quotient + fma(quotient, y_error, fma(y, top, y - quotient)))
    return select(negative, result * scale, result)


TABLE: Table = {(f.__name__, t.dtype.name): partial(f, t) for t in FORMATS for f in (exp, expm1, sigmoid)}
