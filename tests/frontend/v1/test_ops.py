"""TF's functions against NumPy: values, default arguments, old names and argument orders, dims known only in a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import tfc.v1 as tf

A = np.array([[0.5, -1.25, 3.0], [2.0, -0.0, -7.5]])
B = np.array([[2.0, 0.5, -1.0], [0.25, 4.0, 3.0]])
N = np.array([[7, -3, 5], [-8, 2, 0]], np.int32)
M = np.array([[2, 2, -3], [3, -5, 4]], np.int32)
T = np.arange(24, dtype=np.float64).reshape(2, 3, 4)
P = np.array([[True, False, True], [False, False, True]])


def norm(*arrays: Any) -> Any:
    return np.sqrt(sum((a**2).sum() for a in arrays))


def softmax(x: Any, axis: int = -1) -> Any:
    return special.softmax(x, axis)


def ce(labels: Any, logits: Any) -> Any:
    return -(labels * special.log_softmax(logits, -1)).sum(-1)


L = np.array([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]])
Case = tuple[Callable[..., Any], Callable[..., Any], list[Any]]

ELEMENTWISE: dict[str, Case] = {
    "add": (tf.add, np.add, [A, B]),
    "subtract": (tf.subtract, np.subtract, [A, B]),
    "multiply": (tf.multiply, np.multiply, [A, B]),
    "divide": (tf.divide, np.divide, [A, B]),
    "div floats": (tf.div, np.divide, [A, B]),
    "div ints": (tf.div, np.floor_divide, [N, M]),
    "truediv ints": (tf.truediv, np.true_divide, [N, M]),
    "divide ints": (tf.divide, np.true_divide, [N, M]),
    "floordiv": (tf.floordiv, np.floor_divide, [N, M]),
    "floor_div floats": (tf.floor_div, np.floor_divide, [A, B]),
    "mod": (tf.mod, np.mod, [N, M]),
    "truncatediv": (tf.truncatediv, lambda a, b: np.trunc(a / b), [N, M]),
    "truncatemod": (tf.truncatemod, np.fmod, [N, M]),
    "pow": (tf.pow, np.power, [np.abs(A), B]),
    "pow ints": (tf.pow, np.power, [N, np.abs(M)]),
    "maximum": (tf.maximum, np.maximum, [A, B]),
    "minimum": (tf.minimum, np.minimum, [A, B]),
    "squared_difference": (tf.squared_difference, lambda a, b: (a - b) ** 2, [A, B]),
    "negative": (tf.negative, np.negative, [A]),
    "abs": (tf.abs, np.abs, [N]),
    "sign": (tf.sign, np.sign, [A]),
    "square": (tf.square, np.square, [N]),
    "sqrt": (tf.sqrt, np.sqrt, [np.abs(A)]),
    "rsqrt": (tf.rsqrt, lambda x: 1 / np.sqrt(x), [np.abs(B)]),
    "reciprocal": (tf.reciprocal, np.reciprocal, [B]),
    "exp": (tf.exp, np.exp, [A]),
    "expm1": (tf.expm1, np.expm1, [A]),
    "log": (tf.log, np.log, [np.abs(B)]),
    "log1p": (tf.log1p, np.log1p, [np.abs(B)]),
    "tanh": (tf.tanh, np.tanh, [A]),
    "sigmoid": (tf.sigmoid, special.expit, [A]),
    "erf": (tf.erf, special.erf, [A]),
    "sin": (tf.sin, np.sin, [A]),
    "cos": (tf.cos, np.cos, [A]),
    "tan": (tf.tan, np.tan, [A]),
    "floor": (tf.floor, np.floor, [A]),
    "ceil": (tf.ceil, np.ceil, [A]),
    "round": (tf.round, np.rint, [A]),
    "round ints": (tf.round, np.asarray, [N]),
    "equal": (tf.equal, np.equal, [N, M]),
    "not_equal": (tf.not_equal, np.not_equal, [N, M]),
    "less": (tf.less, np.less, [A, B]),
    "greater_equal": (tf.greater_equal, np.greater_equal, [A, B]),
    "logical_and": (tf.logical_and, np.logical_and, [P, ~P]),
    "logical_or": (tf.logical_or, np.logical_or, [P, ~P]),
    "logical_xor": (tf.logical_xor, np.logical_xor, [P, P]),
    "logical_not": (tf.logical_not, np.logical_not, [P]),
    "is_nan": (tf.is_nan, np.isnan, [np.array([np.nan, np.inf, 0])]),
    "is_inf": (tf.is_inf, np.isinf, [np.array([np.nan, np.inf, 0])]),
    "is_finite": (tf.is_finite, np.isfinite, [np.array([np.nan, np.inf, 0])]),
    "cast to int": (lambda x: tf.cast(x, tf.int32), lambda x: x.astype(np.int32), [A]),
    "cast of bool": (lambda x: tf.cast(x, "float"), lambda x: x.astype(np.float32), [P]),
    "to_float": (tf.to_float, lambda x: x.astype(np.float32), [N]),
    "to_int64": (tf.to_int64, lambda x: x.astype(np.int64), [A]),
    "where": (tf.where, np.where, [P, A, B]),
    "where rows": (tf.where, lambda c, a, b: np.where(c[:, None], a, b), [np.array([True, False]), A, B]),
    "select": (tf.select, np.where, [P, A, B]),
    "clip_by_value": (lambda x: tf.clip_by_value(x, -1, 2), lambda x: np.clip(x, -1, 2), [A]),
    "add_n": (lambda a, b: tf.add_n([a, b, a]), lambda a, b: 2 * a + b, [A, B]),
    "relu": (tf.nn.relu, lambda x: np.maximum(x, 0), [A]),
    "relu6": (tf.nn.relu6, lambda x: np.clip(x, 0, 6), [A]),
    "leaky_relu": (tf.nn.leaky_relu, lambda x: np.where(x > 0, x, 0.2 * x), [A]),
    "elu": (tf.nn.elu, lambda x: np.where(x > 0, x, np.expm1(x)), [A]),
    "selu": (
        tf.nn.selu,
        lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
        [A],
    ),
    "softplus": (tf.nn.softplus, lambda x: np.logaddexp(0, x), [A]),
    "softsign": (tf.nn.softsign, lambda x: x / (1 + np.abs(x)), [A]),
    "nn.tanh": (tf.nn.tanh, np.tanh, [A]),
    "nn.sigmoid": (tf.nn.sigmoid, special.expit, [A]),
}

REDUCING: dict[str, Case] = {
    "reduce_sum": (tf.reduce_sum, np.sum, [A]),
    "reduce_sum axis": (lambda x: tf.reduce_sum(x, 1), lambda x: x.sum(1), [A]),
    "reduce_mean axes": (lambda x: tf.reduce_mean(x, [0, -1]), lambda x: x.mean((0, 2)), [T]),
    "old arguments": (
        lambda x: tf.reduce_max(x, reduction_indices=[1], keep_dims=True),
        lambda x: x.max(1, keepdims=True),
        [A],
    ),
    "reduce_min": (lambda x: tf.reduce_min(x, axis=0, keepdims=True), lambda x: x.min(0, keepdims=True), [A]),
    "reduce_prod": (tf.reduce_prod, np.prod, [B]),
    "reduce_any": (lambda x: tf.reduce_any(x, 0), lambda x: x.any(0), [P]),
    "reduce_all": (tf.reduce_all, np.all, [P]),
    "reduce_logsumexp": (lambda x: tf.reduce_logsumexp(x, 1), lambda x: special.logsumexp(x, 1), [A]),
    "no axes": (lambda x: tf.reduce_sum(x, []), np.asarray, [A]),
    "count_nonzero": (tf.count_nonzero, np.count_nonzero, [N]),
    "count_nonzero of bools": (lambda x: tf.count_nonzero(x > 0, 0), lambda x: np.count_nonzero(x > 0, 0), [N]),
    "argmax": (tf.argmax, lambda x: np.argmax(x, 0), [A]),
    "argmax dimension": (lambda x: tf.argmax(x, dimension=1), lambda x: np.argmax(x, 1), [A]),
    "argmin": (lambda x: tf.arg_min(x, 1), lambda x: np.argmin(x, 1), [A]),
    "norm": (tf.norm, np.linalg.norm, [A]),
    "norm 1": (lambda x: tf.norm(x, 1, axis=1), lambda x: np.abs(x).sum(1), [A]),
    "global_norm": (lambda a, b: tf.global_norm([a, None, b]), norm, [A, B]),
    "clip_by_norm": (lambda x: tf.clip_by_norm(x, 2.0), lambda x: x * 2 / np.linalg.norm(x), [A]),
    "clip_by_global_norm": (
        lambda a, b: tf.clip_by_global_norm([a, b], 1.0)[0][1],
        lambda a, b: b / norm(a, b),
        [A, B],
    ),
    "matmul": (tf.matmul, np.matmul, [A, B.T]),
    "matmul transposed": (lambda a, b: tf.matmul(a, b, transpose_b=True), lambda a, b: a @ b.T, [A, B]),
    "matmul adjoint": (lambda a, b: tf.matmul(a, b, adjoint_a=True), lambda a, b: a.T @ b, [A, B]),
    "matmul batched": (tf.batch_matmul, np.matmul, [T, np.swapaxes(T, 1, 2)]),
    "softmax": (tf.nn.softmax, softmax, [A]),
    "softmax dim": (lambda x: tf.nn.softmax(x, dim=0), lambda x: softmax(x, 0), [A]),
    "log_softmax": (tf.nn.log_softmax, lambda x: special.log_softmax(x, -1), [A]),
    "cross entropy": (lambda y, x: tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=x), ce, [L, A]),
    "cross entropy v2": (lambda y, x: tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x), ce, [L, A]),
    "cross entropy axis": (
        lambda y, x: tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=x, axis=0),
        lambda y, x: ce(y.T, x.T),
        [L, A],
    ),
    "cross entropy, pre-1.0 order": (lambda y, x: tf.nn.softmax_cross_entropy_with_logits(x, y), ce, [L, A]),
    "cross entropy, int labels": (
        lambda y, x: tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=x),
        ce,
        [np.eye(3, dtype=np.int32)[:2], A],
    ),
    "sparse cross entropy": (
        lambda y, x: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x),
        lambda y, x: -special.log_softmax(x, -1)[[0, 1], y],
        [np.array([2, 0]), A],
    ),
    "sigmoid cross entropy": (
        lambda y, x: tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x),
        lambda y, x: np.logaddexp(0, x) - x * y,
        [L, A],
    ),
    "weighted cross entropy": (
        lambda y, x: tf.nn.weighted_cross_entropy_with_logits(targets=y, logits=x, pos_weight=3.0),
        lambda y, x: 3 * y * np.logaddexp(0, -x) + (1 - y) * np.logaddexp(0, x),
        [L, A],
    ),
    "bias_add": (tf.nn.bias_add, np.add, [T, np.arange(4.0)]),
    "bias_add NCHW": (lambda x, b: tf.nn.bias_add(x, b, "NCHW"), lambda x, b: x + b[:, None], [T, np.arange(3.0)]),
    "xw_plus_b": (tf.nn.xw_plus_b, lambda x, w, b: x @ w + b, [A, B.T, np.array([1.0, -2.0])]),
    "l2_loss": (tf.nn.l2_loss, lambda x: (x**2).sum() / 2, [A]),
    "l2_normalize": (
        lambda x: tf.nn.l2_normalize(x, dim=1),
        lambda x: x / np.linalg.norm(x, axis=1, keepdims=True),
        [A],
    ),
    "moments": (lambda x: tf.nn.moments(x, [0])[1], lambda x: x.var(0), [A]),
    "moments kept": (lambda x: tf.nn.moments(x, [1], keep_dims=True)[0], lambda x: x.mean(1, keepdims=True), [A]),
    "batch_normalization": (
        lambda x: tf.nn.batch_normalization(x, 0.5, 2.0, 1.0, 3.0, 0.25),
        lambda x: (x - 0.5) / 1.5 * 3 + 1,
        [A],
    ),
    "batch_norm_with_global_normalization": (
        lambda x: tf.nn.batch_norm_with_global_normalization(x, 0.5, 2.0, 1.0, 3.0, 0.25, False),
        lambda x: (x - 0.5) / 1.5 + 1,
        [A],
    ),
    "tensordot": (lambda a, b: tf.tensordot(a, b, 2), lambda a, b: np.tensordot(a, b, 2), [T, T[0]]),
    "tensordot axis": (lambda a, b: tf.tensordot(a, b, [[1], [0]]), lambda a, b: np.tensordot(a, b, [1, 0]), [A, A.T]),
    "tensordot axes": (
        lambda a, b: tf.tensordot(a, b, [[2, 0], [1, -1]]),
        lambda a, b: np.tensordot(a, b, [[2, 0], [1, 2]]),
        [T, T.transpose(1, 2, 0)],
    ),
    "tensordot of numbers": (lambda a, b: tf.tensordot(a, b, axes=0), lambda a, b: np.tensordot(a, b, 0), [A, B]),
    "trace": (tf.trace, lambda x: x.trace(axis1=1, axis2=2), [T]),
    "cross": (tf.cross, np.cross, [A, B]),
    "in_top_k": (
        lambda x, y: tf.nn.in_top_k(x, y, 2),
        lambda x, y: np.array([False, True]),
        [A, np.array([1, 1])],
    ),
    "zero_fraction": (tf.nn.zero_fraction, lambda x: (x == 0).mean(), [A]),
}

SHAPING: dict[str, Case] = {
    "reshape": (lambda x: tf.reshape(x, [-1, 2]), lambda x: x.reshape(-1, 2), [A]),
    "transpose": (tf.transpose, np.transpose, [T]),
    "transpose perm": (lambda x: tf.transpose(x, perm=[1, 0, 2]), lambda x: x.transpose(1, 0, 2), [T]),
    "matrix_transpose": (tf.matrix_transpose, lambda x: x.swapaxes(1, 2), [T]),
    "expand_dims": (lambda x: tf.expand_dims(x, -1), lambda x: x[..., None], [A]),
    "expand_dims dim": (lambda x: tf.expand_dims(x, dim=1), lambda x: x[:, None], [A]),
    "squeeze": (tf.squeeze, np.squeeze, [A[None, :, None]]),
    "squeeze dims": (lambda x: tf.squeeze(x, squeeze_dims=[0]), lambda x: x[0], [A[None, :, None]]),
    "tile": (lambda x: tf.tile(x, [2, 1]), lambda x: np.tile(x, (2, 1)), [A]),
    "broadcast_to": (lambda x: tf.broadcast_to(x, [4, 2, 3]), lambda x: np.broadcast_to(x, (4, 2, 3)), [A]),
    "reverse": (lambda x: tf.reverse(x, [0, -1]), lambda x: x[::-1, ::-1], [A]),
    "slice": (lambda x: tf.slice(x, [1, 0, 2], [-1, 2, 1]), lambda x: x[1:, :2, 2:3], [T]),
    "strided_slice": (
        lambda x: tf.strided_slice(x, [0, 2, 1], [1, 0, 4], [1, -1, 2], end_mask=2, shrink_axis_mask=1),
        lambda x: x[0, 2::-1, 1:4:2],
        [T],
    ),
    "concat": (lambda a, b: tf.concat([a, b], 1), lambda a, b: np.concatenate([a, b], 1), [A, B]),
    "concat, pre-1.0 order": (lambda a, b: tf.concat(0, [a, b]), lambda a, b: np.concatenate([a, b]), [A, B]),
    "stack": (lambda a, b: tf.stack([a, b], axis=1), lambda a, b: np.stack([a, b], 1), [A, B]),
    "pack": (lambda a, b: tf.pack([a, b]), lambda a, b: np.stack([a, b]), [A, B]),
    "a list of tensors": (lambda a, b: tf.reduce_sum([a, b], 0), lambda a, b: a + b, [A, B]),
    "unstack": (lambda x: tf.unstack(x, axis=1)[2], lambda x: x[:, 2], [T]),
    "split": (lambda x: tf.split(x, 2, 2)[1], lambda x: x[..., 2:], [T]),
    "split sizes": (lambda x: tf.split(x, [1, -1], axis=1)[1], lambda x: x[:, 1:], [T]),
    "split, all sizes": (lambda x: tf.split(x, [2, 1], axis=1)[1], lambda x: x[:, 2:], [T]),
    "split, pre-1.0 order": (lambda x: tf.split(0, 2, x)[0], lambda x: x[:1], [T]),
    "pad": (lambda x: tf.pad(x, [[1, 0], [0, 2]]), lambda x: np.pad(x, [(1, 0), (0, 2)]), [A]),
    "pad reflect": (
        lambda x: tf.pad(x, tf.constant([[1, 1], [2, 0]]), "REFLECT"),
        lambda x: np.pad(x, [(1, 1), (2, 0)], "reflect"),
        [A],
    ),
    "pad value": (
        lambda x: tf.pad(x, [[0, 1], [0, 0]], constant_values=9),
        lambda x: np.pad(x, [(0, 1), (0, 0)], constant_values=9),
        [A],
    ),
    "gather": (lambda x: tf.gather(x, [2, 0, 2], axis=1), lambda x: x[:, [2, 0, 2]], [A]),
    "embedding_lookup": (tf.nn.embedding_lookup, lambda x, i: x[i], [A, np.array([[1, 0], [1, 1]])]),
    "one_hot": (lambda x: tf.one_hot(x, 4), lambda x: np.eye(4)[x], [np.array([[1, 0], [3, 2]])]),
    "one_hot axis": (
        lambda x: tf.one_hot(x, 3, on_value=5.0, off_value=-1.0, axis=0),
        lambda x: (np.eye(3)[x] * 6 - 1).T,
        [np.array([1, 0])],
    ),
    "diag": (tf.diag, np.diag, [A[0]]),
    "diag of a matrix": (tf.diag, lambda x: np.diag(x.ravel()).reshape(2, 3, 2, 3), [A]),
    "diag of ints": (tf.diag, np.diag, [N[0]]),
    "diag_part": (tf.diag_part, np.diag, [A[:, :2]]),
    "matrix_diag": (tf.matrix_diag, lambda x: np.stack([np.diag(row) for row in x]), [A]),
    "matrix_diag_part": (tf.matrix_diag_part, lambda x: x.diagonal(axis1=1, axis2=2), [T]),
    "matrix_diag_part, tall": (tf.matrix_diag_part, lambda x: x.diagonal(), [T[0].T]),
    "zeros_like": (tf.zeros_like, np.zeros_like, [A]),
    "ones_like": (lambda x: tf.ones_like(x, dtype=tf.int32), lambda x: np.ones(x.shape), [A]),
    "shape": (tf.shape, np.shape, [T]),
    "size": (tf.size, np.size, [T]),
    "rank": (tf.rank, np.ndim, [T]),
}

INDEXING: list[Callable[[Any], Any]] = [
    lambda x: x[0],
    lambda x: x[-1, 2],
    lambda x: x[:, -1],
    lambda x: x[..., -1],
    lambda x: x[1:, ::2, 1:-1],
    lambda x: x[:, ::-1],
    lambda x: x[:, 5:1:-2],
    lambda x: x[:, tf.newaxis, ..., None],
    lambda x: x[:1, ..., 3:1],
    lambda x: x[:, -10:10],
    lambda x: x[0, 1, 2],
    lambda x: x[...],
]


def run(build: Callable[..., Any], arrays: list[Any], *, open_dims: bool, double: bool = True) -> Any:
    """The result of a function on placeholders of the arrays' dtype, of known or of unknown dims."""
    given = [np.asarray(a) if double else np.asarray(a, np.float32) for a in arrays]
    shapes = [[None] * a.ndim if open_dims else list(a.shape) for a in given]
    feeds = [tf.placeholder(a.dtype, shape) for a, shape in zip(given, shapes, strict=True)]
    out = build(*feeds)
    with tf.Session() as s:
        result = s.run(out, dict(zip(feeds, given, strict=True)))
    assert out.shape.is_compatible_with(result.shape)
    assert out.dtype == result.dtype
    return result


@pytest.mark.parametrize("case", ELEMENTWISE)
def test_elementwise(case: str) -> None:
    build, reference, arrays = ELEMENTWISE[case]
    result = run(build, arrays, open_dims=True)
    np.testing.assert_allclose(result, reference(*arrays), rtol=1e-12)


@pytest.mark.parametrize("open_dims", [False, True], ids=["known", "open"])
@pytest.mark.parametrize("case", REDUCING)
def test_reductions_and_products(case: str, open_dims: bool) -> None:
    build, reference, arrays = REDUCING[case]
    result = run(build, arrays, open_dims=open_dims)
    np.testing.assert_allclose(result, reference(*arrays), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("open_dims", [False, True], ids=["known", "open"])
@pytest.mark.parametrize("case", SHAPING)
def test_shaping(case: str, open_dims: bool) -> None:
    build, reference, arrays = SHAPING[case]
    if open_dims and case in ("unstack", "squeeze"):
        pytest.skip("it acts on what is known when the graph is built")
    result = run(build, arrays, open_dims=open_dims)
    np.testing.assert_array_equal(result, reference(*arrays))


@pytest.mark.parametrize("open_dims", [False, True], ids=["known", "open"])
@pytest.mark.parametrize("k", range(len(INDEXING)))
def test_indexing(k: int, open_dims: bool) -> None:
    np.testing.assert_array_equal(run(INDEXING[k], [T], open_dims=open_dims), INDEXING[k](T))


def test_an_index_that_a_run_knows() -> None:
    np.testing.assert_array_equal(run(lambda x, i: x[:, i, 1:], [T, np.array(2)], open_dims=True), T[:, 2, 1:])


MOVING: list[tuple[Callable[..., Any], Callable[..., Any], list[Any]]] = [
    (lambda x, at: tf.slice(x, at, [1, 2, 2]), lambda x, at: x[1:2, 0:2, 2:4], [T, np.array([1, 0, 2])]),
    (lambda x, at: tf.slice(x, [0, at, 1], [-1, 2, -1]), lambda x, at: x[:, 1:3, 1:], [T, np.array(1, np.int32)]),
    (lambda x, at: tf.slice(x, at, [1]), lambda x, at: x[2:3], [A[0], np.array([2], np.int32)]),
    (
        lambda x, at: tf.slice(x, tf.pad(tf.reshape(tf.argmin(at), [1]), [[0, 1]]), tf.constant(np.array([1, 3]))),
        lambda x, at: x[1:2],
        [A, np.array([3.0, 1.0])],
    ),
    (lambda x, at: tf.gradients(tf.slice(x, at, [2]), x)[0], lambda x, at: [0, 1, 1], [A[0], np.array([1])]),
]


@pytest.mark.parametrize("open_dims", [False, True], ids=["known", "open"])
@pytest.mark.parametrize("k", range(len(MOVING)))
def test_a_slice_from_where_a_run_says(k: int, open_dims: bool) -> None:
    build, reference, arrays = MOVING[k]
    np.testing.assert_array_equal(run(build, arrays, open_dims=open_dims), reference(*arrays))


def test_a_slice_whose_size_a_run_alone_knows() -> None:
    with pytest.raises(
        tf.errors.UnimplementedError, match=r"slice: what a size of -1 takes from .* known only in a run"
    ):
        tf.slice(tf.constant([1.0, 2.0, 3.0]), tf.placeholder(tf.int32, [1]), [-1])


def test_indices_that_are_refused() -> None:
    x, unknown = tf.placeholder(tf.float32, [2, 3]), tf.placeholder(tf.float32)
    for key, error in (((0, 0, 0), IndexError), (2, ValueError), (True, TypeError), (1.5, TypeError)):
        with pytest.raises(error):
            x[key]
    with pytest.raises(ValueError, match="step"):
        x[::0]
    with pytest.raises(tf.errors.UnimplementedError, match="rank is unknown"):
        unknown[0]


def test_constants_and_fills() -> None:
    made = {
        tf.constant(0.5, shape=[2, 2]): np.full((2, 2), 0.5),
        tf.constant([1, 2, 3], shape=[2, 3]): [[1, 2, 3], [3, 3, 3]],
        tf.zeros([2, 3], tf.int32): np.zeros((2, 3)),
        tf.ones([]): 1,
        tf.zeros([1000, 3], tf.bool): np.zeros((1000, 3), bool),
        tf.fill([2, 2], 7): np.full((2, 2), 7),
        tf.fill([2], tf.constant(3.0)): [3, 3],
        tf.eye(2, 3): np.eye(2, 3),
        tf.range(5): np.arange(5),
        tf.range(3, 11, 3): [3, 6, 9],
        tf.range(3, 0, -1): [3, 2, 1],
        tf.range(0.0, 1.0, 0.25): [0, 0.25, 0.5, 0.75],
        tf.linspace(0.0, 1.0, 5): [0, 0.25, 0.5, 0.75, 1],
    }
    with tf.Session() as s:
        for tensor, expected in made.items():
            np.testing.assert_array_equal(s.run(tensor), expected)
    assert [t.dtype.name for t in made][:6] == ["float32", "int32", "int32", "float32", "bool", "int32"]
    with pytest.raises(ValueError, match="cannot take values"):
        tf.constant([1, 2, 3], shape=[2])


def test_shapes_made_of_other_shapes() -> None:
    """The dims of results follow from dims that only the run knows."""
    x = tf.placeholder(tf.float32, [None, 4])
    batch = tf.shape(x)[0]
    shape = tf.stack([batch * 2, 2])
    made = [
        tf.reshape(x, shape),
        tf.reshape(x, [batch, 2, -1]),
        tf.zeros([batch, 3]),
        tf.fill(tf.stack([batch]), 2.0),
        tf.ones(tf.shape(x)),
        tf.range(batch),
        tf.reshape(x, tf.concat([tf.shape(x)[:1], [2, 2]], 0)),
        tf.reshape(x, [tf.size(x)]),
        tf.reshape(x, [-1, tf.reduce_prod(tf.shape(x)[1:])]),
        tf.reshape(x, [-1, tf.maximum(tf.shape(x)[1] % 3, 2)]),
        tf.tile(x, [1, tf.shape(x)[1] // 2]),
        tf.random_uniform(tf.shape(x)),
        x[: batch - 1],
        tf.slice(x, [1, 0], [batch - 1, 2]),
    ]
    with tf.Session() as s:
        for n in (1, 3):
            results = s.run(made, {x: np.ones((n, 4))})
            assert [r.shape for r in results] == [
                (2 * n, 2),
                (n, 2, 2),
                (n, 3),
                (n,),
                (n, 4),
                (n,),
                (n, 2, 2),
                (4 * n,),
                (n, 4),
                (2 * n, 2),
                (n, 8),
                (n, 4),
                (n - 1, 4),
                (n - 1, 2),
            ]


def test_shapes_that_a_run_alone_knows_are_refused() -> None:
    x, n = tf.placeholder(tf.float32, [4]), tf.placeholder(tf.int32, [2])
    with pytest.raises(tf.errors.UnimplementedError, match="known only in a run"):
        tf.reshape(x, n)
    with pytest.raises(tf.errors.UnimplementedError, match="where with one argument at .*test_ops.py"):
        tf.where(x > 0)


def test_reshape_of_an_unknown_rank() -> None:
    x = tf.placeholder(tf.float32)
    rows = tf.reshape(x, [-1, 2])
    assert tf.reshape(x, [3, 2]).shape == (3, 2)
    with tf.Session() as s:
        assert s.run(rows, {x: np.zeros((3, 4))}).shape == (6, 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: tf.reduce_sum(A, axis=0, reduction_indices=0),
        lambda: tf.argmax(A, 0, dimension=0),
        lambda: tf.expand_dims(A),
        lambda: tf.matmul(A, A, transpose_a=True, adjoint_a=True),
        lambda: tf.where(P, A),
        lambda: tf.add_n([]),
        lambda: tf.split(tf.constant(A), 2, 1),
        lambda: tf.split(tf.constant(A), [1, 1], 1),
        lambda: tf.unstack(tf.placeholder(tf.float32, [None, 2])),
        lambda: tf.unstack(tf.constant(A), num=3),
        lambda: tf.add_n([tf.constant(A), tf.constant(A[:1])]),
        lambda: tf.nn.softmax_cross_entropy_with_logits(A, A, A),
        lambda: tf.nn.softmax_cross_entropy_with_logits(labels=A),
        lambda: tf.nn.sigmoid_cross_entropy_with_logits(labels=A, logits=A[:, :2]),
        lambda: tf.nn.dropout(A, 1.5),
        lambda: tf.nn.dropout(A),
        lambda: tf.random_uniform([2], dtype=tf.int32),
        lambda: tf.zeros([-1]),
        lambda: tf.cross(A, A[:, :2]),
        lambda: tf.diag_part(T),
        lambda: tf.tensordot(A, B, [[0, 1], [0]]),
        lambda: tf.tensordot(A, B, [0]),
        lambda: tf.reshape(tf.constant(A), [4, -1]),
    ],
)
def test_wrong_arguments(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (each has its own message)
        call()


@pytest.mark.parametrize(
    ("call", "shapes", "message"),
    [
        (lambda x, y: tf.split(x, 3, 1), [(2, 8), (1, 1)], r"dim 1 and the .* that it must be: 8 and 6 differ"),
        (lambda x, y: tf.split(x, [2, 3], 1), [(2, 8), (1, 1)], "dim 1 and the 5 that it must be: 8 and 5 differ"),
        (lambda x, y: tf.unstack(x, 2), [(3, 2), (1, 1)], "dim 0 and the 2 that it must be: 3 and 2 differ"),
        (lambda x, y: tf.add_n([x, y]), [(3, 2), (1, 2)], "dim 0 and the .* that it must be: 1 and 3 differ"),
        (
            lambda x, y: tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=y),
            [(3, 1), (3, 4)],
            "dim 1 and the .* that it must be: 1 and 4 differ",
        ),
    ],
)
def test_shapes_that_only_a_run_finds_wrong(call: Callable[..., Any], shapes: list[Any], message: str) -> None:
    x, y = (tf.placeholder(tf.float32, [None, None]) for _ in shapes)
    fetches = call(x, y)
    fed = dict(zip((x, y), map(np.ones, shapes), strict=True))
    with tf.Session() as s, pytest.raises(ValueError, match=rf"test_ops.py:\d+: {message}"):
        s.run(fetches, fed)


def test_signatures_can_be_inspected() -> None:
    assert str(inspect.signature(tf.multiply)) == "(x, y, name=None)"
    assert list(inspect.signature(tf.nn.relu).parameters) == ["features", "name"]
    assert list(inspect.signature(tf.reduce_mean).parameters)[:4] == ["input_tensor", "axis", "keepdims", "name"]
    assert tf.multiply.__name__ == "multiply"
    with pytest.raises(TypeError, match=r"multiply\(x, y, name=None\): missing a required argument: 'y'"):
        tf.multiply(1)


def test_gradients() -> None:
    x, y = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    z = x * x * y
    w = tf.Variable(3.0)
    gx, gy = tf.gradients(z, [x, y])
    seeded = tf.gradients([z, x], x, grad_ys=[2.0, tf.constant(10.0)])[0]
    stopped = tf.gradients(x * tf.stop_gradient(x), x)[0]
    constant = tf.gradients(x * (x * 2), x, stop_gradients=[x])[0]
    of_variable = tf.gradients(w * w + x, w)[0]
    assert tf.gradients(x, [y, w]) == [None, None]
    zero = tf.gradients(x, y, unconnected_gradients=tf.UnconnectedGradients.ZERO)[0]
    assert gx.name.startswith("gradients/")
    assert seeded.name.startswith("gradients_1/")
    with tf.Session() as s:
        s.run(w.initializer)
        values = s.run([gx, gy, seeded, stopped, of_variable, zero], {x: 3, y: 5})
        assert [float(v) for v in values] == [30, 9, 70, 3, 6, 0]
        assert s.run(constant, {x: 3}) == 12
    with pytest.raises(ValueError, match="one item for each"):
        tf.gradients(z, x, grad_ys=[1.0, 2.0])


def test_labels_take_no_gradient_in_the_first_cross_entropy_only() -> None:
    labels, logits = tf.placeholder(tf.float32, [2, 3]), tf.placeholder(tf.float32, [2, 3])
    first = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    second = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
    assert tf.gradients(first, labels) == [None]
    assert tf.gradients(second, labels) != [None]
