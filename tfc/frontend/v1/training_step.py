"""The global step: a variable that counts the steps of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import dtypes
from .basics import GraphKeys
from .graph import Graph, get_default_graph
from .initializers import Zeros
from .variable_scope import get_variable

if TYPE_CHECKING:
    from .session import BaseSession
    from .variables import Variable


def get_global_step(graph: Graph | None = None) -> Any:
    """The graph's global step; None where it has none."""
    found = (graph or get_default_graph()).get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) > 1:
        raise RuntimeError("Multiple items found in collection 'global_step'")
    return found[0] if found else None


def create_global_step(graph: Graph | None = None) -> Variable:
    """A new global step: an int64 variable named `global_step`. Raises ValueError where there is one."""
    owner = graph or get_default_graph()
    if get_global_step(owner) is not None:
        raise ValueError('"global_step" already exists.')
    with owner.as_default(), owner.name_scope(None):
        return get_variable(
            "global_step",
            [],
            dtypes.int64,
            Zeros(),
            trainable=False,
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )


def get_or_create_global_step(graph: Graph | None = None) -> Any:
    """The graph's global step, made where it has none."""
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


def global_step(sess: BaseSession, global_step_tensor: Any) -> int:
    """The value of the global step in a session."""
    return int(sess.run(global_step_tensor))
