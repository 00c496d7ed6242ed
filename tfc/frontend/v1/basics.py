"""Constants, placeholders, identities and the ops that only order others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from tfc.ir.op import REGISTRY
from tfc.ir.types import TensorType

from .dtypes import as_dtype
from .graph import Operation, Tensor, get_default_graph, graph_of
from .lift import as_array, emit, lift, lift_hinted
from .shapes import as_shape


def constant(
    value: Any, dtype: Any = None, shape: Any = None, name: str = "Const", verify_shape: bool = False
) -> Tensor:
    """A constant tensor; where `shape` has more elements than `value`, the last one is repeated.

    Raises TypeError for values that are not of the dtype, ValueError for more values than the shape holds.
    """
    graph = get_default_graph()
    array = as_array(value, None if dtype is None else as_dtype(dtype).ir)
    if shape is not None:
        array = _filled(array, tuple(int(d) for d in as_shape(shape)), verify_shape)
    return graph.tensor(graph.constant(array, name))


def _filled(array: np.ndarray[Any, Any], shape: tuple[int, ...], verify: bool) -> np.ndarray[Any, Any]:
    size = int(np.prod(shape))
    if array.size > size or (verify and array.shape != shape):
        raise ValueError(f"a constant of shape {shape} cannot take values of shape {array.shape}")
    flat = array.reshape(-1)
    if array.size == 1:
        return np.broadcast_to(flat.reshape((1,) * len(shape)), shape)
    return np.concatenate([flat, np.repeat(flat[-1:], size - flat.size)]).reshape(shape)


def convert_to_tensor(value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None) -> Tensor:
    """`value` as a tensor: itself, or a constant of it. Raises ValueError for a tensor of another dtype."""
    graph = graph_of(value)
    if dtype is None and preferred_dtype is not None:
        return graph.tensor(lift_hinted(value, graph, as_dtype(preferred_dtype).ir, name or "Const"))
    return graph.tensor(lift(value, graph, None if dtype is None else as_dtype(dtype).ir, name or "Const"))


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor that is fed. `shape` None means any rank, a None in it any dim."""
    graph = get_default_graph()
    attrs = {"dtype": as_dtype(dtype).ir, "shape": graph.ir_shape(shape)}
    return graph.tensor(REGISTRY["placeholder"](graph=graph.ir, name=name or "Placeholder", **attrs))


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """`input`, in the place of which a tensor of the shape may be fed."""
    graph = graph_of(input)
    with graph.name_scope(name or "PlaceholderWithDefault") as scope:
        default = lift(input, graph, None, "input")
        value = REGISTRY["identity"](default, name=scope)
    declared = as_shape(shape)
    if not graph.tensor(default).shape.is_compatible_with(declared):
        raise ValueError(f"the default of shape {graph.tensor(default).shape} does not fit the shape {declared}")
    if graph.tensor(default).shape != declared:
        # The type says what may be fed; a run without a feed infers that of the default.
        value.type = TensorType(value.type.dtype, graph.ir_shape(declared))
    return graph.tensor(value)


def identity(input: Any, name: str | None = None) -> Tensor:
    """A tensor of the same value: a read where `input` is a variable."""
    return emit(graph_of(input), "identity", [input], name=name or "Identity", args=("input",))


def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """The same value, through which no gradient flows."""
    return emit(graph_of(input), "stop_gradient", [input], name=name or "StopGradient", args=("input",))


def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing."""
    graph = get_default_graph()
    return graph.operation(REGISTRY["no_op"].node(graph=graph.ir, name=name or "NoOp"))


def group(*inputs: Any, name: str = "group_deps", **kwargs: Any) -> Operation:
    """An operation that runs all of the inputs: operations, tensors, variables, or lists of them."""
    if kwargs:
        raise ValueError(f"Unknown keyword arguments: {', '.join(kwargs)}")
    given = _flat(inputs)
    graph = graph_of(*given)
    with graph.name_scope(name) as scope, graph.control_dependencies(given):
        return graph.operation(REGISTRY["no_op"].node(graph=graph.ir, name=scope or name))


def _flat(inputs: Any) -> list[Any]:
    items: list[Any] = []
    for x in inputs:
        if isinstance(x, (list, tuple)):
            items.extend(_flat(x))
        elif x is not None:
            items.append(x)
    return items


def tuple_(tensors: Sequence[Any], name: str | None = None, control_inputs: Sequence[Any] | None = None) -> list[Any]:
    """The tensors, each of which is available only once all of them are. None stays None."""
    graph = graph_of(*tensors)
    given = [t for t in tensors if t is not None]
    with graph.name_scope(name or "tuple"):
        gate = group(*given, *(control_inputs or ()))
        with graph.control_dependencies([gate]):
            return [t if t is None or isinstance(t, Operation) else _gated(t) for t in tensors]


def _gated(t: Any) -> Tensor:
    return identity(t, "control_dependency")


def control_dependencies(control_inputs: Sequence[Any] | None) -> AbstractContextManager[None]:
    """Operations made inside the block run after the given ones; None lifts what the blocks around it ask for."""
    return get_default_graph().control_dependencies(control_inputs)


def device(device_name_or_function: Any) -> AbstractContextManager[None]:
    """Accepted; the runtime decides where a program runs."""
    return get_default_graph().device(device_name_or_function)


def colocate_with(op: Any, ignore_existing: bool = False) -> AbstractContextManager[None]:
    """Accepted; the runtime decides where a program runs."""
    return get_default_graph().colocate_with(op, ignore_existing)


@contextmanager
def name_scope(name: str | None, default_name: str | None = None, values: Sequence[Any] | None = None) -> Iterator[str]:
    """A scope for the names of operations: `name`, or `default_name` where it is None."""
    chosen = default_name if name is None else name
    if name is None and default_name is None and values is not None:
        raise ValueError("At least one of name and default_name must be provided.")
    graph = graph_of(*(values or ()))
    with graph.as_default(), graph.name_scope(chosen) as scope:
        yield scope


def op_scope(values: Sequence[Any], name: str | None, default_name: str | None = None) -> AbstractContextManager[str]:
    """`name_scope` with the arguments in their old order."""
    return name_scope(name, default_name, values)


def set_random_seed(seed: int | None) -> None:
    """The graph's seed: with it, random ops without a seed of their own are reproducible."""
    get_default_graph().seed = seed


def add_to_collection(name: Any, value: Any) -> None:
    """Adds to a collection of the default graph."""
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """Adds to several collections of the default graph."""
    get_default_graph().add_to_collections(names, value)


def get_collection(key: Any, scope: str | None = None) -> list[Any]:
    """A collection of the default graph, as a copy."""
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: Any) -> list[Any]:
    """A collection of the default graph itself."""
    return get_default_graph().get_collection_ref(key)


def disable_eager_execution() -> None:
    """Nothing: operations always go to a graph."""


def disable_v2_behavior() -> None:
    """Nothing: this is TF 1's API."""


def executing_eagerly() -> bool:
    """False: operations go to a graph."""
    return False


class GraphKeys:
    """Names of the collections that the library fills."""

    GLOBAL_VARIABLES = "variables"
    VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    MODEL_VARIABLES = "model_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    REGULARIZATION_LOSSES = "regularization_losses"
    LOSSES = "losses"
    SUMMARIES = "summaries"
    UPDATE_OPS = "update_ops"
    GLOBAL_STEP = "global_step"
    TRAIN_OP = "train_op"
    WEIGHTS = "weights"
    BIASES = "biases"
    ACTIVATIONS = "activations"
    INIT_OP = "init_op"
    QUEUE_RUNNERS = "queue_runners"
    TABLE_INITIALIZERS = "table_initializer"
