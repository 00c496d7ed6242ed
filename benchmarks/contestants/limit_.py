"""The machine itself: the FLOP of a step at the peak of its FMA units, its bytes at the speed of its caches.

A call stands for several steps, so that the loops run as long as kernels do and the call itself does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.native import Probes, load_probes
from benchmarks.workloads import WORKLOADS, Workload

from . import Task

STEPS = 40
STEPS_OF_SEVERAL_THREADS = 1000
"""More, because each call then starts and joins threads."""


def limit(workload: Workload, variant: str, threads: int) -> Task:
    """Each thread does its share of every step."""
    steps = STEPS if threads == 1 else STEPS_OF_SEVERAL_THREADS
    probes = load_probes()
    make = _flop if variant == "flop" else _bytes
    shares = [make(probes, workload, threads, steps) for _ in range(threads)]
    if threads == 1:
        return Task([()], shares[0], list, steps_per_call=steps)
    pool = ThreadPoolExecutor(threads)

    def step() -> None:
        for done in [pool.submit(share) for share in shares]:
            done.result()

    return Task([()], step, list, steps_per_call=steps)


def _flop(probes: Probes, workload: Workload, threads: int, steps: int) -> Callable[[], Any]:
    loops = round(steps * workload.flop / probes.flop_per_loop / threads)
    return lambda: probes.fma(loops)


def _bytes(probes: Probes, workload: Workload, threads: int, steps: int) -> Callable[[], Any]:
    buffers, traffic, unit = len(workload.inputs()), workload.traffic, probes.bytes_per_loop
    rotated, kept = (-(-size // threads // unit) * unit for size in (traffic.rotated, traffic.kept))
    room = np.zeros(buffers * rotated + kept + unit, np.uint8)
    area = room[-room.ctypes.data % unit :]
    return lambda: probes.stream(area, buffers, rotated, kept, steps)


def facts() -> dict[str, str]:
    return {"vectors": f"{load_probes().vector_bytes * 8} bits"}


TASKS = {workload.kind: limit for workload in WORKLOADS}
