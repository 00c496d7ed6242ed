"""Sessions: fetches and feeds of every structure, lifetimes, defaults, errors."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict, defaultdict, namedtuple
from typing import Any

import numpy as np
import pytest

import tfc.v1 as tf
from tfc.ir.errors import TfcError

Pair = namedtuple("Pair", ["first", "second"])


def test_the_first_program() -> None:
    X_1 = tf.placeholder(tf.float32, name="X_1")
    X_2 = tf.placeholder(tf.float32, name="X_2")
    multiply = tf.multiply(X_1, X_2, name="multiply")
    with tf.Session() as session:
        result = session.run(multiply, feed_dict={X_1: [1, 2, 3], X_2: [4, 5, 6]})
    assert str(result) == "[ 4. 10. 18.]"
    assert result.dtype == np.float32
    assert (multiply.name, X_1.name) == ("multiply:0", "X_1:0")


def test_the_linear_classifier() -> None:
    """The lesson's model; its loss and step against float64 NumPy."""
    rng = np.random.default_rng(0)
    images, classes = rng.random((20, 784)), rng.integers(0, 10, 20)
    x = tf.placeholder(tf.float32, [None, 784])
    y_true = tf.placeholder(tf.float32, [None, 10])
    y_true_cls = tf.placeholder(tf.int64, [None])
    w = tf.Variable(tf.zeros([784, 10]))
    b = tf.Variable(tf.zeros([10]))
    logits = tf.matmul(x, w) + b
    y_pred = tf.nn.softmax(logits)
    y_pred_cls = tf.argmax(y_pred, dimension=1)
    cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=y_true))
    optimizer = tf.train.GradientDescentOptimizer(learning_rate=0.5).minimize(cost)
    correct = tf.equal(y_pred_cls, y_true_cls)
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    feed = {x: images, y_true: np.eye(10)[classes], y_true_cls: classes}
    before, hits = session.run([cost, accuracy], feed)
    np.testing.assert_allclose(before, np.log(10), rtol=1e-6)
    np.testing.assert_allclose(hits, np.mean(classes == 0), rtol=1e-6)
    assert session.run(optimizer, feed_dict=feed) is None
    step = 0.5 * images.T @ (np.eye(10)[classes] - 0.1) / 20
    np.testing.assert_allclose(session.run(w), step, rtol=1e-4, atol=1e-7)


def values() -> tuple[Any, Any]:
    return tf.constant([1.0, 2.0], name="a"), tf.constant(3, name="b")


def test_fetches_keep_their_structure() -> None:
    a, b = values()
    nothing = tf.no_op()
    with tf.Session() as s:
        out = s.run({"list": [a, nothing], "pair": Pair(b, (a, a)), "name": "b:0", "op": "a"})
        assert list(out) == ["list", "pair", "name", "op"]
        np.testing.assert_array_equal(out["list"][0], [1, 2])
        assert out["list"][1] is None
        assert out["op"] is None
        assert isinstance(out["pair"], Pair)
        assert out["pair"].first == 3
        assert isinstance(out["pair"].second, tuple)
        assert out["name"] == 3
        assert s.run([]) == []
        for made in (OrderedDict([("k", b)]), defaultdict(list, k=b)):
            found = s.run(made)
            assert (type(found), dict(found)) == (type(made), {"k": 3})
        assert [len(s.run([a, a])), len(s.run([[a], [a, b]]))] == [2, 2]


def test_structures_of_equal_items_are_not_confused() -> None:
    b = values()[1]
    with tf.Session() as s:
        assert isinstance(s.run([b, b]), list)
        assert isinstance(s.run((b, b)), tuple)
        assert isinstance(s.run(Pair(b, b)), Pair)
        assert s.run({"x": b}) == {"x": 3}
        assert s.run({"y": b}) == {"y": 3}
        assert s.run(b) == 3


def test_a_scalar_is_a_numpy_scalar() -> None:
    with tf.Session() as s:
        assert type(s.run(tf.constant(1.5))) is np.float32
        assert type(s.run(tf.constant(1))) is np.int32
        assert type(s.run([tf.constant(True)])[0]) is np.bool_


@pytest.mark.parametrize("bad", [None, 3, 2.5, object()])
def test_what_cannot_be_fetched(bad: Any) -> None:
    values()
    with tf.Session() as s, pytest.raises(TypeError, match="Fetch argument"):
        s.run(bad)


@pytest.mark.parametrize("bad", ["missing", "missing:0", "a:1", "a:x"])
def test_unknown_names(bad: str) -> None:
    values()
    with tf.Session() as s, pytest.raises(ValueError, match="cannot be interpreted as a Tensor"):
        s.run(bad)


def test_another_graphs_tensors_are_refused() -> None:
    with tf.Graph().as_default():
        foreign = tf.placeholder(tf.float32)
    a, _ = values()
    with tf.Session() as s:
        with pytest.raises(ValueError, match="not an element of this graph"):
            s.run(foreign)
        with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
            s.run(a, {foreign: 1})
    with pytest.raises(ValueError, match="same graph"):
        tf.add(a, foreign)


@pytest.mark.parametrize("key", ["a", "zz:0", 3, None])
def test_what_cannot_be_fed(key: Any) -> None:
    a, _ = values()
    with tf.Session() as s, pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
        s.run(a, {key: 1})


def test_a_feed_is_no_tensor_and_a_feed_dict_is_a_dict() -> None:
    a, b = values()
    with tf.Session() as s:
        with pytest.raises(TypeError, match="symbolic"):
            s.run(b + 1, {b: b})
        for _ in range(2):
            with pytest.raises(TypeError, match="feed_dict must be a dict"):
                s.run(a, [a])
            s.run(a, {a: [1, 2]})
        with pytest.raises(ValueError, match="twice"):
            s.run(b, {b: 1, "b:0": 2})


def test_any_tensor_can_be_fed() -> None:
    x = tf.placeholder(tf.float32, [None])
    double = x * 2
    total = tf.reduce_sum(double)
    with tf.Session() as s:
        assert s.run(total, {x: [1, 2]}) == 6
        assert s.run(total, {double: [1, 2]}) == 3
        assert s.run(total, {"mul:0": [5]}) == 5
        np.testing.assert_array_equal(s.run(double, {double: [7]}), [7])


def test_dims_of_a_default_that_is_not_fed() -> None:
    x = tf.placeholder_with_default(np.ones((2, 3), np.float32), [None, 3])
    rows = tf.shape(x)[0]
    made = [tf.reshape(x, [rows * 3]), tf.zeros(tf.shape(x)), x * 2]
    with tf.Session() as s:
        assert [y.shape for y in s.run(made)] == [(6,), (2, 3), (2, 3)]
        assert [y.shape for y in s.run(made, {x: np.zeros((5, 3))})] == [(15,), (5, 3), (5, 3)]


def test_constants_are_copies_in_native_byte_order() -> None:
    array = np.arange(5.0)
    made = [
        tf.constant(array),
        tf.constant(array.astype(">i2")),
        tf.Variable(array).initial_value,
        array * tf.constant(1.0, "float64"),
    ]
    array[:] = 9
    with tf.Session() as s:
        for x in s.run(made):
            assert x.tolist() == [0, 1, 2, 3, 4]


def test_feeds_for_tuples_of_tensors() -> None:
    state = Pair(tf.placeholder(tf.float32, [2]), tf.placeholder(tf.float32, [2]))
    total = state.first + state.second
    with tf.Session() as s:
        np.testing.assert_array_equal(s.run(total, {state: Pair([1, 2], [3, 4])}), [4, 6])
        np.testing.assert_array_equal(s.run(total, {state: ([1, 1], [1, 1])}), [2, 2])
        with pytest.raises(ValueError, match="2 tensors has 1"):
            s.run(total, {state: ([1, 1],)})


def test_a_run_is_prepared_once(engine: str) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = x + 1
    with tf.Session() as s:
        for n in range(4):
            assert len(s.run([y], {x: np.zeros(n)})[0]) == n
        if engine == "reference":
            assert s._engine.prepared == 1


def test_feeds_in_another_order_are_the_same_run(engine: str) -> None:
    x, y, z = (tf.placeholder(tf.float32, [], name=name) for name in "xyz")
    result = x - y + z
    with tf.Session() as s:
        fed = {z: 1, x: 20, y: 300}
        for keys in itertools.permutations(fed):
            assert s.run([result], {k: fed[k] for k in keys}) == [-279]
            assert s.run([result], {keys[0]: fed[keys[0]], keys[1:]: [fed[k] for k in keys[1:]]}) == [-279]
        if engine == "runtime":
            assert len(s._engine._prepared) == 1


def test_sessions_keep_their_own_variables() -> None:
    v = tf.Variable(1.0)
    add = v.assign_add(1.0)
    init = tf.global_variables_initializer()
    one, two = tf.Session(), tf.Session()
    for s in (one, two):
        s.run(init)
    one.run(add)
    assert (one.run(v), two.run(v)) == (2, 1)


def test_what_is_not_fed() -> None:
    x = tf.placeholder(tf.float32, name="x")
    with tf.Session() as s:
        with pytest.raises(tf.errors.InvalidArgumentError, match="x") as caught:
            s.run(x + 1)
        with pytest.raises(TfcError):
            s.run(tf.Variable(1.0))
    assert caught.value.error_code == 3


def test_a_closed_session() -> None:
    a, _ = values()
    with tf.Session() as s:
        s.run(a)
    with pytest.raises(RuntimeError, match="closed Session"):
        s.run(a)
    s.close()


def test_an_empty_graph() -> None:
    with tf.Session() as s, pytest.raises(RuntimeError, match="graph is empty"):
        s.run([])


def test_defaults() -> None:
    a, b = values()
    with pytest.raises(ValueError, match="No default session"):
        b.eval()
    s = tf.Session(config=tf.ConfigProto(allow_soft_placement=True))
    with s.as_default():
        assert b.eval() == 3
        tf.no_op().run()
    assert s.run(b) == 3, "as_default does not close"
    assert b.eval(session=s) == 3
    assert a.eval({a: [9.0, 8.0]}, s).tolist() == [9, 8]
    with tf.Graph().as_default(), pytest.raises(ValueError, match="another graph"):
        tf.constant(1).eval(session=s)


def test_an_interactive_session_is_the_default_until_closed() -> None:
    s = tf.InteractiveSession()
    v = tf.Variable([1.0, 2.0])
    v.initializer.run()
    assert v.eval().tolist() == [1, 2]
    x = tf.placeholder("float")
    assert (x * 2).eval({x: 2}) == 4
    s.close()
    with pytest.raises(ValueError, match="No default session"):
        v.eval()


def test_a_session_holds_the_graph_it_was_given() -> None:
    g = tf.Graph()
    with g.as_default():
        c = tf.constant(5, name="c")
    with tf.Session(graph=g) as s:
        assert s.graph is g
        assert tf.get_default_graph() is g
        assert s.run("c:0") == s.run(c) == 5
    assert tf.get_default_graph() is not g
    with pytest.raises(TypeError, match="must be a tf.Graph"):
        tf.Session(graph=3)


def test_config_takes_any_option() -> None:
    config = tf.ConfigProto(log_device_placement=False)
    config.gpu_options.allow_growth = True
    config.gpu_options.per_process_gpu_memory_fraction = 0.4
    assert config.gpu_options.allow_growth
    options = tf.GPUOptions(per_process_gpu_memory_fraction=0.3)
    assert tf.ConfigProto(gpu_options=options).gpu_options.per_process_gpu_memory_fraction == 0.3
    trace = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    c = tf.constant(1)
    with tf.Session(config=config) as s:
        assert s.run(c, None, trace, tf.RunMetadata()) == 1
        assert tf.get_default_session() is s
    assert tf.get_default_session() is None


def test_make_callable() -> None:
    x = tf.placeholder(tf.float32)
    with tf.Session() as s:
        double = s.make_callable(x * 2, [x])
        assert double(4) == 8
        with pytest.raises(ValueError, match="takes 1"):
            double()


def test_each_thread_has_its_own_default_graph() -> None:
    tf.constant(1)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(tf.get_default_graph()))
    thread.start()
    thread.join()
    assert found[0] is not tf.get_default_graph()


def test_errors_are_tfcs_too() -> None:
    assert issubclass(tf.errors.FailedPreconditionError, TfcError)
    error = tf.errors.OutOfRangeError(None, None, "End of sequence")
    assert (str(error), error.message, error.error_code) == ("End of sequence", "End of sequence", 11)
