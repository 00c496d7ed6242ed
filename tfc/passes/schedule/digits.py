"""Loops whose variable stands in quotients and rests: two loops, over the quotient and over the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from tfc.ir.expr import At, Expr, Load
from tfc.ir.index import FUNCTIONS, Atom, Dim, Index, floordiv, mod
from tfc.ir.kernel import Accumulate, Body, For, Kernel, Stmt, Store, map_body, substitute

from .nest import ScheduleError, check_free, locate, replace_loop


def digits(k: Kernel, var: str, base: Dim, *, outer: str, inner: str) -> Kernel:
    """A loop as two over its variable's digits to a base, a dim that divides the extent.

    for i < 3*n { y[i] = x[floordiv(i, n), mod(i, n)] }  ->  for o < 3 { for r < n { y[n*o + r] = x[o, r] } }
    """
    loop = locate(k, var, "digits").loop
    if base == 0 or mod(loop.extent, base) != 0:
        raise ScheduleError("digits", var, f"{base} does not provably divide {loop.extent}")
    check_free(k, "digits", var, (outer, inner))
    o, r, whole = Index.symbol(outer), Index.symbol(inner), floordiv(loop.extent, base)
    known: dict[Atom, Dim] = {}
    for digit, extent in ((o, whole), (r, base)):
        known |= {Atom("floordiv", (digit, extent)): 0, Atom("mod", (digit, extent)): digit}
    body = _resolved(substitute(loop.body, {var: o * base + r}), known)
    new = replace(loop, var=outer, extent=whole, body=(replace(loop, var=inner, extent=base, body=body),))
    return replace_loop(k, var, lambda _: (new,))


def base_in(dims: Iterable[Dim], var: str) -> Dim | None:
    """A base to which dims take digits of a variable: the largest that is known, if any is; None where none does."""
    found = {atom.args[1] for x in dims for atom in _calls(x) if atom.args[0] == Index.symbol(var)}
    known = [b for b in found if isinstance(b, int)]
    return max(known) if known else min(found, key=str, default=None)


def _calls(x: Dim) -> Iterator[Atom]:
    for monomial, _ in x.terms if isinstance(x, Index) else ():
        for atom in monomial:
            if atom.name in ("floordiv", "mod") and not atom.is_symbol:
                yield atom
            for a in atom.args:
                yield from _calls(a)


def _resolved(body: Body, known: Mapping[Atom, Dim]) -> Body:
    def statement(s: Stmt) -> Stmt:
        if isinstance(s, (Store, Accumulate)):
            return replace(s, index=tuple(_replaced(i, known) for i in s.index))
        return replace(s, extent=_replaced(s.extent, known)) if isinstance(s, For) else s

    def expr(e: Expr) -> Expr:
        if isinstance(e, At):
            return At(_replaced(e.index, known))
        return replace(e, index=tuple(_replaced(i, known) for i in e.index)) if isinstance(e, Load) else e

    return map_body(body, statement, expr)


def _replaced(x: Dim, known: Mapping[Atom, Dim]) -> Dim:
    """A dim in which functions of indices have the values that are known."""
    if isinstance(x, int):
        return x
    total: Dim = 0
    for monomial, c in x.terms:
        term: Dim = c
        for atom in monomial:
            here = atom if atom.is_symbol else Atom(atom.name, tuple(_replaced(a, known) for a in atom.args))
            if here in known:
                value = known[here]
            else:
                value = Index.symbol(here.name) if here.is_symbol else FUNCTIONS[here.name](*here.args)
            term = term * value
        total = total + term
    return total
