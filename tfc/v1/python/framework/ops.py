"""`tensorflow.python.framework.ops`: most of all `ops.reset_default_graph()`."""

from __future__ import annotations

from tfc.frontend.v1.basics import (
    GraphKeys,
    add_to_collection,
    control_dependencies,
    convert_to_tensor,
    get_collection,
    name_scope,
    op_scope,
)
from tfc.frontend.v1.graph import Graph, Operation, Tensor, get_default_graph, reset_default_graph
from tfc.v1.missing import missing

__getattr__ = missing("python.framework.ops")

__all__ = [
    "Graph",
    "GraphKeys",
    "Operation",
    "Tensor",
    "add_to_collection",
    "control_dependencies",
    "convert_to_tensor",
    "get_collection",
    "get_default_graph",
    "name_scope",
    "op_scope",
    "reset_default_graph",
]
