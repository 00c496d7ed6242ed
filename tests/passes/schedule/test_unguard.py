"""unguard with loads that would be outside: clamped, masked, and what neither may do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tfc.ir.interpret import run_kernel
from tfc.ir.kernel import Kernel
from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.passes.schedule import ScheduleError, parallelise, unguard

Same = Callable[..., None]
SIZES = [{"n": n} for n in (0, 1, 3, 4, 5, 8, 9)]

BLOCKS = """
kernel blocks(x: float32[n] in, y: float32[n] inout) dims(n) {
  for io < floordiv(n + 3, 4) {
    alloc t: float32[4] local stack
    for i < 4 { if lt(@(i + 4*io), @(n)) { t[i] = mul(x[i + 4*io], y[i + 4*io]) } }
    for j < 4 { if lt(@(4*io + j), @(n)) { y[4*io + j] = t[j] } }
  }
}
"""
GUARDED = "if lt(@(i + 4*io), @(n)) { t[i] = mul(x[i + 4*io], y[i + 4*io]) }"
LAST = "min(i + 4*io, n - 1)"
ZERO = "select(lt(@(i + 4*io), @(n)), {}[i + 4*io], 0.0:float32)"
FREE = {
    "clamp": f"t[i] = mul(x[{LAST}], y[{LAST}])",
    "mask": f"t[i] = mul({ZERO.format('x')}, {ZERO.format('y')})",
}


def kernel(text: str) -> Kernel:
    return parse_kernel(text)


@pytest.mark.parametrize("outside", FREE)
def test_before_and_after(same: Same, outside: str) -> None:
    k = kernel(BLOCKS)
    out = unguard(k, "i", outside=outside)
    assert out == kernel(BLOCKS.replace(GUARDED, FREE[outside]))
    same(k, out, *SIZES)


def test_a_name_for_a_number_stays(same: Same) -> None:
    text = BLOCKS.replace("t[i] = mul(x[i + 4*io], y[i + 4*io])", "let v = x[i + 4*io] t[i] = mul(v, v)")
    k = kernel(text)
    out = unguard(k, "i", outside="clamp")
    assert print_kernel(out).count(f"let v = x[{LAST}]") == 1
    same(k, out, *SIZES)


@pytest.mark.parametrize("outside", FREE)
def test_blocks_stay_parallel(same: Same, outside: str) -> None:
    k = kernel(BLOCKS.replace("mul(x[i + 4*io], y[i + 4*io])", "x[i + 4*io]"))
    same(k, parallelise(unguard(k, "i", outside=outside), "io"), *SIZES)


@pytest.mark.parametrize("outside", FREE)
def test_what_is_nan_in_the_last_element_stays_there(outside: str) -> None:
    out = unguard(kernel(BLOCKS), "i", outside=outside)
    x, y = np.full(6, 2, np.float32), np.array([1, 2, 3, 4, np.inf, np.nan], np.float32)
    run_kernel(out, {"x": x, "y": y}, {"n": 6})
    np.testing.assert_array_equal(y, np.array([2, 4, 6, 8, np.inf, np.nan], np.float32))


def test_only_what_may_be_outside_is_changed(same: Same) -> None:
    k = kernel(BLOCKS.replace("y[i + 4*io]) }", "y[4*io]) }"))
    out = unguard(k, "i", outside="clamp")
    assert f"t[i] = mul(x[{LAST}], y[4*io])" in print_kernel(out)
    same(k, out, *SIZES)


TYPES = """
kernel types(p: bool[n] in, q: int8[n] in, y: bool[n] inout, z: int8[n] inout) dims(n) {
  for io < floordiv(n + 3, 4) {
    alloc s: bool[4] local stack
    alloc t: int8[4] local stack
    for i < 4 { if lt(@(i + 4*io), @(n)) { s[i] = p[i + 4*io] t[i] = q[i + 4*io] } }
    for j < 4 { if lt(@(4*io + j), @(n)) { y[4*io + j] = s[j] z[4*io + j] = t[j] } }
  }
}
"""


def test_masked_loads_of_other_dtypes(same: Same) -> None:
    out = unguard(kernel(TYPES), "i", outside="mask")
    text = print_kernel(out)
    assert "p[i + 4*io], false:bool)" in text
    assert "q[i + 4*io], 0:int8)" in text
    same(kernel(TYPES), out, *SIZES)


TWICE = """
kernel twice(x: float32[n] in, y: float32[8] inout) dims(n) {
  alloc t: float32[8] local stack
  for i < 8 { if lt(@(i), @(n)) { t[i] = add(x[i], select(lt(@(i), @(min(n, 3))), x[i], 5.0:float32)) } }
  for j < 8 { if lt(@(j), @(n)) { y[j] = t[j] } }
}
"""


def test_one_element_loaded_under_two_conditions(same: Same) -> None:
    same(kernel(TWICE), unguard(kernel(TWICE), "i", outside="mask"), *SIZES)


def test_loads_below_select_are_inside_where_its_condition_holds(same: Same) -> None:
    text = BLOCKS.replace("mul(x[i + 4*io], y[i + 4*io])", ZERO.format("x"))
    out = unguard(kernel(text), "i")
    assert f"t[i] = {ZERO.format('x')}" in print_kernel(out)
    same(kernel(text), out, *SIZES)
    other = text.replace(f"{ZERO.format('x')}", "select(lt(@(i + 4*io), @(n)), 0.0:float32, x[i + 4*io])")
    with pytest.raises(ScheduleError, match=r"x\[i \+ 4\*io\] may be outside without it"):
        unguard(kernel(other), "i")


BACKWARDS = """
kernel backwards(x: float32[n] in, y: float32[n] inout) dims(n) {
  for io < n {
    alloc t: float32[4] local stack
    for i < 4 { if le(@(i), @(io)) { t[i] = x[io - i] } }
    for j < 4 { if le(@(j), @(io)) { y[io] add= t[j] } }
  }
}
"""


def test_before_the_first_element(same: Same) -> None:
    same(kernel(BACKWARDS), unguard(kernel(BACKWARDS), "i", outside="mask"), *SIZES)
    with pytest.raises(ScheduleError, match=r"x\[-i \+ io\] may be outside without it"):
        unguard(kernel(BACKWARDS), "i", outside="clamp")


STRIDED = """
kernel strided(y: float32[10] inout) {
  for io < 3 KIND {
    alloc t: float32[4] local stack
    for i < 4 { if lt(@(io + 3*i), @(10)) { t[i] = y[io + 3*i] } }
    for j < 4 { if lt(@(io + 3*j), @(10)) { y[io + 3*j] = mul(t[j], 2.0:float32) } }
  }
}
"""


def test_clamping_lets_no_iteration_read_what_another_writes(same: Same) -> None:
    """The last element is that of another iteration: well in series, a race in parallel."""
    k = kernel(STRIDED.replace(" KIND", ""))
    same(k, unguard(k, "i", outside="clamp"))
    with pytest.raises(ScheduleError, match=r"unguard of io: iterations may depend .* load y\[min\(3\*i \+ io, 9\)\]"):
        unguard(kernel(STRIDED.replace("KIND", "parallel")), "i", outside="clamp")


VARYING = """
kernel varying(x: int64[3] in, y: float32[3, 4] inout) {
  alloc t: float32[4] local stack
  for z < 4 { t[z] = 9.0:float32 }
  for i < 3 {
    let v = add(abs(x[i]), @(i))
    for j < 4 { if lt(@(j), @(v)) { y[i, j] = t[j] } }
    for l < 4 { if lt(@(l), @(v)) { t[l] = cast<float32>(@(i)) } }
  }
}
"""

AT_MOST_ONCE = """
kernel once(x: float32[n, 8] in, y: float32[8] inout) dims(n) {
  alloc t: float32[8] local stack
  for r < min(n, 1) { for j < 8 { t[j] = x[r, j] } }
  alloc s: float32[8] local stack
  for i < 8 { if lt(@(0), @(n)) { s[i] = t[i] } }
  for l < 8 { if lt(@(0), @(n)) { y[l] = s[l] } }
}
"""

OTHER_DIM = """
kernel other(x: float32[5, n] in, y: float32[5, n] inout) dims(n) {
  alloc t: float32[4] local stack
  for z < 4 { t[z] = 0.0:float32 }
  for q < 5 {
    for j < 4 { if lt(@(j + q), @(n)) { y[q, j + q] = t[j] } }
    for i < 4 { if lt(@(i + q), @(n)) { t[i] = x[q, i + q] } }
  }
}
"""

SHIFTED = """
kernel shifted(x: float32[n] in, y: float32[8] inout) dims(n) {
  alloc t: float32[9] local stack
  for z < 9 { t[z] = 1.0:float32 }
  for i < 8 { if lt(@(i), @(n)) { t[i] = add(t[i + 1], x[i]) } }
  for j < 8 { if lt(@(j), @(n)) { y[j] = t[j] } }
}
"""


@pytest.mark.parametrize(
    ("text", "var", "outside", "why"),
    [
        (BLOCKS, "i", "refuse", "may be outside without it"),
        (BLOCKS.replace("{ t[i]", "{ let v = @(0) t[i]"), "i", "mask", "more than loops, stores and accumulations"),
        (BLOCKS, "j", "mask", r"y\[4\*io \+ j\] may be outside without it"),
        (BLOCKS.replace("y[4*io + j] = t[j]", "y[4*io + j] = t[3 - j]"), "i", "mask", "read where the condition may"),
        (TWICE, "i", "clamp", r"x\[i\] may be outside without it"),
        (VARYING, "l", "refuse", r"t\[j\] is read where the condition may fail"),
        (AT_MOST_ONCE, "i", "refuse", "t may not have been written where the condition fails"),
        (OTHER_DIM, "i", "mask", r"t\[j\] is read where the condition may fail"),
        (SHIFTED, "i", "mask", r"t\[i \+ 1\] is read where the condition may fail"),
        (SHIFTED.replace("t[i] = add(t[i + 1], x[i])", "t[i + 1] = x[i]"), "i", "mask", r"t\[j\] is read where"),
    ],
)
def test_refusals(text: str, var: str, outside: str, why: str) -> None:
    with pytest.raises(ScheduleError, match=why):
        unguard(kernel(text), var, outside=outside)


RUNNING = """
kernel running(x: float32[n, m] in, y: float32[n] out) dims(n, m) {
  for io < floordiv(n + 3, 4) {
    alloc t: float32[4] local stack
    alloc s: float32[4, 8] local stack
    for i < 4 { if lt(@(i + 4*io), @(n)) { t[i] = 0.0:float32 } }
    for b < floordiv(m + 7, 8) {
      for i2 < 4 { if lt(@(4*io + i2), @(n)) { for j2 < min(8, m - 8*b) { s[i2, j2] = 0.0:float32 } } }
      for i3 < 4 { if lt(@(4*io + i3), @(n)) {
        for j3 < min(8, m - 8*b) { s[i3, j3] add= x[4*io + i3, 8*b + j3] }
      } }
      for i4 < 4 { if lt(@(4*io + i4), @(n)) { t[i4] = mul(t[i4], 2.0:float32) } }
      for i5 < 4 { if lt(@(4*io + i5), @(n)) { for j5 < min(8, m - 8*b) { t[i5] add= s[i5, j5] } } }
    }
    for l < 4 { if lt(@(4*io + l), @(n)) { y[4*io + l] = t[l] } }
  }
}
"""
LOOPS = ("i", "i2", "i3", "i4", "i5")


def test_loops_that_read_what_each_other_writes_lose_their_conditions_together(same: Same) -> None:
    k = kernel(RUNNING)
    out = unguard(k, *LOOPS, outside="clamp")
    assert print_kernel(out).count("if ") == 1
    same(k, out, *({"n": n, "m": m} for n in (1, 4, 7) for m in (0, 1, 8, 11)))
    with pytest.raises(ScheduleError, match="t may not have been written where the condition fails"):
        unguard(k, "i4")
    scaled = unguard(unguard(k, "i"), "i4")
    with pytest.raises(ScheduleError, match=r"t\[i4\] is read where the condition may fail"):
        unguard(scaled, "i2", "i3", "i5", outside="clamp")


def test_what_is_stored_first_for_fewer_elements_than_are_read() -> None:
    text = RUNNING.replace("j5 < min(8, m - 8*b)", "j5 < 8")
    with pytest.raises(ScheduleError, match="s may not have been written where the condition fails"):
        unguard(kernel(text), *LOOPS, outside="clamp")
