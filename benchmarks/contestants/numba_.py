"""Numba: the expression as one function under `vectorize`."""

from __future__ import annotations

import math

import numba
import numpy as np

from . import Request, Task, expression
from .expression import Expression

_FUNCTIONS = {"abs": "abs", "maximum": "max", "minimum": "min"}


def prepare(request: Request) -> Task:
    numba.set_num_threads(request.threads)
    workload = request.workload
    whole, names = expression.of(workload)
    lines, numbers = expression.statements(whole, _text)
    source = "\n    ".join([f"def function({', '.join(names)}):", *lines, f"return t{len(lines) - 1}"])
    scope = {name: np.float32(value) for name, value in numbers.items()} | {"np": np, "math": math}
    exec(source, scope)
    takes = [getattr(numba, spec.dtype) for spec in workload.inputs]
    signature = getattr(numba, workload.result)(*takes)
    call = numba.vectorize([signature], target="cpu" if request.threads == 1 else "parallel")(scope["function"])
    return Task(request.data.inputs, call, lambda out: [out])


def _text(x: Expression, operands: list[str]) -> str:
    if x.op == "cast":
        return f"np.{operands[1]}({operands[0]})"
    if not x.op.isidentifier():
        return f" {x.op} ".join(operands) if len(operands) > 1 else f"{x.op}{operands[0]}"
    return f"{_FUNCTIONS.get(x.op, f'math.{x.op}')}({', '.join(operands)})"


def facts() -> dict[str, str]:
    return {"numba": numba.__version__}
