"""Variables that one program holds transposed and another does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tests.runtime.support import Array, Builder
from tfc.ir.errors import RunError
from tfc.ir.graph import Value
from tfc.runtime import Session

ROWS, COLUMNS = 150, 10
"""As a product wants them turned."""


@dataclass
class Classifier:
    """`w -= x^T e`, `y = x w`, and other ways to use and to set `w`."""

    b: Builder = field(default_factory=Builder)

    def __post_init__(self) -> None:
        b = self.b
        self.w = b.variable("w", (ROWS, COLUMNS))
        self.m = b.variable("m", (ROWS, COLUMNS))
        self.x = b.placeholder("x", ("n", ROWS))
        self.e = b.placeholder("e", ("n", COLUMNS))
        self.value = b.placeholder("value", (ROWS, COLUMNS))
        zeros = b.constant(np.zeros((ROWS, COLUMNS)))
        self.start = [b.op("assign", v, zeros) for v in (self.w, self.m)]
        self.assign = b.op("assign", self.w, self.value)
        self.y = b.op("matmul", self.x, self.w, transpose_a=False, transpose_b=False)
        d = b.op("matmul", self.x, self.e, transpose_a=True, transpose_b=False)
        self.train = b.op("assign_sub", self.w, d)
        self.momentum = b.op("assign_sub", self.w, b.op("assign_add", self.m, d))
        self.session = Session(b.graph)
        for v in self.start:
            self.run(v)

    def run(self, *fetches: Value, **feeds: Array) -> list[Array]:
        """The values of the fetches; `train`, `momentum` and `assign` are run with what they need fetched beside."""
        keys = {"x": self.x, "e": self.e, "value": self.value}
        call = self.session.prepare(fetches, tuple(keys[k] for k in feeds))
        return list(call(list(feeds.values())))


def fresh(c: Classifier) -> dict[bool, bool]:
    """Which places of `w` hold its value: the transposed one, and the other."""
    return {transposed: place.fresh for transposed, place in c.session._state.variable(c.w).places.items()}


def numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float32)


def test_variables_that_are_given_one_value_are_turned_together() -> None:
    b = Builder()
    kept, w = (b.variable(name, (ROWS, COLUMNS)) for name in ("kept", "w"))
    x = b.placeholder("x", ("n", ROWS))
    begin = b.op("assign", w, b.constant(np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)))
    twice = b.op("add", w, w)
    both = [b.op("assign", v, twice) for v in (kept, w)]
    y = b.op("matmul", x, w, transpose_a=False, transpose_b=False)
    session = Session(b.graph)
    session.prepare((begin,), ())([])
    session.prepare((y, *both), (x,))([numbers(1, ROWS)])
    for v in (kept, w):
        found = session.prepare((v,), ())([])[0]
        np.testing.assert_array_equal(found, 2 * np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS))


def test_a_variable_is_the_same_whoever_writes_and_reads_it() -> None:
    c = Classifier()
    x, e, given = numbers(7, ROWS), numbers(7, COLUMNS, seed=1), numbers(ROWS, COLUMNS, seed=2)
    w, m = np.zeros((ROWS, COLUMNS), np.float32), np.zeros((ROWS, COLUMNS), np.float32)
    for k in range(3):
        for _ in range(2):  # y is of before the update, and has the program hold w transposed
            y, _ = c.run(c.y, c.train, x=x, e=e)
            np.testing.assert_array_equal(y, x @ w)
            w = w - x.T @ e
        np.testing.assert_array_equal(c.run(c.w)[0], w)
        y, _ = c.run(c.y, c.momentum, x=x, e=e)
        m = m + x.T @ e
        w = w - m
        np.testing.assert_array_equal(c.run(c.m)[0], m)
        np.testing.assert_array_equal(c.run(c.y, x=x)[0], x @ w)
        w = given + k
        c.run(c.assign, value=w)
        np.testing.assert_array_equal(c.run(c.y, x=x)[0], x @ w)
        np.testing.assert_array_equal(c.run(c.w)[0], w)
    variable = c.session._state.variable(c.w)
    assert sorted(variable.places) == [False, True]
    assert variable.places[True].array.shape == (COLUMNS, ROWS)


def test_the_program_that_trains_moves_nothing() -> None:
    c = Classifier()
    x, e = numbers(7, ROWS), numbers(7, COLUMNS, seed=1)
    c.run(c.y, c.train, x=x, e=e)
    c.run(c.y, c.train, x=x, e=e)
    assert fresh(c) == {True: True, False: False}
    c.run(c.w)
    assert fresh(c) == {True: True, False: True}
    c.run(c.y, x=x)
    assert fresh(c) == {True: True, False: True}


def test_a_place_is_stale_for_whoever_asks_while_another_thread_looks() -> None:
    c = Classifier()
    x, e = numbers(7, ROWS), numbers(7, COLUMNS, seed=1)
    call = c.session.prepare((c.w,), ())
    call([])
    places = call.classes[0].places  # type: ignore[attr-defined]
    c.run(c.y, c.train, x=x, e=e)
    asked: list[bool] = []

    class Variables(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            if not asked:
                asked.append(False)
                asked[0] = places.are_stale()
            return super().__iter__()

    places._variables = Variables(places._variables)
    assert places.are_stale()
    assert asked == [True]


def test_a_run_that_fails_changes_neither_place() -> None:
    c = Classifier()
    b = c.b
    index = b.placeholder("index", ("k",), "int32")
    picked = b.op("gather", c.x, index, axis=0)
    x, e = numbers(7, ROWS), numbers(7, COLUMNS, seed=1)
    c.run(c.y, c.train, x=x, e=e)
    before = c.run(c.w)[0]
    call = c.session.prepare((c.y, picked, c.train), (c.x, c.e, index))
    with pytest.raises(RunError):
        call([x, e, np.array([7], np.int32)])
    np.testing.assert_array_equal(c.run(c.w)[0], before)
    np.testing.assert_array_equal(c.run(c.y, x=x)[0], x @ before)
    call([x, e, np.array([6], np.int32)])
    np.testing.assert_array_equal(c.run(c.w)[0], before - x.T @ e)


def test_readers_beside_a_program_that_trains() -> None:
    c = Classifier()
    x, e = numbers(4, ROWS), numbers(4, COLUMNS, seed=1)
    c.run(c.y, c.train, x=x, e=e)
    steps, errors = 200, list[str]()
    done = threading.Event()
    step = x.T @ e

    def read() -> None:
        while not done.is_set():
            w = c.run(c.w)[0]
            counts = -w[step != 0] / step[step != 0]
            if not (np.all(counts == np.round(counts)) and counts.min() >= 0 and counts.max() <= steps + 1):
                errors.append(f"{counts.min()} to {counts.max()}")
                return

    readers = [threading.Thread(target=read) for _ in range(2)]
    for t in readers:
        t.start()
    for _ in range(steps):
        c.run(c.y, c.train, x=x, e=e)
    done.set()
    for t in readers:
        t.join()
    assert errors == []
    np.testing.assert_array_equal(c.run(c.w)[0], -(steps + 1) * step)
