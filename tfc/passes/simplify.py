"""Algebraic simplification by rules that keep every bit, NaN, infinities, signed zeros and wrapping integers included.

Only the sign and payload of a NaN may change, and `pow` may become exactly rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tfc.ir.graph import Graph, Value, rebuild
from tfc.ir.op import normalize_axes
from tfc.ir.types import DType, TensorType, float32, float64

from .canonical import is_constant, number_of
from .dce import DeadCode
from .rewrite import Rewriter, Rule, Site

ROUNDINGS = ("floor", "ceil", "round")
REDUCTIONS = ("sum", "prod", "max", "min", "any", "all")
PRECISION = {"float16": (11, 5), "bfloat16": (8, 8), "float32": (24, 8), "float64": (53, 11)}
"""Bits of significand and of exponent."""


@dataclass(frozen=True)
class Simplify:
    """Applies `RULES` until none applies, and leaves out what they made useless. Applied again, it changes nothing."""

    name: ClassVar[str] = "simplify"

    def apply(self, graph: Graph) -> Graph:
        rewriter = Rewriter(RULES, graph)
        return DeadCode().apply(rebuild(graph, rewriter.rule))


# Conditions and rewrites that do not fit into a line


def _is_neutral_for_add(s: Site, c: Value) -> bool:
    """x + 0.0 is 0.0 for x = -0.0, so for floats only -0.0 is neutral."""
    return s.is_all(c, -0.0 if s.is_float else 0)


def _of_ints(y: Value) -> bool:
    """Whether a value was made of integers."""
    return bool(y.node.operands) and y.node.operands[0].type.dtype.is_int


def _is_truth(s: Site, x: Value, y: Value) -> bool:
    return s.type.dtype.is_bool and s.is_all(x, True) and s.is_all(y, False)


def _exact_reciprocal(s: Site, x: Value, c: Value) -> Value | None:
    """A power of two whose reciprocal is a power of two too, neither of them subnormal: both quotient and product are
    then the same number, rounded once."""
    number = number_of(c)
    if number is None or not s.is_float:
        return None
    value = float(number)
    tiny = 2.0 ** (2 - 2 ** (PRECISION[s.dtype.name][1] - 1))
    if not np.isfinite(value) or abs(np.frexp(value)[0]) != 0.5 or not tiny <= abs(value) <= 1 / tiny:
        return None
    return s.of("mul", x, s.number(1 / value))


def _is_lossless(a: DType, b: DType) -> bool:
    """Whether every number of dtype `a` is one of dtype `b`."""
    if a == b or a.is_bool:
        return True
    if a.is_float:
        return b.is_float and all(m <= n for m, n in zip(PRECISION[a.name], PRECISION[b.name], strict=True))
    digits = a.bits - (a.kind == "i")
    if b.is_float:
        return digits <= PRECISION[b.name][0]
    return b.is_int and (a.kind == "u" or b.kind == "i") and digits <= b.bits - (b.kind == "i")


def _cast_of_cast(s: Site, y: Value) -> Value | None:
    """Floats saturate where integers wrap, so an integer by way of a float only goes on to where it fits."""
    x, to = s.under(y, "cast"), s.attrs["dtype"]
    if x is None or not _is_lossless(x.type.dtype, y.type.dtype):
        return None
    saturates = x.type.dtype.is_int and y.type.dtype.is_float
    if saturates and not (to.is_bool or to in (float32, float64) or _is_lossless(x.type.dtype, to)):
        return None
    return s.make("cast", x, dtype=to)


def permutation(v: TensorType, perm: Sequence[int] | None) -> tuple[int, ...]:
    return tuple(reversed(range(v.rank))) if perm is None else tuple(p % v.rank for p in perm)


def transpose_of_transpose(s: Site, y: Value) -> Value | None:
    x = s.under(y, "transpose")
    if x is None or x.type.shape is None:
        return None
    inner, outer = permutation(x.type, y.node.attrs["perm"]), permutation(y.type, s.attrs["perm"])
    return s.make("transpose", x, perm=tuple(inner[k] for k in outer))


def plain_transpose(s: Site, x: Value) -> Value | None:
    if x.type.shape is None:
        return None
    perm = permutation(x.type, s.attrs["perm"])
    if perm == tuple(range(x.type.rank)):
        return x
    return None if perm == s.attrs["perm"] else s.make("transpose", x, perm=perm)


def _swapped(v: Value) -> Value | None:
    """The matrices whose last two axes, and no others, were swapped to make a value."""
    if v.node.op.name != "transpose" or v.type.shape is None or v.type.rank < 2:
        return None
    axes = tuple(range(v.type.rank))
    swap = (*axes[:-2], axes[-1], axes[-2])
    return v.node.operands[0] if permutation(v.type, v.node.attrs["perm"]) == swap else None


def _matmul_of_transpose(s: Site, a: Value, b: Value) -> Value | None:
    left, right = _swapped(a), _swapped(b)
    if left is None and right is None:
        return None
    flags = s.attrs["transpose_a"] != (left is not None), s.attrs["transpose_b"] != (right is not None)
    return s.make("matmul", left or a, right or b, transpose_a=flags[0], transpose_b=flags[1])


def _plain_axes(s: Site, x: Value) -> Value | None:
    """Axes as sorted numbers from 0, so that equal reductions are equal; none left means nothing to reduce.

    But a sum starts at 0.0, and 0.0 + -0.0 is 0.0.
    """
    if x.type.shape is None:
        return None
    axes = normalize_axes(s.attrs["axes"], x.type.rank)
    if not axes:
        return s.of("add", x, s.number(0.0)) if s.op.name == "reduce_sum" and s.is_float else s.keep(x)
    return None if axes == s.attrs["axes"] else s.make(s.op.name, x, **{**s.attrs, "axes": axes})


def _to_shape(s: Site, x: Value) -> Value | None:
    """The same elements in the shape of the node."""
    return None if s.type.shape is None else s.make("reshape", x, shape=s.type.shape)


def _spread_scalar(s: Site, y: Value) -> Value | None:
    x = s.under(y, "broadcast_to")
    return s.keep(x) if x is not None and x.type.shape == () else None


def _fuse_int(s: Site, y: Value, c: Value) -> Value | None:
    if not s.is_int or y.node.op is not s.op or not (is_constant(c) and is_constant(y.node.operands[1])):
        return None
    x, d = y.node.operands
    return s.make(s.op.name, x, s.make(s.op.name, d, c))


def _constant_last(s: Site, *operands: Value) -> Value | None:
    if not s.op.commutative or len(operands) != 2 or not is_constant(operands[0]) or is_constant(operands[1]):
        return None
    return s.make(s.op.name, operands[1], operands[0], **s.attrs)


def _drop_broadcast(s: Site, *operands: Value) -> Value | None:
    """Elementwise ops broadcast by themselves; what another operand says of the shape need not be said twice."""
    if s.op.scalar is None or len(operands) < 2 or s.type.shape is None:
        return None
    for k, v in enumerate(operands):
        x = s.under(v, "broadcast_to")
        if x is not None:
            plain = (*operands[:k], x, *operands[k + 1 :])
            if s.graph.shapes.broadcast(*(o.type.shape for o in plain)) == s.type.shape:
                return s.make(s.op.name, *plain, **s.attrs)
    return None


def _is_lone(x: Value) -> bool:
    """Whether a value has one element but is no scalar."""
    return x.type.shape not in (None, ()) and x.type.size == 1


# fmt: off
RULES = (
    Rule("add", lambda s, x, c: _is_neutral_for_add(s, c) and s.keep(x)),  # x + -0.0 -> x, ints: x + 0 -> x
    Rule("add", lambda s, x, y: (z := s.under(y, "neg")) and s.of("sub", x, z)),  # x + -y -> x - y
    Rule("add", lambda s, x, y: (z := s.under(x, "neg")) and s.of("sub", y, z)),  # -x + y -> y - x
    Rule("add", _fuse_int),  # ints: (x + c) + d -> x + (c + d)
    Rule("sub", lambda s, x, c: s.is_all(c, 0) and s.keep(x)),  # x - 0 -> x
    Rule("sub", lambda s, x, y: s.is_int and x is y and s.fill(0)),  # ints: x - x -> 0
    Rule("sub", lambda s, x, y: (z := s.under(y, "neg")) and s.of("add", x, z)),  # x - -y -> x + y
    Rule("sub", lambda s, c, x: _is_neutral_for_add(s, c) and s.of("neg", x)),  # -0.0 - x -> -x, ints: 0 - x -> -x
    Rule("mul", lambda s, x, c: s.is_all(c, 1) and s.keep(x)),  # x * 1 -> x
    Rule("mul", lambda s, x, c: s.dtype.kind != "u" and s.is_all(c, -1) and s.of("neg", x)),  # x * -1 -> -x
    Rule("mul", lambda s, x, c: s.is_int and s.is_all(c, 0) and s.fill(0)),  # ints: x * 0 -> 0
    Rule("mul", lambda s, x, y: s.both("neg")),  # -x * -y -> x * y
    Rule("mul", lambda s, x, y: x is y and s.of("square", x)),  # x * x -> x**2
    Rule("mul", _fuse_int),  # ints: (x * c) * d -> x * (c * d)
    Rule("div", lambda s, x, c: s.is_all(c, 1) and s.keep(x)),  # x / 1 -> x
    Rule("div", lambda s, x, c: s.is_all(c, -1) and s.of("neg", x)),  # x / -1 -> -x
    Rule("div", lambda s, x, y: s.both("neg")),  # -x / -y -> x / y
    Rule("div", _exact_reciprocal),  # x / 2**k -> x * 2**-k
    Rule("floordiv", lambda s, x, c: s.is_int and s.is_all(c, 1) and s.keep(x)),  # ints: x // 1 -> x
    Rule("mod", lambda s, x, c: s.is_int and s.is_all(c, 1) and s.fill(0)),  # ints: x % 1 -> 0
    Rule("neg", lambda s, y: s.under(y, "neg")),  # --x -> x
    Rule("neg", lambda s, y: s.is_int and s.inner("sub", y, "sub")),  # ints: -(x - y) -> y - x
    Rule("abs", lambda s, y: (x := s.under(y, "neg", "abs")) and s.of("abs", x)),  # |-x| -> |x|, ||x|| -> |x|
    Rule("abs", lambda s, y: s.is_float and s.under(y, "square") and y),  # floats: |x**2| -> x**2
    Rule("square", lambda s, y: (x := s.under(y, "neg", "abs")) and s.of("square", x)),  # (-x)**2, |x|**2 -> x**2
    Rule("sign", lambda s, y: s.under(y, "sign") and y),  # sign(sign(x)) -> sign(x)
    Rule("pow", lambda s, x, c: s.is_all(c, 0) and s.fill(1)),  # x ** 0 -> 1, of NaN too
    Rule("pow", lambda s, x, c: s.is_all(c, 1) and s.keep(x)),  # x ** 1 -> x
    Rule("pow", lambda s, x, c: s.is_all(c, 2) and s.of("square", x)),  # x ** 2 -> x**2
    Rule("pow", lambda s, x, c: s.is_all(c, -1) and s.of("div", s.number(1), x)),  # x ** -1 -> 1 / x
    Rule("maximum", lambda s, x, y: x is y and x),  # max(x, x) -> x
    Rule("minimum", lambda s, x, y: x is y and x),  # min(x, x) -> x
    *(Rule(op, lambda s, y: s.under(y, *ROUNDINGS) and y) for op in ROUNDINGS),  # floor(round(x)) -> round(x)
    Rule("greater", lambda s, x, y: s.of("less", y, x)),  # x > y -> y < x
    Rule("greater_equal", lambda s, x, y: s.of("less_equal", y, x)),  # x >= y -> y <= x
    Rule("equal", lambda s, x, y: not s.is_float and x is y and s.fill(True)),  # not floats: x == x -> true
    Rule("not_equal", lambda s, x, y: not s.is_float and x is y and s.fill(False)),  # not floats: x != x -> false
    Rule("less", lambda s, x, y: x is y and s.fill(False)),  # x < x -> false, of NaN too
    Rule("less_equal", lambda s, x, y: s.is_int and x is y and s.fill(True)),  # ints: x <= x -> true
    Rule("logical_not", lambda s, y: s.under(y, "logical_not")),  # not not x -> x
    Rule("logical_not", lambda s, y: s.inner("not_equal", y, "equal")),  # not x == y -> y != x
    Rule("logical_not", lambda s, y: s.inner("equal", y, "not_equal")),  # not x != y -> y == x
    Rule("logical_not", lambda s, y: _of_ints(y) and s.inner("less_equal", y, "less")),  # ints: not x < y -> y <= x
    Rule("logical_not", lambda s, y: _of_ints(y) and s.inner("less", y, "less_equal")),  # ints: not x <= y -> y < x
    Rule("logical_and", lambda s, x, c: s.is_all(c, True) and s.keep(x)),  # x and true -> x
    Rule("logical_and", lambda s, x, c: s.is_all(c, False) and s.fill(False)),  # x and false -> false
    Rule("logical_and", lambda s, x, y: x is y and x),  # x and x -> x
    Rule("logical_or", lambda s, x, c: s.is_all(c, False) and s.keep(x)),  # x or false -> x
    Rule("logical_or", lambda s, x, c: s.is_all(c, True) and s.fill(True)),  # x or true -> true
    Rule("logical_or", lambda s, x, y: x is y and x),  # x or x -> x
    Rule("logical_xor", lambda s, x, c: s.is_all(c, False) and s.keep(x)),  # x xor false -> x
    Rule("logical_xor", lambda s, x, c: s.is_all(c, True) and s.of("logical_not", x)),  # x xor true -> not x
    Rule("logical_xor", lambda s, x, y: x is y and s.fill(False)),  # x xor x -> false
    Rule("select", lambda s, c, x, y: s.is_all(c, True) and s.keep(x)),  # select(true, x, y) -> x
    Rule("select", lambda s, c, x, y: s.is_all(c, False) and s.keep(y)),  # select(false, x, y) -> y
    Rule("select", lambda s, c, x, y: x is y and s.keep(x)),  # select(c, x, x) -> x
    Rule("select", lambda s, c, x, y: (d := s.under(c, "logical_not")) and s.of("select", d, y, x)),  # if not c
    Rule("select", lambda s, c, x, y: _is_truth(s, x, y) and s.keep(c)),  # select(c, true, false) -> c
    Rule("cast", lambda s, x: x),  # cast(x) to its own dtype -> x
    Rule("cast", _cast_of_cast),  # cast(cast(x)) -> cast(x) where the first loses nothing
    Rule("reshape", lambda s, x: s.same(x)),  # reshape(x) to its own shape -> x
    Rule("reshape", lambda s, y: (x := s.under(y, "reshape")) and _to_shape(s, x)),  # reshape(reshape(x)) -> reshape(x)
    Rule("reshape", _spread_scalar),  # reshape(broadcast_to(x)) -> broadcast_to(x) where x is a scalar
    Rule("expand_dims", _to_shape),  # expand_dims(x) -> reshape(x)
    Rule("squeeze", _to_shape),  # squeeze(x) -> reshape(x)
    Rule("reshape_like", lambda s, x, like: s.same(x)),  # reshape_like(x, x) -> x
    Rule("broadcast_like", lambda s, x, like: s.same(x)),  # broadcast_like(x, x) -> x
    Rule("sum_to", lambda s, x, like: s.same(x)),  # sum_to(x, x) -> x
    Rule("broadcast_to", lambda s, x: s.same(x)),  # broadcast_to(x) to its own shape -> x
    Rule("broadcast_to", lambda s, y: (x := s.under(y, "broadcast_to")) and s.keep(x)),  # of broadcast_to(x) -> of x
    Rule("broadcast_to", lambda s, x: _is_lone(x) and s.keep(s.make("reshape", x, shape=()))),  # of [[x]] -> of x
    Rule("tile", lambda s, x: s.type.is_static and s.same(x)),  # tile(x) once -> x
    Rule("slice", lambda s, x: all(step == 1 for step in s.attrs["steps"]) and s.same(x)),  # slice(x) of all -> x
    Rule("concat", lambda s, *xs: len(xs) == 1 and xs[0]),  # concat(x) -> x
    Rule("pad", lambda s, x: all(n == 0 for pair in s.attrs["paddings"] for n in pair) and x),  # pad(x) by nothing -> x
    Rule("transpose", transpose_of_transpose),  # transpose(transpose(x)) -> transpose(x)
    Rule("transpose", plain_transpose),  # transpose(x) by no axes -> x
    Rule("matmul", _matmul_of_transpose),  # transpose(a) @ b -> matmul(a, b, transpose_a)
    *(Rule(f"reduce_{kind}", _plain_axes) for kind in REDUCTIONS),  # max(x) over no axes -> x
    Rule("*", _constant_last),  # c + x -> x + c
    Rule("*", _drop_broadcast),  # x + broadcast_to(y) -> x + y where that has the same shape
)
# fmt: on
