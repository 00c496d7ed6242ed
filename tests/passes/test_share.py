"""Kernels that differ in nothing but names become one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.runtime.support import Builder
from tfc.ir.interpret import run_program
from tfc.ir.kernel_text import parse_program
from tfc.ir.kernel_verify import verify_program
from tfc.passes.manager import PassManager
from tfc.passes.memory import PlanMemory
from tfc.passes.share import Share
from tfc.runtime import compile_pure

FIRST = """
kernel one(x: float32[n, 3] in, row: int64[3] in, y: float32[n, 3] out) dims(n) {
  alloc t: float32[3] local stack
  for i < n {
    for j < 3 {
      t[j] = neg(x[i, j])
    }
    for j_1 < 3 {
      let at = max(min(row[j_1], 2:int64), 0:int64)
      if lt(t[at], 2.5:float32) {
        y[i, j_1] = add(t[at], cast<float32>(@(3*i + j_1)))
      } else {
        y[i, j_1] = 0.0:float32
      }
    }
  }
}
"""
OTHER_NAMES = {"one": "two", "x": "u", "row": "column", "y": "v", "n": "d9", "t": "a", "i": "z", "j": "i", "j_1": "b"}


def renamed(kernel: str, names: dict[str, str]) -> str:
    tokens = [names.get(t, t) for t in _tokens(kernel)]
    return "".join(tokens)


def _tokens(text: str) -> list[str]:
    out = [""]
    for c in text:
        if c.isalnum() or c == "_":
            out[-1] += c
        else:
            out += [c, ""]
    return out


def program(first: str, second: str) -> str:
    return f"""
    program p dims(n, m) {{
      slot feed x: float32[n, 3] in
      slot feed u: float32[m, 3] in
      slot feed row: int64[3] in
      slot fetch y: float32[n, 3] out
      slot fetch v: float32[m, 3] out
      {first}
      {second}
      run one(x, row, y) dims(n)
      run two(u, row, v) dims(m)
    }}
    """


def test_kernels_of_other_names() -> None:
    before = parse_program(program(FIRST, renamed(FIRST, OTHER_NAMES)))
    after = PassManager((Share(), PlanMemory()), verify=True).run(before)
    assert [k.name for k in after.kernels] == ["one"]
    assert after.kernels[0] == before.kernels[0]
    assert [(s.kernel, s.args) for s in after.steps] == [("one", ("x", "row", "y")), ("one", ("u", "row", "v"))]
    given = {
        "x": np.arange(6, dtype=np.float32).reshape(2, 3),
        "u": -np.arange(12, dtype=np.float32).reshape(4, 3),
        "row": np.array([2, 0, 1]),
    }
    results = []
    for p in (before, after):
        slots = {**given, "y": np.zeros((2, 3), np.float32), "v": np.zeros((4, 3), np.float32)}
        assert not run_program(p, slots, {"n": 2, "m": 4})
        results.append((slots["y"], slots["v"]))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("neg(", "abs("),
        ("2.5", "2.0"),
        ("x[i, j]", "x[i, 0]"),
        ("t[at], cast", "t[0], cast"),
        ("3*i", "2*i"),
        ("lt(", "le("),
        ("add(t", "sub(t"),
        ("for j < 3", "for j < 3 unrolled"),
        ("t: float32[3]", "t: float32[4]"),
        ("t: float32[3] local stack", "t: float32[3] local register"),
        ("out) dims", "out alias) dims"),
        ("2:int64", "1:int64"),
        ("y[i, j_1] = 0.0", "t[j_1] = 0.0"),
        ("y[i, j_1] = 0.0:float32", "y[i, 0] add= 0.0:float32"),
    ],
)
def test_kernels_that_differ_in_anything_stay_apart(old: str, new: str) -> None:
    assert old in FIRST
    second = renamed(FIRST.replace(old, new, 1), OTHER_NAMES)
    before = parse_program(program(FIRST, second))
    assert Share().apply(before) == before


def test_arguments_in_another_order_are_another_kernel() -> None:
    text = """
    program p {
      slot feed x: float32[8] in
      slot feed y: float32[8] in
      slot fetch u: float32[8] out
      slot fetch v: float32[8] out
      kernel k0(a: float32[8] in, b: float32[8] in, c: float32[8] out) { for i < 8 { c[i] = sub(a[i], b[i]) } }
      kernel k1(a: float32[8] in, b: float32[8] in, c: float32[8] out) { for i < 8 { c[i] = sub(b[i], a[i]) } }
      run k0(x, y, u)
      run k1(x, y, v)
    }
    """
    before = parse_program(text)
    assert Share().apply(before) == before


def test_layers_of_one_form_are_compiled_once() -> None:
    """The number of kernels of a network does not grow with its depth."""

    def kernels(depth: int) -> tuple[int, int]:
        b = Builder()
        h = b.placeholder("x", ("n", 16))
        for k in range(depth):
            h = b.op("tanh", b.op("matmul", h, b.variable(f"w{k}", (16, 16)), transpose_a=False, transpose_b=False))
        b.graph.outputs = [h]
        done = compile_pure(b.graph, [(5, 16)])
        verify_program(done.program)
        return len(done.program.kernels), len(done.program.steps)

    assert kernels(12)[0] == kernels(3)[0] < 4
    assert kernels(12)[1] == kernels(3)[1] + 9
