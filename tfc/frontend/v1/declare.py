"""TF's functions of one IR op each, from rows of a table: name, op, arguments, node name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tfc.ir.op import REGISTRY

from .graph import Tensor, graph_of
from .lift import emit

Function = Callable[..., Tensor]


def wrapper(tf_name: str, op: str, args: str, node: str) -> Function:
    """The function `tf_name(*args, name=None)` that adds a node of an IR op to the graph of its arguments."""
    names = args.split()
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature(
        [*(inspect.Parameter(a, positional) for a in names), inspect.Parameter("name", positional, default=None)]
    )

    def function(*given: Any, **named: Any) -> Tensor:
        try:
            bound = signature.bind(*given, **named)
        except TypeError as error:
            raise TypeError(f"{tf_name}{signature}: {error}") from None
        inputs = [bound.arguments[a] for a in names]
        return emit(graph_of(*inputs), op, inputs, name=bound.arguments.get("name") or node, args=names)

    function.__name__ = function.__qualname__ = tf_name
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__doc__ = f"The op `{REGISTRY[op].name}` on {', '.join(names)}, which are broadcast together."
    return function


def either(new: Any, old: Any, new_name: str, old_name: str, default: Any = None) -> Any:
    """The value of an argument that has a new and an old name. Raises ValueError where both are given."""
    if old is not None and new is not None:
        raise ValueError(f"Cannot specify both '{old_name}' and '{new_name}'.")
    given = old if new is None else new
    return default if given is None else given
