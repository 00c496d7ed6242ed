"""A run beside an earlier one."""

from __future__ import annotations

import math

from .results import Results, Row, ratio
from .tables import micro, render_table, times

SURE = 1.05
"""Changes below this are not called faster or slower."""


def comparison(new: Results, old: Results, name: str) -> str:
    """tfc's times in both runs; beside them how the peers' changed, which is what the machine did, not tfc."""
    before = {row.workload: row for row in old.rows}
    lines, gains = [], []
    for row in new.rows:
        was = before.get(row.workload)
        change = ratio(row.cell("tfc"), was.cell("tfc")) if was else None
        if was is None or change is None:
            continue
        peers = _peers(row, was)
        gains.append(change / (peers or 1.0))
        lines.append(
            (
                row.workload,
                micro(_median(was)),
                micro(_median(row)),
                times(change),
                times(peers),
                times(gains[-1]),
                "faster" if gains[-1] < 1 / SURE else "slower" if gains[-1] > SURE else "",
            )
        )
    head = (f"against {name}, of {old.machine['date']}", "tfc, µs", "now", "now/then", "peers", "of that tfc", "")
    if not lines:
        return f"{name} has no time of tfc for these workloads"
    notes = [f"{what}: {a!r} then, {b!r} now" for what, a, b in _differences(new, old)]
    mean = math.exp(sum(map(math.log, gains)) / len(gains))
    return "\n".join([render_table(head, lines), f"geometric mean of the changes that are tfc's: {mean:.3f}", *notes])


def _median(row: Row) -> float | None:
    cell = row.cell("tfc")
    return cell.median if cell else None


def _peers(new: Row, old: Row) -> float | None:
    """The geometric mean of the peers' times now over then."""
    ratios = [ratio(c, old.cell(c.contestant)) for c in new.cells if not (c.ours or c.limit) and c.median is not None]
    logs = [math.log(r) for r in ratios if r]
    return math.exp(sum(logs) / len(logs)) if logs else None


def _differences(new: Results, old: Results) -> list[tuple[str, object, object]]:
    """What makes the runs hard to compare."""
    found: list[tuple[str, object, object]] = [
        (what, old.machine.get(what), new.machine.get(what))
        for what in ("CPU", "vectors", "TFC_TARGET")
        if old.machine.get(what) != new.machine.get(what)
    ]
    settings = [(what, old.settings[what], new.settings[what]) for what in ("threads", "clock")]
    return found + [(what, a, b) for what, a, b in settings if a != b]
