"""Reads dims as `str` prints them: sums of products of integers, symbols and functions of two dims."""

from __future__ import annotations

from .index import FUNCTIONS, Dim, Index
from .lexer import Lexer

MAX_TERMS = 4096
"""The most terms that a product may have: a short text can ask for exponentially many."""


def read_dim(lexer: Lexer) -> Dim:
    """The dim that comes next. Raises ParseError."""
    total = -_term(lexer) if lexer.accept("-") else _term(lexer)
    while lexer.at("+", "-"):
        sign = -1 if lexer.take().text == "-" else 1
        total = total + _term(lexer) * sign
    return total


def _term(lexer: Lexer) -> Dim:
    value = _factor(lexer)
    while lexer.accept("*"):
        factor = _factor(lexer)
        if _size(value) * _size(factor) > MAX_TERMS:
            raise lexer.error(f"a dim of at most {MAX_TERMS} terms")
        value = value * factor
    return value


def _factor(lexer: Lexer) -> Dim:
    if lexer.token.kind == "number":
        return lexer.integer()
    start = lexer.token
    name = lexer.name("an integer or a dim")
    if not lexer.at("("):
        return Index.symbol(name)
    with lexer.nested():
        args = lexer.sequence(lambda: read_dim(lexer), "(", ")")
    if name not in FUNCTIONS or len(args) != 2:
        raise lexer.error(f"a function of two dims ({', '.join(FUNCTIONS)})", start)
    try:
        return FUNCTIONS[name](*args)
    except ZeroDivisionError:
        raise lexer.error("a divisor that is not zero", start) from None


def _size(x: Dim) -> int:
    return len(x.terms) if isinstance(x, Index) else 1
