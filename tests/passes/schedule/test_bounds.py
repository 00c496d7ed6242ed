"""What is shown of indices holds for all values that their names can have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfc.ir import index as I
from tfc.ir.index import Dim, Index
from tfc.passes.schedule.bounds import Facts, Span, at_least_0, is_positive, lower, upper

N, I_, J, V = (Index.symbol(name) for name in ("n", "i", "j", "v"))
LEAVES = st.one_of(st.integers(-6, 6), st.sampled_from((N, I_, J, V)))
Values = dict[str, int]


def binary(op: str, x: Dim, y: Dim, number: int) -> Dim:
    if op in ("floordiv", "mod"):
        return {"floordiv": I.floordiv, "mod": I.mod}[op](x, number)
    if op == "*":
        return x * (number - 4)
    return {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "min": I.minimum, "max": I.maximum}[op](x, y)


OPS = st.sampled_from(("+", "+", "-", "-", "*", "floordiv", "mod", "min", "max"))
DIMS = st.recursive(LEAVES, lambda t: st.builds(binary, OPS, t, t, st.integers(1, 6)), max_leaves=7)
EXTENTS = st.one_of(
    st.integers(1, 4),
    st.sampled_from((N, N + 1, I.floordiv(N + 3, 4), I.mod(N, 4), I.minimum(N, 3), I.maximum(N, 2))),
)
INNER = st.one_of(
    EXTENTS, st.sampled_from((I.minimum(4, N - I_ * 4), I_ + 1, N - I_, I.minimum(I_, 3), I.maximum(N - I_ * 2, 1)))
)


def values(outer: Dim, inner: Dim) -> Iterator[Values]:
    """Everything that `for i < outer { for j < inner { .. } }` runs with, and some values for what let names."""
    for n in range(7):
        for i in range(number(outer, {"n": n})):
            for j in range(number(inner, {"n": n, "i": i})):
                for v in (-5, 0, 3):
                    yield {"n": n, "i": i, "j": j, "v": v}


def number(x: Dim, of: Values) -> int:
    found = I.subs(x, of)
    assert isinstance(found, int)
    return found


def facts_of(outer: Dim, inner: Dim, condition: Dim) -> Facts:
    spans = (Span("i", 0, outer - 1), Span("j", 0, inner - 1))
    return Facts(spans, (condition, outer - 1, inner - 1), frozenset({"v"}))


@settings(max_examples=300, deadline=None)
@given(x=DIMS, outer=EXTENTS, inner=INNER, condition=DIMS)
def test_what_is_shown_holds(x: Dim, outer: Dim, inner: Dim, condition: Dim) -> None:
    facts = facts_of(outer, inner, condition)
    ends = lower(x, facts.spans, facts.ranges), upper(x, facts.spans, facts.ranges)
    shown, runs = at_least_0(x, facts), is_positive(x, facts)
    for end in ends:
        assert end is None or not I.symbols_of(end) & {"i", "j"}
    for of in values(outer, inner):
        low, high = (None if end is None else number(end, of) for end in ends)
        assert low is None or low <= number(x, of)
        assert high is None or number(x, of) <= high
        if number(condition, of) >= 0:
            assert not shown or number(x, of) >= 0
            assert not runs or number(x, of) > 0


@pytest.mark.parametrize(
    "x",
    [
        N - 1 - (I_ * 4 + J),
        I.minimum(4, N - I_ * 4) - 1 - J,
        J + I_ * 4,
        I.minimum(4, N - I_ * 4) - 1,
        N - 1,
        I.floordiv(N + 3, 4) - 1 - I_,
        N + 3 - I.floordiv(N + 3, 4) * 4,
        I.maximum(N, 5) - I.minimum(N, 5),
    ],
)
def test_what_blocks_and_their_rests_need_is_shown(x: Dim) -> None:
    """In blocks of 4 of n, the last one shorter."""
    facts = facts_of(I.floordiv(N + 3, 4), I.minimum(4, N - I_ * 4), 0)
    assert at_least_0(x, facts)
    assert is_positive(x + 1, facts)
    assert not at_least_0(x - 4, facts)


def test_the_last_block_runs() -> None:
    blocks = I.floordiv(N + 3, 4)
    facts = Facts((Span("i", 0, blocks - 1),), (blocks - 1,))
    assert is_positive(I.minimum(4, N - I_ * 4), facts)
    assert not is_positive(I.minimum(4, N - I_ * 4 - 1), facts)
    assert not is_positive(I.minimum(4, N), Facts((), ()))
