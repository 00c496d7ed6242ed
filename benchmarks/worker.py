"""The inside of a contestant's process: prepares one workload, checks it, and times it on request.

Requests and replies are lines of JSON on standard input and output. What libraries print goes to standard error.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.contestants import CONTESTANTS, Contestant, Task
from benchmarks.workloads import WORKLOADS, Workload

BLOCK_NS = 1_000_000
"""How long a timed block lasts at least: long beside the clock, short beside what interrupts it."""


@dataclass
class Bench:
    """A task, and how many turns through its inputs make a block."""

    contestant: Contestant
    workload: Workload
    task: Task
    turns: int = 1

    def check(self) -> dict[str, Any]:
        """The largest error of the results, relative to the largest value, after one step and after two more turns."""
        if self.contestant.limit:
            return {"error": None}
        inputs, taken, error = self.task.inputs, 0, 0.0
        for steps in (1, 1 + 2 * len(inputs)):
            for i in range(taken, steps):
                self.task.step(*inputs[i % len(inputs)])
            self.task.finish()
            taken = steps
            error = max(error, relative_error(self.task.results(), self.workload.reference(steps)))
        return {"error": error}

    def calibrate(self) -> dict[str, Any]:
        """Chooses how many turns make a block."""
        self.block()
        ns = min(self.block() for _ in range(3)) * len(self.task.inputs) * self.task.steps_per_call
        self.turns = max(1, round(BLOCK_NS / ns))
        return {"steps_per_block": self.turns * len(self.task.inputs) * self.task.steps_per_call}

    def block(self) -> float:
        """The nanoseconds of a step, averaged over a block."""
        step, finish, inputs, turns = self.task.step, self.task.finish, self.task.inputs, range(self.turns)
        start = time.perf_counter_ns()
        for _ in turns:
            for values in inputs:
                step(*values)
        finish()
        elapsed = time.perf_counter_ns() - start
        return elapsed / (len(turns) * len(inputs) * self.task.steps_per_call)

    def time(self, blocks: int) -> dict[str, Any]:
        """So many blocks, after one that warms what other contestants cooled."""
        gc.disable()
        try:
            self.block()
            return {"ns": [self.block() for _ in range(blocks)]}
        finally:
            gc.enable()

    def end(self) -> dict[str, Any]:
        """Whether the results are still numbers after all the steps."""
        return {"finite": all(bool(np.isfinite(a).all()) for a in self.task.results())}


def relative_error(results: list[Any], expected: list[Any]) -> float:
    """The largest difference over the largest expected value, of all arrays; infinite where one is not finite."""
    worst = 0.0
    for got, want in zip(results, expected, strict=True):
        got = np.asarray(got)
        if got.shape != want.shape or not np.isfinite(got).all():
            return float("inf")
        worst = max(worst, float(np.abs(got - want).max() / np.abs(want).max()))
    return worst


def prepare(name: str, kind: str, threads: int) -> Bench:
    """The task of the contestant of this name on the workload of this kind."""
    contestant = next((c for c in CONTESTANTS if c.name == name), None)
    if contestant is None:
        raise LookupError(f"no contestant {name!r}")
    workload = next((w for w in WORKLOADS if w.kind == kind), None)
    if workload is None:
        raise LookupError(f"no workload {kind!r}")
    return Bench(contestant, workload, contestant.prepare(workload, threads))


def serve(bench: Bench, replies: Any) -> None:
    """Answers until the input ends."""
    requests: dict[str, Callable[..., dict[str, Any]]] = {
        "check": bench.check,
        "calibrate": bench.calibrate,
        "time": bench.time,
        "end": bench.end,
    }
    for line in sys.stdin:
        request = json.loads(line)
        answer = requests[request.pop("do")](**request)
        print(json.dumps(answer), file=replies, flush=True)


def main() -> None:
    """`python -m benchmarks.worker CONTESTANT WORKLOAD THREADS CORES`, as the runner starts it."""
    name, kind, threads, cores = sys.argv[1:]
    os.sched_setaffinity(0, [int(core) for core in cores.split(",")])
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        bench = prepare(name, kind, int(threads))
        print(json.dumps({"facts": bench.contestant.load().facts()}), file=replies, flush=True)
        serve(bench, replies)
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001  (whatever a library raises is its row's failure)
        traceback.print_exc()
        print(json.dumps({"failed": f"{type(error).__name__}: {error}"}), file=replies, flush=True)


if __name__ == "__main__":
    main()
