"""Whole programs in the manner of public TF 1 lessons, against NumPy in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tfc.v1 as tf


def test_linear_regression_on_placeholders_without_shapes() -> None:
    """Samples fed one by one and all at once; the shape of the cost is known only in the run."""
    xs, ys = np.linspace(1, 3, 7), np.linspace(2, 5, 7) ** 1.1
    X, Y = tf.placeholder("float"), tf.placeholder("float")
    W, b = tf.Variable(0.3, name="weight"), tf.Variable(-0.2, name="bias")
    pred = tf.add(tf.multiply(X, W), b)
    cost = tf.reduce_sum(tf.pow(pred - Y, 2)) / (2 * len(xs))
    optimizer = tf.train.GradientDescentOptimizer(0.05).minimize(cost)
    w, c = 0.3, -0.2
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(3):
            for x, y in zip(xs, ys, strict=True):
                sess.run(optimizer, feed_dict={X: x, Y: y})
                error = (w * x + c - y) / len(xs)
                w, c = w - 0.05 * error * x, c - 0.05 * error
        np.testing.assert_allclose(sess.run([W, b]), [w, c], rtol=1e-5)
        loss = sess.run(cost, feed_dict={X: xs, Y: ys})
        np.testing.assert_allclose(loss, ((w * xs + c - ys) ** 2).sum() / 14, rtol=1e-5)


def test_nearest_neighbour() -> None:
    rng = np.random.default_rng(1)
    train, test = rng.random((50, 8)), rng.random(8)
    xtr, xte = tf.placeholder("float", [None, 8]), tf.placeholder("float", [8])
    distance = tf.reduce_sum(tf.abs(tf.add(xtr, tf.negative(xte))), reduction_indices=1)
    pred = tf.arg_min(distance, 0)
    with tf.Session() as sess:
        index = sess.run(pred, feed_dict={xtr: train, xte: test})
    assert index == np.abs(train - test).sum(1).argmin()


def test_a_network_with_scopes_dropout_and_decay() -> None:
    """XOR is learnt; at keep_prob 1 the network is a function of its weights."""
    tf.set_random_seed(0)
    x, y = tf.placeholder(tf.float32, [None, 2], "x"), tf.placeholder(tf.int64, [None], "y")
    keep = tf.placeholder_with_default(1.0, ())

    def dense(h: Any, n: int, name: str) -> Any:
        with tf.variable_scope(name):
            w = tf.get_variable("w", [h.get_shape()[1], n])
            return tf.nn.xw_plus_b(h, w, tf.get_variable("b", [n], initializer=tf.zeros_initializer()))

    hidden = tf.nn.dropout(tf.nn.tanh(dense(x, 16, "hidden")), keep)
    logits = dense(hidden, 2, "out")
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    step = tf.Variable(0, trainable=False, name="step")
    rate = tf.train.exponential_decay(0.1, step, 50, 0.5, staircase=True)
    train = tf.train.AdamOptimizer(rate).minimize(loss, global_step=step)
    correct = tf.nn.in_top_k(logits, y, 1)
    feed = {x: [[0, 0], [0, 1], [1, 0], [1, 1]], y: [0, 1, 1, 0]}
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        first = sess.run(loss, feed)
        for _ in range(100):
            sess.run(train, {**feed, keep: 0.9})
        weights = {v.op.name: sess.run(v).astype(float) for v in tf.trainable_variables()}
        last, out, hits = sess.run([loss, logits, correct], feed)
        assert sess.run([step, rate]) == [100, np.float32(0.025)]
    assert last < 0.1 < first
    assert hits.all()
    h = np.tanh(np.array(feed[x]) @ weights["hidden/w"] + weights["hidden/b"])
    np.testing.assert_allclose(out, h @ weights["out/w"] + weights["out/b"], rtol=1e-4, atol=1e-5)


def test_gradients_clipped_by_their_norm() -> None:
    """The form of recurrent programs: gradients, clip_by_global_norm, apply_gradients."""
    v = tf.Variable([3.0, 4.0])
    unused = tf.Variable(1.0)
    variables = tf.trainable_variables()
    clipped, length = tf.clip_by_global_norm(tf.gradients(tf.nn.l2_loss(v), variables), 1.0)
    train = tf.train.GradientDescentOptimizer(1.0).apply_gradients(zip(clipped, variables, strict=True))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run([length, train]) == [5, None]
        np.testing.assert_allclose(sess.run(v), [2.4, 3.2], rtol=1e-6)
        assert sess.run(unused) == 1


def test_a_target_network_follows() -> None:
    main, target = tf.Variable([1.0, 2.0]), tf.Variable([0.0, 0.0])
    copy = target.assign(main)
    soft = tf.assign(target, 0.5 * target + 0.5 * main)
    with tf.control_dependencies([main.assign_add([1.0, 1.0])]):
        follow = tf.group(target.assign(main.read_value()))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run(soft).tolist() == [0.5, 1]
        assert sess.run(copy).tolist() == [1, 2]
        sess.run(follow)
        assert sess.run(target).tolist() == [2, 3]


INDEX = st.one_of(
    st.builds(slice, *[st.one_of(st.none(), st.integers(-7, 7))] * 2, st.sampled_from([None, 1, 2, 3, -1, -2])),
    st.just(None),
    st.integers(-3, 2),
)


@pytest.mark.parametrize("open_dims", [False, True], ids=["known", "open"])
@settings(max_examples=60, deadline=None)
@given(keys=st.lists(INDEX, max_size=4), data=st.data())
def test_any_basic_index_is_numpys(open_dims: bool, keys: list[Any], data: st.DataObject) -> None:
    dims = [5, 3, 4]
    taken = [k for k in keys if k is not None]
    keys = keys[: keys.index(taken[3])] if len(taken) > 3 else keys
    if data.draw(st.booleans()):
        keys.insert(data.draw(st.integers(0, len(keys))), Ellipsis)
    array = np.arange(60.0, dtype=np.float32).reshape(dims)
    key = tuple(keys)
    x = tf.placeholder(tf.float32, [None] * 3 if open_dims else dims)
    with tf.Session() as sess:
        np.testing.assert_array_equal(sess.run(x[key], {x: array}), array[key])


@given(
    st.lists(st.tuples(st.sampled_from(["a", "A", "a_1", "b/a", "b"]), st.booleans()), max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_no_two_operations_share_a_name(wanted: list[tuple[str, bool]]) -> None:
    with tf.Graph().as_default() as g:
        for name, scoped in wanted:
            with g.name_scope("b" if scoped else None):
                tf.constant(0, name=name)
        names = [op.name.lower() for op in g.get_operations()]
    assert len(set(names)) == len(wanted)
