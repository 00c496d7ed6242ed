"""The inside of a contestant's process: blocks, checks, and what every workload's reference is worth."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.contestants import Request, Task, Unsupported, contestant
from benchmarks.numpy_ops import NumpyOps, Reference, trained
from benchmarks.worker import CLOCKS, Bench, Server, load_references, relative_error, save_references
from benchmarks.workload import Data, Traffic, aligned
from benchmarks.workloads import STEP

NOTHING = Traffic(0, 0, 0)


@pytest.mark.parametrize(
    ("got", "error"),
    [
        ([1.0, 2.0], 0.0),
        ([1.0, 1.5], 0.25),
        ([1.0, float("nan")], float("inf")),
        ([1.0], float("inf")),
    ],
)
def test_relative_error(got: list[float], error: float) -> None:
    assert relative_error([np.array(got)], [np.array([1.0, 2.0])]) == error


def test_another_number_of_results_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        relative_error([], [np.zeros(1)])


def test_a_block_is_timed_by_the_step() -> None:
    """Blocks take the inputs in turn, and a call that stands for several steps is divided by them."""
    calls: list[int] = []
    bench = Bench(Task([(0,), (1,), (2,)], calls.append, lambda _: [], steps_per_call=1000), calls=2)
    assert len(bench.time(blocks=2)) == 2
    assert calls == [0, 1, 2, 0, 1, 2]
    assert bench.block() < 1000
    bench.calibrate()
    assert bench.calls > 1


def test_time_that_a_process_does_not_run_is_not_cpu_time() -> None:
    for name, least, most in (("wall", 20e6, 1e12), ("cpu", 0, 10e6)):
        bench = Bench(Task([()], lambda: time.sleep(0.02), lambda _: []), CLOCKS[name])
        assert least <= bench.block() < most


def test_results_are_checked_after_their_number_of_calls() -> None:
    total = np.zeros(1)

    def step(value: float) -> None:
        total[0] += value

    bench = Bench(Task([(1.0,), (10.0,)], step, lambda _: [total.copy()]))
    bench.call()
    assert bench.check([[np.array([1.0])], [np.array([12.0])]], [1, 3]) == 0.0
    assert bench.check([[np.array([12.0])]], [4]) == pytest.approx(10 / 12)


def test_references_are_kept(tmp_path: Path) -> None:
    references = [[np.arange(3.0), np.ones((2, 2))], [np.zeros(())]]
    save_references(tmp_path, references)
    for got, want in zip(load_references(tmp_path, 2), references, strict=True):
        for a, b in zip(got, want, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_server_gives_a_workload_up_at_its_end(tmp_path: Path) -> None:
    one = contestant("numpy")
    server = Server(one, one.load(), threads=1, clock="cpu")
    data = STEP.data()
    save_references(tmp_path, [trained(STEP, data, 1), trained(STEP, data, 3)])
    loaded = server.load(STEP.name, {"rotated": 1, "read": 1, "written": 1}, str(tmp_path), [1, 3])
    assert 0 < loaded["error"] < STEP.tolerance
    assert len(server.time(2)["ns"]) == 2
    assert server.end()["finite"]
    assert server.bench is None


def test_arrays_start_at_a_cache_line() -> None:
    data = STEP.data(buffers=2)
    assert {a.ctypes.data % 64 for a in [*data.weights, *data.inputs[0], *data.inputs[1]]} == {0}
    assert not np.array_equal(data.inputs[0][0], data.inputs[1][0])
    np.testing.assert_array_equal(STEP.data(buffers=2).inputs[1][0], data.inputs[1][0])
    assert aligned(np.arange(3), "float64").dtype == np.float64


def test_numpy_in_place_is_the_update() -> None:
    """Against the update by the vocabulary, in turn over two buffers."""
    data = STEP.data(buffers=2)
    task = contestant("numpy").load().prepare(Request(STEP, data, NOTHING, "", 1))
    for i in (0, 1, 0):
        task.step(*task.inputs[i])
    assert relative_error(task.results(None), trained(STEP, data, 3)) < 1e-5
    assert relative_error(task.results(None), trained(STEP, data, 2)) > 1e-2


def test_the_limit_does_the_work_that_is_counted() -> None:
    for variant, expected in (("flop", 2.0), ("bytes", 1.0)):
        request = Request(STEP, Data([()] * 3, []), Traffic(4096, 2048, 1024), variant, 1)
        task = contestant("limit: flop").load().prepare(request)
        assert task.steps_per_call > expected


def test_a_limit_without_flop_is_not_given() -> None:
    from dataclasses import replace

    request = Request(replace(STEP, flop=0), Data([()], []), NOTHING, "flop", 1)
    with pytest.raises(Unsupported, match="not counted"):
        contestant("limit: flop").load().prepare(request)


def test_what_a_library_lacks_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="no erf"):
        NumpyOps().erf(np.zeros(3))
    np.testing.assert_allclose(Reference().erf(np.array([0.5])), [0.5204998778130465])
