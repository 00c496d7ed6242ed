"""Runs contestants on workloads in turns, so that what disturbs the machine meets them all alike."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .contestants import Contestant
from .environment import contestant_environment, cores
from .numpy_ops import reference, trained
from .process import ContestantError, ContestantProcess, EndedError, UnsupportedError
from .results import Cell, Library, Row, Status
from .worker import save_references
from .workload import Data, Traffic, Workload

Say = Callable[[str], None]
TURN = 0.008
"""Seconds of a contestant's turn, in blocks of about a millisecond; one block where that is longer."""


@dataclass(frozen=True)
class Settings:
    """Rounds are as many as `seconds` have room for, between the least and the most; `patience` is for one answer."""

    threads: int = 1
    seconds: float = 3.0
    rounds: tuple[int, int] = (3, 40)
    patience: float = 120.0
    clock: str = "wall"
    """Or "cpu": what a busy machine lets run."""


class Team:
    """The contestants' processes. Each is started when it is first needed, and anew after its process ended."""

    def __init__(self, contestants: Sequence[Contestant], settings: Settings, say: Say) -> None:
        self.contestants, self.settings, self.say = contestants, settings, say
        self.libraries = {c.name: Library(c.name, c.about) for c in contestants}
        self._running: dict[str, ContestantProcess] = {}
        # Compile times are of cold caches, but what a run compiled it may find again.
        self._caches = tempfile.TemporaryDirectory()
        for one in contestants:
            if not one.is_installed():
                library = self.libraries[one.name]
                library.status, library.why = Status.MISSING, f"{one.library} is not installed"

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._running):
            self.end(name)
        self._caches.cleanup()

    def process(self, one: Contestant) -> ContestantProcess:
        """Raises ContestantError where it cannot be started; then it is out for good."""
        if one.name not in self._running:
            self.say(f"starting {one.name}")
            threads = self.settings.threads
            arguments = [one.name, str(threads), ",".join(map(str, cores(threads))), self.settings.clock]
            environment = contestant_environment(os.environ, self.settings.threads, self._caches.name)
            self._running[one.name] = ContestantProcess(arguments, environment)
            library = self.libraries[one.name]
            try:
                started = self._running[one.name].started(self.settings.patience)
            except ContestantError as error:
                library.status, library.why = Status.FAILED, str(error)
                self.end(one.name)
                raise
            library.facts = started["facts"]
            if library.import_seconds is None:
                library.import_seconds = started["import"]
        return self._running[one.name]

    def end(self, name: str) -> None:
        """Ends the process, if there is one."""
        if name in self._running:
            self._running.pop(name).close()


def measure(workload: Workload, team: Team) -> Row:
    """A row with a cell for each contestant that the workload is for, in their order."""
    with tempfile.TemporaryDirectory() as folder:
        team.say("computing the reference")
        data = workload.data()
        after, references = expected(workload, data)
        save_references(Path(folder), references)
        traffic = traffic_of(workload, references[0])
        row = Row(workload.name, workload.group, workload.flop, asdict(traffic))
        ready: list[tuple[Cell, Contestant, float]] = []
        del data, references
        for one in team.contestants:
            if not one.only(workload):
                continue
            cell = Cell(one.name, limit=one.limit, ours=one.ours)
            row.cells.append(cell)
            library = team.libraries[one.name]
            if library.status is not Status.OK:
                cell.fail(library.status, library.why)
                continue
            what = {"workload": workload.name, "traffic": asdict(traffic), "folder": folder, "after": after}
            step = _prepare(cell, one, team, workload, what)
            if step is not None:
                ready.append((cell, one, step))
    _time(ready, team)
    for cell, one, _ in ready:
        _end(cell, one, team)
        cell.settle()
    return row


def expected(workload: Workload, data: Data) -> tuple[list[int], list[list[Any]]]:
    """After how many calls the results are checked, and what they are then."""
    if workload.training:
        after = [1, 3]
        return after, [trained(workload, data, steps) for steps in after]
    return [1, 2], [reference(workload, data, buffer) for buffer in (0, 1)]


def traffic_of(workload: Workload, results: Sequence[Any]) -> Traffic:
    """What a step has to move: its inputs, the weights, and its results, or the new weights."""
    inputs, written = sum(spec.bytes for spec in workload.inputs), sum(a.size for a in results)
    written *= np.dtype(workload.result).itemsize
    if workload.picked is not None:
        return Traffic(inputs + workload.picked, 0, written)
    return Traffic(inputs, sum(spec.bytes for spec in workload.weights), written)


def _ask(cell: Cell, one: Contestant, team: Team, do: str, **arguments: Any) -> dict[str, Any] | None:
    """The answer; None where there is none, which the cell then says."""
    patience = team.settings.patience
    try:
        return team.process(one).ask(do, patience, **arguments)
    except UnsupportedError as error:
        cell.fail(Status.UNSUPPORTED, str(error))
    except EndedError as error:
        cell.fail(Status.LATE if str(error).startswith("no answer") else Status.FAILED, str(error))
        team.end(one.name)
    except ContestantError as error:
        cell.fail(Status.FAILED, str(error))
    return None


def _prepare(cell: Cell, one: Contestant, team: Team, workload: Workload, what: dict[str, Any]) -> float | None:
    """Prepares the task and checks its results: only what is right is timed. The seconds of a step."""
    team.say(f"preparing {one.name}")
    answer = _ask(cell, one, team, "load", **what)
    if answer is None:
        return None
    cell.prepare, cell.first, cell.error = answer["prepare"], answer["first"], answer["error"]
    cell.steps_per_block = answer["steps_per_block"]
    if cell.error is not None and not cell.error <= workload.tolerance:
        cell.fail(Status.WRONG, f"relative error {cell.error:.1e}, allowed are {workload.tolerance:.0e}")
        return None
    step: float = answer["step"]
    return step


def _time(ready: Sequence[tuple[Cell, Contestant, float]], team: Team) -> None:
    """In rounds; every other round goes backwards: nobody always follows the same neighbour."""
    blocks = [max(1, round(TURN / max(step * cell.steps_per_block, 1e-9))) for cell, _, step in ready]
    blocks = [min(count, 8) for count in blocks]
    turns = sum(step * cell.steps_per_block * (count + 1) for (cell, _, step), count in zip(ready, blocks, strict=True))
    least, most = team.settings.rounds
    rounds = max(least, min(most, round(team.settings.seconds / max(turns, 1e-9))))
    order = list(zip(ready, blocks, strict=True))
    for turn in range(rounds):
        team.say(f"round {turn + 1} of {rounds}")
        for (cell, one, _), count in order if turn % 2 == 0 else reversed(order):
            if not cell.is_ok:
                continue
            answer = _ask(cell, one, team, "time", blocks=count)
            if answer is not None:
                cell.seconds += [ns * 1e-9 for ns in answer["ns"]]


def _end(cell: Cell, one: Contestant, team: Team) -> None:
    if not cell.is_ok:
        return
    answer = _ask(cell, one, team, "end")
    if answer is None:
        return
    cell.peak = answer["peak"]
    if not answer["finite"]:
        cell.fail(Status.WRONG, "the results are not finite after the timed steps")
