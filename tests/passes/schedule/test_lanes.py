"""accumulate_lanes: reductions into partial results."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.passes.schedule import ScheduleError, accumulate_lanes, reorder, split, vectorise

Same = Callable[..., None]

SUM = """
kernel sum(x: float32[m, n] in, s: float32[m] out) dims(m, n) {
  for i < m {
    s[i] = IDENTITY
    for k < n {
      s[i] COMBINER= x[i, k]
    }
  }
}
"""
SIZES = [{"m": 2, "n": n} for n in (0, 1, 3, 4, 5, 7, 8, 9, 16, 17)]


@pytest.mark.parametrize(("combiner", "identity"), [("add", "0.0"), ("max", "-inf"), ("min", "inf"), ("mul", "1.0")])
@pytest.mark.parametrize(("width", "unroll"), [(1, 1), (4, 1), (4, 2)])
def test_sums_and_extremes(same: Same, combiner: str, identity: str, width: int, unroll: int) -> None:
    k = parse_kernel(SUM.replace("COMBINER", combiner).replace("IDENTITY", f"{identity}:float32"))
    same(k, accumulate_lanes(k, "k", width, name="p", unroll=unroll), *SIZES)


@pytest.mark.parametrize("extent", [1, 7, 8, 16, 19])
def test_static_extents(same: Same, extent: int) -> None:
    text = SUM.replace("COMBINER", "add").replace("IDENTITY", "0.0:float32")
    k = parse_kernel(text.replace("k < n", f"k < {extent}").replace("[m, n]", f"[m, {extent}]"))
    out = accumulate_lanes(k, "k", 8, name="p")
    assert ("_tail" in print_kernel(out)) == (extent % 8 != 0)
    same(k, out, {"m": 3, "n": 1})


MATMUL = """
kernel matmul(x: float32[n, 21] in, wt: float32[10, 21] in, y: float32[n, 10] inout) dims(n) {
  for i < n {
    for j < 10 {
      for k < 21 {
        let v = x[i, k]
        y[i, j] add= mul(v, wt[j, k])
      }
    }
  }
}
"""


def test_a_matmul_over_k(same: Same) -> None:
    """Rows of y by vectors along k, two rows and all columns at a time."""
    k = parse_kernel(MATMUL)
    out = split(k, "i", 2, outer="io", inner="ii", tail="peel_loop")
    out = reorder(out, ["io", "k", "ii", "j"])
    out = accumulate_lanes(out, "k", 8, name="p", suffix="_rest")
    assert "alloc p: float32[2, 10, 1, 8] local register" in print_kernel(out)
    same(k, out, *[{"n": n} for n in (0, 1, 2, 5)])


def test_masked_rows_are_not_combined(same: Same) -> None:
    k = parse_kernel(MATMUL)
    out = split(k, "i", 4, outer="io", inner="ii", tail="mask")
    out = accumulate_lanes(reorder(out, ["io", "k", "ii", "j"]), "k", 8, name="p")
    same(k, out, *[{"n": n} for n in (0, 1, 4, 5)])
    with pytest.raises(ScheduleError, match="there is a vector loop already"):
        accumulate_lanes(vectorise(k, "k"), "k", 8, name="p")


OWN_MASKS = """
kernel masks(x: float32[n] in, y: float32[3] inout, z: float32[1] inout) dims(n) {
  for i < 8 { if lt(@(i), @(n)) { z[0] add= x[i] } }
  for p < n { for j < 3 { let v = cast<int64>(x[p]) if lt(@(j), @(v)) { y[j] add= x[p] } } }
}
"""


def test_masks_on_what_is_known_in_the_loop_only(same: Same) -> None:
    k = parse_kernel(OWN_MASKS)
    for v in ("i", "p"):
        same(k, accumulate_lanes(k, v, 4, name="r"), *[{"n": n} for n in (0, 1, 7, 8, 9)])


def test_a_sum_of_nothing_may_have_no_start() -> None:
    text = SUM.replace("s[i] = IDENTITY", "if lt(@(0), @(n)) { s[i] = 0.0:float32 }").replace("COMBINER", "add")
    with pytest.raises(ScheduleError, match="the part of s accumulated may have holes"):
        accumulate_lanes(parse_kernel(text), "k", 4, name="p")


def test_results_that_a_condition_on_data_leaves_unwritten() -> None:
    text = MATMUL.replace("y[i, j] add= mul(v, wt[j, k])", "if gt(v, 0.0:float32) { y[i, j] add= v }")
    with pytest.raises(ScheduleError, match="the part of y accumulated may have holes"):
        accumulate_lanes(
            parse_kernel(text.replace("y: float32[n, 10] inout", "y: float32[n, 10] out")), "k", 8, name="p"
        )


MOMENTS = """
kernel moments(x: float32[n] in, s: float32[1] inout, q: float32[1] inout) dims(n) {
  for k < n {
    s[0] add= x[k]
    q[0] add= mul(x[k], x[k])
  }
}
"""


def test_two_results_of_one_loop(same: Same) -> None:
    k = parse_kernel(MOMENTS)
    out = accumulate_lanes(k, "k", 4, name="p", unroll=2)
    assert "alloc p_q: float32[2, 4]" in print_kernel(out)
    same(k, out, *[{"n": n} for n in (0, 1, 7, 8, 9)])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("s[0] add= x[k]", "s[0] = x[k]", "does more than accumulate"),
        ("s[0] add= x[k]", "q[0] max= x[k]", "q is accumulated in more than one way"),
        ("s[0] add= x[k]", "q[0] add= q[0]", "q is accumulated in more than one way"),
        ("q[0] add=", "q[k] add=", "q is accumulated in more than one way"),
        ("s[0] add= x[k]", "for j < 3 { s[0] add= x[k] }", "not perfectly nested"),
    ],
)
def test_refusals(old: str, new: str, why: str) -> None:
    with pytest.raises(ScheduleError, match=why):
        accumulate_lanes(parse_kernel(MOMENTS.replace(old, new)), "k", 4, name="p")


def test_a_condition_on_the_variable_around_an_inner_loop_goes_into_the_lanes(same: Same) -> None:
    k = parse_kernel("""
kernel sums(x: float32[6, 5] in, s: float32[6] inout) {
  for j < 9 { if lt(@(j), @(5)) { for i < 6 { s[i] add= x[i, j] } } }
}
""")
    same(k, accumulate_lanes(k, "j", 4, name="p"))
