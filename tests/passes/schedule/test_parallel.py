"""Loops for threads: kernels keep their meaning, and no two iterations touch what one of them writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tfc.ir.kernel import For, Kernel, Launch, Program, Slot, walk
from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.ir.kernel_verify import verify_program
from tfc.passes.memory import PlanMemory
from tfc.passes.schedule import ScheduleError, cpu_packed, parallelise
from tfc.passes.schedule.cpu import schedule_kernel
from tfc.passes.schedule.parallel import Parallelise, parallel_kernel
from tfc.passes.target import Target

from .kernels import ALL, matmul

Same = Callable[..., None]
TARGET = Target("t", "", vector_bytes=32, fma=True, threads=True, l1=256, l2=512, l3=1024)


def heads(k: Kernel) -> list[str]:
    """The lines of the parallel loops, outermost first."""
    return [line.strip() for line in print_kernel(k).splitlines() if " parallel" in line]


def marked(text: str, grain: int | None = None) -> list[str]:
    k = parse_kernel(text)
    return heads(parallel_kernel(k, TARGET) if grain is None else parallel_kernel(k, TARGET, grain))


@pytest.mark.parametrize("name", ALL)
def test_meaning(same: Same, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter finds races, so what is marked here is right for these sizes at least."""
    monkeypatch.setattr(cpu_packed, "DEPTH", 16)
    text, dims = ALL[name]
    k = parse_kernel(text)
    same(k, parallel_kernel(schedule_kernel(k, TARGET), TARGET, 1), *dims, rtol=2e-6)


@pytest.mark.parametrize("depth", [9, 40])
@pytest.mark.parametrize("columns", [40, 49])
@pytest.mark.parametrize("rows", [30, "m"])
def test_blocks_of_rows_of_a_product(
    rows: int | str, columns: int, depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the depth is taken in one tile or in several, and though the last tile of columns may not be whole."""
    monkeypatch.setattr(cpu_packed, "DEPTH", 16)
    k = schedule_kernel(parse_kernel(matmul(rows, columns, depth)), replace(TARGET, l2=1 << 20))
    blocks = [s.var for s in walk(k.body) if isinstance(s, For) and s.var in ("z0_o", "i_o")]
    assert blocks
    assert any(line.startswith(f"for {blocks[0]} <") for line in heads(parallel_kernel(k, TARGET, 1)))


ROWS = "kernel rows(x: float32[n, 512] in, y: float32[n, 512] out) dims(n) { for i < n { for j < 512 { S } } }"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("y[i, j] = exp(x[i, j])", True),
        ("y[i, j] = x[n - 1 - i, j]", True),
        ("y[i, 0] = x[i, j]", True),
        ("y[0, j] = x[i, j]", False),
        ("y[0, j] add= x[i, j]", False),
        ("y[i, j] = y[0, j]", False),
        ("check ge(x[i, j], 0.0:float32) else 0 y[i, j] = x[i, j]", True),
        ("check ge(x[i, j], 0.0:float32) else 0 check lt(x[i, j], 1.0:float32) else 1 y[i, j] = x[i, j]", False),
    ],
)
def test_what_is_independent(body: str, found: bool) -> None:
    assert any("for i <" in line for line in marked(ROWS.replace("S", body))) == found


FLAT = """
kernel flat(x: float32[10*n] in, y: float32[10*n] out) dims(n) {
  for t < 3 { for i < n { for l < 4 vector { if lt(@(4*t + l), @(10)) { y[10*i + 4*t + l] = x[10*i + 4*t + l] } } } }
}"""


def test_what_conditions_keep_apart(same: Same) -> None:
    """Without its condition the last tile of a row is the first of the next."""
    k = parse_kernel(FLAT)
    out = parallelise(parallelise(k, "t"), "i")
    same(k, out, {"n": 0}, {"n": 1}, {"n": 3})
    clash = parse_kernel(FLAT.replace("@(10)", "@(11)").replace("[10*n]", "[10*n + 1]"))
    with pytest.raises(ScheduleError, match="iterations may depend on each other"):
        parallelise(clash, "t")


def test_grains_follow_from_the_work() -> None:
    copy, exp = (marked(ROWS.replace("S", f"y[i, j] = {value}"))[0] for value in ("x[i, j]", "exp(x[i, j])"))
    assert int(copy.split("grain(")[1][:-3]) > int(exp.split("grain(")[1][:-3]) > 1
    assert marked(ROWS.replace("S", "y[i, j] = x[i, j]"), 100)[0] == "for i < n parallel {"


@pytest.mark.parametrize(("n", "found"), [(1, False), (16, False), (100_000, True)])
def test_small_kernels_stay_as_they_are(n: int, found: bool) -> None:
    text = (
        ROWS.replace("S", "y[i, j] = x[i, j]").replace(" dims(n)", "").replace("[n", f"[{n}").replace("< n", f"< {n}")
    )
    assert bool(marked(text)) == found


UNKNOWN = (
    "kernel u(x: float32[n, m] in, y: float32[n, m] out) dims(n, m) { for i < n { for j < m { y[i, j] = x[i, j] } } }"
)


def test_work_that_is_not_known_is_asked_for_in_the_run() -> None:
    """The inner loop may be short, so it has no function of its own."""
    (head,) = marked(UNKNOWN)
    assert head.startswith("for i < n parallel grain(floordiv(")


SUM = "kernel sum(x: float32[n] in, s: float32[] inout) dims(n) { for i < n { s[] add= x[i] } }"


def test_sums_are_made_of_blocks(same: Same) -> None:
    """Of a number that does not depend on the threads."""
    k = parse_kernel(SUM)
    out = parallel_kernel(k, TARGET, 256)
    assert heads(out) == ["for i_b < floordiv(n + 7, 8) parallel grain(3) {"]
    same(k, out, {"n": 0}, {"n": 1}, {"n": 8}, {"n": 29}, rtol=1e-6)
    (head,) = marked(SUM)
    assert head.startswith("for i_b < floordiv(n + ")


BLOCKS = """
kernel blocks(x: float32[n, 4096] in, y: float32[n, 4096] out) dims(n) {
  for b < floordiv(n + 99, 100) {
    for j < 128 { for i < min(100, n - 100*b) { for l < 32 { y[100*b + i, 32*j + l] = x[100*b + i, 32*j + l] } } }
  }
}"""


def test_few_iterations_leave_the_threads_to_a_loop_inside() -> None:
    k = parallel_kernel(parse_kernel(BLOCKS.replace("l < 32 {", "l < 32 vector {")), TARGET, 2000)
    assert [s.var for s in walk(k.body) if isinstance(s, For) and s.kind == "parallel"] == ["b", "j"]


SERIAL = """
kernel serial(y: float32[100, 400000] inout) {
  for t < 99 { for j < 400000 { y[t + 1, j] = y[t, j] } }
}"""


def test_a_loop_inside_of_one_in_order() -> None:
    assert [line.split(" grain")[0] for line in marked(SERIAL)] == ["for j < 400000 parallel"]


LOCAL = """
kernel local(x: float32[n, m] in, y: float32[n, m] out) dims(n, m) {
  for i < n {
    alloc t: float32[m] local stack
    alloc u: float32[8] local stack
    for j < m { t[j] = x[i, j] }
    for j2 < m { y[i, j2] = t[m - 1 - j2] }
  }
}"""


def test_local_buffers_in_the_arena_are_private() -> None:
    k = parse_kernel(LOCAL)
    slots = (Slot(k.buffers[0], "feed"), Slot(k.buffers[1], "fetch"))
    program = Program(
        "p", ("n", "m"), slots, (k,), (Launch("local", ("x", "y"), tuple(b for b in k.buffers[0].shape)),)
    )
    planned = PlanMemory().apply(Parallelise(TARGET).apply(program))
    verify_program(planned)
    (loop,) = [s for s in walk(planned.kernels[0].body) if isinstance(s, For) and s.kind == "parallel"]
    assert loop.private == ("local_t",)
    assert Parallelise(replace(TARGET, threads=False)).apply(program) == program
