"""Linear algebra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError
from ..op import Op, Shapes, declare
from ..types import TensorType
from .common import NUMBER, need, unbroadcast

if TYPE_CHECKING:
    from ..graph import Node, Value


def _matmul_type(shapes: Shapes, a: TensorType, b: TensorType, *, transpose_a: bool, transpose_b: bool) -> TensorType:
    found = need((a, b), NUMBER)
    for t in (a, b):
        if t.shape is not None and len(t.shape) < 2:
            raise ShapeError(f"matrices have rank 2 or more, got {t}")
    if a.shape is None or b.shape is None:
        return TensorType(found, None)
    rows, inner_a = reversed(a.shape[-2:]) if transpose_a else a.shape[-2:]
    inner_b, columns = reversed(b.shape[-2:]) if transpose_b else b.shape[-2:]
    shapes.same(inner_a, inner_b, "inner dims")
    batch = shapes.broadcast(a.shape[:-2], b.shape[:-2])
    # A vector is another thing than a matrix of many columns; a single row is not, as batches of any size are one case.
    return TensorType(found, (*(batch or ()), rows, 1 if shapes.is_one(columns) else columns))


def _matmul_ref(a: Any, b: Any, transpose_a: bool, transpose_b: bool) -> Any:
    left = np.swapaxes(a, -1, -2) if transpose_a else a
    right = np.swapaxes(b, -1, -2) if transpose_b else b
    return np.matmul(left, right).astype(a.dtype)


def _grad_matmul(n: Node, dy: Value) -> list[Value | None]:
    a, b = n.operands
    ta, tb = n.attrs["transpose_a"], n.attrs["transpose_b"]
    # dop(A) = dC op(B)^T and dop(B) = op(A)^T dC; a transposed operand takes the transposed product.
    da = matmul(b, dy, transpose_a=tb, transpose_b=True) if ta else matmul(dy, b, transpose_a=False, transpose_b=not tb)
    db = matmul(dy, a, transpose_a=True, transpose_b=ta) if tb else matmul(a, dy, transpose_a=not ta, transpose_b=False)
    return [unbroadcast(da, a), unbroadcast(db, b)]


matmul: Op = declare(
    "matmul",
    _matmul_type,
    ref=_matmul_ref,
    grad=_grad_matmul,
    template="gemm",
    attrs=("transpose_a", "transpose_b"),
    onnx="MatMul",
)
"""Product of matrices of numbers `[…, m, k] [… , k, n] -> [… , m, n]`, each transposed first where asked; the leading
dims are broadcast (`tf.matmul`)."""
