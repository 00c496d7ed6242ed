"""The pass: primitives of kind `math` become machine primitives, arithmetic on 16-bit floats goes through float32."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import ClassVar

from tfc.ir.errors import UnsupportedError
from tfc.ir.expr import PRIMITIVES, Const, Expr, Load, Prim, cast, prim
from tfc.ir.index import symbols_of
from tfc.ir.interpret import INDEPENDENT
from tfc.ir.kernel import Accumulate, Alloc, Body, Buffer, Check, For, If, Kernel, Let, Program, Stmt, Store, walk
from tfc.ir.types import bfloat16, bool_, float16, float32, float64

from . import exponential, logarithm, power, sigmoidal, trigonometry
from .builder import Builder, Guard, Table
from .formats import FORMATS

TABLE: Table = {
    row: f for part in (exponential, logarithm, sigmoidal, trigonometry, power) for row, f in part.TABLE.items()
}
"""An expansion of every primitive of kind `math`, for float32 and float64."""
HALF = (float16, bfloat16)
WIDER = {"fma": float64}
"""Where float32 would round the exact result of 16-bit operands before that is rounded to 16 bits."""


def expand_math(kernel: Kernel) -> Kernel:
    """A kernel of the same meaning without math primitives and without arithmetic on float16 or bfloat16.

        y[i] = tanh(x[i])  ->  let t0 = x[i]; let t1 = abs(t0); ...; y[i] = copysign(select(...), t0)

    The `Let`s go right before their statement, so they stay under its loops and conditions. A load below one side of
    a `select` is still done only where that side is taken. 16-bit floats are cast to float32, and back after each
    operation, so that the bits do not depend on what is fused; an `Accumulate` into one becomes a load and a store.
    Integers wrap and floats round as IEEE 754 says: a back end that contracts a multiply and an add that are not one
    `fma` breaks the bounds.

    Raises UnsupportedError where a loop of independent iterations accumulates into one element of a 16-bit float.
    """
    return replace(kernel, body=_Pass(kernel).body(kernel.body, ()))


@dataclass(frozen=True)
class ExpandMath:
    """`expand_math` on every kernel of a program."""

    name: ClassVar[str] = "expand-math"

    def apply(self, program: Program) -> Program:
        return replace(program, kernels=tuple(map(expand_math, program.kernels)))


class _Pass:
    """The state of one run: the names still free, and for each buffer of a 16-bit float the loops around it."""

    def __init__(self, kernel: Kernel) -> None:
        taken = _names(kernel)
        self.names = (name for name in map("t{}".format, count()) if name not in taken)
        self.half = {b.name: (b, 0) for b in kernel.buffers if b.dtype in HALF}

    def body(self, body: Body, loops: tuple[For, ...]) -> Body:
        out: list[Stmt] = []
        for s in body:
            builder = Builder(self.names)
            new = self.statement(builder, s, loops)
            out += [*builder.lets, new]
        return tuple(out)

    def statement(self, b: Builder, s: Stmt, loops: tuple[For, ...]) -> Stmt:
        match s:
            case For():
                return replace(s, body=self.body(s.body, (*loops, s)))
            case If():
                condition = _expand(b, s.condition)
                return If(condition, self.body(s.then, loops), self.body(s.orelse, loops))
            case Alloc(buffer) if buffer.dtype in HALF:
                self.half[buffer.name] = (buffer, len(loops))
            case Accumulate() if s.buffer in self.half:
                return self.accumulate(b, s, loops)
            case Let() | Store() | Accumulate():
                return replace(s, value=_expand(b, s.value))
            case Check():
                return replace(s, condition=_expand(b, s.condition))
        return s

    def accumulate(self, b: Builder, s: Accumulate, loops: tuple[For, ...]) -> Store:
        """Into a 16-bit float: by a load and a store."""
        buffer, depth = self.half[s.buffer]
        for loop in loops[depth:]:
            if loop.kind in INDEPENDENT and loop.var not in symbols_of(*s.index):
                raise UnsupportedError(
                    f"a {loop.kind} loop accumulates into {buffer.name}, a {buffer.dtype}: sum in float32"
                )
        old = Load(buffer.dtype, s.buffer, s.index)
        return Store(s.buffer, s.index, _expand(b, Prim(buffer.dtype, s.combiner, (old, s.value))))


def _names(kernel: Kernel) -> set[str]:
    """Every name in a kernel."""
    taken = {*kernel.dims, *(b.name for b in kernel.buffers)}
    for s in walk(kernel.body):
        match s:
            case For(var=name) | Let(name=name) | Alloc(buffer=Buffer(name=name)):
                taken.add(name)
    return taken


def _expand(b: Builder, e: Expr) -> Expr:
    """The expression in machine primitives; what it needs bound goes to the builder."""
    if not isinstance(e, Prim):
        return e
    if e.op == "select":
        return _select(b, e)
    args = tuple(_expand(b, a) for a in e.args)
    return replace(e, args=args) if e.op in ("cast", "bitcast") else _apply(b, e.op, args)


def _apply(b: Builder, op: str, args: tuple[Expr, ...]) -> Expr:
    """A primitive on operands of one dtype that are expanded already."""
    operand = args[0].dtype
    if operand in HALF:
        value = _apply(b, op, tuple(cast(a, WIDER.get(op, float32)) for a in args))
        return value if value.dtype == bool_ else cast(value, operand)
    if PRIMITIVES[op].kind == "math":
        return TABLE[op, operand.name](b, *map(b.let, args))
    return prim(op, *args)


def _bounded_exp(b: Builder, e: Prim) -> Expr | None:
    """`select(x < low, 0, exp(select(x > high, high, x)))` where that exp is a normal number, which takes less."""
    match e.args:
        case (
            Prim(op="lt", args=(x, Const(value=low))),
            Const(value=0.0),
            Prim(op="exp", args=(Prim(op="select", args=(Prim(op="gt", args=(y, Const(value=high))), top, z)),)),
        ) if x == y == z and top == Const(x.dtype, high):
            pass
        case _:
            return None
    t = next((t for t in FORMATS if t.dtype == x.dtype), None)
    if t is None or not exponential.is_normal(t, low, high):
        return None
    x = b.let(_expand(b, x))
    return prim("select", x < low, 0.0, exponential.exp_within(b, t, b.let(prim("select", x > high, high, x))))


def _select(b: Builder, e: Prim) -> Expr:
    """A `select`, each side expanded under its guard."""
    bounded = _bounded_exp(b, e)
    if bounded is not None:
        return bounded
    yes = Guard(b, _expand(b, e.args[0]), b.guard)
    with b.guarded(yes):
        first = _expand(b, e.args[1])
    no = Guard(b, yes.condition, b.guard, taken=False)
    with b.guarded(no):
        second = _expand(b, e.args[2])
    return replace(e, args=(no.condition, first, second))
