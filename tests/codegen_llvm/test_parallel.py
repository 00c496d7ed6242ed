"""Parallel loops on any number of threads give what the interpreter gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tfc.codegen_llvm import CodegenError, host_target, set_threads, threads
from tfc.ir.expr import Expr, Load
from tfc.ir.index import Index
from tfc.ir.kernel import Buffer, For, Kernel, Store
from tfc.ir.kernel_text import parse_kernel
from tfc.ir.kernel_verify import verify_kernel
from tfc.ir.types import float32

from .support import TARGETS, check, compile_kernel, run_native

COUNTS = (1, 2, 3, 7)


@pytest.fixture(params=COUNTS)
def count(request: pytest.FixtureRequest) -> Iterator[int]:
    before = threads()
    set_threads(request.param)
    yield request.param
    set_threads(before)


def f32(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


CAPTURES = """
kernel captures(x: float32[n, m] in, y: float32[n, m] out, flags: bool[2] in, last: int64[] in) dims(n, m) {
  alloc t: float32[4] local stack
  for k < 4 { t[k] = cast<float32>(@(k*m)) }
  let scale = cast<float32>(@(n))
  let flag = flags[1]
  let at = last[]
  let row = @(n - 1)
  for i < n parallel grain(2) {
    let here = mul(scale, t[mod(i, 4)])
    for j < m {
      if flag {
        y[i, j] = add(x[min(row, i), j], here)
      } else {
        y[i, j] = cast<float32>(at)
      }
    }
  }
}"""


@pytest.mark.parametrize("n", [0, 1, 5, 101])
def test_what_bodies_take_from_around_them(n: int, count: int) -> None:
    x, y = f32(n, 5), np.zeros((n, 5), np.float32)
    for flag in (True, False):
        flags, last = np.array([not flag, flag]), np.array(1 << 20)
        check(CAPTURES, {"x": x, "y": y, "flags": flags, "last": last}, n=n, m=5)


NESTED = """
kernel nested(x: float32[n, m, 16] in, y: float32[n, m, 16] out) dims(n, m) {
  for b < n parallel grain(G) {
    let first = x[b, 0, 0]
    for r < m parallel grain(max(1, floordiv(8, n))) {
      for l < 16 vector { y[b, r, l] = mul(x[b, r, l], first) }
    }
    for r2 < m parallel { for l2 < 16 vector { y[b, r2, l2] = add(y[b, r2, l2], 1.0:float32) } }
  }
}"""


@pytest.mark.parametrize("grain", [1, 1000])
@pytest.mark.parametrize("shape", [(1, 40), (3, 40), (40, 3), (0, 3)])
def test_loops_in_loops(shape: tuple[int, int], grain: int, count: int) -> None:
    x, y = f32(*shape, 16), np.zeros((*shape, 16), np.float32)
    check(NESTED.replace("G)", f"{grain})", 1), {"x": x, "y": y}, n=shape[0], m=shape[1])


OUTER = """
kernel outer(x: float32[n, 40] in, y: float32[n, 40] out, t: float32[40] out arena, u: float32[8] out arena) dims(n) {
  for i < n parallel grain(G) private(t, u) {
    for j < 40 { t[j] = x[i, j] }
    for b < 5 parallel private(u) {
      for k < 8 { u[k] = t[8*b + k] }
      for k2 < 8 { y[i, 8*b + k2] = u[7 - k2] }
    }
  }
}"""


@pytest.mark.parametrize("grain", [1, 1000])
@pytest.mark.parametrize("n", [1, 2, 50])
def test_private_buffers_of_loops_in_loops(n: int, grain: int, count: int) -> None:
    """The inner loop's are the outer thread's where that runs it alone."""
    kernel = parse_kernel(OUTER.replace("G)", f"{grain})"))
    verify_kernel(kernel)
    native, program = compile_kernel(kernel, host_target())
    x, y = f32(n, 40), np.zeros((n, 40), np.float32)
    arrays = {"outer.x": x, "outer.y": y, "outer.t": f32(40), "outer.u": f32(8)}
    for _ in range(20):
        y[:] = 0
        run_native(native, program, arrays, {"outer.n": n})
        np.testing.assert_array_equal(y, x.reshape(n, 5, 8)[:, :, ::-1].reshape(n, 40))


PRIVATE = """
kernel private(x: float32[n, m] in, y: float32[n, m] out, t: float32[m] out arena, u: int64[3] out arena) dims(n, m) {
  for i < n parallel private(t, u) {
    for j < m { t[j] = x[i, j] }
    for k < 3 { u[k] = @(i) }
    for j2 < m { y[i, j2] = add(t[m - 1 - j2], cast<float32>(u[mod(j2, 3)])) }
  }
}"""


@pytest.mark.parametrize("m", [1, 7, 1000, 9000])
def test_private_buffers(m: int, count: int) -> None:
    n = 40
    x, y = f32(n, m), np.zeros((n, m), np.float32)
    kernel = parse_kernel(PRIVATE)
    verify_kernel(kernel)
    native, program = compile_kernel(kernel, host_target())
    scratch: dict[str, np.ndarray[Any, Any]] = {
        "private.t": np.zeros(m, np.float32),
        "private.u": np.zeros(3, np.int64),
    }
    for _ in range(5):
        y[:] = 0
        run_native(native, program, {"private.x": x, "private.y": y, **scratch}, {"private.n": n, "private.m": m})
        np.testing.assert_array_equal(y, x[:, ::-1] + np.arange(n, dtype=np.float32)[:, None])


def test_private_buffers_on_the_interpreter_and_each_target(count: int) -> None:
    arrays = {"x": f32(9, 4), "y": np.zeros((9, 4), np.float32)}
    for name in TARGETS:
        native, program = compile_kernel(parse_kernel(PRIVATE), host_target(name))
        given = {f"private.{k}": v for k, v in arrays.items()}
        given |= {"private.t": np.zeros(4, np.float32), "private.u": np.zeros(3, np.int64)}
        run_native(native, program, given, {"private.n": 9, "private.m": 4})
        np.testing.assert_array_equal(arrays["y"], arrays["x"][:, ::-1] + np.arange(9, dtype=np.float32)[:, None])


CHECKED = """
kernel checked(x: float32[n] in, y: float32[n] out) dims(n) {
  for i < n parallel {
    check ge(x[i], 0.0:float32) else 1
    y[i] = x[i]
  }
}"""


@pytest.mark.parametrize("bad", [None, 0, 50, 99])
def test_checks(bad: int | None, count: int) -> None:
    x = np.abs(f32(100))
    if bad is not None:
        x[bad] = -1
    check(CHECKED, {"x": x, "y": np.zeros(100, np.float32)}, n=100)
    native, program = compile_kernel(parse_kernel(CHECKED), host_target())
    arrays = {"checked.x": x, "checked.y": np.zeros(100, np.float32)}
    assert run_native(native, program, arrays, {"checked.n": 100}) == (0 if bad is None else 2)


def test_expressions_that_share_their_parts() -> None:
    """As a tree this one has 2**60 leaves."""
    i = Index.symbol("i")
    value: Expr = Load(float32, "x", (i,))
    for _ in range(60):
        value = (value + value) * 0.5
    loop = For("i", 50, (Store("y", (i,), value),), "parallel")
    k = Kernel("shared", (Buffer("x", float32, (50,)), Buffer("y", float32, (50,), "out")), (), (loop,))
    native, program = compile_kernel(k, host_target())
    x, y = f32(50), np.zeros(50, np.float32)
    run_native(native, program, {"shared.x": x, "shared.y": y}, {})
    np.testing.assert_array_equal(y, x)


def test_a_parallel_loop_in_an_unrolled_one(count: int) -> None:
    text = """kernel twice(y: float32[2, n] out) dims(n) {
      for u < 2 unrolled { for i < n parallel { y[u, i] = cast<float32>(@(u + 2*i)) } }
    }"""
    check(text, {"y": np.zeros((2, 33), np.float32)}, n=33)


def test_no_parallel_loop_in_a_vector_loop() -> None:
    kernel = parse_kernel(
        "kernel k(y: float32[8, 8] out) { for i < 8 vector { for j < 8 parallel { y[i, j] = 0.0:float32 } } }"
    )
    with pytest.raises(CodegenError, match="the parallel loop over j is inside a vector loop"):
        compile_kernel(kernel, host_target())


def test_names_that_are_taken_again(count: int) -> None:
    """A loop variable that another body binds again is another symbol inside."""
    text = """kernel again(y: int64[n, 4] out) dims(n) {
      for a < n parallel { let v = @(2*a) for j < 4 { y[a, j] = add(v, @(j)) } }
      for b < n parallel { let w = y[b, 0] for j2 < 4 { y[b, j2] = add(y[b, j2], w) } }
    }"""
    check(text, {"y": np.zeros((20, 4), np.int64)}, n=20)
