"""Moving averages of variables and tensors, and penalties on weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tfc.v1 as tf


@pytest.mark.parametrize("counted", [False, True], ids=["decay", "num_updates"])
def test_averages_follow_the_variables_that_a_step_trains(counted: bool) -> None:
    w = tf.Variable([1.0, -2.0], name="w")
    step = tf.Variable(0, trainable=False, name="step")
    averages = tf.train.ExponentialMovingAverage(0.9, step if counted else None)
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.nn.l2_loss(w), global_step=step)
    with tf.control_dependencies([train]):
        both = averages.apply(tf.trainable_variables())
    average = averages.average(w)
    assert average.name == "w/ExponentialMovingAverage:0"
    assert averages.average_name(w) == "w/ExponentialMovingAverage"
    assert tf.trainable_variables() == [w]
    assert tf.get_collection(tf.GraphKeys.MOVING_AVERAGE_VARIABLES) == [w]
    assert averages.variables_to_restore() == {"w/ExponentialMovingAverage": w, "step": step}
    value = mean = np.array([1.0, -2.0])
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(s.run(average), mean)
        for n in range(1, 7):
            s.run(both)
            value = value * 0.9
            decay = min(0.9, (1 + n) / (10 + n)) if counted else 0.9
            mean = decay * mean + (1 - decay) * value
            np.testing.assert_allclose(s.run([w, average]), [value, mean], rtol=1e-6)


def test_the_average_of_a_random_variable_begins_at_its_value() -> None:
    w = tf.Variable(tf.random_normal([3]))
    averages = tf.train.ExponentialMovingAverage(0.5)
    averages.apply()
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        value, mean = s.run([w, averages.average(w)])
        np.testing.assert_array_equal(value, mean)


def test_averages_of_tensors_begin_at_zero() -> None:
    """As batch normalisation written by hand has them."""
    x = tf.placeholder(tf.float32, [None, 2])
    mean, variance = tf.nn.moments(x, [0])
    averages = tf.train.ExponentialMovingAverage(decay=0.75)
    update = averages.apply([mean, variance])
    with tf.control_dependencies([update]):
        trained = tf.identity(mean)
    batch = np.array([[1.0, 2.0], [3.0, 8.0]])
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        np.testing.assert_allclose(s.run(trained, {x: batch}), [2, 5])
        np.testing.assert_allclose(s.run(averages.average(mean)), [0.5, 1.25])
        np.testing.assert_allclose(s.run(averages.average(variance)), [0.25, 2.25])


def test_averages_that_are_refused() -> None:
    averages = tf.train.ExponentialMovingAverage(0.9)
    assert averages.average(tf.Variable(1.0)) is None
    with pytest.raises(TypeError, match="half, float, or double: count"):
        averages.apply([tf.Variable(1, name="count")])
    with pytest.raises(tf.errors.UnimplementedError, match=r"zero_debias at .*test_averages.py"):
        tf.train.ExponentialMovingAverage(0.9, zero_debias=True)


@pytest.mark.parametrize(
    ("make", "expected"),
    [(tf.contrib.layers.l2_regularizer, 0.5 * (1 + 4 + 9) / 2), (tf.contrib.layers.l1_regularizer, 0.5 * 6)],
)
def test_penalties_of_weights(make: Any, expected: float) -> None:
    start = np.array([1.0, -2.0, 3.0], np.float32)
    tf.get_variable("w", initializer=start, regularizer=make(0.5))
    with tf.variable_scope("scope", regularizer=make(tf.constant(2.0))):
        tf.get_variable("w", initializer=start)
    tf.get_variable("free", initializer=start, regularizer=make(0.0))
    first, second = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    assert first.name == f"w/Regularizer/{make.__name__}:0"
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        np.testing.assert_allclose(s.run([first, second]), [expected, 4 * expected])


@pytest.mark.parametrize(("scale", "message"), [(-0.5, "less than 0"), (1, "cannot be an integer")])
def test_scales_that_are_refused(scale: Any, message: str) -> None:
    for make in (tf.contrib.layers.l1_regularizer, tf.contrib.layers.l2_regularizer):
        with pytest.raises(ValueError, match=message):
            make(scale)
