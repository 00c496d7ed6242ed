"""`python -m benchmarks.report RESULTS.json ...`: the tables of docs/performance.md, in Markdown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .aims import Aim
from .distances import SUMMARY, aims_of, compared, distance, summary
from .results import Cell, Library, Results, Row, Status, groups, load, names, ratio
from .tables import micro, times

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def markdown(results: Results) -> str:
    """The whole of a run: machine, a line for each aim, every time, the libraries."""
    threads = results.settings["threads"]
    title = f"## {threads} thread{'s' if threads > 1 else ''}"
    return (
        "\n\n".join(
            [title, _machine(results), _table(SUMMARY, summary(results)), *_groups(results), _libraries(results)]
        )
        + "\n"
    )


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """The first and the last column to the left."""
    rule = ["---", *["---:"] * (len(head) - 2), "---"]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))


def _machine(results: Results) -> str:
    settings = results.settings
    facts = results.machine | {"threads": str(settings["threads"]), "clock": settings["clock"]}
    facts["took"] = f"{settings['took']:.0f} s"
    return _table(("machine", ""), list(facts.items()))


def _groups(results: Results) -> Iterator[str]:
    """Each group: the aims with their distance, then all times."""
    for group, rows in groups(results.rows).items():
        yield f"### {group}"
        lines = [_aim(row, aim, results) for row in rows for aim in aims_of(row)]
        if lines:
            yield _table(("workload", "tfc, µs", "against, µs", "limit, µs", "aim", "measured"), lines)
        columns = [name for name in names(rows) if _is_shown(name, rows)]
        every = [
            (row.workload, *(_time(row, name) for name in columns), times(ratio(row.cell("tfc"), row.limit())))
            for row in rows
        ]
        yield "Median µs of all:\n\n" + _table((group, *columns, "tfc / limit"), every)


def _is_shown(name: str, rows: Sequence[Row]) -> bool:
    return not name.startswith("limit") and any(c.contestant == name and c.status is not Status.MISSING
                                                for row in rows for c in row.cells)  # fmt: skip


def _time(row: Row, name: str) -> str:
    cell = next((c for c in row.cells if c.contestant == name), None)
    if cell is None:
        return ""
    return micro(cell.median) if cell.is_ok else str(cell.status)


def _aim(row: Row, aim: Aim, results: Results) -> tuple[str, ...]:
    """A line: both figures, the limit beside, the aim, the distance."""
    ours, theirs, whose = compared(row, aim)
    return (
        row.workload,
        micro(ours),
        f"{micro(theirs)} ({whose})" if theirs and whose else micro(theirs),
        _limit(row) if aim.figure == "median" else "",
        aim.text(results.vector_bytes),
        distance(row, aim, results.vector_bytes),
    )


def _limit(row: Row) -> str:
    limit = row.limit()
    return f"{micro(limit.median)} ({limit.contestant.removeprefix('limit: ')})" if limit else "-"


def _libraries(results: Results) -> str:
    """Import, compile, memory of each contestant."""
    lines = [_library(library, results.rows) for library in results.libraries if "limit" not in library.contestant]
    head = ("contestant", "import, s", "compile, ms", "first call, ms", "most memory, MB", "how")
    return (
        "### Compiling, memory, import\n\n"
        "Medians over the workloads; compile is preparing and the first call, less a call.\n\n" + _table(head, lines)
    )


def _library(library: Library, rows: Sequence[Row]) -> tuple[str, ...]:
    cells = [c for row in rows for c in row.cells if c.contestant == library.contestant and c.is_ok]
    versions = "; ".join(f"{key} {value}" for key, value in library.facts.items())
    how = f"{library.about} ({versions})" if library.status is Status.OK else f"{library.status}: {library.why}"
    return (
        library.contestant,
        "-" if library.import_seconds is None else f"{library.import_seconds:.2f}",
        _middle([c.compile for c in cells], 1e3),
        _middle([c.first for c in cells], 1e3),
        _most(cells),
        how,
    )


def _middle(values: Sequence[float | None], scale: float) -> str:
    known = sorted(v for v in values if v is not None)
    return f"{known[len(known) // 2] * scale:.1f}" if known else "-"


def _most(cells: Sequence[Cell]) -> str:
    peaks = [c.peak for c in cells if c.peak]
    return f"{max(peaks) / 1e6:.0f}" if peaks else "-"


def replaced(text: str, tables: str) -> str:
    """The text with the tables between its marks. Raises ValueError where it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there is no {BEGIN} with a later {END}")
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables, or puts them in their place; the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.report", description=__doc__)
    parser.add_argument("results", type=Path, nargs="+", help="what `python -m benchmarks --json` wrote")
    parser.add_argument(
        "--into",
        type=Path,
        metavar="FILE",
        help=f"write them between {BEGIN} and {END} of this file, not to the screen",
    )
    options = parser.parse_args(arguments)
    try:
        tables = "\n".join(markdown(load(path)) for path in options.results)
        if options.into:
            options.into.write_text(replaced(options.into.read_text(), tables))
        else:
            sys.stdout.write(tables)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
