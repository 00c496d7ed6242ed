"""stage and unguard: accumulators, packed panels, masks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tfc.ir.kernel import Alloc, Kernel, walk
from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.passes.schedule import (
    Axis,
    ScheduleError,
    parallelise,
    reorder,
    simplify_kernel,
    split,
    stage,
    unguard,
    unroll,
    vectorise,
)

Same = Callable[..., None]
SIZES = [{"n": n} for n in (0, 1, 3, 4, 5, 7, 8, 13)]

MATMUL = """
kernel matmul(a: float32[n, 10] in, b: float32[10, 7] in, c: float32[n, 7] inout) dims(n) {
  for i < n {
    for j < 7 {
      for k < 10 {
        c[i, j] add= mul(a[i, k], b[k, j])
      }
    }
  }
}
"""


def matmul() -> Kernel:
    return parse_kernel(MATMUL)


def shapes(k: Kernel) -> dict[str, list[str]]:
    return {s.buffer.name: [str(d) for d in s.buffer.shape] for s in walk(k.body) if isinstance(s, Alloc)}


def test_a_scalar_accumulator(same: Same) -> None:
    out = stage(matmul(), "c", name="r", around="k", space="register")
    assert shapes(out) == {"r": []}
    same(matmul(), out, *SIZES)


def test_a_fresh_accumulator_is_added_at_the_end(same: Same) -> None:
    out = stage(matmul(), "c", name="r", around="k", space="register", fresh=True)
    assert "r[] = 0.0:float32" in print_kernel(out)
    assert "c[i, j] add= r[]" in print_kernel(out)
    same(matmul(), out, *SIZES)


def tiled(tail: str) -> Kernel:
    """Tiles of 4 rows and 4 columns, k in blocks of 5, the tile innermost."""
    out = split(matmul(), "i", 4, outer="io", inner="ii", tail=tail)
    out = split(out, "j", 4, outer="jo", inner="ji", tail="mask")
    out = split(out, "k", 5, outer="ko", inner="ki", tail="exact")
    return reorder(out, ["ko", "io", "jo", "ki", "ii", "ji"])


@pytest.mark.parametrize("fresh", [False, True])
def test_a_tile_of_accumulators(same: Same, fresh: bool) -> None:
    out = stage(tiled("mask"), "c", name="r", around="ki", space="register", fresh=fresh)
    assert shapes(out) == {"r": ["4", "4"]}
    same(matmul(), out, *SIZES)
    same(matmul(), simplify_kernel(out), *SIZES)


def test_packed_panels_take_the_masks_away(same: Same) -> None:
    out = tiled("mask")
    out = stage(out, "c", name="r", around="ki", space="register", fresh=True)
    out = stage(out, "b", name="bp", at="ko", layout=(Axis(1, step=4), Axis(0), Axis(1, count=4)), fill=0.0, align=64)
    out = stage(out, "a", name="ap", at="io", layout=(Axis(1), Axis(0)), fill=0.0, align=64)
    assert shapes(out) == {"bp": ["2", "5", "4"], "ap": ["5", "4"], "r": ["4", "4"]}
    out = reorder(out, ["ki", "ii", "ji"])
    same(matmul(), out, *SIZES)
    free = unguard(unguard(out, "ji"), "ii")
    free = unroll(vectorise(free, "ji"), "ii")
    text = print_kernel(simplify_kernel(free))
    assert "r[ii, ji] add= mul(ap[ki, ii], bp[jo, ki, ji])" in text
    same(matmul(), simplify_kernel(parallelise(free, "io")), *SIZES)


def test_panels_of_whole_tiles_need_no_fill(same: Same) -> None:
    out = split(matmul(), "k", 4, outer="ko", inner="ki", tail="peel_loop")
    out = stage(out, "a", name="ap", around="ki")
    assert shapes(out) == {"ap": ["4"]}
    same(matmul(), simplify_kernel(out), *SIZES)


def test_stage_of_what_is_stored_first_is_not_loaded(same: Same) -> None:
    text = MATMUL.replace("inout", "out").replace("for k <", "c[i, j] = 0.0:float32\n for k <")
    k = parse_kernel(text)
    out = stage(k, "c", name="r", at="i", space="stack")
    assert shapes(out) == {"r": ["7"]}
    assert "r_in0" not in print_kernel(out)
    same(k, out, *SIZES)


def test_stage_beyond_a_store_to_a_part_loads_the_rest(same: Same) -> None:
    text = MATMUL.replace("for k <", "if lt(@(j), @(3)) { c[i, j] = 0.0:float32 }\n for k <")
    k = parse_kernel(text)
    out = stage(k, "c", name="r", at="i", space="stack")
    assert "r_in0" in print_kernel(out)
    same(k, out, *SIZES)


CONVOLUTION = """
kernel convolution(x: float32[n + 2] in, w: float32[3] in, y: float32[n] out) dims(n) {
  for i < n {
    y[i] = 0.0:float32
    for k < 3 {
      y[i] add= mul(x[i + k], w[k])
    }
  }
}
"""


def test_overlapping_windows_with_a_halo(same: Same) -> None:
    k = parse_kernel(CONVOLUTION)
    out = split(k, "i", 4, outer="io", inner="ii", tail="mask")
    out = stage(out, "x", name="xs", at="io", fill=0.0)
    assert shapes(out) == {"xs": ["6"]}
    same(k, parallelise(out, "io"), *SIZES)


def test_stage_reads_no_memory_that_was_never_written() -> None:
    k = parse_kernel(MASKED.replace("t[i] add=", "if gt(x[i], 0.0:float32) { t[i] = 1.0:float32 } t[i] add="))
    with pytest.raises(ScheduleError, match="elements that were never written"):
        stage(k, "t", name="r", around="i")


AT_MOST_ONCE = """
kernel once(x: float32[n, 8] in, y: float32[8] inout) dims(n) {
  alloc t: float32[8] local stack
  for z < 8 { t[z] = 5.0:float32 }
  for q < 3 {
    for r < min(n, 1) { for j < 8 { t[j] = x[r, j] } }
    for i < 8 { y[i] add= t[i] }
  }
}
"""


def test_what_a_loop_that_may_not_run_stores_is_loaded(same: Same) -> None:
    k = parse_kernel(AT_MOST_ONCE)
    out = stage(k, "t", name="u", at="q")
    assert "u_in0" in print_kernel(out)
    same(k, out, *SIZES)


def test_a_loop_of_one_iteration_is_a_digit_of_any_place(same: Same) -> None:
    text = AT_MOST_ONCE.replace("r < min(n, 1)", "r < 1").replace("[n, 8]", "[1, 8]").replace("t[j]", "t[r + j]")
    out = stage(parse_kernel(text), "t", name="u", at="q")
    assert "u_in0" not in print_kernel(out)
    same(parse_kernel(text), out, *SIZES)


EACH_TIME = """
kernel each(x: float32[n, 8] in, y: float32[n, 4] out) dims(n) {
  alloc t: float32[4] local stack
  for q < n {
    for z < 4 { t[z] = 0.0:float32 }
    for k < 2 { for i < 4 { if gt(x[q, 4*k + i], 0.0:float32) { t[i] add= x[q, 4*k + i] } } }
    for l < 4 { y[q, l] = t[l] }
  }
}
"""


def test_what_each_iteration_around_stores_first_is_loaded(same: Same) -> None:
    k = parse_kernel(EACH_TIME)
    out = stage(k, "t", name="r", around="k", space="register")
    assert "r_in0" in print_kernel(out)
    same(k, out, *SIZES)


@pytest.mark.parametrize(
    "filled",
    [
        "for z < 3 { t[z] = 0.0:float32 }",
        "for z < min(n - 1, 4) { t[z] = 0.0:float32 }",
        "if lt(@(0), @(q)) { for z < 4 { t[z] = 0.0:float32 } }",
        "for z < 4 { if gt(x[q, z], 0.0:float32) { t[z] = 0.0:float32 } }",
    ],
)
def test_what_iterations_may_not_store_first_is_not_loaded(filled: str) -> None:
    text = EACH_TIME.replace("for z < 4 { t[z] = 0.0:float32 }", filled)
    with pytest.raises(ScheduleError, match="elements that were never written"):
        stage(parse_kernel(text), "t", name="r", around="k")


def test_what_the_staged_loop_stores_first_was_not_there_before_it() -> None:
    text = EACH_TIME.replace("for z < 4 { t[z] = 0.0:float32 }", "").replace(
        "for k < 2 {", "for k < 2 { for z < 4 { if gt(x[q, z], 0.0:float32) { t[z] = 0.0:float32 } }"
    )
    with pytest.raises(ScheduleError, match="elements that were never written"):
        stage(parse_kernel(text), "t", name="r", around="k")


SUM_OF_NONE = """
kernel none(x: float32[n] in, s: float32[] out) dims(n) {
  if lt(@(0), @(n)) { s[] = 2.0:float32 }
  for i < n { s[] add= x[i] }
}
"""


def test_a_sum_of_nothing_may_have_no_start() -> None:
    with pytest.raises(ScheduleError, match="elements that were never written"):
        stage(parse_kernel(SUM_OF_NONE), "s", name="r", around="i")


LET_MASK = """
kernel counts(x: float32[n, 3] in, at: int64[n] in, y: float32[5, 3] inout) dims(n) {
  for i < n {
    let v = mod(at[i], 5:int64)
    for j < 4 { if lt(@(j), @(min(3, v))) { y[v, j] add= x[i, j] } }
  }
}
"""


def test_masks_on_names_of_the_body_are_not_known_outside(same: Same) -> None:
    k = parse_kernel(LET_MASK)
    same(k, stage(k, "y", name="s", at="i"), *SIZES)


SHIFT = """
kernel shift(y: float32[n + 3] inout) dims(n) {
  for i < n grid { for j < 2 { y[i] add= 1.0:float32 y[i + 1] add= 2.0:float32 } }
}
"""


def test_stage_refuses() -> None:
    k = matmul()
    with pytest.raises(ScheduleError, match="give one of at and around"):
        stage(k, "a", name="ap")
    with pytest.raises(ScheduleError, match="it is not touched there"):
        stage(stage(k, "a", name="ap", at="i"), "a", name="aq", at="j")
    with pytest.raises(ScheduleError, match="has no fixed size"):
        stage(k, "c", name="r", around="i", space="register")
    with pytest.raises(ScheduleError, match="not only accumulated"):
        stage(k, "a", name="r", around="k", fresh=True)
    with pytest.raises(ScheduleError, match="the axes of dim 1 are not the digits of its index"):
        stage(k, "b", name="bp", around="i", layout=(Axis(0), Axis(1, step=4), Axis(1, count=3)))
    with pytest.raises(ScheduleError, match="the layout leaves out dim 0"):
        stage(k, "b", name="bp", around="i", layout=(Axis(1),))
    with pytest.raises(ScheduleError, match="iterations may depend on each other"):
        stage(parse_kernel(SHIFT), "y", name="t", around="j")
    aliased = parse_kernel(MATMUL.replace("10] in", "10] in alias").replace("inout", "inout alias"))
    with pytest.raises(ScheduleError, match="may share memory"):
        stage(aliased, "c", name="r", around="k")


MASKED = """
kernel masked(x: float32[8] in, y: float32[n] out) dims(n) {
  for io < floordiv(n + 7, 8) {
    alloc t: float32[8] local stack
    for i0 < 8 {
      if lt(@(8*io + i0), @(n)) {
        t[i0] = x[i0]
      }
    }
    for i < 8 {
      if lt(@(8*io + i), @(n)) {
        t[i] add= x[i]
      }
    }
    for j < 8 {
      if lt(@(8*io + j), @(n)) {
        y[8*io + j] = t[j]
      }
    }
  }
}
"""


def test_unguard(same: Same) -> None:
    k = parse_kernel(MASKED)
    out = unguard(unguard(k, "i0"), "i")
    assert print_kernel(out).count("if lt") == 1
    same(k, out, *SIZES)


@pytest.mark.parametrize(
    ("text", "var", "why"),
    [
        (MASKED, "i", "t may not have been written where the condition fails"),
        (MASKED, "j", "may be outside without it"),
        (MASKED.replace("float32[8] in", "float32[n] in"), "i0", "may be outside without it"),
        (MASKED.replace("= t[j]", "= t[7 - j]"), "i0", r"t\[-j \+ 7\] is read where the condition may fail"),
        (MASKED.replace("8*io + j), @(n)", "8*io + j), @(n + 1)"), "i0", r"t\[j\] is read where"),
        (MASKED.replace("y: float32[n]", "y: float32[n + 7]"), "j", "y is not local"),
        (MASKED.replace("lt(@(8*io + i0), @(n))", "gt(x[i0], 0.0:float32)"), "i0", "not a condition on indices"),
    ],
)
def test_unguard_refuses(text: str, var: str, why: str) -> None:
    with pytest.raises(ScheduleError, match=why):
        unguard(parse_kernel(text), var)
