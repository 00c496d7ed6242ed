"""Random numbers against published ones, the generator's known answers, and the distributions they claim."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tfc.ir import types as T
from tfc.ir.interpret_graph import evaluate
from tfc.ir.op import REGISTRY
from tfc.ir.ops.random import _blocks

from .lowering import Array, apply


def draw(op: str, shape: tuple[int, ...], of: T.DType, seed: int, seed2: int, counter: int = 0, **more: Any) -> Array:
    attrs = {"shape": shape, "dtype": of, **more}
    node, feeds = apply(op, [np.asarray(counter, np.int64), np.array([seed, seed2])], attrs)
    return evaluate(node.graph, feeds, node.results)[0]


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0), 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((2**64 - 1, 2**64 - 1), 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x85A308D3243F6A88, 0x0370734413198A2E),
            0x299F31D0A4093822,
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_known_answers_of_the_generator(counter: tuple[int, int], key: int, expected: str) -> None:
    """From the authors' library, Random123: `kat_vectors`, philox4x32 10."""
    words = _blocks(np.uint64(counter[0]), np.array([key, counter[1]], np.uint64))
    assert " ".join(f"{int(w):08x}" for w in words) == expected


def test_known_numbers_of_tensorflow() -> None:
    """Printed by published programs with graph seed 777."""
    normal = draw("random_normal", (3,), T.float32, 777, 3)
    np.testing.assert_allclose(normal, [2.20866945, -0.73225043, 0.33533149], rtol=2e-7)
    uniform = draw("random_uniform", (2,), T.float32, 777, 9)
    np.testing.assert_array_equal(uniform, np.array([0.08186948, 0.42999184], np.float32))


@pytest.mark.parametrize("of", [T.float16, T.float32, T.float64])
@pytest.mark.parametrize("op", ["random_uniform", "random_normal"])
def test_a_counter_continues_the_stream(op: str, of: T.DType) -> None:
    lanes = 2 if of == T.float64 else 4
    whole = draw(op, (5 * lanes,), of, 1, 2)
    np.testing.assert_array_equal(draw(op, (3, lanes), of, 1, 2, counter=2), whole[2 * lanes :].reshape(3, lanes))


def test_a_run_reserves_256_blocks_per_element() -> None:
    draws = REGISTRY["random_normal"].draws
    assert draws is not None
    assert draws(T.TensorType(T.float32, (2, 3))) == 6 * 256
    assert draws(T.TensorType(T.float32, ())) == 256


def test_truncated_numbers_are_the_normal_ones_that_lie_inside() -> None:
    """Of each group of four, in order, from the 256 blocks that belong to it."""
    found = draw("truncated_normal", (40,), T.float32, 5, 6).reshape(10, 4)
    for group, row in enumerate(found):
        normal = draw("random_normal", (64,), T.float32, 5, 6, counter=256 * group)
        np.testing.assert_array_equal(row, normal[np.abs(normal) < 2][:4])


@pytest.mark.parametrize("of", [T.float32, T.float64])
@pytest.mark.parametrize(
    ("op", "law"),
    [
        ("random_uniform", stats.uniform()),
        ("random_normal", stats.norm()),
        ("truncated_normal", stats.truncnorm(-2, 2)),
    ],
)
def test_distributions(op: str, law: Any, of: T.DType) -> None:
    x = draw(op, (20_000,), of, 42, 43).astype(np.float64)
    assert stats.kstest(x, law.cdf).pvalue > 1e-3
    lags = [abs(np.corrcoef(x[:-k], x[k:])[0, 1]) for k in range(1, 9)]
    assert max(lags) < 5 / math.sqrt(x.size)


@pytest.mark.parametrize(
    ("of", "low", "high"),
    [(T.int32, -3, 10), (T.int32, -(2**31), 2**31 - 1), (T.int64, -(2**62), 2**62), (T.int64, 0, 1)],
)
def test_integers_fill_their_range(of: T.DType, low: int, high: int) -> None:
    x = draw("random_uniform_int", (20_000,), of, 1, 2, minval=low, maxval=high)
    assert x.min() >= low
    assert x.max() < high
    if high - low < 100:
        counts = np.bincount(x - low, minlength=high - low)
        assert len(counts) == 1 or stats.chisquare(counts).pvalue > 1e-3
    else:
        assert stats.kstest((x.astype(np.float64) - low) / (high - low), stats.uniform().cdf).pvalue > 1e-3
