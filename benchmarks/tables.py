"""Results as tables in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from .results import Cell, Library, Results, Row, Status, groups, names, ratio


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


def facts_text(facts: dict[str, str]) -> str:
    width = max(map(len, facts))
    return "\n".join(f"{key.ljust(width)}  {value}" for key, value in facts.items())


def micro(seconds: float | None) -> str:
    """Microseconds with three digits that say something."""
    if seconds is None:
        return "-"
    us = seconds * 1e6
    return f"{us:,.0f}" if us >= 100 else f"{us:.1f}" if us >= 10 else f"{us:.2f}"


def times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def group_table(group: str, rows: Sequence[Row]) -> str:
    """Microseconds of every contestant that has some, then tfc over the best peer and over the limit."""
    timed = [name for name in names(rows) if any(row.cell(name) for row in rows)]
    odd = {c.contestant for row in rows for c in row.cells if c.status in (Status.FAILED, Status.WRONG, Status.LATE)}
    shown = [name for name in names(rows) if name in timed or name in odd]
    limits = [name for name in shown if name.startswith("limit")]
    columns = [name for name in shown if name not in limits]
    lines = [
        (
            row.workload,
            *(_cell(row, name) for name in columns),
            micro(limit.median if (limit := row.limit()) else None),
            times(ratio(row.cell("tfc"), row.best_peer())),
            times(ratio(row.cell("tfc"), row.limit())),
            best.contestant if (best := row.best_peer()) else "",
        )
        for row in rows
    ]
    head = (f"{group}, median µs", *columns, "limit", "tfc/best", "tfc/limit", "best peer")
    return render_table(head, lines)


def _cell(row: Row, name: str) -> str:
    cell = next((c for c in row.cells if c.contestant == name), None)
    if cell is None:
        return ""
    return micro(cell.median) if cell.is_ok else "" if cell.status is Status.MISSING else str(cell.status)


def detail_table(row: Row) -> str:
    """A row with all that was measured of each contestant."""
    columns = (
        row.workload, "median µs", "quartile µs", "× limit", "error", "compile ms", "first ms", "peak MB", ""
    )  # fmt: skip
    lines = [
        (
            cell.contestant,
            micro(cell.median),
            micro(cell.lower_quartile),
            times(ratio(cell, row.limit())) if cell.is_ok else "-",
            "-" if cell.error is None else f"{cell.error:.0e}",
            _scaled(None if cell.limit else cell.compile, 1e3),
            _scaled(None if cell.limit else cell.first, 1e3),
            _scaled(None if cell.limit else cell.peak, 1e-6),
            _rate(row, cell) if cell.limit and cell.is_ok else "" if cell.is_ok else f"{cell.status}: {cell.why}",
        )
        for cell in row.cells
    ]
    return render_table(columns, lines)


def _scaled(value: float | None, by: float) -> str:
    return "-" if value is None else f"{value * by:,.1f}"


def _rate(row: Row, cell: Cell) -> str:
    assert cell.median is not None
    flop = cell.contestant.endswith("flop")
    amount = row.flop if flop else sum(row.traffic.values())
    unit = "FLOP" if flop else "bytes"
    return f"{amount:,} {unit} at {amount / cell.median / 1e9:.1f} G{unit}/s"


def library_table(results: Results) -> str:
    """The contestants: import, compile and first run, memory, how many workloads."""
    lines = [_library_line(library, results.rows) for library in results.libraries if not _is_limit(library)]
    columns = ("", "import s", "compile ms", "first ms", "most MB", "timed", "not", "")
    about = (
        "compile, first: medians. compile: preparing and the first call, less a call. not: n/a, failed, wrong, late."
    )
    return f"{render_table(columns, lines)}\n{about}"


def _is_limit(library: Library) -> bool:
    return library.contestant.startswith("limit")


def _library_line(library: Library, rows: Sequence[Row]) -> tuple[str, ...]:
    cells = [c for row in rows for c in row.cells if c.contestant == library.contestant]
    timed = [c for c in cells if c.is_ok]
    facts = "; ".join(f"{key} {value}" for key, value in library.facts.items())
    peaks = [c.peak for c in timed if c.peak]
    return (
        library.contestant,
        "-" if library.import_seconds is None else f"{library.import_seconds:.2f}",
        _scaled(_median([c.compile for c in timed]), 1e3),
        _scaled(_median([c.first for c in timed]), 1e3),
        _scaled(max(peaks, default=None), 1e-6),
        str(len(timed)),
        str(len(cells) - len(timed)),
        f"{library.status}: {library.why}" if library.status is not Status.OK else f"{library.about} ({facts})",
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = sorted(v for v in values if v is not None)
    return known[len(known) // 2] if known else None


def reasons(rows: Sequence[Row]) -> str:
    """Why cells have no time, each reason once."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for cell in row.cells:
            if not cell.is_ok and cell.status is not Status.MISSING and not cell.limit:
                found.setdefault((cell.contestant, f"{cell.status}: {cell.why}"), []).append(row.workload)
    return "\n".join(
        f"{name}: {why} ({workloads[0]}{f' and {len(workloads) - 1} more' if len(workloads) > 1 else ''})"
        for (name, why), workloads in found.items()
    )


def full_text(results: Results, details: bool) -> str:
    """All the tables."""
    parts = [group_table(group, rows) for group, rows in groups(results.rows).items()]
    if details:
        parts += [detail_table(row) for row in results.rows]
    why = reasons(results.rows)
    return "\n\n".join([*parts, library_table(results), *([why] if why else [])])
