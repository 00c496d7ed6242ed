"""Unrolled loops of vectors whose elements lie across them: read and written row by row, transposed in registers."""

from __future__ import annotations

import numpy as np
import pytest

from tfc.codegen_llvm import host_target
from tfc.ir.kernel_text import parse_kernel

from .support import TARGETS, check, compile_kernel

SIZES = [(2, 4), (3, 8), (4, 8), (5, 16), (10, 16), (16, 16), (19, 8)]
"""Iterations of the unrolled loop, and lanes."""
DTYPES = ["float32", "float64", "int64", "int16", "uint8", "bool", "float16"]


def numbers(dtype: str, *shape: int) -> np.ndarray:
    values = np.arange(np.prod(shape)).reshape(shape) % 251
    return (values % 3 == 0) if dtype == "bool" else values.astype(dtype)


@pytest.mark.parametrize(("u", "lanes"), SIZES)
@pytest.mark.parametrize("pad", [0, 3])
def test_reading_and_writing_across(u: int, lanes: int, pad: int) -> None:
    """Blocks of `lanes` rows, one after another or with what belongs to none between them."""
    rows = f"float32[2, {lanes}, {u + pad}]"
    text = f"""
kernel f(x: {rows} in, y: float32[2, {u}, {lanes}] out, z: {rows} inout) {{
  for i < 2 {{
    for a < {u} unrolled {{ for b < {lanes} vector {{ y[i, a, b] = add(x[i, b, a], 1.0:float32) }} }}
    for c < {u} unrolled {{ for d < {lanes} vector {{ z[i, d, c] = mul(x[i, d, c], x[i, d, c]) }} }}
  }}
}}"""
    x = numbers("float32", 2, lanes, u + pad)
    check(text, {"x": x, "y": np.zeros((2, u, lanes), np.float32), "z": -x})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lanes", [8, 16])
def test_dtypes(dtype: str, lanes: int) -> None:
    text = f"""
kernel f(x: {dtype}[{lanes}, {lanes}] in, y: {dtype}[{lanes}, {lanes}] out) {{
  for a < {lanes} unrolled {{ for b < {lanes} vector {{ y[a, b] = x[b, a] }} }}
}}"""
    x = numbers(dtype, lanes, lanes)
    check(text, {"x": x, "y": np.zeros_like(x)})


def test_a_square_is_transposed_by_shuffles_of_whole_rows() -> None:
    text = """
kernel f(x: float32[n, n] in, y: float32[n, n] out) dims(n) {
  for i < floordiv(n, 8) { for j < floordiv(n, 8) {
    for a < 8 unrolled { for b < 8 vector { y[8*i + a, 8*j + b] = x[8*j + b, 8*i + a] } }
  } }
}"""
    native, _ = compile_kernel(parse_kernel(text), host_target("avx2" if "avx2" in TARGETS else TARGETS[0]))
    assert native.llvm_ir.count("load <8 x float>") == native.llvm_ir.count("store <8 x float>") == 8
    assert "load float" not in native.llvm_ir
    x = numbers("float32", 24, 24)
    check(text, {"x": x, "y": np.zeros_like(x)}, n=24)


def test_what_may_be_written_meanwhile_is_read_and_written_in_its_turn() -> None:
    """A buffer that the loop also writes, one that other arguments may lie in, and elements that coincide."""
    text = """
kernel f(x: float32[8, 8] inout, y: float32[20] inout, z: float32[9] out) {
  for a < 4 unrolled { for b < 4 vector { x[b + 4, a + 4] = add(x[b, a], x[b + 4, a + 4]) } }
  for c < 4 unrolled { for d < 4 vector { x[c + 1, d] = x[d, c + 4] } }
  for e < 4 unrolled { for g < 4 vector { y[4*g + e] = mul(y[4*g + e], 2.0:float32) } }
  for h < 9 { z[h] = 0.0:float32 }
  for p < 3 unrolled { for q < 4 vector { z[2*q + p] = cast<float32>(@(p)) } }
}"""
    arrays = {"x": numbers("float32", 8, 8), "y": numbers("float32", 20), "z": np.zeros(9, np.float32)}
    check(text, arrays)


def test_loads_under_a_condition_stay_under_it() -> None:
    text = """
kernel f(x: float32[4, m] in, y: float32[4, 4] out) dims(m) {
  for a < 4 unrolled { for b < 4 vector { y[a, b] = select(lt(@(a), @(m)), x[b, a], -1.0:float32) } }
}"""
    for m in (1, 3, 4, 6):
        check(text, {"x": numbers("float32", 4, m), "y": np.zeros((4, 4), np.float32)}, m=m)
