"""Index arithmetic against Python's integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfc.ir import index as I
from tfc.ir.index import Dim, Index

NAMES = ("a", "b", "c")
VALUES = st.fixed_dictionaries({name: st.integers(0, 9) for name in NAMES})
RANGES = dict.fromkeys(NAMES, (0, 9))

Operator = Callable[[Dim, Dim], Dim]
OPERATORS: dict[str, tuple[Operator, Callable[[int, int], int]]] = {
    "+": (lambda x, y: x + y, lambda x, y: x + y),
    "-": (lambda x, y: x - y, lambda x, y: x - y),
    "*": (lambda x, y: x * y, lambda x, y: x * y),
    "//": (I.floordiv, lambda x, y: x // y),
    "%": (I.mod, lambda x, y: x % y),
    "min": (I.minimum, min),
    "max": (I.maximum, max),
}


@dataclass(frozen=True)
class Tree:
    """An expression in two readings: as a dim, and as a function of the symbols' values."""

    dim: Dim
    value: Callable[[dict[str, int]], int]

    def __repr__(self) -> str:
        return str(self.dim)


def leaf(x: int | str) -> Tree:
    if isinstance(x, int):
        return Tree(x, lambda _: x)
    return Tree(Index.symbol(x), lambda v: v[x])


def node(op: str, x: Tree, y: Tree) -> Tree:
    build, reference = OPERATORS[op]
    if op in ("//", "%"):  # a divisor that is at least 1
        y = Tree(I.maximum(y.dim, 1), lambda v, y=y: max(y.value(v), 1))
    return Tree(build(x.dim, y.dim), lambda v: reference(x.value(v), y.value(v)))


TREES = st.recursive(
    st.one_of(st.integers(-7, 7), st.sampled_from(NAMES)).map(leaf),
    lambda t: st.builds(node, st.sampled_from(tuple(OPERATORS)), t, t),
    max_leaves=8,
)


@given(TREES, VALUES)
def test_subs_is_python_arithmetic(tree: Tree, values: dict[str, int]) -> None:
    assert I.subs(tree.dim, values) == tree.value(values)


@given(TREES)
def test_text_round_trips(tree: Tree) -> None:
    assert I.parse_dim(str(tree.dim)) == tree.dim


@given(TREES, VALUES)
def test_bounds_are_sound(tree: Tree, values: dict[str, int]) -> None:
    low, high = I.bounds(tree.dim, RANGES)
    value = tree.value(values)
    assert low is None or low <= value
    assert high is None or value <= high


@given(TREES, VALUES)
def test_bounds_without_ranges_hold_for_all_dims(tree: Tree, values: dict[str, int]) -> None:
    low, high = I.bounds(tree.dim, {})
    value = tree.value(values)
    assert low is None or low <= value
    assert high is None or value <= high


@given(TREES, VALUES)
def test_bounds_of_negative_ranges_are_sound(tree: Tree, values: dict[str, int]) -> None:
    shifted = {name: v - 5 for name, v in values.items()}
    low, high = I.bounds(tree.dim, dict.fromkeys(NAMES, (-5, 4)))
    value = tree.value(shifted)
    assert low is None or low <= value
    assert high is None or value <= high


@given(TREES, VALUES)
def test_simplify_preserves_the_value(tree: Tree, values: dict[str, int]) -> None:
    simple = I.simplify(tree.dim, RANGES)
    assert I.subs(simple, values) == tree.value(values)


@given(TREES)
def test_simplify_is_idempotent(tree: Tree) -> None:
    simple = I.simplify(tree.dim, RANGES)
    assert I.simplify(simple, RANGES) == simple


@given(TREES, VALUES, st.sets(st.sampled_from(NAMES)))
def test_symbols_of_one_value_are_resolved(tree: Tree, values: dict[str, int], fixed: set[str]) -> None:
    ranges = {name: (v, v) if name in fixed else (0, 9) for name, v in values.items()}
    simple = I.simplify(tree.dim, ranges)
    assert not I.symbols_of(simple) & fixed
    assert I.simplify(simple, ranges) == simple
    assert I.subs(simple, values) == tree.value(values)


@given(TREES, TREES, VALUES)
def test_quotient_and_rest_with_ranges(x: Tree, y: Tree, values: dict[str, int]) -> None:
    divisor = I.maximum(y.dim, 1)
    a, b = x.value(values), max(y.value(values), 1)
    assert I.subs(I.floordiv(x.dim, divisor, RANGES), values) == a // b
    assert I.subs(I.mod(x.dim, divisor, RANGES), values) == a % b


@given(TREES, st.sampled_from(NAMES), VALUES)
def test_linear_form(tree: Tree, name: str, values: dict[str, int]) -> None:
    form = I.linear_in(tree.dim, name)
    if form is None:
        return
    coefficient, rest = form
    assert name not in I.symbols_of(coefficient, rest)
    assert I.subs(coefficient, values) * values[name] + I.subs(rest, values) == tree.value(values)


@given(TREES, TREES)
def test_equal_polynomials_are_equal_objects(x: Tree, y: Tree) -> None:
    assert x.dim + y.dim == y.dim + x.dim
    assert x.dim * y.dim == y.dim * x.dim
    assert (x.dim + y.dim) - y.dim == x.dim
    assert hash(x.dim + y.dim) == hash(y.dim + x.dim)


@given(TREES, VALUES)
def test_partial_substitution_commutes(tree: Tree, values: dict[str, int]) -> None:
    partly = I.subs(tree.dim, {"a": values["a"]})
    assert "a" not in I.symbols_of(partly)
    assert I.subs(partly, values) == tree.value(values)


@given(TREES, st.integers(-9, 9).filter(bool), VALUES)
def test_bounds_hold_for_divisors_of_either_sign(tree: Tree, divisor: int, values: dict[str, int]) -> None:
    d = Index.symbol("d")
    value = tree.value(values)
    ranges = {**RANGES, "d": (-9, 9)}
    for x, v in ((I.floordiv(tree.dim, d), value // divisor), (I.mod(tree.dim, d), value % divisor)):
        low, high = I.bounds(x, ranges)
        assert low is None or low <= v
        assert high is None or v <= high


def test_a_dim_that_divides_is_at_least_one() -> None:
    i, n = Index.symbol("i"), Index.symbol("n")
    assert I.bounds(I.floordiv(i, n), {"i": (0, 9)}) == (0, 9)
    assert I.bounds(I.mod(i, n), {"i": (0, 9)}) == (0, 9)
    assert I.bounds(I.floordiv(i, n), {"i": (0, 9), "n": (0, 0)}) == (0, 9)


def test_what_ranges_decide() -> None:
    i, j, n = map(Index.symbol, "ijn")
    ranges = {"i": (0, 7), "j": (0, 3)}
    assert I.simplify(I.floordiv(i + j * 8, 8), ranges) == j
    assert I.simplify(I.mod(i + j * 8, 8), ranges) == i
    assert I.floordiv(i + n * 8, 8, ranges) == n
    assert I.simplify(I.minimum(i, 8), ranges) == i
    assert I.simplify(I.maximum(i, j + 9), ranges) == j + 9


def test_a_range_of_one_value_decides_what_stands_beside_it() -> None:
    i, j, n = map(Index.symbol, "ijn")
    ranges = {"i": (0, 0), "j": (3, 3)}
    assert I.simplify(i + n * j, ranges) == n * 3
    assert I.simplify(I.floordiv(n + i, j - 2), ranges) == n
    assert I.simplify(I.minimum(i * n + 4, j), ranges) == 3
    assert I.simplify(I.broadcast(i + 1, n), ranges) == n


@pytest.mark.parametrize("ends", [(0, -1), (None, None), (None, 0), (0, None)])
def test_a_range_of_no_value_or_without_an_end_decides_no_symbol(ends: tuple[int | None, int | None]) -> None:
    i = Index.symbol("i")
    assert I.simplify(i + 1, {"i": ends}) == i + 1
    assert I.simplify(i + 1, {}) == i + 1


def test_linear_form_is_refused_inside_a_quotient() -> None:
    i = Index.symbol("i")
    assert I.linear_in(I.floordiv(i, 3), "i") is None
    assert I.linear_in(i * i, "i") is None
    assert I.linear_in(5, "i") == (0, 5)


@pytest.mark.parametrize(("a", "b", "result"), [(3, 1, 3), (1, 3, 3), (1, 1, 1), (0, 1, 0), (1, 0, 0), (0, 0, 0)])
def test_broadcast_of_numbers(a: int, b: int, result: int) -> None:
    assert I.broadcast(a, b) == result


def test_broadcast_of_dims() -> None:
    n, m = Index.symbol("n"), Index.symbol("m")
    assert I.broadcast(n, 1) == n
    assert I.broadcast(n, n) == n
    assert I.broadcast(n, 4) == 4
    both = I.broadcast(n, m)
    assert I.subs(both, {"n": 1, "m": 5}) == 5
    assert I.subs(both, {"n": 5, "m": 1}) == 5
    assert I.parse_dim(str(both)) == both


@pytest.mark.parametrize(
    "text",
    ["", "1.5", "True", "f(1, 2)", "a b", "a[0]", "a ** 2", "min(a)", "3 // 0", "3 % 0", "(" * 9999, "'a'", "\0"],
)
def test_malformed_text_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not an integer expression"):
        I.parse_dim(text)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("8*floordiv(i, 8) + mod(i, 8)", "i"),
        ("n*floordiv(i + j, n) + mod(i + j, n) + 2", "i + j + 2"),
        ("50*floordiv(i, 50) + 10*mod(floordiv(i, 10), 5) + mod(i, 10)", "i"),
        ("8*n*floordiv(i, 8) + n*mod(i, 8) + mod(j, 3)", "n*i + mod(j, 3)"),
        ("4*floordiv(i, 8) + mod(i, 8)", "4*floordiv(i, 8) + mod(i, 8)"),
        ("8*floordiv(j, 8) + mod(i, 8)", "8*floordiv(j, 8) + mod(i, 8)"),
    ],
)
def test_quotients_and_rests_put_together(text: str, whole: str) -> None:
    assert I.rejoined(I.parse_dim(text)) == I.parse_dim(whole)
