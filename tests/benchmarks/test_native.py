"""The loops that measure the machine do the work that they are counted for."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.native import FMAS, load_probes
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


@pytest.mark.parametrize("steps", [1, 3, 7])
def test_stream_reads_each_buffer_in_turn_and_changes_what_is_kept(steps: int) -> None:
    probes = load_probes()
    unit = probes.bytes_per_loop
    buffers, rotated, kept = 3, 2 * unit, 4 * unit
    room = np.random.default_rng(1).integers(0, 256, buffers * rotated + kept + 2 * unit).astype(np.uint8)
    area = room[-room.ctypes.data % unit :]
    before = area.copy()
    lanes = probes.stream(area, buffers, rotated, kept, steps)
    words = before.view(np.uint32)[: buffers * rotated // 4].reshape(buffers, -1, lanes.size)
    expected = np.bitwise_xor.reduce([np.bitwise_xor.reduce(words[i % buffers], axis=0) for i in range(steps)], axis=0)
    np.testing.assert_array_equal(lanes, expected)
    change = (area.view(np.uint32) - before.view(np.uint32))[: (buffers * rotated + kept) // 4]
    np.testing.assert_array_equal(change, [0] * (buffers * rotated // 4) + [steps] * (kept // 4))
    np.testing.assert_array_equal(area[buffers * rotated + kept :], before[buffers * rotated + kept :])


def test_a_forced_target_leaves_the_limits_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFC_TARGET", "generic")
    assert load_probes().vector_bytes == host_target(available_targets()[0]).vector_bytes
