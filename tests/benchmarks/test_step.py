"""The benchmark of the training step: what it times is right, what it says is what it measured."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.contestants import CONTESTANTS, Contestant, Task
from benchmarks.environment import contestant_environment, cores
from benchmarks.process import ContestantError, ContestantProcess
from benchmarks.report import as_json, table
from benchmarks.runner import Row, Settings, Status, measure
from benchmarks.step import main
from benchmarks.worker import Bench, relative_error
from benchmarks.workloads import STEP, SoftmaxRegressionStep

SMALL = SoftmaxRegressionStep(batch=5, features=7, classes=3, buffers=2)
NUMPY = next(c for c in CONTESTANTS if c.name == "numpy")
FLOP, BYTES = (c for c in CONTESTANTS if c.limit)


def row(contestant: Contestant, *seconds: float) -> Row:
    return Row(contestant, Status.OK, error=None if contestant.limit else 1e-7, seconds=list(seconds))


@contextmanager
def numpy_process() -> Iterator[ContestantProcess]:
    arguments = [NUMPY.name, STEP.kind, "1", str(cores(1)[0])]
    process = ContestantProcess(arguments, contestant_environment(os.environ, 1))
    try:
        yield process
    finally:
        process.close()


def test_one_round_of_tfc_and_numpy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "step.json"
    assert main(["--filter", "tfc", "numpy", "--rounds", "1", "--json", str(file)]) == 0
    printed, written = capsys.readouterr().out, json.loads(file.read_text())
    (workload,) = written["workloads"]
    rows = {r["name"]: r for r in workload["contestants"]}
    assert list(rows) == ["tfc", "numpy", "numpy tuned", "limit: flop", "limit: bytes"]
    for name, r in rows.items():
        assert r["status"] == "ok", r
        assert r["blocks"] == Settings().blocks
        assert f"\n{name} " in printed
        assert f" {r['median'] * 1e6:.1f} " in printed
        assert r["limit"] == (r["error"] is None)
        assert r["limit"] or 0 < r["error"] < STEP.tolerance
    assert workload["limit"] == max(rows["limit: flop"]["median"], rows["limit: bytes"]["median"]) > 0
    assert "kernels, 1 threads" in rows["numpy"]["facts"]["BLAS"]
    assert written["machine"]["CPU"] in printed
    assert written["settings"] == {"threads": 1, "rounds": 1, "blocks": Settings().blocks}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "--rounds: at least 1"),
        (["--threads", "0"], "--threads: from 1 to"),
        (["--threads", "100000"], "--threads: from 1 to"),
        (["--filter", "nobody"], "no contestant is left of tfc, numpy"),
    ],
)
def test_bad_options(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err


def test_the_reference_descends_the_gradient() -> None:
    """Against central differences of the mean cross entropy."""
    x, y = (a.astype(np.float64) for a in SMALL.inputs()[0])
    start = [a.astype(np.float64) for a in SMALL.start()]

    def cost(w: Any, b: Any) -> float:
        e = np.exp(x @ w + b)
        return float(-np.mean(np.log((y * e).sum(axis=1) / e.sum(axis=1))))

    for which, (before, after) in enumerate(zip(start, SMALL.reference(1), strict=True)):
        for at in np.ndindex(before.shape):
            moved = []
            for by in (1e-5, -1e-5):
                point = [a.copy() for a in start]
                point[which][at] += by
                moved.append(cost(*point))
            slope = (moved[0] - moved[1]) / 2e-5
            assert before[at] - after[at] == pytest.approx(SMALL.rate * slope, abs=1e-9)


def test_the_reference_takes_the_batches_in_turn() -> None:
    """Weights after three steps of two batches differ from those after two, and come from the first batch again."""
    for variant in ("", "tuned"):
        task = NUMPY.load().TASKS[SMALL.kind](SMALL, variant, 1)
        for i in (0, 1, 0):
            task.step(*task.inputs[i])
        assert relative_error(task.results(), SMALL.reference(3)) < 1e-5
        assert relative_error(task.results(), SMALL.reference(2)) > 1e-2


def test_inputs_start_at_a_cache_line() -> None:
    assert {a.ctypes.data % 64 for pair in SMALL.inputs() for a in pair} == {0}


@pytest.mark.parametrize(
    ("got", "error"),
    [
        ([1.0, 2.0], 0.0),
        ([1.0, 1.5], 0.25),
        ([1.0, float("nan")], float("inf")),
        ([1.0], float("inf")),
    ],
)
def test_relative_error(got: list[float], error: float) -> None:
    assert relative_error([np.array(got)], [np.array([1.0, 2.0])]) == error


class Answers:
    """In the place of a process: answers what it is given to answer, and notes what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, []

    def started(self) -> dict[str, str]:
        return {}

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        self.asked.append(do)
        return self.answers[do]

    def close(self) -> None:
        self.asked.append("close")


@pytest.mark.parametrize(
    ("error", "finite", "status", "asked"),
    [
        (1e-7, True, Status.OK, ["check", "calibrate", "time", "end", "close"]),
        (1e-7, False, Status.WRONG, ["check", "calibrate", "time", "end", "close"]),
        (1e-3, True, Status.WRONG, ["check", "close"]),
        (float("nan"), True, Status.WRONG, ["check", "close"]),
    ],
)
def test_what_is_wrong_has_no_time(
    monkeypatch: pytest.MonkeyPatch, error: float, finite: bool, status: Status, asked: list[str]
) -> None:
    answers = Answers(
        check={"error": error}, calibrate={"steps_per_block": 8}, time={"ns": [1000.0]}, end={"finite": finite}
    )
    monkeypatch.setattr("benchmarks.runner.ContestantProcess", lambda *_: answers)
    (row,) = measure(STEP, [NUMPY], Settings(rounds=1), lambda _: None)
    assert (row.status, answers.asked) == (status, asked)
    assert row.seconds == ([pytest.approx(1e-6)] if status is Status.OK else [])


def test_a_missing_library_is_said() -> None:
    ghost = Contestant("ghost", "ghost_", "no_such_library", "")
    (row,) = measure(STEP, [ghost], Settings(rounds=1), lambda _: None)
    assert (row.status, row.why) == (Status.MISSING, "no_such_library is not installed")
    assert "missing: no_such_library is not installed" in table(STEP, [row])


def test_a_contestant_that_raises_fails_alone() -> None:
    unknown = Contestant("unknown", "numpy_", "numpy", "")
    first, second = measure(STEP, [unknown, NUMPY], Settings(rounds=1, blocks=1), lambda _: None)
    assert (first.status, first.why) == (Status.FAILED, "LookupError: no contestant 'unknown'")
    assert second.status is Status.OK


def test_a_process_runs_only_while_it_is_asked() -> None:
    def state() -> str:
        return (Path("/proc") / str(process.pid) / "stat").read_text().rpartition(")")[2].split()[0]

    with numpy_process() as process:
        process.started()
        assert state() == "T"
        assert process.ask("check")["error"] < STEP.tolerance
        assert state() == "T"


def test_the_death_of_a_process_is_an_error() -> None:
    with numpy_process() as process:
        process.started()
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(ContestantError, match="process ended with -9"):
            process.ask("check")


def test_a_block_is_timed_by_the_step() -> None:
    """Each block takes every input in turn, and a call that stands for several steps is divided by them."""
    calls: list[int] = []
    bench = Bench(NUMPY, SMALL, Task([(0,), (1,)], calls.append, list, steps_per_call=1000), turns=3)
    assert len(bench.time(blocks=2)["ns"]) == 2
    assert calls == [0, 1] * 9
    assert bench.block() < 1000
    assert bench.calibrate()["steps_per_block"] == bench.turns * 2 * 1000


def test_the_environment_of_contestants() -> None:
    given = {"OPENBLAS_CORETYPE": "Haswell", "TF_CLI_CONFIG_FILE": "x", "OMP_NUM_THREADS": "7", "HOME": "/home"}
    made = contestant_environment(given, 2)
    assert "OPENBLAS_CORETYPE" not in made
    assert (made["TF_CLI_CONFIG_FILE"], made["HOME"], made["OMP_NUM_THREADS"]) == ("x", "/home", "2")


def test_the_table_divides_by_the_longer_limit() -> None:
    rows = [row(NUMPY, 3e-6, 4e-6, 6e-6), row(FLOP, 2e-6), row(BYTES, 1e-6)]
    line = next(x for x in table(STEP, rows).splitlines() if x.startswith("numpy "))
    assert line.split()[1:6] == ["4.0", "3.5", "2.00", "1.00", "1e-07"]
    assert f"limit: flop: {STEP.flop:,} FLOP at {STEP.flop / 2e-6 / 1e9:.1f} GFLOP/s" in table(STEP, rows)
    written = as_json({}, Settings(), [(STEP, rows)])["workloads"][0]
    assert (written["limit"], written["contestants"][0]["median"]) == (2e-6, 4e-6)
