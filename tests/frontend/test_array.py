"""The traced array: operators, methods, indexing, and NumPy's own functions on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tfc.numpy as tnp
from tfc.ir.errors import DTypeError, RunError, ShapeError, TfcError, UnsupportedError

from .reference import array, compiled, same

pytestmark = pytest.mark.usefixtures("on_both")

KEYS: list[tuple[tuple[int, ...], Any]] = [
    ((5, 4), 2),
    ((5, 4), -5),
    ((5, 4), (1, -1)),
    ((5, 4), slice(1, None)),
    ((5, 4), slice(None, -1)),
    ((5, 4), slice(None, None, -1)),
    ((5, 4), slice(-2, 0, -2)),
    ((5, 4), slice(7, 9)),
    ((5, 4), slice(-9, 9, 3)),
    ((5, 4), slice(3, 1)),
    ((0, 4), slice(None, None, -1)),
    ((5, 4), (slice(1, 4), 2)),
    ((5, 4), (None, ..., 1)),
    ((5, 4), (..., None)),
    ((5, 4), ...),
    ((5, 4), ()),
    ((2, 3, 4), (1, ..., None, slice(None, 2))),
    ((5, 4), [0, -1, 2]),
    ((5, 4), np.array([[0, 4], [-5, 1]])),
    ((5, 4), (slice(None), np.array([1, 1]))),
    ((5, 4), (np.array([0, 1, 2]), np.array([3, -1, 0]))),
    ((5, 4), (np.array([[0], [1]]), np.array([3, -1, 0]))),
    ((5, 4), (np.array([0, 1]), 2)),
    ((2, 3, 4), (np.array([0, 1]), slice(None), np.array([3, -1]))),
    ((2, 3, 4), (slice(None), np.array([0, 1]), np.array([3, -1]))),
    ((2, 3, 4), (0, slice(None), np.array([3, -1]))),
    ((2, 3, 4), (slice(1, None), 0, np.array([3, -1]))),
    ((2, 3, 4), (np.array([0, 1]), None, np.array([2, 1]))),
    ((2, 3, 4), (None, np.array([0, 1]), slice(1, 3))),
    ((2, 3, 4), (np.uint8(1), np.int16(-1))),
    ((2, 3, 4), []),
]


@pytest.mark.parametrize(("shape", "key"), KEYS, ids=lambda k: str(k).replace(" ", "").replace("\n", ""))
def test_indexing(shape: tuple[int, ...], key: Any) -> None:
    x = array("float32", *shape)
    same(compiled(lambda x: x[key])(x), x[np.array(key, int) if isinstance(key, list) else key])


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_indexing_by_any_basic_key(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(max_dims=3, min_side=0, max_side=5))
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    x = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    same(compiled(lambda x: x[key])(x), x[key])


def test_indexing_by_traced_arrays() -> None:
    x, i, j = array("float32", 5, 4), np.array([4, 0, -1]), np.array([0, 3, 1], np.uint8)
    same(compiled(lambda x, i: x[i])(x, i), x[i])
    same(compiled(lambda x, i, j: x[i, j])(x, i, j), x[i, j])
    same(compiled(lambda x, i: x[i])(x, np.int32(2)), x[2])
    same(
        compiled(lambda x, i: x[tnp.arange(x.shape[0]), i])(x, np.array([0, 1, 2, 3, 0])),
        x[np.arange(5), [0, 1, 2, 3, 0]],
    )


@pytest.mark.parametrize(
    "key", [5, -6, (0, 4), np.array([0, 5]), (np.array([0, 1]), np.array([0, 4])), (np.array([-6, 1]), 0)]
)
def test_an_index_out_of_range_is_an_error(key: Any) -> None:
    with pytest.raises((ShapeError, RunError), match=r"range|below"):
        compiled(lambda x: x[key])(array("float32", 5, 4))


def test_what_is_no_index() -> None:
    x = array("float32", 5, 4)
    cases: list[tuple[Any, type[TfcError]]] = [
        (x[:, 0] > 0, UnsupportedError),
        (True, UnsupportedError),
        (1.5, DTypeError),
        ("a", DTypeError),
        ((0, 0, 0), ShapeError),
        ((..., ...), ShapeError),
        (slice(0, 1, 0), ShapeError),
    ]
    for key, error in cases:
        with pytest.raises(error, match=r"test_array\.py:\d+"):
            compiled(lambda x, k=key: x[k])(x)


EXPRESSIONS = """
x + y; 1 - x; x * 2; 2 / (y + 9); n // 3; 7 % (n + 9); -x + +y; abs(n); 2.0**x; n**2; n**3; (x * x + 1) ** -1
y**2.0; (x > y) & b; (x <= y) | ~b; b ^ (n == 1); n != 1; (x < 1) == (y >= 0); b & True; [1, 2, 3, 4] * y; 0.1 * n
n / 2; b * n; np.float64(2) * x; np.arange(4) - x; np.ones((2, 3)) @ x; x @ np.ones((4, 2), "f4"); x + np.int64(1)
x[0, 0] + 1 - y; x.T; x.mT; x.reshape(2, 6); x.reshape((4, -1)); x.transpose(1, 0); x.transpose()
x.transpose((1, 0)); x.ravel(); x.copy(); x.flatten(); x.swapaxes(0, 1); x[None].squeeze(0); x.astype("int32")
x.clip(-1, 1); x.round(1); x.dot(y); x.take([0, 2], 1); x.sum(0); x.mean(); x.max(1, keepdims=True); n.min()
n.prod(axis=1); x.argmax(1); x.argmin(); x.var(0); x.std(); b.any(1); b.all(); x * x.shape[1] + x.ndim + x.size
x.sum() * len(x.T); [row.sum() for row in x.T][2]; x.sum(dtype="float64"); np.exp(x); np.add(x, y)
np.sum(x, axis=0); np.where(x > 0, x, y); np.concatenate([x, x + 1], axis=1); np.mean(x); np.max(x, 1)
np.matmul(x, y); np.zeros_like(x); np.argmax(x, axis=1); np.reshape(x, (2, 6)); np.clip(x, 0, 1); np.abs(x)
np.transpose(x); np.stack([x, x]); x * np.shape(x)[1]; np.size(x) + x; np.var(x, 0, ddof=1); np.logical_and(x, n)
np.rint(x)
"""


@pytest.mark.parametrize("expression", [e.strip() for line in EXPRESSIONS.strip().split("\n") for e in line.split(";")])
def test_expressions(expression: str) -> None:
    """Each gives the dtype, shape and values on traced arrays that it gives on NumPy's."""
    code = compile(expression, expression, "eval")

    def function(x: Any, y: Any, n: Any, b: Any) -> Any:
        return eval(code, {"np": np, "x": x, "y": y, "n": n, "b": b})

    given = array("float32", 3, 4), array("float32", 4, seed=1), array("int16", 3, 4), array("bool", 3, 4)
    same(compiled(function)(*given), function(*given), ulp=16)


def test_numpys_functions_that_tfc_has_not() -> None:
    x = array("float32", 3, 4)
    for function, name in ((np.cumsum, "cumsum"), (np.sinh, "sinh"), (np.add.reduce, "add.reduce")):
        with pytest.raises(UnsupportedError, match=rf"{name} of a traced array, at .*test_array\.py:\d+"):
            compiled(lambda x, f=function: f(x))(x)
    with pytest.raises(UnsupportedError, match="with out"):
        compiled(lambda x: np.exp(x, out=np.zeros((3, 4), "f4")))(x)


def test_an_array_is_no_key_and_has_no_order_in_the_trace() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        compiled(lambda x: {x: 1})(np.ones(3))
    with pytest.raises(TypeError, match="rank 0"):
        compiled(len)(1.0)
    same(compiled(lambda x: -x if x == None else x)(np.float32(1)), np.float32(1))  # noqa: E711


def test_lists_of_traced_arrays_are_stacked() -> None:
    x = array("float32", 3)
    same(compiled(lambda x: tnp.array([[x[0], 1], [2.5, x[1]]]))(x), np.array([[x[0], 1], [2.5, x[1]]], "f4"))
