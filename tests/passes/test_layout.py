"""Images with their channels last: the goldens say how graphs change; here, that they mean the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tfc.ir.graph import Graph, Value
from tfc.ir.interpret_graph import Array, evaluate
from tfc.ir.op import REGISTRY
from tfc.ir.text import parse_graph
from tfc.ir.types import float32
from tfc.passes.autodiff import gradients
from tfc.passes.layout import Layout
from tfc.passes.manager import PassManager
from tfc.passes.pipeline import GRAPH_PASSES

HERE = Path(__file__).parent / "layout"
BATCH = 3


def values(graph: Graph) -> list[Array]:
    feeds: dict[Value, Array] = {}
    for node in graph.nodes:
        if node.op.name in ("placeholder", "variable"):
            shape = [d if isinstance(d, int) else BATCH for d in node.type.dims]
            rng = np.random.default_rng([ord(c) for c in node.name])
            feeds[node.results[0]] = rng.standard_normal(shape).astype(np.float32)
    return evaluate(graph, feeds, list(graph.outputs))


@pytest.mark.parametrize("path", sorted(HERE.glob("*.ir")), ids=lambda p: p.stem)
def test_the_graph_means_the_same(path: Path) -> None:
    before = parse_graph(path.read_text().split("# becomes")[0])
    for x, y in zip(values(before), values(Layout().apply(before)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)


def network(train: bool, add_bias: Callable[[Value, Value], Value]) -> Graph:
    """Two layers of convolution, bias, relu and pool in format NCHW, then a product; its result or gradients."""
    graph = Graph()

    def of(name: str, *shape: int) -> Value:
        return REGISTRY["placeholder"](graph=graph, name=name, dtype=float32, shape=shape)

    images = {"data_format": "NCHW", "padding": "SAME", "dilations": (1, 1)}
    x, parameters, channels = of("x", BATCH, 3, 8, 8), [], 3
    h = x
    for k, features in enumerate((4, 6)):
        parameters += [of(f"w{k}", 3, 3, channels, features), of(f"b{k}", features)]
        h = REGISTRY["conv"](h, parameters[-2], strides=(1, 1), groups=1, **images)
        h = REGISTRY["relu"](add_bias(h, parameters[-1]))
        h = REGISTRY["max_pool"](h, window=(2, 2), strides=(2, 2), **images)
        channels = features
    parameters += [of("w", 2 * 2 * channels, 5)]
    flat = REGISTRY["reshape"](h, shape=(BATCH, 2 * 2 * channels))
    y = REGISTRY["matmul"](flat, parameters[-1], transpose_a=False, transpose_b=False)
    loss = REGISTRY["reduce_sum"](REGISTRY["square"](y), axes=None, keepdims=False)
    graph.outputs = gradients([loss], parameters) if train else [y]
    return graph


def broadcast_bias(h: Value, b: Value) -> Value:
    return REGISTRY["add"](h, REGISTRY["reshape"](b, shape=(b.type.dims[0], 1, 1)))


def bias_add(h: Value, b: Value) -> Value:
    return REGISTRY["bias_add"](h, b, data_format="NCHW")


@pytest.mark.parametrize("add_bias", [broadcast_bias, bias_add])
@pytest.mark.parametrize("train", [False, True])
def test_transposes_of_images_stay_at_the_edges(train: bool, add_bias: Callable[[Value, Value], Value]) -> None:
    before = network(train, add_bias)
    after = PassManager(GRAPH_PASSES, verify=True).run(before)
    for x, y in zip(values(before), values(after), strict=True):
        np.testing.assert_allclose(x, y, rtol=2e-4, atol=2e-4)
    images = [n for n in after.nodes if n.op.name == "transpose" and n.type.rank == 4]
    flat = [n for n in images if n.type.dims[-2:] == (2, 2) or n.type.dims[1:] == (2, 2, 6)]
    assert len(flat) == (2 if train else 1), "between the last pool and the product, there and back"
    assert len(images) == len(flat) + 1, "and of the operand"


def test_graphs_without_images_stay() -> None:
    graph = Graph()
    x = REGISTRY["placeholder"](graph=graph, name="x", dtype=float32, shape=(2, 3, 4, 5))
    graph.outputs = [REGISTRY["neg"](REGISTRY["transpose"](x, perm=(0, 3, 1, 2)))]
    assert Layout().apply(graph) is graph
