"""The classic lessons, end to end on the runtime, beside NumPy in float64."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import tfc.v1 as tf
from tfc.runtime import Session

Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def fresh_graph() -> Iterator[None]:
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


def test_two_placeholders_multiplied(capsys: pytest.CaptureFixture[str]) -> None:
    X_1 = tf.placeholder(tf.float32, name="X_1")
    X_2 = tf.placeholder(tf.float32, name="X_2")
    multiply = tf.multiply(X_1, X_2, name="multiply")
    with tf.Session() as session:
        assert type(session._engine) is Session
        print(session.run(multiply, feed_dict={X_1: [1, 2, 3], X_2: [4, 5, 6]}))
    assert capsys.readouterr().out == "[ 4. 10. 18.]\n"


@dataclass
class Digits:
    """Images of ten blurred shapes with noise, as rows, and their classes."""

    images: Array
    classes: Array

    @staticmethod
    def make(count: int, pixels: int, seed: int) -> Digits:
        shapes = np.random.default_rng(99).random((10, pixels)) ** 4
        g = np.random.default_rng(seed)
        classes = g.integers(0, 10, count)
        noise = g.normal(0, 0.6, (count, pixels))
        return Digits(np.clip(shapes[classes] + noise, 0, 1).astype(np.float32), classes)

    @property
    def one_hot(self) -> Array:
        return np.eye(10, dtype=np.float32)[self.classes]


class Numpy:
    """The lesson's model by hand, in float64."""

    def __init__(self, pixels: int, rate: float) -> None:
        self.w, self.b, self.rate = np.zeros((pixels, 10)), np.zeros(10), rate

    def probabilities(self, x: Array) -> Array:
        z = x.astype(np.float64) @ self.w + self.b
        e = np.exp(z - z.max(1, keepdims=True))
        found: Array = e / e.sum(1, keepdims=True)
        return found

    def step(self, x: Array, y: Array) -> None:
        slope = self.rate * (self.probabilities(x) - y) / len(x)
        self.w -= x.astype(np.float64).T @ slope
        self.b -= slope.sum(0)

    def accuracy(self, data: Digits) -> float:
        return float((self.probabilities(data.images).argmax(1) == data.classes).mean())


class Lesson:
    """The lesson's model as its text has it."""

    def __init__(self, pixels: int, rate: float) -> None:
        self.x = tf.placeholder(tf.float32, [None, pixels])
        self.y_true = tf.placeholder(tf.float32, [None, 10])
        self.y_true_cls = tf.placeholder(tf.int64, [None])
        self.w, self.b = tf.Variable(tf.zeros([pixels, 10])), tf.Variable(tf.zeros([10]))
        logits = tf.matmul(self.x, self.w) + self.b
        self.y_pred = tf.nn.softmax(logits)
        self.y_pred_cls = tf.argmax(self.y_pred, dimension=1)
        entropy = tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=self.y_true)
        self.cost = tf.reduce_mean(entropy)
        self.optimizer = tf.train.GradientDescentOptimizer(learning_rate=rate).minimize(self.cost)
        self.accuracy = tf.reduce_mean(tf.cast(tf.equal(self.y_pred_cls, self.y_true_cls), tf.float32))


def test_the_linear_classifier_of_digits(compiled: list[Any]) -> None:
    """Accuracies after 0, 1, 10 and 300 steps, weights, and everything that the lesson fetches."""
    pixels, rate = 196, 0.1
    train, test = Digits.make(2000, pixels, 1), Digits.make(700, pixels, 2)
    lesson, model = Lesson(pixels, rate), Numpy(pixels, rate)
    everything = {
        lesson.x: test.images,
        lesson.y_true: test.one_hot,
        lesson.y_true_cls: test.classes,
    }
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    done = 0
    for count in (0, 1, 10, 300):
        for k in range(done, count):
            batch = slice(100 * k % 2000, 100 * k % 2000 + 100)
            feed = {lesson.x: train.images[batch], lesson.y_true: train.one_hot[batch]}
            assert session.run(lesson.optimizer, feed_dict=feed) is None
            model.step(train.images[batch], train.one_hot[batch])
        done = count
        found = session.run(lesson.accuracy, feed_dict=everything)
        assert abs(float(found) - model.accuracy(test)) <= 1.5 / len(test.classes)
    assert model.accuracy(test) > 0.6
    w, b, y, cls, cost = session.run(
        [lesson.w, lesson.b, lesson.y_pred, lesson.y_pred_cls, lesson.cost], feed_dict=everything
    )
    scale = np.abs(model.w).max()
    np.testing.assert_allclose(w, model.w, rtol=1e-4, atol=1e-4 * scale)
    np.testing.assert_allclose(b, model.b, rtol=1e-4, atol=1e-4 * np.abs(model.b).max())
    p = model.probabilities(test.images)
    np.testing.assert_allclose(y, p, rtol=1e-3, atol=1e-5)
    assert cls.dtype == np.int64
    assert (cls == p.argmax(1)).mean() > 0.995
    np.testing.assert_allclose(cost, -np.log(p[np.arange(700), test.classes]).mean(), rtol=1e-4)
    assert len(compiled) == 4, "the initialiser, the step, the accuracy, all of the last run"


def test_the_last_batch_may_be_smaller(compiled: list[Any]) -> None:
    lesson, model = Lesson(64, 0.5), Numpy(64, 0.5)
    data = Digits.make(250, 64, 3)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for start in range(0, 250, 100):
            x, y = data.images[start : start + 100], data.one_hot[start : start + 100]
            session.run(lesson.optimizer, {lesson.x: x, lesson.y_true: y})
            model.step(x, y)
        np.testing.assert_allclose(session.run(lesson.w), model.w, rtol=1e-4, atol=1e-6)
    assert len(compiled) == 3
