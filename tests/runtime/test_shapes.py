"""Shapes that are known only when a run starts: one program per class of shapes, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tfc.ir.errors import ShapeError
from tfc.ir.graph import Value
from tfc.ir.index import Index
from tfc.runtime import Executable, Session, execution

from .support import Array, Builder


def array(*shape: int) -> Array:
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


def test_a_new_batch_size_compiles_nothing(compiled: list[Any]) -> None:
    b = Builder()
    x, w = b.placeholder("x", ("n", 5)), b.constant(array(5, 3))
    run = Session(b.graph).prepare((b.op("matmul", x, w, transpose_a=False, transpose_b=False),), (x,))
    for n in (4, 1, 9, 0, 100, 4):
        (out,) = run([array(n, 5)])
        np.testing.assert_allclose(out, array(n, 5) @ array(5, 3), rtol=1e-5, atol=1e-6)
    assert compiled == [((4, 5),)]


def test_each_kind_of_broadcast_is_compiled_once(compiled: list[Any]) -> None:
    b = Builder()
    x, y = b.placeholder("x"), b.placeholder("y")
    b.graph.outputs = [b.op("add", x, y)]
    run = Executable(b.graph).run
    kinds = [
        [((2, 3), (3,)), ((5, 4), (4,)), ((0, 7), (7,)), ((1, 2), (2,))],
        [((2, 3), ()), ((9, 1), ())],
        [((2, 1), (1, 3)), ((4, 1), (1, 7))],
        [((3,), (3,)), ((8,), (8,))],
    ]
    for k, kind in enumerate(kinds, 1):
        for _ in range(2):
            for p, q in kind:
                np.testing.assert_array_equal(run([array(*p), array(*q)])[0], array(*p) + array(*q))
        assert len(compiled) == k


def _rest(b: Builder) -> Value:
    x = b.placeholder("x", ("n",))
    return b.op("slice", x, starts=(1,), sizes=(x.type.dims[0] - 1,), steps=(1,))


def _flat(b: Builder) -> Value:
    return b.op("reshape", b.placeholder("x", ("n", "m")), shape=(-1,))


def _joined(b: Builder) -> Value:
    return b.op("concat", b.placeholder("x", ("n",)), b.placeholder("z", ("m",)), axis=0)


def _overhang(b: Builder) -> Value:
    x, z = b.placeholder("x", ("n",)), b.placeholder("z", ("m",))
    return b.op("slice", x, starts=(0,), sizes=(x.type.dims[0] - z.type.dims[0],), steps=(1,))


@pytest.mark.parametrize(
    ("part", "runs", "programs"),
    [
        (_rest, [[(2,), (7,)], [(8,), (7,)], [(2,), (5,)], [(4,), (3,)]], 2),
        (_flat, [[(1, 1), (7,)], [(7, 1), (7,)], [(1, 1), (4,)], [(2, 3), (6,)]], 2),
        (_joined, [[(1,), (0,), (7,)], [(0,), (1,), (7,)], [(4,), (3,), (7,)], [(1,), (0,), (2,)]], 3),
        (_overhang, [[(4,), (3,), (7,)], [(9,), (8,), (7,)], [(9,), (4,), (5,)], [(7,), (0,), (7,)]], 2),
    ],
)
def test_a_dim_of_several_terms_that_is_one_is_broadcast(
    compiled: list[Any], part: Callable[[Builder], Value], runs: list[list[tuple[int, ...]]], programs: int
) -> None:
    b = Builder()
    x, y = part(b), b.placeholder("y", ("k",))
    b.graph.outputs = [x, b.op("mul", x, y)]
    run = Executable(b.graph).run
    for shapes in runs:
        one, product = run([array(*shape) for shape in shapes])
        np.testing.assert_array_equal(product, one * array(*shapes[-1]))
    assert len(compiled) == programs


def test_shapes_that_do_not_broadcast_name_op_and_line(compiled: list[Any]) -> None:
    b = Builder()
    x, y = b.placeholder("x"), b.placeholder("y")
    b.graph.outputs = [b.op("add", x, y)]
    run = Executable(b.graph).run
    for _ in range(2):
        with pytest.raises(ShapeError, match=r"add\(.*\) at model.py:3: dims 2 and 3 cannot be broadcast"):
            run([array(2), array(3)])
        run([array(3), array(3)])


def test_a_product_of_other_inner_dims_names_op_and_line() -> None:
    b = Builder()
    x, y = b.placeholder("x"), b.placeholder("y")
    b.graph.outputs = [b.op("matmul", x, y, transpose_a=False, transpose_b=False)]
    with pytest.raises(ShapeError, match=r"matmul\(.*\) at model.py:3: inner dims: 4 and 3 differ"):
        Executable(b.graph).run([array(2, 4), array(3, 5)])


def test_the_rank_may_be_unknown_until_it_is_fed(compiled: list[Any]) -> None:
    b = Builder()
    x = b.placeholder("x")
    b.graph.outputs = [b.op("reduce_sum", x, axes=None, keepdims=False), b.op("mul", x, x)]
    run = Executable(b.graph).run
    for shape in ((), (3,), (2, 2), (5,), (), (2, 3, 4), (7, 2)):
        total, square = run([array(*shape)])
        np.testing.assert_allclose(total, array(*shape).sum(), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(square, array(*shape) ** 2)
    assert len(compiled) == 4, "one for each rank"


def test_dims_of_results_come_from_the_run() -> None:
    b = Builder()
    x = b.placeholder("x", ("n", 2))
    flat = b.op("reshape", x, shape=(-1,))
    b.graph.outputs = [b.op("concat", flat, flat, axis=0), b.op("reshape", flat, shape=(-1, 3))]
    run = Executable(b.graph).run
    for n in (3, 6, 0):
        both, rows = run([array(n, 2)])
        assert both.shape == (4 * n,)
        np.testing.assert_array_equal(rows, array(n, 2).reshape(-1, 3))
    with pytest.raises(ShapeError, match=r"reshape.*at model.py:4.*8 and 6 differ"):
        run([array(4, 2)])


def test_division_of_dims_by_zero_is_an_error_of_shapes() -> None:
    b = Builder()
    x, y = b.placeholder("x", ("n",)), b.placeholder("y", ("m",))
    b.graph.outputs = [b.op("reshape", x, shape=(-1, y.type.dims[0]))]
    run = Executable(b.graph).run
    assert run([array(6), array(2)])[0].shape == (3, 2)
    with pytest.raises(ShapeError, match="by 0"):
        run([array(6), array(0)])


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4)])
def test_empty_arrays(shape: tuple[int, ...]) -> None:
    b = Builder()
    x = b.placeholder("x")
    sums = b.op("reduce_sum", x, axes=(0,), keepdims=False)
    most = b.op("reduce_max", x, axes=None, keepdims=False)
    b.graph.outputs = [b.op("exp", x), sums, most, x]
    e, s, m, same = Executable(b.graph).run([array(*shape)])
    assert (e.shape, s.shape, same.shape) == (shape, shape[1:], shape)
    np.testing.assert_array_equal(s, np.zeros(shape[1:]))
    assert m == -np.inf


def test_a_product_over_nothing_is_zero() -> None:
    b = Builder()
    x, y = b.placeholder("x", ("n", "k")), b.placeholder("y", ("k", "m"))
    b.graph.outputs = [b.op("matmul", x, y, transpose_a=False, transpose_b=False)]
    run = Executable(b.graph).run
    for n, k, m in ((2, 0, 3), (0, 2, 3), (2, 3, 0), (0, 0, 0), (2, 3, 4)):
        (out,) = run([array(n, k), array(k, m)])
        np.testing.assert_allclose(out, array(n, k) @ array(k, m), rtol=1e-5, atol=1e-6)


def test_what_is_remembered_of_shapes_is_bounded(compiled: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "REMEMBERED", 4)
    b = Builder()
    x = b.placeholder("x", ("n",))
    run = Session(b.graph).prepare((b.op("neg", x),), (x,))
    for _ in range(2):
        for n in range(10):
            assert run([np.ones(n)])[0].sum() == -n
            assert len(run._bound) <= 4
    assert len(compiled) == 1


def test_a_dim_that_no_feed_has_is_an_error() -> None:
    b = Builder()
    b.graph.outputs = [b.op("broadcast_to", b.constant(1.0), shape=(Index.symbol("q"),))]
    with pytest.raises(ShapeError, match="dim q is not known when the run starts"):
        Executable(b.graph).run([])
