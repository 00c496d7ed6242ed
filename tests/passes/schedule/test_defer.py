"""Accumulations put off: in the same order, so that not a bit differs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tfc.ir.kernel import For, walk
from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.passes.schedule import ScheduleError, parallelise
from tfc.passes.schedule.defer import defer

Same = Callable[..., None]
SIZES = ({"n": 0}, {"n": 1}, {"n": 5})

LOSS = """
kernel loss(x: float32[n, 4] in, y: float32[n] out, s: float32[] inout) dims(n) {
  for i < n {
    let t = mul(x[i, 0], x[i, 3])
    y[i] = t
    s[] add= t
  }
}"""
COLUMNS = """
kernel columns(x: float32[n, 7] in, s: float32[8] inout) dims(n) {
  for i < n {
    for u < 2 unrolled {
      for l < 4 vector {
        if lt(@(4*u + l), 7:int64) {
          let v = x[i, 4*u + l]
          s[4*u + l] max= v
        }
      }
    }
  }
}"""


def test_the_text() -> None:
    body = print_kernel(defer(parse_kernel(LOSS), "i", "s", name="p", after="i2")).split("{\n", 1)[1]
    assert (
        body
        == """\
  alloc p: float32[n] local stack
  for i < n {
    let t = mul(x[i, 0], x[i, 3])
    y[i] = t
    p[i] = t
  }
  for i2 < n {
    s[] add= p[i2]
  }
}
"""
    )


@pytest.mark.parametrize("text", [LOSS, COLUMNS.replace("7:int64", "@(7)")])
def test_meaning(same: Same, text: str) -> None:
    k = parse_kernel(text)
    out = parallelise(defer(k, "i", "s", name="p", after="i2"), "i")
    assert [s.kind for s in walk(out.body) if isinstance(s, For) and s.var in ("i", "i2")] == ["parallel", "serial"]
    same(k, out, *SIZES)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("y[i] = t", "y[i] = s[]", "something else touches it"),
        ("s[] add= t", "s[] = t", "not accumulated by one statement"),
        ("s[] add= t", "s[] add= t s[] add= t", "not accumulated by one statement"),
        ("s[] add= t", "if gt(t, 0.0:float32) { s[] add= t }", "a condition around it is not one on indices"),
        ("s[] add= t", "for j < 9999 { s[] add= x[i, 0] }", "an iteration accumulates many values"),
        ("s[] add= t", "for j < i { s[] add= x[i, 0] }", "an iteration accumulates many values"),
        ("s: float32[] inout", "s: float32[] inout alias", "not accumulated by one statement"),
    ],
)
def test_what_is_refused(old: str, new: str, why: str) -> None:
    with pytest.raises(ScheduleError, match=why):
        defer(parse_kernel(LOSS.replace(old, new)), "i", "s", name="p", after="i2")
