"""Reductions over axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..op import Op, Shapes, declare, normalize_axes
from ..types import TensorType
from .common import NUMBER, need

if TYPE_CHECKING:
    pass


def _reduce(name: str, kinds: str, combiner: str, ref: Any, grad: Any = None, **parts: Any) -> Op:
    def infer(shapes: Shapes, x: TensorType, *, axes: tuple[int, ...] | None, keepdims: bool) -> TensorType:
        need((x,), kinds)
        if x.shape is None:
            return TensorType(x.dtype, () if axes is None and not keepdims else None)
        over = normalize_axes(axes, len(x.shape))
        kept = tuple(1 if k in over else d for k, d in enumerate(x.shape) if keepdims or k not in over)
        return TensorType(x.dtype, kept)

    return declare(name, infer, ref=ref, combiner=combiner, grad=grad, attrs=("axes", "keepdims"), **parts)


reduce_sum = _reduce(
    "reduce_sum",
    NUMBER,
    "add",
    lambda x, axes, keepdims: np.sum(x, axis=axes, keepdims=keepdims, dtype=x.dtype),
    onnx="ReduceSum",
)
