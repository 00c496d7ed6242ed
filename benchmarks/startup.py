"""`python -m benchmarks.startup`: import, first training step and installed size, of tfc and its peers."""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import tfc

from .contestants import CONTESTANTS
from .environment import contestant_environment
from .machine import machine_facts
from .process import ROOT
from .sizes import installed_bytes, package_bytes, requirements
from .tables import facts_text, render_table

MODULES = ("numpy", "tfc", "tfc.v1", "jax", "tensorflow")
FIRST_STEPS = ("tfc", "numpy", "jax", "tensorflow.Session")
AIMS = {"import tfc": 0.3, "tfc, cold cache": 0.5}
"""Seconds; of a first step, from the start of the process."""
_IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


@dataclass
class Start:
    """Something done by fresh processes; `seconds` holds by phase one figure a process."""

    name: str
    why_not: str = ""
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, **phases: float) -> None:
        for phase, seconds in phases.items():
            self.seconds.setdefault(phase, []).append(seconds)

    def median(self, phase: str) -> float:
        return statistics.median(self.seconds[phase])


def run_python(arguments: Sequence[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter with the environment that contestants get, and these variables."""
    environment = contestant_environment(os.environ, len(os.sched_getaffinity(0))) | variables
    return subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )


def time_imports(modules: Sequence[str], runs: int) -> list[Start]:
    """Fresh imports in turns; a first one of each, which may write byte code, is not counted."""
    starts = [Start(f"import {m}", "" if find_spec(m.split(".")[0]) else "not installed") for m in modules]
    for turn in range(runs + 1):
        for module, start in zip(modules, starts, strict=True):
            if start.why_not:
                continue
            seconds = float(run_python(["-c", _IMPORT.format(module)]).stdout)
            if turn:
                start.add(total=seconds)
    return starts


def time_first_steps(names: Sequence[str], runs: int) -> list[Start]:
    """Fresh processes in turns, to the end of the first training step; tfc once without machine code kept on disk."""
    wanted = [c for c in CONTESTANTS if c.name in names]
    starts: dict[str, Start] = {}
    with tempfile.TemporaryDirectory() as kept:
        for turn in range(runs + 1):
            for contestant in wanted:
                for cache in ("cold", "warm") if contestant.name == "tfc" else ("",):
                    name = f"{contestant.name}, {cache} cache" if cache else contestant.name
                    why_not = "" if contestant.is_installed() else "not installed"
                    start = starts.setdefault(name, Start(name, why_not))
                    if not why_not:
                        phases = _first_step(contestant.name, cache, kept)
                        if turn:
                            start.add(**phases)
    return list(starts.values())


def _first_step(contestant: str, cache: str, kept: str) -> dict[str, float]:
    """The phases of one process: of `total` seconds from its start, `imported` until the library was there."""
    with tempfile.TemporaryDirectory() as empty:
        folder = empty if cache == "cold" else kept
        begun = time.monotonic()
        process = run_python(["-m", "benchmarks.first_step", contestant], TFC_CACHE="1", TFC_CACHE_DIR=folder)
        if cache and not any(Path(folder).iterdir()):
            raise RuntimeError(f"{contestant} kept no machine code in {folder}")
    at = json.loads(process.stdout.splitlines()[-1])
    return {
        "interpreter": at["born"] - begun,
        "imports": at["imported"] - at["born"],
        "step": at["stepped"] - at["imported"],
        "total": at["stepped"] - begun,
    }


def _culprits_table(module: str, count: int) -> str:
    """The modules whose own import takes longest."""
    report = run_python(["-X", "importtime", "-c", f"import {module}"]).stderr
    found = re.findall(r"^import time:\s+(\d+) \|\s+(\d+) \|\s+(\S+)$", report, re.MULTILINE)
    found.sort(key=lambda line: -int(line[0]))
    lines = [(name, f"{int(own) / 1e3:.1f}", f"{int(whole) / 1e3:.1f}", "") for own, whole, name in found[:count]]
    return render_table((f"import {module}", "own ms", "total ms", ""), lines)


def sizes() -> dict[str, dict[str, int]]:
    """By distribution, the bytes of each that it needs, itself among them."""
    found = {}
    for name in ("tfc", "jax", "tensorflow"):
        needed = requirements(name)
        if needed:
            found[name] = {part: installed_bytes(d) for part, d in needed.items() if part != "tfc"}
    found["tfc"] = {"tfc": package_bytes(Path(tfc.__file__).parent)} | found.get("tfc", {})
    return found


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--filter", metavar="WORD", nargs="+", help="only libraries whose name contains one of these")
    parser.add_argument("--runs", type=int, default=7, help="fresh processes of each (default: %(default)s)")
    parser.add_argument(
        "--culprits", type=int, metavar="N", default=0, help="also print the N slowest modules that `tfc.v1` imports"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything to this file")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error("--runs: at least 1")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; the exit code."""
    options = parse(arguments)

    def chosen(names: Sequence[str]) -> list[str]:
        return [n for n in names if not options.filter or any(word in n for word in options.filter)]

    facts = machine_facts(1)
    print(facts_text(facts), end="\n\n", flush=True)
    imports = time_imports(chosen(MODULES), options.runs)
    print(_imports_table(imports), end="\n\n", flush=True)
    steps = time_first_steps(chosen(FIRST_STEPS), options.runs)
    print(_steps_table(steps), end="\n\n", flush=True)
    room = sizes()
    print(_sizes_table(room))
    if options.culprits:
        print("\n" + _culprits_table("tfc.v1", options.culprits))
    if options.json:
        shown = {"machine": facts, "imports": _as_json(imports), "first steps": _as_json(steps), "bytes": room}
        options.json.write_text(json.dumps(shown, indent=1) + "\n")
    return 0


def _aim(name: str) -> str:
    return f"aim: under {AIMS[name]} s" if name in AIMS else ""


def _imports_table(starts: Sequence[Start]) -> str:
    lines = [
        (s.name, "-", "-", s.why_not)
        if s.why_not
        else (s.name, f"{s.median('total'):.3f}", f"{min(s.seconds['total']):.3f}", _aim(s.name))
        for s in starts
    ]
    return render_table(("", "median s", "least s", ""), lines)


def _steps_table(starts: Sequence[Start]) -> str:
    phases = ("interpreter", "imports", "step", "total")
    lines = [
        (s.name, *("-" for _ in phases), "-", s.why_not)
        if s.why_not
        else (s.name, *(f"{s.median(phase):.3f}" for phase in phases), f"{min(s.seconds['total']):.3f}", _aim(s.name))
        for s in starts
    ]
    return render_table(("to the first step, median s", *phases, "least", ""), lines)


def _sizes_table(room: dict[str, dict[str, int]]) -> str:
    lines = []
    for name, parts in room.items():
        largest = sorted(parts.items(), key=lambda part: -part[1])
        shown = ", ".join(f"{part} {size / 1e6:.1f}" for part, size in largest[:6])
        more = f", {len(largest) - 6} more" if len(largest) > 6 else ""
        lines.append((name, f"{sum(parts.values()) / 1e6:.1f}", shown + more))
    return render_table(("installed, with what it needs", "MB", "of which"), lines)


def _as_json(starts: Sequence[Start]) -> list[dict[str, Any]]:
    return [
        {"name": s.name, "why not": s.why_not}
        if s.why_not
        else {"name": s.name, "median": {phase: s.median(phase) for phase in s.seconds}, "seconds": s.seconds}
        for s in starts
    ]


if __name__ == "__main__":
    sys.exit(main())
