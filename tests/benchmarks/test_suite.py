"""The suite: what is chosen, run in turns, checked and written. Only NumPy and tfc are needed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.contestants import CONTESTANTS, Contestant, contestant
from benchmarks.environment import contestant_environment, cores
from benchmarks.process import ContestantError, ContestantProcess, EndedError, UnsupportedError
from benchmarks.results import Row, Status, load
from benchmarks.runner import Settings, Team, measure
from benchmarks.suite import main
from benchmarks.workload import Workload
from benchmarks.workloads import CALL, STEP

NUMPY = contestant("numpy")
SHORT = Settings(seconds=0.0, rounds=(1, 1))


def quiet(_: str) -> None:
    """In the place of progress."""


def test_tfc_and_numpy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "suite.json"
    arguments = ["--filter", "call:", "training: softmax", "--contestants", "tfc,numpy", "--seconds", "0.001"]
    assert main([*arguments, "--details", "--json", str(file)]) == 0
    printed, results = capsys.readouterr().out, load(file)
    assert [row.workload for row in results.rows] == [CALL.name, STEP.name]
    for row, workload in zip(results.rows, (CALL, STEP), strict=True):
        assert row.workload in printed
        for name in ("tfc", "numpy"):
            cell = row.cell(name)
            assert cell is not None
            assert cell.status is Status.OK
            assert cell.error is not None
            assert 0 <= cell.error <= workload.tolerance
            assert cell.median
            assert cell.lower_quartile
            assert 0 < cell.lower_quartile <= cell.median
            assert cell.peak
            assert cell.peak > 1e6
            assert cell.compile is not None
            assert cell.first
    step = results.rows[1]
    limits = [step.cell(name) for name in ("limit: flop", "limit: bytes")]
    assert step.limit() == max(limits, key=lambda cell: cell.median if cell and cell.median else 0)
    libraries = {library.contestant: library for library in results.libraries}
    assert "kernels, 1 threads" in libraries["numpy"].facts["BLAS"]
    assert all(library.import_seconds is not None for library in results.libraries)
    assert results.machine["CPU"] in printed


def test_an_interrupt_keeps_what_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(workload: Workload, team: Team) -> Row:
        if workload is STEP:
            raise KeyboardInterrupt
        return Row(workload.name, workload.group, 0, {})

    monkeypatch.setattr("benchmarks.suite.measure", measured)
    file = tmp_path / "suite.json"
    arguments = ["--contestants", "numpy", "--json", str(file)]
    assert main([*arguments, "--filter", "call", "training: softmax"]) == 130
    assert [row.workload for row in load(file).rows] == [CALL.name]
    assert "interrupted: 1 of 2 workloads are not measured" in capsys.readouterr().out
    with pytest.raises(KeyboardInterrupt):
        main([*arguments, "--filter", "training: softmax"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threads", "0"], "--threads: all, or from 1 to"),
        (["--threads", "many"], "--threads: all, or from 1 to"),
        (["--threads", "100000"], "--threads: all, or from 1 to"),
        (["--contestants", "nobody"], "--contestants: nobody is not one of tfc, "),
        (["--contestants", ","], "--contestants: nobody is not one of tfc, "),
        (["--filter", "no such thing"], "--filter: no workload matches no such thing"),
    ],
)
def test_bad_options(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err


def test_the_cpu_clock_is_for_one_thread(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    with pytest.raises(SystemExit, match="2"):
        main(["--threads", "all", "--clock", "cpu"])
    assert "--clock cpu: the time of several threads adds up" in capsys.readouterr().err


class Answers:
    """In the place of a process: answers what it is given to answer, and notes what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {"end": {"finite": True, "peak": 1}, "time": {"ns": [2000.0, 1000.0]}, **answers}
        self.asked: list[str] = []

    def started(self, patience: float) -> dict[str, Any]:
        return {"facts": {"fact": "1"}, "import": 0.5}

    def ask(self, do: str, patience: float, **arguments: Any) -> dict[str, Any]:
        self.asked.append(do)
        answer = self.answers[do]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, dict)
        return answer

    def close(self) -> None:
        self.asked.append("close")


LOADED = {"prepare": 0.25, "first": 0.5, "error": 1e-7, "step": 1e-6, "steps_per_block": 1000}


@pytest.mark.parametrize(
    ("answers", "status", "why", "asked"),
    [
        ({}, Status.OK, "", ["load", "time", "end", "close"]),
        ({"end": {"finite": False, "peak": 1}}, Status.WRONG, "not finite", ["load", "time", "end", "close"]),
        ({"load": LOADED | {"error": 1e-3}}, Status.WRONG, "relative error 1.0e-03", ["load", "close"]),
        ({"load": LOADED | {"error": float("nan")}}, Status.WRONG, "relative error nan", ["load", "close"]),
        ({"load": UnsupportedError("no erf")}, Status.UNSUPPORTED, "no erf", ["load", "close"]),
        ({"load": ContestantError("it raised")}, Status.FAILED, "it raised", ["load", "close"]),
        ({"load": EndedError("no answer in 9 s")}, Status.LATE, "no answer in 9 s", ["load", "close"]),
        ({"time": EndedError("process ended")}, Status.FAILED, "process ended", ["load", "time", "close"]),
    ],
)
def test_only_what_is_right_has_a_time(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], status: Status, why: str, asked: list[str]
) -> None:
    process = Answers(**{"load": LOADED, **answers})
    monkeypatch.setattr("benchmarks.runner.ContestantProcess", lambda *_: process)
    with Team([NUMPY], SHORT, quiet) as team:
        (cell,) = measure(STEP, team).cells
    assert (cell.status, process.asked) == (status, asked)
    assert why in cell.why
    if status is Status.OK:
        assert (cell.median, cell.lower_quartile, cell.blocks) == pytest.approx((1.5e-6, 1.25e-6, 2))
        assert cell.compile == pytest.approx(0.75 - 1.5e-6)
    else:
        assert (cell.median, cell.seconds) == (None, [])


def test_a_process_that_ended_is_started_again_for_the_next_workload(monkeypatch: pytest.MonkeyPatch) -> None:
    processes: list[Answers] = []

    def start(*_: Any) -> Answers:
        processes.append(Answers(load=EndedError("gone") if not processes else LOADED))
        return processes[-1]

    monkeypatch.setattr("benchmarks.runner.ContestantProcess", start)
    with Team([NUMPY], SHORT, quiet) as team:
        statuses = [measure(workload, team).cells[0].status for workload in (STEP, CALL)]
    assert statuses == [Status.FAILED, Status.OK]
    assert [process.asked[0] for process in processes] == ["load", "load"]


def test_rounds_go_forth_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    class Named(Answers):
        def __init__(self, arguments: list[str], *_: Any) -> None:
            super().__init__(load=LOADED)
            self.name = arguments[0]

        def ask(self, do: str, patience: float, **arguments: Any) -> dict[str, Any]:
            if do == "time":
                order.append(self.name)
            return super().ask(do, patience, **arguments)

    monkeypatch.setattr("benchmarks.runner.ContestantProcess", Named)
    two = [Contestant(name, "numpy_", "numpy", "") for name in ("a", "b")]
    with Team(two, Settings(rounds=(3, 3)), quiet) as team:
        measure(CALL, team)
    assert order == ["a", "b", "b", "a", "a", "b"]


def test_a_missing_library_is_said() -> None:
    ghost = Contestant("ghost", "ghost_", "no_such_library", "")
    with Team([ghost], SHORT, quiet) as team:
        (cell,) = measure(CALL, team).cells
        assert (cell.status, cell.why) == (Status.MISSING, "no_such_library is not installed")


def test_what_cannot_start_fails_alone_and_for_good() -> None:
    unknown = Contestant("unknown", "numpy_", "numpy", "")
    with Team([unknown, NUMPY], SHORT, quiet) as team:
        first, second = measure(CALL, team).cells
        assert (first.status, first.why) == (Status.FAILED, "LookupError: no contestant 'unknown'")
        assert second.status is Status.OK
        assert team.libraries["unknown"].status is Status.FAILED


@contextmanager
def numpy_process() -> Iterator[ContestantProcess]:
    process = ContestantProcess([NUMPY.name, "1", str(cores(1)[0]), "wall"], contestant_environment(os.environ, 1))
    try:
        yield process
    finally:
        process.close()


def test_a_process_runs_only_while_it_is_asked(tmp_path: Path) -> None:
    def state() -> str:
        return (Path("/proc") / str(process.pid) / "stat").read_text().rpartition(")")[2].split()[0]

    with numpy_process() as process:
        process.started(60)
        assert state() == "T"
        with pytest.raises(ContestantError, match="LookupError: no workload 'none'"):
            process.ask("load", 60, workload="none", traffic={}, folder=str(tmp_path), after=[])
        assert state() == "T"
        with pytest.raises(EndedError, match="no answer in 0 s"):
            process.ask("load", 0, workload="none", traffic={}, folder=str(tmp_path), after=[])


def test_the_death_of_a_process_is_an_error() -> None:
    with numpy_process() as process:
        process.started(60)
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(EndedError, match="process ended with -9"):
            process.ask("end", 60)


def test_the_environment_of_contestants() -> None:
    given = {"OPENBLAS_CORETYPE": "Haswell", "TF_CLI_CONFIG_FILE": "x", "OMP_NUM_THREADS": "7", "HOME": "/home"}
    made = contestant_environment(given, 2)
    assert "OPENBLAS_CORETYPE" not in made
    assert (made["TF_CLI_CONFIG_FILE"], made["HOME"], made["OMP_NUM_THREADS"]) == ("x", "/home", "2")
    assert (made["TFC_NUM_THREADS"], made["TFC_CACHE"]) == ("2", "0")
    assert "TORCHINDUCTOR_CACHE_DIR" not in made
    assert contestant_environment(given, 2, "/folder")["TORCHINDUCTOR_CACHE_DIR"] == "/folder"


def test_names_are_unique() -> None:
    assert len({c.name for c in CONTESTANTS}) == len(CONTESTANTS)
