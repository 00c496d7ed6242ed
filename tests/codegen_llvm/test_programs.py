"""Programs: the arena, checks, steps; and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.codegen_llvm.support import TARGETS, check, run_native
from tfc.codegen_llvm import CodegenError, compile_program, emit_program, host_target
from tfc.ir import types as T
from tfc.ir.index import Index
from tfc.ir.kernel import Buffer, Kernel, Launch, Program, Slot
from tfc.ir.kernel_text import parse_kernel, parse_program

PROGRAM = """
program two dims(n, m) arena(256 + 64*n) {
  message "negative"
  message "large"
  slot feed x: float32[n, m] in
  slot arena s: float32[n] inout arena align(64) at(64)
  slot variable v: float32[n] inout
  slot arena t: float32[n] inout arena align(4) at(128 + 8*n)
  slot fetch y: float32[n] out
  kernel sums(x: float32[a, b] in, s: float32[a] out) dims(a, b) {
    for i < a parallel {
      s[i] = 0.0:float32
      for j < b {
        check ge(x[i, j], 0.0:float32) else 0
        s[i] add= x[i, j]
      }
    }
  }
  kernel scale(s: float32[a] in, t: float32[a] out, v: float32[a] inout) dims(a, b) {
    for i < a {
      t[i] = mul(s[i], cast<float32>(@(b)))
      v[i] add= t[i]
      check lt(t[i], 1000.0:float32) else 1
    }
  }
  kernel copy(t: float32[a] in alias, y: float32[a] out alias) dims(a) {
    for i < a {
      y[i] = t[i]
    }
  }
  run sums(x, s) dims(n, m)
  run scale(s, t, v) dims(n, 2*m + 1)
  run copy(t, y) dims(n)
}"""


@pytest.mark.parametrize("target", TARGETS)
def test_programs_with_an_arena_and_checks(target: str) -> None:
    program = parse_program(PROGRAM)
    native = compile_program(program, host_target(target), cache=False)
    for n, m in ((0, 3), (1, 0), (5, 4), (13, 2)):
        x = np.random.default_rng(n).random((n, m), np.float32)
        for bad, status in ((None, 0), (-1.0, 1), (1e6, 2), (np.nan, 1)):
            if bad is not None and (not x.size):
                continue
            fed = x.copy()
            if bad is not None:
                fed[-1, -1] = bad
            v, y = np.ones(n, np.float32), np.zeros(n, np.float32)
            got = run_native(native, program, {"x": fed, "v": v, "y": y}, {"n": n, "m": m})
            assert got == status
            # No step is run after one in which a check fails.
            expected = fed.sum(1) * np.float32(2 * m + 1)
            np.testing.assert_allclose(v, 1 + expected if got != 1 else np.ones(n), rtol=1e-5)
            np.testing.assert_allclose(y, expected if got == 0 else np.zeros(n), rtol=1e-5)


def test_checks_in_vector_loops_and_under_masks() -> None:
    text = """
    kernel checked(x: float32[8] in, n: int64[] in) {
      for l < 8 vector {
        if lt(@(l), n[]) {
          check gt(x[l], 0.0:float32) else 1
        }
      }
    }"""
    for n in (0, 3, 8):
        for bad in range(8):
            x = np.ones(8, np.float32)
            x[bad] = -1
            check(text, {"x": x, "n": np.array(n)})


def _rejected(text: str, message: str) -> None:
    with pytest.raises(CodegenError, match=message):
        emit_program(_alone(parse_kernel(text)), host_target())


def _alone(kernel: Kernel) -> Program:
    slots = tuple(Slot(b, "feed") for b in kernel.buffers)
    step = Launch(kernel.name, tuple(b.name for b in kernel.buffers), tuple(Index.symbol(d) for d in kernel.dims))
    return Program("p", kernel.dims, slots, (kernel,), (step,))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("for l < 4 lane {\n barrier\n }", "kernel k: barriers belong to device kernels"),
        ("alloc t: float32[20000] local stack", "80000 bytes is larger than 65536"),
        ("alloc t: float32[4] local shared", "is in space shared; the CPU has register and stack"),
        ("alloc t: float32[n] local register", "needs constant dims"),
        ("x[0] = exp(x[0])", "exp of float32 is not a machine primitive"),
        ("h[0] = add(h[0], h[0])", "add of float16: arithmetic on half floats"),
        ("for l < n vector {\n x[l] = 0.0:float32\n }", "the vector loop over l needs a constant extent"),
        ("for l < n unrolled {\n x[l] = 0.0:float32\n }", "the unrolled loop over l needs a constant extent"),
        ("for l < 4 vector {\n for k < 4 vector {\n x[l] = 0.0:float32\n }\n }", "over k is inside another"),
        ("for l < 4 vector {\n for k < l {\n x[l] = 0.0:float32\n }\n }", "extent of the loop over k differs"),
    ],
)
def test_what_is_refused(body: str, message: str) -> None:
    _rejected(f"kernel k(x: float32[n] inout, h: float16[n] inout) dims(n) {{\n{body}\n}}", message)


def test_launches_must_fit_their_kernels() -> None:
    kernel = parse_kernel("kernel k(x: float32[4] inout) {\n x[0] = 1.0:float32\n}")
    good = _alone(kernel)
    other = Slot(Buffer("i", T.int32, (4,)), "feed")
    for step, message in (
        (Launch("z", ("x",)), "launches z, which it does not have"),
        (Launch("k", ()), "gives 0 buffers and 0 dims, expected 1 and 0"),
        (Launch("k", ("q",)), "names q, which is no slot"),
        (Launch("k", ("i",)), "passes i of int32 as x of float32"),
    ):
        with pytest.raises(CodegenError, match=message):
            emit_program(Program("p", (), (*good.slots, other), (kernel,), (step,)), host_target())
