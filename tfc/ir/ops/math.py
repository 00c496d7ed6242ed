"""Elementwise math: arithmetic, comparison, logic, transcendental functions, selection and conversion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..expr import prim
from .common import FLOAT, NUMBER, bool_, elementwise, unbroadcast

if TYPE_CHECKING:
    from ..graph import Node, Value


def _grad_add(n: Node, dy: Value) -> list[Value | None]:
    a, b = n.operands
    return [unbroadcast(dy, a), unbroadcast(dy, b)]


def _grad_mul(n: Node, dy: Value) -> list[Value | None]:
    a, b = n.operands
    return [unbroadcast(mul(dy, b), a), unbroadcast(mul(dy, a), b)]


add = elementwise("add", NUMBER, np.add, lambda a, b: a + b, _grad_add, commutative=True, onnx="Add")
mul = elementwise("mul", NUMBER, np.multiply, lambda a, b: a * b, _grad_mul, commutative=True, onnx="Mul")
exp = elementwise("exp", FLOAT, np.exp, lambda x: prim("exp", x), lambda n, dy: [mul(dy, n.results[0])], onnx="Exp")
less = elementwise("less", NUMBER, np.less, lambda a, b: a < b, result=bool_, onnx="Less")
