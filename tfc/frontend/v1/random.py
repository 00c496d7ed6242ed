"""Random tensors: TF's own numbers for TF's seeds."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np

from tfc.ir.op import REGISTRY
from tfc.ir.types import DType as IRDType
from tfc.ir.types import int64

from . import dtypes
from .basics import convert_to_tensor
from .graph import Graph, Tensor, get_default_graph
from .lift import emit, is_tensor_like
from .shape_values import int_argument, shape_argument

DEFAULT_GRAPH_SEED = 87654321
"""What TF takes for the graph's seed where only the op has one."""
LIMIT = 2**31 - 1
"""Seeds are taken modulo this."""


def seeds(graph: Graph, op_seed: int | None) -> tuple[int, int]:
    """The two seeds of a random op; fresh ones where neither the graph nor the op has a seed.

    The op's is the number of nodes that the graph has by then where only the graph has a seed
    (TensorFlow 1.x, `python/framework/random_seed.py`).
    """
    if graph.seed is None and op_seed is None:
        return secrets.randbits(63), secrets.randbits(63)
    first = DEFAULT_GRAPH_SEED if graph.seed is None else graph.seed
    second = graph.last_id if op_seed is None else op_seed
    pair = first % LIMIT, second % LIMIT
    return (0, LIMIT) if pair == (0, 0) else pair


def _draw(graph: Graph, op: str, node: str, shape: Any, dtype: IRDType, seed: int | None, **limits: int) -> Tensor:
    """A node of a random op with a counter of its own, which each run moves on."""
    dims = shape_argument(graph, shape)
    first, second = seeds(graph, seed)
    with graph.name_scope(node) as scope, graph.counted(1):
        key = f"{scope}counter"
        counter = REGISTRY["variable"](graph=graph.ir, name="counter", dtype=int64, shape=(), key=key)
        pair = graph.constant(np.array([first, second]), "seeds")
        given: dict[str, Any] = {"shape": dims, "dtype": dtype, **limits}
        return graph.tensor(REGISTRY[op](counter, pair, name=scope, **given))


def _count_shape(graph: Graph, shape: Any) -> None:
    """TF makes a constant of a shape that is no tensor."""
    graph.ir.count += 0 if is_tensor_like(shape) else 1


def _scaled_normal(op: str, node: str, shape: Any, mean: Any, stddev: Any, dtype: Any, seed: Any, name: str) -> Tensor:
    graph = get_default_graph()
    of = dtypes.as_dtype(dtype)
    with graph.name_scope(name) as scope:
        _count_shape(graph, shape)
        middle = convert_to_tensor(mean, of, name="mean")
        width = convert_to_tensor(stddev, of, name="stddev")
        drawn = _draw(graph, op, node, shape, of.ir, seed)
        return emit(graph, "add", [drawn * width, middle], name=scope)


def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal numbers, new ones in each run."""
    kind = "random_normal"
    return _scaled_normal(kind, "RandomStandardNormal", shape, mean, stddev, dtype, seed, name or kind)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal numbers, those further than two standard deviations from the mean drawn again."""
    kind = "truncated_normal"
    return _scaled_normal(kind, "TruncatedNormal", shape, mean, stddev, dtype, seed, name or kind)


def random_uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Uniform numbers from `minval` up to, but not, `maxval` (1 for floats; required for integers)."""
    graph = get_default_graph()
    of = dtypes.as_dtype(dtype)
    if maxval is None and of.is_integer:
        raise ValueError(f"Must specify maxval for integer dtype {of!r}")
    with graph.name_scope(name or "random_uniform") as scope:
        _count_shape(graph, shape)
        if of.is_integer:
            low, high = int_argument(minval, "minval"), int_argument(maxval, "maxval")
            graph.ir.count += 2
            return _draw(graph, "random_uniform_int", scope, shape, of.ir, seed, minval=low, maxval=high)
        least = convert_to_tensor(minval, of, name="min")
        most = convert_to_tensor(1.0 if maxval is None else maxval, of, name="max")
        drawn = _draw(graph, "random_uniform", "RandomUniform", shape, of.ir, seed)
        return emit(graph, "add", [drawn * (most - least), least], name=scope)
