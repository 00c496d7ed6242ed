"""Learning rates that fall with the global step (TensorFlow 1.15, `python/training/learning_rate_decay.py`)."""

from __future__ import annotations

import math as scalar_math
from collections.abc import Sequence
from typing import Any

from . import math
from .basics import convert_to_tensor
from .graph import Tensor, graph_of
from .lift import emit


def _progress(rate: Any, global_step: Any, steps: Any) -> tuple[Tensor, Tensor]:
    """The rate as a tensor, and `global_step / steps` in its dtype. Raises ValueError without a global step."""
    if global_step is None:
        raise ValueError("global_step is required for a decay of the learning rate.")
    start = convert_to_tensor(rate, name="learning_rate")
    return start, math.cast(global_step, start.dtype) / math.cast(steps, start.dtype)


def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """`learning_rate * decay_rate ** (global_step / decay_steps)`; the exponent is rounded down for `staircase`."""
    with graph_of(learning_rate, global_step).name_scope(name or "ExponentialDecay") as scope:
        rate, p = _progress(learning_rate, global_step, decay_steps)
        power = math.pow(convert_to_tensor(decay_rate, rate.dtype), math.floor(p) if staircase else p)
        return math.multiply(rate, power, name=scope)


def natural_exp_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """`learning_rate * exp(-decay_rate * global_step / decay_steps)`."""
    with graph_of(learning_rate, global_step).name_scope(name or "NaturalExpDecay") as scope:
        rate, p = _progress(learning_rate, global_step, decay_steps)
        exponent = math.exp(-convert_to_tensor(decay_rate, rate.dtype) * (math.floor(p) if staircase else p))
        return math.multiply(rate, exponent, name=scope)


def inverse_time_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """`learning_rate / (1 + decay_rate * global_step / decay_steps)`."""
    with graph_of(learning_rate, global_step).name_scope(name or "InverseTimeDecay") as scope:
        rate, p = _progress(learning_rate, global_step, decay_steps)
        share = convert_to_tensor(decay_rate, rate.dtype) * (math.floor(p) if staircase else p)
        return math.divide(rate, 1 + share, name=scope)


def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Tensor:
    """From the rate to `end_learning_rate` by a polynomial in `decay_steps` steps; `cycle` starts over at multiples."""
    if global_step is None:
        raise ValueError("global_step is required for a decay of the learning rate.")
    with graph_of(learning_rate, global_step).name_scope(name or "PolynomialDecay") as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        end = convert_to_tensor(end_learning_rate, rate.dtype, name="end_learning_rate")
        step, steps = math.cast(global_step, rate.dtype), math.cast(decay_steps, rate.dtype)
        if cycle:
            rounds = math.ELEMENTWISE["ceil"](step / steps)
            steps = steps * math.where(math.equal(step, 0), convert_to_tensor(1.0, rate.dtype), rounds)
        else:
            step = math.minimum(step, steps)
        left = math.pow(1 - step / steps, convert_to_tensor(power, rate.dtype))
        return math.add((rate - end) * left, end, name=scope)


def cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, alpha: Any = 0.0, name: str | None = None
) -> Tensor:
    """From the rate to `alpha` times it along half a cosine in `decay_steps` steps."""
    if global_step is None:
        raise ValueError("cosine decay requires global_step")
    with graph_of(learning_rate, global_step).name_scope(name or "CosineDecay") as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        steps = math.cast(decay_steps, rate.dtype)
        p = math.minimum(math.cast(global_step, rate.dtype), steps) / steps
        share = 0.5 * (1 + math.cos(scalar_math.pi * p))
        return math.multiply(rate, (1 - alpha) * share + alpha, name=scope)


def piecewise_constant(x: Any, boundaries: Sequence[Any], values: Sequence[Any], name: str | None = None) -> Tensor:
    """`values[k]` from above `boundaries[k - 1]` up to `boundaries[k]`. Raises ValueError where those do not fit."""
    if len(boundaries) != len(values) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")
    with graph_of(x, list(boundaries), list(values)).name_scope(name or "PiecewiseConstant"):
        at = convert_to_tensor(x)
        of = convert_to_tensor(values[-1]).dtype
        out = convert_to_tensor(values[-1], of)
        for bound, value in zip(reversed(boundaries), reversed(values[:-1]), strict=True):
            limit = convert_to_tensor(bound, at.dtype if at.dtype.is_integer and isinstance(bound, int) else None)
            place = math.cast(at, limit.dtype) if limit.dtype != at.dtype else at
            out = emit(at.graph, "select", [place <= limit, convert_to_tensor(value, of), out], name="value")
        return out
