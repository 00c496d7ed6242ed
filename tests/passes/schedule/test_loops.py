"""split, reorder, distribute, merge, fuse, flatten and the kinds of loops."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tfc.ir.index import Index, floordiv
from tfc.ir.kernel import Kernel
from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.passes.schedule import (
    ScheduleError,
    bind,
    cut,
    distribute,
    flatten,
    fuse,
    merge,
    parallelise,
    reorder,
    simplify_kernel,
    split,
    unroll,
    vectorise,
)

Same = Callable[..., None]
SIZES = [{"n": n} for n in (0, 1, 3, 4, 5, 7, 8, 13)]

SCALE = """
kernel scale(x: float32[n, 5] in, y: float32[n, 5] out) dims(n) {
  for i < n {
    for j < 5 {
      let v = x[i, j]
      y[i, j] = mul(v, 2.0:float32)
    }
  }
}
"""

MATMUL = """
kernel matmul(a: float32[n, 5] in, b: float32[5, 3] in, c: float32[n, 3] out) dims(n) {
  for i0 < n {
    for j0 < 3 {
      c[i0, j0] = 0.0:float32
    }
  }
  for i < n {
    for j < 3 {
      for k < 5 {
        c[i, j] add= mul(a[i, k], b[k, j])
      }
    }
  }
}
"""

SCAN = """
kernel scan(x: float32[n, 4] in, y: float32[n, 4] inout) dims(n) {
  for i < n - 1 {
    for j < 3 {
      y[i + 1, j] = add(y[i, j + 1], x[i, j])
    }
  }
}
"""

CHAIN = """
kernel chain(x: float32[n] in, t: float32[n + 1] inout, y: float32[n] out) dims(n) {
  for i < n {
    t[i] = add(x[i], 1.0:float32)
  }
  for j < n {
    y[j] = mul(t[j + AHEAD], t[j])
  }
}
"""


def kernel(text: str) -> Kernel:
    return parse_kernel(text)


@pytest.mark.parametrize("tail", ["mask", "short", "peel", "peel_loop"])
@pytest.mark.parametrize("factor", [1, 3, 4, 7])
def test_split_of_a_run_time_extent(same: Same, tail: str, factor: int) -> None:
    k = kernel(SCALE)
    same(k, split(k, "i", factor, outer="io", inner="ii", tail=tail), *SIZES)


@pytest.mark.parametrize("tail", ["mask", "short", "peel", "peel_loop"])
@pytest.mark.parametrize("factor", [1, 2, 5, 8])
def test_split_of_a_static_extent(same: Same, tail: str, factor: int) -> None:
    k = kernel(SCALE)
    out = split(k, "j", factor, outer="jo", inner="ji", tail=tail)
    same(k, out, *SIZES)
    same(k, simplify_kernel(out), *SIZES) if factor != 1 else None


def test_exact_split_needs_a_divisor(same: Same) -> None:
    k = kernel(SCALE.replace("n, 5", "6*n, 5").replace("i < n", "i < 6*n"))
    same(k, split(k, "i", 3, outer="io", inner="ii", tail="exact"), *SIZES)
    with pytest.raises(ScheduleError, match=r"split of i: 4 does not provably divide 6\*n"):
        split(k, "i", 4, outer="io", inner="ii", tail="exact")


def test_cut_leaves_conditions_in_the_last_tile_only(same: Same) -> None:
    before = kernel(SCALE)
    k = split(before, "i", 4, outer="io", inner="ii", tail="mask")
    k = simplify_kernel(cut(k, "io", floordiv(Index.symbol("n"), 4)))
    text = print_kernel(k)
    assert "for io < floordiv(n, 4)" in text
    assert text.count("if ") == 1
    same(before, k, *SIZES)


def test_cut_of_a_static_extent(same: Same) -> None:
    before = kernel(SCALE)
    same(before, cut(before, "j", 2), *SIZES)
    assert simplify_kernel(cut(before, "j", 5)) == before


@pytest.mark.parametrize("at", [-1, 6, Index.symbol("n")])
def test_cut_must_be_inside(at: int | Index) -> None:
    with pytest.raises(ScheduleError, match=r"cut of j: .* is not known to be one of 0 to 5"):
        cut(kernel(SCALE), "j", at)


def test_names_must_be_free() -> None:
    k = kernel(SCALE)
    with pytest.raises(ScheduleError, match="names must be new"):
        split(k, "i", 4, outer="x", inner="ii", tail="mask")
    with pytest.raises(ScheduleError, match="scale has no such loop"):
        unroll(k, "q")


@pytest.mark.parametrize("order", ["ikj", "jik", "jki", "kij", "kji"])
def test_reorder_of_a_matmul(same: Same, order: str) -> None:
    k = kernel(MATMUL)
    same(k, reorder(k, list(order)), *SIZES)


def test_reorder_carries_masks_along(same: Same) -> None:
    k = kernel(MATMUL)
    out = split(k, "i", 4, outer="io", inner="ii", tail="mask")
    out = split(out, "j", 2, outer="jo", inner="ji", tail="mask")
    same(k, reorder(out, ["jo", "io", "k", "ji", "ii"]), *SIZES)


def test_reorder_puts_conditions_where_they_are_known(same: Same) -> None:
    """Those inside the innermost loop too; one on data stays there."""
    body = "if and(lt(@(i), @(3)), lt(@(j), @(n))) { if lt(@(i), @(n - 1)) { if gt(x[i, j], 0.0:float32) { STORE } } }"
    body = body.replace("STORE", "y[i, j] = x[i, j]")
    head = "kernel f(x: float32[n, 5] in, y: float32[n, 5] inout) dims(n) {"
    k = kernel(f"{head} for i < n {{ for j < 5 {{ {body} }} }} }}")
    out = reorder(k, ["j", "i"])
    assert out == kernel(f"{head} for j < 5 {{ for i < n {{ {body} }} }} }}")
    same(k, out, *SIZES)
    inner = "if gt(x[i, j], 0.0:float32) { y[i, j] = x[i, j] }"
    again = reorder(kernel(f"{head} for i < n {{ for j < 5 {{ if lt(@(i), @(3)) {{ {inner} }} }} }} }}"), ["i", "j"])
    assert again == kernel(f"{head} for i < n {{ if lt(@(i), @(3)) {{ for j < 5 {{ {inner} }} }} }} }}")


def test_reorder_refuses_to_turn_a_dependence() -> None:
    with pytest.raises(ScheduleError, match="reorder of j, i: .* depends on another iteration"):
        reorder(kernel(SCAN), ["j", "i"])


def test_reorder_keeps_a_harmless_dependence(same: Same) -> None:
    k = kernel(SCAN.replace("j + 1]", "j]"))
    same(k, reorder(k, ["j", "i"]), *[{"n": n} for n in (1, 2, 7)])


def test_reorder_needs_a_perfect_nest() -> None:
    k = kernel(SCALE.replace("for j < 5 {", "y[i, 0] = 0.0:float32\n for j < 5 {"))
    with pytest.raises(ScheduleError, match="not perfectly nested"):
        reorder(k, ["j", "i"])


TWO = """
kernel two(x: float32[n] in, t: float32[n + 1] inout, y: float32[n] out) dims(n) {
  for i < n {
    t[i + SHIFT] = x[i]
    y[i] = t[i]
  }
}
"""


@pytest.mark.parametrize("shift", [0, 1])
def test_distribute(same: Same, shift: int) -> None:
    k = kernel(TWO.replace("SHIFT", str(shift)))
    same(k, distribute(k, "i", 1, second="i2"), *SIZES)


def test_distribute_refuses_values_that_are_overwritten() -> None:
    k = kernel(TWO.replace("y[i] = t[i]", "y[i] = t[i + 1]").replace("SHIFT", "0"))
    with pytest.raises(ScheduleError, match="distribute of i: t is touched again"):
        distribute(k, "i", 1, second="i2")


def test_merge(same: Same) -> None:
    k = kernel(CHAIN.replace("AHEAD", "0"))
    same(k, merge(k, "i", "j"), *SIZES)


def test_merge_refuses_to_read_ahead() -> None:
    with pytest.raises(ScheduleError, match=r"merge of i, j: j touches t\['.*'\] before i has left it"):
        merge(kernel(CHAIN.replace("AHEAD", "1")), "i", "j")


def test_merge_needs_siblings_in_order() -> None:
    k = kernel(MATMUL)
    for first, second in (("i", "i0"), ("i", "i"), ("j0", "j")):
        with pytest.raises(ScheduleError, match=f"merge of {first}, {second}"):
            merge(k, first, second)


def test_merge_of_masked_tiles(same: Same) -> None:
    k = kernel(MATMUL)
    out = split(k, "i0", 4, outer="io0", inner="ii0", tail="mask")
    out = split(out, "i", 4, outer="io", inner="ii", tail="mask")
    same(k, merge(out, "io0", "io"), *SIZES)


BETWEEN = """
kernel between(x: float32[n] in, y: float32[n] out, z: float32[1] out) dims(n) {
  alloc t: float32[n] local stack
  for i < n {
    t[i] = x[i]
  }
  z[0] = 1.0:float32
  for j < n {
    y[j] = t[j]
  }
}
"""


def test_merge_moves_what_stands_between(same: Same) -> None:
    k = kernel(BETWEEN)
    same(k, merge(k, "i", "j"), *SIZES)
    with pytest.raises(ScheduleError, match="a Store between them can not be moved"):
        merge(kernel(BETWEEN.replace("t: float32[n]", "t: float32[n + 1]").replace("z[0] =", "t[0] =")), "i", "j")


def test_fuse(same: Same) -> None:
    k = kernel(SCALE)
    out = fuse(k, "i", "j", into="f")
    same(k, out, *SIZES)
    same(k, simplify_kernel(split(out, "f", 5, outer="fo", inner="fi")), *SIZES)


def test_flatten_views_buffers_with_fewer_dims(same: Same) -> None:
    k = kernel(SCALE)
    out = flatten(k, "i", "j", into="f")
    assert [str(b.shape) for b in out.buffers] == ["(5*n,)", "(5*n,)"]
    same(k, out, *SIZES)
    with pytest.raises(ScheduleError, match="flatten of i: x is not row-major"):
        flatten(kernel(SCALE.replace("x[i, j]", "x[i, j + 0*i]").replace("[n, 5] in", "[n, 6] in")), "i", "j", into="f")


def test_kinds(same: Same) -> None:
    k = kernel(MATMUL)
    out = vectorise(reorder(k, ["i", "k", "j"]), "j")
    out = parallelise(unroll(out, "k"), "i")
    same(k, bind(out, "j0", "vector"), *SIZES)


@pytest.mark.parametrize(
    ("text", "var", "kind", "why"),
    [
        (SCAN, "i", "parallel", "iterations may depend on each other"),
        (MATMUL, "k", "parallel", "iterations may depend on each other"),
        (SCALE, "i", "vector", "the extent n is not static"),
        (MATMUL, "j", "vector", "it is not innermost"),
        (SCALE, "j", "wide", "wide is none of"),
        (SCALE.replace("y[i, j]", "y[i, mod(j, 2)]"), "j", "parallel", "iterations may depend on each other"),
        (SCALE.replace("y[i, j]", "y[i, 0]"), "j", "vector", "iterations may depend on each other"),
    ],
)
def test_kinds_that_are_refused(text: str, var: str, kind: str, why: str) -> None:
    with pytest.raises(ScheduleError, match=why):
        bind(kernel(text), var, kind)
