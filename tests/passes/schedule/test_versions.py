"""Two forms of one kernel as one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tfc.ir.expr import Expr, Load, lit
from tfc.ir.index import Index
from tfc.ir.interpret import run_kernel
from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.ir.types import float32
from tfc.passes.schedule import ScheduleError, flatten, split, vectorise
from tfc.passes.schedule.nest import less
from tfc.passes.schedule.versions import either

Same = Callable[..., None]
ADD = """
kernel add(x: float32[n, 4] in, y: float32[n, 4] out) dims(n) {
  for i < n { for j < 4 { let t = add(x[i, j], 1.0:float32) y[i, j] = t } }
}
"""
N = Index.symbol("n")


def test_a_form_for_each_side_of_a_condition(same: Same) -> None:
    before = parse_kernel(ADD)
    wide = vectorise(before, "j")
    rows = split(before, "i", 2, outer="io", inner="ii", tail="mask")
    k = either(less(N, 3), wide, rows, suffix="_few")
    text = print_kernel(k)
    assert "if lt(@(n), @(3))" in text
    assert "for j_few < 4 vector" in text
    assert "let t_few" in text
    same(before, k, *({"n": n} for n in (0, 2, 3, 7)))


def test_the_condition_decides() -> None:
    before = parse_kernel(ADD)
    other = parse_kernel(ADD.replace("1.0", "2.0"))
    k = either(less(N, 3), before, other, suffix="_few")
    for n, more in ((2, 1), (3, 2)):
        x, y = np.zeros((n, 4), np.float32), np.zeros((n, 4), np.float32)
        run_kernel(k, {"x": x, "y": y}, {"n": n})
        np.testing.assert_array_equal(y, x + more)


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        (less(Index.symbol("i"), 3), "run-time dims"),
        (Load(float32, "x", (0, 0)) > lit(0, float32), "run-time dims"),
    ],
)
def test_what_only_the_kernel_knows_is_no_condition(condition: Expr, why: str) -> None:
    k = parse_kernel(ADD)
    with pytest.raises(ScheduleError, match=why):
        either(condition, k, k, suffix="_few")


def test_forms_that_view_an_argument_in_other_ways_are_not_put_together() -> None:
    k = parse_kernel(ADD)
    with pytest.raises(ScheduleError, match="same arguments"):
        either(less(N, 3), flatten(k, "i", "j", into="f"), k, suffix="_few")


def test_names_differ() -> None:
    k = parse_kernel(ADD)
    with pytest.raises(ScheduleError, match="names must be new"):
        either(less(N, 3), k, k, suffix="")
