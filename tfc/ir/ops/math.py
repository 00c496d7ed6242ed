"""Elementwise math: arithmetic, comparison, logic, transcendental functions, selection and conversion.

All operands of an op are broadcast together as NumPy does and, unless said otherwise, have one dtype. NaN, infinities
and signed zeros behave as NumPy's; integers wrap. Gradients follow TensorFlow 1.x (`python/ops/math_grad.py`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import expr as E
from ..errors import DTypeError, ShapeError
from ..expr import Expr, prim
from ..op import Element, Op, Shapes, broadcast_index, declare
from ..types import DType, Shape, TensorType, bool_, dtype, float64, int64
from .common import ANY, FLOAT, NUMBER, broadcast_like, elementwise, like, need, no_gradient, unbroadcast

if TYPE_CHECKING:
    from ..graph import Node, Value

INT, SIGNED, BOOL = "iu", "fi", "b"

# Arithmetic


def _grad_add(n: Node, dy: Value) -> list[Value | None]:
    a, b = n.operands
    return [unbroadcast(dy, a), unbroadcast(dy, b)]


def _grad_sub(n: Node, dy: Value) -> list[Value | None]:
    a, b = n.operands
    return [unbroadcast(dy, a), unbroadcast(neg(dy), b)]


def _grad_mul(n: Node, dy: Value) -> list[Value | None]:
    a, b = n.operands
    return [unbroadcast(mul(dy, b), a), unbroadcast(mul(dy, a), b)]


def _grad_div(n: Node, dy: Value) -> list[Value | None]:
    a, b = n.operands
    da = div(dy, b)
    return [unbroadcast(da, a), unbroadcast(neg(mul(da, n.results[0])), b)]


def _grad_mod(n: Node, dy: Value) -> list[Value | None]:
    a, b = n.operands
    return [unbroadcast(dy, a), unbroadcast(neg(mul(dy, floordiv(a, b))), b)]


def _floor_parts(x: Expr, y: Expr) -> tuple[Expr, Expr, Expr]:
    """Quotient rounded down, and the rest, of floats; the third says where the rounded division went one too far.

    In float64, so it is exact for quotients below 2**53 (float64 itself: with one rounding of the rest).
    """
    x, y = E.cast(x, float64), E.cast(y, float64)
    q = prim("floor", x / y)
    to_infinity = prim("abs", y).eq(math.inf) & (prim("abs", x) < math.inf)
    rest = E.select(to_infinity, x, prim("fma", -q, y, x))
    return q, rest, prim("copysign", rest, y).ne(rest)


def _floordiv(x: Expr, y: Expr) -> Expr:
    if not x.dtype.is_float:
        return prim("floordiv", x, y)
    q, _, too_far = _floor_parts(x, y)
    dividend = E.cast(x, float64)
    # An infinite dividend has no quotient, but for division by zero.
    whole = E.select(prim("abs", dividend).eq(math.inf), math.nan, E.select(too_far, q - 1, q))
    return E.cast(E.select(y.eq(0), dividend / E.cast(y, float64), whole), x.dtype)


def _mod(x: Expr, y: Expr) -> Expr:
    if not x.dtype.is_float:
        return prim("mod", x, y)
    _, rest, too_far = _floor_parts(x, y)
    divisor = E.cast(y, float64)
    return E.cast(prim("copysign", E.select(too_far, rest + divisor, rest), divisor), x.dtype)


add: Op = elementwise("add", NUMBER, np.add, lambda a, b: a + b, _grad_add, commutative=True, onnx="Add")
"""Sum, of any numbers."""
sub: Op = elementwise("sub", NUMBER, np.subtract, lambda a, b: a - b, _grad_sub, onnx="Sub")
"""Difference, of any numbers."""
mul: Op = elementwise("mul", NUMBER, np.multiply, lambda a, b: a * b, _grad_mul, commutative=True, onnx="Mul")
"""Product, of any numbers."""
div: Op = elementwise("div", FLOAT, np.divide, lambda a, b: a / b, _grad_div, onnx="Div")
"""Quotient of floats."""
floordiv: Op = elementwise("floordiv", NUMBER, np.floor_divide, _floordiv, no_gradient)
"""Quotient rounded to minus infinity, as Python's `//`; an integer by 0 gives 0, as NumPy."""
mod: Op = elementwise("mod", NUMBER, np.mod, _mod, _grad_mod)
"""Rest with the sign of the divisor, as Python's `%`; an integer by 0 gives 0.

That of floats is exact for quotients below 2**53.
"""
neg: Op = elementwise("neg", NUMBER, np.negative, lambda x: -x, lambda n, dy: [neg(dy)], onnx="Neg")
"""The number negated."""
abs_: Op = elementwise(
    "abs",
    SIGNED,
    np.abs,
    lambda x: prim("abs", x),
    lambda n, dy: [mul(dy, sign(n.operands[0]))],
    onnx="Abs",
)
"""Absolute value of floats and signed integers; the gradient at 0 is 0."""
sign: Op = elementwise(
    "sign",
    SIGNED,
    np.sign,
    lambda x: E.select(x > 0, 1, E.select(x < 0, -1, E.select(x.eq(0), 0, x))),
    lambda n, dy: [broadcast_like(like(dy, 0), dy)],
    onnx="Sign",
)
"""-1, 0 or 1; NaN stays."""
square: Op = elementwise(
    "square", NUMBER, np.square, lambda x: x * x, lambda n, dy: [mul(dy, mul(like(dy, 2), n.operands[0]))]
)
"""The number times itself."""
maximum: Op = elementwise(
    "maximum",
    NUMBER,
    np.maximum,
    lambda a, b: prim("max", a, b),
    lambda n, dy: _grad_extreme(greater_equal(*n.operands), n, dy),
    commutative=True,
    onnx="Max",
)
"""The larger; NaN where either is. The gradient of equal operands goes to the first."""
minimum: Op = elementwise(
    "minimum",
    NUMBER,
    np.minimum,
    lambda a, b: prim("min", a, b),
    lambda n, dy: _grad_extreme(less_equal(*n.operands), n, dy),
    commutative=True,
    onnx="Min",
)
"""The smaller; NaN where either is. The gradient of equal operands goes to the first."""


def _grad_extreme(first: Value, n: Node, dy: Value) -> list[Value | None]:
    a, b = n.operands
    zero = like(dy, 0)
    return [unbroadcast(select(first, dy, zero), a), unbroadcast(select(first, zero, dy), b)]


def _grad_squared_difference(n: Node, dy: Value) -> list[Value | None]:
    a, b = n.operands
    da = mul(dy, mul(like(dy, 2), sub(a, b)))
    return [unbroadcast(da, a), unbroadcast(neg(da), b)]


def _binary_type(shapes: Shapes, a: TensorType, b: TensorType) -> TensorType:
    return TensorType(need((a, b), NUMBER), shapes.broadcast(a.shape, b.shape))


squared_difference: Op = declare(
    "squared_difference",
    _binary_type,
    ref=lambda a, b: np.square(np.subtract(a, b)),
    decompose=lambda n: square(sub(*n.operands)),
    grad=_grad_squared_difference,
    commutative=True,
)
"""`(a - b)**2`, of any numbers."""


def _clip_type(shapes: Shapes, x: TensorType, low: TensorType, high: TensorType) -> TensorType:
    return TensorType(need((x, low, high), NUMBER), shapes.broadcast(x.shape, low.shape, high.shape))


def _grad_clip(n: Node, dy: Value) -> list[Value | None]:
    x, low, high = n.operands
    upper = minimum(x, high)
    inside, zero = greater_equal(upper, low), like(dy, 0)
    d_upper, below = select(inside, dy, zero), less_equal(x, high)
    return [
        unbroadcast(select(below, d_upper, zero), x),
        unbroadcast(select(inside, zero, dy), low),
        unbroadcast(select(below, zero, d_upper), high),
    ]


clip: Op = declare(
    "clip",
    _clip_type,
    ref=lambda x, low, high: np.maximum(np.minimum(x, high), low),
    decompose=lambda n: maximum(minimum(n.operands[0], n.operands[2]), n.operands[1]),
    grad=_grad_clip,
    onnx="Clip",
)
"""The first operand limited by the second from below and the third from above; the second wins (`tf.clip_by_value`)."""

# Powers, exponentials, logarithms


def _grad_pow(n: Node, dy: Value) -> list[Value | None]:
    x, y = n.operands
    zero, one = like(dy, 0), like(dy, 1)
    # The exponent is 0 where y is 0, so that the gradient of x**0 is 0 at x = 0 too.
    less_one = select(equal(y, zero), zero, sub(y, one))
    positive = greater(x, zero)
    log_x = select(positive, log(select(positive, x, one)), zero)
    return [
        unbroadcast(mul(dy, mul(y, pow_(x, less_one))), x),
        unbroadcast(mul(dy, mul(n.results[0], log_x)), y),
    ]


def _grad_rsqrt(n: Node, dy: Value) -> list[Value | None]:
    y = n.results[0]
    return [mul(dy, mul(like(dy, -0.5), mul(y, square(y))))]


def _grad_erf(n: Node, dy: Value) -> list[Value | None]:
    return [mul(dy, mul(like(dy, 2 / math.sqrt(math.pi)), exp(neg(square(n.operands[0])))))]


sqrt: Op = elementwise(
    "sqrt",
    FLOAT,
    np.sqrt,
    lambda x: prim("sqrt", x),
    lambda n, dy: [div(mul(dy, like(dy, 0.5)), n.results[0])],
    onnx="Sqrt",
)
"""Square root of floats; NaN below 0. The gradient at 0 is infinite."""
rsqrt: Op = elementwise("rsqrt", FLOAT, lambda x: 1 / np.sqrt(x), lambda x: 1 / prim("sqrt", x), _grad_rsqrt)
"""`1 / sqrt(x)` of floats, rounded twice."""
exp: Op = elementwise("exp", FLOAT, np.exp, lambda x: prim("exp", x), lambda n, dy: [mul(dy, n.results[0])], onnx="Exp")
"""`e**x` of floats."""
expm1: Op = elementwise(
    "expm1",
    FLOAT,
    np.expm1,
    lambda x: prim("expm1", x),
    lambda n, dy: [mul(dy, exp(n.operands[0]))],
)
"""`e**x - 1` of floats, accurate near 0."""
log: Op = elementwise(
    "log", FLOAT, np.log, lambda x: prim("log", x), lambda n, dy: [div(dy, n.operands[0])], onnx="Log"
)
"""Natural logarithm of floats: -inf at 0, NaN below."""
log1p: Op = elementwise(
    "log1p",
    FLOAT,
    np.log1p,
    lambda x: prim("log1p", x),
    lambda n, dy: [div(dy, add(like(dy, 1), n.operands[0]))],
)
"""`log(1 + x)` of floats, accurate near 0."""
tanh: Op = elementwise(
    "tanh",
    FLOAT,
    np.tanh,
    lambda x: prim("tanh", x),
    lambda n, dy: [mul(dy, sub(like(dy, 1), square(n.results[0])))],
    onnx="Tanh",
)
"""Hyperbolic tangent of floats."""
sigmoid: Op = elementwise(
    "sigmoid",
    FLOAT,
    lambda x: E.evaluate("sigmoid", dtype(np.asarray(x).dtype), x),
    lambda x: prim("sigmoid", x),
    lambda n, dy: [mul(dy, mul(n.results[0], sub(like(dy, 1), n.results[0])))],
    onnx="Sigmoid",
)
"""`1 / (1 + exp(-x))` of floats."""
erf: Op = elementwise(
    "erf",
    FLOAT,
    lambda x: E.evaluate("erf", dtype(np.asarray(x).dtype), x),
    lambda x: prim("erf", x),
    _grad_erf,
    onnx="Erf",
)
"""The error function of floats."""
sin: Op = elementwise(
    "sin",
    FLOAT,
    np.sin,
    lambda x: prim("sin", x),
    lambda n, dy: [mul(dy, cos(n.operands[0]))],
    onnx="Sin",
)
"""Sine of floats, in radians."""
cos: Op = elementwise(
    "cos",
    FLOAT,
    np.cos,
    lambda x: prim("cos", x),
    lambda n, dy: [neg(mul(dy, sin(n.operands[0])))],
    onnx="Cos",
)
"""Cosine of floats, in radians."""
pow_: Op = elementwise(
    "pow",
    FLOAT,
    lambda x, y: E.evaluate("pow", dtype(np.asarray(x).dtype), x, y),
    lambda x, y: prim("pow", x, y),
    _grad_pow,
    onnx="Pow",
)
"""The first float to the power of the second; the gradient to the exponent is 0 where the base is not positive."""


def _int_pow_type(shapes: Shapes, x: TensorType, y: TensorType) -> TensorType:
    return TensorType(need((x, y), INT), shapes.broadcast(x.shape, y.shape))


def _int_pow_ref(x: Any, y: Any) -> Any:
    if np.any(np.asarray(y) < 0):
        raise ShapeError("an integer to a negative power")
    return np.power(x, y)


def _int_pow_element(b: Element, n: Node, at: Shape) -> Expr:
    """The product of the squares that the exponent's bits name; int64 holds the low bits of any product."""
    x, y = (b.operand(k, broadcast_index(at, n.operands[k].type.dims)) for k in (0, 1))
    if y.dtype.kind == "i":
        b.check(y >= 0, "an integer to a negative power")
    base = E.At(b.let(E.cast(x, int64), None, None))
    exponent = E.At(b.let(E.cast(y, int64), None, None))
    power: Expr = E.Const(int64, 1)
    for bit in range(y.dtype.bits):
        odd = (prim("shr", exponent, bit) & 1).ne(0)
        power = E.At(b.let(E.select(odd, power * base, power), None, None))
        base = E.At(b.let(base * base, None, None))
    return E.cast(power, x.dtype)


int_pow: Op = declare("int_pow", _int_pow_type, ref=_int_pow_ref, element=_int_pow_element)
"""The first integer to the power of the second, wrapping; a negative exponent is an error of the run."""

# Rounding, comparison, logic

floor: Op = elementwise("floor", FLOAT, np.floor, lambda x: prim("floor", x), no_gradient, onnx="Floor")
"""Floats rounded to minus infinity."""
ceil: Op = elementwise("ceil", FLOAT, np.ceil, lambda x: prim("ceil", x), no_gradient, onnx="Ceil")
"""Floats rounded to infinity."""
round_: Op = elementwise("round", FLOAT, np.rint, lambda x: prim("round", x), no_gradient, onnx="Round")
"""Floats rounded to the nearest integer, halves to the even one."""
equal: Op = elementwise("equal", ANY, np.equal, lambda a, b: a.eq(b), result=bool_, commutative=True, onnx="Equal")
"""Whether two are equal, of any dtype; NaN equals nothing."""
not_equal: Op = elementwise("not_equal", ANY, np.not_equal, lambda a, b: a.ne(b), result=bool_, commutative=True)
"""Whether two differ, of any dtype; NaN differs from everything."""
less: Op = elementwise("less", NUMBER, np.less, lambda a, b: a < b, result=bool_, onnx="Less")
"""Whether the first is less."""
less_equal: Op = elementwise("less_equal", NUMBER, np.less_equal, lambda a, b: a <= b, result=bool_, onnx="LessOrEqual")
"""Whether the first is less or equal."""
greater: Op = elementwise("greater", NUMBER, np.greater, lambda a, b: a > b, result=bool_, onnx="Greater")
"""Whether the first is greater."""
greater_equal: Op = elementwise(
    "greater_equal", NUMBER, np.greater_equal, lambda a, b: a >= b, result=bool_, onnx="GreaterOrEqual"
)
"""Whether the first is greater or equal."""
logical_and: Op = elementwise("logical_and", BOOL, np.logical_and, lambda a, b: a & b, commutative=True, onnx="And")
"""Whether both bools hold."""
logical_or: Op = elementwise("logical_or", BOOL, np.logical_or, lambda a, b: a | b, commutative=True, onnx="Or")
"""Whether either bool holds."""
logical_xor: Op = elementwise("logical_xor", BOOL, np.logical_xor, lambda a, b: a ^ b, commutative=True, onnx="Xor")
"""Whether exactly one bool holds."""
logical_not: Op = elementwise("logical_not", BOOL, np.logical_not, lambda x: ~x, onnx="Not")
"""Whether the bool does not hold."""
is_nan: Op = elementwise("is_nan", FLOAT, np.isnan, lambda x: x.ne(x), result=bool_, onnx="IsNaN")
"""Whether a float is NaN."""
is_inf: Op = elementwise("is_inf", FLOAT, np.isinf, lambda x: prim("abs", x).eq(math.inf), result=bool_, onnx="IsInf")
"""Whether a float is an infinity."""
is_finite: Op = elementwise("is_finite", FLOAT, np.isfinite, lambda x: prim("abs", x) < math.inf, result=bool_)
"""Whether a float is neither NaN nor an infinity."""

# Selection and conversion


def _select_type(shapes: Shapes, condition: TensorType, yes: TensorType, no: TensorType) -> TensorType:
    if not condition.dtype.is_bool:
        raise DTypeError(f"the condition must be bool, got {condition.dtype}")
    return TensorType(need((yes, no), ANY), shapes.broadcast(condition.shape, yes.shape, no.shape))


def _grad_select(n: Node, dy: Value) -> list[Value | None]:
    condition, yes, no = n.operands
    zero = like(dy, 0)
    return [None, unbroadcast(select(condition, dy, zero), yes), unbroadcast(select(condition, zero, dy), no)]


select: Op = declare("select", _select_type, ref=np.where, scalar=E.select, grad=_grad_select, onnx="Where")
"""The second where the first (bool) holds, else the third, all broadcast (`tf.where` with three arguments)."""


def _grad_cast(n: Node, dy: Value) -> list[Value | None]:
    source = n.operands[0].type.dtype
    return [cast(dy, dtype=source) if source.is_float and n.type.dtype.is_float else None]


def _cast_type(shapes: Shapes, x: TensorType, *, dtype: DType) -> TensorType:
    return TensorType(dtype, x.shape)


cast: Op = declare(
    "cast",
    _cast_type,
    ref=lambda x, dtype: E.evaluate("cast", dtype, x),
    scalar=lambda x, dtype: E.cast(x, to=dtype),
    grad=_grad_cast,
    attrs=("dtype",),
    onnx="Cast",
)
"""The number as another dtype; floats to integers truncate and saturate, NaN becomes 0; anything not 0 is True."""
identity: Op = elementwise("identity", ANY, lambda x: x, lambda x: x, lambda n, dy: [dy], onnx="Identity")
"""The operand itself, of any dtype."""
stop_gradient: Op = elementwise("stop_gradient", ANY, lambda x: x, lambda x: x, no_gradient)
"""The operand itself, of any dtype; no gradient passes."""
