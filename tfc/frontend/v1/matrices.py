"""Diagonals and products of tensors under TF's names, made of other operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfc.ir.index import Dim, minimum, product
from tfc.ir.op import REGISTRY, normalize_axes
from tfc.ir.types import int32

from . import math
from .array import stack, transpose
from .basics import convert_to_tensor
from .errors import unsupported
from .graph import Tensor, graph_of
from .lift import emit
from .shape_values import ints_argument


def _on_diagonal(x: Tensor, rows: Dim, columns: Dim) -> Tensor:
    """Where row and column of a matrix are the same."""

    def places(shape: tuple[Dim, ...], axis: int) -> Tensor:
        return x.graph.tensor(REGISTRY["iota"](graph=x.graph.ir, shape=shape, axis=axis, dtype=int32, name="places"))

    return math.ELEMENTWISE["equal"](places((rows, 1), 0), places((1, columns), 1))


def _reshaped(x: Tensor, dims: tuple[Dim, ...], name: str = "Reshape") -> Tensor:
    return emit(x.graph, "reshape", [x], name=name, attrs={"shape": dims})


def matrix_diag(diagonal: Any, name: str | None = None) -> Tensor:
    """Square matrices with the last axis as their diagonals, 0 elsewhere."""
    with graph_of(diagonal).name_scope(name or "MatrixDiag") as scope, graph_of(diagonal).counted(1):
        x = convert_to_tensor(diagonal)
        n = x.ir_value.type.dims[-1]
        wide = _reshaped(x, (*x.ir_value.type.dims, 1))
        return emit(x.graph, "select", [_on_diagonal(x, n, n), wide, _zero(x)], name=scope)


def matrix_diag_part(input: Any, name: str | None = None) -> Tensor:
    """The diagonals of matrices."""
    with graph_of(input).name_scope(name or "MatrixDiagPart") as scope, graph_of(input).counted(1):
        x = convert_to_tensor(input)
        *_, rows, columns = x.ir_value.type.dims
        kept = emit(x.graph, "select", [_on_diagonal(x, rows, columns), x, _zero(x)], name="kept")
        part = math.reduce_sum(kept, -1)
        dims = (*part.ir_value.type.dims[:-1], minimum(rows, columns))
        attrs = {"starts": (0,) * len(dims), "sizes": dims, "steps": (1,) * len(dims)}
        return emit(x.graph, "slice", [part], name=scope, attrs=attrs)


def _zero(x: Tensor) -> Tensor:
    return x.graph.tensor(x.graph.constant(np.zeros((), x.ir_value.type.dtype.np), "zero"))


def diag(diagonal: Any, name: str | None = None) -> Tensor:
    """A tensor of twice the rank with the elements where both halves of an index are the same, 0 elsewhere."""
    with graph_of(diagonal).name_scope(name or "Diag") as scope, graph_of(diagonal).counted(1):
        x = convert_to_tensor(diagonal)
        dims = x.ir_value.type.dims
        return _reshaped(matrix_diag(_reshaped(x, (product(dims),))), (*dims, *dims), scope)


def diag_part(input: Any, name: str | None = None) -> Tensor:
    """The elements where both halves of an index are the same. Raises ValueError for an odd rank."""
    with graph_of(input).name_scope(name or "DiagPart") as scope, graph_of(input).counted(1):
        x = convert_to_tensor(input)
        dims = x.ir_value.type.dims
        half = len(dims) // 2
        if len(dims) % 2 or not dims:
            raise ValueError(f"diag_part takes an even rank, got the shape {x.shape}")
        matrix = _reshaped(x, (product(dims[:half]), product(dims[half:])))
        return _reshaped(matrix_diag_part(matrix), dims[:half], scope)


def trace(x: Any, name: str | None = None) -> Tensor:
    """The sums of the diagonals of matrices."""
    with graph_of(x).name_scope(name or "Trace") as scope:
        return math.reduce_sum(matrix_diag_part(x), -1, name=scope)


def cross(a: Any, b: Any, name: str | None = None) -> Tensor:
    """The cross products of vectors of three elements along the last axis."""
    graph = graph_of(a, b)
    with graph.name_scope(name or "Cross") as scope, graph.counted(1):
        x, y = math.as_pair(a, b)
        if not {x.shape[-1].value, y.shape[-1].value} <= {3, None}:
            raise ValueError(f"cross takes vectors of three elements, got the shapes {x.shape} and {y.shape}")
        x, y = ([t[..., k] for k in range(3)] for t in (x, y))
        parts = [x[k - 2] * y[k - 1] - x[k - 1] * y[k - 2] for k in range(3)]
        return stack(parts, axis=-1, name=scope)


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The sum of products over axes: the last of `a` with the first of `b` where a number, else a pair of lists.

    Raises UnimplementedError for a tensor of unknown rank, ValueError for lists of other lengths.
    """
    graph = graph_of(a, b)
    with graph.name_scope(name or "Tensordot") as scope:
        x, y = math.as_pair(a, b)
        if x.shape.ndims is None or y.shape.ndims is None:
            raise unsupported(f"tensordot at {graph.ir.locate()}: a rank is unknown")
        over_x, over_y = _contracted(axes, x.shape.ndims, y.shape.ndims)
        left = [k for k in range(x.shape.ndims) if k not in over_x]
        right = [k for k in range(y.shape.ndims) if k not in over_y]
        x_dims, y_dims = x.ir_value.type.dims, y.ir_value.type.dims
        shared, rows = product(x_dims[k] for k in over_x), product(x_dims[k] for k in left)
        columns = product(y_dims[k] for k in right)
        first = _reshaped(transpose(x, [*left, *over_x]), (rows, shared))
        second = _reshaped(transpose(y, [*over_y, *right]), (product(y_dims[k] for k in over_y), columns))
        dims = (*(x_dims[k] for k in left), *(y_dims[k] for k in right))
        return _reshaped(math.matmul(first, second), dims, scope)


def _contracted(axes: Any, rank_x: int, rank_y: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(axes, (int, np.integer)):
        return tuple(range(rank_x - int(axes), rank_x)), tuple(range(int(axes)))
    if len(axes) != 2:
        raise ValueError(f"'axes' must be an integer or have length 2, got {axes!r}")
    given = [ints_argument(over if hasattr(over, "__iter__") else [over], "axes") for over in axes]
    over_x, over_y = (
        tuple(normalize_axes((k,), rank)[0] for k in over) for over, rank in zip(given, (rank_x, rank_y), strict=True)
    )
    if len(over_x) != len(over_y):
        raise ValueError(f"different numbers of axes are contracted: {axes!r}")
    return over_x, over_y
