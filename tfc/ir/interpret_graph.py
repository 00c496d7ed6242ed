"""The reference interpreter of graphs: each node by its op's NumPy reference. What a graph means, slow and plain.

Constant folding and every differential test stand on it; it is never a fallback.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .errors import GraphError, InternalError, ShapeError
from .graph import Graph, Node, Value
from .index import Dim, Index, subs
from .types import TensorType

Array = np.ndarray[Any, Any]


def evaluate(graph: Graph, feeds: Mapping[Value, Any], fetches: Sequence[Value] | None = None) -> list[Array]:
    """The values of `fetches` (the graph's outputs where it is None), given those of placeholders and variables.

    Any value may be fed; an array must have its dtype and fit its shape, and dims that are symbols take their values
    from the arrays. An assignment gives its new value; nothing is written.

    Raises ShapeError for arrays that do not fit, GraphError for a placeholder or variable that is needed and not fed.
    """
    wanted = list(graph.outputs) if fetches is None else list(fetches)
    arrays = {v: np.asarray(x) for v, x in feeds.items()}
    dims = bind_dims((v.type, x) for v, x in arrays.items())
    needed = _needed(wanted, arrays)
    for node in graph.nodes:
        if node in needed:
            operands = [arrays[v] for v in node.operands]
            for v, x in zip(node.results, evaluate_node(node, operands, dims), strict=True):
                arrays.setdefault(v, x)
    return [arrays[v] for v in wanted]


def bind_dims(given: Iterable[tuple[TensorType, Array]]) -> dict[str, int]:
    """The symbols of types by the arrays that have them. Raises ShapeError where an array does not fit its type."""
    pairs = list(given)
    dims: dict[str, int] = {}
    for type_, x in pairs:
        if x.dtype != type_.dtype.np or (type_.shape is not None and len(type_.shape) != x.ndim):
            raise ShapeError(f"expected {type_}, got {x.dtype}{list(x.shape)}")
        for d, n in zip(type_.shape or (), x.shape, strict=False):
            if isinstance(d, Index) and d == Index.symbol(next(iter(d.symbols), "")):
                dims.setdefault(str(d), n)
    for type_, x in pairs:
        if type_.shape is not None and any(subs(d, dims) != n for d, n in zip(type_.shape, x.shape, strict=True)):
            raise ShapeError(f"expected {type_}, got {x.dtype}{list(x.shape)}")
    return dims


def evaluate_node(node: Node, operands: Sequence[Array], dims: Mapping[str, Dim]) -> list[Array]:
    """The results of one node. Raises GraphError for one without a reference."""
    if node.op.ref is None:
        raise GraphError(f"{node.op.name} {node.name} at {node.loc} is not fed")
    attrs = {name: _resolve(value, dims) for name, value in node.attrs.items()}
    with np.errstate(all="ignore"):
        found = node.op.ref(*operands, **attrs)
    results = [np.asarray(x) for x in (found if isinstance(found, tuple) else (found,))]
    for v, x in zip(node.results, results, strict=True):
        if x.dtype != v.type.dtype.np:
            raise InternalError(f"the reference of {node.op.name} gives {x.dtype} for {v.type}")
    return results


def _resolve(attr: Any, dims: Mapping[str, Dim]) -> Any:
    if isinstance(attr, Index):
        found = subs(attr, dims)
        if isinstance(found, Index):
            raise ShapeError(f"dim {found} is not known")
        return found
    if isinstance(attr, tuple):
        return tuple(_resolve(a, dims) for a in attr)
    return attr


def _needed(wanted: Sequence[Value], given: Mapping[Value, Array]) -> set[Node]:
    """The nodes that the wanted values depend on, not looking past those that are given."""
    work, seen = list(wanted), set[Node]()
    while work:
        v = work.pop()
        if v not in given and v.node not in seen:
            seen.add(v.node)
            work.extend(v.node.operands)
    return seen


__all__ = ["bind_dims", "evaluate", "evaluate_node"]
