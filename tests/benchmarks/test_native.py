"""The loops that measure the machine do the work that they are counted for."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.native import FMAS, MIXES, Areas, load_probes
from tfc.codegen_llvm import available_targets, host_target


@pytest.mark.parametrize("loops", [1, 2, 9])
def test_fma_runs_every_chain(loops: int) -> None:
    probes = load_probes()
    chain = np.float32(1)
    for _ in range(loops):
        chain = chain * np.float32(0.5) + np.float32(1)
    sums = probes.fma(loops)
    assert sums.shape == (probes.vector_bytes // 4,)
    assert sums == pytest.approx(FMAS * chain, rel=1e-6)
    assert probes.flop_per_loop == 2 * FMAS * sums.size


def bytes_at(count: int, unit: int) -> np.ndarray:
    """So many random bytes, aligned."""
    room = np.random.default_rng(1).integers(0, 256, count + unit).astype(np.uint8)
    offset = -room.ctypes.data % unit
    return room[offset : offset + count]


@pytest.mark.parametrize("past_caches", [False, True])
@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("steps", [1, 3, 7])
def test_stream_reads_each_buffer_in_turn_and_what_stays_and_writes(steps: int, pieces: int, past_caches: bool) -> None:
    probes = load_probes()
    unit = probes.bytes_per_loop
    areas = Areas(3, bytes_at(3 * 2 * unit, unit), bytes_at(4 * unit, unit), bytes_at(6 * unit, unit), pieces)
    lanes = probes.stream(areas, steps, past_caches)
    words = areas.rotated.view(np.uint32).reshape(3, -1, lanes.size)
    kept = areas.read.view(np.uint32).reshape(-1, lanes.size)
    expected = np.zeros_like(lanes)
    for i in range(steps):
        expected ^= np.bitwise_xor.reduce([*words[i % 3], *kept], axis=0)
    np.testing.assert_array_equal(lanes, expected)
    np.testing.assert_array_equal(areas.written.view(np.uint32), steps)


@pytest.mark.parametrize("mix", MIXES)
def test_a_mix_reads_and_writes_all(mix: int) -> None:
    probes = load_probes()
    unit = probes.bytes_per_loop
    written = unit * mix // 8 * 3 // unit * unit + unit
    written = max(written, mix * unit // 4)
    room = bytes_at(written + unit, unit)
    beyond = room[written:].copy()
    areas = Areas(2, bytes_at(2 * 2 * unit, unit), bytes_at(unit, unit), room[:written])
    lanes = probes.stream(areas, 3, True, mix)
    np.testing.assert_array_equal(room[written:], beyond)
    words = areas.rotated.view(np.uint32).reshape(2, -1, lanes.size)
    kept = areas.read.view(np.uint32).reshape(-1, lanes.size)
    expected = np.bitwise_xor.reduce([*words[0], *words[1], *words[0], *kept, *kept, *kept], axis=0)
    np.testing.assert_array_equal(lanes, expected)
    np.testing.assert_array_equal(areas.written.view(np.uint32), 3)


def test_nothing_is_streamed() -> None:
    probes = load_probes()
    nothing = np.zeros(0, np.uint8)
    np.testing.assert_array_equal(probes.stream(Areas(2, nothing, nothing, nothing), 3, False), 0)


def test_a_forced_target_leaves_the_limits_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFC_TARGET", "generic")
    assert load_probes().vector_bytes == host_target(available_targets()[0]).vector_bytes
