"""The benchmark suite: tfc beside its peers and beside the machine's limits."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from .compare import comparison
from .contestants import CONTESTANTS, Contestant
from .distances import summary_text
from .machine import machine_facts, widest_vector_bytes
from .plot import SUFFIXES, draw
from .results import Results, Row, Status, load
from .runner import Settings, Team, measure
from .tables import facts_text, full_text
from .workload import Workload
from .workloads import matching

EPILOG = """\
examples:
  %(prog)s --quick
  %(prog)s --filter softmax --contestants tfc,numpy,torch
  %(prog)s --filter 'matmul: *512*' 'training:' --threads all --details
  %(prog)s --json new.json --compare old.json --plot limit.svg
  python -m benchmarks.report new.json         the tables of docs/performance.md

Each contestant has a process of its own, on the same cores, with the same number of threads. For each workload they
run in turns of some milliseconds, and each is stopped while another runs. Results are compared with a float64
reference: what is wrong is not timed. A library that is not there is left out: `pip install -e ".[bench]"`.

An interrupt ends the run with what is measured until then.

exit status: 0 done, 1 a contestant of ours failed or was wrong, 2 wrong usage
"""
INTERRUPTED = 130
"""The exit status that shells give for a process that SIGINT ended."""
QUICK_SECONDS, SECONDS = 0.5, 2.0
"""Of the rounds of one workload, about."""


def parser(program: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        program, description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(made)
    return made


def add_arguments(to: argparse.ArgumentParser) -> None:
    names = ", ".join(c.name for c in CONTESTANTS if not c.limit)
    to.add_argument(
        "--filter", metavar="PATTERN", nargs="+", default=[], action="extend",
        help='only workloads whose "group: name" contains one of these; * stands for anything',
    )  # fmt: skip
    to.add_argument("--contestants", metavar="NAME,...", help=f"only these, of {names} (the limits always run)")
    to.add_argument("--threads", default="1", help="1, all, or another number, for each of them (default: 1)")
    to.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall",
        help="cpu counts only the time that a process runs, for busy machines; with 1 thread (default: wall)",
    )  # fmt: skip
    to.add_argument("--quick", action="store_true", help="fewer workloads and rounds, no contestant slow to compile")
    to.add_argument("--seconds", type=float, help=f"of the rounds of one workload, about (default: {SECONDS})")
    to.add_argument("--details", action="store_true", help="a table for each workload: errors, compile time, memory")
    to.add_argument("--list", action="store_true", help="print the workloads and end")
    to.add_argument("--json", type=Path, metavar="FILE", help="write everything to this file")
    to.add_argument("--plot", type=Path, metavar="FILE", help="draw time over limit to this file (.png, .svg, .pdf)")
    to.add_argument("--compare", type=Path, metavar="FILE", help="compare with an earlier run's JSON")


def chosen_contestants(names: str | None, quick: bool) -> list[Contestant]:
    """Raises ValueError for a name that is none."""
    if names is None:
        return [c for c in CONTESTANTS if not (quick and c.slow)]
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = [c.name for c in CONTESTANTS if not c.limit]
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise ValueError(f"--contestants: {', '.join(unknown) or 'nobody'} is not one of {', '.join(known)}")
    return [c for c in CONTESTANTS if c.limit or c.name in wanted]


def chosen_threads(text: str) -> int:
    """Raises ValueError."""
    allowed = len(os.sched_getaffinity(0))
    threads = allowed if text == "all" else int(text) if text.isdecimal() else 0
    if not 1 <= threads <= allowed:
        raise ValueError(f"--threads: all, or from 1 to {allowed}, the cores that this process may use")
    return threads


def chosen_workloads(patterns: Sequence[str], quick: bool) -> list[Workload]:
    """Raises ValueError where there are none. A filter alone decides, so that it also finds what is not quick."""
    found = [w for w in matching(patterns) if patterns or w.quick or not quick]
    if not found:
        raise ValueError(f"--filter: no workload matches {' or '.join(patterns)} (--list prints them)")
    return found


def settings_of(options: argparse.Namespace) -> Settings:
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    rounds, patience = ((2, 12), 60.0) if options.quick else ((3, 40), 120.0)
    threads = chosen_threads(options.threads)
    if options.clock == "cpu" and threads > 1:
        raise ValueError("--clock cpu: the time of several threads adds up, it says nothing of their speed")
    return Settings(threads, seconds, rounds, patience, options.clock)


def run(options: argparse.Namespace) -> int:
    """Measures and prints; the exit status. Raises ValueError for options that mean nothing, and OSError."""
    workloads = chosen_workloads(options.filter, options.quick)
    if options.list:
        print("\n".join(f"{w.group}: {w.name}" for w in workloads))
        return 0
    contestants, settings = chosen_contestants(options.contestants, options.quick), settings_of(options)
    before = load(options.compare) if options.compare else None
    check_outputs(options)
    facts = machine_facts(settings.threads)
    print(facts_text(facts), end="\n\n", flush=True)
    results = measure_all(workloads, contestants, settings, facts)
    print(full_text(results, options.details))
    print(f"\n{summary_text(results)}")
    if options.json:
        options.json.write_text(results.to_json())
    if options.plot:
        draw(results, options.plot)
    if before:
        print(f"\n{comparison(results, before, str(options.compare))}")
    if results.settings["interrupted"]:
        print(f"\ninterrupted: {len(workloads) - len(results.rows)} of {len(workloads)} workloads are not measured")
        return INTERRUPTED
    ours = [c for row in results.rows for c in row.cells if c.ours]
    return int(any(c.status in (Status.FAILED, Status.WRONG, Status.LATE) for c in ours))


def check_outputs(options: argparse.Namespace) -> None:
    """Raises ValueError, before anything is measured, for files that could not be written after it."""
    for name in ("json", "plot"):
        file = getattr(options, name)
        if file and not file.parent.is_dir():
            raise ValueError(f"--{name}: there is no folder {file.parent}")
    if options.plot:
        if options.plot.suffix not in SUFFIXES:
            raise ValueError(f"--plot: {options.plot} does not end in {' or '.join(SUFFIXES)}")
        if find_spec("matplotlib") is None:
            raise ValueError('--plot: matplotlib is not installed (pip install -e ".[bench]")')


def measure_all(
    workloads: Sequence[Workload], contestants: Sequence[Contestant], settings: Settings, facts: dict[str, str]
) -> Results:
    """Everything, with progress on standard error. An interrupt ends it with the workloads that are done."""
    progress, start = Progress(len(workloads)), time.monotonic()
    rows: list[Row] = []
    with Team(contestants, settings, progress.say) as team:
        try:
            for workload in workloads:
                progress.next(workload.name)
                rows.append(measure(workload, team))
        except KeyboardInterrupt:
            if not rows:
                raise
        libraries = list(team.libraries.values())
    progress.clear()
    shown = {
        "threads": settings.threads,
        "clock": settings.clock,
        "seconds": settings.seconds,
        "rounds": list(settings.rounds),
        "took": round(time.monotonic() - start, 1),
        "interrupted": len(rows) < len(workloads),
    }
    return Results(facts, shown, widest_vector_bytes(), libraries, rows)


class Progress:
    """One line that is written over, on terminals; elsewhere a line a workload."""

    def __init__(self, count: int) -> None:
        self.count, self.at, self.name, self.start = count, 0, "", time.monotonic()
        self.terminal = sys.stderr.isatty()

    def next(self, name: str) -> None:
        self.at, self.name = self.at + 1, name
        if not self.terminal:
            print(f"{self._where()} {name}", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        if self.terminal:
            line = f"{self._where()} {self.name}: {text}"
            width = os.get_terminal_size(sys.stderr.fileno()).columns
            print(f"\r\x1b[K{line[: width - 1]}", end="", file=sys.stderr, flush=True)

    def _where(self) -> str:
        """How far it is, and the minutes until here."""
        minutes, seconds = divmod(round(time.monotonic() - self.start), 60)
        return f"[{self.at}/{self.count}, {minutes}:{seconds:02}]"

    def clear(self) -> None:
        if self.terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None, program: str = "python -m benchmarks") -> int:
    made = parser(program)
    options = made.parse_args(arguments)
    try:
        return run(options)
    except ValueError as error:
        made.error(str(error))
    except OSError as error:
        print(f"{program}: error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
