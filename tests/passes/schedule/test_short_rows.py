"""rows_in_lanes: rows of a few elements, one in each lane."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.passes.schedule import ScheduleError, rows_in_lanes
from tfc.passes.schedule.cpu import schedule_kernel
from tfc.passes.target import Target

Same = Callable[..., None]

NORM = """
kernel norm(x: float32[n, 5] in, y: float32[n, 5] out, s: float32[n] out) dims(n) {
  for i < n {
    alloc t: float32[5] local stack
    s[i] = 0.0:float32
    for j < 5 { t[j] = mul(x[i, j], x[i, j]) }
    for k < 5 { s[i] add= t[k] }
    let m = mul(s[i], 0.5:float32)
    for l < 5 { y[i, l] = sub(x[i, l], m) }
  }
}
"""
SIZES = [{"n": n} for n in (0, 1, 3, 4, 5, 9)]


def test_each_statement_is_for_all_lanes(same: Same) -> None:
    k = parse_kernel(NORM.replace("let m = mul(s[i], 0.5:float32)", "").replace(", m)", ", s[i])"))
    out = rows_in_lanes(k, "i", 4)
    text = print_kernel(out)
    assert "alloc t: float32[5, 4]" in text
    assert "t[j, i_l1] = mul(x_i_o[j, i_l1], x_i_o[j, i_l1])" in text
    assert text.count("< 4 vector") == 6
    assert text.count("< 5 unrolled") == 5
    same(k, out, *SIZES)


def test_a_name_goes_with_what_uses_it(same: Same) -> None:
    k = parse_kernel("""
kernel f(x: float32[n, 3] in, y: float32[n] out, z: float32[n] out) dims(n) {
  for i < n {
    y[i] = 0.0:float32
    for j < 3 { y[i] add= x[i, j] }
    let m = mul(y[i], 0.5:float32)
    z[i] = mul(m, m)
  }
}""")
    same(k, rows_in_lanes(k, "i", 4), *SIZES)


def test_longer_rows_are_taken_in_blocks(same: Same) -> None:
    k = parse_kernel("""
kernel f(x: float32[n, 37] in, y: float32[n] out) dims(n) {
  for i < n { y[i] = -inf:float32 for j < 37 { y[i] max= x[i, j] } }
}""")
    out = rows_in_lanes(k, "i", 4)
    assert "for j_o < 9" in print_kernel(out)
    same(k, out, *SIZES)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("for k < 5", "for k < n", "no static extent"),
        ("y[i, l] =", "if lt(@(l), @(n)) { y[i, l] =", "does more than loop"),
        ("y[i, l] =", "for o < 2 { y[i, o] = 1.0:float32 } y[i, l] =", "not innermost"),
    ],
)  # fmt: skip
def test_refusals(old: str, new: str, why: str) -> None:
    text = NORM.replace(old, new)
    if "if lt" in new:
        text = text.replace("sub(x[i, l], m)", "sub(x[i, l], m) }")
    with pytest.raises(ScheduleError, match=why):
        rows_in_lanes(parse_kernel(text), "i", 4)


def test_the_schedule_takes_reductions_of_short_rows_so_and_no_others() -> None:
    target = Target("v16", "", vector_bytes=16)
    rows = """kernel f(x: float32[n, {0}] in, y: float32[n] out) dims(n) {{
      for i < n {{ y[i] = 0.0:float32 for j < {0} {{ y[i] add= x[i, j] }} }}
    }}"""
    short, long = (print_kernel(schedule_kernel(parse_kernel(rows.format(m)), target)) for m in (10, 100))
    assert "for i_o < floordiv(n, 4)" in short
    assert "i_o" not in long
    whole = """kernel f(x: float32[n, 10] in, y: float32[] inout) dims(n) {
      for i < n { for j < 10 { y[] add= x[i, j] } }
    }"""
    assert "10*n" in print_kernel(schedule_kernel(parse_kernel(whole), target))
