"""Programs for AArch64 with NEON: cross-compiled, and run by an emulator where there is one with a linker."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from scipy import special

import tfc
import tfc.numpy as tnp
from tfc.codegen_llvm import emit_program
from tfc.codegen_llvm.jit import _optimise, compile_text
from tfc.ir.index import Dim, subs, symbol_name
from tfc.ir.kernel import Program
from tfc.passes.lower import constants_of, lower
from tfc.passes.manager import PassManager
from tfc.passes.pipeline import GRAPH_PASSES, program_passes
from tfc.passes.specialize import specialize
from tfc.passes.target import Target

NEON = Target("neon", "aarch64-linux-gnu", "+neon,+fp-armv8", 16, 32, fma=True)
TOOLS = ("qemu-aarch64", "aarch64-linux-gnu-gcc")
EMULATED = pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {' and '.join(TOOLS)}")
DRIVER = """
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
void tfc_run(void **slots, int64_t *dims, char *arena, int32_t *status);
static int64_t number(FILE *f) { int64_t n; if (fread(&n, 8, 1, f) != 1) exit(2); return n; }
static void *memory(int64_t n) {
  void *p = aligned_alloc(64, (n + 127) / 64 * 64);
  if (!p) exit(3);
  return memset(p, 0x55, n);
}
int main(int argc, char **argv) {
  FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
  int64_t count = number(in), dims = number(in), arena = number(in), values[64], sizes[64];
  void *slots[64];
  for (int64_t k = 0; k < dims; k++) values[k] = number(in);
  for (int64_t k = 0; k < count; k++) {
    sizes[k] = number(in);
    slots[k] = memory(sizes[k]);
    if (number(in) && fread(slots[k], 1, sizes[k], in) != (size_t)sizes[k]) return 2;
  }
  int32_t status = 0;
  tfc_run(slots, values, memory(arena), &status);
  for (int64_t k = 0; k < count; k++) fwrite(slots[k], 1, sizes[k], out);
  return fclose(out) || status;
}
"""
Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module", autouse=True)
def every_target() -> None:
    """Has LLVM know the targets that are not this machine's."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def softmax(x: Array) -> Array:
    return special.softmax(x, axis=-1)


def gelu(x: Array) -> Array:
    return 0.5 * x * (1 + special.erf(x / np.sqrt(2)))


def layer_norm(x: Array) -> Array:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[tuple[int, ...]]]] = {
    "product": (tnp.matmul, np.matmul, [(37, 301), (301, 67)]),
    "product of a transpose": (lambda a, b: tnp.matmul(a.T, b), lambda a, b: a.T @ b, [(50, 10), (50, 300)]),
    "vector": (tnp.matmul, np.matmul, [(1, 301), (301, 67)]),
    "classifier": (
        lambda x, w, b: tnp.softmax(x @ w + b),
        lambda x, w, b: softmax(x @ w + b),
        [(7, 784), (784, 10), (10,)],
    ),
    "wide softmax": (lambda x, w: tnp.softmax(x @ w), lambda x, w: softmax(x @ w), [(9, 33), (33, 130)]),
    "gelu": (lambda x: tnp.gelu(x, approximate=False), gelu, [(1003,)]),
    "functions": (
        lambda x: tnp.log(tnp.exp(x) + 1.0) * tnp.tanh(x) + tnp.sin(x),
        lambda x: np.log(np.exp(x) + 1.0) * np.tanh(x) + np.sin(x),
        [(5, 67)],
    ),
    "layer norm": (
        lambda x: (x - tnp.mean(x, axis=-1, keepdims=True)) / tnp.sqrt(tnp.var(x, axis=-1, keepdims=True) + 1e-5),
        layer_norm,
        [(7, 133)],
    ),
    "sum of columns": (lambda x: tnp.sum(x, axis=0), lambda x: x.sum(0), [(65, 19)]),
    "transpose": (lambda x: x.T + 1.0, lambda x: x.T + 1.0, [(33, 18)]),
    "argmax": (lambda x: tnp.argmax(x, axis=-1), lambda x: x.argmax(-1), [(9, 35)]),
}


def program_for(name: str) -> tuple[Program, list[Array], dict[str, int]]:
    """A case as a program for AArch64, what it is given in the order of its slots, and its dims."""
    function, _, shapes = CASES[name]
    given = [x.astype(np.float32) for x in inputs(shapes)]
    graph = tfc.compile(function).lower(*given).graph
    found = specialize(graph, shapes)
    optimised = PassManager(GRAPH_PASSES, verify=True).run(found.graph)
    program = PassManager(program_passes(NEON), verify=True).run(lower(optimised))
    pairs = [pair for dims, shape in zip(found.inputs, shapes, strict=True) for pair in zip(dims, shape, strict=True)]
    dims = {symbol: n for d, n in pairs if (symbol := symbol_name(d)) is not None}
    return program, [*given, *(v.node.attrs["value"] for v in constants_of(optimised))], dims


def inputs(shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    rng = np.random.default_rng(7)
    return [np.asarray(rng.standard_normal(s)).astype(np.float32).astype(np.float64) for s in shapes]


def test_products_are_vectors_of_multiply_and_add() -> None:
    program, _, _ = program_for("wide softmax")
    module, machine = _optimise(emit_program(program, NEON), NEON)
    text = machine.emit_assembly(module)
    assert len(re.findall(r"fmla\s+v\d+\.4s", text)) > 8
    assert not re.findall(r"\bbl\s+\w*(?:fma|exp)f?\b", text)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The object of a program that reads slots from a file, runs `tfc_run` and writes them to another."""
    folder = tmp_path_factory.mktemp("neon")
    (folder / "driver.c").write_text(DRIVER)
    subprocess.run([TOOLS[1], "-O1", "-c", "driver.c", "-o", "driver.o"], cwd=folder, check=True)
    return folder / "driver.o"


@EMULATED
@pytest.mark.parametrize("name", CASES)
def test_values(driver: Path, tmp_path: Path, name: str) -> None:
    program, given, dims = program_for(name)
    (tmp_path / "program.o").write_bytes(compile_text(emit_program(program, NEON), NEON))
    subprocess.run([TOOLS[1], "-static", driver, "program.o", "-lm", "-o", "program"], cwd=tmp_path, check=True)
    slots = [s.buffer for s in program.slots if s.kind != "arena"]
    fetch = next(s.buffer for s in program.slots if s.kind == "fetch")
    arrays = iter(given)
    numbers = [len(slots), len(program.dims), resolved(program.arena, dims), *(dims[d] for d in program.dims)]
    data = struct.pack(f"<{len(numbers)}q", *numbers)
    for b in slots:
        size = resolved(b.nbytes, dims)
        content = b"" if b is fetch else np.ascontiguousarray(next(arrays)).tobytes()
        data += struct.pack("<2q", size, bool(content)) + content
    (tmp_path / "in").write_bytes(data)
    subprocess.run([TOOLS[0], "./program", "in", "out"], cwd=tmp_path, check=True, timeout=60)
    found = (tmp_path / "out").read_bytes()
    start = sum(resolved(b.nbytes, dims) for b in slots[: slots.index(fetch)])
    shape = [resolved(d, dims) for d in fetch.shape]
    got = np.frombuffer(found[start : start + resolved(fetch.nbytes, dims)], fetch.dtype.np).reshape(shape)
    _, reference, shapes = CASES[name]
    np.testing.assert_allclose(got, reference(*inputs(shapes)), rtol=2e-5, atol=2e-5)


def resolved(d: Dim, dims: dict[str, int]) -> int:
    found = subs(d, dims)
    assert isinstance(found, int)
    return found
