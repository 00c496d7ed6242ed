"""Scalar expressions: how they are built, and what each primitive computes."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfc.ir import expr as E
from tfc.ir import types as T
from tfc.ir.expr import PRIMITIVES, At, Const, Expr, Name, Prim, evaluate, identity, lit, prim
from tfc.ir.index import Index
from tfc.ir.types import DTYPES, DType

X, Y = Name(T.float32, "x"), Name(T.float32, "y")
N, B = Name(T.int32, "n"), Name(T.bool_, "b")

FLOATS = [0.0, -0.0, 1.0, -1.5, 2.5, 3.5, -2.5, 1e-40, 1e30, -1e30, math.inf, -math.inf, math.nan]
FLOAT_TYPES = [d for d in DTYPES.values() if d.is_float]
INT_TYPES = [d for d in DTYPES.values() if d.is_int]


def same(a: Any, b: Any) -> bool:
    """Equal with NaN equal to NaN and zeros told apart."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return bool(
        np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a), np.signbit(b)) | np.isnan(a).any()
    )


def convert(values: list[float], to: DType) -> Any:
    with np.errstate(all="ignore"):
        return np.array(values).astype(to.np)


@pytest.mark.parametrize(
    ("built", "op"),
    [
        (X + Y, "add"), (X - Y, "sub"), (X * Y, "mul"), (X / Y, "div"), (-X, "neg"), (N & N, "and"), (N | N, "or"),
        (N ^ N, "xor"), (~N, "not"), (N << N, "shl"), (N >> N, "shr"), (X < Y, "lt"), (X <= Y, "le"), (X > Y, "gt"),
        (X >= Y, "ge"), (X.eq(Y), "eq"), (X.ne(Y), "ne"),
    ],
)  # fmt: skip
def test_operators_build_primitives(built: Expr, op: str) -> None:
    assert isinstance(built, Prim)
    assert built.op == op
    assert built.dtype == (T.bool_ if PRIMITIVES[op].result == "bool" else built.args[0].dtype)


def test_numbers_take_the_dtype_beside_them() -> None:
    for built, expected in (
        (2 + X, prim("add", Const(T.float32, 2.0), X)),
        (2 - X, prim("sub", Const(T.float32, 2.0), X)),
        (2 * N, prim("mul", Const(T.int32, 2), N)),
        (1 / X, prim("div", Const(T.float32, 1.0), X)),
        (E.select(B, X, 0), Prim(T.float32, "select", (B, X, Const(T.float32, 0.0)))),
        (lit(1, T.bool_), Const(T.bool_, True)),
    ):
        assert built == expected
    assert At(Index.symbol("i")).dtype == T.int64


@pytest.mark.parametrize(
    ("op", "args"),
    [
        ("add", (X, N)), ("add", (B, B)), ("div", (N, N)), ("and", (X, X)), ("sqrt", (N,)), ("add", (X,)),
        ("select", (X, X, X)), ("select", (B, X, N)), ("floordiv", (X, X)), ("lt", (B, B)), ("cast", (X,)), ("add", ()),
        ("select", ()), ("abs", (Name(T.uint8, "u"),)),
    ],
)  # fmt: skip
def test_operands_that_do_not_fit_are_a_type_error(op: str, args: tuple[Expr, ...]) -> None:
    with pytest.raises(TypeError, match=op):
        prim(op, *args)


def test_casts_to_the_same_dtype_vanish() -> None:
    assert E.cast(X, T.float32) is X
    assert E.bitcast(X, T.float32) is X
    assert E.cast(X, T.int8).dtype == T.int8


def test_constants_are_equal_by_what_they_print() -> None:
    nan = float("nan")
    assert Const(T.float32, nan) == Const(T.float32, float("nan"))
    assert hash(Const(T.float32, nan)) == hash(Const(T.float32, float("nan")))
    assert Const(T.float32, 0.0) != Const(T.float32, -0.0)
    assert Const(T.float32, 1.0) != Const(T.float64, 1.0)
    assert Const(T.int32, 1) != Const(T.bool_, True)


@pytest.mark.parametrize("combiner", ["add", "mul", "min", "max"])
@pytest.mark.parametrize("dtype", [d for d in DTYPES.values() if not d.is_bool], ids=str)
def test_identity_is_neutral(combiner: str, dtype: DType) -> None:
    neutral = np.asarray(identity(combiner, dtype).value, dtype.np)
    values = [0, 1, 2, 100] if dtype.is_int else [0.0, 1.0, -2.5, math.inf, -math.inf, math.nan]
    for v in values:
        value = np.asarray(v, dtype.np)
        assert same(evaluate(combiner, dtype, neutral, value) + 0, value + 0)


@pytest.mark.parametrize(("combiner", "value"), [("and", True), ("or", False)])
def test_identity_of_logic(combiner: str, value: bool) -> None:
    assert identity(combiner, T.bool_) == Const(T.bool_, value)


UNARY = {
    "neg": lambda x: -x, "abs": abs, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "round": np.rint,
    "sqrt": np.sqrt, "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "sin": np.sin, "cos": np.cos, "erf": np.vectorize(math.erf),
}  # fmt: skip


@pytest.mark.parametrize("dtype", FLOAT_TYPES, ids=str)
@pytest.mark.parametrize("op", UNARY)
def test_functions_against_float64(op: str, dtype: DType) -> None:
    x = convert([v for v in FLOATS if not (op in ("sin", "cos") and abs(v) > 1e3)], dtype)
    result = evaluate(op, dtype, x)
    assert result.dtype == dtype.np
    with np.errstate(all="ignore"):
        wide = UNARY[op](x.astype(np.float64))
        expected = np.asarray(wide, np.float64).astype(dtype.np).astype(np.float64)
    eps = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 1.2e-7, "float64": 2.3e-16}[dtype.name]
    tiny = 0.0 if dtype.bits == 64 else 6e-8 if dtype == T.float16 else 1e-44
    np.testing.assert_allclose(result.astype(np.float64), expected, rtol=4 * eps, atol=4 * tiny)


BINARY = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": np.divide,
    "min": np.minimum, "max": np.maximum, "copysign": np.copysign,
}  # fmt: skip


@pytest.mark.parametrize("dtype", [T.float32, T.float64], ids=str)
@pytest.mark.parametrize("op", BINARY)
def test_arithmetic_with_special_values(op: str, dtype: DType) -> None:
    a, b = (m.ravel().astype(dtype.np) for m in np.meshgrid(FLOATS, FLOATS))
    with np.errstate(all="ignore"):
        assert same(evaluate(op, dtype, a, b), BINARY[op](a, b))


@pytest.mark.parametrize("dtype", INT_TYPES, ids=str)
def test_integers_wrap(dtype: DType) -> None:
    info = np.iinfo(dtype.np)
    least, most, one = (np.asarray(v, dtype.np) for v in (info.min, info.max, 1))
    assert evaluate("add", dtype, most, one) == info.min
    assert evaluate("sub", dtype, least, one) == info.max
    assert evaluate("neg", dtype, least) == (info.min if dtype.kind == "i" else 0)


@given(st.integers(-128, 127), st.integers(-128, 127).filter(bool))
def test_floordiv_and_mod_round_to_minus_infinity(a: int, b: int) -> None:
    x, y = np.int8(a), np.int8(b)
    assert evaluate("floordiv", T.int8, x, y) == (a // b if (a, b) != (-128, -1) else -128)
    assert evaluate("mod", T.int8, x, y) == a % b


def test_integer_division_by_zero_is_zero() -> None:
    assert evaluate("floordiv", T.int32, np.int32(7), np.int32(0)) == 0
    assert evaluate("mod", T.int32, np.int32(7), np.int32(0)) == 0


@pytest.mark.parametrize("to", INT_TYPES, ids=str)
@pytest.mark.parametrize("source", FLOAT_TYPES, ids=str)
def test_cast_of_floats_truncates_and_saturates(source: DType, to: DType) -> None:
    values = [*FLOATS, 127.9, -128.9, 255.5, 65504.0, 2147483648.0, -2147483649.0, 9.3e18, 1.9e19, -9.3e18]
    x = convert(values, source)
    info = np.iinfo(to.np)
    expected = []
    for v in x.astype(np.float64).tolist():
        whole = 0 if math.isnan(v) else info.max if v == math.inf else info.min if v == -math.inf else math.trunc(v)
        expected.append(min(max(whole, info.min), info.max))
    assert evaluate("cast", to, x).tolist() == expected


def test_cast_between_other_kinds() -> None:
    assert evaluate("cast", T.uint8, np.int32(-1)) == 255
    assert evaluate("cast", T.int8, np.int32(300)) == 44
    assert evaluate("cast", T.float32, np.bool_(True)) == 1.0
    assert evaluate("cast", T.bool_, np.array([0.0, -0.0, math.nan, 0.5])).tolist() == [False, False, True, True]
    assert evaluate("cast", T.float16, np.float32(1e6)) == math.inf
    assert evaluate("cast", T.int32, np.bool_(True)) == 1


@given(st.floats(width=32))
def test_bitcast_keeps_the_bits(x: float) -> None:
    bits = struct.unpack("<I", struct.pack("<f", x))[0]
    assert evaluate("bitcast", T.uint32, np.float32(x)) == bits
    back = evaluate("bitcast", T.float32, np.uint32(bits))
    assert same(back, np.float32(x))


@given(st.floats(-1e9, 1e9, width=32), st.floats(-1e9, 1e9, width=32), st.floats(-1e9, 1e9, width=32))
def test_fma_rounds_close_to_once(a: float, b: float, c: float) -> None:
    result = evaluate("fma", T.float32, np.float32(a), np.float32(b), np.float32(c))
    assert result.dtype == np.float32
    assert same(result, np.float32(np.float64(a) * np.float64(b) + np.float64(c)))


def test_every_primitive_has_a_reference_of_its_arity() -> None:
    for p in PRIMITIVES.values():
        dtype = {"f": T.float32, "i": T.int32, "u": T.uint32, "b": T.bool_}[p.operands[0]]
        args = [np.ones(3, dtype.np) for _ in range(p.arity)]
        if p.name == "select":
            args[0] = np.array([True, False, True])
        result = {"bool": T.bool_}.get(p.result, dtype)
        assert evaluate(p.name, result, *args).shape == (3,)
