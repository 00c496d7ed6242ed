"""Expressions: deep, shared, and random ones in masked vector loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codegen_llvm.support import Array, check, compile_kernel, run_native
from tfc.codegen_llvm import host_target
from tfc.ir import types as T
from tfc.ir.expr import At, Const, Expr, Load, Name, cast, prim, select
from tfc.ir.index import Dim, Index
from tfc.ir.kernel import Accumulate, Buffer, For, If, Kernel, Let, Store, substitute


@pytest.mark.parametrize("form", ["serial", "vector"])
def test_deep_and_shared_expressions(form: str) -> None:
    i = Index.symbol("i")
    e: Expr = Load(T.float32, "x", (i,))
    for k in range(2000):
        e = e * 0.5 + float(k % 3)
    shared = e
    for _ in range(60):
        shared = shared * 0.25 + shared * 0.25
    guarded = select(prim("gt", Load(T.float32, "x", (i,)), 0.0), shared, Load(T.float32, "x", (i,)) * 2.0)
    buffers = (Buffer("x", T.float32, (8,)), Buffer("y", T.float32, (8,), "out"))
    kernel = Kernel("deep", buffers, (), (For("i", 8, (Store("y", (i,), guarded),), form),))
    native, program = compile_kernel(kernel, host_target())
    x, y = np.random.default_rng(1).normal(size=8).astype(np.float32), np.zeros(8, np.float32)
    run_native(native, program, {"deep.x": x, "deep.y": y}, {})
    expected = x.copy()
    for k in range(2000):
        expected = expected * np.float32(0.5) + np.float32(k % 3)
    for _ in range(60):
        expected = expected * np.float32(0.25) + expected * np.float32(0.25)
    np.testing.assert_array_equal(y, np.where(x > 0, expected, x * 2))


@pytest.mark.parametrize("form", ["serial", "vector"])
def test_long_chains_of_guarded_loads(form: str) -> None:
    """What a concatenation of many operands is: 400 selects, each with a load of its own."""
    i, n = Index.symbol("i"), 400
    e: Expr = Load(T.float32, "x", (i + 8 * n,))
    for k in reversed(range(n)):
        which = (_at(i) + 0).eq(k) if k % 50 == 0 else prim("lt", Load(T.float32, "x", (i,)), float(k - 8))
        e = select(which, Load(T.float32, "x", (i + 8 * k,)) + float(k), e)
    buffers = (Buffer("x", T.float32, (8 * n + 8,)), Buffer("y", T.float32, (8,), "out"))
    kernel = Kernel("chain", buffers, (), (For("i", 8, (Store("y", (i,), e),), form),))
    native, program = compile_kernel(kernel, host_target())
    x, y = np.arange(8 * n + 8, dtype=np.float32) * 41, np.zeros(8, np.float32)
    x[7] = np.nan
    run_native(native, program, {"chain.x": x, "chain.y": y}, {})
    expected = [_first(x, lane, n) for lane in range(8)]
    np.testing.assert_array_equal(y, expected)


def _first(x: Array, lane: int, n: int) -> float:
    for k in range(n):
        if lane == k if k % 50 == 0 else x[lane] < k - 8:
            return float(x[lane + 8 * k] + k)
    return float(x[lane + 8 * n])


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> Expr:
    """Expressions over the loads x[i], x[i - 1] (behind its bound), p[i], an index, and constants."""
    i = Index.symbol("i")
    if depth == 0:
        fallen = select(prim("ge", _at(i), _at(1)), Load(T.float32, "x", (i - 1,)), 4.0)
        leaves = (
            Load(T.float32, "x", (i,)),
            fallen,
            Name(T.float32, "v"),
            Const(T.float32, 1.5),
            cast(_at(i), T.float32),
        )
        return draw(st.sampled_from(leaves))
    op = draw(st.sampled_from(("add", "sub", "mul", "min", "max", "select")))
    a, b = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    if op != "select":
        return prim(op, a, b)
    which = draw(st.sampled_from((_at(i), Load(T.int64, "p", (i,)))))
    return select(prim(draw(st.sampled_from(("lt", "ge", "eq", "le"))), which, _at(draw(st.integers(0, 9)))), a, b)


def _at(x: Dim) -> Expr:
    return At(x)


@settings(max_examples=25, deadline=None)
@given(e=expressions(), value=expressions(1), lanes=st.sampled_from((2, 5, 8, 16)), n=st.integers(0, 20))
def test_random_expressions(e: Expr, value: Expr, lanes: int, n: int) -> None:
    i, o, k = Index.symbol("i"), Index.symbol("o"), Index.symbol("k")
    load = Load(T.float32, "x", (i,))
    body = (Let("v", load * 3.0), Store("y", (i,), e), Accumulate("s", (), cast(prim("gt", value, 0.0), T.int32)))
    body = substitute(body, {"i": o * lanes + k})
    guarded = If(prim("lt", _at(o * lanes + k), _at(Index.symbol("n"))), body)
    size = Index.symbol("n")
    buffers = (
        Buffer("x", T.float32, (size,)),
        Buffer("p", T.int64, (size,)),
        Buffer("y", T.float32, (size,), "out"),
        Buffer("s", T.int32, (), "inout"),
    )
    loop = For("o", (size + lanes - 1) // lanes, (For("k", lanes, (guarded,), "vector"),))
    kernel = Kernel("random", buffers, ("n",), (loop,))
    r = np.random.default_rng(n)
    arrays = {"x": r.normal(size=n).astype(np.float32), "p": r.integers(0, 10, n), "y": np.zeros(n, np.float32)}
    check(kernel, {**arrays, "s": np.array(0, np.int32)}, n=n)
