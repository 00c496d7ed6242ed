"""Rows, columns, transposes and copies in native code, for every target, beside NumPy in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tfc
from tests.codegen_llvm.support import TARGETS
from tfc import numpy as tnp

Array = np.ndarray[Any, Any]
LENGTHS = (1, 3, 10, 17, 33, 64)
"""Of rows: short and long ones, for vectors of all widths."""


@pytest.fixture(autouse=True, params=TARGETS)
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TFC_TARGET", request.param)
    return str(request.param)


def numbers(*shape: int, dtype: str = "float32") -> Array:
    rng = np.random.default_rng(len(shape) + sum(shape))
    return (rng.standard_normal(shape) * 5).astype(dtype)


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True, initial=-np.inf))
    return e / e.sum(-1, keepdims=True)


def norm(n: Any, x: Any) -> Any:
    centred = x - n.mean(x, axis=-1, keepdims=True)
    return centred / n.sqrt(n.mean(n.square(centred), axis=-1, keepdims=True) + 1e-3)


ROWS: dict[str, tuple[Callable[[Any], Any], Callable[[Array], Array]]] = {
    "sum": (lambda x: tnp.sum(x, axis=-1), lambda x: x.sum(-1)),
    "max": (lambda x: tnp.max(x, axis=-1), lambda x: x.max(-1)),
    "softmax": (tnp.softmax, softmax),
    "norm": (lambda x: norm(tnp, x), lambda x: norm(np, x)),
    "argmax": (lambda x: tnp.argmax(x, axis=-1), lambda x: x.argmax(-1)),
    "columns": (lambda x: tnp.sum(x, axis=0), lambda x: x.sum(0)),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_of_many_lengths(name: str) -> None:
    ours, theirs = ROWS[name]
    f = tfc.compile(ours)
    for length in LENGTHS:
        for rows in (1, 7, 16, 37):
            x = numbers(rows, length)
            np.testing.assert_allclose(f(x), theirs(x.astype(np.float64)), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("dtype", ["float64", "int32", "float16"])
def test_short_rows_of_other_dtypes(dtype: str) -> None:
    x = numbers(37, 10, dtype=dtype)
    for ours, theirs in (ROWS["sum"], ROWS["max"], ROWS["argmax"]):
        np.testing.assert_allclose(tfc.compile(ours)(x), theirs(x.astype(np.float64)), rtol=2e-3)


def rows_with_places() -> Iterator[Array]:
    """Ties, infinities, NaN and zeros of both signs, at the ends of blocks and within them."""
    for length in (512, 1000, 8200):
        x = numbers(5, length)
        x[0, [3, 511, length - 1]] = 99
        x[1] = -np.inf
        x[2, [length // 2, length - 1]] = np.nan
        x[3] = np.where(np.arange(length) % 2, 0.0, -0.0)
        x[4, length - 1] = np.inf
        yield x


def test_the_place_of_the_extreme_of_long_rows() -> None:
    for x in rows_with_places():
        np.testing.assert_array_equal(tfc.compile(lambda x: tnp.argmax(x, axis=1))(x), x.argmax(1))
        np.testing.assert_array_equal(tfc.compile(lambda x: tnp.argmin(x, axis=1))(x), x.argmin(1))
    for dtype in ("float64", "float16", "int8", "int64", "uint32"):
        y = (np.abs(numbers(3, 700)) * 5).astype(dtype)
        np.testing.assert_array_equal(tfc.compile(lambda x: tnp.argmax(x, axis=1))(y), y.argmax(1))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "uint8", "bool"])
def test_permutations(dtype: str) -> None:
    f = tfc.compile(tnp.transpose)
    for shape in ((3, 70), (70, 3), (33, 65), (40, 129)):
        x = numbers(*shape) > 0 if dtype == "bool" else numbers(*shape).astype(dtype)
        np.testing.assert_array_equal(f(x), x.T)


@pytest.mark.parametrize("perm", [(0, 2, 1, 3), (0, 2, 3, 1), (0, 3, 1, 2), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_permutations_of_four_dims(perm: tuple[int, ...]) -> None:
    f = tfc.compile(lambda x: tnp.transpose(x, perm) * 2)
    for shape in ((3, 18, 2, 20), (1, 35, 4, 3)):
        x = numbers(*shape)
        np.testing.assert_array_equal(f(x), x.transpose(perm) * 2)


COPIES: dict[str, tuple[Callable[[Any], Any], Callable[[Array], Array]]] = {
    "tile": (lambda x: tnp.tile(x, (2, 3)), lambda x: np.tile(x, (2, 3))),
    "flat": (lambda x: tnp.reshape(x, (-1,)), lambda x: x.reshape(-1)),
    "transposed and flat": (lambda x: tnp.reshape(tnp.transpose(x), (-1,)), lambda x: x.T.reshape(-1)),
    "rows": (lambda x: tnp.take(x, np.array([2, 0, 2]), axis=0), lambda x: x[[2, 0, 2]]),
    "plus its transpose": (lambda x: x[:3, :3] + tnp.transpose(x[:3, :3]), lambda x: x[:3, :3] + x[:3, :3].T),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies(name: str) -> None:
    ours, theirs = COPIES[name]
    f = tfc.compile(ours)
    for shape in ((3, 3), (5, 20), (18, 33)):
        x = numbers(*shape)
        np.testing.assert_array_equal(f(x), theirs(x))
