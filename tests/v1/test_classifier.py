"""The linear digit classifier of the first lesson, beside a NumPy program in float64 on the same minibatches."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import tfc.v1 as tf
from tfc.v1.examples.tutorials.mnist import digits, input_data, mnist_softmax
from tfc.v1.examples.tutorials.mnist.datasets import DataSet, Datasets

BATCH = 100
SEED = 0


class Learnt(NamedTuple):
    """Accuracies by number of steps, and the parameters after the last."""

    accuracies: dict[int, float]
    w: np.ndarray
    b: np.ndarray


def by_tfc(data: Datasets, rate: float, marks: tuple[int, ...]) -> Learnt:
    with tf.Graph().as_default(), tf.Session() as session:
        model = mnist_softmax.build(data.train.images.shape[1], rate)
        session.run(tf.global_variables_initializer())
        accuracies = {0: mnist_softmax.accuracy(session, model, data.test)}
        for step in range(1, marks[-1] + 1):
            mnist_softmax.optimize(session, model, data.train, BATCH)
            if step in marks:
                accuracies[step] = mnist_softmax.accuracy(session, model, data.test)
        return Learnt(accuracies, *session.run([model.w, model.b]))


def by_numpy(data: Datasets, rate: float, marks: tuple[int, ...]) -> Learnt:
    pixels = data.train.images.shape[1]
    w, b = np.zeros((pixels, 10)), np.zeros(10)
    images, classes = data.test.images.astype(np.float64), data.test.labels.argmax(axis=1)

    def accuracy() -> float:
        return float(((images @ w + b).argmax(axis=1) == classes).mean())

    accuracies = {0: accuracy()}
    for step in range(1, marks[-1] + 1):
        x, y = data.train.next_batch(BATCH)
        x = x.astype(np.float64)
        z = x @ w + b
        e = np.exp(z - z.max(axis=1, keepdims=True))
        d = (e / e.sum(axis=1, keepdims=True) - y) / BATCH
        w, b = w - rate * (x.T @ d), b - rate * d.sum(axis=0)
        if step in marks:
            accuracies[step] = accuracy()
    return Learnt(accuracies, w, b)


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, in the largest of the expected numbers."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.fixture(scope="module")
def fashion(fashion_mnist: Path) -> Datasets:
    return input_data.read_data_sets(fashion_mnist, one_hot=True)


def seeded(data: Datasets) -> Datasets:
    """The data set with its minibatches from the beginning, in an order that is always the same."""
    return data._replace(train=DataSet(data.train.images, data.train.labels, SEED))


def compared(data: Datasets, rate: float, marks: tuple[int, ...]) -> tuple[Learnt, Learnt]:
    found, expected = by_tfc(seeded(data), rate, marks), by_numpy(seeded(data), rate, marks)
    assert found.accuracies.keys() == expected.accuracies.keys()
    for step, accuracy in expected.accuracies.items():
        assert found.accuracies[step] == pytest.approx(accuracy, abs=1e-3), step
    return found, expected


def test_fashion_mnist_for_1000_steps(fashion: Datasets) -> None:
    found, expected = compared(fashion, 0.1, (1, 10, 1000))
    assert expected.accuracies[0] == 0.1
    assert expected.accuracies[1000] > 0.8
    assert difference(found.w, expected.w) < 1e-4
    assert difference(found.b, expected.b) < 1e-4


def test_fashion_mnist_at_a_rate_that_is_too_high(fashion: Datasets) -> None:
    """At the lesson's 0.5 rounding errors grow from step to step on this data: only the first steps are compared."""
    found, expected = compared(fashion, 0.5, (1, 10))
    assert difference(found.w, expected.w) < 1e-4
    assert difference(found.b, expected.b) < 1e-4


def test_the_embedded_digits_at_the_rate_of_the_lesson() -> None:
    found, expected = compared(digits.load_digits_sets(), 0.5, (1, 10, 1000))
    assert expected.accuracies[1000] > 0.95
    assert difference(found.w, expected.w) < 1e-4
    assert difference(found.b, expected.b) < 1e-4
