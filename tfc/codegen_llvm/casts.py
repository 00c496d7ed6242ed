"""Conversions between dtypes; those of half floats in integer arithmetic where the machine has no instructions."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from tfc.ir import types as T
from tfc.ir.types import DType

from .context import Context, element
from .writer import I1, Value, suffix, type_text


def half_bits(dtype: DType, value: float) -> int:
    """The bits of a half float constant."""
    with np.errstate(over="ignore"):
        if dtype == T.float16:
            return int(np.float16(value).view(np.uint16))
        single = np.float32(value)
    if np.isnan(single):
        return 0x7FC0
    bits = int(struct.unpack("<I", struct.pack("<f", single))[0])
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16


def cast(cx: Context, v: Value, source: DType, to: DType) -> Value:
    """`v` converted, as `tfc.ir.expr.evaluate` says."""
    if source == to:
        return v
    if source.is_float and source.bits == 16:
        widen = _half_to_float if source == T.float16 else _bfloat_to_float
        return cast(cx, widen(cx, v), T.float32, to)
    if to.is_float and to.bits == 16:
        if to == T.float16:
            single = _round_to_odd(cx, v) if source == T.float64 else cast(cx, v, source, T.float32)
            return _float_to_half(cx, single)
        return _float_to_bfloat(cx, cast(cx, v, source, T.float32))
    if to.is_bool:
        return _to_bool(cx, v, source)
    if source.is_float and to.is_int and v.lanes:
        return _to_integers(cx, v, to)
    return _convert(cx, _CONVERSIONS[source.kind, to.kind](source, to), v, element(to))


def _convert(cx: Context, op: str, v: Value, elem: str) -> Value:
    if v.elem == elem:
        return v
    if op.startswith("llvm."):
        return cx.w.call(f"{op}.{suffix(elem, v.lanes)}.{suffix(v.elem, v.lanes)}", elem, v.lanes, v)
    return cx.w.pure(elem, v.lanes, f"{op} {v.typed} to {type_text(elem, v.lanes)}", v)


_CONVERSIONS: dict[tuple[str, str], Callable[[DType, DType], str]] = {
    ("f", "f"): lambda a, b: "fpext" if a.bits < b.bits else "fptrunc",
    ("f", "i"): lambda a, b: "llvm.fptosi.sat",
    ("f", "u"): lambda a, b: "llvm.fptoui.sat",
    ("i", "f"): lambda a, b: "sitofp",
    ("u", "f"): lambda a, b: "uitofp",
    ("b", "f"): lambda a, b: "uitofp",
    ("i", "i"): lambda a, b: "sext" if a.bits < b.bits else "trunc",
    ("i", "u"): lambda a, b: "sext" if a.bits < b.bits else "trunc",
    ("u", "i"): lambda a, b: "zext" if a.bits < b.bits else "trunc",
    ("u", "u"): lambda a, b: "zext" if a.bits < b.bits else "trunc",
    ("b", "i"): lambda a, b: "zext",
    ("b", "u"): lambda a, b: "zext",
}
"""The instruction for a pair of kinds."""


def _to_integers(cx: Context, v: Value, to: DType) -> Value:
    """What `fptosi.sat` and `fptoui.sat` do, which LLVM computes lane by lane; what lies outside is never chosen."""
    b, signed = _Bits(cx, v.lanes), to.kind == "i"
    beyond = 1 << (to.bits - signed)
    elem = element(to) if to.bits >= 32 else "i32"
    result = b.to("fptosi" if signed or to.bits < 32 else "fptoui", v, elem)
    result = b.choose(b.op("fcmp oge", v, b.real(beyond, v.elem)), b.number(beyond - 1, elem), result)
    if signed:
        result = b.choose(b.op("fcmp ole", v, b.real(-beyond, v.elem)), b.number(-beyond, elem), result)
        result = b.choose(b.op("fcmp uno", v, v), b.number(0, elem), result)
    else:
        result = b.choose(b.op("fcmp ogt", v, b.real(0, v.elem)), result, b.number(0, elem))
    return result if to.bits >= 32 else b.to("trunc", result, element(to))


def _to_bool(cx: Context, v: Value, source: DType) -> Value:
    zero = "0.0" if source.is_float else "0"
    if v.lanes:
        zero = f"splat ({v.elem} {zero})"
    return cx.w.pure(I1, v.lanes, f"{'fcmp une' if source.is_float else 'icmp ne'} {v.typed}, {zero}", v)


class _Bits:
    """Integer arithmetic on lanes, for the algorithms below."""

    def __init__(self, cx: Context, lanes: int) -> None:
        self.w, self.lanes = cx.w, lanes

    def number(self, value: int, elem: str = "i32") -> Value:
        return self.w.splat(Value(str(value), elem), self.lanes)

    def real(self, value: int, elem: str) -> Value:
        return self.w.splat(Value(f"0x{struct.pack('>d', float(value)).hex().upper()}", elem), self.lanes)

    def op(self, name: str, a: Value, b: Value | int) -> Value:
        other = self.number(b, a.elem) if isinstance(b, int) else b
        elem = I1 if name[1:].startswith("cmp") else a.elem
        return self.w.pure(elem, self.lanes, f"{name} {a.typed}, {other.text}", a, other)

    def to(self, name: str, v: Value, elem: str) -> Value:
        return self.w.pure(elem, self.lanes, f"{name} {v.typed} to {type_text(elem, self.lanes)}", v)

    def choose(self, c: Value, a: Value, b: Value) -> Value:
        return self.w.pure(a.elem, self.lanes, f"select {c.typed}, {a.typed}, {b.typed}", c, a, b)


def _has_half(cx: Context) -> bool:
    return "+f16c" in cx.target.features or "+fp-armv8" in cx.target.features


def _half_to_float(cx: Context, v: Value) -> Value:
    """Exponent rebased by a multiplication, which also makes subnormals right."""
    b = _Bits(cx, v.lanes)
    if _has_half(cx):
        return b.to("fpext", b.to("bitcast", v, "half"), "float")
    wide = b.to("zext", v, "i32")
    magnitude = b.op("and", wide, 0x7FFF)
    shifted = b.op("shl", magnitude, 13)
    scale = b.to("bitcast", b.number((127 + 112) << 23), "float")
    finite = b.to("bitcast", b.op("fmul", b.to("bitcast", shifted, "float"), scale), "i32")
    special = b.op("or", shifted, 0x7F800000)
    bits = b.choose(b.op("icmp uge", magnitude, 0x7C00), special, finite)
    sign = b.op("shl", b.op("and", wide, 0x8000), 16)
    return b.to("bitcast", b.op("or", bits, sign), "float")


def _float_to_half(cx: Context, v: Value) -> Value:
    """Rounds half to even: normals by integer addition, subnormals by adding a float whose last place is theirs."""
    b = _Bits(cx, v.lanes)
    if _has_half(cx):
        return b.to("bitcast", b.to("fptrunc", v, "half"), "i16")
    bits = b.to("bitcast", v, "i32")
    sign = b.op("and", b.op("lshr", bits, 16), 0x8000)
    magnitude = b.op("and", bits, 0x7FFFFFFF)
    odd = b.op("and", b.op("lshr", magnitude, 13), 1)
    rebased = b.op("add", b.op("add", magnitude, 0xFFF - (112 << 23)), odd)
    normal = b.op("lshr", rebased, 13)
    anchor = 126 << 23
    lifted = b.op("fadd", b.to("bitcast", magnitude, "float"), b.to("bitcast", b.number(anchor), "float"))
    subnormal = b.op("sub", b.to("bitcast", lifted, "i32"), anchor)
    infinite = b.choose(b.op("icmp ugt", magnitude, 0x7F800000), b.number(0x7E00), b.number(0x7C00))
    out = b.choose(b.op("icmp ult", magnitude, 113 << 23), subnormal, normal)
    out = b.choose(b.op("icmp uge", magnitude, 143 << 23), infinite, out)
    return b.to("trunc", b.op("or", out, sign), "i16")


def _bfloat_to_float(cx: Context, v: Value) -> Value:
    b = _Bits(cx, v.lanes)
    return b.to("bitcast", b.op("shl", b.to("zext", v, "i32"), 16), "float")


def _float_to_bfloat(cx: Context, v: Value) -> Value:
    """Rounds half to even; NaN stays NaN."""
    b = _Bits(cx, v.lanes)
    bits = b.to("bitcast", v, "i32")
    odd = b.op("and", b.op("lshr", bits, 16), 1)
    rounded = b.op("add", b.op("add", bits, 0x7FFF), odd)
    quiet = b.op("or", bits, 0x400000)
    out = b.choose(b.op("fcmp uno", v, v), quiet, rounded)
    return b.to("trunc", b.op("lshr", out, 16), "i16")


def _round_to_odd(cx: Context, v: Value) -> Value:
    """float64 to float32 so that rounding once more is as rounding once: inexact results get an odd last bit."""
    b = _Bits(cx, v.lanes)
    near = b.to("fptrunc", v, "float")
    back = b.to("fpext", near, "double")
    bits = b.to("bitcast", near, "i32")
    fabs = f"llvm.fabs.{suffix('double', v.lanes)}"
    beyond = b.op("fcmp ogt", cx.w.call(fabs, "double", v.lanes, back), cx.w.call(fabs, "double", v.lanes, v))
    toward_zero = b.op("sub", bits, b.to("zext", beyond, "i32"))
    odd = b.choose(b.op("fcmp one", back, v), b.op("or", toward_zero, 1), bits)
    return b.to("bitcast", odd, "float")
