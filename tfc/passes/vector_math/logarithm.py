"""log and log1p."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tfc.ir.expr import Const, Expr, bitcast, cast, select

from .builder import Builder, Table, copysign, fma, horner, square
from .formats import FORMATS, Format

POLYNOMIAL = (
    *(0.333333164, -0.250008106, 0.200023085, -0.166245565, 0.141806901, -0.131282642, 0.128850952),
    -0.0786530152,
)
"""(log1p(f) - f + f^2 / 2) / f^3 on [sqrt(1/2) - 1, sqrt(2) - 1]: f^2 times its error is below 2^-27.3."""
ATANH = (
    *(0.6666666666666735, 0.3999999999940942, 0.2857142874366239, 0.22222198432149784, 0.1818357216161805),
    *(0.15313837699209373, 0.14798198605116586),
)
"""(log((1 + s) / (1 - s)) - 2 s) / s^3 in s^2 for |s| <= 0.1716, error below 2^-58.4 (FreeBSD's e_log.c)."""


def _rest32(b: Builder, f: Expr) -> Expr:
    return square(f) * fma(horner(f, POLYNOMIAL), f, -0.5)


def _rest64(b: Builder, f: Expr) -> Expr:
    """By s = f / (2 + f): log1p(f) = f - (h - s (h + s^2 R)) with h = f^2 / 2."""
    s = b.let(f / (f + 2.0))
    h = b.let(square(f) * 0.5)
    z = b.let(square(s))
    return fma(s, fma(z, horner(z, ATANH), h), -h)


REST: dict[str, Callable[[Builder, Expr], Expr]] = {"float32": _rest32, "float64": _rest64}
"""log1p(f) - f on [sqrt(1/2) - 1, sqrt(2) - 1]."""


def split(b: Builder, t: Format, x: Expr) -> tuple[Expr, Expr]:
    """A normal `x = 2^e m` with sqrt(1/2) <= m < sqrt(2): e as an integer, and m."""
    bits = b.let(bitcast(x, t.signed))
    e = b.let((bits - t.sqrt_half) >> t.mantissa)
    return e, bitcast(bits - (e << t.mantissa), t.dtype)


def split_any(b: Builder, t: Format, x: Expr) -> tuple[Expr, Expr]:
    """`split` of a positive number, subnormal ones too, with e as a float."""
    tiny = b.let(x < t.least_normal)
    e, m = split(b, t, b.let(select(tiny, x * 2.0**t.mantissa, x)))
    exponent = b.let(cast(e, t.dtype))
    return b.let(select(tiny, exponent - float(t.mantissa), exponent)), m


def _log_of(b: Builder, t: Format, e: Expr, f: Expr) -> Expr:
    """e log 2 + log1p(f), the leading sum with its rounding error."""
    high = b.let(fma(e, t.ln2_high, f))
    low = fma(e, t.ln2_high, -high) + f
    return high + (REST[t.dtype.name](b, f) + fma(e, t.ln2_low, low))


def _in_domain(t: Format, x: Expr, value: Expr) -> Expr:
    """The value for a finite positive x, else what log gives: itself for infinity, -inf for zeros, NaN."""
    outside = select(x.eq(0.0), float("-inf"), Const(t.dtype, float("nan")))
    return select(x > 0.0, select(x < float("inf"), value, x), outside)


def log(t: Format, b: Builder, x: Expr) -> Expr:
    """Float32 within 1 ULP (0.933 over all 2^32 inputs), float64 within 2."""
    e, m = split_any(b, t, x)
    return _in_domain(t, x, _log_of(b, t, e, b.let(m - 1.0)))


def log1p(t: Format, b: Builder, x: Expr) -> Expr:
    """Within 2 ULP (float32: 1.53 over all 2^32 inputs).

    log of 1 + x, the rounding error of this sum, scaled, added to the mantissa.
    """
    u = b.let(x + 1.0)
    e, m = split(b, t, u)
    # 2^-e by half, whose bits stay valid up to the largest e.
    scale = bitcast((t.bias + 1 - e) << t.mantissa, t.dtype) * 0.5
    # The smaller of x and 1 is what the sum rounds.
    error = select(x < 1.0, x - (u - 1.0), 1.0 - (u - x))
    f = b.let(fma(error, scale, m - 1.0))
    return copysign(_in_domain(t, u, _log_of(b, t, b.let(cast(e, t.dtype)), f)), x)


TABLE: Table = {(f.__name__, t.dtype.name): partial(f, t) for t in FORMATS for f in (log, log1p)}
