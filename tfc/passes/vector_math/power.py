"""pow: by float64 for float32, by pairs of float64 for float64."""

from __future__ import annotations

import math

from tfc.ir.expr import Const, Expr, bitcast, cast, prim, select
from tfc.ir.types import float64, int32, int64, uint64

from .builder import Builder, Row, Table, absolute, fma, horner, paired, square
from .formats import FLOAT64
from .logarithm import split, split_any

LOG2 = (
    *(1.4426950409393473, -0.7213475252132002, 0.4808983207291128, -0.360672800548474, 0.288540643581168),
    *(-0.2405041740652249, 0.20609625568639162, -0.17904695279480426, 0.15900150408747615, -0.15698226513471805),
    *(0.15485749888587522, -0.08634595173188093),
)
"""log2(1 + f) / f on [sqrt(1/2) - 1, sqrt(2) - 1], relative error 2^-33.2."""
EXP2_SHORT = (
    *(0.6931472028551212, 0.24022647913620387, 0.05550332471038985),
    *(0.009618437358267545, 0.001339887444168303, 0.0001535336181382267),
)
"""(2^r - 1) / r for |r| <= 1/2, relative error of 2^r 2^-28.9."""
EXP2 = (
    *(0.6931471805599453, 0.2402265069591007, 0.05550410866482338, 0.009618129107630232, 0.0013333558146032768),
    *(0.00015403530388896102, 1.5252734168490759e-05, 1.321549129502066e-06, 1.0177931041790284e-07),
    *(7.052982233402462e-09, 4.473610750777576e-10, 2.8647318940618897e-11),
)
"""The same, relative error of 2^r 2^-59.6."""
ATANH = (
    *(0.20000000000001136, 0.14285714285045614, 0.11111111260735029, 0.09090892113790838, 0.07693381961567793),
    *(0.06628330436114067, 0.06598906634494046),
)
"""((atanh(s) / s - 1) / s^2 - 1/3) / s^2 in s^2 for |s| <= 0.1716, s^4 times its error below 2^-66.2."""
THIRD = (1 / 3, 1.850371707708594e-17)
TWO_LOG2_E = (2.8853900817779268, 4.0710547481862066e-17)
"""Constants as sums of two floats."""

Pair = tuple[Expr, Expr]
"""A number as the sum of a float and a much smaller one."""


def _fast_sum(b: Builder, large: Expr, small: Expr, rest: Expr) -> Pair:
    """large + small + rest, for |large| >= |small| or large = 0."""
    high = b.let(large + small)
    return high, b.let((large - high) + small + rest)


def _product(b: Builder, x: Pair, y: tuple[Expr | float, Expr | float]) -> Pair:
    high = b.let(x[0] * y[0])
    return high, b.let(fma(x[0], y[0], -high) + fma(x[0], y[1], x[1] * y[0]))


def _log2_pair(b: Builder, x: Expr) -> Pair:
    """log2 of a positive finite float64 with a relative error of 2^-63: 2 atanh(f / (2 + f)) / log 2 in pairs."""
    e, m = split_any(b, FLOAT64, x)
    f = b.let(m - 1.0)
    d = b.let(f + 2.0)
    d_error = f - (d - 2.0)
    y = b.let(1.0 / d)
    quotient = b.let(f * y)
    s = quotient, b.let((fma(-quotient, d, f) - quotient * d_error) * y)
    z = _product(b, s, s)
    third = Const(float64, THIRD[0])
    series = _fast_sum(b, third, b.let(z[0] * horner(z[0], ATANH)), Const(float64, THIRD[1]))
    leading = _product(b, s, TWO_LOG2_E)
    rest = _product(b, leading, _product(b, z, series))
    mantissa = _fast_sum(b, leading[0], rest[0], leading[1] + rest[1])
    return _fast_sum(b, e, *mantissa)


def _round(b: Builder, x: Expr, bias: int) -> Pair:
    """`x` rounded to an integer n, and bits whose low part is n + bias."""
    shifted = b.let(x + (FLOAT64.rounder + bias))
    return b.let(shifted - (FLOAT64.rounder + bias)), b.let(bitcast(shifted, uint64))


def _magnitude64(b: Builder, x: Expr, y: Expr) -> Expr:
    """x^y for positive x."""
    logarithm = _log2_pair(b, x)
    high = b.let(y * logarithm[0])
    low = fma(y, logarithm[0], -high) + y * logarithm[1]
    limited = _limit(b, high, 1100.0)
    n, bits = _round(b, limited, 2 * FLOAT64.bias)
    r = b.let((limited - n) + select(absolute(high) < 1100.0, low, 0.0))
    half = b.let(bits >> 1)
    scale, other = (bitcast(k << 52, float64) for k in (half, bits - half))
    return fma(r, horner(r, EXP2), 1.0) * scale * other


def _limit(b: Builder, x: Expr, bound: float) -> Expr:
    x = b.let(select(x > bound, bound, x))
    return b.let(select(x < -bound, -bound, x))


def _magnitude32(b: Builder, x: Expr, y: Expr) -> Expr:
    """x^y for positive x, both float64 and once float32."""
    e, m = split(b, FLOAT64, x)
    f = b.let(m - 1.0)
    logarithm = fma(f, paired(f, b.let(square(f)), LOG2), cast(cast(e, int32), float64))
    t = _limit(b, b.let(y * logarithm), 400.0)
    n, bits = _round(b, t, FLOAT64.bias)
    r = b.let(t - n)
    return fma(r, paired(r, b.let(square(r)), EXP2_SHORT), 1.0) * bitcast(bits << 52, float64)


def _pow(b: Builder, x: Expr, y: Expr, magnitude_of: Row) -> Expr:
    """The cases of C99 around the power of |x|, in float64."""
    infinity, nan = Const(float64, math.inf), Const(float64, math.nan)
    size = b.let(absolute(x))
    limited = _limit(b, y, 1e300)
    magnitude = magnitude_of(b, size, limited)
    # log|x| is infinite: so is the power or its inverse, by the sign of y.
    grows = b.let((size > 1.0).eq(y > 0.0))
    extreme = b.let(size.eq(0.0) | size.eq(infinity))
    value = b.let(select(extreme, select(grows, infinity, 0.0), magnitude))
    halved = b.let(limited * 0.5)
    whole = b.let(prim("trunc", limited).eq(limited))
    odd = whole & prim("trunc", halved).ne(halved)
    negative = bitcast(x, int64) < 0
    signed = b.let(select(negative & odd, -value, value))
    invalid = (x < 0.0) & (size < infinity) & ~whole
    valid = b.let(select(invalid | x.ne(x) | y.ne(y), nan, signed))
    return select(y.eq(0.0) | x.eq(1.0), 1.0, valid)


def _is_special(x: Expr, y: Expr) -> Expr:
    """Where the power is not that of a positive finite number."""
    infinity = Const(x.dtype, math.inf)
    return ~((x > 0.0) & (x < infinity) & (absolute(y) < infinity))


def pow32(b: Builder, x: Expr, y: Expr) -> Expr:
    """Within 0.75 ULP: rounded from float64, which has the whole range of float32."""

    def any_power(apart: Builder) -> Expr:
        wide, exponent = apart.let(cast(x, float64)), apart.let(cast(y, float64))
        return cast(_pow(apart, wide, exponent, _magnitude32), x.dtype)

    usual = cast(_magnitude32(b, b.let(cast(x, float64)), b.let(cast(y, float64))), x.dtype)
    return b.rarely(_is_special(x, y), usual, any_power)


def pow64(b: Builder, x: Expr, y: Expr) -> Expr:
    """Within 2 ULP."""
    usual = _magnitude64(b, x, b.let(_limit(b, y, 1e300)))
    return b.rarely(_is_special(x, y), usual, lambda apart: _pow(apart, x, y, _magnitude64))


TABLE: Table = {("pow", "float32"): pow32, ("pow", "float64"): pow64}
