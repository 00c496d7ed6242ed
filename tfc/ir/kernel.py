"""The kernel IR: loop nests over index expressions, and the Program that runs kernels in order.

    kernel scale(x: float32[n, 784] in, y: float32[n, 784] out) dims(n) {
      for i < n parallel {
        for j < 784 vector {
          y[i, j] = mul(x[i, j], 2.0:float32)
        }
      }
    }

A loop runs from 0 to below its extent in steps of 1. A loop of any kind means what the serial loop means; the kind says
how it may be run, so `vector`, `parallel`, `grid`, `block` and `lane` iterations must not depend on each other
(`Accumulate` apart, but for `parallel`: there no iteration writes what another one touches). `Barrier` is allowed
below a `lane` loop only. Every access is inside its buffer, always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Union

from .expr import At, Expr, Load, Name, Prim
from .index import Dim, product, subs, symbols_of
from .lazy import Lazy
from .types import DType, Shape

KINDS = ("serial", "unrolled", "vector", "parallel", "grid", "block", "lane")
SPACES = ("arg", "arena", "stack", "register", "shared")
ROLES = ("in", "out", "inout", "local")
SLOT_KINDS = ("feed", "fetch", "variable", "constant", "arena")
COMBINERS = ("add", "mul", "min", "max", "and", "or")
"""Primitives that `Accumulate` may apply."""


@dataclass(frozen=True)
class Buffer:
    """A view of memory: element type, shape, strides in elements (None: row-major), where it lives.

    `alias` says that it may share memory with another argument; without it no other argument overlaps it.
    `align` is the alignment of its first element in bytes, 0 for the element's own.
    """

    name: str
    dtype: DType
    shape: Shape
    role: str = "in"
    space: str = "arg"
    strides: Shape | None = None
    align: int = 0
    alias: bool = False

    @property
    def steps(self) -> Shape:
        """Strides in elements, row-major where none are given."""
        if self.strides is not None:
            return self.strides
        return tuple(product(self.shape[k + 1 :]) for k in range(len(self.shape)))

    @property
    def nbytes(self) -> Dim:
        return product(self.shape) * self.dtype.size


@dataclass(frozen=True)
class Declared:
    """What the statements of a body give names to, at any depth."""

    loops: frozenset[str] = frozenset()
    lets: frozenset[str] = frozenset()
    buffers: tuple[Buffer, ...] = ()


@dataclass(frozen=True)
class For:
    """A loop. The last two fields are of `parallel` loops only.

    `grain` is the least number of iterations that are worth a thread. `private` names arguments in the arena of which
    each thread has a copy of its own: undefined where an iteration begins, and after the loop.
    """

    var: str
    extent: Dim
    body: Body
    kind: str = "serial"
    grain: Dim = 1
    private: tuple[str, ...] = ()

    def around(self, body: Body) -> For:
        """The same loop with another body. Rewrites ask for it so often that `dataclasses.replace` is felt."""
        return For(self.var, self.extent, body, self.kind, self.grain, self.private)

    @Lazy
    def declared(self) -> Declared:
        """What the loop and its body give names to. Bodies that a rewrite leaves alone keep it."""
        inside = declared(self.body)
        return Declared(inside.loops | {self.var}, inside.lets, inside.buffers)


@dataclass(frozen=True)
class Let:
    """Binds a name for the rest of the enclosing body."""

    name: str
    value: Expr


@dataclass(frozen=True)
class If:
    condition: Expr
    then: Body
    orelse: Body = ()

    @Lazy
    def declared(self) -> Declared:
        """What both branches give names to."""
        return declared((*self.then, *self.orelse))


@dataclass(frozen=True)
class Store:
    buffer: str
    index: Shape
    value: Expr


@dataclass(frozen=True)
class Accumulate:
    """`buffer[index] = combiner(buffer[index], value)`; the order over a vector loop or a device's is free."""

    buffer: str
    index: Shape
    value: Expr
    combiner: str = "add"


@dataclass(frozen=True)
class Alloc:
    """A local buffer for the rest of the enclosing body; its contents start undefined."""

    buffer: Buffer


@dataclass(frozen=True)
class Check:
    """Where it fails, the kernel goes on, but the program ends after it and reports the message of this number."""

    condition: Expr
    message: int


@dataclass(frozen=True)
class Barrier:
    """All iterations of the enclosing `lane` loops arrive before any goes on."""


Stmt = Union[For, Let, If, Store, Accumulate, Alloc, Check, Barrier]
Body = tuple[Stmt, ...]


@dataclass(frozen=True)
class Kernel:
    """A named nest: its buffers (arguments), its run-time dims, its body."""

    name: str
    buffers: tuple[Buffer, ...]
    dims: tuple[str, ...]
    body: Body

    @Lazy
    def declared(self) -> Declared:
        """What its body gives names to."""
        return declared(self.body)


@dataclass(frozen=True)
class Launch:
    """A step: a kernel on the program's buffers, its dims given as expressions of the program's."""

    kernel: str
    args: tuple[str, ...]
    dims: Shape = ()


@dataclass(frozen=True)
class Slot:
    """A buffer of a program and where it comes from.

    `kind` is `feed`, `fetch`, `variable`, `constant` or `arena`; `offset` is the place in the arena in bytes.
    """

    buffer: Buffer
    kind: str
    offset: Dim = 0


@dataclass(frozen=True)
class Program:
    """Buffers and steps: what one native call runs."""

    name: str
    dims: tuple[str, ...]
    slots: tuple[Slot, ...]
    kernels: tuple[Kernel, ...]
    steps: tuple[Launch, ...]
    arena: Dim = 0
    """Size of the arena in bytes."""
    messages: tuple[str, ...] = field(default=())
    """What `Check` statements report, by number."""


def walk(body: Body) -> Iterator[Stmt]:
    """Every statement of a body, outermost first."""
    left = list(reversed(body))
    while left:
        s = left.pop()
        yield s
        if isinstance(s, For):
            left += reversed(s.body)
        elif isinstance(s, If):
            left += reversed(s.orelse)
            left += reversed(s.then)


def declared(body: Body) -> Declared:
    """What a body gives names to: loops, lets, local buffers in program order."""
    loops, lets = set[str](), set[str]()
    buffers: list[Buffer] = []
    for s in body:
        if isinstance(s, (For, If)):
            inside = s.declared
            loops |= inside.loops
            lets |= inside.lets
            buffers += inside.buffers
        elif isinstance(s, Let):
            lets.add(s.name)
        elif isinstance(s, Alloc):
            buffers.append(s.buffer)
    return Declared(frozenset(loops), frozenset(lets), tuple(buffers))


def exprs_of(s: Stmt) -> tuple[Expr, ...]:
    """The expressions that a statement itself holds."""
    match s:
        case Let(value=e) | Store(value=e) | Accumulate(value=e) | If(condition=e) | Check(condition=e):
            return (e,)
    return ()


def subexprs(e: Expr) -> Iterator[Expr]:
    """An expression and all below it."""
    yield e
    if isinstance(e, Prim):
        for a in e.args:
            yield from subexprs(a)


def map_expr(e: Expr, f: Callable[[Expr], Expr]) -> Expr:
    """`e` with `f` applied to each subexpression, operands first."""
    if isinstance(e, Prim):
        args = tuple(map_expr(a, f) for a in e.args)
        if any(new is not old for new, old in zip(args, e.args, strict=True)):
            e = replace(e, args=args)
    return f(e)


def map_body(body: Body, statement: Callable[[Stmt], Stmt | Body], expr: Callable[[Expr], Expr] | None = None) -> Body:
    """A body rebuilt inside out: `expr` on each expression, then `statement` on each statement (it may return many).

    What nothing changes in is the same object.
    """
    out: list[Stmt] = []
    for s in body:
        if isinstance(s, For):
            inner = map_body(s.body, statement, expr)
            s = s if inner is s.body else s.around(inner)
        elif isinstance(s, If):
            then, orelse = map_body(s.then, statement, expr), map_body(s.orelse, statement, expr)
            s = s if then is s.then and orelse is s.orelse else replace(s, then=then, orelse=orelse)
        if expr is not None:
            s = map_exprs(s, expr)
        new = statement(s)
        out.extend(new if isinstance(new, tuple) else (new,))
    same = len(out) == len(body) and all(a is b for a, b in zip(out, body, strict=True))
    return body if same else tuple(out)


def map_exprs(s: Stmt, f: Callable[[Expr], Expr]) -> Stmt:
    """A statement with `f` applied to each subexpression of the expressions that it holds itself."""
    if isinstance(s, (Let, Store, Accumulate)):
        value = map_expr(s.value, f)
        return s if value is s.value else replace(s, value=value)
    if isinstance(s, (If, Check)):
        condition = map_expr(s.condition, f)
        return s if condition is s.condition else replace(s, condition=condition)
    return s


def substitute(body: Body, values: dict[str, Dim]) -> Body:
    """A body with symbols replaced in every index, extent and shape; names bound by `Let` are not touched."""

    names = values.keys()

    def statement(s: Stmt) -> Stmt:
        if isinstance(s, For) and symbols_of(s.extent) & names:
            return replace(s, extent=subs(s.extent, values), grain=subs(s.grain, values))
        if isinstance(s, (Store, Accumulate)) and symbols_of(*s.index) & names:
            return replace(s, index=tuple(subs(i, values) for i in s.index))
        if isinstance(s, Alloc) and symbols_of(*s.buffer.shape) & names:
            return replace(s, buffer=replace(s.buffer, shape=tuple(subs(d, values) for d in s.buffer.shape)))
        return s

    def expr(e: Expr) -> Expr:
        if isinstance(e, At) and symbols_of(e.index) & names:
            return At(subs(e.index, values))
        if isinstance(e, Load) and symbols_of(*e.index) & names:
            return replace(e, index=tuple(subs(i, values) for i in e.index))
        return e

    return map_body(body, statement, expr)


def rename(body: Body, names: dict[str, str]) -> Body:
    """A body with buffers renamed."""

    def statement(s: Stmt) -> Stmt:
        if isinstance(s, (Store, Accumulate)):
            return replace(s, buffer=names.get(s.buffer, s.buffer))
        if isinstance(s, For) and s.private:
            return replace(s, private=tuple(names.get(b, b) for b in s.private))
        if isinstance(s, Alloc):
            return replace(s, buffer=replace(s.buffer, name=names.get(s.buffer.name, s.buffer.name)))
        return s

    def expr(e: Expr) -> Expr:
        return replace(e, buffer=names.get(e.buffer, e.buffer)) if isinstance(e, Load) else e

    return map_body(body, statement, expr)


__all__ = [
    "COMBINERS",
    "KINDS",
    "ROLES",
    "SLOT_KINDS",
    "SPACES",
    "Accumulate",
    "Alloc",
    "Barrier",
    "Body",
    "Buffer",
    "Check",
    "Declared",
    "For",
    "If",
    "Kernel",
    "Launch",
    "Let",
    "Name",
    "Program",
    "Slot",
    "Stmt",
    "Store",
    "declared",
    "exprs_of",
    "map_body",
    "map_expr",
    "map_exprs",
    "rename",
    "subexprs",
    "substitute",
    "walk",
]
