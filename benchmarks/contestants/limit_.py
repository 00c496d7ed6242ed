"""The machine itself: the FLOP of a step at the peak of its FMA units, its bytes at the speed of its caches.

A call stands for several steps, so that the loops run long enough that the call itself does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.native import LOADS, MIXES, Areas, Probes, load_probes

from . import Request, Task, Unsupported

CALL_NS = 200_000
"""How long a call takes at least, for each thread."""
LARGE = 1 << 20
"""As many bytes are moved in one way or another, whichever is faster."""
PIECES = (1 << 62, 1 << 17, 1 << 14)
"""Bytes that are read and written in turn."""

Steps = Callable[[int], Any]


def prepare(request: Request) -> Task:
    """Each thread does its share of every step."""
    probes = load_probes()
    make = _flop if request.variant == "flop" else _bytes
    share: Steps = make(probes, request)
    shares = [share, *(make(probes, request) for _ in range(request.threads - 1))]
    steps = _enough(share) * (1 if request.threads == 1 else 5)  # threads are started and joined by each call
    if request.threads == 1:
        return Task([()], partial(share, steps), _nothing, steps_per_call=steps)
    pool = ThreadPoolExecutor(request.threads)

    def step() -> None:
        for done in [pool.submit(one, steps) for one in shares]:
            done.result()

    return Task([()], step, _nothing, steps_per_call=steps)


def _nothing(_: Any) -> list[Any]:
    return []


def _enough(share: Steps) -> int:
    """How many steps a call takes."""
    steps = 1
    while (taken := _ns(share, steps)) < CALL_NS:
        steps = max(2 * steps, min(100 * steps, round(steps * CALL_NS / max(taken, 1))))
    return steps


def _ns(share: Steps, steps: int) -> int:
    start = time.perf_counter_ns()
    share(steps)
    return time.perf_counter_ns() - start


def _flop(probes: Probes, request: Request) -> Steps:
    """Vectors hold half as many numbers of float64."""
    flop = request.workload.flop * (2 if request.workload.dtype == "float64" else 1)
    if not flop:
        raise Unsupported("operations are not counted")
    each = flop / probes.flop_per_loop / request.threads
    return lambda steps: probes.fma(max(1, round(steps * each)))


def _bytes(probes: Probes, request: Request) -> Steps:
    """The fastest of several ways: reads first, by pieces, or mixed with writes; through the caches or past them."""
    buffers, total = len(request.data.inputs), request.traffic.total // request.threads
    if total < LARGE:
        return partial(probes.stream, _areas(probes, request, 1), past_caches=False)
    ways: list[Steps] = []
    for piece in PIECES:
        areas = _areas(probes, request, max(1, total // piece))
        both = (False, True) if request.traffic.written >= LARGE else (False,)
        ways += [partial(probes.stream, areas, past_caches=past) for past in both]
        mix = _mix(areas)
        if areas.pieces == 1 and mix:
            ways.append(partial(probes.stream, areas, past_caches=True, mix=mix))
    return min(ways, key=lambda way: min(_ns(way, buffers) for _ in range(4)))


def _mix(areas: Areas) -> int:
    """The most vectors to write beside those that are read; 0 where there is too little of either."""
    share = LOADS * areas.written.size * areas.buffers / max(1, areas.rotated.size)
    return max((mix for mix in MIXES if mix <= share), default=0)


def _areas(probes: Probes, request: Request, pieces: int) -> Areas:
    """A thread's share of what is moved."""
    unit, traffic, buffers = probes.bytes_per_loop * pieces, request.traffic, len(request.data.inputs)
    rotated, read, written = (
        -(-size // request.threads // unit) * unit for size in (traffic.rotated, traffic.read, traffic.written)
    )
    line = probes.vector_bytes
    return Areas(buffers, _area(buffers * rotated, line), _area(read, line), _area(written, line), pieces)


def _area(size: int, unit: int) -> NDArray[np.uint8]:
    room = np.zeros(size + unit, np.uint8)
    room[:] = 1  # so that every page is there
    offset = -room.ctypes.data % unit
    return room[offset : offset + size]


def facts() -> dict[str, str]:
    return {"vectors": f"{load_probes().vector_bytes * 8} bits"}
