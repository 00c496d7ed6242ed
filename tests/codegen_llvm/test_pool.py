"""The pool: how many threads it has, what they inherit from their caller, that they rest."""

from __future__ import annotations

import ctypes
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest

from tfc.codegen_llvm import host_target, set_threads, threads
from tfc.codegen_llvm.pool import emit_pool, has_pool
from tfc.codegen_llvm.pool_process import _quota, usable_cores
from tfc.ir.kernel_text import parse_kernel

from .support import compile_kernel, run_native

HALVES = """
kernel halves(x: float32[n, 4096] in, y: float32[n, 4096] out) dims(n) {
  for i < n parallel {
    for again < 300 { for j < 256 { for l < 16 vector { y[i, 16*j + l] = mul(x[i, 16*j + l], 0.5:float32) } } }
  }
}"""


@pytest.fixture(autouse=True)
def three() -> Iterator[None]:
    before = threads()
    set_threads(3)
    yield
    set_threads(before)


def test_pools_for_other_machines() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    for triple in ("aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl"):
        module = llvm.parse_assembly(emit_pool(triple))
        module.verify()
        machine = llvm.Target.from_triple(triple).create_target_machine(opt=3, reloc="pic")
        assert b"tfc_parallel" in machine.emit_object(module)
    assert not has_pool("arm64-apple-darwin23")
    assert not has_pool("riscv64-unknown-linux-gnu")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="sets the state of x86's float unit")
def test_numbers_are_as_small_as_on_the_callers_thread() -> None:
    """Where the caller's thread flushes subnormal numbers to zero, so do the others."""
    native, program = compile_kernel(parse_kernel(HALVES), host_target("sse2"))
    x = np.full((64, 4096), 1.5e-38, np.float32)
    y = np.zeros_like(x)
    arrays, dims = {"halves.x": x, "halves.y": y}, {"halves.n": 64}
    # fenv_t of glibc on x86-64: 28 bytes, then MXCSR; bit 15 flushes results to zero.
    libm, state = ctypes.CDLL("libm.so.6"), (ctypes.c_uint32 * 8)()
    for flush in (False, True, False):
        libm.fegetenv(state)
        before = state[7]
        state[7] = before | 0x8000 if flush else before
        libm.fesetenv(state)
        try:
            for _ in range(2):
                run_native(native, program, arrays, dims)
        finally:
            state[7] = before
            libm.fesetenv(state)
        bits = set(np.unique(y.view(np.uint32)).tolist())
        assert (bits == {0}) == flush


def test_threads_rest() -> None:
    native, program = compile_kernel(parse_kernel(HALVES), host_target())
    x = np.ones((64, 4096), np.float32)
    run_native(native, program, {"halves.x": x, "halves.y": np.zeros_like(x)}, {"halves.n": 64})
    time.sleep(0.02)
    before = time.process_time()
    time.sleep(0.2)
    assert time.process_time() - before < 0.1


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        ("0::/\n", {}, None),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"}, 2),
        ("0::/of/the/host\n", {"cpu.max": "50000 100000\n"}, 0.5),
        ("0::/a\n", {"a/cpu.max": "300000 100000\n", "cpu.max": "100000 100000\n"}, 1),
        (
            "3:cpu,cpuacct:/a\n2:memory:/a\n",
            {"cpu/a/cpu.cfs_quota_us": "400000\n", "cpu/a/cpu.cfs_period_us": "100000\n"},
            4,
        ),
        ("3:cpu,cpuacct:/a\n", {"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, None),
        ("0::/\n", {"cpu.max": "nonsense"}, None),
    ],
)
def test_quotas(groups: str, files: dict[str, str], cores: float | None, tmp_path: Path) -> None:
    (tmp_path / "groups").write_text(groups)
    for name, text in files.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert _quota(tmp_path / "groups", tmp_path / "root") == cores
    assert _quota(tmp_path / "none", tmp_path / "root") is None
    assert usable_cores() >= 1
