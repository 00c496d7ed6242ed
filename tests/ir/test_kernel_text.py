"""The text of kernels: exact round trips of random kernels, and one clear error for anything malformed."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfc.ir import kernel as K
from tfc.ir import types as T
from tfc.ir.errors import ParseError
from tfc.ir.expr import At, Const, Expr, Load, Name, bitcast, cast, prim, select
from tfc.ir.index import Dim, Index, floordiv, minimum, mod
from tfc.ir.kernel_text import parse_kernel, parse_program, print_kernel, print_program
from tfc.ir.kernel_verify import verify_kernel, verify_program

GOLDEN = Path(__file__).parent / "golden"
FLOATS = {"float16": 16, "float32": 32, "float64": 64}

SYMBOLS = tuple(Index.symbol(name) for name in ("n", "m", "i"))
DIMS: st.SearchStrategy[Dim] = st.recursive(
    st.one_of(st.integers(0, 99), st.sampled_from(SYMBOLS)),
    lambda d: st.one_of(
        st.tuples(d, d).map(lambda t: t[0] + t[1]),
        st.tuples(d, d).map(lambda t: t[0] * t[1]),
        st.tuples(d, st.integers(1, 9)).map(lambda t: floordiv(*t)),
        st.tuples(d, st.integers(1, 9)).map(lambda t: mod(*t)),
        st.tuples(d, d).map(lambda t: minimum(*t)),
        st.tuples(d, d).map(lambda t: t[0] - t[1]),
    ),
    max_leaves=5,
)


def constants(dtype: T.DType) -> st.SearchStrategy[Expr]:
    if dtype.is_bool:
        return st.booleans().map(lambda v: Const(dtype, v))
    if dtype.is_int:
        low = -(2 ** (dtype.bits - 1)) if dtype.kind == "i" else 0
        return st.integers(low, 2 ** (dtype.bits - (dtype.kind == "i")) - 1).map(lambda v: Const(dtype, v))
    return st.floats(width=FLOATS.get(dtype.name, 16)).map(lambda v: Const(dtype, v))  # type: ignore[arg-type]


def exprs(dtype: T.DType) -> st.SearchStrategy[Expr]:
    """Expressions over x: float32[n, m], the name v: float32 and the symbols."""
    f = st.one_of(
        constants(T.float32),
        st.just(Name(T.float32, "v")),
        st.tuples(DIMS, DIMS).map(lambda t: Load(T.float32, "x", t)),
        DIMS.map(lambda d: cast(At(d), T.float32)),
        st.sampled_from([d for d in T.DTYPES.values() if d != T.float32])
        .flatmap(constants)
        .map(lambda e: cast(e, T.float32)),
    )
    f = st.recursive(
        f,
        lambda e: st.one_of(
            st.tuples(st.sampled_from(("add", "mul", "min", "pow")), e, e).map(lambda t: prim(*t)),
            st.tuples(e, e, e).map(lambda t: select(t[0] < t[1], t[2], t[0])),
            e.map(lambda x: bitcast(bitcast(x, T.int32) ^ 1, T.float32)),
            e.map(lambda x: -x),
        ),
        max_leaves=6,
    )
    return f if dtype == T.float32 else st.tuples(f, f).map(lambda t: prim("le", *t))


def statements() -> st.SearchStrategy[K.Stmt]:
    simple = st.one_of(
        st.builds(lambda a, b, e: K.Store("y", (a, b), e), DIMS, DIMS, exprs(T.float32)),
        st.builds(
            lambda a, b, e, c: K.Accumulate("y", (a, b), e, c),
            DIMS, DIMS, exprs(T.float32), st.sampled_from(("add", "mul", "min", "max")),
        ),
        st.builds(K.Check, exprs(T.bool_), st.integers(0, 9)),
        st.builds(lambda e: K.Let("w", e), exprs(T.float32)),
        st.just(K.Barrier()),
        st.builds(
            lambda d, s: K.Alloc(K.Buffer("t", d, (4, SYMBOLS[0]), "local", s)),
            st.sampled_from(tuple(T.DTYPES.values())), st.sampled_from(("stack", "register", "shared", "arena")),
        ),
    )  # fmt: skip
    return st.recursive(
        simple,
        lambda s: st.one_of(
            st.builds(
                lambda e, b, k: K.For("i", e, tuple(b), *k),
                DIMS, st.lists(s, max_size=3),
                st.one_of(
                    st.tuples(st.sampled_from(K.KINDS)),
                    st.tuples(st.just("parallel"), DIMS, st.sampled_from(((), ("x",), ("x", "y")))),
                ),
            ),
            st.builds(
                lambda c, a, b: K.If(c, tuple(a), tuple(b)),
                exprs(T.bool_), st.lists(s, max_size=2), st.lists(s, max_size=2),
            ),
        ),
        max_leaves=5,
    )  # fmt: skip


def kernels() -> st.SearchStrategy[K.Kernel]:
    n, m, _ = SYMBOLS
    buffers = st.builds(
        lambda strides, align, alias, role: (
            K.Buffer("x", T.float32, (n, m), "in", "arg", strides, align, alias),
            K.Buffer("y", T.float32, (n, 8 * m), role),
            K.Buffer("z", T.bfloat16, (), "in", "arena", None, 2, alias),
        ),
        st.one_of(st.none(), st.tuples(DIMS, DIMS)),
        st.sampled_from((0, 1, 64)),
        st.booleans(),
        st.sampled_from(("out", "inout")),
    )
    return st.builds(
        lambda b, body: K.Kernel("k.1", b, ("n", "m"), (K.Let("v", Const(T.float32, 1.0)), *body)),
        buffers,
        st.lists(statements(), max_size=4),
    )


@settings(max_examples=60, deadline=None)
@given(kernels())
def test_kernels_round_trip(kernel: K.Kernel) -> None:
    text = print_kernel(kernel)
    assert parse_kernel(text) == kernel
    assert print_kernel(parse_kernel(text)) == text


@settings(max_examples=20, deadline=None)
@given(kernels(), st.lists(st.text(max_size=12), max_size=3), DIMS, DIMS)
@example(K.Kernel("k", (), (), ()), ['a "quoted"\n\\ line', "ü\x00 \ud800"], 0, 0)
def test_programs_round_trip(kernel: K.Kernel, messages: list[str], arena: Dim, offset: Dim) -> None:
    slots = tuple(
        K.Slot(K.Buffer(f"s{k}", T.int8, (arena, 2)), kind, offset if kind == "arena" else 0)
        for k, kind in enumerate(K.SLOT_KINDS)
    )
    steps = (K.Launch(kernel.name, ("s0", "s1", "s4"), (arena, 3)), K.Launch("none", ()))
    program = K.Program("p", ("n", "m", "i"), slots, (kernel,), steps, arena, tuple(messages))
    text = print_program(program)
    assert parse_program(text) == program
    assert print_program(parse_program(text)) == text


@pytest.mark.parametrize("value", [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308, 0.1, 1e22])
def test_constants_round_trip(value: float) -> None:
    kernel = K.Kernel("k", (), (), (K.Let("v", Const(T.float64, value)),))
    assert parse_kernel(print_kernel(kernel)) == kernel


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.kernel")), ids=lambda p: p.stem)
def test_goldens_are_canonical(path: Path) -> None:
    text = path.read_text()
    program = text.startswith("program")
    parsed: Any = parse_program(text) if program else parse_kernel(text)
    (verify_program if program else verify_kernel)(parsed)
    assert (print_program if program else print_kernel)(parsed) == text


def test_there_are_goldens() -> None:
    assert {p.stem for p in GOLDEN.iterdir()} == {"matmul", "classifier"}


def test_names_end_with_their_body() -> None:
    with pytest.raises(ParseError, match="expected a name that let has bound, found 'v'"):
        parse_kernel("kernel k() { for i < 2 { let v = 1:int32 } let w = v }")
    with pytest.raises(ParseError, match="expected a buffer in scope, found 't'"):
        parse_kernel("kernel k() { for i < 2 { alloc t: int8[1] local stack } let w = t[0] }")


def test_comments_and_layout_do_not_matter() -> None:
    loose = "kernel k ( ) # a comment\n{for i<3 vector{let a=1:int32 let b=neg( a )}}#end"
    assert print_kernel(parse_kernel(loose)).count("\n") == 6


BODY = "kernel k(x: float32[4] in, y: float32[4] out) {{\n  {}\n}}"


@pytest.mark.parametrize(
    ("line", "column", "expected", "found"),
    [
        ("y[0] = x[0", 1, "','", "}"),
        ("y[0, = x[0]", 8, "an index expression", "="),
        ("y[0] := x[0]", 8, "'=' or a combiner (add, mul, min, max, and, or)", ":"),
        ("y[0] sub= x[0]", 8, "'=' or a combiner (add, mul, min, max, and, or)", "sub"),
        ("y = x[0]", 3, "a statement", "y"),
        ("y[0] = z[0]", 10, "a buffer in scope", "z"),
        ("y[0] = v", 10, "a name that let has bound", "v"),
        ("y[0] = 1.0", 1, "':'", "}"),
        ("y[0] = 1.0:float33", 14, f"an element type ({', '.join(T.DTYPES)})", "float33"),
        ("y[0] = -x[0]", 11, "a number", "x"),
        ("y[0] = cast(x[0])", 14, "'<'", "("),
        ("y[0] = neg<int8>(x[0])", 13, "'('", "<"),
        ("y[0] = add(x[0])", 10, "operands that fit: add takes 2 operands, got 1", "add"),
        ("y[0] = add(x[0], 1:int8)", 10, "operands that fit: add does not take (float32, int8)", "add"),
        ("y[0] = @i", 11, "'('", "i"),
        ("y[0] = ]", 10, "an expression", "]"),
        ("y[1.5] = x[0]", 5, "an integer", "1.5"),
        ("y[f(1, 2)] = x[0]", 5, "a function of two indices (floordiv, mod, min, max, broadcast)", "f"),
        ("y[min(1)] = x[0]", 5, "a function of two indices (floordiv, mod, min, max, broadcast)", "min"),
        ("y[mod(1, 0)] = x[0]", 5, "a divisor that is not zero", "mod"),
        ("for i 3 { }", 9, "'<'", "3"),
        ("for i < 3 fast { }", 13, f"'{{' or the kind of a loop ({', '.join(K.KINDS)})", "fast"),
        ("for 3 < 3 { }", 7, "a loop variable", "3"),
        ("check true:bool else x", 24, "the number of a message", "x"),
        ("alloc t: float32[1] near", 23, f"a role ({', '.join(K.ROLES)})", "near"),
        ("} extra {", 5, "the end of the text", "extra"),
    ],
)
def test_malformed_kernels(line: str, column: int, expected: str, found: str) -> None:
    with pytest.raises(ParseError) as error:
        parse_kernel(BODY.format(line))
    number = 3 if found == "}" else 2
    shown = "}" if found == "}" else f"  {line}"
    message = (
        f"line {number}, column {column}: expected {expected}, found '{found}'\n  {shown}\n  {' ' * (column - 1)}^"
    )
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: expected 'program', found the end of the text"),
        ("program p { slot arg x: int8[] in }", "expected the kind of a slot (feed, fetch, variable, constant, arena)"),
        ("program p { x: int8[] in }", "expected message, slot, kernel, run or '}', found 'x'"),
        ("program p { message hello }", "expected a message, found 'hello'"),
        ('program p { message "\\q" }', "expected a message with the escapes of JSON"),
        ('program p { message "open }', "expected a message, found '\"'"),
        ("program p { run 3() }", "expected a kernel, found '3'"),
        ("program p arena(4", "expected ')', found the end of the text"),
    ],
)
def test_malformed_programs(text: str, message: str) -> None:
    with pytest.raises(ParseError) as error:
        parse_program(text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kernel k() { let v = " + "neg(" * 5000, "at most 200 levels of nesting"),
        ("kernel k() " + "{ if true:bool " * 5000, "at most 200 levels of nesting"),
        ("kernel k() { for i < " + "(" * 5000, "at most 200 levels of nesting"),
        ("kernel k() { for i < " + "min(" * 5000, "at most 200 levels of nesting"),
        ("kernel k() { for i < " + "*".join(f"(a{k} + b{k})" for k in range(60)), "an index of at most 4096 terms"),
        ("kernel k() { let v = " + "9" * 5000 + ":int64 }", "a number of fewer digits"),
    ],
)
def test_text_that_would_exhaust_the_parser(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message) as error:
        parse_kernel(text)
    assert len(str(error.value)) < 500


def test_text_nests_as_deep_as_it_says() -> None:
    inner = K.Kernel("k", (), (), (K.Let("v", Const(T.float32, 1.0)),))
    text = print_kernel(inner).replace("1.0:float32", "neg(" * 197 + "1.0:float32" + ")" * 197)
    kernel = parse_kernel(text)
    assert print_kernel(kernel) == text


@settings(max_examples=300, deadline=None)
@given(st.text(), st.integers(0, 2000), st.integers(0, 40))
def test_damaged_text_is_never_another_error(junk: str, at: int, removed: int) -> None:
    text = (GOLDEN / "classifier.kernel").read_text()
    at %= len(text)
    with contextlib.suppress(ParseError):
        parse_program(text[:at] + junk + text[at + removed :])
