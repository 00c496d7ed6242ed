"""NumExpr: the whole function as one expression."""

from __future__ import annotations

import re
from typing import Any

import numexpr
import numpy as np

from . import Request, Task, Unsupported, expression
from .expression import Expression

_LACKS = {"erf", "cast"}


def prepare(request: Request) -> Task:
    numexpr.set_num_threads(request.threads)
    whole, names = expression.of(request.workload)
    lines, numbers = expression.statements(whole, _text)
    text = _nested(lines)
    constants = {name: np.float32(value) for name, value in numbers.items()}
    spaces = [(dict(zip(names, arrays, strict=True)) | constants,) for arrays in request.data.inputs]

    def step(names: dict[str, Any]) -> Any:
        return numexpr.evaluate(text, local_dict=names, global_dict={})

    return Task(spaces, step, lambda out: [out])


def _text(x: Expression, operands: list[str]) -> str:
    if x.op in _LACKS:
        raise Unsupported(f"no {x.op}")
    if not x.op.isidentifier():
        return f"({f' {x.op} '.join(operands)})" if len(operands) > 1 else f"({x.op}{operands[0]})"
    return f"{x.op}({', '.join(operands)})"


def _nested(lines: list[str]) -> str:
    """One expression; NumExpr computes once what occurs twice."""
    texts = dict(line.split(" = ", 1) for line in lines)

    def whole(name: str) -> str:
        return re.sub(r"\bt\d+\b", lambda found: whole(found.group()), texts[name])

    return whole(list(texts)[-1])


def facts() -> dict[str, str]:
    return {"numexpr": numexpr.__version__}
