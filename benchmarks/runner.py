"""Runs contestants on a workload in turns, so that what disturbs the machine meets them all alike."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum

from .contestants import Contestant
from .environment import contestant_environment, cores
from .process import ContestantError, ContestantProcess
from .workloads import Workload


class Status(StrEnum):
    """What became of a contestant. A figure stands only beside OK."""

    OK = "ok"
    MISSING = "missing"
    FAILED = "failed"
    WRONG = "wrong"


@dataclass(frozen=True)
class Settings:
    """`rounds` times each contestant in turn runs `blocks` timed blocks of about a millisecond."""

    threads: int = 1
    rounds: int = 40
    blocks: int = 8


@dataclass
class Row:
    """One contestant on one workload."""

    contestant: Contestant
    status: Status
    why: str = ""
    error: float | None = None
    """Largest error of the checked results, relative to the largest value; None for a limit."""
    steps_per_block: int = 0
    facts: dict[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    """Of one step, averaged over each block."""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def lower_quartile(self) -> float:
        if len(self.seconds) < 2:
            return self.median
        return statistics.quantiles(self.seconds, n=4, method="inclusive")[0]

    def fail(self, status: Status, why: str) -> None:
        self.status, self.why, self.seconds = status, why, []


def measure(
    workload: Workload, contestants: Sequence[Contestant], settings: Settings, say: Callable[[str], None]
) -> list[Row]:
    """A row for each contestant, in their order; `say` is told what is going on."""
    rows = []
    with ExitStack() as stack:
        running: list[tuple[Row, ContestantProcess]] = []
        for contestant in contestants:
            row = Row(contestant, Status.OK)
            rows.append(row)
            if not contestant.is_installed():
                row.fail(Status.MISSING, f"{contestant.library} is not installed")
                continue
            say(f"preparing {contestant.name}")
            process = _start(contestant, workload, settings)
            stack.callback(process.close)
            if _prepare(row, process, workload):
                running.append((row, process))
        _time(running, settings, say)
        for row, process in running:
            _end(row, process)
    return rows


def _start(contestant: Contestant, workload: Workload, settings: Settings) -> ContestantProcess:
    where = ",".join(map(str, cores(settings.threads)))
    arguments = [contestant.name, workload.kind, str(settings.threads), where]
    return ContestantProcess(arguments, contestant_environment(os.environ, settings.threads))


def _prepare(row: Row, process: ContestantProcess, workload: Workload) -> bool:
    """Prepares the task and checks its results: only what is right is timed."""
    try:
        row.facts = process.started()
        row.error = process.ask("check")["error"]
        if row.error is not None and not row.error <= workload.tolerance:
            row.fail(Status.WRONG, f"relative error {row.error:.1e}, allowed are {workload.tolerance:.0e}")
            return False
        row.steps_per_block = process.ask("calibrate")["steps_per_block"]
    except ContestantError as error:
        row.fail(Status.FAILED, str(error))
        return False
    return True


def _time(running: Sequence[tuple[Row, ContestantProcess]], settings: Settings, say: Callable[[str], None]) -> None:
    for turn in range(settings.rounds):
        say(f"round {turn + 1} of {settings.rounds}")
        # Every other round goes backwards: nobody always follows the same neighbour.
        for row, process in running if turn % 2 == 0 else reversed(running):
            if row.status is not Status.OK:
                continue
            try:
                row.seconds += [ns * 1e-9 for ns in process.ask("time", blocks=settings.blocks)["ns"]]
            except ContestantError as error:
                row.fail(Status.FAILED, str(error))


def _end(row: Row, process: ContestantProcess) -> None:
    if row.status is not Status.OK:
        return
    try:
        if not process.ask("end")["finite"]:
            row.fail(Status.WRONG, "the results are not finite after the timed steps")
    except ContestantError as error:
        row.fail(Status.FAILED, str(error))
