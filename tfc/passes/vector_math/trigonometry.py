"""sin and cos with a sound reduction for every finite argument."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from tfc.ir.expr import Const, Expr, bitcast, cast, prim, select
from tfc.ir.types import float64, int64, uint32, uint64

from .builder import Builder, Table, absolute, fma, horner, square
from .formats import FLOAT32, FLOAT64

CHUNKS = (
    *(0.15915494225919247, 8.327028684640414e-10, 5.69002511952534e-19, 6.317065083361892e-27),
    *(5.595982707708916e-36, 6.551007954373285e-45),
)
"""1 / (2 pi) in 29-bit parts, whose products with a float32 are exact, and the rest."""
SIN_SHORT = (-0.16666666641426453, 0.00833332936227063, -0.00019839327133533964, 2.7182372502148866e-06)
COS_SHORT = (-0.4999999972290789, 0.041666623064579286, -0.0013886755322583145, 2.4389634093097138e-05)
"""(sin(r) / r - 1) / r^2 and (cos(r) - 1) / r^2 in r^2 for |r| <= pi / 4, r^2 times the error 2^-37.5 and 2^-34.1."""
SIN = (
    *(-0.16666666666666632, 0.008333333333322455, -0.00019841269829813413, 2.7557313687569552e-06),
    *(-2.505075671329889e-08, 1.5896681755609022e-10),
)
COS = (
    *(0.0416666666666666, -0.0013888888888874441, 2.480158728963631e-05, -2.755731438746745e-07),
    *(2.0875727058423466e-09, -1.1359802430863531e-11),
)
"""(sin(r) / r - 1) / r^2 to 2^-57.9 and ((cos(r) - 1) / r^2 + 1/2) / r^2 to 2^-64.1, likewise."""
TWO_OVER_PI = 0.6366197723675814
HALF_PI32 = (1.5707963705062866, -4.371138828673793e-08, -1.7151245100059215e-15)
MODERATE32 = 2.0**17
"""Below this the whole turns of a float32 are found, and taken off by three products."""
HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
TWO_PI = (6.283185307179586, 2.4492935982947064e-16)
MODERATE = 2.0**20
"""Below this a product with the first part of HALF_PI cancels exactly."""
WORDS = (
    *(0, 0x28BE60DB9391054A, 0x7F09D5F47D4D3770, 0x36D8A5664F10E410, 0x7F9458EAF7AEF158, 0x6DC91B8E909374B8),
    *(0x01924BBA82746487, 0x3F877AC72C4A69CF, 0xBA208D7D4BAED121, 0x3A671C09AD17DF90, 0x4E64758E60D4CE7D),
    *(0x272117E2EF7E4A0E, 0xC7FE25FFF7816603, 0xFBCBC462D6829B47, 0xDB4D9FB3C9F2C26D, 0xD3D18FD9A797FA8B),
    *(0x5D49EEB1FAF97C5E, 0xCF41CE7DE294A4BA, 0x9AFED7EC47E35742, 0x1580CC11BF1EDAEA),
)
"""The bits of 2^-64 / (2 pi) after the point."""
LOW = 0xFFFFFFFF


def _reduce32(b: Builder, x: Expr) -> tuple[Expr, Expr]:
    """`x = q pi / 2 + r` for a float32 as float64: r, and bits whose lowest two are those of q.

    The products with 1 / (2 pi) lose their whole turns part by part; what is left is added up twice, once to find the
    quadrant and, without it, so that cancellation is exact.
    """
    turns = []
    for c in CHUNKS:
        p = b.let(x * c)
        turns.append(b.let(p - prim("round", p)))
    first, *others = turns
    total = first
    for part in others:
        total = total + part
    shifted = b.let(fma(total, 4.0, FLOAT64.rounder))
    rest = fma(shifted - FLOAT64.rounder, -0.25, first)
    for part in others:
        rest = rest + part
    return b.let(rest * TWO_PI[0]), bitcast(shifted, uint64)


def _reduce64(b: Builder, x: Expr) -> tuple[Expr, Expr]:
    """The same for a float64 that is not negative, by one of two ways; an infinity gives NaN."""
    shifted = b.let(fma(x, TWO_OVER_PI, FLOAT64.rounder))
    n = b.let(FLOAT64.rounder - shifted)
    near = fma(n, HALF_PI[2], fma(n, HALF_PI[1], fma(n, HALF_PI[0], x)))
    huge = b.let(x >= MODERATE)
    far, quadrant = _reduce_huge(b, b.let(select(huge, x, MODERATE)))
    r = select(huge, select(x < float("inf"), far, Const(float64, float("nan"))), near)
    return b.let(r), select(huge, quadrant, bitcast(shifted, uint64))


def _reduce_huge(b: Builder, x: Expr) -> tuple[Expr, Expr]:
    """By integers (Payne and Hanek): the mantissa times the 192 bits of 1 / (2 pi) that make fractions of a turn."""
    bits = b.let(bitcast(x, uint64))
    # x = m 2^k; the window starts k bits behind the point.
    start = b.let((bits >> 52) - (FLOAT64.bias + 52 - 64))
    mantissa = b.let((bits & (2**52 - 1)) | 2**52)
    high, low = _fraction(b, _window(b, start), mantissa)
    quadrant = b.let((high + 2**61) >> 62)
    rest = b.let(bitcast(high - (quadrant << 62), int64))
    # The rest in two floats that are exact or nearly, then times 2 pi.
    turns = b.let(cast(rest & ~0x7FF, float64) * 2.0**-64)
    tail = ((rest & 0x7FF) << 52) | bitcast(low >> 12, int64)
    small = cast(tail, float64) * 2.0**-116
    angle = b.let(turns * TWO_PI[0])
    error = fma(turns, TWO_PI[0], -angle) + fma(turns, TWO_PI[1], small * TWO_PI[0])
    return angle + error, quadrant


def _window(b: Builder, start: Expr) -> list[Expr]:
    """The six 32-bit words from bit `start` of WORDS: four words of 64 bits by halving the table, then shifted."""
    words: list[Expr] = [Const(uint64, w) for w in WORDS]
    for step in (16, 8, 4, 2, 1):
        skip = b.let((start & (64 * step)).ne(0))
        words = [
            b.let(select(skip, words[j + step], words[j])) if j + step < len(words) else words[j]
            for j in range(step + 3)
        ]
    shift = b.let(start & 63)
    # By 1 and then by 63 - shift: a shift by 64 has no meaning.
    shifted = [b.let((w << shift) | ((after >> 1) >> (63 - shift))) for w, after in pairwise(words)]
    return [b.let(half) for w in shifted for half in (w >> 32, w & LOW)]


def _fraction(b: Builder, window: list[Expr], m: Expr) -> tuple[Expr, Expr]:
    """The first 128 bits after the point of a 53-bit integer times 0.window, with an error of a few of the last."""
    low, high = b.let(m & LOW), b.let(m >> 32)
    by_low = [b.let(low * w) for w in window[:5]]
    by_high = [b.let(high * w) for w in window]
    columns = [
        (by_low[j] & LOW) + (by_low[j + 1] >> 32) + (by_high[j + 1] & LOW) + (by_high[j + 2] >> 32) for j in range(4)
    ]
    carried = b.let(columns.pop())
    sums = [carried]
    while columns:
        carried = b.let(columns.pop() + (carried >> 32))
        sums.insert(0, carried)
    return b.let((sums[0] << 32) | (sums[1] & LOW)), b.let((sums[2] << 32) | (sums[3] & LOW))


def _short(b: Builder, r: Expr) -> tuple[Expr, Expr]:
    z = b.let(square(r))
    return fma(r * z, horner(z, SIN_SHORT), r), fma(z, horner(z, COS_SHORT), 1.0)


def _long(b: Builder, r: Expr) -> tuple[Expr, Expr]:
    z = b.let(square(r))
    half = b.let(z * 0.5)
    leading = b.let(1.0 - half)
    return fma(r * z, horner(z, SIN), r), leading + fma(square(z), horner(z, COS), (1.0 - leading) - half)


def _wave(b: Builder, x: Expr, parts: tuple[Expr, Expr], quadrant: Expr, is_cos: bool) -> Expr:
    """sin(r) and cos(r) turned by the quadrant, with the sign of x for sin."""
    quadrant = b.let(quadrant + 1) if is_cos else b.let(quadrant)
    value = select((quadrant & 1).ne(0), parts[1], parts[0])
    sign = (quadrant & 2) << 62
    if not is_cos:
        sign = sign ^ (bitcast(x, uint64) & 2**63)
    return bitcast(bitcast(value, uint64) ^ sign, float64)


def _wave32(is_cos: bool, b: Builder, x: Expr) -> Expr:
    """Within 2 ULP (1.49 over all from 1/4 to MODERATE32): in float32 for moderate arguments, else by float64."""
    moderate = absolute(x) < MODERATE32
    return b.rarely(~moderate, _moderate32(is_cos, b, x), lambda apart: _any32(is_cos, apart, x))


def _any32(is_cos: bool, b: Builder, x: Expr) -> Expr:
    """Any argument: float64 throughout, then rounded."""
    wide = b.let(cast(x, float64))
    r, quadrant = _reduce32(b, b.let(absolute(wide)))
    return cast(_wave(b, wide, _short(b, r), quadrant, is_cos), x.dtype)


def _moderate32(is_cos: bool, b: Builder, x: Expr) -> Expr:
    """|x| = n pi / 2 + r; the first difference is exact, for its last place is at least that of HALF_PI32[0]."""
    size = b.let(absolute(x))
    shifted = b.let(fma(size, TWO_OVER_PI, FLOAT32.rounder))
    n = b.let(shifted - FLOAT32.rounder)
    r = size
    for part in HALF_PI32:
        r = fma(n, -part, r)
    r = b.let(r)
    z = b.let(square(r))
    sine, cosine = fma(r * z, horner(z, SIN_SHORT), r), fma(z, horner(z, COS_SHORT), 1.0)
    quadrant = bitcast(shifted, uint32)
    quadrant = b.let(quadrant + 1) if is_cos else b.let(quadrant)
    sign = (quadrant & 2) << 30
    if not is_cos:
        sign = sign ^ (bitcast(x, uint32) & 2**31)
    return bitcast(bitcast(select((quadrant & 1).ne(0), cosine, sine), uint32) ^ sign, x.dtype)


def _wave64(is_cos: bool, b: Builder, x: Expr) -> Expr:
    """Within 2 ULP."""
    r, quadrant = _reduce64(b, b.let(absolute(x)))
    return _wave(b, x, _long(b, r), quadrant, is_cos)


TABLE: Table = {
    (op, dtype): partial(f, op == "cos")
    for op in ("sin", "cos")
    for dtype, f in (("float32", _wave32), ("float64", _wave64))
}
