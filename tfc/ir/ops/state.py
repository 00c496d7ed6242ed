"""State and what comes from outside: placeholders, variables, assignments.

A `variable` node gives the value that the variable has when the run begins. An assignment gives the new value; the
graph's `updates` say what a variable holds after the run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DTypeError
from ..op import Op, Shapes, declare
from ..types import DType, Shape, TensorType
from .common import ANY, NUMBER, need


def _placeholder_type(shapes: Shapes, *, dtype: DType, shape: Shape | None) -> TensorType:
    return TensorType(dtype, None if shape is None else tuple(shape))


placeholder: Op = declare("placeholder", _placeholder_type, effect=True, attrs=("dtype", "shape"))
"""A tensor that is fed; `shape` is None where the rank is unknown, a dim that is unknown is a symbol of its own."""
variable: Op = declare(
    "variable",
    lambda shapes, dtype, shape, key: _placeholder_type(shapes, dtype=dtype, shape=shape),
    effect=True,
    attrs=("dtype", "shape", "key"),
)
"""The value of the variable `key` when the run begins."""
transposed_variable: Op = declare("transposed_variable", variable.infer, effect=True, attrs=variable.attrs)
"""The value of the variable `key`, a matrix, transposed; `shape` is that of the transpose, which memory holds."""
VARIABLES = frozenset({variable, transposed_variable})


def _assign_type(kinds: str) -> Callable[..., TensorType]:
    def infer(shapes: Shapes, variable: TensorType, value: TensorType) -> TensorType:
        if variable.dtype != value.dtype:
            raise DTypeError(f"a variable of {variable.dtype} cannot take {value.dtype}")
        need((variable,), kinds)
        if variable.shape is None or value.shape is None:
            return TensorType(variable.dtype, variable.shape if value.shape is None else value.shape)
        shapes.same(len(variable.shape), len(value.shape), "rank of variable and value")
        pairs = zip(variable.shape, value.shape, strict=True)
        dims = tuple(shapes.same(a, b, f"dim {k} of variable and value") for k, (a, b) in enumerate(pairs))
        return TensorType(variable.dtype, dims)

    return infer


def _assign(name: str, kinds: str, ref: Callable[..., Any]) -> Op:
    return declare(name, _assign_type(kinds), ref=ref, effect=True)


assign: Op = _assign("assign", ANY, lambda variable, value: value)
"""Gives the variable (first operand) the value (second, of its dtype and shape); the result is the new value."""
assign_add: Op = _assign("assign_add", NUMBER, np.add)
"""Adds the value to the variable; the result is the new value."""
assign_sub: Op = _assign("assign_sub", NUMBER, np.subtract)
"""Subtracts the value from the variable; the result is the new value."""
no_op: Op = declare("no_op", lambda shapes: (), ref=lambda: (), effect=True)
"""Nothing, with no results: a node for control dependencies."""
