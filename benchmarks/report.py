"""Rows as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .runner import Row, Settings, Status
from .workloads import Workload

BASE = "numpy"
"""The contestant that the others' times are divided by: it is always there."""


def limit(rows: Sequence[Row]) -> Row | None:
    """The bound that takes longest: no program is faster."""
    bounds = [row for row in rows if row.contestant.limit and row.status is Status.OK]
    return max(bounds, key=lambda row: row.median, default=None)


def _base(rows: Sequence[Row]) -> Row | None:
    return next((row for row in rows if row.contestant.name == BASE and row.status is Status.OK), None)


def render_table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Aligned text: the first and last columns to the left, the others to the right."""
    widths = [max(len(line[i]) for line in (columns, *lines)) for i in range(len(columns))]
    last = len(columns) - 1

    def render(line: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if i in (0, last) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([render(columns), render(["-" * width for width in widths]), *map(render, lines)])


def table(workload: Workload, rows: Sequence[Row]) -> str:
    """The rows of a workload, then what the numbers of the limits mean."""
    bound, base = limit(rows), _base(rows)
    columns = ("", "median µs", "quartile µs", "× limit", f"× {BASE}", "error", "")
    lines = []
    for row in rows:
        if row.status is not Status.OK:
            lines.append((row.contestant.name, "-", "-", "-", "-", "-", f"{row.status}: {row.why}"))
            continue
        lines.append(
            (
                row.contestant.name,
                f"{row.median * 1e6:.1f}",
                f"{row.lower_quartile * 1e6:.1f}",
                f"{row.median / bound.median:.2f}" if bound else "-",
                f"{row.median / base.median:.2f}" if base else "-",
                "-" if row.error is None else f"{row.error:.0e}",
                row.contestant.about,
            )
        )
    return "\n".join([f"{workload.name}", "", render_table(columns, lines), *_explain(workload, rows)])


def _explain(workload: Workload, rows: Sequence[Row]) -> list[str]:
    """The limits as rates, the libraries, and what the columns are."""
    lines = [""]
    for row in rows:
        if row.contestant.limit and row.status is Status.OK:
            flop = row.contestant.variant == "flop"
            amount = workload.flop if flop else workload.traffic.rotated + 2 * workload.traffic.kept
            unit = "FLOP" if flop else "bytes"
            lines.append(f"{row.contestant.name}: {amount:,} {unit} at {amount / row.median / 1e9:.1f} G{unit}/s")
    for row in rows:
        facts = "; ".join(f"{key} {value}" for key, value in row.facts.items())
        lines.append(f"{row.contestant.name}: {facts}" if facts else f"{row.contestant.name}: {row.status}")
    return [*lines, "× limit: of the longer of the two limits. quartile: the lower one. error: relative to float64."]


def facts_text(facts: dict[str, str]) -> str:
    width = max(map(len, facts))
    return "\n".join(f"{key.ljust(width)}  {value}" for key, value in facts.items())


def as_json(
    facts: dict[str, str], settings: Settings, measured: Sequence[tuple[Workload, Sequence[Row]]]
) -> dict[str, Any]:
    """Everything that was measured; times are in seconds."""
    return {
        "machine": facts,
        "settings": asdict(settings),
        "workloads": [
            {
                "kind": workload.kind,
                "name": workload.name,
                "flop": workload.flop,
                "bytes": {"read": workload.traffic.rotated, "changed": workload.traffic.kept},
                "limit": bound.median if (bound := limit(rows)) else None,
                "contestants": [_row(row) for row in rows],
            }
            for workload, rows in measured
        ],
    }


def _row(row: Row) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": row.contestant.name,
        "about": row.contestant.about,
        "limit": row.contestant.limit,
        "status": str(row.status),
        "facts": row.facts,
    }
    if row.status is not Status.OK:
        return shown | {"why": row.why}
    return shown | {
        "median": row.median,
        "lower_quartile": row.lower_quartile,
        "error": row.error,
        "blocks": len(row.seconds),
        "steps_per_block": row.steps_per_block,
    }
