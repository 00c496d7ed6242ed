"""clip and peel_ends: conditions as bounds of loops, and the ends of loops apart."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tfc.ir.kernel import For, If, Kernel, walk
from tfc.ir.kernel_text import parse_kernel
from tfc.passes.schedule import ScheduleError, clip, cut_ends, peel_ends, simplify_kernel, vectorise

Same = Callable[..., None]


def taps(conditions: tuple[str, ...], rest: str = "y[i] add= x[j]") -> Kernel:
    guarded = "".join(f"if {c} {{ " for c in conditions) + rest + " }" * len(conditions)
    return parse_kernel(
        f"kernel f(x: float32[5] in, y: float32[9] inout) {{ for i < 9 {{ for j < 5 {{ {guarded} }} }} }}"
    )


CONDITIONS = {
    "from and below": ("ge(@(i + j), @(2))", "lt(@(i + j), @(9))"),
    "both at once": ("and(ge(@(i + j), @(2)), lt(@(i + j), @(9)))",),
    "several steps": ("ge(@(3*j + i), @(7))", "le(@(2*j + 2*i), @(19))"),
    "falling": ("gt(@(9), @(2*i + 3*j))",),
    "never": ("ge(@(i + j), @(100))",),
    "always": ("ge(@(i + j), @(0))",),
    "equal": ("eq(@(i), @(j))",),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_same_iterations_run(same: Same, name: str) -> None:
    k = taps(CONDITIONS[name])
    out = clip(k, "j")
    same(k, out)
    assert not any(isinstance(s, If) for s in walk(out.body))


def test_the_form() -> None:
    k = clip(taps(CONDITIONS["from and below"]), "j")
    text = """kernel f(x: float32[5] in, y: float32[9] inout) { for i < 9 {
      for j < max(0, min(5, -i + 9) - max(0, -i + 2)) { y[i] add= x[j + max(0, -i + 2)] }
    } }"""
    assert k == parse_kernel(text)


@pytest.mark.parametrize(
    "k",
    [
        taps(()),
        taps(("gt(x[j], 0.0:float32)",)),
        taps(("lt(@(i), @(4))",)),
        taps(("lt(@(i*j), @(4))",)),
        taps((), "if ge(@(j), @(2)) { y[i] add= x[j] } else { y[i] add= 1.0:float32 }"),
    ],
)
def test_what_is_no_bound_is_refused(k: Kernel) -> None:
    with pytest.raises(ScheduleError):
        clip(k, "j")


PEELED = """
kernel f(x: float32[12] in, y: float32[12] out) {
  for o < 3 { alloc t: float32[4] local stack for i < 4 { t[i] = x[i + 4*o] } for j < 4 { y[j + 4*o] = t[j] } }
}
"""


@pytest.mark.parametrize("count", [2, 3])
def test_ends_are_copies(same: Same, count: int) -> None:
    k = parse_kernel(PEELED.replace("o < 3", f"o < {count}"))
    out = peel_ends(k, "o")
    same(k, out)
    assert sum(isinstance(s, For) and s.var == "o" for s in walk(out.body)) == (count > 2)
    assert {s.var for s in walk(out.body) if isinstance(s, For)} >= {"i_first", "j_first", "i_last", "j_last"}


def test_conditions_that_hold_in_the_middle_go(same: Same) -> None:
    k = parse_kernel("""kernel f(x: float32[12] in, y: float32[12] out) { for o < 3 { for i < 4 {
      y[i + 4*o] = 0.0:float32
      if ge(@(i + 4*o), @(2)) { if lt(@(i + 4*o), @(10)) { y[i + 4*o] = x[i + 4*o - 2] } }
    } } }""")
    out = simplify_kernel(peel_ends(k, "o"))
    same(k, out)
    assert sum(isinstance(s, If) for s in walk(out.body)) == 2


def test_what_has_no_two_ends_is_refused() -> None:
    one = parse_kernel(PEELED.replace("o < 3", "o < 1"))
    open_ = parse_kernel("kernel f(y: float32[n] out) dims(n) { for o < n { y[o] = 0.0:float32 } }")
    lanes = vectorise(parse_kernel("kernel f(y: float32[4] out) { for o < 4 { y[o] = 0.0:float32 } }"), "o")
    for k in (one, open_, lanes):
        with pytest.raises(ScheduleError):
            peel_ends(k, "o")


@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 0), (1, 1), (0, 2), (2, 1)])
def test_iterations_are_cut_off(same: Same, before: int, after: int) -> None:
    k = parse_kernel(PEELED)
    out = cut_ends(k, "o", before, after)
    same(k, out)
    extents = {s.var: s.extent for s in walk(out.body) if isinstance(s, For)}
    assert (extents["o_first"], extents["o"], extents["o_last"]) == (before, 3 - before - after, after)


def test_no_more_is_cut_off_than_there_is() -> None:
    open_ = parse_kernel("kernel f(y: float32[n] out) dims(n) { for o < n { y[o] = 0.0:float32 } }")
    for k in (parse_kernel(PEELED), open_):
        with pytest.raises(ScheduleError):
            cut_ends(k, "o", 2, 2)
