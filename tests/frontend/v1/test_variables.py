"""Variables, variable scopes and initialisers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tfc.v1 as tf


def names() -> list[str]:
    return [op.name for op in tf.get_default_graph().get_operations()]


def test_names_of_a_variables_nodes() -> None:
    w = tf.Variable([1.0], name="w")
    tf.Variable(tf.zeros([2]))
    tf.Variable(1)
    assert names() == [
        "w/initial_value",
        "w",
        "w/Assign",
        "w/read",
        "zeros",
        "Variable",
        "Variable/Assign",
        "Variable/read",
        "Variable_1/initial_value",
        "Variable_1",
        "Variable_1/Assign",
        "Variable_1/read",
    ]
    assert (w.name, w.op.name, w.initializer.name, w.value().name) == ("w:0", "w", "w/Assign", "w/read:0")
    assert repr(w) == "<tf.Variable 'w:0' shape=(1,) dtype=float32_ref>"
    assert w.dtype == tf.float32
    assert w.shape.as_list() == w.get_shape().as_list() == [1]


@pytest.mark.parametrize(
    ("initial", "dtype", "expected"),
    [
        (3, None, "int32"),
        ([1.0, 2.0], None, "float32"),
        (np.zeros((2, 3)), None, "float64"),
        (np.zeros(2), tf.float32, "float32"),
        (lambda: tf.ones([2]), None, "float32"),
        (True, None, "bool"),
    ],
)
def test_initial_values(initial: Any, dtype: Any, expected: str) -> None:
    v = tf.Variable(initial, dtype=dtype)
    assert v.dtype == expected
    with tf.Session() as s:
        s.run(v.initializer)
        given = s.run(initial()) if callable(initial) else initial
        np.testing.assert_array_equal(s.run(v), given)


def test_initial_values_from_other_variables_are_their_initial_values() -> None:
    tf.set_random_seed(1)
    u = tf.Variable(tf.random_normal([3]), name="u")
    v = tf.Variable(u * 2.0 + 1.0, name="v")
    w = tf.Variable(v.initialized_value(), name="w")
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        a, b, c = s.run([u, v, w])
    np.testing.assert_allclose(b, 2 * a + 1, rtol=1e-6)
    np.testing.assert_array_equal(c, b)


def test_what_is_no_initial_value() -> None:
    with pytest.raises(ValueError, match="initial_value must be specified"):
        tf.Variable()
    with pytest.raises(ValueError, match="must have a shape specified"):
        tf.Variable(tf.placeholder(tf.float32, [None]))
    with pytest.raises(ValueError, match="expected"):
        tf.Variable([1.0], expected_shape=[2])


def test_assignments() -> None:
    v = tf.Variable([1.0, 2.0], name="v")
    plain, plus, minus = tf.assign(v, [5, 6]), v.assign_add([1.0, 1.0]), tf.assign_sub(v, [0.5, 0.5])
    twice = tf.assign(plain, plain * 2)
    with tf.Session() as s:
        with pytest.raises(tf.errors.FailedPreconditionError, match="no value"):
            s.run(v)
        s.run(v.initializer)
        for op, expected in ((plus, [2, 3]), (minus, [1.5, 2.5]), (plain, [5, 6]), (plus.op, None), (twice, [10, 12])):
            result = s.run(op)
            assert result is None if expected is None else result.tolist() == expected
        assert v.eval().tolist() == [10, 12]
        v.load([7, 8], s)
        assert v.eval().tolist() == [7, 8]
        v.assign([0, 0]).eval()
        assert v.eval().tolist() == [0, 0]
    with pytest.raises(TypeError, match="takes a variable"):
        tf.assign(tf.constant(1.0), 2.0)
    with pytest.raises(ValueError, match="dim 0"):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="requested dtype"):
        tf.convert_to_tensor(v, tf.int32)
    with pytest.raises(TypeError, match="cannot take int32"):
        v.assign(tf.constant([1, 2]))


def test_a_variable_of_no_fixed_shape() -> None:
    x = tf.placeholder(tf.float32, [None, 2])
    v = tf.Variable(x, validate_shape=False, name="v")
    grown = v.assign(tf.concat([v, x], 0))
    slope = tf.gradients(tf.reduce_sum(v * v), v)[0]
    with tf.control_dependencies([grown]):
        after = tf.shape(v.read_value())
    assert v.shape.ndims is None
    with tf.Session() as s:
        with pytest.raises(tf.errors.FailedPreconditionError):
            s.run(slope)
        s.run(v.initializer, {x: [[1, 2]]})
        for n in (2, 3, 4):
            before, later = s.run([tf.shape(v), after], {x: [[3, n]]})
            assert (before.tolist(), later.tolist()) == ([n - 1, 2], [n, 2])
        assert s.run(slope).tolist() == [[2, 4], [6, 4], [6, 6], [6, 8]]
        s.run(v.initializer, {x: np.zeros((0, 2))})
        assert s.run(v).shape == (0, 2)


def test_a_fetch_beside_an_update_is_the_value_before() -> None:
    v = tf.Variable(1.0)
    up = v.assign_add(1.0)
    with tf.Session() as s:
        s.run(v.initializer)
        assert s.run([v, up, v * 10.0]) == [1, 2, 10]


def test_operators_of_variables() -> None:
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    made = [v + 1, 2 * v, v @ v, [[1.0, 1.0]] @ v, v[:, 1], -v, tf.matmul(v, v), tf.reduce_sum(v), np.eye(2) * v]
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    wanted = [a + 1, 2 * a, a @ a, [[1, 1]] @ a, a[:, 1], -a, a @ a, a.sum(), np.eye(2) * a]
    with tf.Session() as s:
        s.run(v.initializer)
        for x, y in zip(s.run(made), wanted, strict=True):
            np.testing.assert_array_equal(x, y)
    with pytest.raises(TypeError):
        bool(v)


def test_collections_of_variables() -> None:
    a = tf.Variable(1.0, name="a")
    b = tf.Variable(1, trainable=False, name="b")
    c = tf.Variable(1.0, trainable=False, collections=[tf.GraphKeys.LOCAL_VARIABLES], name="c")
    assert tf.global_variables() == [a, b]
    assert tf.trainable_variables() == [a]
    assert tf.local_variables() == [c]
    with tf.Session() as s:
        s.run([tf.global_variables_initializer(), tf.local_variables_initializer(), tf.tables_initializer()])
        assert s.run([a, b, c]) == [1, 1, 1]
    assert tf.initialize_all_variables().name == "init_2"
    assert tf.variables_initializer([]).type == "NoOp"


def test_get_variable_and_reuse() -> None:
    with tf.variable_scope("foo"):
        with tf.variable_scope("bar"):
            v = tf.get_variable("v", [2, 3])
        assert v.name == "foo/bar/v:0"
        with pytest.raises(ValueError, match="Variable foo/bar/v already exists"), tf.variable_scope("bar"):
            tf.get_variable("v", [2, 3])
    with tf.variable_scope("foo", reuse=True):
        with tf.variable_scope("bar"):
            assert tf.get_variable("v", [2, 3]) is v
            assert tf.get_variable("v") is v
            with pytest.raises(ValueError, match="specified shape"):
                tf.get_variable("v", [3, 2])
            with pytest.raises(ValueError, match="specified dtype"):
                tf.get_variable("v", dtype=tf.float64)
        with pytest.raises(ValueError, match="Variable foo/new does not exist"):
            tf.get_variable("new", [1])
    with tf.variable_scope("foo", reuse=tf.AUTO_REUSE):
        new = tf.get_variable("new", [1])
        assert tf.get_variable("new", [1]) is new
    tf.get_variable("scalar", initializer=tf.constant(2))
    with pytest.raises(ValueError, match="already exists"):
        tf.get_variable("scalar", initializer=tf.constant(2))


def test_reuse_variables_on_the_open_scope() -> None:
    with tf.variable_scope("s") as scope:
        v = tf.get_variable("v", [1])
        scope.reuse_variables()
        assert tf.get_variable("v", [1]) is v
    with tf.variable_scope(scope, reuse=True):
        assert tf.get_variable("v", [1]) is v
    assert tf.get_variable_scope().name == ""


def test_default_names_are_made_unique_and_counted_anew_in_a_reused_scope() -> None:
    def layer() -> Any:
        with tf.variable_scope(None, "dense"):
            return tf.get_variable("kernel", [1])

    def model() -> list[Any]:
        return [layer(), layer()]

    with tf.variable_scope("model"):
        first = model()
    with tf.variable_scope("model", reuse=True):
        again = model()
    assert [v.op.name for v in first] == ["model/dense/kernel", "model/dense_1/kernel"]
    assert first == again


def test_variable_names_ignore_name_scopes() -> None:
    with tf.name_scope("names"):
        v = tf.get_variable("v", [1])
        with tf.variable_scope("vars"):
            w = tf.get_variable("w", [1])
            x = tf.constant(0, name="x")
            y = tf.Variable(0, name="y")
    assert [t.op.name for t in (v, w, x, y)] == ["v", "vars/w", "names/vars/x", "names/vars/y"]
    with tf.variable_scope("vars"):
        assert tf.constant(0, name="x").op.name == "vars/x"
    with tf.variable_scope("vars"):
        assert tf.constant(0, name="x").op.name == "vars_1/x"


def test_scope_defaults() -> None:
    penalties = []

    def regularizer(w: Any) -> Any:
        penalties.append(w)
        return tf.nn.l2_loss(w)

    with tf.variable_scope("s", initializer=tf.constant_initializer(4.0), regularizer=regularizer, dtype=tf.float64):
        v = tf.get_variable("v", [2])
        with tf.variable_scope("inner"):
            w = tf.get_variable("w", [], initializer=tf.ones_initializer)
    assert (v.dtype, penalties) == (tf.float64, [v, w])
    assert len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == 2
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        assert s.run([v, w])[0].tolist() == [4, 4]
        assert s.run(w) == 1


def test_scopes_that_are_refused() -> None:
    for arguments, error in (((None,), TypeError), ((None, "d", None, None, None, None, None, None, True), ValueError)):
        with pytest.raises(error), tf.variable_scope(*arguments):
            pass
    with pytest.raises(ValueError, match="do not specify shape"):
        tf.get_variable("a", [2], initializer=tf.zeros([2]))
    with pytest.raises(ValueError, match="fully defined"):
        tf.get_variable("b", [None, 2])
    with pytest.raises(tf.errors.UnimplementedError):
        tf.get_variable("c", [2], partitioner=lambda **_: 1)


def drawn(initializer: Any, shape: list[int], dtype: Any = tf.float32) -> Any:
    tf.set_random_seed(5)
    with tf.Session() as s:
        return s.run(initializer(shape, dtype))


@pytest.mark.parametrize(
    ("make", "shape", "expected"),
    [
        (tf.zeros_initializer, [2, 3], np.zeros((2, 3))),
        (tf.ones_initializer, [2], np.ones(2)),
        (lambda: tf.constant_initializer([1, 2, 3]), [2, 2], [[1, 2], [3, 3]]),
        (lambda: tf.initializers.identity(2.0), [2, 3], [[2, 0, 0], [0, 2, 0]]),
    ],
)
def test_fixed_initializers(make: Any, shape: list[int], expected: Any) -> None:
    np.testing.assert_array_equal(drawn(make(), shape), expected)


@pytest.mark.parametrize(
    ("make", "variance", "limit"),
    [
        (lambda: tf.random_normal_initializer(stddev=0.5), 0.25, None),
        (lambda: tf.random_uniform_initializer(-2.0, 2.0), 4 / 3, 2),
        (lambda: tf.truncated_normal_initializer(stddev=2.0), 4 * 0.87962566**2, 4),
        (tf.glorot_uniform_initializer, 2 / 180, math.sqrt(6 / 180)),
        (tf.glorot_normal_initializer, 2 / 180, None),
        (tf.contrib.layers.xavier_initializer, 2 / 180, math.sqrt(6 / 180)),
        (tf.contrib.layers.variance_scaling_initializer, 1.3 * 2 / 100 * 0.87962566**2, None),
        (tf.initializers.he_uniform, 2 / 100, math.sqrt(6 / 100)),
        (lambda: tf.variance_scaling_initializer(3.0, "fan_out", "untruncated_normal"), 3 / 80, None),
    ],
)
def test_random_initializers(make: Any, variance: float, limit: float | None) -> None:
    values = drawn(make(), [100, 80])
    np.testing.assert_allclose(values.var(), variance, rtol=0.06)
    assert abs(values.mean()) < 4 * math.sqrt(variance / values.size)
    assert limit is None or np.abs(values).max() <= limit


def test_the_default_initializer_depends_on_the_dtype() -> None:
    v, n = tf.get_variable("v", [100, 80]), tf.get_variable("n", [3], tf.int32)
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        assert 0.9 * math.sqrt(6 / 180) < np.abs(s.run(v)).max() <= math.sqrt(6 / 180)
        assert s.run(n).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="mode"):
        tf.variance_scaling_initializer(mode="fan")
