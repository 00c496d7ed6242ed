"""What was measured, as the tables, the picture and the report read it, and as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

FORMAT = 1
"""Of the JSON; another number is not read."""


WORDS = 160
"""Letters of a reason."""


class Status(StrEnum):
    """What became of a contestant at a workload. A figure stands only beside OK."""

    OK = "ok"
    MISSING = "missing"
    UNSUPPORTED = "n/a"
    FAILED = "failed"
    WRONG = "wrong"
    LATE = "late"


@dataclass
class Cell:
    """One contestant on one workload; times are in seconds."""

    contestant: str
    status: Status = Status.OK
    why: str = ""
    limit: bool = False
    ours: bool = False
    median: float | None = None
    lower_quartile: float | None = None
    blocks: int = 0
    steps_per_block: int = 0
    error: float | None = None
    """Largest error of the checked results, relative to the largest value; None for a limit."""
    prepare: float | None = None
    first: float | None = None
    """Of the first call after preparing."""
    peak: int | None = None
    """The most memory that its process held, in bytes."""
    seconds: list[float] = field(default_factory=list, repr=False)
    """Of one step, averaged over each block."""

    @property
    def is_ok(self) -> bool:
        return self.status is Status.OK

    @property
    def compile(self) -> float | None:
        """What preparing and the first call take beyond a call: some libraries compile in one, some in the other."""
        if self.median is None or self.prepare is None or self.first is None:
            return None
        return max(0.0, self.prepare + self.first - self.median)

    def fail(self, status: Status, why: str) -> None:
        """Of `why` the first line says enough."""
        self.status, self.why, self.seconds = status, why.strip().partition("\n")[0][:WORDS], []

    def settle(self) -> None:
        """Makes the figures of the blocks."""
        if self.is_ok and self.seconds:
            self.blocks, self.median = len(self.seconds), statistics.median(self.seconds)
            lower = statistics.quantiles(self.seconds, n=4, method="inclusive")[0] if self.blocks > 1 else self.median
            self.lower_quartile = lower


@dataclass
class Row:
    """One workload."""

    workload: str
    group: str
    flop: int
    traffic: dict[str, int]
    cells: list[Cell] = field(default_factory=list)

    def cell(self, contestant: str) -> Cell | None:
        """The contestant's cell, where it has a time."""
        return next((c for c in self.cells if c.contestant == contestant and c.median is not None), None)

    def best_peer(self) -> Cell | None:
        timed = [c for c in self.cells if c.median is not None and not (c.limit or c.ours)]
        return min(timed, key=lambda c: c.median or 0.0, default=None)

    def limit(self) -> Cell | None:
        """The bound that takes longest: no program is faster."""
        timed = [c for c in self.cells if c.median is not None and c.limit]
        return max(timed, key=lambda c: c.median or 0.0, default=None)


@dataclass
class Library:
    """A contestant's process, over all workloads."""

    contestant: str
    about: str
    status: Status = Status.OK
    why: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    import_seconds: float | None = None


@dataclass
class Results:
    """A whole run."""

    machine: dict[str, str]
    settings: dict[str, Any]
    vector_bytes: int
    libraries: list[Library]
    rows: list[Row]

    def to_json(self) -> str:
        whole = {"format": FORMAT, **asdict(self)}
        for row in whole["rows"]:
            for cell in row["cells"]:
                del cell["seconds"]
        return json.dumps(whole, indent=1) + "\n"


def from_json(text: str, name: str = "the file") -> Results:
    """What `to_json` wrote. Raises ValueError for anything else."""
    try:
        whole = json.loads(text)
        if whole.pop("format") != FORMAT:
            raise ValueError
        whole["libraries"] = [Library(**{**x, "status": Status(x["status"])}) for x in whole["libraries"]]
        whole["rows"] = [
            Row(**{**row, "cells": [Cell(**{**c, "status": Status(c["status"])}) for c in row["cells"]]})
            for row in whole["rows"]
        ]
        return Results(**whole)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"{name} is not a result of this suite (format {FORMAT})") from None


def load(path: Path) -> Results:
    """Raises OSError and ValueError."""
    return from_json(path.read_text(), str(path))


def ratio(cell: Cell | None, to: Cell | None) -> float | None:
    """One's time over another's, where both have one."""
    if cell is None or to is None or cell.median is None or not to.median:
        return None
    return cell.median / to.median


def groups(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows by group, in their order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.group, []).append(row)
    return found


def names(rows: Sequence[Row]) -> list[str]:
    """The contestants of these rows, in their order."""
    return list(dict.fromkeys(cell.contestant for row in rows for cell in row.cells))
