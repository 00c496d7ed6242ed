"""The reference interpreter of graphs."""

from __future__ import annotations

import numpy as np
import pytest

import tfc.ir.ops  # noqa: F401
from tfc.ir.errors import GraphError, InternalError, ShapeError
from tfc.ir.graph import Graph, Value
from tfc.ir.index import Index
from tfc.ir.interpret_graph import evaluate
from tfc.ir.op import REGISTRY, Op
from tfc.ir.types import TensorType, float32

N = Index.symbol("n")


def classifier() -> tuple[Graph, list[Value]]:
    """Softmax of `x @ w + b`, with the batch size open."""
    graph = Graph()
    inputs = [REGISTRY["placeholder"](graph=graph, dtype=float32, shape=shape) for shape in ((N, 4), (4, 3), (3,))]
    x, w, b = inputs
    logits = REGISTRY["add"](REGISTRY["matmul"](x, w, transpose_a=False, transpose_b=False), b)
    graph.outputs = [REGISTRY["softmax"](logits, axis=-1), REGISTRY["size"](x, axes=(0,), dtype=float32)]
    return graph, inputs


@pytest.mark.parametrize("batch", [0, 1, 7])
def test_a_graph_is_evaluated_node_by_node(batch: int) -> None:
    graph, inputs = classifier()
    x, w, b = (np.random.default_rng(k).normal(size=s).astype("f4") for k, s in enumerate(((batch, 4), (4, 3), (3,))))
    p, size = evaluate(graph, dict(zip(inputs, (x, w, b), strict=True)))
    e = np.exp((x @ w + b).astype("f8"))
    np.testing.assert_allclose(p, e / e.sum(-1, keepdims=True), rtol=1e-5)
    assert (size, size.dtype) == (batch, np.float32)


def test_any_value_may_be_fed_and_fetched() -> None:
    graph, inputs = classifier()
    logits = graph.outputs[0].node.operands[0]
    (p,) = evaluate(graph, {logits: np.zeros((2, 3), np.float32)}, graph.outputs[:1])
    np.testing.assert_allclose(p, np.full((2, 3), 1 / 3), rtol=1e-6)
    with pytest.raises(GraphError, match="placeholder"):
        evaluate(graph, {inputs[0]: np.zeros((2, 4), np.float32)})


def test_dims_in_attributes_take_the_values_fed() -> None:
    graph = Graph()
    x = REGISTRY["placeholder"](graph=graph, dtype=float32, shape=(N, 6))
    y = REGISTRY["reshape"](x, shape=(N * 2, 3))
    assert evaluate(graph, {x: np.zeros((5, 6), np.float32)}, [y])[0].shape == (10, 3)
    lost = REGISTRY["dim"](graph=graph, value=Index.symbol("m"), dtype=float32)
    with pytest.raises(ShapeError, match="dim m is not known"):
        evaluate(graph, {}, [lost])


@pytest.mark.parametrize(("first", "second"), [((2, 4), (3, 3)), ((2, 5), (4, 3)), ((2, 4, 1), (4, 3)), ((2,), (4, 3))])
def test_arrays_must_fit_their_types(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    graph, (x, w, b) = classifier()
    arrays = {x: np.zeros(first, np.float32), w: np.zeros(second, np.float32), b: np.zeros(3, np.float32)}
    with pytest.raises(ShapeError, match="expected"):
        evaluate(graph, arrays)


def test_one_symbol_has_one_value_and_dtypes_are_not_cast() -> None:
    graph = Graph()
    a, b = (REGISTRY["placeholder"](graph=graph, dtype=float32, shape=(N,)) for _ in range(2))
    total = REGISTRY["add"](a, b)
    with pytest.raises(ShapeError, match=r"expected float32\[n\], got float32\[3\]"):
        evaluate(graph, {a: np.zeros(2, np.float32), b: np.zeros(3, np.float32)}, [total])
    with pytest.raises(ShapeError, match="got float64"):
        evaluate(graph, {a: np.zeros(2), b: np.zeros(2, np.float32)}, [total])


def test_assignments_give_their_new_value() -> None:
    graph = Graph()
    v = REGISTRY["variable"](graph=graph, dtype=float32, shape=(2,), key="v")
    w = REGISTRY["assign_sub"](v, REGISTRY["mul"](v, v))
    assert evaluate(graph, {v: np.float32([1, 3])}, [w])[0].tolist() == [0, -6]


def test_a_reference_of_the_wrong_dtype_is_a_bug() -> None:
    wrong = Op("wrong", lambda shapes, x: TensorType(float32, x.shape), ref=lambda x: x.astype(np.float64))
    graph = Graph()
    x = REGISTRY["placeholder"](graph=graph, dtype=float32, shape=(2,))
    with pytest.raises(InternalError, match="reference of wrong"):
        evaluate(graph, {x: np.zeros(2, np.float32)}, [wrong(x)])
