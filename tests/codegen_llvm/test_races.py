"""No races in the pool and in the code of parallel loops, as ThreadSanitizer sees the emitted code run."""

from __future__ import annotations

from pathlib import Path

import llvmlite.binding as llvm
import pytest

from tfc.codegen_llvm import emit_program, host_target
from tfc.codegen_llvm.pool import emit_pool, has_pool
from tfc.ir.kernel_text import parse_kernel

from .support import program_of
from .tsan import build, has_tsan, races

pytestmark = pytest.mark.skipif(
    not has_pool(llvm.get_process_triple()) or not has_tsan(), reason="needs gcc's ThreadSanitizer and a pool"
)

KERNELS = """
kernel scale(x: float32[n, 16] in, y: float32[n, 16] out) dims(n) {
  let c = cast<float32>(@(n))
  for i < n parallel { for l < 16 vector { y[i, l] = mul(x[i, l], c) } }
  for i2 < n parallel grain(3) { for l2 < 16 { y[i2, l2] = add(y[i2, l2], 1.0:float32) } }
}
---
kernel turn(x: float32[n, 16] in, y: float32[n, 16] out, t: float32[16] out arena) dims(n) {
  for i < n parallel private(t) {
    for k < 16 { t[k] = x[i, k] }
    for k2 < 16 { y[i, k2] = t[15 - k2] }
  }
}
---
kernel nested(x: float32[n, 16] in, y: float32[n, 16] out) dims(n) {
  for b < floordiv(n, 4) parallel {
    for r < 4 parallel { for l < 16 vector { y[4*b + r, l] = add(x[4*b + r, l], x[4*b, 0]) } }
  }
}"""
RACE = """
kernel race(x: float32[n, 16] in, y: float32[n, 16] out) dims(n) {
  for i < n parallel { for l < 16 { y[floordiv(i, n), l] = x[i, l] } }
}"""

DRIVER = """
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

void tfc_run(void **slots, int64_t *dims, void *arena, int32_t *status);
void tfc_set_threads(int64_t n);

enum { N = 40, ARRAYS = COUNT };

static void *run(void *rounds) {
  static __thread float arrays[ARRAYS][N][16] __attribute__((aligned(64)));
  void *slots[ARRAYS];
  int64_t dims[ARRAYS];
  for (int k = 0; k < ARRAYS; k++) {
    slots[k] = arrays[k];
    dims[k] = N;
  }
  for (int r = 0; r < *(int *)rounds; r++) {
    for (int k = 0; k < ARRAYS; k++)
      for (int i = 0; i < N * 16; i++) (&arrays[k][0][0])[i] = (float)(r + i);
    int32_t status = 0;
    tfc_run(slots, dims, 0, &status);
    if (status != 0) abort();
    CHECKS
  }
  return 0;
}

int main(void) {
  int counts[] = {2, 3, 5, 1, 4, 2}, rounds = 200;
  for (int c = 0; c < 6; c++) {
    tfc_set_threads(counts[c]);
    pthread_t other;
    pthread_create(&other, 0, run, &rounds);
    if (c % 2) tfc_set_threads(counts[c] + 1);
    run(&rounds);
    pthread_join(other, 0);
  }
  puts("done");
  return 0;
}
"""
CHECKS = """
    for (int i = 0; i < N; i++)
      for (int l = 0; l < 16; l++) {
        float x = (float)(r + i * 16 + l);
        if (arrays[1][i][l] != x * N + 1) abort();
        if (arrays[3][i][l] != (float)(r + i * 16 + 15 - l)) abort();
        if (arrays[6][i][l] != x + (float)(r + i / 4 * 64)) abort();
      }
"""


def modules(text: str) -> tuple[str, str]:
    target = host_target("sse2") if "x86_64" in llvm.get_process_triple() else host_target()
    kernels = [parse_kernel(k) for k in text.split("---")]
    return emit_program(program_of(*kernels), target), emit_pool(target.triple)


def test_no_races(tmp_path: Path) -> None:
    driver = DRIVER.replace("COUNT", "7").replace("CHECKS", CHECKS)
    status, said = races(build(tmp_path, driver, *modules(KERNELS)))
    assert (status, said) == (0, "done\n")


def test_races_are_seen(tmp_path: Path) -> None:
    """What the test above relies on."""
    status, said = races(build(tmp_path, DRIVER.replace("COUNT", "2").replace("CHECKS", ""), *modules(RACE)))
    assert status == 66
    assert "data race" in said
