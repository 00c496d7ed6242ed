"""Integer expressions in canonical form: the language of dims and of kernel indices.

A `Dim` is an `int` or an `Index`. An `Index` is a polynomial with integer coefficients over atoms; an atom is a symbol
(a dim unknown until run time, or a loop variable) or one of a few functions of indices. Equal polynomials are equal
objects in the sense of `==`, so two shapes can be compared without a solver.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Union

from .lazy import Lazy

Dim = Union[int, "Index"]
Ranges = Mapping[str, tuple[int | None, int | None]]
"""Inclusive bounds of symbols; None where there is no bound. A symbol that is not listed is a dim: at least 0."""


@dataclass(frozen=True)
class Atom:
    """A symbol (`fn` empty, `name` set) or a function of indices."""

    name: str
    args: tuple[Dim, ...] = ()

    @property
    def is_symbol(self) -> bool:
        return not self.args

    @Lazy
    def _hash(self) -> int:
        return hash((self.name, self.args))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return self.name if self.is_symbol else f"{self.name}({', '.join(map(str, self.args))})"


Monomial = tuple[Atom, ...]


@dataclass(frozen=True, eq=False)
class Index:
    """A polynomial that is not constant: monomials in a fixed order, each with a coefficient that is not 0."""

    terms: tuple[tuple[Monomial, int], ...]

    @staticmethod
    def symbol(name: str) -> Index:
        return Index((((Atom(name),), 1),))

    @Lazy
    def _hash(self) -> int:
        return hash(self.terms)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Index) and (self is other or self.terms == other.terms)

    def __add__(self, other: Dim) -> Dim:
        if isinstance(other, Index):
            return _collect((*self.terms, *other.terms))
        if other == 0:
            return self
        last, constant = self.terms[-1]
        if last:
            return Index((*self.terms, ((), other)))
        return Index((*self.terms[:-1], ((), constant + other)) if constant + other else self.terms[:-1])

    def __mul__(self, other: Dim) -> Dim:
        if isinstance(other, Index):
            return _collect((_merge(a, b), c * d) for a, c in self.terms for b, d in other.terms)
        if other in (0, 1):
            return self if other else 0
        return Index(tuple([(m, c * other) for m, c in self.terms]))

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + other * -1

    def __rsub__(self, other: Dim) -> Dim:
        return self * -1 + other

    __radd__ = __add__
    __rmul__ = __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        return floordiv(self, other)

    def __rfloordiv__(self, other: Dim) -> Dim:
        return floordiv(other, self)

    def __mod__(self, other: Dim) -> Dim:
        return mod(self, other)

    def __rmod__(self, other: Dim) -> Dim:
        return mod(other, self)

    def __str__(self) -> str:
        text = ""
        for monomial, c in self.terms:
            body = "*".join(map(str, monomial))
            factor = body if abs(c) == 1 and body else f"{abs(c)}*{body}" if body else str(abs(c))
            sign = "-" if c < 0 else "+" if text else ""
            text += f" {sign} {factor}" if text else f"{sign}{factor}"
        return text

    __repr__ = __str__

    @Lazy
    def symbols(self) -> frozenset[str]:
        """Names of the symbols it depends on."""
        found = set[str]()
        for monomial, _ in self.terms:
            for a in monomial:
                found.update(symbols_of(*a.args) if a.args else (a.name,))
        return frozenset(found)


def _terms(x: Dim) -> tuple[tuple[Monomial, int], ...]:
    return x.terms if isinstance(x, Index) else (((), x),)


def _merge(a: Monomial, b: Monomial) -> Monomial:
    return tuple(sorted((*a, *b), key=str)) if a and b else a or b


def _collect(terms: Iterable[tuple[Monomial, int]]) -> Dim:
    total: dict[Monomial, int] = {}
    for monomial, c in terms:
        total[monomial] = total.get(monomial, 0) + c
    kept = [(m, c) for m, c in total.items() if c]
    if len(kept) > 1:
        kept.sort(key=_term_place)
    return _of_sorted(tuple(kept))


def _of_sorted(terms: tuple[tuple[Monomial, int], ...]) -> Dim:
    """The dim of terms that stand in order."""
    return Index(terms) if terms and terms[0][0] else terms[0][1] if terms else 0


def _term_place(term: tuple[Monomial, int]) -> tuple[bool, int, tuple[str, ...]]:
    return _place(term[0])


@lru_cache(1 << 14)
def _place(monomial: Monomial) -> tuple[bool, int, tuple[str, ...]]:
    """Where a monomial stands in a polynomial: constants last, then by length and text."""
    return not monomial, -len(monomial), tuple(map(str, monomial))


def _call(name: str, *args: Dim) -> Index:
    return Index((((Atom(name, args),), 1),))


def symbols_of(*dims: Dim) -> frozenset[str]:
    """Names of all symbols in the dims."""
    found = [d.symbols for d in dims if isinstance(d, Index)]
    return found[0] if len(found) == 1 else frozenset[str]().union(*found)


def symbol_name(x: Dim) -> str | None:
    """The name of the symbol that a dim is; None for any other dim."""
    if isinstance(x, Index) and len(x.symbols) == 1:
        (name,) = x.symbols
        return name if x == Index.symbol(name) else None
    return None


def bounds(x: Dim, ranges: Ranges) -> tuple[int | None, int | None]:
    """Inclusive bounds of an expression by interval arithmetic; None where there is none."""
    if isinstance(x, int):
        return x, x
    low: int | None = 0
    high: int | None = 0
    for monomial, c in x.terms:
        lo: int | None = 1
        hi: int | None = 1
        for atom in monomial:
            lo, hi = _interval_mul((lo, hi), _atom_bounds(atom, ranges))
        lo, hi = _interval_mul((lo, hi), (c, c))
        low = None if low is None or lo is None else low + lo
        high = None if high is None or hi is None else high + hi
    return low, high


def _interval_mul(a: tuple[int | None, int | None], b: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
    if b[0] is not None and b[0] == b[1] and a[0] != a[1]:
        return _interval_mul(b, a)
    if a[0] == a[1] and a[0] is not None:
        ends = [None if e is None else a[0] * e for e in b]
        return (ends[0], ends[1]) if a[0] > 0 else (0, 0) if a[0] == 0 else (ends[1], ends[0])
    if a[0] is not None and b[0] is not None and a[0] >= 0 and b[0] >= 0:
        return a[0] * b[0], None if a[1] is None or b[1] is None else a[1] * b[1]
    if None in a or None in b:
        return None, None
    products = [p * q for p in a if p is not None for q in b if q is not None]
    return min(products), max(products)


def _atom_bounds(atom: Atom, ranges: Ranges) -> tuple[int | None, int | None]:
    if atom.is_symbol:
        return ranges.get(atom.name, (0, None))
    (alo, ahi), (blo, bhi) = bounds(atom.args[0], ranges), bounds(atom.args[1], ranges)
    if atom.name in ("floordiv", "mod"):
        if blo is None or blo < 0:
            return None, None
        return _division_bounds(atom.name, (alo, ahi), max(blo, 1), None if bhi is None else max(bhi, 1))
    lows, highs = [alo, blo], [ahi, bhi]
    if atom.name == "min":
        known = [h for h in highs if h is not None]
        return (None if alo is None or blo is None else min(alo, blo)), (min(known) if known else None)
    known = [x for x in lows if x is not None]
    low = max(known) if known and atom.name == "max" else None if alo is None or blo is None else min(alo, blo)
    return low, (None if ahi is None or bhi is None else max(ahi, bhi))


def _division_bounds(
    name: str, dividend: tuple[int | None, int | None], blo: int, bhi: int | None
) -> tuple[int | None, int | None]:
    """Bounds of a quotient or a rest; the divisor is at least 1, for division by 0 has no value."""
    alo, ahi = dividend
    if name == "floordiv":
        if alo is not None and alo >= 0:
            return (0 if bhi is None else alo // bhi), (None if ahi is None else ahi // blo)
        return (None if alo is None else alo // blo), (None if ahi is None else max(ahi // blo, 0))
    high = None if bhi is None else bhi - 1
    return 0, ahi if alo is not None and alo >= 0 and ahi is not None and (high is None or ahi < high) else high


def floordiv(a: Dim, b: Dim, ranges: Ranges | None = None) -> Dim:
    """`a // b`, rounded to minus infinity; terms that `b` divides leave the quotient."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    if b == 1:
        return a
    exact, rest = _divide(a, b)
    if rest == 0:
        return exact
    if _within(rest, b, ranges):
        return exact
    if isinstance(rest, int) and isinstance(b, int):
        return exact + rest // b
    return exact + _call("floordiv", rest, b)


def mod(a: Dim, b: Dim, ranges: Ranges | None = None) -> Dim:
    """`a % b` with the sign of `b`; terms that `b` divides vanish."""
    if isinstance(a, int) and isinstance(b, int):
        return a % b
    if b == 1:
        return 0
    rest = _divide(a, b)[1]
    if rest == 0 or _within(rest, b, ranges):
        return rest
    if isinstance(rest, int) and isinstance(b, int):
        return rest % b
    return _call("mod", rest, b)


def _within(x: Dim, b: Dim, ranges: Ranges | None) -> bool:
    """Whether `0 <= x < b` is known."""
    if ranges is None:
        return False
    low = bounds(x, ranges)[0]
    room = bounds(b - x - 1, ranges)[0]
    return low is not None and low >= 0 and room is not None and room >= 0


def _divide(a: Dim, b: Dim) -> tuple[Dim, Dim]:
    """Quotient and rest of the terms that `b`, if it is one term, divides exactly."""
    divisor = _terms(b)
    if len(divisor) != 1 or divisor[0][1] == 0:
        return (1, 0) if a == b else (0, a)
    (monomial, d) = divisor[0]
    exact: list[tuple[Monomial, int]] = []
    rest: list[tuple[Monomial, int]] = []
    for m, c in _terms(a):
        left = _without(m, monomial)
        if left is None or c % d:
            rest.append((m, c))
        else:
            exact.append((left, c // d))
    return _collect(exact), _collect(rest)


def _without(m: Monomial, factor: Monomial) -> Monomial | None:
    left = list(m)
    for atom in factor:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def minimum(a: Dim, b: Dim) -> Dim:
    """The smaller of two dims."""
    return _extreme("min", a, b, pick_first=lambda d: d <= 0)


def maximum(a: Dim, b: Dim) -> Dim:
    """The larger of two dims."""
    return _extreme("max", a, b, pick_first=lambda d: d >= 0)


def _extreme(name: str, a: Dim, b: Dim, pick_first: Callable[[int], bool]) -> Dim:
    difference = a - b
    if isinstance(difference, int):
        return a if pick_first(difference) else b
    return _call(name, *sorted((a, b), key=str))


def broadcast(a: Dim, b: Dim) -> Dim:
    """The dim of two broadcast dims; a known dim other than 1 decides, else it is left to run time."""
    if a == b or b == 1:
        return a
    if a == 1 or isinstance(b, int):
        return b
    return a if isinstance(a, int) else _call("broadcast", a, b)


FUNCTIONS: dict[str, Callable[[Dim, Dim], Dim]] = {
    "floordiv": floordiv,
    "mod": mod,
    "min": minimum,
    "max": maximum,
    "broadcast": broadcast,
}


def subs(x: Dim, values: Mapping[str, Dim]) -> Dim:
    """`x` with symbols replaced; an `int` once every symbol has a value."""
    if isinstance(x, int) or not (x.symbols & values.keys()):
        return x
    terms: list[tuple[Monomial, int]] = []
    for monomial, c in x.terms:
        product: Dim = 1
        left: list[Atom] = []
        for atom in monomial:
            if not atom.is_symbol:
                product = product * FUNCTIONS[atom.name](subs(atom.args[0], values), subs(atom.args[1], values))
            elif atom.name in values:
                product = product * values[atom.name]
            else:
                left.append(atom)
        terms += [(_merge(tuple(left), m), c * d) for m, d in _terms(product)]
    return _collect(terms)


def simplify(x: Dim, ranges: Ranges) -> Dim:
    """`x` with symbols, quotients and rests that the ranges decide resolved."""
    if isinstance(x, int) or not any(_may_simplify(a, ranges) for m, _ in x.terms for a in m):
        return x
    terms: list[tuple[Monomial, int]] = []
    for monomial, c in x.terms:
        if any(_may_simplify(a, ranges) for a in monomial):
            product: Dim = c
            for atom in monomial:
                product = product * _simplify_atom(atom, ranges)
            terms += _terms(product)
        else:
            terms.append((monomial, c))
    return _collect(terms)


def _may_simplify(atom: Atom, ranges: Ranges) -> bool:
    low, high = ranges.get(atom.name, (0, None))
    return not atom.is_symbol or (low is not None and low == high)


def _simplify_atom(atom: Atom, ranges: Ranges) -> Dim:
    if atom.is_symbol:
        low, high = ranges.get(atom.name, (0, None))
        return low if low is not None and low == high else Index.symbol(atom.name)
    a, b = (simplify(arg, ranges) for arg in atom.args)
    if atom.name == "floordiv":
        return floordiv(a, b, ranges)
    if atom.name == "mod":
        return mod(a, b, ranges)
    if atom.name in ("min", "max"):
        low, high = bounds(a - b, ranges)
        first = (high is not None and high <= 0) if atom.name == "min" else (low is not None and low >= 0)
        second = (low is not None and low >= 0) if atom.name == "min" else (high is not None and high <= 0)
        if first or second:
            return a if first else b
    return FUNCTIONS[atom.name](a, b)


def rejoined(x: Dim) -> Dim:
    """`x` with quotients and rests of one dividend put together: `8*floordiv(i, 8) + mod(i, 8)` is `i`."""
    if isinstance(x, int):
        return x
    for monomial, c in x.terms:
        for atom in monomial:
            if atom.name == "mod" and not atom.is_symbol:
                factor = _collect([(_without(monomial, (atom,)) or (), c)])
                whole = factor * _quotient(*atom.args) * atom.args[1]
                if isinstance(whole, Index) and set(whole.terms) <= set(x.terms):
                    return rejoined(x - whole - Index(((monomial, c),)) + factor * atom.args[0])
    return x


def _quotient(a: Dim, b: Dim) -> Dim:
    """`floordiv(a, b)`, of a quotient by a number the one of both divisors' product."""
    match a:
        case Index(terms=(((Atom(name="floordiv", args=(inner, int(by))),), 1),)) if isinstance(b, int) and by > 0 < b:
            return floordiv(inner, by * b)
    return floordiv(a, b)


def linear_in(x: Dim, name: str) -> tuple[Dim, Dim] | None:
    """`(c, rest)` with `x == c * name + rest` and neither depending on `name`; None where there is no such form."""
    if isinstance(x, int) or name not in x.symbols:
        return 0, x
    coefficient: list[tuple[Monomial, int]] = []
    rest: list[tuple[Monomial, int]] = []
    for m, c in x.terms:
        at = [n for n, atom in enumerate(m) if atom.name == name and not atom.args]
        if len(at) > 1 or any(atom.args and name in symbols_of(*atom.args) for atom in m):
            return None
        if at:
            coefficient.append(((*m[: at[0]], *m[at[0] + 1 :]), c))
        else:
            rest.append((m, c))
    return _collect(coefficient), _of_sorted(tuple(rest))


def product(dims: Iterable[Dim]) -> Dim:
    """The product of dims; 1 for none."""
    total: Dim = 1
    for d in dims:
        total = total * d
    return total


_OPERATORS: dict[type[ast.operator], Callable[[Dim, Dim], Dim]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: floordiv,
    ast.Mod: mod,
}


def parse_dim(text: str) -> Dim:
    """The dim that `str` printed. Raises ValueError on anything else."""
    try:
        return _from_ast(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, MemoryError, ZeroDivisionError) as error:
        raise ValueError(f"not an integer expression: {text!r}") from error


def _from_ast(node: ast.expr) -> Dim:
    match node:
        case ast.Constant(value=int(v)) if not isinstance(v, bool):
            return v
        case ast.Name(id=name):
            return Index.symbol(name)
        case ast.UnaryOp(op=ast.USub(), operand=x):
            return _from_ast(x) * -1
        case ast.BinOp(left=a, op=o, right=b) if type(o) in _OPERATORS:
            return _OPERATORS[type(o)](_from_ast(a), _from_ast(b))
        case ast.Call(func=ast.Name(id=name), args=[a, b], keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](_from_ast(a), _from_ast(b))
    raise ValueError(f"not an integer expression: {ast.unparse(node)!r}")
