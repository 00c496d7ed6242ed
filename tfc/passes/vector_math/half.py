"""float16 and bfloat16: arithmetic by float32, conversions as `evaluate` defines them.

bfloat16 is converted by its bits, so that a back end needs no instruction for it; of float16 there remain the casts to
and from float32.
"""

from __future__ import annotations

import numpy as np

from tfc.ir.expr import Const, Expr, bitcast, cast, evaluate, lit, select
from tfc.ir.types import DType, bfloat16, float16, float32, float64, uint16, uint32

from .builder import Builder, absolute

HALF = (float16, bfloat16)


def convert(b: Builder, x: Expr, to: DType) -> Expr:
    """`cast` where one side is a 16-bit float, in steps that machines have."""
    if isinstance(x, Const):
        return lit(evaluate("cast", to, np.asarray(x.value, x.dtype.np)).item(), to)
    if x.dtype == bfloat16:
        x = bitcast(cast(bitcast(x, uint16), uint32) << 16, float32)
    if to == bfloat16:
        return _round_to_bfloat16(b, b.let(cast(x, float32)))
    if to == float16 and x.dtype == float64:
        return cast(_round_to_odd(b, b.let(x)), to)
    return cast(cast(x, float32), to) if float16 in (x.dtype, to) else cast(x, to)


def _round_to_bfloat16(b: Builder, x: Expr) -> Expr:
    """The nearest, ties to even, from float32; a NaN becomes the quiet one of its sign."""
    bits = b.let(bitcast(x, uint32))
    nearest = (bits + ((bits >> 16) & 1) + 0x7FFF) >> 16
    quiet = ((bits >> 16) & 0x8000) | 0x7FC0
    return bitcast(cast(select(x.ne(x), quiet, nearest), uint16), bfloat16)


def _round_to_odd(b: Builder, x: Expr) -> Expr:
    """float64 to float32, to the neighbour with an odd last bit where inexact: only a later rounding counts."""
    nearest = b.let(cast(x, float32))
    back = b.let(cast(nearest, float64))
    bits = bitcast(nearest, uint32)
    toward_zero = bits - cast(absolute(back) > absolute(x), uint32)
    return bitcast(toward_zero | cast(back.ne(x), uint32), float32)
