"""The expansions of math primitives against float64, SciPy and mpmath, and the pass on kernels by the interpreter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import special

from tests.codegen_llvm.support import compile_kernel, elementwise, run_native
from tfc.codegen_llvm import host_target
from tfc.ir.expr import PRIMITIVES, Const, Expr, Load, Name, Prim, evaluate, prim
from tfc.ir.index import Index
from tfc.ir.kernel import Alloc, If, Let, Stmt, Store
from tfc.ir.types import DType, float32, float64
from tfc.passes.vector_math import TABLE, expand_math
from tfc.passes.vector_math.builder import Builder

Array = np.ndarray[Any, Any]
UNARY = sorted(op for op, row in PRIMITIVES.items() if row.kind == "math" and row.arity == 1)
BOUNDS = {
    "float32": {"sin": 2, "cos": 2, "expm1": 2, "log1p": 2, "pow": 2},
    "float64": dict.fromkeys((*UNARY, "pow"), 2),
}
"""Largest error allowed in ULP; 1 where nothing is said."""
FLOAT64: dict[str, Callable[..., Array]] = {
    **{op: getattr(np, op) for op in ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos")},
    "sigmoid": lambda x: np.where(x < 0, np.exp(x), 1.0) / (1.0 + np.exp(-np.abs(x))),
    "erf": special.erf,
    "pow": np.power,
}
"""References for float32: far more precise than it needs."""


def expanded(op: str, dtype: DType, *arrays: Array) -> Array:
    """The expansion of a primitive on whole arrays."""
    builder = Builder(f"t{k}" for k in count())
    names = {f"x{k}": a for k, a in enumerate(arrays)}
    result = TABLE[op, dtype.name](builder, *(Name(dtype, name) for name in names))
    values: dict[str, Any] = dict(names)
    run(builder.lets, values)
    return np.broadcast_to(value_of(result, values), arrays[0].shape)


def run(body: Iterable[Stmt], values: dict[str, Any]) -> None:
    """Runs the statements of an expansion on whole arrays; a branch on those of their elements that take it."""
    for s in body:
        match s:
            case Let(name=name, value=e) | Store(buffer=name, value=e):
                values[name] = value_of(e, values)
            case If(condition=condition, then=then):
                taken, inside = value_of(condition, values), dict(values)
                run(then, inside)
                values |= {name: np.where(taken, inside[name], value) for name, value in values.items()}
            case _:
                assert isinstance(s, Alloc)


def value_of(e: Expr, names: dict[str, Any]) -> Any:
    if isinstance(e, Const):
        return np.asarray(e.value, e.dtype.np)
    if isinstance(e, (Name, Load)):
        return names[e.name if isinstance(e, Name) else e.buffer]
    assert isinstance(e, Prim)
    assert PRIMITIVES[e.op].kind == "machine", e.op
    return evaluate(e.op, e.dtype, *(value_of(a, names) for a in e.args))


def ulps(got: Array, high: Array, low: Array | float = 0.0) -> Array:
    """The error in units in the last place of the reference `high + low`; infinite where kind or sign is wrong.

    An infinity counts as the number that would follow the largest one.
    """
    info = np.finfo(got.dtype)
    top = 2.0 ** (info.maxexp - 1)
    with np.errstate(all="ignore"):
        rounded = np.minimum(np.abs(high), np.float64(info.max)).astype(got.dtype)
        unit = np.spacing(np.minimum(rounded, np.nextafter(rounded, 0))).astype(float)
        unit = np.where(rounded == 0, float(info.smallest_subnormal), unit)
        # By halves where large, so that the number after the largest is one.
        scale = np.where(np.abs(high) > 1, 0.5, 1.0)
        value = np.where(np.isinf(got), np.copysign(top, got.astype(float)), got.astype(float) * scale)
        error = np.abs((value - np.clip(high * scale, -top, top)) - low * scale) / unit / scale
    wrong = np.isnan(got) | (np.signbit(got) != np.signbit(high))
    # What is exactly 0 or infinite has to be so.
    wrong |= ((high == 0) & (got != 0)) | (np.isinf(high) & ~np.isinf(got))
    return np.where(np.isnan(high), np.where(np.isnan(got), 0, np.inf), np.where(wrong, np.inf, error))


def sample(dtype: DType, each: int, seed: int = 0) -> Array:
    """All signs and exponents, `each` random mantissas, the edges of every binade, and what is special."""
    bits, mantissa = dtype.bits, np.finfo(dtype.np).nmant
    rng = np.random.default_rng(seed)
    tops = np.arange(2 ** (bits - mantissa), dtype=np.uint64)[:, None] << np.uint64(mantissa)
    lows = rng.integers(0, 2**mantissa, (len(tops), each), np.uint64)
    edges = np.array([0, 1, 2, 2**mantissa - 1, 2 ** (mantissa - 1)], np.uint64)
    words = np.concatenate([(tops | lows).ravel(), (tops | edges).ravel()])
    return words.astype(f"u{bits // 8}").view(dtype.np)


def near(dtype: DType, *points: float, width: int = 300) -> Array:
    """The neighbours of points and of their negatives."""
    integer = f"i{dtype.size}"
    offsets = np.arange(-width, width + 1).astype(integer)
    both = np.array([*points, *(-p for p in points)], dtype.np).view(integer)
    return (both[:, None] + offsets).ravel().view(dtype.np)


EDGES = (0.29, 0.3465, 0.5, 0.7, 0.7071, 1.0, 1.4142, 1.5708, 3.1416, 10.0, 17.33, 18.02, 20.0, 87.34, 88.73, 103.98)
"""Where ranges end and expansions change their branch."""


def check(op: str, got: Array, bound: float, inputs: tuple[Array, ...], high: Array, low: Array | float = 0.0) -> None:
    error = ulps(got, high, low)
    k = int(np.argmax(error))
    where = ", ".join(repr(x[k]) for x in inputs)
    assert error[k] <= bound, f"{op}({where}) = {got[k]!r}, not {high[k]!r}: {error[k]:.3f} ULP"


@pytest.mark.parametrize("op", UNARY)
def test_float32(op: str) -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([sample(float32, 100), near(float32, *EDGES), rng.uniform(-20, 20, 60000).astype("f4")])
    with np.errstate(all="ignore"):
        reference = FLOAT64[op](x.astype(float))
    check(op, expanded(op, float32, x), BOUNDS["float32"].get(op, 1), (x,), reference)


EXACT: dict[str, Callable[..., Any]] = {
    **{op: getattr(mpmath, op) for op in ("exp", "expm1", "log", "log1p", "tanh", "erf", "sin", "cos")},
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "pow": mpmath.power,
}
"""References for float64."""


def exact(op: str, *arrays: Array) -> tuple[Array, Array]:
    """The value to some 100 bits, as the sum of two float64."""
    high, low = np.empty(arrays[0].shape), np.zeros(arrays[0].shape)
    with mpmath.workprec(140):
        for k, args in enumerate(zip(*(a.tolist() for a in arrays), strict=True)):
            value = EXACT[op](*map(mpmath.mpf, args))
            high[k] = float(value)
            low[k] = float(value - mpmath.mpf(high[k])) if math.isfinite(high[k]) else 0
    return high, low


@pytest.mark.parametrize("op", UNARY)
def test_float64(op: str) -> None:
    rng = np.random.default_rng(2)
    every = rng.choice(sample(float64, 1), 1200)
    x = np.concatenate(
        [
            every[np.isfinite(every)],
            near(float64, *EDGES, width=10),
            rng.uniform(-3, 3, 1500),
            rng.uniform(-40, 40, 800),
        ]
    )
    if op in ("log", "log1p"):
        x = np.abs(x)
    check(op, expanded(op, float64, x), BOUNDS["float64"][op], (x,), *exact(op, x))


SPECIAL = (
    *(0.0, 1.0, 2.0, 0.5, 3.0, 1.5, 2.5, 1e30, 1e-45, math.inf),
    *(2.0**24 - 1, 2.0**24 + 2, 2.0**53 - 1, 2.0**53 + 2, 2.0**-126, 2.0**1023),
)


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_pow_of_special_values(dtype: DType) -> None:
    """Zeros, infinities, NaN, and bases below zero with integers, odd integers and others."""
    with np.errstate(all="ignore"):
        values = np.array([*SPECIAL, *(-v for v in SPECIAL), math.nan]).astype(dtype.np)
        x, y = (v.ravel() for v in np.meshgrid(values, values))
        reference = np.power(x, y)
    got = expanded("pow", dtype, x, y)
    assert np.isinf(reference).sum() > 100
    check("pow", got, 2, (x, y), reference.astype(float))


def powers(rng: np.random.Generator, dtype: DType, n: int) -> tuple[Array, Array]:
    """Bases of all sizes, around 1 and very near 1, with exponents such that the powers have all sizes."""
    info = np.finfo(dtype.np)
    wide, middle = 2.0 ** rng.uniform(info.minexp - info.nmant, info.maxexp - 1, n), rng.uniform(0.5, 2, n)
    close = 1 + rng.choice([-1, 1], n) * 2.0 ** rng.uniform(2 - info.nmant, -1, n)
    x = np.concatenate([wide, middle, close]).astype(dtype.np)
    x = x[x != 1]
    y = rng.uniform(info.minexp - info.nmant - 5, info.maxexp + 5, len(x)) / np.log2(x.astype(float))
    return x, y.astype(dtype.np)


def test_pow_float32() -> None:
    x, y = powers(np.random.default_rng(3), float32, 30000)
    with np.errstate(all="ignore"):
        reference = np.power(x.astype(float), y.astype(float))
    check("pow", expanded("pow", float32, x, y), 0.75, (x, y), reference)


def test_powers_that_are_float32_are_exact() -> None:
    x, y = (v.ravel().astype(np.float32) for v in np.meshgrid(np.arange(1, 4097), np.arange(13)))
    exact = x.astype(float) ** y
    x, y, exact = (v[exact <= 2**24] for v in (x, y, exact))
    np.testing.assert_array_equal(expanded("pow", float32, x, y), exact)


def test_pow_float64() -> None:
    x, y = powers(np.random.default_rng(4), float64, 1500)
    check("pow", expanded("pow", float64, x, y), 2, (x, y), *exact("pow", x, y))


@pytest.mark.parametrize("x", [2.0**20, 2.0**20 + 0.5, 5.0e22, 6381956970095103 * 2.0**797, 1.7976931348623157e308])
def test_huge_angles(x: float) -> None:
    """The fourth is the float64 that comes nearest to a multiple of pi / 2."""
    angles = np.array([x, -x, np.nextafter(x, 0.0)])
    for op in ("sin", "cos"):
        check(op, expanded(op, float64, angles), 2, (angles,), *exact(op, angles))


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_every_math_primitive_is_expanded_into_machine_primitives(dtype: DType) -> None:
    math_primitives = {op for op, row in PRIMITIVES.items() if row.kind == "math"}
    assert {op for op, name in TABLE if name == dtype.name} == math_primitives


@pytest.mark.exhaustive
@pytest.mark.parametrize("op", UNARY)
def test_float32_everywhere(op: str) -> None:
    """All 2^32 inputs, by the machine code for this host: some minutes for each function."""
    size = 2**20
    value = prim(op, Load(float32, "x0", (Index.symbol("i"),)))
    kernel = expand_math(elementwise("k", float32, (float32,), value, size, 16))
    native, program = compile_kernel(kernel, host_target())
    y = np.empty(size, np.float32)
    for start in range(0, 2**32, size):
        x = np.arange(start, start + size, dtype=np.uint32).view(np.float32)
        run_native(native, program, {"k.x0": x, "k.y": y}, {})
        with np.errstate(all="ignore"):
            reference = FLOAT64[op](x.astype(float))
        check(op, y, BOUNDS["float32"].get(op, 1), (x,), reference)
