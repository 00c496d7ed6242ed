"""Graphs: names and scopes as TF's, look-up, control dependencies, collections, the user's line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tfc.v1 as tf
from tfc.ir.errors import DTypeError, ShapeError
from tfc.v1 import contrib
from tfc.v1.python.framework import ops


def names() -> list[str]:
    return [op.name for op in tf.get_default_graph().get_operations()]


def test_operators_have_tfs_names() -> None:
    x = tf.placeholder(tf.float32, [2, 2], name="x")
    made = [x + 1, 1 - x, x * x, x / 2, x // 2, x % 2, x**2, -x, abs(x), x > 0, x <= 0, x @ x, x + 2, x[0]]
    assert [t.op.name for t in made] == [
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "Neg",
        "Abs",
        "Greater",
        "LessEqual",
        "matmul",
        "add_1",
        "strided_slice",
    ]
    assert {"add/y", "sub/x", "pow/y"} <= set(names())


def test_functions_have_tfs_names() -> None:
    x = tf.placeholder(tf.float32, [2, 2])
    made = [
        tf.add(x, x),
        tf.multiply(x, x),
        tf.matmul(x, x),
        tf.nn.softmax(x),
        tf.reduce_mean(x),
        tf.reduce_mean(x, name="loss"),
        tf.argmax(x, 1),
        tf.cast(x, tf.int32),
        tf.reshape(x, [-1]),
        tf.zeros([2]),
        tf.concat([x, x], 0),
        tf.nn.relu(x),
        tf.random_normal([2]),
        tf.identity(x),
    ]
    assert [t.name for t in made] == [
        "Add:0",
        "Mul:0",
        "MatMul:0",
        "Softmax:0",
        "Mean:0",
        "loss:0",
        "ArgMax:0",
        "Cast:0",
        "Reshape:0",
        "zeros:0",
        "concat:0",
        "Relu:0",
        "random_normal:0",
        "Identity:0",
    ]


def test_names_are_made_unique_as_tf_does() -> None:
    given = [tf.constant(0, name=n).op.name for n in ("x", "x", "X", "x_1", "x_1", "x", "y/z", "y/z")]
    assert given == ["x", "x_1", "X_2", "x_1_1", "x_1_2", "x_3", "y/z", "y/z_1"]


def test_name_scopes() -> None:
    with tf.name_scope("layer") as scope:
        a = tf.constant(0, name="a")
        with tf.name_scope("inner"):
            b = tf.constant(0, name="b")
            with tf.name_scope(None):
                c = tf.constant(0, name="c")
    with tf.name_scope("layer"):
        d = tf.constant(0, name="a")
    with tf.name_scope(scope):
        e = tf.constant(0, name="e")
    with tf.name_scope("outer"), tf.name_scope(None, "default", [a]):
        f = tf.constant(0, name="f")
    assert scope == "layer/"
    assert [t.op.name for t in (a, b, c, d, e, f)] == [
        "layer/a",
        "layer/inner/b",
        "c",
        "layer_1/a",
        "layer/e",
        "outer/default/f",
    ]


def test_a_name_that_is_claimed_as_it_is() -> None:
    assert tf.constant(0, name="a/").op.name == "a"
    assert tf.constant(0, name="a").op.name == "a_1"
    with pytest.raises(ValueError, match="Duplicate node name in graph: 'a'"):
        tf.constant(0, name="a/")


@pytest.mark.parametrize("bad", ["a b", "a:0", "-a", "ü"])
def test_invalid_names(bad: str) -> None:
    with pytest.raises(ValueError, match="not a valid scope name"):
        tf.constant(0, name=bad)


def test_look_up() -> None:
    g = tf.get_default_graph()
    x = tf.placeholder(tf.float32, name="x")
    assert g.get_tensor_by_name("x:0") is x
    assert g.get_operation_by_name("x") is x.op
    assert x.op.outputs == [x]
    y = x + x
    assert (y.op.inputs, x.consumers(), y.op.type) == ([x, x], [y.op], "Add")
    assert g.as_graph_element("add") is y.op
    for bad, error in (("y:0", KeyError), ("x:1", KeyError), ("x:y", ValueError)):
        with pytest.raises(error):
            g.get_tensor_by_name(bad)
    with pytest.raises(ValueError, match="refers to a"):
        g.get_tensor_by_name("x")
    with pytest.raises(TypeError):
        g.get_operation_by_name(3)


def test_default_graphs() -> None:
    outer = tf.get_default_graph()
    with tf.Graph().as_default() as g:
        assert tf.get_default_graph() is g
        with pytest.raises(AssertionError, match="nested"):
            tf.reset_default_graph()
        c = tf.constant(1)
    assert c.graph is g
    assert tf.get_default_graph() is outer
    tf.reset_default_graph()
    assert tf.get_default_graph() is not outer


def test_a_finalized_graph() -> None:
    x = tf.placeholder(tf.float32)
    tf.get_default_graph().finalize()
    with pytest.raises(RuntimeError, match="finalized"):
        x + 1


def test_control_dependencies_order_effects() -> None:
    v = tf.Variable(1.0, name="v")
    bump = v.assign_add(1.0)
    with tf.control_dependencies([bump]):
        after = v.read_value()
        via = tf.identity(v) * 10
        with tf.control_dependencies(None):
            free = tf.no_op()
    assert after.op.control_inputs == [bump.op]
    assert free.control_inputs == []
    with tf.Session() as s:
        s.run(v.initializer)
        assert s.run(free) is None
        assert s.run([after, via]) == [2, 20]
        assert s.run(v) == 2


def test_group_acts_on_the_state_before() -> None:
    u, v = tf.Variable(1.0), tf.Variable(10.0)
    step = tf.group(u.assign(u + v), v.assign(v - u))
    with tf.Session() as s:
        s.run(tf.global_variables_initializer())
        assert s.run(step) is None
        assert s.run([u, v]) == [11, 9]


def test_tuple_waits_for_all() -> None:
    v = tf.Variable(1.0)
    bump = v.assign(5.0)
    a, none, op = tf.tuple([tf.constant(3), None, tf.no_op()], control_inputs=[bump])
    assert none is None
    with tf.Session() as s:
        s.run(v.initializer)
        assert s.run([a, op]) == [3, None]
        assert s.run(v) == 5


def test_collections() -> None:
    tf.add_to_collection("mine", 1)
    tf.add_to_collection("mine", tf.constant(0, name="a/b"))
    copy = tf.get_collection("mine")
    copy.append(2)
    assert len(tf.get_collection("mine")) == 2
    assert len(tf.get_collection("mine", "a/")) == 1
    tf.get_collection_ref("mine").clear()
    assert tf.get_collection("mine") == []


def test_every_node_knows_the_users_line() -> None:
    x = tf.nn.softmax(tf.placeholder(tf.float32, [3]))
    for op in tf.get_default_graph().get_operations():
        assert op.node.loc.file == __file__, op
    assert x.op.node.loc.line == test_every_node_knows_the_users_line.__code__.co_firstlineno + 1


def test_dtypes_do_not_mix() -> None:
    x, n = tf.constant(1.5), tf.constant(2)
    for build in (lambda: x + n, lambda: tf.multiply(n, x), lambda: n < x, lambda: tf.matmul([[1]], [[1.0]])):
        with pytest.raises(TypeError):
            build()
    with pytest.raises(TypeError, match="Expected int32, got 1.5"):
        n + 1.5
    with pytest.raises(DTypeError, match=r"add\(float32\[\], int32\[\]\) at .*test_graph.py"):
        x + n
    with pytest.raises(ValueError, match="requested dtype"):
        tf.convert_to_tensor(x, tf.int32)


def test_shape_errors_name_the_operands_and_the_line() -> None:
    a, b = tf.placeholder(tf.float32, [None, 3]), tf.placeholder(tf.float32, [4, 5])
    with pytest.raises(ShapeError, match=r"matmul\(float32\[d0, 3\], float32\[4, 5\]\) at .*test_graph.py:\d+"):
        tf.matmul(a, b)
    with pytest.raises(ValueError, match="cannot be broadcast"):
        tf.constant([1, 2]) + tf.constant([1, 2, 3])


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, "int32"),
        (2**40, "int64"),
        (1.5, "float32"),
        ([1, 2.5], "float32"),
        (True, "bool"),
        (np.float64(1), "float64"),
        (np.arange(3), "int64"),
        (np.float32(1), "float32"),
        ([np.float64(1)], "float32"),
        ([], "float32"),
    ],
)
def test_dtypes_of_python_values(value: Any, dtype: str) -> None:
    assert tf.constant(value).dtype == dtype


def test_python_numbers_take_the_tensors_dtype() -> None:
    for dtype in (tf.float64, tf.int64, tf.uint8, tf.float16):
        x = tf.placeholder(dtype, [2])
        assert {t.dtype for t in (x + 1, 1 + x, x * [1, 2], tf.add(3, x), tf.maximum(x, 0))} == {dtype}


def test_numpy_arrays_leave_operators_to_tensors() -> None:
    x = tf.placeholder(tf.float32, [2])
    for t in (np.ones(2) * x, np.float32(2) * x, np.ones(2, np.float32) / x, np.ones((3, 2)) > x):
        assert isinstance(t, tf.Tensor)
    with pytest.raises(TypeError, match="symbolic"):
        np.asarray(x)


def test_tensors_are_no_bools_and_no_sequences() -> None:
    x = tf.placeholder(tf.float32, [2])
    with pytest.raises(TypeError, match="as a Python `bool`"):
        bool(x > 0)
    with pytest.raises(TypeError, match="iterated"):
        list(x)
    with pytest.raises(TypeError, match="len"):
        len(x)
    same = x
    assert (x == same, x != same, x == 1) == (True, False, False), "TF 1's == is identity"
    assert len({x, x + 0}) == 2


def test_dtype_objects() -> None:
    assert tf.as_dtype("float") is tf.float32 is tf.as_dtype(np.float32) is tf.as_dtype(float)
    assert tf.float32 == "float32" == tf.float32.name
    assert tf.float32 == np.float32
    assert tf.float32 != tf.float64
    assert tf.float32 != None  # noqa: E711
    assert tf.float32.as_numpy_dtype is np.float32
    assert np.zeros(2, tf.int32.as_numpy_dtype).dtype == np.int32
    assert (tf.int32.is_integer, tf.float64.is_floating, tf.bool.is_bool, tf.float16.size) == (True, True, True, 2)
    assert (tf.uint8.max, tf.int8.min) == (255, -128)
    assert (str(tf.int32), repr(tf.int32)) == ("<dtype: 'int32'>", "tf.int32")
    with pytest.raises(TypeError, match="Cannot convert"):
        tf.as_dtype("complex64")


def test_shapes() -> None:
    x = tf.placeholder(tf.float32, [None, 784])
    assert x.get_shape().as_list() == [None, 784]
    assert (str(x.shape), repr(x.shape)) == ("(?, 784)", "TensorShape([Dimension(None), Dimension(784)])")
    assert x.shape[1] == 784
    assert x.shape[1].value == int(x.shape[1]) == 784
    assert x.shape[0].value is None
    assert (x.shape.ndims, len(x.shape), x.shape[1:].num_elements()) == (2, 2, 784)
    assert not x.shape.is_fully_defined()
    assert x.shape.merge_with([5, None]).as_list() == [5, 784]
    assert x.shape.is_compatible_with([3, 784])
    assert not x.shape.is_compatible_with([3, 783])
    assert tf.TensorShape([1, 2]).concatenate([None]).as_list() == [1, 2, None]
    assert tf.TensorShape([2, 3]) == [2, 3]
    assert tf.zeros(tf.TensorShape([2, 3])).shape == (2, 3)
    unknown = tf.placeholder(tf.float32)
    assert unknown.shape.ndims is None
    assert str(unknown.shape) == "<unknown>"
    with pytest.raises(ValueError, match="unknown TensorShape"):
        unknown.shape.as_list()
    assert str(x) == 'Tensor("Placeholder:0", shape=(?, 784), dtype=float32)'
    assert repr(x) == "<tf.Tensor 'Placeholder:0' shape=(?, 784) dtype=float32>"


def test_set_shape() -> None:
    x = tf.placeholder(tf.float32)
    x.set_shape([None, 3])
    assert x.shape.as_list() == [None, 3]
    y = x * 2
    y.set_shape([2, 3])
    assert (y + 1).shape.as_list() == [2, 3]
    z = y[:1]
    z.set_shape([None, 3])
    z.set_shape([1, 3])
    with pytest.raises(ValueError, match="not compatible"):
        y.set_shape([3, 3])
    with tf.Session() as s:
        assert s.run(y + 1, {x: np.ones((2, 3))}).sum() == 18


def test_placeholder_with_default() -> None:
    keep = tf.placeholder_with_default(1.0, shape=())
    rows = tf.placeholder_with_default([[1.0, 2.0]], [None, 2])
    assert rows.shape.as_list() == [None, 2]
    with tf.Session() as s:
        assert s.run([keep, tf.reduce_sum(rows)]) == [1, 3]
        assert s.run([keep, tf.reduce_sum(rows)], {keep: 0.5, rows: np.ones((3, 2))}) == [0.5, 6]
    with pytest.raises(ValueError, match="does not fit"):
        tf.placeholder_with_default([1.0], [2])


@pytest.mark.parametrize("name", ["conv2d_no", "string"])
def test_what_is_not_there_says_so(name: str) -> None:
    for module, prefix in ((tf, ""), (tf.nn, "nn."), (tf.train, "train."), (contrib.layers, "contrib.layers.")):
        with pytest.raises(AttributeError, match=rf"tfc\.v1 has no {prefix}{name}"):
            getattr(module, name)


def test_the_facade() -> None:
    assert tf.compat.v1 is tf
    assert tf.__version__.startswith("1.15")
    assert tf.compat.as_str(b"x") == "x"
    assert tf.sub(3, 1).op.type == "Sub"
    assert tf.initialize_all_variables is tf.global_variables_initializer
    assert not tf.executing_eagerly()
    assert tf.math.log is tf.log
    assert tf.random.normal is tf.random_normal
    before = tf.get_default_graph()
    ops.reset_default_graph()
    assert tf.get_default_graph() is not before
