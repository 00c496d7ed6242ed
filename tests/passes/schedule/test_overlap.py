"""overlap: whole tiles that compute some elements again, and what may not be computed again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tfc.ir.kernel import Kernel
from tfc.ir.kernel_text import parse_kernel
from tfc.passes.schedule import ScheduleError, overlap, parallelise

Same = Callable[..., None]


def tiles(body: str, extent: int = 10, more: str = "") -> Kernel:
    count = -(-extent // 4)
    head = f"kernel f(x: float32[{extent}] in, z: float32[2] inout, y: float32[{extent}] inout)"
    return parse_kernel(f"{head} {{ {more} for o < {count} {{ {body} }} }}")


SUM = """
for i < 4 { if lt(@(i + 4*o), @(10)) { y[i + 4*o] = 0.0:float32 } }
for c < 3 { for j < 4 { if lt(@(j + 4*o), @(10)) { y[j + 4*o] add= mul(x[j + 4*o], cast<float32>(@(c))) } } }
"""
SHIFTED = """
for i < 4 { y[i + min(6, 4*o)] = 0.0:float32 }
for c < 3 { for j < 4 { y[j + min(6, 4*o)] add= mul(x[j + min(6, 4*o)], cast<float32>(@(c))) } }
"""


def test_before_and_after(same: Same) -> None:
    k = tiles(SUM)
    out = overlap(k, "o", 10, 4)
    assert out == tiles(SHIFTED)
    same(k, out)


@pytest.mark.parametrize("extent", [4, 5, 7, 8, 9])
def test_sizes(same: Same, extent: int) -> None:
    k = tiles(SUM.replace("@(10)", f"@({extent})"), extent)
    same(k, overlap(k, "o", extent, 4))


REFUSED = {
    "adds to what was there": "for i < 4 { if lt(@(i + 4*o), @(10)) { y[i + 4*o] add= x[i + 4*o] } }",
    "reads what it writes": "for i < 4 { if lt(@(i + 4*o), @(10)) { y[i + 4*o] = add(y[i + 4*o], 1.0:float32) } }",
    "reads what another wrote": """
    for i < 4 { if lt(@(i + 4*o), @(10)) { y[i + 4*o] = add(z[0], 1.0:float32) } }
    for j < 4 { if lt(@(j + 4*o), @(10)) { z[0] = x[j + 4*o] } }
    """,
    "the tile alone": "for i < 4 { if lt(@(i + 4*o), @(10)) { y[i + 4*o] = cast<float32>(@(o)) } }",
    "the place alone": "for i < 4 { if lt(@(i + 4*o), @(10)) { y[i + 4*o] = cast<float32>(@(i)) } }",
    "no mask": "z[0] = 1.0:float32 for i < 4 { if lt(@(i + 4*o), @(10)) { y[i + 4*o] = x[i + 4*o] } }",
    "another mask": "for i < 4 { if lt(@(i + 4*o), @(9)) { y[i + 4*o] = x[i + 4*o] } }",
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_refused(why: str) -> None:
    with pytest.raises(ScheduleError):
        overlap(tiles(REFUSED[why]), "o", 10, 4)


def test_tiles_that_are_not_there_or_run_at_once() -> None:
    k = tiles(SUM)
    for extent, factor in ((3, 4), (10, 3), (14, 4)):
        with pytest.raises(ScheduleError):
            overlap(k, "o", extent, factor)
    whole = parse_kernel("kernel f(y: float32[8] out) { for o < 2 { for i < 4 { y[i + 4*o] = 0.0:float32 } } }")
    with pytest.raises(ScheduleError):
        overlap(parallelise(whole, "o"), "o", 8, 4)
