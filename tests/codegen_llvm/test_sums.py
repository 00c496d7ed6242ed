"""Sums of the lanes of many vectors at once, beside the interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from tfc.codegen_llvm import host_target
from tfc.ir.kernel_text import parse_kernel

from .support import TARGETS, check, compile_kernel

IDENTITY = {"add": "0", "mul": "1", "max": "-100", "min": "100"}


def text(rows: int, lanes: int, dtype: str, combiner: str) -> str:
    first = IDENTITY[combiner] + (".0" if dtype.startswith("float") else "")
    return f"""kernel f(x: {dtype}[{rows}, {lanes}] in, n: int64[1] in, s: {dtype}[{rows + 3}] out) {{
      alloc t: {dtype}[{rows + 3}] local stack
      for i < {rows + 3} {{ t[i] = {first}:{dtype} }}
      for u < {rows} unrolled {{ for l < {lanes} vector {{ t[u + 2] {combiner}= x[u, l] }} }}
      for o < {rows + 3} {{ s[o] = t[o] }}
    }}"""


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize("lanes", [2, 4, 16])
def test_totals(lanes: int, dtype: str) -> None:
    """Of fewer vectors than lanes, as many, and more."""
    for rows in sorted({2, 3, 7, lanes - 1, lanes, lanes + 1} - {1}):
        x = np.random.default_rng(rows).integers(-3, 4, (rows, lanes)).astype(dtype)
        for combiner in ("add", "max") if rows > 3 else IDENTITY:
            check(text(rows, lanes, dtype, combiner), arrays(x))


def arrays(x: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": x, "n": np.ones(1, np.int64), "s": np.zeros(x.shape[0] + 3, x.dtype)}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_row(value: float) -> None:
    for combiner in ("add", "max"):
        x = np.ones((5, 8), np.float32)
        x[1, 3] = value
        check(text(5, 8, "float32", combiner), arrays(x))


@pytest.mark.parametrize("target", TARGETS)
def test_vectors_share_shuffles(target: str) -> None:
    native, _ = compile_kernel(parse_kernel(text(8, 8, "float32", "add")), host_target(target))
    assert "llvm.vector.reduce" not in native.llvm_ir


@pytest.mark.parametrize(
    "loop",
    [
        "for u < 4 unrolled { for l < 8 vector { t[2*u] add= x[u, l] } }",
        "for u < 4 unrolled { for l < 8 vector { t[0] add= x[u, l] } }",
        "for u < 4 unrolled { for l < 8 vector { t[u + 1] add= add(x[u, l], t[u]) } }",
        "for u < 4 unrolled { for l < 8 vector { t[u + l] add= x[u, l] } }",
        "for u < 4 unrolled { for l < 8 vector { if lt(@(l), @(5)) { t[u] add= x[u, l] } } }",
    ],
)
def test_other_sums_are_made_one_by_one(loop: str) -> None:
    given = "for u < 4 unrolled { for l < 8 vector { t[u + 2] add= x[u, l] } }"
    before = text(4, 8, "float32", "add").replace("t: float32[7]", "t: float32[12]").replace("i < 7", "i < 12")
    assert given in before
    check(before.replace(given, loop), arrays(np.arange(32, dtype=np.float32).reshape(4, 8)))
