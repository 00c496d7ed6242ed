"""float32: exp, log, tanh, sigmoid, erf, expm1, log1p.

Coefficients are minimax polynomials, rounded to float32 one after the other with the rest fitted again. Bounds are in
units in the last place of the exact result (its subnormal spacing below the least normal number) over all inputs.
Saturation is by selects of the form that is one min or max instruction and lets NaN through.
"""

from __future__ import annotations

from tfc.ir.expr import Const, Expr, bitcast, cast, select
from tfc.ir.types import float32, int32, uint32

from .builder import Builder, Table, absolute, copysign, fma, horner, square

LOG2_E = 1.44269502
LN2_HIGH, LN2_LOW = 0.693145752, 1.42860677e-06
"""log 2 in two parts; the high one has 16 bits, so that its product with an exponent is exact."""
EXP = (0.5, 0.166666478, 0.0416664816, 0.00833786745, 0.00139333378, 0.000173401873)
"""(exp(r) - 1 - r) / r^2 on |r| <= 0.3467, relative error of exp 2^-31.2."""
EXPM1 = (0.5, 0.166666657, 0.0416664667, 0.0083336439, 0.00139350584, 0.00019663597)
"""The same, relative error of expm1 2^-31.0."""
LOG = (0.333333164, -0.250008106, 0.200023085, -0.166245565, 0.141806901, -0.131282642, 0.128850952, -0.0786530152)
"""(log1p(f) - f + f^2 / 2) / f^3 on [sqrt(1/2) - 1, sqrt(2) - 1], f^2 times its error below 2^-27.3."""
TANH_LEADING = 0.875
"""Amid the values of tanh(x) / x for |x| <= 1: the term added to it is small on either side."""
TANH_SMALL = (
    *(0.125, -0.333333284, 0.133331716, -0.0539502017, 0.0217714775, -0.00856355391, 0.00303803128),
    *(-0.000814444094, 0.000114416202),
)
"""tanh(x) / x - TANH_LEADING in x^2 for |x| <= 1, relative error of tanh 2^-28.1."""
ERF_SMALL = (0.128379166, -0.37612626, 0.112835787, -0.0268533472, 0.00518716453, -0.000799788686, 7.80705886e-05)
"""erf(x) / x - 1 in x^2 for |x| <= 1, relative error of erf 2^-29.1."""
ERF_LARGE = (-1.1286943, -0.634969711, -0.106530547, 0.0240097791, -0.00375733525, 0.000350556424, -1.39588547e-05)
"""log(1 - erf(x)) / x for 1 <= x <= 4, relative error of erf 2^-30.7."""

ROUNDER = 12582912.0
"""1.5 * 2^23: adding it rounds to an integer and leaves that integer in the low bits."""


def _reduce(b: Builder, x: Expr, bias: int, factor: Expr | None = None) -> tuple[Expr, Expr, Expr]:
    """`x factor = n log 2 + r` with |r| <= 0.3467, for a product below 128: r, n, and bits whose low part is n + bias.

    The product is not rounded in r.
    """
    t = b.let(fma(x if factor is None else x * factor, LOG2_E, ROUNDER + bias))
    n = b.let(t - (ROUNDER + bias))
    high = fma(n, -LN2_HIGH, x) if factor is None else fma(x, factor, n * -LN2_HIGH)
    r = b.let(fma(n, -LN2_LOW, high))
    return r, n, b.let(bitcast(t, uint32))


def _exp_normal(b: Builder, x: Expr, factor: Expr | None = None) -> Expr:
    """exp(x factor) where the result is a normal number, to 1 ULP."""
    r, _, bits = _reduce(b, x, 127, factor)
    p = fma(horner(r, EXP), square(r), r) + 1.0
    return p * bitcast(bits << 23, float32)


def _scales(b: Builder, bits: Expr) -> tuple[Expr, Expr]:
    """2^floor(n/2) and 2^ceil(n/2) from bits of bias 254: multiplying by both rounds once, also for subnormals."""
    half = b.let(bits >> 1)
    return b.let(bitcast(half << 23, float32)), b.let(bitcast((bits - half) << 23, float32))


def exp(b: Builder, x: Expr) -> Expr:
    """Within 1 ULP."""
    x = b.let(select(x > 89.0, 89.0, x))
    x = b.let(select(x < -104.0, -104.0, x))
    r, _, bits = _reduce(b, x, 254)
    low, high = _scales(b, bits)
    return (fma(horner(r, EXP), square(r), r) + 1.0) * low * high


def _log_of(b: Builder, e: Expr, f: Expr) -> Expr:
    """e log 2 + log(1 + f), the leading sum with its rounding error, for sqrt(1/2) <= 1 + f < sqrt(2)."""
    rest = square(f) * fma(horner(f, LOG), f, -0.5)
    high = b.let(fma(e, LN2_HIGH, f))
    low = fma(e, LN2_HIGH, -high) + f
    return high + (rest + fma(e, LN2_LOW, low))


def _split(b: Builder, x: Expr) -> tuple[Expr, Expr]:
    """A normal `x = 2^e m` with sqrt(1/2) <= m < sqrt(2): e as an integer, and m."""
    bits = b.let(bitcast(x, int32))
    e = b.let((bits - 0x3F3504F3) >> 23)
    return e, bitcast(bits - (e << 23), float32)


def _log_domain(x: Expr, value: Expr) -> Expr:
    """The value for a finite positive x, else what log gives: itself for infinity, -inf for zeros, NaN."""
    outside = select(x.eq(0.0), float("-inf"), Const(float32, float("nan")))
    return select(x > 0.0, select(x < float("inf"), value, x), outside)


def log(b: Builder, x: Expr) -> Expr:
    """Within 1 ULP."""
    tiny = b.let(x < 1.17549435e-38)
    e, m = _split(b, b.let(select(tiny, x * 8388608.0, x)))
    exponent = b.let(cast(e, float32))
    value = _log_of(b, b.let(select(tiny, exponent - 23.0, exponent)), b.let(m - 1.0))
    return _log_domain(x, value)


def tanh(b: Builder, x: Expr) -> Expr:
    """Within 1 ULP: a polynomial below 1, else 1 - 2 / (exp(2 |x|) + 1)."""
    size = b.let(absolute(x))
    e = _exp_normal(b, b.let(select(size > 10.0, 20.0, size + size)))
    large = 1.0 - 2.0 / (e + 1.0)
    small = fma(size, TANH_LEADING, size * horner(b.let(square(size)), TANH_SMALL))
    return copysign(select(size < 1.0, small, large), x)


def sigmoid(b: Builder, x: Expr) -> Expr:
    """Within 1 ULP: 1 / (1 + e) or e / (1 + e) with e = exp(-|x|), the sum and the quotient with their errors.

    For negative x the numerator is e without its power of two, which multiplies the quotient, so that subnormal
    results are rounded once.
    """
    negative = b.let(x < 0.0)
    a = b.let(-absolute(x))
    r, _, bits = _reduce(b, b.let(select(a < -104.0, -104.0, a)), 254)
    low, high = _scales(b, bits)
    scale = b.let(low * high)
    s = b.let(fma(horner(r, EXP), square(r), r))
    p = b.let(s + 1.0)
    p_error = b.let(s - (p - 1.0))
    e = b.let(p * scale)
    d = b.let(e + 1.0)
    d_error = fma(p_error, scale, e - (d - 1.0))
    top = b.let(select(negative, p, 1.0))
    y = b.let(1.0 / d)
    quotient = b.let(top * y)
    rest = fma(-quotient, d, top) + fma(-quotient, d_error, select(negative, p_error, 0.0))
    result = b.let(fma(rest, y, quotient))
    return select(negative, result * low * high, result)


def erf(b: Builder, x: Expr) -> Expr:
    """Within 1 ULP: a polynomial below 1, else 1 - exp of a polynomial."""
    size = b.let(absolute(x))
    c = b.let(select(size > 4.0, 4.0, size))
    large = 1.0 - _exp_normal(b, c, b.let(horner(c, ERF_LARGE)))
    z = b.let(square(x))
    small = fma(x, horner(z, ERF_SMALL), x)
    return select(size < 1.0, small, copysign(large, x))


def expm1(b: Builder, x: Expr) -> Expr:
    """Within 2 ULP: 2^n (expm1(r) + 1 - 2^-n), by half of 2^n lest that overflow."""
    c = b.let(select(x > 89.0, 89.0, x))
    r, n, bits = _reduce(b, b.let(select(c < -20.0, -20.0, c)), 126)
    p = b.let(fma(horner(r, EXPM1), square(r), r))
    half = b.let(bitcast(bits << 23, float32))
    scaled = b.let(fma(half, p, half - 0.5))
    return copysign(select(n.eq(0.0), p, scaled + scaled), x)


def log1p(b: Builder, x: Expr) -> Expr:
    """Within 2 ULP: log of 1 + x, whose rounding error, scaled, is added to the mantissa."""
    u = b.let(x + 1.0)
    e, m = _split(b, u)
    # 2^-e by half, whose bits stay valid up to e = 128.
    scale = bitcast((128 - e) << 23, float32) * 0.5
    # The smaller of x and 1 is what the sum rounds.
    error = select(x < 1.0, x - (u - 1.0), 1.0 - (u - x))
    f = b.let(fma(error, scale, b.let(m - 1.0)))
    value = _log_of(b, b.let(cast(e, float32)), f)
    return copysign(_log_domain(u, value), x)


TABLE: Table = {(f.__name__, "float32"): f for f in (exp, log, tanh, sigmoid, erf, expm1, log1p)}
