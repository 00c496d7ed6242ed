"""Elementwise functions under NumPy's names, with its broadcasting and its choice of dtypes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfc.ir.errors import DTypeError, UnsupportedError
from tfc.ir.graph import Value
from tfc.ir.types import DType, bool_, float16, int8

from ..location import user_line
from ..tracer import ArrayLike, Trace, checked_dtype, kind_of, lift, result_type, traceable

Rule = str | Callable[..., Value]
"""The op of the registry that does the work, or a function of the trace and the operands."""


def ufunc_types(ufunc: np.ufunc, *operands: ArrayLike) -> list[DType]:
    """The dtypes in which NumPy's function takes the operands, and that of its result.

    Raises DTypeError where NumPy has no rule.
    """
    kinds = [kind_of(x) for x in operands]
    met = result_type(*kinds)
    given = [k if isinstance(k, np.dtype) else met for k in kinds]
    try:
        found = ufunc.resolve_dtypes((*given, *(None,) * ufunc.nout))
    except TypeError as error:
        raise DTypeError(f"{error}, at {user_line()}") from None
    return [checked_dtype(d) for d in found]


def _elementwise(ufunc: np.ufunc, rules: Mapping[str, Rule], doc: str, name: str | None = None) -> Callable[..., Any]:
    """A function with the dtypes of a NumPy function; `rules` are by the kinds (`f`, `i`, `u`, `b`) it works in."""

    def call(trace: Trace, *operands: ArrayLike) -> Any:
        if len(operands) != ufunc.nin:
            raise TypeError(f"{call.__name__} takes {ufunc.nin} arrays, got {len(operands)}")
        *inputs, result = ufunc_types(ufunc, *_fitting(ufunc, operands))
        if any(d != inputs[0] for d in inputs):
            raise DTypeError(f"{call.__name__} of {inputs[0]} and {inputs[1]}: cast one of them, at {user_line()}")
        kinds = [k for k in rules if inputs[0].kind in k]
        if not kinds:
            raise DTypeError(f"{call.__name__} does not take {inputs[0]}, at {user_line()}")
        rule = rules[kinds[0]]
        values = [lift(trace, x, d) for x, d in zip(operands, inputs, strict=True)]
        value = trace.node(rule, *values) if isinstance(rule, str) else rule(trace, *values)
        return trace.wrap(value if value.type.dtype is result else trace.node("cast", value, dtype=result))

    call.__name__ = call.__qualname__ = name or ufunc.__name__
    call.__doc__ = doc
    return traceable(call)


def _fitting(ufunc: np.ufunc, operands: tuple[ArrayLike, ...]) -> list[ArrayLike]:
    """The operands, with a Python number that is compared and outside the range of its fellow's dtype made an array."""
    if ufunc not in _COMPARISONS:
        return list(operands)
    met = checked_dtype(result_type(*map(kind_of, operands)))
    if not met.is_int:
        return list(operands)
    limits = np.iinfo(met.np)
    return [x if type(x) is not int or limits.min <= x <= limits.max else np.asarray(x) for x in operands]


_COMPARISONS = frozenset((np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal))


def _compare_bools(op: str) -> Callable[..., Value]:
    return lambda t, a, b: t.node(op, t.node("cast", a, dtype=int8), t.node("cast", b, dtype=int8))


def _identity(trace: Trace, x: Value) -> Value:
    return trace.node("identity", x)


def _of_itself(op: str) -> Callable[..., Value]:
    """What holds of every number (`equal`) or of none (`not_equal`)."""
    return lambda trace, x: trace.node(op, x, x)


def _unsigned_sign(trace: Trace, x: Value) -> Value:
    zero, one = lift(trace, 0, x.type.dtype), lift(trace, 1, x.type.dtype)
    return trace.node("minimum", trace.node("maximum", x, zero), one)


def _trunc(trace: Trace, x: Value) -> Value:
    below = trace.node("less", x, lift(trace, 0, x.type.dtype))
    return trace.node("select", below, trace.node("ceil", x), trace.node("floor", x))


def _reciprocal(trace: Trace, x: Value) -> Value:
    return trace.node("div", lift(trace, 1, x.type.dtype), x)


def _number(op: str) -> dict[str, Rule]:
    return {"fiu": op}


def _comparison(op: str) -> dict[str, Rule]:
    return {"fiu": op, "b": _compare_bools(op)}


add = _elementwise(np.add, {"fiu": "add", "b": "logical_or"}, "Sum; of bools, whether either holds.")
subtract = _elementwise(np.subtract, _number("sub"), "Difference.")
multiply = _elementwise(np.multiply, {"fiu": "mul", "b": "logical_and"}, "Product; of bools, whether both hold.")
divide = true_divide = _elementwise(np.divide, {"f": "div"}, "Quotient; of integers in float64.")
floor_divide = _elementwise(np.floor_divide, _number("floordiv"), "Quotient rounded to minus infinity.")
remainder = mod = _elementwise(np.remainder, _number("mod"), "Rest with the sign of the divisor.")
power = _elementwise(np.power, {"f": "pow", "iu": "int_pow"}, "The first to the power of the second.")
negative = _elementwise(np.negative, _number("neg"), "The number negated.")
positive = _elementwise(np.positive, {"fiu": _identity}, "The number itself.")
absolute = abs = _elementwise(np.absolute, {"fi": "abs", "ub": _identity}, "Absolute value.")
sign = _elementwise(np.sign, {"fi": "sign", "u": _unsigned_sign}, "-1, 0 or 1; NaN stays.")
square = _elementwise(np.square, _number("square"), "The number times itself.")
reciprocal = _elementwise(np.reciprocal, {"f": _reciprocal}, "`1 / x` of floats.")
maximum = _elementwise(np.maximum, {"fiu": "maximum", "b": "logical_or"}, "The larger; NaN where either is.")
minimum = _elementwise(np.minimum, {"fiu": "minimum", "b": "logical_and"}, "The smaller; NaN where either is.")

sqrt = _elementwise(np.sqrt, {"f": "sqrt"}, "Square root; NaN below 0.")
exp = _elementwise(np.exp, {"f": "exp"}, "`e**x`.")
expm1 = _elementwise(np.expm1, {"f": "expm1"}, "`e**x - 1`, accurate near 0.")
log = _elementwise(np.log, {"f": "log"}, "Natural logarithm.")
log1p = _elementwise(np.log1p, {"f": "log1p"}, "`log(1 + x)`, accurate near 0.")
tanh = _elementwise(np.tanh, {"f": "tanh"}, "Hyperbolic tangent.")
sin = _elementwise(np.sin, {"f": "sin"}, "Sine, in radians.")
cos = _elementwise(np.cos, {"f": "cos"}, "Cosine, in radians.")
# NumPy has none of these three; the dtypes are those of its other functions of floats.
rsqrt = _elementwise(np.sqrt, {"f": "rsqrt"}, "`1 / sqrt(x)`.", "rsqrt")
sigmoid = _elementwise(np.exp, {"f": "sigmoid"}, "`1 / (1 + exp(-x))`.", "sigmoid")
erf = _elementwise(np.exp, {"f": "erf"}, "The error function.", "erf")

floor = _elementwise(np.floor, {"f": "floor", "iub": _identity}, "Rounded to minus infinity; integers stay.")
ceil = _elementwise(np.ceil, {"f": "ceil", "iub": _identity}, "Rounded to infinity; integers stay.")
trunc = _elementwise(np.trunc, {"f": _trunc, "iub": _identity}, "Rounded to 0; integers stay.")
rint = _elementwise(np.rint, {"f": "round"}, "Rounded to the nearest integer, halves to the even one.")

equal = _elementwise(np.equal, {"fiub": "equal"}, "Whether two are equal.")
not_equal = _elementwise(np.not_equal, {"fiub": "not_equal"}, "Whether two differ.")
less = _elementwise(np.less, _comparison("less"), "Whether the first is less.")
less_equal = _elementwise(np.less_equal, _comparison("less_equal"), "Whether the first is less or equal.")
greater = _elementwise(np.greater, _comparison("greater"), "Whether the first is greater.")
greater_equal = _elementwise(np.greater_equal, _comparison("greater_equal"), "Whether the first is greater or equal.")


def _logical(ufunc: np.ufunc, op: str, doc: str) -> Callable[..., Any]:
    def call(trace: Trace, *operands: ArrayLike) -> Any:
        if len(operands) != ufunc.nin:
            raise TypeError(f"{ufunc.__name__} takes {ufunc.nin} arrays, got {len(operands)}")
        return trace.apply(op, *(lift(trace, x, bool_) for x in operands))

    call.__name__ = call.__qualname__ = ufunc.__name__
    call.__doc__ = doc
    return traceable(call)


logical_and = _logical(np.logical_and, "logical_and", "Whether both are not 0.")
logical_or = _logical(np.logical_or, "logical_or", "Whether either is not 0.")
logical_xor = _logical(np.logical_xor, "logical_xor", "Whether exactly one is not 0.")
logical_not = _logical(np.logical_not, "logical_not", "Whether it is 0.")
bitwise_and = _elementwise(np.bitwise_and, {"b": "logical_and"}, "`a & b` of bools.")
bitwise_or = _elementwise(np.bitwise_or, {"b": "logical_or"}, "`a | b` of bools.")
bitwise_xor = _elementwise(np.bitwise_xor, {"b": "logical_xor"}, "`a ^ b` of bools.")
invert = _elementwise(np.invert, {"b": "logical_not"}, "`~x` of bools.")

isnan = _elementwise(np.isnan, {"f": "is_nan", "iub": _of_itself("not_equal")}, "Whether it is NaN.")
isinf = _elementwise(np.isinf, {"f": "is_inf", "iub": _of_itself("not_equal")}, "Whether it is an infinity.")
isfinite = _elementwise(np.isfinite, {"f": "is_finite", "iub": _of_itself("equal")}, "Whether it is a finite number.")


@traceable
def round(trace: Trace, a: ArrayLike, decimals: int = 0) -> Any:
    """Rounded to a number of decimals, halves to the even digit; integers stay."""
    value = lift(trace, a)
    if value.type.dtype.is_int and decimals >= 0:
        return trace.wrap(value)
    if value.type.dtype.is_int:
        raise UnsupportedError(f"round of integers to {decimals} decimals, at {user_line()}")
    if value.type.dtype.is_bool:
        value = trace.node("cast", value, dtype=float16)
    if decimals == 0:
        return trace.apply("round", value)
    scale = lift(trace, 10.0 ** (decimals if decimals > 0 else -decimals), value.type.dtype)
    up, down = ("mul", "div") if decimals > 0 else ("div", "mul")
    return trace.apply(down, trace.node("round", trace.node(up, value, scale)), scale)


@traceable
def where(trace: Trace, condition: ArrayLike, x: ArrayLike = None, y: ArrayLike = None, /) -> Any:
    """`x` where the condition holds, else `y`; all three are broadcast. Raises UnsupportedError without `x` and `y`."""
    if x is None or y is None:
        raise UnsupportedError(f"where() without both choices: the size depends on values, at {user_line()}")
    of = result_type(kind_of(x), kind_of(y))
    return trace.apply("select", lift(trace, condition, bool_), lift(trace, x, of), lift(trace, y, of))


def clip(a: ArrayLike, min: ArrayLike = None, max: ArrayLike = None) -> Any:
    """`a` limited to lie between `min` and `max`, either of which may be None; `max` wins a conflict."""
    low = a if min is None else maximum(a, min)
    return positive(low) if min is None and max is None else low if max is None else minimum(low, max)


@traceable
def astype(trace: Trace, x: ArrayLike, dtype: Any, /) -> Any:
    """The array in another dtype. Floats to integers truncate and saturate, NaN becomes 0."""
    return trace.wrap(lift(trace, lift_strong(trace, x), checked_dtype(dtype)))


def lift_strong(trace: Trace, x: ArrayLike) -> Any:
    """An operand as a traced array with a dtype of its own."""
    return trace.wrap(lift(trace, x))


@traceable
def asarray(trace: Trace, a: ArrayLike, dtype: Any = None) -> Any:
    """An array from an array, a number or nested lists of them."""
    return trace.wrap(lift(trace, a, None if dtype is None else checked_dtype(dtype)))


array = asarray
