"""Convolutions and pools over images of open sizes, with their gradients, and numbers that are not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.codegen_llvm.support import TARGETS
from tests.ir.ops.cases import floats
from tfc.ir.graph import Graph, Value
from tfc.ir.index import Index
from tfc.ir.op import REGISTRY
from tfc.ir.types import float64
from tfc.passes.autodiff import gradients

from .support import Lowered, assert_close, check_everywhere, reference

Array = np.ndarray[Any, Any]
CONV = {"strides": (2, 1), "dilations": (1, 2), "padding": "SAME", "groups": 1, "data_format": "NHWC"}
POOL = {"window": (3, 2), "strides": (1, 2), "dilations": (1, 1), "padding": "SAME", "data_format": "NHWC"}


def placeholder(graph: Graph, name: str, *shape: int | Index) -> Value:
    return REGISTRY["placeholder"](graph=graph, name=name, dtype=float64, shape=shape)


def network(n: int | Index, height: int | Index, width: int | Index) -> Graph:
    graph = Graph()
    x, w = placeholder(graph, "x", n, height, width, 3), placeholder(graph, "w", 3, 2, 3, 5)
    y = REGISTRY["relu"](REGISTRY["conv"](x, w, **CONV))
    pooled = REGISTRY["add"](REGISTRY["max_pool"](y, **POOL), REGISTRY["avg_pool"](y, **POOL, count_padding=False))
    slopes = gradients([REGISTRY["square"](pooled)], [x, w])
    graph.outputs = [pooled, *(v for v in slopes if v is not None)]
    return graph


def test_one_program_serves_all_sizes() -> None:
    graph = network(*map(Index.symbol, ("n", "height", "width")))
    weights = floats(3, 2, 3, 5)
    lowered = Lowered(graph, {"x": floats(2, 6, 7, 3), "w": weights})
    for k, shape in enumerate(((2, 6, 7, 3), (1, 1, 2, 3), (3, 5, 4, 3), (0, 4, 4, 3), (1, 8, 3, 3))):
        arrays = {"x": floats(*shape), "w": weights}
        expected = reference(graph, arrays)
        assert_close(lowered.interpret(arrays), expected, f"interpreter of {shape}")
        target = TARGETS[k % len(TARGETS)]
        assert_close(lowered.native(arrays, target), expected, f"{target} of {shape}")


SPECIAL = [np.inf, -np.inf, np.nan, -0.0, 0.0, 1.5]


def special(*shape: int) -> Array:
    """Mostly plain numbers, and some that are not finite."""
    out = floats(*shape)
    flat = out.reshape(-1)
    places = np.random.default_rng(shape).permutation(flat.size)[: len(SPECIAL)]
    flat[places] = SPECIAL[: len(places)]
    return out


@pytest.mark.parametrize("at", [{}, {"strides": (2, 2), "dilations": (1, 1)}], ids=["dilated", "strided"])
def test_what_no_window_takes_spoils_nothing(at: dict[str, Any]) -> None:
    """Infinite numbers and NaNs reach the sums that they are part of, and no other: padding is not multiplied."""
    graph, attrs = Graph(), {**CONV, **at}
    x, w, v = (special(1, 7, 9, 2), special(3, 2, 2, 3), floats(3, 2, 2, 3))
    fed = {"x": x, "w": w, "v": v, "dy": special(1, 4, 9 if not at else 5, 3)}
    a, b, c, d = (placeholder(graph, name, *array.shape) for name, array in fed.items())
    graph.outputs = [
        REGISTRY["conv"](a, c, **attrs),
        REGISTRY["conv"](placeholder_like(graph, "z", x, fed), b, **attrs),
    ]
    graph.outputs += [REGISTRY["conv_input"](d, c, a, **attrs), REGISTRY["conv_filter"](a, d, c, **attrs)]
    pooled = REGISTRY["max_pool"](a, **POOL)
    graph.outputs += [pooled, *(g for g in gradients([pooled], [a]) if g is not None)]
    check_everywhere(graph, fed)


def test_padding_of_one_channel_spoils_no_gradient() -> None:
    """Along the taps of its filter, which are then the only rows to compute side by side."""
    graph, attrs = Graph(), {**CONV, "strides": (1, 1), "dilations": (1, 1)}
    fed = {"x": special(2, 5, 9, 1), "w": floats(3, 4, 1, 3), "dy": special(2, 5, 9, 3)}
    x, w, dy = (placeholder(graph, name, *array.shape) for name, array in fed.items())
    graph.outputs = [REGISTRY["conv_filter"](x, dy, w, **attrs)]
    check_everywhere(graph, fed)


def placeholder_like(graph: Graph, name: str, x: Array, fed: dict[str, Array]) -> Value:
    """A placeholder for plain numbers of the shape of an array."""
    fed[name] = floats(*x.shape)
    return placeholder(graph, name, *x.shape)
