"""The inside of a contestant's process: prepares workloads, checks each, and times it on request.

Requests and replies are lines of JSON on standard input and output. What libraries print goes to standard error.
"""

from __future__ import annotations

import time

_BEFORE = time.perf_counter()

import numpy as np  # noqa: E402

NUMPY_SECONDS = time.perf_counter() - _BEFORE
"""Of its import, which every library's import begins with."""

import gc  # noqa: E402
import itertools  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import traceback  # noqa: E402
from collections.abc import Callable  # noqa: E402
from contextlib import suppress  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from benchmarks.contestants import Adapter, Contestant, Request, Task, Unsupported, contestant  # noqa: E402
from benchmarks.workload import Traffic  # noqa: E402
from benchmarks.workloads import named  # noqa: E402

BLOCK_NS = 1_000_000
"""How long a timed block lasts at least: long beside the clock, short beside what interrupts it."""
WARM_NS = 20_000_000
"""Steps as long as this are not warmed: nothing of theirs stays in caches."""
CLOCKS = {"wall": time.perf_counter_ns, "cpu": time.process_time_ns}


@dataclass
class Bench:
    """A task, and how many calls make a block."""

    task: Task
    clock: Callable[[], int] = time.perf_counter_ns
    calls: int = 1
    taken: int = 0
    """Calls before any block."""
    call_ns: float = 0.0
    """Of a call."""
    _out: Any = None
    _turns: Any = field(init=False)

    def __post_init__(self) -> None:
        self._turns = itertools.cycle(self.task.inputs)

    def call(self) -> None:
        """The next call, with all that it leaves running."""
        self._out = self.task.step(*self.task.inputs[self.taken % len(self.task.inputs)])
        self.task.finish()
        self.taken += 1

    def check(self, references: list[list[Any]], after: list[int]) -> float:
        """The largest error of the results after so many calls, of which one is made already."""
        error = 0.0
        for expected, calls in zip(references, after, strict=True):
            while self.taken < calls:
                self.call()
            error = max(error, relative_error(self.task.results(self._out), expected))
        return error

    def is_finite(self) -> bool:
        """Whether the results are still numbers."""
        return all(bool(np.isfinite(a).all()) for a in self.task.results(self._out))

    def calibrate(self) -> float:
        """Chooses how many calls make a block; the nanoseconds of a step."""
        self.calls = 1
        ns = self.block()
        if ns < WARM_NS:
            self.calls = len(self.task.inputs)
            ns = min(self.block() for _ in range(3))
        self.calls = max(1, round(BLOCK_NS / (ns * self.task.steps_per_call)))
        self.call_ns = ns * self.task.steps_per_call
        return ns

    def block(self) -> float:
        """The nanoseconds of a step, averaged over a block; blocks go on through the inputs."""
        step, turns = self.task.step, itertools.islice(self._turns, self.calls)
        start = self.clock()
        for values in turns:
            step(*values)
        self.task.finish()
        return (self.clock() - start) / (self.calls * self.task.steps_per_call)

    def time(self, blocks: int) -> list[float]:
        """So many blocks, after one that warms what other contestants cooled."""
        gc.disable()
        try:
            if self.call_ns < WARM_NS:
                self.block()
            return [self.block() for _ in range(blocks)]
        finally:
            gc.enable()


class Server:
    """One contestant, and the workload that it works at."""

    def __init__(self, contestant: Contestant, adapter: Adapter, threads: int, clock: str) -> None:
        self.contestant, self.adapter, self.threads, self.clock = contestant, adapter, threads, CLOCKS[clock]
        self.bench: Bench | None = None

    def load(self, workload: str, traffic: dict[str, int], folder: str, after: list[int]) -> dict[str, Any]:
        """Prepares a workload and checks it: `folder` has the right results after each number of calls in `after`."""
        self.bench = None
        gc.collect()
        row = named(workload)
        request = Request(row, row.data(), Traffic(**traffic), self.contestant.variant, self.threads)
        reset_peak()
        start = time.perf_counter()
        bench = Bench(self.adapter.prepare(request), self.clock)
        prepared = time.perf_counter()
        bench.call()
        first = time.perf_counter()
        answer = {"prepare": prepared - start, "first": first - prepared, "error": None}
        if not self.contestant.limit:
            answer["error"] = bench.check(load_references(Path(folder), len(after)), after)
        answer["step"] = bench.calibrate() * 1e-9
        self.bench = bench
        return answer | {"steps_per_block": bench.calls * bench.task.steps_per_call}

    def time(self, blocks: int) -> dict[str, Any]:
        assert self.bench is not None
        return {"ns": self.bench.time(blocks)}

    def end(self) -> dict[str, Any]:
        """What remains to be said after the last round; the workload is given up."""
        assert self.bench is not None
        answer = {"finite": self.bench.is_finite(), "peak": peak_bytes()}
        self.bench = None
        gc.collect()
        return answer


def relative_error(results: list[Any], expected: list[Any]) -> float:
    """The largest difference over the largest expected value, of all arrays; infinite where one is not finite."""
    worst = 0.0
    for got, want in zip(results, expected, strict=True):
        got = np.asarray(got)
        if got.shape != want.shape or not np.isfinite(got).all():
            return float("inf")
        if want.size:
            worst = max(worst, float(np.abs(got - want).max() / max(np.abs(want).max(), np.finfo(np.float64).tiny)))
    return worst


def save_references(folder: Path, references: list[list[Any]]) -> None:
    for i, arrays in enumerate(references):
        for k, array in enumerate(arrays):
            np.save(folder / f"{i}.{k}.npy", array)


def load_references(folder: Path, count: int) -> list[list[Any]]:
    return [
        [np.load(folder / f"{i}.{k}.npy") for k in range(len(list(folder.glob(f"{i}.*.npy"))))] for i in range(count)
    ]


def reset_peak() -> None:
    """Starts the record of the most memory that this process held anew, where the system allows it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """The most memory that this process held since the record started."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def answer(server: Server, request: dict[str, Any]) -> dict[str, Any]:
    """What a request gives; whatever a library raises is its own cell's failure."""
    do: Callable[..., dict[str, Any]] = getattr(server, request.pop("do"))
    try:
        return do(**request)
    except Unsupported as reason:
        return {"unsupported": str(reason)}
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}"}


def main() -> None:
    """`python -m benchmarks.worker CONTESTANT THREADS CORES CLOCK`, as the runner starts it."""
    name, threads, cores, clock = sys.argv[1:]
    os.sched_setaffinity(0, [int(core) for core in cores.split(",")])
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def reply(of: dict[str, Any]) -> None:
        print(json.dumps(of), file=replies, flush=True)

    with suppress(BrokenPipeError):
        try:
            one = contestant(name)
            start = time.perf_counter()
            adapter = one.load()
            taken = NUMPY_SECONDS + time.perf_counter() - start
            server = Server(one, adapter, int(threads), clock)
            reply({"facts": adapter.facts(), "import": taken})
        except Exception as error:  # noqa: BLE001
            traceback.print_exc()
            reply({"failed": f"{type(error).__name__}: {error}"})
            return
        for line in sys.stdin:
            reply(answer(server, json.loads(line)))


if __name__ == "__main__":
    main()
