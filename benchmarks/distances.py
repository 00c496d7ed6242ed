"""How far results are from the aims."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .aims import BEST, Aim
from .results import Cell, Results, Row, groups, ratio
from .tables import render_table, times
from .workloads import WORKLOADS

REACHED = "reached"
SUMMARY = ("group", "workloads", "tfc/best", "fastest", "tfc/limit", "aims measured", "reached", "")
"""The columns of `summary`: geometric means, and how often tfc is the fastest."""


def aims_of(row: Row) -> tuple[Aim, ...]:
    """The aims of its workload, if that is still in the table."""
    return next((workload.aims for workload in WORKLOADS if workload.name == row.workload), ())


def compared(row: Row, aim: Aim) -> tuple[float | None, float | None, str]:
    """tfc's figure, the one that it is compared with, and whose that is; None where it is missing."""
    ours = row.cell("tfc")
    if isinstance(aim.of, float):
        return _figure(ours, aim), aim.of, ""
    theirs = row.best_peer() if aim.of == BEST else row.cell(aim.of)
    return _figure(ours, aim), _figure(theirs, aim), theirs.contestant if theirs else aim.of


def _figure(cell: Cell | None, aim: Aim) -> float | None:
    value: float | None = getattr(cell, aim.figure) if cell else None
    return value


def measured(row: Row, aim: Aim) -> float | None:
    """tfc's figure over what the aim compares it with; None where one of them is missing."""
    ours, theirs, _ = compared(row, aim)
    return ours / theirs if ours is not None and theirs else None


def distance(row: Row, aim: Aim, vector_bytes: int) -> str:
    """The ratio that was measured, and by what factor it misses the aim."""
    value = measured(row, aim)
    if value is None:
        return "no figure"
    most = aim.at_most(vector_bytes)
    return f"{times(value)}: {REACHED}" if value <= most else f"{times(value)}: {value / most:.2f} × the aim"


def summary(results: Results) -> list[tuple[str, ...]]:
    """A line for each group."""
    return [_line(group, rows, results.vector_bytes) for group, rows in groups(results.rows).items()]


def _line(group: str, rows: Sequence[Row], vector_bytes: int) -> tuple[str, ...]:
    best = [r for row in rows if (r := ratio(row.cell("tfc"), row.best_peer()))]
    over = [r for row in rows if (r := ratio(row.cell("tfc"), row.limit()))]
    told = [(measured(row, aim), aim.at_most(vector_bytes)) for row in rows for aim in aims_of(row)]
    known = [(value, most) for value, most in told if value is not None]
    return (
        group,
        str(len(rows)),
        times(_mean(best)),
        f"{sum(r <= 1 for r in best)} of {len(best)}",
        times(_mean(over)),
        str(len(known)),
        str(sum(value <= most for value, most in known)),
        "",
    )


def _mean(ratios: Sequence[float]) -> float | None:
    """Geometric."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def summary_text(results: Results) -> str:
    return render_table(SUMMARY, summary(results))
