"""Scalar expressions of the kernel IR: typed trees over constants, indices, names, loads and primitives.

The primitives are one table; the interpreter evaluates `ref`, each back end has a row for each primitive of kind
`machine`, and primitives of kind `math` are expanded into those (`tfc.passes.vector_math`) before a back end sees them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Union

import numpy as np

from . import types as T
from .fma import fma
from .index import Dim
from .lazy import Lazy
from .types import DType, Shape

Number = Union[int, float, bool]


@dataclass(frozen=True)
class Expr:
    """A typed scalar expression. Python operators build primitives; both sides must have one dtype."""

    dtype: DType

    @Lazy
    def loads(self) -> tuple[tuple[Load, tuple[Expr, ...]], ...]:
        """The loads in it, each with the conditions of `select` under which it is made."""
        found = list[tuple[Load, tuple[Expr, ...]]]()
        seen, work = dict[tuple[int, ...], object](), list[tuple[Expr, tuple[Expr, ...]]]([(self, ())])
        while work:
            e, under = work.pop()
            here = (id(e), *map(id, under))
            if here in seen:  # parts may be shared, some of them many times over
                continue
            seen[here] = under  # alive, so that its id stays its own
            match e:
                case Load():
                    found.append((e, under))
                case Prim(op="select", args=(condition, yes, no)):
                    work += ((no, (*under, prim("not", condition))), (yes, (*under, condition)), (condition, under))
                case Prim(args=args):
                    work += ((a, under) for a in reversed(args))
        return tuple(found)

    def __add__(self, other: Expr | Number) -> Expr:
        return prim("add", self, other)

    def __radd__(self, other: Number) -> Expr:
        return prim("add", lit(other, self.dtype), self)

    def __sub__(self, other: Expr | Number) -> Expr:
        return prim("sub", self, other)

    def __rsub__(self, other: Number) -> Expr:
        return prim("sub", lit(other, self.dtype), self)

    def __mul__(self, other: Expr | Number) -> Expr:
        return prim("mul", self, other)

    def __rmul__(self, other: Number) -> Expr:
        return prim("mul", lit(other, self.dtype), self)

    def __truediv__(self, other: Expr | Number) -> Expr:
        return prim("div", self, other)

    def __rtruediv__(self, other: Number) -> Expr:
        return prim("div", lit(other, self.dtype), self)

    def __neg__(self) -> Expr:
        return prim("neg", self)

    def __and__(self, other: Expr | Number) -> Expr:
        return prim("and", self, other)

    def __or__(self, other: Expr | Number) -> Expr:
        return prim("or", self, other)

    def __xor__(self, other: Expr | Number) -> Expr:
        return prim("xor", self, other)

    def __invert__(self) -> Expr:
        return prim("not", self)

    def __lshift__(self, other: Expr | Number) -> Expr:
        return prim("shl", self, other)

    def __rshift__(self, other: Expr | Number) -> Expr:
        return prim("shr", self, other)

    def __lt__(self, other: Expr | Number) -> Expr:
        return prim("lt", self, other)

    def __le__(self, other: Expr | Number) -> Expr:
        return prim("le", self, other)

    def __gt__(self, other: Expr | Number) -> Expr:
        return prim("gt", self, other)

    def __ge__(self, other: Expr | Number) -> Expr:
        return prim("ge", self, other)

    def eq(self, other: Expr | Number) -> Expr:
        return prim("eq", self, other)

    def ne(self, other: Expr | Number) -> Expr:
        return prim("ne", self, other)


@dataclass(frozen=True)
class Const(Expr):
    """A constant. NaN constants are equal to themselves in structure; `value` is a Python number."""

    value: Number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Const) and self.dtype == other.dtype and repr(self.value) == repr(other.value)

    def __hash__(self) -> int:
        return hash((self.dtype, repr(self.value)))


@dataclass(frozen=True)
class At(Expr):
    """An index expression as an int64 value."""

    index: Dim
    dtype: DType = field(default=T.int64, init=False)


@dataclass(frozen=True)
class Name(Expr):
    """A value bound by `Let`. An int64 one may also stand as a symbol in indices."""

    name: str


@dataclass(frozen=True)
class Load(Expr):
    """The element of a buffer at an index per dim."""

    buffer: str
    index: Shape


@dataclass(frozen=True)
class Prim(Expr):
    """A primitive applied to operands."""

    op: str
    args: tuple[Expr, ...]


@dataclass(frozen=True)
class Primitive:
    """A row of the table of primitives.

    `operands` are the kinds of dtype it takes (`f`, `i`, `u`, `b`); all operands have one dtype except for `select`,
    whose first is bool. `result` is `same` (as the last operand), `bool`, or `given` (by the expression).
    """

    name: str
    arity: int
    operands: str
    ref: Callable[..., Any]
    result: str = "same"
    kind: str = "machine"


def _floor_div(a: Any, b: Any) -> Any:
    """Rounds to minus infinity; x // 0 is 0, and the least integer by -1 wraps, as in NumPy."""
    return np.floor_divide(a, b)


def _shr(a: Any, b: Any) -> Any:
    return np.right_shift(a, b)


def _erf(x: Any) -> Any:
    return np.vectorize(math.erf, otypes=[np.asarray(x).dtype])(x)


def _pow(x: Any, y: Any) -> Any:
    """C's function; where the exponent has rank 0, NumPy takes other functions, that of 0.5 being the square root."""
    x, y = np.broadcast_arrays(x, y)
    return np.power(np.atleast_1d(x), np.atleast_1d(y)).reshape(x.shape)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


PRIMITIVES = {
    p.name: p
    for p in (
        Primitive("add", 2, "fiu", np.add),
        Primitive("sub", 2, "fiu", np.subtract),
        Primitive("mul", 2, "fiu", np.multiply),
        Primitive("div", 2, "f", np.divide),
        Primitive("floordiv", 2, "iu", _floor_div),
        Primitive("mod", 2, "iu", np.mod),
        Primitive("neg", 1, "fiu", np.negative),
        Primitive("abs", 1, "fi", np.abs),
        Primitive("min", 2, "fiu", np.minimum),
        Primitive("max", 2, "fiu", np.maximum),
        Primitive("floor", 1, "f", np.floor),
        Primitive("ceil", 1, "f", np.ceil),
        Primitive("trunc", 1, "f", np.trunc),
        Primitive("round", 1, "f", np.rint),
        Primitive("sqrt", 1, "f", np.sqrt),
        Primitive("copysign", 2, "f", np.copysign),
        Primitive("fma", 3, "f", fma),
        Primitive("and", 2, "iub", np.bitwise_and),
        Primitive("or", 2, "iub", np.bitwise_or),
        Primitive("xor", 2, "iub", np.bitwise_xor),
        Primitive("not", 1, "iub", np.invert),
        Primitive("shl", 2, "iu", np.left_shift),
        Primitive("shr", 2, "iu", _shr),
        Primitive("eq", 2, "fiub", np.equal, "bool"),
        Primitive("ne", 2, "fiub", np.not_equal, "bool"),
        Primitive("lt", 2, "fiu", np.less, "bool"),
        Primitive("le", 2, "fiu", np.less_equal, "bool"),
        Primitive("gt", 2, "fiu", np.greater, "bool"),
        Primitive("ge", 2, "fiu", np.greater_equal, "bool"),
        Primitive("select", 3, "fiub", np.where),
        Primitive("cast", 1, "fiub", lambda x: x, "given"),
        Primitive("bitcast", 1, "fiu", lambda x: x, "given"),
        Primitive("exp", 1, "f", np.exp, kind="math"),
        Primitive("expm1", 1, "f", np.expm1, kind="math"),
        Primitive("log", 1, "f", np.log, kind="math"),
        Primitive("log1p", 1, "f", np.log1p, kind="math"),
        Primitive("tanh", 1, "f", np.tanh, kind="math"),
        Primitive("sigmoid", 1, "f", _sigmoid, kind="math"),
        Primitive("erf", 1, "f", _erf, kind="math"),
        Primitive("sin", 1, "f", np.sin, kind="math"),
        Primitive("cos", 1, "f", np.cos, kind="math"),
        Primitive("pow", 2, "f", _pow, kind="math"),
    )
}


def evaluate(op: str, result: DType, *args: Any) -> Any:
    """The value of a primitive on NumPy arrays or scalars: the definition. Never warns.

    `cast` from float to integer truncates and saturates, NaN becomes 0; `bitcast` keeps the bits.
    """
    with np.errstate(all="ignore"):
        if op == "cast":
            return _cast(np.asarray(args[0]), result)
        if op == "bitcast":
            return np.asarray(args[0]).view(result.np)
        return np.asarray(PRIMITIVES[op].ref(*args)).astype(result.np, copy=False)


def _cast(x: Any, to: DType) -> Any:
    if x.dtype.kind not in "iub" and to.is_int:  # NumPy's kind of bfloat16 is not `f`
        info = np.iinfo(to.np)
        wide = np.nan_to_num(np.trunc(x.astype(np.float64)), nan=0.0, posinf=np.inf, neginf=-np.inf)
        inside = np.clip(wide, float(info.min), float(info.max))
        out = np.where(inside >= float(info.max), 0.0, inside).astype(to.np)
        return np.where(inside >= float(info.max), info.max, out).astype(to.np)
    return x.astype(to.np)


def lit(value: Expr | Number, dtype: DType) -> Expr:
    """A constant of the dtype; an expression is returned as it is."""
    if isinstance(value, Expr):
        return value
    if dtype.is_float:
        return Const(dtype, float(value))
    return Const(dtype, bool(value) if dtype.is_bool else int(value))


def prim(op: str, *args: Expr | Number, dtype: DType | None = None) -> Expr:
    """A primitive by its name; numbers take the dtype of the expressions beside them. Raises TypeError on mismatch."""
    row = PRIMITIVES[op]
    typed = [a for a in args[1 if op == "select" else 0 :] if isinstance(a, Expr)]
    operand = typed[0].dtype if typed else T.bool_
    values = tuple(lit(a, T.bool_ if op == "select" and k == 0 else operand) for k, a in enumerate(args))
    result = {"same": operand, "bool": T.bool_}.get(row.result, dtype)
    if len(values) != row.arity or result is None:
        raise TypeError(f"{op} takes {row.arity} operands, got {len(values)}")
    expected = (T.bool_, operand, operand) if op == "select" else (operand,) * row.arity
    if any(v.dtype != d for v, d in zip(values, expected, strict=True)) or operand.kind not in row.operands:
        raise TypeError(f"{op} does not take ({', '.join(str(v.dtype) for v in values)})")
    return Prim(result, op, values)


def select(condition: Expr, yes: Expr | Number, no: Expr | Number) -> Expr:
    """`yes` where the condition holds, else `no`; loads of the other side are masked: they may be out of bounds."""
    return prim("select", condition, yes, no)


def cast(x: Expr, to: DType) -> Expr:
    """`x` converted to a dtype; see `evaluate` for floats to integers."""
    return x if x.dtype == to else prim("cast", x, dtype=to)


def bitcast(x: Expr, to: DType) -> Expr:
    """The bits of `x` as another dtype of the same width."""
    return x if x.dtype == to else prim("bitcast", x, dtype=to)


def identity(combiner: str, dtype: DType) -> Const:
    """The neutral element of a combiner: what a reduction of nothing gives."""
    if combiner in ("add", "or"):
        return Const(dtype, 0.0 if dtype.is_float else False if dtype.is_bool else 0)
    if combiner in ("mul", "and"):
        return Const(dtype, 1.0 if dtype.is_float else True if dtype.is_bool else 1)
    if dtype.is_float:
        return Const(dtype, float("-inf") if combiner == "max" else float("inf"))
    info = np.iinfo(dtype.np)
    return Const(dtype, int(info.min if combiner == "max" else info.max))
