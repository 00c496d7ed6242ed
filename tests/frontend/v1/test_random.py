"""Random numbers that are TF's own: recorded outputs of TensorFlow 1.x, and the node count its seeds depend on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tfc.v1 as tf


def test_numbers_recorded_from_tensorflow() -> None:
    tf.set_random_seed(777)
    normal, uniform = tf.random_normal([3]), tf.random_uniform([2])
    with tf.Session() as s:
        np.testing.assert_allclose(s.run(normal), [2.20866945, -0.73225043, 0.33533149], rtol=1e-6)
        np.testing.assert_allclose(s.run(uniform), [0.08186948, 0.42999184], rtol=1e-6)


def test_a_published_logistic_regression() -> None:
    """Its printed losses, to every digit."""
    tf.set_random_seed(777)
    X, Y = tf.placeholder(tf.float32, shape=[None, 2]), tf.placeholder(tf.float32, shape=[None, 1])
    W = tf.Variable(tf.random_normal([2, 1]), name="weight")
    b = tf.Variable(tf.random_normal([1]), name="bias")
    hypothesis = tf.sigmoid(tf.matmul(X, W) + b)
    cost = -tf.reduce_mean(Y * tf.log(hypothesis) + (1 - Y) * tf.log(1 - hypothesis))
    train = tf.train.GradientDescentOptimizer(learning_rate=0.01).minimize(cost)
    feed = {
        X: [[1, 2], [2, 3], [3, 1], [4, 3], [5, 3], [6, 2]],
        Y: [[0], [0], [0], [1], [1], [1]],
    }
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        losses = [s.run([cost, train], feed_dict=feed)[0] for _ in range(401)]
    assert [f"{losses[k]:.6g}" for k in (0, 200, 400)] == ["1.73078", "0.571512", "0.507414"]


def nodes(build: Any) -> int:
    """How many nodes TF makes in building it."""
    before = tf.get_default_graph().last_id
    build()
    return tf.get_default_graph().last_id - before


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (lambda: tf.constant(1), 1),
        (lambda: tf.placeholder(tf.float32), 1),
        (lambda: tf.random_normal([2]), 6),
        (lambda: tf.truncated_normal([2]), 6),
        (lambda: tf.random_uniform([2]), 7),
        (lambda: tf.random_uniform([2], 0, 9, tf.int32), 4),
        (lambda: tf.Variable(tf.constant(1)), 4),
        (lambda: tf.Variable(1), 4),
        (lambda: tf.zeros([10]), 1),
        (lambda: tf.zeros([784, 10]), 3),
        (lambda: tf.reduce_mean(tf.constant([1.0])), 3),
        (lambda: tf.constant(1) + 2, 3),
        (lambda: tf.one_hot([1, 2], 3), 5),
        (lambda: tf.gather(tf.constant([1, 2]), [0]), 4),
        (lambda: tf.constant([[1]])[:, 0], 5),
        (lambda: tf.get_variable("w", [2, 2]), 10),
    ],
)
def test_the_node_count(build: Any, count: int) -> None:
    assert nodes(build) == count


def seeds(*built: Any) -> list[tuple[int, int]]:
    nodes = tf.get_default_graph().ir.nodes
    return [tuple(n.operands[1].node.attrs["value"].tolist()) for n in nodes if n.op.draws is not None]


def test_seeds() -> None:
    tf.random_normal([2], seed=5)
    tf.set_random_seed(3)
    tf.random_uniform([2], seed=7)
    tf.random_uniform([2])
    tf.set_random_seed(0)
    tf.random_uniform([2], seed=0)
    tf.random_uniform([2], seed=2**31)
    assert seeds() == [(87654321, 5), (3, 7), (3, 16), (0, 2**31 - 1), (0, 1)]


def test_without_seeds_no_two_graphs_draw_alike() -> None:
    tf.random_normal([2])
    tf.random_normal([2])
    assert len(set(seeds())) == 2


def test_each_run_draws_anew_and_each_session_starts_over() -> None:
    x = tf.random_normal([4], seed=1)
    init = tf.no_op()
    with tf.Session() as one:
        a, b, again = one.run(x), one.run(x), one.run([x, x])
        one.run(init)
    with tf.Session() as two:
        c = two.run(x)
    assert not np.array_equal(a, b)
    np.testing.assert_array_equal(*again)
    np.testing.assert_array_equal(a, c)


def test_counters_are_no_variables_of_the_users() -> None:
    tf.random_normal([4], seed=1)
    assert tf.global_variables() == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ranges(dtype: str) -> None:
    uniform = tf.random_uniform([1000], -2, 3, dtype, seed=1)
    normal = tf.random_normal([1000], 5.0, 0.1, dtype, seed=1)
    cut = tf.truncated_normal([1000], 1.0, 2.0, dtype, seed=1)
    ints = tf.random_uniform([1000], 3, 9, tf.int32, seed=1)
    with tf.Session() as s:
        u, n, t, i = s.run([uniform, normal, cut, ints])
    assert u.dtype == n.dtype == t.dtype == dtype
    assert u.min() >= -2
    assert u.max() < 3
    assert abs(n.mean() - 5) < 0.02
    assert abs(n.std() - 0.1) < 0.01
    assert np.abs(t - 1).max() < 4
    assert set(i.tolist()) == set(range(3, 9))


def test_dropout() -> None:
    x = tf.ones([100, 50])
    keep = tf.placeholder(tf.float32)
    y = tf.nn.dropout(x, keep, seed=1)
    rows = tf.nn.dropout(x, rate=0.5, noise_shape=[100, 1], seed=2)
    with tf.Session() as s:
        for p in (0.3, 0.9, 1.0):
            kept = s.run(y, {keep: p})
            assert set(np.unique(kept)) <= {0, np.float32(1) / np.float32(p)}
            assert abs((kept != 0).mean() - p) < 0.03
        by_row = s.run(rows)
        assert (by_row == by_row[:, :1]).all()
        assert 20 < (by_row[:, 0] > 0).sum() < 80
        np.testing.assert_array_equal(s.run(tf.nn.dropout(x, 1.0)), np.ones((100, 50)))
    gradient = tf.gradients(y, x)[0]
    with tf.Session() as s:
        value, slope = s.run([y, gradient], {keep: 0.5})
        np.testing.assert_array_equal(value, slope)


def test_dropout_by_a_placeholder_without_a_shape_keeps_what_is_known_of_the_tensors() -> None:
    x, keep = tf.placeholder(tf.float32, [None, 50]), tf.placeholder(tf.float32)
    y = tf.nn.dropout(x, keep, seed=1)
    z = tf.nn.dropout(tf.matmul(y, tf.ones([50, 20])), keep, seed=2)
    assert y.shape.as_list() == [None, 50]
    assert z.shape.as_list() == [None, 20]
    with tf.Session() as s:
        kept = s.run(z, {x: np.ones((40, 50)), keep: 0.5})
        assert 0.3 < (kept == 0).mean() < 0.7
    with pytest.raises(ValueError, match=r"keep_prob must be a number, got the shape \(\?,\)"):
        tf.nn.dropout(x, tf.placeholder(tf.float32, [None]))
