"""Index expressions as i64 values, uniform or one per lane."""

from __future__ import annotations

import operator
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tfc.ir.index import Atom, Dim, Index, bounds, linear_in, simplify, subs, symbols_of

from .context import Context
from .writer import I1, I64, Value, integer, mask_constant, suffix


def resolve(cx: Context, x: Dim) -> Dim:
    """`x` with the names that stand for index expressions replaced, and quotients that ranges decide resolved."""
    if isinstance(x, int):
        return x
    x = subs(x, cx.symbols)
    if isinstance(x, Index) and any(not a.is_symbol for m, _ in x.terms for a in m):
        x = simplify(x, cx.ranges)
    return x


def lane_form(cx: Context, x: Dim) -> tuple[Dim, Dim] | None:
    """`(c, rest)`, both uniform, with `x == c * lane + rest`; None where there is no such form."""
    if not cx.varies(x):
        return 0, x
    form = linear_in(x, cx.lane)
    return None if form is None or cx.varies(*form) else form


def index_value(cx: Context, x: Dim) -> Value:
    """The value of a resolved index."""
    parts, constant = terms(cx, x)
    total = None
    for part in parts:
        total = part if total is None else arithmetic(cx, "add nsw", total, part)
    if total is None:
        return integer(constant)
    return arithmetic(cx, "add nsw", total, integer(constant)) if constant else total


def terms(cx: Context, x: Dim) -> tuple[list[Value], int]:
    """The values of the terms of a resolved index, what changes least often first, and its constant."""
    if isinstance(x, int):
        return [], x
    parts: list[Value] = []
    constant = 0
    for monomial, c in x.terms:
        if monomial:
            parts.append(_term(cx, monomial, c))
        else:
            constant = c
    parts.sort(key=lambda v: (v.lanes > 0, v.level))
    return parts, constant


def _term(cx: Context, monomial: tuple[Atom, ...], c: int) -> Value:
    factors = sorted((_atom(cx, a) for a in monomial), key=lambda v: (v.lanes > 0, v.level))
    value = factors[0]
    if c != 1:
        value = arithmetic(cx, "mul nsw", value, integer(c))
    for factor in factors[1:]:
        value = arithmetic(cx, "mul nsw", value, factor)
    return value


def arithmetic(cx: Context, op: str, a: Value, b: Value) -> Value:
    """An instruction on two i64 values."""
    lanes = a.lanes or b.lanes
    a, b = cx.w.splat(a, lanes), cx.w.splat(b, lanes)
    return cx.w.pure(I64, lanes, f"{op} {a.typed}, {b.text}", a, b)


def _compare(cx: Context, op: str, a: Value, b: Value) -> Value:
    lanes = a.lanes or b.lanes
    a, b = cx.w.splat(a, lanes), cx.w.splat(b, lanes)
    return cx.w.pure(I1, lanes, f"icmp {op} {a.typed}, {b.text}", a, b)


def _choose(cx: Context, condition: Value, a: Value, b: Value) -> Value:
    lanes = condition.lanes
    a, b = cx.w.splat(a, lanes), cx.w.splat(b, lanes)
    return cx.w.pure(I64, lanes, f"select {condition.typed}, {a.typed}, {b.typed}", condition, a, b)


def _atom(cx: Context, atom: Atom) -> Value:
    if atom.is_symbol:
        return cx.value(atom.name)
    if atom.name in ("floordiv", "mod"):
        return _divide(cx, atom)
    a, b = (index_value(cx, x) for x in atom.args)
    if atom.name == "broadcast":
        return _choose(cx, _compare(cx, "eq", b, integer(1)), a, b)
    return intrinsic(cx, f"llvm.s{atom.name}", a, b)


def intrinsic(cx: Context, name: str, a: Value, b: Value) -> Value:
    """A call of an overloaded intrinsic on two i64 values."""
    lanes = a.lanes or b.lanes
    return cx.w.call(f"{name}.{suffix(I64, lanes)}", I64, lanes, cx.w.splat(a, lanes), cx.w.splat(b, lanes))


def _divide(cx: Context, atom: Atom) -> Value:
    """Quotient or rest rounded to minus infinity, of non-negative operands where the ranges say so."""
    (alow, _), (blow, _) = (bounds(x, cx.ranges) for x in atom.args)
    a, b = (index_value(cx, x) for x in atom.args)
    if not b.is_constant:
        # It may run ahead of the loop that a dim of 0 leaves out, so it must not trap.
        b = _choose(cx, _compare(cx, "eq", b, integer(0)), integer(1), b)
    if alow is not None and alow >= 0 and blow is not None and blow >= 0:
        return arithmetic(cx, "udiv" if atom.name == "floordiv" else "urem", a, b)
    rest = arithmetic(cx, "srem", a, b)
    opposite = _compare(cx, "slt", arithmetic(cx, "xor", rest, b), integer(0))
    inexact = _compare(cx, "ne", rest, integer(0))
    lanes = opposite.lanes
    adjust = cx.w.pure(I1, lanes, f"and {opposite.typed}, {inexact.text}", opposite, inexact)
    if atom.name == "mod":
        return _choose(cx, adjust, arithmetic(cx, "add", rest, b), rest)
    quotient = arithmetic(cx, "sdiv", a, b)
    return _choose(cx, adjust, arithmetic(cx, "add nsw", quotient, integer(-1)), quotient)


_BELOW = {"lt": (0, True), "le": (1, True), "ge": (0, False), "gt": (1, False)}
"""`x op 0` for a rising x, as `x < shift` or its negation."""
_MIRROR = {"lt": "gt", "le": "ge", "ge": "le", "gt": "lt"}
_ORDERS = ("lt", "le", "gt", "ge", "eq", "ne")
_ORDER: dict[str, Callable[[Any, int], bool]] = {op: getattr(operator, op) for op in _ORDERS}
_SIGNED = {"lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge", "eq": "eq", "ne": "ne"}


def compare_indices(cx: Context, op: str, a: Dim, b: Dim) -> Value:
    """A comparison of two indices. Of the lane with a uniform bound it becomes a 32-bit compare with the lane numbers,
    from which LLVM makes a mask register or a `vmaskmov`."""
    difference = resolve(cx, a) - resolve(cx, b)
    form = lane_form(cx, difference)
    if form is not None and form[0] in (1, -1) and op in _BELOW:
        c, rest = form
        # c * lane + rest op 0, as lane < bound or its negation
        shift, below = _BELOW[op if c == 1 else _MIRROR[op]]
        return _lanes_below(cx, (rest * -1 if c == 1 else rest) + shift, below)
    if isinstance(difference, int):
        return Value(str(_ORDER[op](difference, 0)).lower(), I1)
    if cx.lanes and symbols_of(difference) == {cx.lane}:
        with suppress(ZeroDivisionError):
            return mask_constant(_ORDER[op](subs(difference, {cx.lane: k}), 0) for k in range(cx.lanes))
    return _compare(cx, _SIGNED[op], index_value(cx, resolve(cx, a)), index_value(cx, resolve(cx, b)))


def _lanes_below(cx: Context, bound: Dim, below: bool) -> Value:
    """The mask of the lanes whose number is below a uniform bound, or of the others."""
    n, w = cx.lanes, cx.w
    if isinstance(bound, int) and (bound <= 0 or bound >= n):
        return Value(str((bound >= n) == below).lower(), I1)
    if isinstance(bound, int):
        return mask_constant((k < bound) == below for k in range(n))
    clamped = intrinsic(cx, "llvm.smin", intrinsic(cx, "llvm.smax", index_value(cx, bound), integer(0)), integer(n))
    narrow = w.splat(w.pure("i32", 0, f"trunc {clamped.typed} to i32", clamped), n)
    numbers = f"<{', '.join(f'i32 {k}' for k in range(n))}>"
    return w.pure(I1, n, f"icmp {'ult' if below else 'uge'} <{n} x i32> {numbers}, {narrow.text}", narrow)
