"""Constant folding: what depends on constants only is computed now, by the op's own reference.

add(2, 3)    ->    5
dim(784)     ->    784            size(x : float32[d0, 10], axes = [1])    ->    10
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tfc.ir.arrays import repeated
from tfc.ir.errors import TfcError
from tfc.ir.graph import Graph, Node, Value, infer_types, rebuild
from tfc.ir.index import product
from tfc.ir.interpret_graph import Array, evaluate_node
from tfc.ir.op import normalize_axes
from tfc.ir.ops.common import const, constant
from tfc.ir.types import TensorType

from .canonical import is_pure


@dataclass(frozen=True)
class Fold:
    """Folds pure ops that have a reference, in the op's dtype.

    A result of more than `max_bytes` is left to the run unless it is no larger than the constants that it comes from
    (those of one number do not count), and so is what cannot be computed, such as an index out of bounds: it is the
    run's error.
    """

    name: ClassVar[str] = "fold"
    max_bytes: int = 2**20

    def apply(self, graph: Graph) -> Graph:
        return rebuild(graph, self.rule)

    def rule(self, new: Graph, node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
        extent = _extent(node, operands)
        if extent is not None:
            return (const(new, extent, node.attrs["dtype"]),)
        if not is_pure(node) or node.op.ref is None or node.op is constant:
            return None
        if any(v.node.op is not constant for v in operands):
            return None
        types = infer_types(node.op, tuple(v.type for v in operands), node.attrs, new.shapes, node.loc)
        arrays = [v.node.attrs["value"] for v in operands]
        if not self.is_small(types, sum(a.nbytes for a in arrays if repeated(a) is None)):
            return None
        results = _reference(node, arrays)
        if results is None or tuple(r.shape for r in results) != tuple(t.shape for t in types):
            return None
        return [const(new, np.array(r, order="C"), t.dtype) for r, t in zip(results, types, strict=True)]

    def is_small(self, types: Sequence[TensorType], given: int) -> bool:
        sizes = [t.size * t.dtype.size if t.is_static else None for t in types]
        return all(isinstance(size, int) and size <= max(self.max_bytes, given) for size in sizes)


def _extent(node: Node, operands: tuple[Value, ...]) -> int | None:
    """The number that a `dim` or a `size` is, where it is known."""
    if node.op.name == "dim":
        value = node.attrs["value"]
        return value if isinstance(value, int) else None
    if node.op.name == "size" and operands[0].type.shape is not None:
        dims = operands[0].type.shape
        value = product(dims[k] for k in normalize_axes(node.attrs["axes"], len(dims)))
        return value if isinstance(value, int) else None
    return None


def _reference(node: Node, arrays: Sequence[Array]) -> list[Array] | None:
    """The results by the op's reference; None where it refuses these operands or needs a dim that is not known."""
    try:
        return evaluate_node(node, arrays, {})
    except (TfcError, IndexError):
        return None
