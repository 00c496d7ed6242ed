"""One row per machine primitive: how it is written in LLVM IR, for each kind of dtype.

Operands come with equal lanes. Rows follow `tfc.ir.expr.evaluate`: nothing traps, whatever the operands, so they may
also run in lanes that are masked off. Half floats take part in `select`, `cast` and `bitcast` only.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from tfc.ir.expr import Number
from tfc.ir.types import DType

from .casts import cast, half_bits
from .context import Context, element
from .writer import I1, Value, suffix

Row = Callable[[Context, DType, tuple[Value, ...]], Value]
"""Takes the operands' dtype (of `select`, its arms') and the operands."""


def constant(dtype: DType, value: Number) -> Value:
    """A scalar constant."""
    elem = element(dtype)
    if dtype.is_bool:
        return Value(str(bool(value)).lower(), elem)
    if not dtype.is_float:
        return Value(str(int(value)), elem)
    if dtype.bits == 16:
        return Value(str(half_bits(dtype, float(value))), elem)
    with np.errstate(over="ignore"):
        rounded = float(np.float32(value)) if dtype.bits == 32 else float(value)
    return Value(f"0x{struct.pack('>d', rounded).hex().upper()}", elem)


def _binary(op: str) -> Row:
    def row(cx: Context, dtype: DType, args: tuple[Value, ...]) -> Value:
        a, b = args
        return cx.w.pure(a.elem, a.lanes, f"{op} {a.typed}, {b.text}", a, b)

    return row


def _compare(op: str) -> Row:
    def row(cx: Context, dtype: DType, args: tuple[Value, ...]) -> Value:
        a, b = args
        return cx.w.pure(I1, a.lanes, f"{op} {a.typed}, {b.text}", a, b)

    return row


def _intrinsic(name: str, flags: str = "", extra: tuple[Value, ...] = ()) -> Row:
    def row(cx: Context, dtype: DType, args: tuple[Value, ...]) -> Value:
        a = args[0]
        return cx.w.call(f"llvm.{name}.{suffix(a.elem, a.lanes)}", a.elem, a.lanes, *args, *extra, flags=flags)

    return row


def _same(like: Value, value: int) -> Value:
    """An integer constant of the type of another value."""
    return (
        Value(str(value), like.elem) if not like.lanes else Value(f"splat ({like.elem} {value})", like.elem, like.lanes)
    )


def _select(cx: Context, dtype: DType, args: tuple[Value, ...]) -> Value:
    c, a, b = args
    return choose(cx, c, a, b)


def choose(cx: Context, c: Value, a: Value, b: Value) -> Value:
    """`a` where the condition holds, else `b`; the condition may be a scalar over vectors."""
    if c.text in ("true", "false"):
        return a if c.text == "true" else b
    return cx.w.pure(a.elem, a.lanes, f"select {c.typed}, {a.typed}, {b.typed}", c, a, b)


def _negate(cx: Context, dtype: DType, args: tuple[Value, ...]) -> Value:
    return _binary("sub")(cx, dtype, (_same(args[0], 0), args[0]))


def _float_negate(cx: Context, dtype: DType, args: tuple[Value, ...]) -> Value:
    return cx.w.pure(args[0].elem, args[0].lanes, f"fneg {args[0].typed}", args[0])


def _invert(cx: Context, dtype: DType, args: tuple[Value, ...]) -> Value:
    a = args[0]
    return cx.inverse(a) if dtype.is_bool else _binary("xor")(cx, dtype, (a, _same(a, -1)))


def _safe_divisor(cx: Context, dtype: DType, a: Value, b: Value) -> tuple[Value, Value]:
    """A divisor that cannot trap, and where it had to be replaced: 0, and -1 below the least integer."""
    zero = _compare("icmp eq")(cx, dtype, (b, _same(b, 0)))
    bad = zero
    if dtype.kind == "i":
        least = _compare("icmp eq")(cx, dtype, (a, _same(a, -(1 << (dtype.bits - 1)))))
        minus = _compare("icmp eq")(cx, dtype, (b, _same(b, -1)))
        bad = _binary("or")(cx, dtype, (zero, _binary("and")(cx, dtype, (least, minus))))
    return choose(cx, bad, _same(b, 1), b), zero


def _floordiv(cx: Context, dtype: DType, args: tuple[Value, ...]) -> Value:
    a, b = args
    divisor, zero = _safe_divisor(cx, dtype, a, b)
    if dtype.kind == "u":
        return choose(cx, zero, _same(a, 0), _binary("udiv")(cx, dtype, (a, divisor)))
    quotient = _binary("sdiv")(cx, dtype, (a, divisor))
    rest = _binary("srem")(cx, dtype, (a, divisor))
    below = _binary("sub")(cx, dtype, (quotient, _same(a, 1)))
    quotient = choose(cx, _rounds_up(cx, dtype, rest, divisor), below, quotient)
    return choose(cx, zero, _same(a, 0), quotient)


def _mod(cx: Context, dtype: DType, args: tuple[Value, ...]) -> Value:
    a, b = args
    divisor, zero = _safe_divisor(cx, dtype, a, b)
    if dtype.kind == "u":
        return choose(cx, zero, _same(a, 0), _binary("urem")(cx, dtype, (a, divisor)))
    rest = _binary("srem")(cx, dtype, (a, divisor))
    moved = _binary("add")(cx, dtype, (rest, divisor))
    return choose(cx, zero, _same(a, 0), choose(cx, _rounds_up(cx, dtype, rest, divisor), moved, rest))


def _rounds_up(cx: Context, dtype: DType, rest: Value, divisor: Value) -> Value:
    """Where division towards zero lies above division towards minus infinity."""
    inexact = _compare("icmp ne")(cx, dtype, (rest, _same(rest, 0)))
    opposite = _compare("icmp slt")(cx, dtype, (_binary("xor")(cx, dtype, (rest, divisor)), _same(rest, 0)))
    return _binary("and")(cx, dtype, (inexact, opposite))


def _shift_left(cx: Context, dtype: DType, args: tuple[Value, ...]) -> Value:
    a, count = args
    inside = _compare("icmp ult")(cx, dtype, (count, _same(count, dtype.bits)))
    return choose(cx, inside, _binary("shl")(cx, dtype, (a, count)), _same(a, 0))


def _shift_right(cx: Context, dtype: DType, args: tuple[Value, ...]) -> Value:
    a, count = args
    if dtype.kind == "i":
        most = _intrinsic("umin")(cx, dtype, (count, _same(count, dtype.bits - 1)))
        return _binary("ashr")(cx, dtype, (a, most))
    inside = _compare("icmp ult")(cx, dtype, (count, _same(count, dtype.bits)))
    return choose(cx, inside, _binary("lshr")(cx, dtype, (a, count)), _same(a, 0))


def _both_ints(row: Row) -> dict[str, Row]:
    return {"i": row, "u": row}


def _ordered(name: str) -> dict[str, Row]:
    return {"f": _compare(f"fcmp o{name}"), "i": _compare(f"icmp s{name}"), "u": _compare(f"icmp u{name}")}


def _equality(name: str, floats: str) -> dict[str, Row]:
    ints = _compare(f"icmp {name}")
    return {"f": _compare(f"fcmp {floats}"), "i": ints, "u": ints, "b": ints}


def _bitwise(op: str) -> dict[str, Row]:
    return dict.fromkeys("iub", _binary(op))


_TRUTH = {"true": True, "false": False, "splat (i1 true)": True, "splat (i1 false)": False}


def _logical(op: str, neutral: bool) -> dict[str, Row]:
    """`and` or `or`, decided here where an operand decides, so that what it guards is known."""

    def row(cx: Context, dtype: DType, args: tuple[Value, ...]) -> Value:
        for one, other in (args, args[::-1]):
            if one.text in _TRUTH:
                return other if _TRUTH[one.text] == neutral else one
        return cx.w.logic(op, *args)

    return {**_bitwise(op), "b": row}


# A zero may have either sign after min and max (nsz): that saves LLVM four instructions.
ROWS: dict[str, dict[str, Row]] = {
    "add": {"f": _binary("fadd"), **_both_ints(_binary("add"))},
    "sub": {"f": _binary("fsub"), **_both_ints(_binary("sub"))},
    "mul": {"f": _binary("fmul"), **_both_ints(_binary("mul"))},
    "div": {"f": _binary("fdiv")},
    "floordiv": _both_ints(_floordiv),
    "mod": _both_ints(_mod),
    "neg": {"f": _float_negate, **_both_ints(_negate)},
    "abs": {"f": _intrinsic("fabs"), "i": _intrinsic("abs", extra=(Value("false", I1),))},
    "min": {"f": _intrinsic("minimum", "nsz "), "i": _intrinsic("smin"), "u": _intrinsic("umin")},
    "max": {"f": _intrinsic("maximum", "nsz "), "i": _intrinsic("smax"), "u": _intrinsic("umax")},
    "floor": {"f": _intrinsic("floor")},
    "ceil": {"f": _intrinsic("ceil")},
    "trunc": {"f": _intrinsic("trunc")},
    "round": {"f": _intrinsic("roundeven")},
    "sqrt": {"f": _intrinsic("sqrt")},
    "copysign": {"f": _intrinsic("copysign")},
    # Without the instruction LLVM calls libm's fma for each lane: slow, and rounded once.
    "fma": {"f": _intrinsic("fma")},
    "and": _logical("and", True),
    "or": _logical("or", False),
    "xor": {**_bitwise("xor"), "b": lambda cx, dtype, args: cx.w.logic("xor", *args)},
    "not": dict.fromkeys("iub", _invert),
    "shl": _both_ints(_shift_left),
    "shr": _both_ints(_shift_right),
    "eq": _equality("eq", "oeq"),
    "ne": _equality("ne", "une"),
    "lt": _ordered("lt"),
    "le": _ordered("le"),
    "gt": _ordered("gt"),
    "ge": _ordered("ge"),
    "select": dict.fromkeys("fiub", _select),
}

_MOVES = ("select", "cast", "bitcast")


def apply(cx: Context, op: str, result: DType, operand: DType, args: tuple[Value, ...]) -> Value:
    """The value of a primitive. Raises CodegenError for one that should have been expanded or legalised."""
    lanes = max(a.lanes for a in args)
    if lanes:
        # A uniform condition of `select` stays a scalar.
        args = tuple(a if op == "select" and k == 0 else cx.w.splat(a, lanes) for k, a in enumerate(args))
    if operand.is_float and operand.bits == 16 and op not in _MOVES:
        raise cx.error(f"{op} of {operand}: arithmetic on half floats must be done in float32")
    if op == "cast":
        return cast(cx, args[0], operand, result)
    if op == "bitcast":
        return _bitcast(cx, args[0], operand, result)
    row = ROWS.get(op, {}).get(operand.kind)
    if row is None:
        raise cx.error(f"{op} of {operand} is not a machine primitive")
    return row(cx, operand, args)


def _bitcast(cx: Context, v: Value, operand: DType, result: DType) -> Value:
    to = Value("", element(result), v.lanes)
    if operand.bits != result.bits or operand.is_bool or result.is_bool:
        raise cx.error(f"bitcast of {operand} to {result}")
    if v.elem == to.elem:
        return v
    return cx.w.pure(to.elem, v.lanes, f"bitcast {v.typed} to {to.type}", v)


_REDUCERS = {
    "add": {"f": "fadd", "i": "add", "u": "add"},
    "mul": {"f": "fmul", "i": "mul", "u": "mul"},
    "min": {"f": "fminimum", "i": "smin", "u": "umin"},
    "max": {"f": "fmaximum", "i": "smax", "u": "umax"},
    "and": dict.fromkeys("iub", "and"),
    "or": dict.fromkeys("iub", "or"),
}
_STARTS = {"fadd": -0.0, "fmul": 1.0}


def reduce_lanes(cx: Context, combiner: str, dtype: DType, v: Value) -> Value:
    """All lanes combined, in an order that is LLVM's choice (the one place where sums are reassociated)."""
    name = _REDUCERS[combiner].get(dtype.kind)
    if name is None or (dtype.is_float and dtype.bits == 16):
        raise cx.error(f"no reduction by {combiner} of {dtype}")
    start = (constant(dtype, _STARTS[name]),) if name in _STARTS else ()
    flags = "reassoc " if start else "nsz " if dtype.is_float else ""
    return cx.w.call(f"llvm.vector.reduce.{name}.{suffix(v.elem, v.lanes)}", v.elem, 0, *start, v, flags=flags)
