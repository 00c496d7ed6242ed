"""shrink, compute_at, place, inline, forward."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tfc.ir.kernel import Alloc, walk
from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.passes.schedule import (
    ScheduleError,
    compute_at,
    distribute,
    expand,
    forward,
    inline,
    merge,
    pad,
    parallelise,
    permute,
    place,
    shrink,
    split,
)

Same = Callable[..., None]
SIZES = [{"n": n} for n in (0, 1, 3, 4, 5, 7, 8, 13)]

ROWS = """
kernel rows(x: float32[n, 6] in, y: float32[n, 6] out) dims(n) {
  alloc t: float32[n, 6] local arena
  for i < n {
    for j < 6 {
      t[i, j] = add(x[i, j], 1.0:float32)
    }
  }
  alloc s: float32[n] local arena
  for i2 < n {
    s[i2] = 0.0:float32
    for j2 < 6 {
      s[i2] add= t[i2, j2]
    }
  }
  for i3 < n {
    for j3 < 6 {
      y[i3, j3] = add(t[i3, 5 - j3], s[i3])
    }
  }
}
"""


def shapes(k: object) -> dict[str, list[str]]:
    return {s.buffer.name: [str(d) for d in s.buffer.shape] for s in walk(k.body) if isinstance(s, Alloc)}


def merged_rows():
    return merge(merge(parse_kernel(ROWS), "i", "i2"), "i", "i3")


def test_shrink_to_a_row(same: Same) -> None:
    k = parse_kernel(ROWS)
    out = shrink(shrink(merged_rows(), "t", "i"), "s", "i")
    assert shapes(out) == {"s": [], "t": ["6"]}
    same(k, out, *SIZES)
    same(k, parallelise(out, "i"), *SIZES)


def test_shrink_to_a_tile_of_rows(same: Same) -> None:
    out = k = parse_kernel(ROWS)
    for v in ("i", "i2", "i3"):
        out = split(out, v, 4, outer=f"{v}o", inner=f"{v}i", tail="mask")
    out = merge(merge(out, "io", "i2o"), "io", "i3o")
    out = shrink(shrink(out, "t", "io"), "s", "io")
    assert shapes(out) == {"s": ["4"], "t": ["4", "6"]}
    same(k, place(parallelise(out, "io"), "t", "register", align=64), *SIZES)


def test_shrink_refuses() -> None:
    with pytest.raises(ScheduleError, match="shrink of t: it is used outside of i"):
        shrink(parse_kernel(ROWS), "t", "i")
    text = print_kernel(merged_rows()).replace("s[i] = 0.0:float32", "if gt(@(i), @(0)) { s[i] = s[i - 1] }")
    with pytest.raises(ScheduleError, match="iterations of i may share a value"):
        shrink(parse_kernel(text), "s", "i")


SCRATCH = """
kernel scratch(x: float32[n, 6] in, y: float32[n] out) dims(n) {
  alloc t: float32[6] local stack
  for i < n {
    for j < 6 {
      t[j] = x[i, j]
    }
    y[i] = add(t[0], t[5])
  }
}
"""


def test_shrink_moves_scratch_that_each_iteration_fills(same: Same) -> None:
    k = parse_kernel(SCRATCH)
    same(k, parallelise(shrink(k, "t", "i"), "i"), *SIZES)
    with pytest.raises(ScheduleError, match="may depend on each other"):
        parallelise(k, "i")
    with pytest.raises(ScheduleError, match="may share a value"):
        shrink(parse_kernel(SCRATCH.replace("j < 6", "j < 5")), "t", "i")


def test_permute(same: Same) -> None:
    before = parse_kernel(ROWS)
    after = permute(before, "t", (1, 0))
    assert shapes(after) == {"t": ["6", "n"], "s": ["n"]}
    same(before, after, *SIZES)
    assert permute(after, "t", (1, 0)) == before
    for order in ((0,), (0, 0), (0, 2)):
        with pytest.raises(ScheduleError, match="is no order of its 2 dims"):
            permute(before, "t", order)


def test_pad(same: Same) -> None:
    before = parse_kernel(ROWS)
    after = pad(before, "t", 1, 8)
    assert shapes(after) == {"t": ["n", "8"], "s": ["n"]}
    same(before, after, *SIZES)
    for dim, size in ((1, 5), (0, 8)):
        with pytest.raises(ScheduleError, match="is not known to be"):
            pad(before, "t", dim, size)


def test_expand_lets_a_loop_be_distributed(same: Same) -> None:
    k = parse_kernel(SCRATCH)
    out = shrink(k, "t", "i")
    with pytest.raises(ScheduleError, match="names of both, allocations and barriers stay whole"):
        distribute(out, "i", 2, second="i2")
    out = expand(out, "t", "i")
    assert shapes(out) == {"t": ["n", "6"]}
    same(k, distribute(out, "i", 1, second="i2"), *SIZES)
    with pytest.raises(ScheduleError, match="the body of i does not allocate it"):
        expand(k, "t", "i")


def test_compute_at(same: Same) -> None:
    k = parse_kernel(ROWS)
    out = compute_at(compute_at(k, "s", "i3"), "t", "i2")
    assert shapes(out) == {"s": [], "t": ["6"]}
    same(k, out, *SIZES)


PIXELS = """
kernel pixels(x: float32[n, 6] in, y: float32[n, 6] out) dims(n) {
  alloc t: float32[n, 6] local arena
  for i0 < n { for j0 < 6 { t[i0, j0] = 0.0:float32 } }
  for i < n { for j < 6 { for k < 3 { t[i, j] add= x[i, k] } } }
  for i2 < n { for j2 < 6 { y[i2, j2] = mul(t[i2, j2], t[i2, j2]) } }
}
"""


def test_compute_at_an_inner_loop(same: Same) -> None:
    k = parse_kernel(PIXELS)
    out = compute_at(k, "t", "j2")
    assert shapes(out) == {"t": []}
    same(k, out, *SIZES)


def test_compute_at_needs_like_extents() -> None:
    k = split(parse_kernel(ROWS), "i3", 4, outer="io", inner="ii", tail="mask")
    with pytest.raises(ScheduleError, match="extents n, floordiv"):
        compute_at(k, "s", "io")


def test_place_refuses_run_time_registers() -> None:
    with pytest.raises(ScheduleError, match="is not static"):
        place(parse_kernel(ROWS), "t", "register")
    with pytest.raises(ScheduleError, match="no local buffer lives in arg"):
        place(parse_kernel(ROWS), "t", "arg")
    with pytest.raises(ScheduleError, match="rows allocates no such buffer"):
        place(parse_kernel(ROWS), "x", "stack")


def test_inline(same: Same) -> None:
    k = parse_kernel(ROWS)
    out = inline(k, "t")
    assert shapes(out) == {"s": ["n"]}
    assert "add(x[i3, -j3 + 5], 1.0:float32)" in print_kernel(out)
    same(k, out, *SIZES)


def test_inline_unfolds_lets(same: Same) -> None:
    k = parse_kernel(ROWS.replace("t[i, j] = add(x[i, j],", "let v = x[i, j] let u = add(v, v) t[i, j] = add(u,"))
    same(k, inline(k, "t"), *SIZES)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("x: float32[n, 6] in", "x: float32[n, 6] inout", "it is written again"),
        ("y[i3, j3] =", "x[i3, j3] =", "x, which its value reads, is written later"),
        ("add(x[i, j]", "add(x[i, mod(j + k, 6)]", "its value depends on more"),
        ("t[i, j] =", "t[i, mod(j, 6)] =", "is not one loop variable per dim"),
    ],
)
def test_inline_refuses(old: str, new: str, why: str) -> None:
    text = ROWS.replace(old, new)
    if "again" in why:
        text = text.replace("y[i3, j3] =", "t[i3, j3] =")
    if "k" in new:
        text = text.replace("for j < 6 {", "for j < 6 { for k < 1 {").replace("1.0:float32)\n", "1.0:float32) }\n", 1)
    with pytest.raises(ScheduleError, match=why):
        inline(parse_kernel(text), "t")


SCALED = """
kernel scaled(x: float32[n, 3] in, y: float32[n, 3] inout) dims(n) {
  for i < n {
    alloc t: float32[] local stack
    t[] = mul(y[i, 0], 2.0:float32)
    for j < 3 {
      y[i, j] = 1.0:float32
      if gt(t[], x[i, j]) {
        y[i, j] = t[]
      } else {
        y[i, j] add= select(lt(@(j), @(1)), t[], x[i, j])
      }
    }
    y[i, 0] = add(y[i, 0], t[])
  }
}
"""


def test_forward(same: Same) -> None:
    """The value is that before what it reads is written again."""
    k = parse_kernel(SCALED)
    named = SCALED.replace("    alloc t: float32[] local stack\n", "").replace("t[] =", "let t =").replace("t[]", "t")
    out = forward(k, "t")
    assert out == parse_kernel(named)
    same(k, out, *SIZES)


def test_forward_of_what_names_an_index(same: Same) -> None:
    text = """
    kernel counts(x: int64[n] in, y: int64[4] inout) dims(n) {
      for i < n {
        alloc t: int64[] local register
        t[] = mod(x[i], 4:int64)
        let v = t[]
        y[v] add= t[]
      }
    }"""
    k = parse_kernel(text)
    assert shapes(forward(k, "t")) == {}
    same(k, forward(k, "t"), *SIZES)


STORE = "t[] = mul(y[i, 0], 2.0:float32)"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("float32[] local", "float32[1] local", "it has more than one element"),
        ("y[i, 0] = add(", "t[] = x[i, 1] y[i, 0] = add(", "or is written more than once"),
        (STORE, f"{STORE} t[] max= 0.0:float32", "or is written more than once"),
        (STORE, f"if gt(@(n), @(0)) {{ {STORE} }}", "no store beside its allocation sets it before it is read"),
        (STORE, f"for r < 1 {{ {STORE} }}", "no store beside its allocation"),
        (STORE, f"y[i, 1] = t[] {STORE}", "no store beside its allocation"),
        (STORE, "t[] = add(t[], 1.0:float32)", "no store beside its allocation"),
    ],
)
def test_forward_refuses(old: str, new: str, why: str) -> None:
    text = SCALED.replace(old, new, 1)
    if "[1]" in new:
        text = text.replace("t[]", "t[0]")
    with pytest.raises(ScheduleError, match=why):
        forward(parse_kernel(text), "t")


def test_forward_of_no_local_buffer() -> None:
    with pytest.raises(ScheduleError, match="scaled allocates no such buffer"):
        forward(parse_kernel(SCALED), "y")


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


def test_a_loop_that_may_not_run_fills_nothing() -> None:
    with pytest.raises(ScheduleError, match="it is used outside of q"):
        shrink(parse_kernel(AT_MOST_ONCE), "t", "q")
    text = (
        AT_MOST_ONCE.replace("for z < 8 { t[z] = 5.0:float32 }", "")
        .replace("for i < 8", "if gt(@(n), @(0)) { for i < 8")
        .replace("t[i] }", "t[i] } }")
    )
    with pytest.raises(ScheduleError, match="iterations of q may share a value"):
        shrink(parse_kernel(text), "t", "q")
