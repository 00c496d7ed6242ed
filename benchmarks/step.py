"""`python -m benchmarks.step`: the training step of softmax regression beside its peers."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .contestants import CONTESTANTS
from .machine import machine_facts
from .report import as_json, facts_text, table
from .runner import Settings, Status, measure
from .workloads import STEP

EPILOG = """\
Each contestant has a process of its own, on the same cores, with the same number of threads; they run in turns of
some milliseconds, and each is stopped while another runs. What computes a wrong result is not timed. A library that is
not there is left out: `pip install -e ".[bench,bench-tensorflow]"` installs them all. The exit code is 1 where a
contestant failed or was wrong.
"""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    default = Settings()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step", description=__doc__, epilog=EPILOG)
    parser.add_argument("--filter", metavar="WORD", nargs="+", help="only contestants whose name contains one of these")
    parser.add_argument("--threads", type=int, default=default.threads, help="for each of them (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=default.rounds, help="turns of each (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything to this file")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    allowed = len(os.sched_getaffinity(0))
    if not 1 <= options.threads <= allowed:
        parser.error(f"--threads: from 1 to {allowed}, the cores that this process may use")
    wanted = [c for c in CONTESTANTS if c.limit or not options.filter or any(w in c.name for w in options.filter)]
    options.contestants = wanted
    if all(c.limit for c in wanted):
        parser.error(f"--filter: no contestant is left of {', '.join(c.name for c in CONTESTANTS if not c.limit)}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; the exit code."""
    options = parse(arguments)
    settings = Settings(options.threads, options.rounds)
    facts = machine_facts(options.threads)
    print(facts_text(facts), end="\n\n", flush=True)
    rows = measure(STEP, options.contestants, settings, _progress)
    _progress("")
    print(table(STEP, rows))
    if options.json:
        options.json.write_text(json.dumps(as_json(facts, settings, [(STEP, rows)]), indent=1) + "\n")
    return int(any(row.status in (Status.FAILED, Status.WRONG) for row in rows))


def _progress(text: str) -> None:
    """One line that is written over, on terminals only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
