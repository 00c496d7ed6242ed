"""Runs traced functions by the reference interpreter, on graphs specialised to the shapes that are fed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tfc
from tfc.ir.graph import Graph
from tfc.ir.index import subs
from tfc.ir.interpret_graph import bind_dims, evaluate
from tfc.passes.specialize import specialize

Array = np.ndarray[Any, Any]
FLOATS = ("float16", "float32", "float64")
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = (*FLOATS, *INTS, "bool")


class Reference:
    """An engine that counts what it was given: the graphs, and the runs of each."""

    def __init__(self) -> None:
        self.graphs: list[Graph] = []
        self.runs = 0

    def __call__(self, graph: Graph) -> Reference.Runnable:
        self.graphs.append(graph)
        return Reference.Runnable(self, graph)

    class Runnable:
        def __init__(self, engine: Reference, graph: Graph) -> None:
            self.engine = engine
            self.graph = graph

        def run(self, inputs: Sequence[Array]) -> list[Array]:
            self.engine.runs += 1
            graph = specialize(self.graph, [x.shape for x in inputs]).graph
            placeholders = [n.results[0] for n in graph.nodes if n.op.name == "placeholder"]
            found = evaluate(graph, dict(zip(placeholders, inputs, strict=True)))
            dims = bind_dims((p.type, x) for p, x in zip(placeholders, inputs, strict=True))
            for v, x in zip(graph.outputs, found, strict=True):
                assert tuple(subs(d, dims) for d in v.type.dims) == x.shape, f"{v} has shape {x.shape}"
            return found


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    return tfc.compile(function, engine=Reference(), **options)


def array(dtype: str, *shape: int, low: int = -3, high: int = 4, seed: int = 0) -> Array:
    """Numbers of a dtype, none below 0 for unsigned ones; floats with fractions."""
    g = np.random.default_rng([seed, *shape])
    if dtype == "bool":
        return g.integers(0, 2, shape).astype(bool)
    if np.dtype(dtype).kind == "f":
        return g.uniform(low, high, shape).astype(dtype)
    return g.integers(0 if np.dtype(dtype).kind == "u" else low, high, shape).astype(dtype)


def softmax(z: Array) -> Any:
    """Of the last axis."""
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def same(found: Any, wanted: Any, ulp: int = 8) -> None:
    """Of one dtype, shape and value, floats to a few units in the last place of the larger ones."""
    wanted = np.asarray(wanted)
    assert isinstance(found, np.ndarray)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if found.dtype.kind != "f":
        np.testing.assert_array_equal(found, wanted)
        return
    finite = np.abs(wanted[np.isfinite(wanted)])
    scale = float(finite.max(initial=0)) if finite.size else 0.0
    eps = float(np.finfo(found.dtype).eps)
    np.testing.assert_allclose(found, wanted, rtol=ulp * eps, atol=ulp * eps * scale)


def agree(ours: Callable[..., Any], numpys: Callable[..., Any], *arrays: Any, ulp: int = 8) -> None:
    """A function of tnp traced for arrays, and computed at once, gives what NumPy's does."""
    with np.errstate(all="ignore"):
        wanted = numpys(*arrays)
    same(compiled(ours)(*arrays), wanted, ulp)
    same(ours(*arrays), wanted, ulp)
