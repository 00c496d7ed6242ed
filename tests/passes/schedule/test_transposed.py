"""tiled_across: squares of vectors where buffers lie along different loops."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.passes.schedule import ScheduleError, tiled_across
from tfc.passes.schedule.cpu import schedule_kernel
from tfc.passes.target import Target

Same = Callable[..., None]
V16 = Target("v16", "", vector_bytes=16)

TRANSPOSE = """
kernel f(x: float32[m, n] in, y: float32[n, m] out) dims(m, n) {
  for i < n { for j < m { y[i, j] = add(x[j, i], 1.0:float32) } }
}
"""
SIZES = [{"n": n, "m": m} for n, m in ((0, 5), (1, 1), (3, 9), (4, 4), (9, 3), (13, 10))]


def test_tiles_and_what_is_left_of_both_loops(same: Same) -> None:
    k = parse_kernel(TRANSPOSE)
    out = tiled_across(k, "i", "j", 4, 8)
    text = print_kernel(out)
    assert "for i_u < 4 unrolled" in text
    assert "for j_l < 8 vector" in text
    same(k, out, *SIZES)


def test_loops_between_and_around_the_two_stay(same: Same) -> None:
    k = parse_kernel("""
kernel f(x: float32[5, n, 2, 9] in, y: float32[5, 9, 2, n] out) dims(n) {
  for b < 5 { for i < 9 { for h < 2 { for j < n { y[b, i, h, j] = x[b, j, h, i] } } } }
}""")
    same(k, tiled_across(k, "i", "j", 3, 4), *({"n": n} for n in (0, 1, 4, 7)))


def test_it_needs_a_perfect_nest() -> None:
    k = parse_kernel("""
kernel f(x: float32[m, n] in, y: float32[n, m] out) dims(m, n) {
  for i < n { for j < m { y[i, j] = x[j, i] }  for k < m { y[i, k] = x[k, i] } }
}""")
    with pytest.raises(ScheduleError, match="j is not perfectly nested"):
        tiled_across(k, "i", "j", 4, 4)


@pytest.mark.parametrize(
    ("shape", "perm", "shows"),
    [
        (("n", "40"), "ba", "b_u < 20 unrolled { for"),
        (("n", "19"), "ba", "b_u < 19 unrolled { for"),
        (("n", "3"), "ba", "b_u < 3 unrolled { for"),
        (("3", "n"), "ba", "a_u < 3 unrolled { for"),
        (("n", "2", "18"), "cba", "c_u < 18 unrolled"),
        (("4", "n", "10", "3"), "acdb", "c_d_u < 30 unrolled"),
        (("n", "5", "20"), "bac", "vector"),
    ],
)
def test_the_schedule_tiles_permutations(same: Same, shape: tuple[str, ...], perm: str, shows: str) -> None:
    names = "abcd"[: len(shape)]
    to = [shape[names.index(v)] for v in perm]
    loops = " ".join(f"for {v} < {n} {{" for v, n in zip(perm, to, strict=True))
    k = parse_kernel(f"""
kernel f(x: float32[{", ".join(shape)}] in, y: float32[{", ".join(to)}] out) dims(n) {{
  {loops} y[{", ".join(perm)}] = x[{", ".join(names)}] {"}" * len(shape)}
}}""")
    out = schedule_kernel(k, V16)
    assert shows in " ".join(print_kernel(out).split())
    same(k, out, *({"n": n} for n in (0, 1, 5, 19)))
