"""What the expansions are written with: a builder that binds names, and a few shapes of expression."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tfc.ir.expr import Const, Expr, Load, Name, Number, lit, prim, select
from tfc.ir.kernel import Alloc, Buffer, If, Let, Stmt, Store, subexprs

Row = Callable[..., Expr]
"""An expansion: the builder, then the operands (names or constants), to the expression of the result."""
Table = dict[tuple[str, str], Row]
"""Expansions by primitive and name of dtype."""


@dataclass
class Guard:
    """One side of a `select`: where its loads are allowed. The condition gets a name at first use."""

    builder: Builder
    condition: Expr
    outer: Guard | None
    taken: bool = True

    def holds(self) -> Expr:
        """The condition under which this side is taken, with those around it."""
        with self.builder.guarded(self.outer):
            self.condition = self.builder.let(self.condition)
        here = self.condition if self.taken else ~self.condition
        return here if self.outer is None else self.outer.holds() & here


@dataclass
class Builder:
    """Collects the statements, `Let`s for the most part, that go before one."""

    names: Iterator[str]
    """Names that nothing in the kernel has yet."""
    lets: list[Stmt] = field(default_factory=list)
    guard: Guard | None = None
    """The side of a `select` that is being expanded."""

    def let(self, value: Expr) -> Expr:
        """A name for the value, so that it may be used many times; names and constants stay as they are.

        A value that loads is 0 where the guard does not hold, so that nothing is loaded there.
        """
        if isinstance(value, (Name, Const)):
            return value
        if self.guard is not None and any(isinstance(e, Load) for e in subexprs(value)):
            value = select(self.guard.holds(), value, lit(0, value.dtype))
        name = next(self.names)
        self.lets.append(Let(name, value))
        return Name(value.dtype, name)

    def rarely(self, condition: Expr, usual: Expr, rare: Callable[[Builder], Expr]) -> Expr:
        """A name for `usual`, or where the condition holds, for what takes so long that it has a branch around it."""
        result = Buffer(next(self.names), usual.dtype, (), "local", "stack")
        apart = Builder(self.names)
        value = rare(apart)
        slow = If(condition, (*apart.lets, Store(result.name, (), value)))
        self.lets += [Alloc(result), Store(result.name, (), usual), slow]
        name = Let(next(self.names), Load(usual.dtype, result.name, ()))
        self.lets.append(name)
        return Name(usual.dtype, name.name)

    @contextmanager
    def guarded(self, guard: Guard | None) -> Iterator[None]:
        """The guard for what is bound in the block."""
        before, self.guard = self.guard, guard
        yield
        self.guard = before


def fma(a: Expr, b: Expr | Number, c: Expr | Number) -> Expr:
    """a * b + c, rounded once."""
    return prim("fma", a, b, c)


def square(x: Expr) -> Expr:
    return x * x


def horner(x: Expr, coefficients: Sequence[float]) -> Expr:
    """The polynomial with these coefficients (two or more), lowest power first, by fused multiply-adds of a name."""
    *rest, last, top = coefficients
    value = fma(x, top, last)
    for c in reversed(rest):
        value = fma(value, x, c)
    return value


def paired(x: Expr, squared: Expr, coefficients: Sequence[float]) -> Expr:
    """The polynomial as one of the square, its coefficients linear: half the chain of `horner` for as much work."""
    pairs = [coefficients[k : k + 2] for k in range(0, len(coefficients), 2)]
    terms: list[Expr | float] = [fma(x, pair[1], pair[0]) if len(pair) == 2 else pair[0] for pair in pairs]
    *rest, last, top = terms
    value = fma(squared, top, last)
    for term in reversed(rest):
        value = fma(value, squared, term)
    return value


def copysign(magnitude: Expr, sign: Expr) -> Expr:
    return prim("copysign", magnitude, sign)


def absolute(x: Expr) -> Expr:
    return prim("abs", x)
