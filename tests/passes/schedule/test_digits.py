"""digits and hoist: loops over quotients and rests, and what no iteration changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tfc.ir.index import Index
from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.passes.schedule import ScheduleError, digits, hoist
from tfc.passes.schedule.cpu import schedule_kernel
from tfc.passes.target import Target

Same = Callable[..., None]
V16 = Target("v16", "", vector_bytes=16)

TILE = """
kernel tile(x: float32[n, 6] in, y: float32[3*n, 12] out) dims(n) {
  for i < 3*n { for j < 12 { y[i, j] = x[mod(i, n), mod(j, 6)] } }
}
"""
SIZES = [{"n": n} for n in (0, 1, 5)]


def test_digits(same: Same) -> None:
    k = parse_kernel(TILE)
    out = digits(digits(k, "j", 6, outer="jo", inner="jr"), "i", Index.symbol("n"), outer="io", inner="ir")
    assert "y[io*n + ir, 6*jo + jr] = x[ir, jr]" in print_kernel(out)
    same(k, out, *SIZES)


def test_digits_of_digits(same: Same) -> None:
    k = parse_kernel("""
kernel f(x: float32[n, 3, 4] in, y: float32[12*n] out) dims(n) {
  for i < 12*n { y[i] = x[floordiv(i, 12), mod(floordiv(i, 4), 3), mod(i, 4)] }
}""")
    out = digits(digits(k, "i", 12, outer="a", inner="b"), "b", 4, outer="c", inner="d")
    assert "y[12*a + 4*c + d] = x[a, c, d]" in print_kernel(out)
    same(k, out, *SIZES)


@pytest.mark.parametrize(("var", "base"), [("i", 2), ("j", 5), ("j", 0)])
def test_a_base_must_divide(var: str, base: int) -> None:
    with pytest.raises(ScheduleError, match="does not provably divide"):
        digits(parse_kernel(TILE), var, base, outer="o", inner="r")


def test_the_schedule_gives_repeated_rows_contiguous_loops(same: Same) -> None:
    k = parse_kernel(TILE)
    out = schedule_kernel(k, V16)
    assert "mod(" not in print_kernel(out).replace("mod(n, 4)", "")
    same(k, out, *SIZES)


GATHER = """
kernel gather(x: float32[5, 6] in, at: int64[n] in, y: float32[n, 6] out) dims(n) {
  for i < n { for j < 6 {
    check lt(at[i], 5:int64) else 0
    let r = max(min(at[i], 4:int64), 0:int64)
    let s = mul(x[r, j], 2.0:float32)
    let t = add(r, 1:int64)
    y[i, j] = add(s, cast<float32>(t))
  } }
}
"""


def test_hoist(same: Same) -> None:
    k = parse_kernel(GATHER)
    out = hoist(k, "j")
    text = print_kernel(out)
    assert text.index("let t") < text.index("for j") < text.index("let s")
    same(k, out, *SIZES)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("for j < 6", "for j < m", "may be none"),
        ("at[i]", "at[j]", "nothing at the beginning"),
        ("at: int64[n] in", "at: int64[n] inout", "nothing at the beginning"),
    ],
)  # fmt: skip
def test_what_stays(old: str, new: str, why: str) -> None:
    text = (
        GATHER.replace("dims(n)", "dims(m, n)")
        .replace(old, new)
        .replace("y[i, j] =", "at[j] = 0:int64 y[i, j] =" if "inout" in new else "y[i, j] =")
    )
    with pytest.raises(ScheduleError, match=why):
        hoist(parse_kernel(text), "j")
