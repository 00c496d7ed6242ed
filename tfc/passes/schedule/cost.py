"""What statements cost on one core, by counting: for the choice whether threads pay, not for more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tfc.ir.expr import Expr, Load, Prim
from tfc.ir.index import Dim, floordiv, maximum, symbols_of
from tfc.ir.kernel import Accumulate, Body, Buffer, For, If, Kernel, Let, Stmt, Store
from tfc.ir.types import DType

from ..target import Target
from .bounds import Facts, upper
from .nest import buffer_table, facts_at, spans_of

CYCLE = 8
"""Units of a cycle."""
OPERATION = 4
"""Of an operation on a register, or of an access of the nearest cache: two in a cycle."""
BYTES = 4
"""Bytes of a buffer outside that pass in one unit: what the second level of caches gives."""
UNKNOWN = 16
"""Iterations of a loop of which nothing is known out here."""

_OPERATIONS = {
    "div": 8,
    "sqrt": 10,
    "floordiv": 24,
    "mod": 24,
    "expm1": 24,
    "log1p": 24,
    "erf": 24,
    "tanh": 24,
    "sigmoid": 20,
    "exp": 16,
    "log": 20,
    "sin": 40,
    "cos": 40,
    "tan": 48,
    "pow": 60,
}
"""Operations on registers that a primitive takes, where it is more than one."""


@dataclass(frozen=True)
class Costs:
    """How to count in a kernel: `copies` are the loops without jumps around a statement, with their extents."""

    target: Target
    buffers: Mapping[str, Buffer]
    facts: Facts
    copies: Mapping[str, int] = field(default_factory=dict)
    lanes: int = 1
    lane: str = ""

    @staticmethod
    def of(k: Kernel, target: Target) -> Costs:
        return Costs(target, buffer_table(k), facts_at(k, ()))

    def body(self, body: Body) -> Dim:
        """Units that a body takes: in the symbols that are known around it."""
        total: Dim = 0
        for s in body:
            total = total + self.statement(s)
        return total

    def statement(self, s: Stmt) -> Dim:
        match s:
            case For(kind="vector", extent=int(n)):
                return replace(self, lanes=n, lane=s.var).body(s.body)
            case For(kind="unrolled", extent=int(n)):
                return replace(self, copies={**self.copies, s.var: n}).body(s.body)
            case For():
                return self.loop(s)
            case If(condition, then, orelse):
                return self.expression(condition) + _larger(self.body(then), self.body(orelse))
            case Let(value=e):
                return self.expression(e)
            case Store(buffer=b, index=index, value=e):
                return self.write(b, symbols_of(*index), e)
            case Accumulate(buffer=b, index=index, value=e):
                return self.write(b, symbols_of(*index), e) + (0 if _is_product(e) else OPERATION * self.times())
        return 0

    def loop(self, s: For) -> Dim:
        """A loop that jumps; its extent as large as it can be, if it depends on loops inside of what is asked about."""
        inside = replace(self, facts=self.facts.within(spans_of((s,))))
        known = upper(s.extent, self.facts.spans, self.facts.ranges)
        extent = UNKNOWN if known is None or symbols_of(known) & self.facts.opaque else known
        return extent * inside.body(s.body)

    def times(self, used: frozenset[str] | None = None) -> int:
        """How often a statement is repeated without jumps: by the loops whose variables it uses."""
        count = 1
        for v, n in self.copies.items():
            count *= n if used is None or v in used else 1
        return count

    def registers(self, dtype: DType) -> int:
        """The registers that a value fills."""
        return max(1, self.lanes * dtype.size // self.target.vector_bytes)

    def write(self, buffer: str, used: frozenset[str], value: Expr) -> Dim:
        return self.expression(value) + self.access(buffer, used)

    def access(self, buffer: str, used: frozenset[str]) -> int:
        """The units of an access; what lies in registers costs nothing."""
        b = self.buffers[buffer]
        if b.space == "register":
            return 0
        across = b.dtype.size * (self.lanes if self.lane in used else 1)
        streamed = across // BYTES if b.role != "local" else 0
        return max(OPERATION * self.registers(b.dtype), streamed) * self.times(used)

    def expression(self, e: Expr) -> int:
        """The units of an expression; what is in it more than once is computed once."""
        total, seen, work = 0, set[int](), [e]
        while work:
            x = work.pop()
            if id(x) in seen:
                continue
            seen.add(id(x))
            if isinstance(x, Load):
                total += self.access(x.buffer, symbols_of(*x.index))
            elif isinstance(x, Prim):
                total += OPERATION * _OPERATIONS.get(x.op, 1) * self.registers(x.dtype) * self.times()
                work += x.args
        return total


def _is_product(e: Expr) -> bool:
    """Whether a value is a product, with which an addition is one operation."""
    return isinstance(e, Prim) and e.op == "mul"


def _larger(a: Dim, b: Dim) -> Dim:
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else a if b == 0 else a + b


def grain_of(cost: Dim, least: int) -> Dim:
    """Iterations of a cost that make up `least` units."""
    if isinstance(cost, int):
        return max(1, -(-least // max(cost, 1)))
    return floordiv(least, maximum(cost, 1)) + 1
