"""Every machine primitive over special values, in scalar and vector form, against `evaluate`."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests.codegen_llvm.support import TARGETS, Array, elementwise, program_of, run_native
from tfc.codegen_llvm import compile_program, host_target
from tfc.codegen_llvm.primitives import ROWS
from tfc.ir import types as T
from tfc.ir.expr import PRIMITIVES, Load, Prim, evaluate
from tfc.ir.index import Index
from tfc.ir.types import DTYPES, DType

MACHINE = [p for p in PRIMITIVES.values() if p.kind == "machine"]
FORMS = (0, 16)
"""Lanes; 0 is the scalar form. The best target is also tried with vectors of an odd length."""
ARITHMETIC = [d for d in DTYPES.values() if not (d.is_float and d.bits == 16)]


def special(dtype: DType) -> Array:
    """Values at the edges of a dtype."""
    if dtype.is_bool:
        return np.array([False, True])
    if dtype.is_int:
        info = np.iinfo(dtype.np)
        near = [0, 1, 2, 3, 5, 7, 13, dtype.bits - 1, dtype.bits, 100]
        signed = [-1, -2, -3, -7, -13, -100] if dtype.kind == "i" else []
        return np.array([*near, *signed, info.min, info.min + 1, info.max, info.max - 1], dtype.np)
    single = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        1.5,
        -1.5,
        2.5,
        -2.5,
        3.7,
        1e10,
        -1e10,
        3e38,
        1e-30,
        np.nan,
        np.inf,
        -np.inf,
    ]
    edges = [127.5, 128.0, 255.0, 65504.0, 65519.9, 65520.0, 2.0**31, 2.0**32, 2.0**63, 2.0**64, -(2.0**63), 8388607.5]
    halves = [2.0**-24, 2.0**-25, 1.5 * 2.0**-25, 6.1e-5, 1 + 2.0**-11, 1 + 3 * 2.0**-11, 1 + 2.0**-8, 1 + 3 * 2.0**-8]
    values = np.array([*single, *edges, *halves], np.float64)
    if dtype == T.float64:
        odd = [1 + 2.0**-11 + 2.0**-40, 1 + 2.0**-11 - 2.0**-40, 1e300, -1e300, 5e-324, 1e-310, 65519.99999999]
        values = np.concatenate([values, odd])
    if dtype == T.float32:
        values = np.concatenate([values, [1e-45, 1.1e-38]])
    with np.errstate(over="ignore"):
        return values.astype(dtype.np)


def grid(*columns: Array) -> list[Array]:
    """All combinations of the columns, in a number that no vector divides."""
    rows = list(itertools.product(*(range(len(c)) for c in columns)))
    rows += rows[: 5 + (-len(rows)) % 16]
    return [c[[r[k] for r in rows]] for k, c in enumerate(columns)]


def operands_of(op: str, dtype: DType) -> list[Array]:
    if op == "select":
        return grid(np.array([False, True]), special(dtype)[:6], special(dtype)[-7:])
    if op == "fma":
        few = np.array([0.0, -0.0, 1.0, -1.5, 3.1, 1e10, np.nan, np.inf], dtype.np)
        return grid(few, few, few)
    return grid(*[special(dtype)] * PRIMITIVES[op].arity)


def same(got: Array, expected: Array, signed_zero: bool, what: str) -> None:
    """Equal bits but for which NaN it is, and the sign of zero where that is free."""
    if expected.dtype.kind in "biu":
        np.testing.assert_array_equal(got, expected, err_msg=what)
        return
    with np.errstate(invalid="ignore"):
        g, e = got.astype(np.float64), expected.astype(np.float64)
    np.testing.assert_array_equal(g, e, err_msg=what)
    if signed_zero:
        numbers = ~np.isnan(e)
        np.testing.assert_array_equal(np.signbit(g)[numbers], np.signbit(e)[numbers], err_msg=what)


def check_cases(cases: list[tuple[str, DType, tuple[DType, ...], list[Array]]], target: str) -> None:
    """Runs (op, result, operand dtypes, operands) in all forms as one program."""
    i = Index.symbol("i")
    kernels, arrays, expected = [], {}, {}
    forms = (*FORMS, 3) if target == TARGETS[0] else FORMS
    for (op, result, dtypes, values), lanes in itertools.product(cases, forms):
        name = "_".join((op, *(d.name for d in (*dtypes, result)), str(lanes)))
        loads = tuple(Load(d, f"x{k}", (i,)) for k, d in enumerate(dtypes))
        kernels.append(elementwise(name, result, dtypes, Prim(result, op, loads), len(values[0]), lanes))
        arrays |= {f"{name}.x{k}": v for k, v in enumerate(values)}
        arrays[f"{name}.y"] = np.full(len(values[0]), 1).astype(result.np)
        expected[name] = evaluate(op, result, *values)
    program = program_of(*kernels)
    assert run_native(compile_program(program, host_target(target), cache=False), program, arrays, {}) == 0
    for name, e in expected.items():
        same(arrays[f"{name}.y"], e, name.split("_")[0] not in ("min", "max"), f"{target} {name}")


def test_every_machine_primitive_has_a_row_for_every_dtype_it_takes() -> None:
    for p in MACHINE:
        if p.name in ("cast", "bitcast"):
            continue
        assert set(ROWS[p.name]) == set(p.operands), p.name
    assert set(ROWS) == {p.name for p in MACHINE} - {"cast", "bitcast"}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("op", [p.name for p in MACHINE if p.name not in ("cast", "bitcast")])
def test_primitive(op: str, target: str) -> None:
    row = PRIMITIVES[op]
    cases: list[Any] = []
    for d in DTYPES.values() if op == "select" else ARITHMETIC:
        if d.kind in row.operands:
            dtypes = (T.bool_, d, d) if op == "select" else (d,) * row.arity
            cases.append((op, T.bool_ if row.result == "bool" else d, dtypes, operands_of(op, d)))
    check_cases(cases, target)


@pytest.mark.parametrize("target", TARGETS)
def test_float64_fma_rounds_once(target: str) -> None:
    a = np.array([1 + 2.0**-30, 1e16 + 2, 3.0] * 7)
    b = np.array([1 + 2.0**-30, 1.0 + 2.0**-52, 1 / 3] * 7)
    c = np.array([-1.0, -1e16, -1.0] * 7)
    exact = [float(Fraction(x) * Fraction(y) + Fraction(z)) for x, y, z in zip(a, b, c, strict=True)]
    np.testing.assert_array_equal(evaluate("fma", T.float64, a, b, c), exact)
    check_cases([("fma", T.float64, (T.float64,) * 3, [a, b, c])], target)


@pytest.mark.parametrize("target", TARGETS)
def test_float32_fma_rounds_once(target: str) -> None:
    """97 * 172961 is 2**24 + 1: a tie of float32 that the last operand breaks beyond float64's last place."""
    a = np.array([97, 97, 97, -97, -97, 97], np.float32)
    b = np.array([172961] * 6, np.float32) * np.float32(2.0**-24)
    c = np.array([2.0**-60, -(2.0**-60), 0, 2.0**-60, -(2.0**-60), 2.0**-23], np.float32)
    expected = [float(np.float32(v)) for v in (1 + 2.0**-23, 1, 1, -1, -1 - 2.0**-23, 1 + 2.0**-22)]
    operands = [np.tile(v, 4) for v in (a, b, c)]
    np.testing.assert_array_equal(evaluate("fma", T.float32, *operands)[:6], expected)
    check_cases([("fma", T.float32, (T.float32,) * 3, operands)], target)
    random = [np.random.default_rng(k).integers(0, 1 << 32, 3000, dtype=np.uint32).view(np.float32) for k in range(3)]
    check_cases([("fma", T.float32, (T.float32,) * 3, random)], target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", DTYPES.values(), ids=str)
def test_cast(source: DType, target: str) -> None:
    values = grid(special(source))
    cases: list[Any] = [("cast", to, (source,), values) for to in DTYPES.values() if to != source]
    check_cases(cases, target)


@pytest.mark.parametrize("target", TARGETS)
def test_every_half_float_becomes_float32_and_back(target: str) -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    for half in (T.float16, T.bfloat16):
        x = bits.view(half.np)
        check_cases([("cast", T.float32, (half,), [x])], target)
        with np.errstate(invalid="ignore"):
            single = x.astype(np.float32)
        check_cases([("cast", half, (T.float32,), [single])], target)


@pytest.mark.parametrize("target", TARGETS)
def test_random_floats_round_to_half_as_numpy(target: str) -> None:
    bits = np.random.default_rng(5).integers(0, 1 << 32, 20000, dtype=np.uint32)
    wide = np.random.default_rng(6).normal(size=20000) * 10.0 ** np.random.default_rng(7).integers(-9, 6, 20000)
    for half in (T.float16, T.bfloat16):
        check_cases([("cast", half, (T.float32,), [bits.view(np.float32)])], target)
        check_cases([("cast", half, (T.float64,), [wide])], target)


@pytest.mark.parametrize("target", TARGETS)
def test_bitcast(target: str) -> None:
    cases: list[Any] = []
    for a, b in itertools.permutations(DTYPES.values(), 2):
        if a.bits == b.bits and not a.is_bool and not b.is_bool:
            cases.append(("bitcast", b, (a,), grid(special(a))))
    check_cases(cases, target)
