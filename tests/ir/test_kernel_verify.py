"""One test for each rule of the kernel verifier, with the text that it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfc.ir import kernel as K
from tfc.ir import types as T
from tfc.ir.errors import KernelError, VerifyError
from tfc.ir.expr import At, Const, Expr, Load, Name, Prim
from tfc.ir.index import Index
from tfc.ir.interpret import run_kernel
from tfc.ir.kernel_text import parse_kernel, parse_program, print_kernel
from tfc.ir.kernel_verify import verify_kernel, verify_program

HEAD = "kernel k(x: float32[n, 8] in, y: float32[n, 8] out, s: int64[4] inout) dims(n)"


def complaint(kernel: K.Kernel) -> str:
    with pytest.raises(VerifyError) as error:
        verify_kernel(kernel)
    return str(error.value)


def of_body(body: str) -> K.Kernel:
    return parse_kernel(f"{HEAD} {{ {body} }}")


BAD = [
    # names
    ("let n = 1:int32", "the name n is taken", "let n = 1:int32"),
    ("let x = 1:int32", "the name x is taken", "let x = 1:int32"),
    ("for i < 2 { for i < 3 { } }", "the name i is taken", "for i < 3 {"),
    ("let v = 1:int32 for v < 2 { }", "the name v is taken", "for v < 2 {"),
    ("for inf < 2 { }", "'inf' cannot be the name of a loop variable", "for inf < 2 {"),
    ("for i < m { }", "unknown symbol m", "for i < m {"),
    ("for i < 2 { } s[i] = 1:int64", "unknown symbol i", "s[i] = 1:int64"),
    ("s[0] = @(j)", "unknown symbol j", "s[0] = @(j)"),
    ("let v = 1:int32 s[v] = 1:int64", "unknown symbol v", "s[v] = 1:int64"),
    ("z[0] = 1:int64", "unknown buffer z", "z[0] = 1:int64"),
    # types
    ("s[0] = 1:int32", "a value of int32 is written to s of int64", "s[0] = 1:int32"),
    ("s[0] = 9223372036854775808:int64", "9223372036854775808 is not a constant of int64", None),
    ("let v = 1:float32", "1 is not a constant of float32", "let v = 1:float32"),
    ("let v = 1.0:int32", "1.0 is not a constant of int32", "let v = 1.0:int32"),
    ("let v = -1:uint8", "-1 is not a constant of uint8", "let v = -1:uint8"),
    ("let v = 1:bool", "1 is not a constant of bool", "let v = 1:bool"),
    ("let v = bitcast<int64>(1:int32)", "a bitcast of int32 to int64, which has another width", None),
    ("if s[0] { }", "the condition s[0] is int64, not bool", "if s[0] {"),
    ("check s[0] else 0", "the condition s[0] is int64, not bool", "check s[0] else 0"),
    ("y[0, 0] and= 1.0:float32", "and does not combine float32", "y[0, 0] and= 1.0:float32"),
    # accesses
    ("s[0, 0] = 1:int64", "s has 1 dims, the access has 2 indices", "s[0, 0] = 1:int64"),
    ("let v = x[0]", "x has 2 dims, the access has 1 indices", "let v = x[0]"),
    ("s[4] = 1:int64", "the index 4 of axis 0 of s leaves its 4 elements", "s[4] = 1:int64"),
    ("s[0 - 1] = 1:int64", "the index -1 of axis 0 of s leaves its 4 elements", "s[-1] = 1:int64"),
    ("for i < 5 { s[i] = 1:int64 }", "the index i of axis 0 of s leaves its 4 elements", "s[i] = 1:int64"),
    ("for i < 4 { s[i + 1] = 1:int64 }", "the index i + 1 of axis 0 of s leaves its 4 elements", "s[i + 1] = 1:int64"),
    ("for i < 4 { s[2 - i] = 1:int64 }", "the index -i + 2 of axis 0 of s leaves its 4 elements", None),
    ("for i < n { y[i + 1, 0] = 0.0:float32 }", "the index i + 1 of axis 0 of y leaves its n elements", None),
    ("let v = x[n, 0]", "the index n of axis 0 of x leaves its n elements", "let v = x[n, 0]"),
    ("x[0, 0] = 1.0:float32", "a write to x, which has role in", "x[0, 0] = 1.0:float32"),
    ("x[0, 0] add= 1.0:float32", "a write to x, which has role in", "x[0, 0] add= 1.0:float32"),
    # loops
    ("for i < n vector { }", "the extent of a loop of kind vector is n, not a number", "for i < n vector {"),
    ("for i < n unrolled { }", "the extent of a loop of kind unrolled is n, not a number", "for i < n unrolled {"),
    ("for i < n lane { }", "the extent of a loop of kind lane is n, not a number", "for i < n lane {"),
    ("for i < -1 { }", "the extent -1 is negative", "for i < -1 {"),
    ("for i < 2 vector { for j < 2 { for k < 2 vector { } } }", "a vector loop inside a vector loop", None),
    ("barrier", "a barrier outside a lane loop", "barrier"),
    ("for i < 2 lane { for j < 2 vector { barrier } }", "a barrier outside a lane loop", "barrier"),
    # buffers
    ("alloc s: int8[1] local stack", "the name s is taken", "alloc s: int8[1] local stack"),
    ("alloc t: int8[1] inout stack", "local buffer t has role inout and space stack", None),
    ("alloc t: int8[1] local", "local buffer t has role local and space arg", "alloc t: int8[1] local"),
    ("alloc t: int8[-1] local stack", "buffer t has a negative dim", None),
    ("alloc t: int8[1] local stack strides(1, 2)", "buffer t has 1 dims and 2 strides", None),
    ("alloc t: int8[1] local stack align(3)", "buffer t is aligned to 3, not to a power of two", None),
    ("alloc t: int8[q] local stack", "unknown symbol q", None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message", "line"), BAD)
def test_each_rule(body: str, message: str, line: str | None) -> None:
    text = complaint(of_body(body))
    assert text.split("\n")[0] == f"kernel k: {message}"
    assert text.split("\n")[1].startswith("  in: ")
    assert line is None or text.split("\n")[1] == f"  in: {line}"


CONFLICTS = [
    "for i < 4 KIND { s[0] = 1:int64 }",
    "for i < n KIND { s[1] = 1:int64 }",
    "for i < 4 KIND { for j < 2 { s[j] = @(i) } }",
    "let v = 1:int64 for i < 4 KIND { s[v] = 1:int64 }",
    "if true:bool { for i < 4 KIND { s[0] = 1:int64 } }",
    "alloc t: int64[4] local stack for i < 4 KIND { t[2] = 1:int64 }",
]


@pytest.mark.parametrize("kind", ["vector", "parallel", "grid", "block", "lane"])
@pytest.mark.parametrize("body", CONFLICTS)
def test_provable_write_conflicts(body: str, kind: str) -> None:
    if "i < n" in body and kind in ("vector", "lane"):
        body = body.replace("i < n", "i < 3")
    buffer = "t" if "alloc" in body else "s"
    message = f"kernel k: all iterations of the {kind} loop i write the same place of {buffer}\n"
    assert complaint(of_body(body.replace("KIND", kind))).startswith(message)


def test_a_provable_conflict_of_accumulations() -> None:
    text = complaint(of_body("for i < 4 parallel { s[0] add= 1:int64 }"))
    assert text.startswith("kernel k: all iterations of the parallel loop i write the same place of s\n")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("vector grain(2)", "a grain or private buffers of a loop of kind vector"),
        ("unrolled private(a)", "a grain or private buffers of a loop of kind unrolled"),
        ("parallel grain(0)", "the grain is 0"),
        ("parallel grain(q)", "unknown symbol q"),
        ("parallel private(q)", "q is private and no argument of role out in the arena"),
        ("parallel private(s)", "s is private and no argument of role out in the arena"),
    ],
)
def test_what_parallel_loops_say(head: str, message: str) -> None:
    text = complaint(of_body(f"for i < 4 {head} {{ s[i] = 1:int64 }}"))
    assert text.startswith(f"kernel k: {message}\n")


@pytest.mark.parametrize(
    "body",
    [
        "for i < 4 vector { s[i] = 1:int64 }",
        "for i < 1 vector { s[0] = 1:int64 }",
        "for i < 4 vector { s[0] add= 1:int64 }",
        "for i < 4 serial { s[0] = 1:int64 }",
        "for i < 4 vector { if eq(@(i), 0:int64) { s[0] = 1:int64 } }",
        "for i < 4 vector { let v = @(i) s[v] = 1:int64 }",
        "for i < 4 vector { let v = s[i] s[v] = 1:int64 }",
        "for i < 4 vector { alloc t: int64[4] local register t[0] = 1:int64 }",
        "for i < 4 parallel { for j < i { s[j] = 1:int64 } }",
        "for i < 5 { if lt(@(i), 4:int64) { s[i] = 1:int64 } }",
        "for i < 5 { let v = select(lt(@(i), 4:int64), s[i], 0:int64) }",
        "for i < 0 { s[i + 4] = 1:int64 }",
        "for i < 4 { for j < 4 - i { s[i + j] = 1:int64 } }",
        "for i < n { s[i] = 1:int64 }",
        "let v = s[0] s[v] = 1:int64",
        "for i < 2 { } for i < 3 { } if true:bool { let v = 1:int32 } else { let v = 2:int64 }",
        "for i < 2 lane { for j < 3 { barrier } if true:bool { barrier } }",
    ],
)
def test_what_cannot_be_proved_is_allowed(body: str) -> None:
    verify_kernel(of_body(body.replace(" serial", "")))


ONE = Const(T.float32, 1.0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Name(T.float32, "v"), "unknown name v"),
        (Load(T.int8, "x", (0, 0)), "a load of int8 from x of float32"),
        (Prim(T.float32, "add", (ONE,)), "add takes 2 operands, got 1"),
        (Prim(T.float32, "add", (ONE, Const(T.int8, 1))), "add does not take (float32, int8)"),
        (Prim(T.float64, "add", (ONE, ONE)), "add gives float32, not float64"),
        (Prim(T.float32, "lt", (ONE, ONE)), "lt gives bool, not float32"),
        (Prim(T.float32, "select", (ONE, ONE, ONE)), "select does not take (float32, float32, float32)"),
        (Prim(T.float32, "warp", (ONE,)), "unknown primitive warp"),
        (Const(T.float32, np.float32(1)), "np.float32(1.0) is not a constant of float32"),
        (At(Index.symbol("q")), "unknown symbol q"),
    ],
)
def test_expressions_that_no_text_gives(value: Expr, message: str) -> None:
    kernel = of_body("")
    assert complaint(replace(kernel, body=(K.Let("w", value),))).split("\n")[0] == f"kernel k: {message}"


def test_a_name_has_the_dtype_it_was_bound_with() -> None:
    body = (K.Let("v", ONE), K.Let("w", Name(T.int8, "v")))
    assert complaint(replace(of_body(""), body=body)).startswith("kernel k: v is float32, not int8\n")


def test_statements_that_no_text_gives() -> None:
    loop = replace(of_body(""), body=(K.For("i", 2, (), "fast"),))
    kinds = "serial, unrolled, vector, parallel, grid, block, lane"
    assert complaint(loop).startswith(f"kernel k: fast is not a kind of loop ({kinds})\n")
    check = replace(of_body(""), body=(K.Check(Const(T.bool_, True), -1),))
    assert complaint(check).startswith("kernel k: -1 is not the number of a message\n")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("k(x: int8[1] in, x: int8[1] in)", "two of the name x"),
        ("k(x: int8[1] in) dims(x)", "two of the name x"),
        ("k(if: int8[1] in)", "'if' cannot be the name of a buffer or dim"),
        ("k(x: int8[n] in)", "unknown symbol n"),
        ("k(x: int8[1] local)", "argument x has role local and space arg"),
        ("k(x: int8[1] in stack)", "argument x has role in and space stack"),
        ("k(x: int8[2] in strides(1, 1))", "buffer x has 1 dims and 2 strides"),
    ],
)
def test_arguments(head: str, message: str) -> None:
    assert complaint(parse_kernel(f"kernel {head} {{ }}")) == f"kernel k: {message}"


def test_names_can_be_printed() -> None:
    assert complaint(K.Kernel("a b", (), (), ())) == "kernel a b: 'a b' cannot be the name of a kernel"
    bad = K.Buffer("x", T.int8, (1,), "near")
    assert complaint(K.Kernel("k", (bad,), (), ())) == "kernel k: buffer x has role near and space arg"


BOTH = "program p, step 0 (copy): a and b are both t, but are not both alias"
PROGRAM = """program p dims(n) arena(4*n) {
  message "m"
  slot feed x: float32[n] in
  slot constant c: float32[n] in
  slot fetch y: float32[n] out
  slot arena t: float32[n] inout
  kernel copy(a: float32[m] in, b: float32[m] out) dims(m) {
    for i < m parallel { check true:bool else 0 b[i] = a[i] }
  }
  kernel both(a: float32[4] inout alias, b: float32[4] in) { }
  run copy(x, t) dims(n)
  run copy(t, y) dims(n)
}"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("else 0", "else 1", "program p: kernel copy reports message 1 of 1"),
        ("fetch y", "fetch x", "program p: two of the name x"),
        ("kernel both", "kernel copy", "program p: two of the name copy"),
        ("arena(4*n)", "arena(4*q)", "program p: unknown symbol q"),
        ("arena(4*n)", "arena(3*n)", None),
        ("t: float32[n] inout", "t: float32[n] inout at(4)", "program p: slot t leaves the arena of 4*n bytes"),
        ("t: float32[n] inout", "t: float32[n] inout at(-4)", "program p: slot t leaves the arena of 4*n bytes"),
        ("t: float32[n] inout", "t: float32[q] inout", "program p: unknown symbol q"),
        ("run copy(x, t)", "run move(x, t)", "program p, step 0 (move): unknown kernel"),
        ("(x, t)", "(x)", "program p, step 0 (copy): the kernel takes 2 buffers and 1 dims, got 1 and 1"),
        ("(x, t) dims(n)", "(x, t)", "program p, step 0 (copy): the kernel takes 2 buffers and 1 dims, got 2 and 0"),
        ("(x, t)", "(x, z)", "program p, step 0 (copy): unknown slot z"),
        ("(x, t) dims(n)", "(x, t) dims(q)", "program p, step 0 (copy): unknown symbol q"),
        ("(x, t) dims(n)", "(x, t) dims(n + 1)", "program p, step 0 (copy): a has more elements than slot x"),
        ("(x, t)", "(t, x)", "program p, step 0 (copy): a write to feed x"),
        ("(x, t)", "(t, c)", "program p, step 0 (copy): a write to constant c"),
        ("(x, t)", "(t, t)", BOTH),
        ("run copy(t, y) dims(n)", "run both(t, t)", BOTH.replace("0 (copy)", "1 (both)")),
        ("feed x: float32", "feed x: float64", "program p, step 0 (copy): a is float32, slot x is float64"),
        ("run copy(t, y) dims(n)", "", "program p: no step writes the fetch y"),
        ("b[i] = a[i]", "b[i] = a[j]", "kernel copy: unknown symbol j\n  in: b[i] = a[j]"),
    ],
)  # fmt: skip
def test_programs(old: str, new: str, message: str | None) -> None:
    verify_program(parse_program(PROGRAM))
    text = PROGRAM.replace(old, new, 1)
    if message is None:  # 4*n > 3*n only for n > 0
        verify_program(parse_program(text))
        return
    with pytest.raises(VerifyError) as error:
        verify_program(parse_program(text))
    assert str(error.value) == message


def test_a_slot_has_a_known_kind() -> None:
    program = parse_program(PROGRAM)
    slots = (replace(program.slots[0], kind="heap"), *program.slots[1:])
    with pytest.raises(VerifyError, match="heap is not a kind of slot"):
        verify_program(replace(program, slots=slots))


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 6), st.integers(1, 6), st.integers(-2, 2), st.integers(-2, 2), st.integers(-6, 8), st.integers(1, 12)
)
def test_what_is_refused_does_go_out_of_bounds(e0: int, e1: int, c0: int, c1: int, base: int, size: int) -> None:
    """For linear indices in static loops the bound check is exact: it agrees with the interpreter."""
    i, j = Index.symbol("i"), Index.symbol("j")
    store = K.Accumulate("y", (i * c0 + j * c1 + base,), Const(T.int32, 1))
    y = K.Buffer("y", T.int32, (size,), "inout")
    kernel = K.Kernel("k", (y,), (), (K.For("i", e0, (K.For("j", e1, (store,)),)),))
    assert parse_kernel(print_kernel(kernel)) == kernel
    counts = np.zeros(size, np.int32)
    index = [c0 * a + c1 * b + base for a in range(e0) for b in range(e1)]
    if all(0 <= k < size for k in index):
        verify_kernel(kernel)
        run_kernel(kernel, {"y": counts}, {})
        np.testing.assert_array_equal(counts, np.bincount(index, minlength=size))
        return
    with pytest.raises(VerifyError, match="leaves its"):
        verify_kernel(kernel)
    with pytest.raises(KernelError, match="outside the shape"):
        run_kernel(kernel, {"y": counts}, {})
