"""tanh and erf: a polynomial where they are small, else by exp."""

from __future__ import annotations

import math
from functools import partial

from tfc.ir.expr import Expr, bitcast, select

from .builder import Builder, Table, absolute, copysign, fma, horner, paired, square
from .exponential import exp_within, expm1_parts
from .formats import FLOAT32, FLOAT64, FORMATS, LOG2_E, Format

TANH32_SMALL = (-0.333331913, 0.133291319, -0.0535599627, 0.0200943369, -0.00514046755)
"""(tanh(x) / x - 1) / x^2 in x^2 for |x| <= 0.7, relative error of tanh 2^-25.9."""
EXP_MINUS_TWICE = (1.0, -2.0, 1.99999976, -1.33332169, 0.666692495, -0.267798096, 0.0884447396)
"""exp(-2 r) for |r| <= 0.1735, relative error 2^-28.2."""
TANH32_LARGE = (-1.99999809, 1.9998523, -1.99611974, 1.95199919, -1.68749702, 0.905570805)
"""-2 / (1 + e) for 0 < e <= exp(-1.4), by error relative to tanh, 2^-26.9."""
TANH64 = (
    *(-0.3333333333333316, 0.1333333333329949, -0.05396825394543794, 0.021869487773645283, -0.008863220841575458),
    *(0.003591952232011038, -0.0014544801828199503, 0.0005832706140058159, -0.0002177735414982194),
    5.675333459032787e-05,
)
"""(tanh(x) / x - 1) / x^2 in x^2 for |x| <= 1/2, relative error of tanh 2^-58.0."""
ERF_SMALL = {
    # 2^-29.1
    "float32": (0.128379166, -0.37612626, 0.112835787, -0.0268533472, 0.00518716453, -0.000799788686, 7.80705886e-05),
    # 2^-55.9
    "float64": (
        *(0.12837916709551256, -0.37612638903183343, 0.11283791670936925, -0.0268661706419465, 0.005223977596538785),
        *(-0.0008548325470391438, 0.00012055279891828181, -1.492445062228508e-05, 1.6443921932481856e-06),
        *(-1.6181902028125276e-07, 1.3606188806798525e-08, -7.585444134821242e-10),
    ),
}
"""erf(x) / x - 1 in x^2 for |x| <= 1, by error relative to erf."""
ERF_LARGE = {
    # up to 4, 2^-30.7
    "float32": (-1.1286943, -0.634969711, -0.106530547, 0.0240097791, -0.00375733525, 0.000350556424, -1.39588547e-05),
    # up to 6, 2^-57.9
    "float64": (
        *(-1.1283791108524546, -0.6366202527267252, -0.10277082689750269, 0.01912496425886117, 0.00021203708304891038),
        *(-0.0016926086679224614, 0.0005746593049315388, 9.745488138295018e-07, -9.548653799913824e-05),
        *(5.60386298401962e-05, -2.0351452283288745e-05, 5.3852851721773364e-06, -1.078140907824067e-06),
        *(1.630264207018372e-07, -1.8131058139473703e-08, 1.4024462539093897e-09, -6.744857794620644e-11),
        1.5188636282519456e-12,
    ),
}
"""log(1 - erf(x)) / x from 1, by error relative to erf."""
ERF_END = {"float32": 4.0, "float64": 6.0}
"""From here erf is 1."""


def tanh32(b: Builder, x: Expr) -> Expr:
    """Within 1 ULP (0.984 over all 2^32 inputs): a polynomial below 0.7, else 1 - 2 e / (1 + e) with e = exp(-2 |x|).

    There e is below 1/4, so a short polynomial takes the place of the quotient.
    """
    t = FLOAT32
    size = b.let(absolute(x))
    c = b.let(select(size > 10.0, 10.0, size))
    shifted = b.let(fma(c, -2.0 * LOG2_E, t.rounder))
    r = b.let(fma(shifted - t.rounder, 0.5 * math.log(2.0), c))
    # 2^n by adding n to the exponent; the rest of the shifted bits falls off.
    power = bitcast(shifted, t.unsigned) << t.mantissa
    e = b.let(bitcast(bitcast(horner(r, EXP_MINUS_TWICE), t.unsigned) + power, t.dtype))
    large = fma(e, horner(e, TANH32_LARGE), 1.0)
    z = b.let(square(size))
    small = fma(size * z, horner(z, TANH32_SMALL), size)
    return copysign(select(size >= 0.7, large, small), x)


def tanh64(b: Builder, x: Expr) -> Expr:
    """Within 2 ULP: a polynomial below 1/2, else e / (e + 2) with e = expm1(2 |x|)."""
    size = b.let(absolute(x))
    e = b.let(expm1_parts(b, FLOAT64, b.let(select(size > 20.0, 40.0, size + size)))[2])
    z = b.let(square(size))
    small = fma(size * z, horner(z, TANH64), size)
    return copysign(select(size < 0.5, small, e / (e + 2.0)), x)


def erf(t: Format, b: Builder, x: Expr) -> Expr:
    """Float32 within 1 ULP (0.958 over all 2^32 inputs), float64 within 2.

    A polynomial below 1, else 1 - exp of a polynomial.
    """
    dtype = t.dtype.name
    size = b.let(absolute(x))
    c = b.let(select(size > ERF_END[dtype], ERF_END[dtype], size))
    large = 1.0 - exp_within(b, t, c, b.let(paired(c, b.let(square(c)), ERF_LARGE[dtype])))
    z = b.let(square(x))
    small = fma(x, paired(z, b.let(square(z)), ERF_SMALL[dtype]), x)
    return select(size < 1.0, small, copysign(large, x))


TABLE: Table = {
    ("tanh", "float32"): tanh32,
    ("tanh", "float64"): tanh64,
    **{("erf", t.dtype.name): partial(erf, t) for t in FORMATS},
}
