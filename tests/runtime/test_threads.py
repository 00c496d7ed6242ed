"""Many threads on one session or executable."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tfc.ir.errors import RunError, TfcError
from tfc.runtime import Executable, Session

from .support import Builder

THREADS = 8


@pytest.fixture(autouse=True)
def frequent_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def together(*work: Callable[[], Any]) -> list[Any]:
    """Runs functions at once, each on a thread; what each gave or raised."""
    gate = threading.Barrier(len(work))
    results: list[Any] = [None] * len(work)

    def run(k: int) -> None:
        gate.wait()
        try:
            results[k] = work[k]()
        except Exception as error:  # noqa: BLE001 - handed to the test
            results[k] = error

    threads = [threading.Thread(target=run, args=(k,)) for k in range(len(work))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


def test_threads_compile_once_and_do_not_mix_their_runs(compiled: list[Any]) -> None:
    b = Builder()
    x = b.placeholder("x", ("n", 40))
    e = b.op("exp", x)
    b.graph.outputs = [e, b.op("matmul", e, e, transpose_a=True, transpose_b=False)]
    run = Executable(b.graph).run
    arrays = [np.full((k + 1, 40), 0.1 * k, np.float32) for k in range(THREADS)]

    def work(k: int) -> bool:
        for _ in range(50):
            e, product = run([arrays[k]])
            np.testing.assert_allclose(e, np.exp(arrays[k]), rtol=1e-6)
            np.testing.assert_allclose(product, np.exp(arrays[k]).T @ np.exp(arrays[k]), rtol=1e-5)
        return True

    assert together(*(lambda k=k: work(k) for k in range(THREADS))) == [True] * THREADS
    assert len(compiled) == 1


def test_no_update_is_lost(compiled: list[Any]) -> None:
    b = Builder()
    v = b.variable("v", (50,))
    start = b.op("assign", v, b.constant(np.zeros(50)))
    step = b.op("assign_add", v, b.constant(np.ones(50)))
    session = Session(b.graph)
    session.prepare((start.node,), ())([])

    def work() -> list[float]:
        run = session.prepare((step,), ())
        return [float(run([])[0][0]) for _ in range(100)]

    seen = together(*[work] * THREADS)
    assert sorted(x for xs in seen for x in xs) == list(range(1, 100 * THREADS + 1))
    np.testing.assert_array_equal(session.prepare((v,), ())([])[0], np.full(50, 100 * THREADS))
    assert len(compiled) == 3


def test_no_draw_is_made_twice_and_no_growth_is_lost() -> None:
    b = Builder()
    draw, v = b.normal(4), b.variable("v", None)
    start = b.op("assign", v, b.constant([1.0]))
    grow = b.op("assign", v, b.op("concat", v, b.constant([1.0]), axis=0))
    session = Session(b.graph)
    session.prepare((start.node,), ())([])
    run = session.prepare((draw, grow), ())
    seen = [r for rs in together(*[lambda: [run([]) for _ in range(25)]] * THREADS) for r in rs]
    assert len({x.tobytes() for x, _ in seen}) == 25 * THREADS
    assert sorted(len(g) for _, g in seen) == list(range(2, 25 * THREADS + 2))


def test_errors_stay_with_their_thread() -> None:
    b = Builder()
    at = b.placeholder("at", ("n",), "int32")
    run = Session(b.graph).prepare((b.op("gather", b.constant(np.arange(10)), at, axis=0),), (at,))

    def work(k: int) -> int:
        failed = 0
        for n in range(60):
            bad = n % THREADS == k
            try:
                assert run([[k, 10 if bad else n % 10]])[0].tolist() == [k, n % 10]
            except RunError:
                failed += bad
        return failed

    assert together(*(lambda k=k: work(k) for k in range(THREADS))) == [
        len(range(k, 60, THREADS)) for k in range(THREADS)
    ]


def test_closing_amid_runs_ends_them_with_an_error() -> None:
    b = Builder()
    v, x = b.variable("v", (1000,)), b.placeholder("x", (1000,))
    start, step = b.op("assign", v, x), b.op("assign_add", v, x)
    session = Session(b.graph)
    run = session.prepare((step,), (x,))
    session.prepare((start.node,), (x,))([np.zeros(1000)])
    running = threading.Event()

    def work() -> None:
        while True:
            run([np.ones(1000)])
            running.set()

    def close() -> None:
        running.wait()
        session.close()

    *ended, closed = together(*[work] * (THREADS - 1), close)
    assert closed is None
    assert [str(e) for e in ended] == ["the session is closed"] * (THREADS - 1)
    assert all(isinstance(e, TfcError) for e in ended)
