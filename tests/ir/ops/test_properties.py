"""Properties over random shapes: element rules, and pairs of ops that undo or transpose each other."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tfc.ir.interpret_graph import evaluate

from .lowering import Array, Lowered, apply


def both(op: str, *operands: Array, **attrs: Any) -> Array:
    """What an op's lowering gives; it must be what its reference gives."""
    node, feeds = apply(op, list(operands), attrs)
    (expected,) = evaluate(node.graph, feeds, node.results)
    found = Lowered(feeds).value(node.results[0])
    np.testing.assert_array_equal(found, expected)
    assert found.shape == expected.shape == node.type.shape
    return found


@st.composite
def factorings(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Two shapes of one size, made by cutting one list of small factors in two ways."""
    factors = draw(st.lists(st.sampled_from([1, 2, 2, 3, 3, 5]), max_size=5))

    def cut() -> list[int]:
        ends = [0, *sorted(draw(st.lists(st.integers(0, len(factors)), max_size=4))), len(factors)]
        return [math.prod(factors[a:b]) for a, b in itertools.pairwise(ends)]

    return cut(), cut()


@settings(max_examples=120, deadline=None)
@given(factorings(), st.booleans(), st.data())
def test_reshape(shapes: tuple[list[int], list[int]], permuted: bool, data: st.DataObject) -> None:
    """Also between dims in another order, where groups do not match."""
    start, to = shapes
    if permuted:
        to = data.draw(st.permutations(to))
    x = np.arange(math.prod(start)).reshape(start)
    np.testing.assert_array_equal(both("reshape", x, shape=tuple(to)), x.reshape(to))


@st.composite
def slices(draw: st.DrawFn) -> tuple[tuple[int, ...], list[slice]]:
    shape = tuple(draw(st.lists(st.integers(0, 6), max_size=3)))
    ends = st.one_of(st.none(), st.integers(-7, 7))
    steps = st.integers(-3, 3).filter(bool)
    return shape, [slice(draw(ends), draw(ends), draw(steps)) for _ in shape]


@settings(max_examples=120, deadline=None)
@given(slices())
def test_slices_are_pythons(given: tuple[tuple[int, ...], list[slice]]) -> None:
    """And `unslice` is the transposed map: `<slice(x), y> = <x, unslice(y)>`."""
    shape, cuts = given
    x = np.arange(1, math.prod(shape) + 1).reshape(shape)
    ranges = [range(n)[c] for n, c in zip(shape, cuts, strict=True)]
    attrs = {"starts": tuple(r.start if len(r) else 0 for r in ranges), "steps": tuple(r.step for r in ranges)}
    taken = both("slice", x, sizes=tuple(map(len, ranges)), **attrs)
    np.testing.assert_array_equal(taken, x[tuple(cuts)])
    y = np.arange(taken.size).reshape(taken.shape) - 3
    assert np.sum(taken * y) == np.sum(x * both("unslice", y, shape=shape, **attrs))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.data())
def test_gather_and_its_gradient_are_transposed(shape: list[int], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    size = tuple(data.draw(st.lists(st.integers(0, 3), max_size=2)))
    rows = np.random.default_rng(len(shape)).integers(0, shape[axis], size)
    x = np.arange(math.prod(shape)).reshape(shape)
    taken = both("gather", x, rows, axis=axis)
    y = np.arange(taken.size).reshape(taken.shape) - 3
    assert np.sum(taken * y) == np.sum(x * both("gather_grad", y, x, rows, axis=axis))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=2),
    st.sampled_from(["constant", "reflect", "symmetric"]),
    st.data(),
)
def test_pad_and_its_gradient_are_transposed(shape: list[int], mode: str, data: st.DataObject) -> None:
    room = {"constant": 3, "reflect": -1, "symmetric": 0}[mode]
    most = [room if mode == "constant" else n + room for n in shape]
    paddings = tuple((data.draw(st.integers(0, m)), data.draw(st.integers(0, m))) for m in most)
    x = np.arange(math.prod(shape)).reshape(shape)
    padded = both("pad", x, paddings=paddings, value=0, mode=mode)
    y = np.arange(padded.size).reshape(padded.shape) - 3
    assert np.sum(padded * y) == np.sum(x * both("pad_grad", y, x, paddings=paddings, mode=mode))


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(4)), st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_transposes_compose(perm: list[int], shape: list[int]) -> None:
    x = np.arange(math.prod(shape)).reshape(shape)
    there = both("transpose", x, perm=tuple(perm))
    back = both("transpose", there, perm=tuple(np.argsort(perm).tolist()))
    np.testing.assert_array_equal(back, x)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(-(2**31), 2**31 - 1), st.integers(0, 40), st.sampled_from(["int8", "uint8", "int32", "uint64", "int64"])
)
def test_integer_powers_wrap(base: int, exponent: int, of: str) -> None:
    x = np.array(base).astype(of)
    found = both("int_pow", x, np.array(exponent).astype(of))
    bits = np.dtype(of).itemsize * 8
    assert (int(found) - int(x) ** exponent) % 2**bits == 0
