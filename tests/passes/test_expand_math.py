"""The pass `expand_math` on kernels, by the interpreter: what a kernel means stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfc.ir.errors import UnsupportedError
from tfc.ir.expr import PRIMITIVES, At, Const, Expr, Load, Name, Prim, cast, evaluate, prim, select
from tfc.ir.index import Index
from tfc.ir.interpret import run_kernel
from tfc.ir.kernel import Body, Buffer, For, If, Kernel, Let, Store, exprs_of, subexprs, walk
from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.ir.kernel_verify import verify_kernel
from tfc.ir.types import DTYPES, DType, bfloat16, float16, float32, float64, int32, int64
from tfc.passes.vector_math import expand_math

Array = np.ndarray[Any, Any]
i = Index.symbol("i")


def element(name: str, at: Any = i, dtype: DType = float32) -> Load:
    return Load(dtype, name, (at,))


def kernel(value: Expr, *operands: DType, n: int = 5, before: Body = (), kind: str = "vector") -> Kernel:
    """`y[i] = value` for i < n over x0, x1, ..."""
    buffers = tuple(Buffer(f"x{k}", d, (n,)) for k, d in enumerate(operands))
    loop = For("i", n, (*before, Store("y", (i,), value)), kind)
    return Kernel("k", (*buffers, Buffer("y", value.dtype, (n,), "out")), (), (loop,))


def run(k: Kernel, *arrays: Array) -> Array:
    """What the kernel writes to y."""
    out = k.buffers[-1]
    y = np.zeros([int(str(d)) for d in out.shape], out.dtype.np)
    assert run_kernel(k, {**{f"x{j}": a for j, a in enumerate(arrays)}, "y": y}, {}) == []
    return y


def expand(k: Kernel) -> Kernel:
    """The expanded kernel, which must be valid, without anything left to expand, and the same after a round trip."""
    verify_kernel(k)
    after = expand_math(k)
    verify_kernel(after)
    for s in walk(after.body):
        for e in (sub for root in exprs_of(s) for sub in subexprs(root)):
            if isinstance(e, Prim) and e.op not in ("cast", "bitcast", "select"):
                assert PRIMITIVES[e.op].kind == "machine"
                assert e.args[0].dtype not in (float16, bfloat16)
    assert parse_kernel(print_kernel(after)) == after
    return after


def same(a: Array, b: Array) -> None:
    """Equal but for a unit in the last place or two."""
    np.testing.assert_allclose(a.astype(float), b.astype(float), rtol=3 * float(np.finfo(np.float32).eps))


@pytest.mark.parametrize("op", sorted(op for op, row in PRIMITIVES.items() if row.kind == "math"))
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_every_function(op: str, dtype: DType) -> None:
    operands = [element(f"x{k}", dtype=dtype) for k in range(PRIMITIVES[op].arity)]
    k = kernel(prim(op, *operands), *(dtype for _ in operands))
    arrays = [np.array([-0.5, 0.0, 0.7, 3.0, np.nan], dtype.np), np.array([2.0, 0.0, 1.5, -1.0, 1.0], dtype.np)]
    same(run(expand(k), *arrays[: len(operands)]), run(k, *arrays[: len(operands)]))


def test_functions_of_functions_and_of_constants() -> None:
    x = element("x0")
    value = prim("exp", prim("tanh", x * prim("exp", x))) + prim("log", Const(float32, 3.0)) * prim("pow", x, 2.0)
    k = kernel(value, float32)
    x0 = np.array([-3, -0.5, 0, 0.5, 2], np.float32)
    same(run(expand(k), x0), run(k, x0))


def test_nested_functions_grow_by_a_sum_not_by_a_product() -> None:
    value: Expr = element("x0")
    sizes = []
    for _ in range(3):
        value = prim("sigmoid", value)
        sizes.append(
            sum(1 for s in walk(expand(kernel(value, float32)).body) for e in exprs_of(s) for _ in subexprs(e))
        )
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0]


def test_a_kernel_without_math_stays_as_it_is() -> None:
    x = element("x0")
    k = kernel(select(x > 0.0, x, cast(At(i), float32)), float32)
    assert expand(k) == k


def test_new_names_are_new() -> None:
    before = (Let("t0", element("x0") * 2.0), Let("t1", prim("tanh", Name(float32, "t0"))))
    k = kernel(prim("exp", Name(float32, "t1")) + Name(float32, "t0"), float32, before=before)
    x0 = np.linspace(-1, 1, 5, dtype=np.float32)
    same(run(expand(k), x0), run(k, x0))


def inside(at: Any, n: int = 5) -> Expr:
    """Whether 0 <= at < n."""
    return (At(at) >= Const(int64, 0)) & (At(at) < Const(int64, n))


def padded(value: Expr, otherwise: float, at: Any) -> Expr:
    return select(inside(at), value, Const(float32, otherwise))


MASKED = {
    "taken side": padded(prim("exp", element("x0", i + 1)), 7.0, i + 1),
    "other side": select(~inside(i + 1), Const(float32, 7.0), prim("exp", element("x0", i + 1))),
    "beside a load": padded(element("x0", i - 1) * prim("exp", element("x0", i - 1) + 1.0), 7.0, i - 1),
    "a select in a select": padded(padded(prim("log", element("x0", i + 2)), 1.0, i + 2), 2.0, i - 1),
    "both sides of an inner one": padded(
        select(element("x0", i + 1) > 0.0, prim("exp", element("x0", i + 1)), prim("tanh", element("x0", i + 1))),
        *(7.0, i + 1),
    ),
    "in the condition": select(
        padded(prim("exp", element("x0", i + 1)), 7.0, i + 1) > 1.0, prim("exp", element("x0")), Const(float32, 0.0)
    ),
    "a select below a function": prim("exp", padded(prim("sin", element("x0", i + 3)), 0.5, i + 3)),
    "two operands": padded(prim("pow", element("x0", i - 2), element("x0", i - 1)), 7.0, i - 2),
    "a function without loads": select(inside(i + 1), element("x0", i + 1), prim("exp", cast(At(i), float32))),
}


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize("kind", ["serial", "vector"])
def test_loads_below_a_select_stay_masked(name: str, kind: str) -> None:
    """The interpreter fails on any load outside the buffer, in the expanded kernel too."""
    k = kernel(MASKED[name], float32, kind=kind)
    x0 = np.array([0.5, -1.5, 2.5, 0.0, 1.0], np.float32)
    same(run(expand(k), x0), run(k, x0))


def test_lets_stay_under_their_condition() -> None:
    loop = For("i", 5, (If(inside(i + 1), (Store("y", (i,), prim("exp", element("x0", i + 1))),)),))
    before = For("i", 5, (Store("y", (i,), Const(float32, 0.0)),))
    k = Kernel("k", (Buffer("x0", float32, (5,)), Buffer("y", float32, (5,), "out")), (), (before, loop))
    x0 = np.arange(5, dtype=np.float32)
    same(run(expand(k), x0), run(k, x0))


HALF = pytest.mark.parametrize("dtype", [float16, bfloat16], ids=str)


def bits(a: Array) -> Array:
    return np.ascontiguousarray(a).view(np.uint16)


@HALF
@pytest.mark.parametrize(
    "op", ["add", "sub", "mul", "div", "min", "max", "neg", "abs", "sqrt", "floor", "round", "fma"]
)
def test_arithmetic_on_half_floats_rounds_after_each_operation(op: str, dtype: DType) -> None:
    arity = PRIMITIVES[op].arity
    rng = np.random.default_rng(5)
    arrays = [rng.integers(0, 2**16, 300, np.uint16).view(dtype.np) for _ in range(arity)]
    loads = [element(f"x{k}", dtype=dtype) for k in range(arity)]
    got = run(expand(kernel(prim(op, *loads), *(dtype for _ in loads), n=300)), *arrays)
    expected = evaluate(op, dtype, *arrays)
    nan = np.isnan(expected.astype(float))
    np.testing.assert_array_equal(np.isnan(got.astype(float)), nan)
    np.testing.assert_array_equal(bits(got)[~nan], bits(expected)[~nan])


def test_fma_of_float16_is_rounded_once() -> None:
    """The sum is below a tie of float16 by less than float32 can say."""
    a, b, c = (np.full(5, v, np.float16) for v in (2.0**-11 * (1 - 2.0**-10), 1 + 2.0**-10, 1 + 2.0**-10))
    loads = [element(f"x{k}", dtype=float16) for k in range(3)]
    k = expand(kernel(prim("fma", *loads), float16, float16, float16))
    np.testing.assert_array_equal(run(k, a, b, c), c)


@HALF
def test_functions_comparisons_and_constants_of_half_floats(dtype: DType) -> None:
    x, y = element("x0", dtype=dtype), element("x1", dtype=dtype)
    value = select(x > y, prim("exp", x) * 0.25, prim("tanh", y) + x)
    k = kernel(value, dtype, dtype)
    arrays = [np.array(v).astype(dtype.np) for v in ([-1.5, 0, 0.5, 2, np.nan], [1, -0.5, 0.5, 3, 1])]
    got, expected = run(expand(k), *arrays), run(k, *arrays)
    np.testing.assert_allclose(got.astype(float), expected.astype(float), rtol=2 * float(2.0**-7))


@HALF
def test_accumulating_into_a_half_float(dtype: DType) -> None:
    k = parse_kernel(
        f"""kernel k(x0: {dtype}[5] in, y: {dtype}[1] out) {{
          y[0] = 0.0:{dtype}
          for i < 5 {{
            y[0] add= mul(x0[i], x0[i])
          }}
        }}"""
    )
    x0 = np.array([1, 0.1, 3, 0.001, 7]).astype(dtype.np)
    np.testing.assert_array_equal(bits(run(expand(k), x0)), bits(run(k, x0)))


def test_a_vector_loop_does_not_accumulate_into_a_half_float() -> None:
    k = parse_kernel(
        """kernel k(x0: float16[5] in, y: float16[1] out) {
          y[0] = 0.0:float16
          for i < 5 vector {
            y[0] add= x0[i]
          }
        }"""
    )
    with pytest.raises(UnsupportedError, match="a vector loop accumulates into y, a float16"):
        expand_math(k)


def test_casts_and_bits_of_half_floats_are_left_to_the_back_end() -> None:
    for name in ("float32", "int8", "bfloat16"):
        k = kernel(cast(element("x0", dtype=float16), DTYPES[name]), float16)
        assert expand(k) == k
    k = kernel(cast(element("x0", dtype=int32), bfloat16), int32)
    assert expand(k) == k
