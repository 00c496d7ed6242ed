"""Memory: aligned, reused, and where NumPy says it is."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest

from tfc.ir.errors import OutOfMemoryError
from tfc.runtime import Executable, Session, memory
from tfc.runtime.memory import ALIGN, LARGE, Arenas, Outputs, address, aligned_copy, aligned_zeros

from .support import Builder


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 5), (2, 0, 4), (1000,)])
@pytest.mark.parametrize("of", [np.float32, np.bool_, np.float64, np.int8])
def test_addresses_are_those_that_numpy_says(shape: tuple[int, ...], of: Any) -> None:
    for array in (np.ones(shape, of), aligned_zeros(shape, np.dtype(of)), np.ones((3, 4), of)[1:, 2]):
        assert address(array) == array.__array_interface__["data"][0]
        assert address(array) == array.ctypes.data


@pytest.mark.parametrize("shape", [(), (7,), (33, 2)])
def test_new_memory_is_aligned(shape: tuple[int, ...]) -> None:
    for _ in range(5):
        zeros = aligned_zeros(shape, np.dtype(np.float64))
        assert address(zeros) % ALIGN == 0
        np.testing.assert_array_equal(zeros, np.zeros(shape))
        assert zeros.flags.writeable
    given = np.arange(100, dtype=np.int64)[::2]
    for array in (given, given.astype(">i8")):
        copy = aligned_copy(array, given.dtype)
        assert address(copy) % ALIGN == 0
        assert copy.dtype.isnative
        np.testing.assert_array_equal(copy, given)
        assert aligned_copy(copy, given.dtype) is copy


def test_arenas_are_used_again() -> None:
    arenas = Arenas()
    small = arenas.take(100)
    arenas.give(small)
    assert arenas.take(60) is small
    arenas.give(small)
    large = arenas.take(1000)
    assert large[1] >= 1000
    assert large[0] % ALIGN == 0
    other = arenas.take(1000)
    assert abs(other[0] - large[0]) >= 1000, "pieces in use at once do not overlap"
    arenas.give(large)
    arenas.give(other)
    again = [arenas.take(5) for _ in range(3)]
    assert {id(p) for p in again[:2]} == {id(large), id(other)}
    assert id(again[2]) not in (id(large), id(other))


def test_programs_of_a_session_share_scratch_memory() -> None:
    b = Builder()
    x = b.placeholder("x", ("n", "n"))
    two = b.op(
        "matmul", x, b.op("matmul", x, x, transpose_a=False, transpose_b=False), transpose_a=False, transpose_b=False
    )
    session = Session(b.graph)
    for fetches in ((two,), (b.op("neg", two),), (b.op("exp", two), two)):
        for n in (3, 50, 4):
            session.prepare(fetches, (x,))([np.zeros((n, n))])
    assert len(session._state.arenas._free) == 1


def test_a_repeated_run_allocates_what_it_returns() -> None:
    b = Builder()
    x = b.placeholder("x", ("n", "n"))
    y = b.op("matmul", x, x, transpose_a=False, transpose_b=False)
    b.graph.outputs = [
        b.op(
            "reduce_sum",
            b.op("exp", b.op("matmul", y, x, transpose_a=False, transpose_b=False)),
            axes=None,
            keepdims=False,
        )
    ]
    run = Executable(b.graph).run
    value = np.zeros((300, 300), np.float32)
    run([value])
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(10):
        run([value])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - before < 4096


@pytest.mark.parametrize("side", [10**7, 2**40])
def test_what_does_not_fit_memory(side: int) -> None:
    b = Builder()
    x = b.placeholder("x", ("n",))
    wide = b.op("broadcast_to", b.op("reduce_sum", x, axes=None, keepdims=False), shape=(side, side))
    session = Session(b.graph)
    with pytest.raises(OutOfMemoryError, match=rf"no memory for a run whose results are float32\[{side}, {side}\]"):
        session.prepare((wide,), (x,))([np.ones(3)])
    both = b.op("matmul", wide, wide, transpose_a=False, transpose_b=False)
    least = b.op("reduce_min", both, axes=None, keepdims=False)
    with pytest.raises(OutOfMemoryError, match=r"results are float32\[\] and which needs \d+ bytes to work in"):
        session.prepare((least,), (x,))([np.ones(3)])
    v = b.variable("v", (side, side))
    with pytest.raises(OutOfMemoryError, match=r"no memory for variable v of float32\[.*\] made at model.py:6"):
        session.prepare((v,), ())
    assert session.prepare((b.op("neg", x),), (x,))([np.ones(2)])[0].tolist() == [-1, -1]


# Results


def shown(array: np.ndarray) -> int:
    return array.ctypes.data


def test_memory_of_large_results_is_used_again_when_nobody_holds_it() -> None:
    outputs, shape = Outputs(), (3, LARGE // 8)
    of = np.dtype(np.float32)
    first = outputs.maker(shape, of)(shape, of)
    assert first.shape == shape
    assert first.dtype == of
    assert first.flags.writeable
    assert first.flags.c_contiguous
    assert shown(first) % ALIGN == 0
    first[...] = 1
    view = first[1:, ::2]
    where = shown(first)
    del first
    second = outputs.large(shape, of)
    assert shown(second) != where
    assert (view == 1).all()
    del view
    gc.collect()
    assert shown(outputs.large(shape, of)) == where
    other = (3, LARGE // 4)
    assert shown(outputs.large(other, of)) not in (where, shown(second))


def test_small_results_are_plain_arrays() -> None:
    outputs, of = Outputs(), np.dtype(np.int8)
    for shape in ((), (0,), (LARGE - 1,), (0, LARGE)):
        array = outputs.maker(shape, of)(shape, of)
        assert array.base is None
        assert array.shape == shape


def test_no_more_than_a_limit_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "KEPT", 2 * LARGE)
    outputs, of = Outputs(), np.dtype(np.uint8)
    held = [outputs.large((LARGE,), of) for _ in range(3)]
    places = {shown(a) for a in held}
    held.clear()
    again = [outputs.large((LARGE,), of) for _ in range(2)]
    assert {shown(a) for a in again} <= places
    assert outputs._free == []


def test_no_more_is_kept_than_was_in_use_at_once() -> None:
    outputs, of = Outputs(), np.dtype(np.uint8)
    result = outputs.large((LARGE,), of)
    for k in range(1, 20):
        result = outputs.large((LARGE + k,), of)
        kept = sum(size for _, size, _ in outputs._free)
        assert kept + result.nbytes <= 2 * (LARGE + k)
    other = outputs.large((LARGE + 18,), of)
    assert outputs._free == [], "what was kept last is used again"
    del result, other
    gc.collect()
    assert sorted(size for _, size, _ in outputs._free) == [LARGE + 18, LARGE + 19]


def test_results_outlive_the_session_and_each_other() -> None:
    b = Builder()
    x = b.placeholder("x", ("n",))
    session = Session(b.graph)
    call = session.prepare((b.op("add", x, x),), (x,))
    given = [np.full(LARGE // 4, k, np.float32) for k in range(4)]
    results = [call([g])[0] for g in given]
    for _ in range(3):
        assert call([given[1]])[0][0] == 2
    session.close()
    del session, call
    gc.collect()
    assert [r.min() for r in results] == [r.max() for r in results] == [0, 2, 4, 6]
