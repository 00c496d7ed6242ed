"""Stores past the caches: of large buffers that are written only, with the same results as any others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tfc.codegen_llvm import compile_program, host_target
from tfc.ir.kernel import Kernel
from tfc.ir.kernel_text import parse_kernel
from tfc.passes.schedule.cpu import schedule_kernel
from tfc.passes.target import Target

from .support import TARGETS, program_of, run_native

PLUS = """
kernel f(x: float32[n] in, y: float32[n] out, z: float32[n] out) dims(n) {
  for i < n { z[i] = mul(x[i], 2.0:float32) }
  for j < n { y[j] = add(x[j], z[j]) }
}"""


def small_caches(name: str) -> Target:
    return replace(host_target(name), l3=4096)


def scheduled(text: str, target: Target) -> Kernel:
    return schedule_kernel(parse_kernel(text), target)


def at(offset: int, n: int) -> np.ndarray:
    """Numbers that begin so many elements behind a cache line."""
    memory = np.zeros(n + 32, np.float32)
    start = -memory.ctypes.data % 64 // 4 + offset
    return memory[start : start + n]


@pytest.mark.parametrize("name", TARGETS)
def test_results_are_the_same_wherever_buffers_begin(name: str) -> None:
    target = small_caches(name)
    program = program_of(scheduled(PLUS, target))
    native = compile_program(program, target, cache=False)
    assert "!nontemporal" in native.llvm_ir
    for n in (3, 500, 512, 1000, 5000):
        for offset in (0, 1, 4):
            x, y, z = at(2, n), at(offset, n), at(0, n)
            x[:] = np.arange(n)
            run_native(native, program, {"f.x": x, "f.y": y, "f.z": z}, {"f.n": n})
            np.testing.assert_array_equal(y, 3 * x)


@pytest.mark.parametrize(
    ("shape", "part", "role", "streams"),
    [
        ((512,), (512,), "out", False),
        ((1024,), (1024,), "out", True),
        ((1024,), (1024,), "inout", False),
        ((9, 999), (9, 900), "out", False),
        ((9, 96), (9, 64), "out", True),
    ],
)
def test_which_stores_go_past_the_caches(
    shape: tuple[int, ...], part: tuple[int, ...], role: str, streams: bool
) -> None:
    """Those of large buffers that are written only, at places that begin a vector."""
    target = replace(small_caches(TARGETS[0]), l3=6400)
    dims, at = ", ".join(map(str, shape)), "ij"[: len(shape)]
    loops = " ".join(f"for {v} < {n} {{" for v, n in zip(at, part, strict=True))
    text = f"""kernel f(x: float32[{dims}] in, y: float32[{dims}] {role}) {{
      {loops} y[{", ".join(at)}] = x[{", ".join(at)}] {"}" * len(at)}
    }}"""
    native = compile_program(program_of(scheduled(text, target)), target, cache=False)
    assert ("!nontemporal" in native.llvm_ir) == streams
