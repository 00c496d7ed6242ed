"""`tf.contrib.layers`: layers that name their variables `weights` and `biases`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import layers as core
from . import math
from .graph import Tensor, graph_of
from .initializers import Zeros, xavier_initializer
from .matrices import tensordot
from .nn import bias_add, relu
from .variable_scope import get_variable


def flatten(inputs: Any, outputs_collections: Any = None, scope: str | None = None) -> Tensor:
    """All axes but the first as one."""
    graph = graph_of(inputs)
    with graph.name_scope(scope or "Flatten"):
        flat = core.flatten(inputs)
        _collect(flat, outputs_collections)
        return flat


def fully_connected(
    inputs: Any,
    num_outputs: int,
    activation_fn: Callable[[Any], Any] | None = relu,
    normalizer_fn: Callable[..., Any] | None = None,
    normalizer_params: Mapping[str, Any] | None = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = Zeros,
    biases_regularizer: Any = None,
    reuse: bool | None = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: str | None = None,
) -> Any:
    """`activation_fn(inputs @ weights + biases)` over the last axis; a normaliser takes the place of the biases.

    Weights are Xavier's and biases zeros unless said otherwise; without an initialiser there are no biases.
    """
    with core.layer("fully_connected", inputs, scope, reuse) as x:
        rank = x.shape.ndims
        if not rank or rank < 2 or x.shape[-1].value is None:
            raise ValueError(
                f"The last dimension of the inputs to `fully_connected` should be defined. Found: {x.shape}"
            )
        rule = xavier_initializer() if weights_initializer is None else weights_initializer
        dims = [x.shape[-1].value, int(num_outputs)]
        weights = get_variable("weights", dims, x.dtype, rule, weights_regularizer, trainable)
        _collect(weights, _of(variables_collections, "weights"))
        product = math.matmul(x, weights) if rank == 2 else tensordot(x, weights, [[rank - 1], [0]])
        if normalizer_fn is not None:
            product = normalizer_fn(product, **(normalizer_params or {}))
        elif biases_initializer is not None:
            zeros = biases_initializer() if biases_initializer is Zeros else biases_initializer
            biases = get_variable("biases", dims[1:], x.dtype, zeros, biases_regularizer, trainable)
            _collect(biases, _of(variables_collections, "biases"))
            product = bias_add(product, biases)
        result = product if activation_fn is None else activation_fn(product)
        _collect(result, outputs_collections)
        return result


def _of(collections: Any, part: str) -> Any:
    """The collections of a variable: given for each, or the same for all."""
    return collections.get(part) if isinstance(collections, Mapping) else collections


def _collect(x: Any, collections: Any) -> None:
    if collections:
        graph_of(x).add_to_collections(collections, x)
