"""An elementwise function as an expression, for the contestants that compile those from text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.ops import Ops, Unsupported
from benchmarks.workload import Workload


@dataclass(frozen=True, eq=False)
class Expression:
    """An operation on other expressions and numbers; of an input, its name alone."""

    op: str
    operands: tuple[Any, ...] = ()

    def __add__(self, other: Any) -> Expression:
        return Expression("+", (self, other))

    def __radd__(self, other: Any) -> Expression:
        return Expression("+", (other, self))

    def __sub__(self, other: Any) -> Expression:
        return Expression("-", (self, other))

    def __rsub__(self, other: Any) -> Expression:
        return Expression("-", (other, self))

    def __mul__(self, other: Any) -> Expression:
        return Expression("*", (self, other))

    def __rmul__(self, other: Any) -> Expression:
        return Expression("*", (other, self))

    def __truediv__(self, other: Any) -> Expression:
        return Expression("/", (self, other))

    def __rtruediv__(self, other: Any) -> Expression:
        return Expression("/", (other, self))

    def __neg__(self) -> Expression:
        return Expression("-", (self,))


class ExpressionOps(Ops):
    """The vocabulary: each function is an expression of its name."""

    def __getattr__(self, name: str) -> Any:
        if name not in {"exp", "log", "tanh", "sin", "erf", "sqrt", "abs", "maximum", "minimum", "cast"}:
            raise Unsupported(f"no {name}")
        return lambda *operands: Expression(name, operands)


def of(workload: Workload) -> tuple[Expression, list[str]]:
    """The function's expression, and the names of its inputs."""
    names = [f"x{i}" for i in range(len(workload.inputs))]
    if workload.function is None or workload.weights:
        raise Unsupported("no elementwise function")
    result: Expression = workload.function(ExpressionOps(), (), *map(Expression, names))
    return result, names


def statements(of: Expression, operation: Callable[[Expression, list[str]], str]) -> tuple[list[str], dict[str, float]]:
    """Each operation as a statement `name = text`, in order, the last one the result; and the numbers by name."""
    lines: list[str] = []
    numbers: dict[str, float] = {}
    done: dict[int, str] = {}

    def name(x: Any) -> str:
        if not isinstance(x, Expression):
            if isinstance(x, str):
                return x
            found = next((n for n, value in numbers.items() if value == x), f"c{len(numbers)}")
            numbers[found] = x
            return found
        if not x.operands:
            return x.op
        if id(x) not in done:
            text = operation(x, [name(operand) for operand in x.operands])
            done[id(x)] = f"t{len(lines)}"
            lines.append(f"{done[id(x)]} = {text}")
        return done[id(x)]

    name(of)
    return lines, numbers
