"""What a run raises for wrong programs and feeds: TF's kinds of errors, with the user's line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tfc.v1 as tf

LINE = r"test_errors\.py:\d+"


def run(fetch: Any, feed: Any = None) -> Any:
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        return s.run(fetch, feed)


def test_a_feed_of_another_shape() -> None:
    x = tf.placeholder(tf.float32, [None, 784], name="x")
    with pytest.raises(ValueError, match=rf"^Cannot feed value of shape \(3,\) for Tensor 'x:0', .*{LINE}$"):
        run(x + 1, {x: np.zeros(3)})


@pytest.mark.parametrize(("value", "why"), [("abc", "expected numbers"), (1.5, "1.5 is no int32"), ([None], "object")])
def test_a_feed_of_another_dtype(value: Any, why: str) -> None:
    x = tf.placeholder(tf.int32, name="x")
    with pytest.raises(TypeError, match=rf"^Cannot feed .* for Tensor 'x:0' of int32, at .*{LINE}: .*{why}"):
        run(x + 1, {x: value})


def test_a_ragged_feed() -> None:
    x = tf.placeholder(tf.float32, name="x")
    with pytest.raises(ValueError, match=rf"^Cannot feed \[1, \[2, 3\]\] for Tensor 'x:0' of float32, at .*{LINE}: "):
        run(x + 1, {x: [1, [2, 3]]})


def test_a_missing_feed() -> None:
    x, y = tf.placeholder(tf.float32, [None, 2], name="x"), tf.placeholder("float", name="y")
    text = rf"^You must feed a value for placeholder tensor 'y' with dtype float, made at .*{LINE}$"
    with pytest.raises(tf.errors.InvalidArgumentError, match=text):
        run(x + y, {x: [[1, 2]]})
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"'x' with dtype float and shape \[\?,2\]"):
        run(tf.zeros(tf.shape(x)))


def test_a_variable_without_a_value() -> None:
    w = tf.Variable([1.0], name="w")
    with tf.Session() as s:
        for fetch in (w, w + 1, w.assign_add([1.0])):
            with pytest.raises(tf.errors.FailedPreconditionError, match=rf"uninitialized value w: .*{LINE}") as caught:
                s.run(fetch)
            assert caught.value.error_code == 9


def test_what_does_not_fit_memory() -> None:
    with pytest.raises(tf.errors.ResourceExhaustedError, match=r"results are float32\[1000000000, 1000000000\]"):
        run(tf.zeros([10**9, 10**9]))
    with pytest.raises(MemoryError, match=rf"variable big of .* made at .*{LINE}"):
        run(tf.Variable(tf.zeros([10**9, 10**9]), name="big"))


def test_a_slice_that_leaves_its_tensor() -> None:
    at = tf.placeholder(tf.int32, [1])
    part = tf.slice(tf.constant([1.0, 2.0, 3.0]), at, [2], name="part")
    assert run(part, {at: [1]}).tolist() == [2, 3]
    for start in (2, -1):
        with pytest.raises(tf.errors.InvalidArgumentError, match=rf"part/.* at .*{LINE}: .* not below 3$"):
            run(part, {at: [start]})


def test_an_index_out_of_range() -> None:
    x = tf.placeholder(tf.int32, [None])
    looked_up = tf.nn.embedding_lookup(tf.Variable(tf.zeros([3, 2])), x)
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"{LINE}: .*not below 3"):
        run(looked_up, {x: [0, 3]})


@pytest.mark.parametrize(
    ("make", "a", "b", "message"),
    [
        (tf.matmul, (2, 4), (3, 5), "inner dims: 4 and 3 differ"),
        (tf.add, (2,), (3,), "dims 2 and 3 cannot be broadcast"),
        (lambda x, y: tf.concat([x, y], 0), (2, 3), (2, 4), "3 and 4 differ"),
        (lambda x, y: tf.reshape(x, tf.shape(y)), (2, 3), (5,), "6 and 5 differ"),
    ],
)
def test_shapes_that_only_the_run_knows(make: Any, a: tuple[int, ...], b: tuple[int, ...], message: str) -> None:
    x, y = tf.placeholder(tf.float32, [None] * len(a)), tf.placeholder(tf.float32, [None] * len(b))
    with pytest.raises(ValueError, match=rf"{LINE}: .*{message}"):
        run(make(x, y), {x: np.zeros(a), y: np.zeros(b)})


def test_an_assignment_of_another_shape() -> None:
    x = tf.placeholder(tf.float32)
    w = tf.Variable(tf.zeros([3, 2]), name="w")
    with pytest.raises(ValueError, match=rf"assignment to w made at .*{LINE} .*dim 0 of variable and value: 3 and 2"):
        run(w.assign(x), {x: np.zeros((2, 2))})


def test_a_failed_step_leaves_the_model_as_it_was() -> None:
    x, y = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.int64, [None])
    w = tf.Variable(tf.ones([3, 4]))
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=tf.matmul(x, w)))
    step = tf.Variable(0, trainable=False)
    train = tf.train.AdamOptimizer(0.1).minimize(loss, global_step=step)
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        s.run(train, {x: np.ones((2, 3)), y: [0, 3]})
        before = s.run(tf.global_variables())
        with pytest.raises(tf.errors.InvalidArgumentError):
            s.run(train, {x: np.ones((2, 3)), y: [0, 4]})
        for old, new in zip(before, s.run(tf.global_variables()), strict=True):
            np.testing.assert_array_equal(old, new)
        assert s.run(step) == 1
