"""`tf.gradients`: reverse-mode differentiation of tensors of a graph."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from tfc.ir.graph import Value
from tfc.passes import autodiff

from .array import zeros_like
from .basics import convert_to_tensor
from .graph import Graph, Tensor, graph_of


class UnconnectedGradients(enum.Enum):
    """What `gradients` gives for an x on which no y depends."""

    NONE = "none"
    ZERO = "zero"


def _values(graph: Graph, items: Any) -> list[Value]:
    """The values that are meant: a variable stands for itself, not for its read."""
    given = items if isinstance(items, (list, tuple)) else [items]
    return [graph.as_graph_element(x, allow_operation=False).ir_value for x in given]


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
    stop_gradients: Any = None,
    unconnected_gradients: UnconnectedGradients | str = UnconnectedGradients.NONE,
) -> list[Tensor | None]:
    """The derivative of the sum of `ys` for each of `xs`: a list of tensors, None (or zeros) where no y depends on x.

    `grad_ys` are the gradients that come in, ones where None; `stop_gradients` are taken as constants. Raises
    UnsupportedError for an op without a gradient on the way.
    """
    unconnected = UnconnectedGradients(unconnected_gradients)
    graph = graph_of(ys, xs)
    targets, sources = _values(graph, ys), _values(graph, xs)
    with graph.as_default(), graph.name_scope(name):
        seeds = _seeds(grad_ys, targets)
        found = autodiff.gradients(targets, sources, seeds, _values(graph, stop_gradients or []))
        tensors = [None if g is None else graph.tensor(g) for g in found]
        if unconnected is UnconnectedGradients.NONE:
            return tensors
        return [zeros_like(graph.tensor(x)) if g is None else g for g, x in zip(tensors, sources, strict=True)]


def _seeds(grad_ys: Any, ys: Sequence[Value]) -> list[Value | None] | None:
    if grad_ys is None:
        return None
    given = grad_ys if isinstance(grad_ys, (list, tuple)) else [grad_ys]
    if len(given) != len(ys):
        raise ValueError(f"grad_ys must have one item for each of {len(ys)} ys, got {len(given)}")
    return [
        None if g is None else convert_to_tensor(g, y.type.dtype, name="grad_ys").ir_value
        for g, y in zip(given, ys, strict=True)
    ]
