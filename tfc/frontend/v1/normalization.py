"""`tf.nn`'s normalisations of images."""

from __future__ import annotations

from typing import Any

from . import math
from .array import reshape, shape, size
from .basics import convert_to_tensor, stop_gradient
from .errors import unsupported
from .graph import Tensor, graph_of
from .lift import emit
from .nn import moments
from .windows import format_argument


def local_response_normalization(
    input: Any,
    depth_radius: int = 5,
    bias: float = 1,
    alpha: float = 1,
    beta: float = 0.5,
    name: str | None = None,
) -> Tensor:
    """`x / (bias + alpha * s) ** beta`, s the sum of squares of the channels no further than `depth_radius`."""
    x = convert_to_tensor(input)
    graph = x.graph
    with graph.name_scope(name or "LRN") as scope, graph.counted(1):
        if x.shape.ndims != 4:
            raise ValueError(f"Shape must be rank 4 but is rank {x.shape.ndims} for {x.name}")
        taken = 2 * int(depth_radius) + 1
        rows = reshape(math.square(x), [-1, shape(x)[3], 1])
        window: dict[str, Any] = {"window": (taken,), "strides": (1,), "dilations": (1,)}
        attrs = {**window, "padding": "SAME", "data_format": "NHWC", "count_padding": True}
        # The mean over all of a window, what lies beyond the channels as 0: the sum over `taken`.
        mean = reshape(emit(graph, "avg_pool", [rows], name="mean", attrs=attrs), shape(x))
        factor = math.pow(mean * (float(alpha) * taken) + float(bias), -float(beta))
        return emit(graph, "mul", [x, factor], name=scope)


lrn = local_response_normalization


def fused_batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any = None,
    variance: Any = None,
    epsilon: float = 0.001,
    data_format: str | None = "NHWC",
    is_training: bool = True,
    name: str | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Images normalised per channel, with mean and variance: those of the batch in training, else the given ones.

    In training the variance that is given back is that of the population, `n / (n - 1)` times what was divided by. No
    gradient flows through mean and variance as results.
    """
    form = format_argument(data_format, 2)
    graph = graph_of(x, scale, offset)
    if not is_training and (mean is None or variance is None):
        raise ValueError("Both `mean` and `variance` must be given where is_training is False.")
    if is_training and not (mean is None and variance is None):
        raise unsupported("fused_batch_norm that joins given means to those of the batch")
    with graph.name_scope(name or "FusedBatchNormV3") as scope, graph.counted(3 if is_training else 1):
        x = convert_to_tensor(x)
        axes = [0, 1, 2] if form == "NHWC" else [0, 2, 3]
        if is_training:
            mean, variance = moments(x, axes)
        y = emit(graph, "identity", [_normalised(x, mean, variance, scale, offset, epsilon, form)], name=scope)
        if not is_training:
            return y, convert_to_tensor(mean), convert_to_tensor(variance)
        n = math.cast(size(x), x.dtype) / math.cast(size(mean), x.dtype)
        population = variance * (n / math.maximum(n - 1, 1))
        return y, stop_gradient(mean), stop_gradient(population)


def _normalised(x: Tensor, mean: Any, variance: Any, scale: Any, offset: Any, epsilon: float, form: str) -> Tensor:
    def wide(v: Any) -> Tensor:
        t = convert_to_tensor(v)
        return t if form == "NHWC" else reshape(t, [-1, 1, 1])

    inverse = math.rsqrt(wide(variance) + float(epsilon)) * wide(scale)
    return (x - wide(mean)) * inverse + wide(offset)
