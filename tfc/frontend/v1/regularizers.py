"""`tf.contrib.layers`' regularisers: penalties on the weights that `get_variable` collects."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

from . import math
from .basics import convert_to_tensor
from .graph import Tensor, graph_of
from .lift import emit

Penalty = Callable[[Any], "Tensor | None"]


def _regularizer(scale: Any, scope: str, penalty: Callable[[Tensor], Tensor]) -> Penalty:
    if isinstance(scale, numbers.Real) and not isinstance(scale, numbers.Integral) and scale < 0:
        raise ValueError(f"Setting a scale less than 0 on a regularizer: {scale}")
    if isinstance(scale, numbers.Integral):
        raise ValueError(f"scale cannot be an integer: {scale}")
    if isinstance(scale, numbers.Real) and scale == 0:
        return lambda weights: None

    def penalise(weights: Any) -> Tensor:
        with graph_of(weights).name_scope(scope) as name:
            of = convert_to_tensor(weights).dtype
            return math.multiply(convert_to_tensor(scale, of, name="scale"), penalty(weights), name=name)

    return penalise


def l2_regularizer(scale: Any, scope: str | None = None) -> Penalty:
    """`scale` times half the sum of squares; None where it is 0. Raises ValueError for a negative or integer scale."""

    def penalty(weights: Any) -> Tensor:
        return emit(graph_of(weights), "l2_loss", [weights], name="L2Loss")

    return _regularizer(scale, scope or "l2_regularizer", penalty)


def l1_regularizer(scale: Any, scope: str | None = None) -> Penalty:
    """`scale` times the sum of magnitudes; None where it is 0. Raises ValueError for a negative or integer scale."""
    return _regularizer(
        scale, scope or "l1_regularizer", lambda weights: math.reduce_sum(math.ELEMENTWISE["abs"](weights))
    )
