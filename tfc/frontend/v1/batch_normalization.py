"""`tf.layers.batch_normalization`: batches normalised, with averages of their moments for when it does not train."""

from __future__ import annotations

from typing import Any

from tfc.ir.errors import ShapeError
from tfc.ir.op import normalize_axes

from . import math
from .array import reshape, size
from .basics import GraphKeys, convert_to_tensor
from .errors import unsupported
from .graph import Tensor
from .initializers import Ones, Zeros
from .layers import layer
from .lift import emit, is_tensor_like
from .nn import batch_normalization as normalized
from .nn import moments
from .shape_values import ints_argument
from .variable_scope import get_variable
from .variables import Variable, assign_sub


def batch_normalization(
    inputs: Any,
    axis: Any = -1,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Any = None,
    gamma_initializer: Any = None,
    moving_mean_initializer: Any = None,
    moving_variance_initializer: Any = None,
    beta_regularizer: Any = None,
    gamma_regularizer: Any = None,
    beta_constraint: Any = None,
    gamma_constraint: Any = None,
    training: Any = False,
    trainable: bool = True,
    name: str | None = None,
    reuse: bool | None = None,
    renorm: bool = False,
    renorm_clipping: Any = None,
    renorm_momentum: float = 0.99,
    fused: bool | None = None,
    virtual_batch_size: Any = None,
    adjustment: Any = None,
) -> Tensor:
    """The inputs less mean over standard deviation along an axis, times gamma, plus beta.

    In training the moments are the batch's, and the operations that move their averages are in the collection
    UPDATE_OPS; else they are the averages. `training` may be a tensor. As in TensorFlow, the average of the variance of
    images (rank 4, unless `fused` is false) follows that of the population.
    """
    if renorm or virtual_batch_size is not None or adjustment is not None:
        raise unsupported("batch_normalization with renorm, virtual_batch_size or adjustment")
    with layer("batch_normalization", inputs, name, reuse) as x:
        k = _axis(x, axis)
        units = x.shape[k].value
        if units is None:
            raise ValueError(f"axis {k} of the inputs of batch_normalization should be defined, got {x.shape}")

        def variable(part: str, rule: Any, default: Any, learnt: bool, *about: Any) -> Variable:
            chosen = default() if rule is None else rule
            regularizer, constraint = about or (None, None)
            return get_variable(part, [units], x.dtype, chosen, regularizer, learnt, constraint=constraint)

        gamma = beta = None
        if scale:
            gamma = variable("gamma", gamma_initializer, Ones, trainable, gamma_regularizer, gamma_constraint)
        if center:
            beta = variable("beta", beta_initializer, Zeros, trainable, beta_regularizer, beta_constraint)
        averages = (
            variable("moving_mean", moving_mean_initializer, Zeros, False),
            variable("moving_variance", moving_variance_initializer, Ones, False),
        )
        images = fused is not False and x.shape.ndims == 4 and k in (1, 3)
        mean, variance = _moments(x, k, averages, momentum, training, images)
        mean, variance, beta, gamma = (_along(v, x, k) for v in (mean, variance, beta, gamma))
        return normalized(x, mean, variance, beta, gamma, epsilon)


def _along(v: Any, x: Tensor, axis: int) -> Any:
    """A vector in the shape in which it stands beside x along an axis."""
    rank = len(x.shape)
    if v is None or axis == rank - 1:
        return v
    return reshape(v, [x.shape[axis].value if j == axis else 1 for j in range(rank)])


def _axis(x: Tensor, axis: Any) -> int:
    """The one axis, counted from the first. Raises ValueError."""
    axes = ints_argument(axis, "axis")
    if x.shape.ndims is None or len(axes) != 1:
        raise unsupported(f"batch_normalization of {x.name} over axis {axis} at {x.graph.ir.locate()}")
    try:
        return normalize_axes(axes, x.shape.ndims)[0]
    except ShapeError as error:
        raise ValueError(f"Invalid axis: {axis} ({error})") from None


def _moments(
    x: Tensor, axis: int, averages: tuple[Variable, Variable], momentum: float, training: Any, images: bool
) -> tuple[Any, Any]:
    """Mean and variance to normalise by; in training their averages are moved by operations in UPDATE_OPS."""
    if not is_tensor_like(training) and not training:
        return averages
    found = list(moments(x, [k for k in range(len(x.shape)) if k != axis]))
    moved = list(found)
    if images:
        n = math.cast(size(x), x.dtype) / math.cast(size(found[0]), x.dtype)
        moved[1] = found[1] * (n / math.maximum(n - 1, 1))
    chosen = convert_to_tensor(training) if is_tensor_like(training) else None
    share = convert_to_tensor(1.0 - momentum, x.dtype, name="decay")
    if chosen is not None:
        found = [emit(x.graph, "select", [chosen, a, b], name="cond") for a, b in zip(found, averages, strict=True)]
        share = emit(x.graph, "select", [chosen, share, convert_to_tensor(0.0, x.dtype)], name="cond")
    for average, value in zip(averages, moved, strict=True):
        with x.graph.name_scope("AssignMovingAvg") as scope:
            update = assign_sub(average, (average - value) * share, name=scope)
        x.graph.add_to_collection(GraphKeys.UPDATE_OPS, update)
    return found[0], found[1]
