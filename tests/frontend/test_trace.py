"""`tfc.compile`, `tfc.grad`, `tfc.Spec`: what is traced when, trees, dims, gradients and errors."""

from __future__ import annotations

import threading
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tfc
import tfc.numpy as tnp
from tfc.frontend.trace import Compiled
from tfc.frontend.tracer import TraceError, UnknownDimError
from tfc.ir.errors import DTypeError, ShapeError, TfcError
from tfc.ir.index import Index

from .reference import Reference, array, compiled, same, softmax

pytestmark = pytest.mark.usefixtures("on_both")

HERE = r"test_trace\.py:\d+"
Point = namedtuple("Point", "x y")


def traced(function: Any) -> int:
    """How many graphs a compiled function has been traced to."""
    return len(function.engine.graphs)


# What is traced, and when


def test_the_classifier() -> None:
    @compiled
    def f(x: Any, w: Any, b: Any) -> Any:
        return tnp.softmax(x @ w + b)

    x, w, b = array("float32", 100, 784), array("float32", 784, 10, seed=1), array("float32", 10)
    for batch in (100, 1, 7, 0):
        same(f(x[:batch], w, b), softmax(x[:batch] @ w + b), ulp=5000)
    assert traced(f) == 1
    assert f.engine.runs == 4


def test_another_structure_dtype_or_rank_is_traced_again() -> None:
    f = compiled(lambda tree: tree[0] + tree[1])
    x = np.ones(3, np.float32)
    for tree, count in [
        ((x, x), 1),
        ((x, 1.0), 2),
        ([x, x], 3),
        ((x, x.astype("f8")), 4),
        ((x, x[None]), 5),
        ((x, 2.5), 5),
        ((x[:2], x[:2]), 5),
    ]:
        same(f(tree), tree[0] + tree[1])
        assert traced(f) == count


def test_keywords_and_defaults() -> None:
    @compiled
    def f(x: Any, scale: Any = 2, *, offset: Any = 0.5) -> Any:
        return x * scale + offset

    x = np.ones(3, np.float32)
    same(f(x), x * 2 + 0.5)
    same(f(x, 3), x * 3 + 0.5)
    same(f(x, scale=3), x * 3 + 0.5)
    same(f(scale=3, x=x, offset=1), x * 3 + 1)
    assert traced(f) == 3
    g = compiled(lambda x: x + 1)
    for shape in ((2, 3), (5, 3), (3, 2), (3, 2, 1)):
        same(g(np.ones(shape)), np.full(shape, 2.0))
    assert traced(g) == 3
    with pytest.raises(TypeError, match="unexpected keyword"):
        f(x, shift=1)


def test_trees_go_in_and_out() -> None:
    @compiled
    def f(params: Any, point: Any) -> Any:
        return {"sum": params["w"] + point.x, "rest": [point, (params["b"][0], None)], "number": 3}

    w, b = array("float32", 2, 3), array("float64", 4)
    found = f({"w": w, "b": [b, None]}, Point(np.float32(2), 1))
    same(found["sum"], w + np.float32(2))
    assert type(found["rest"][0]) is Point
    same(found["rest"][0].y, np.int64(1))
    same(found["rest"][1][0], b)
    assert found["rest"][1][1] is None
    same(found["number"], np.int64(3))


def test_python_numbers_are_weak_and_constants_are_fixed() -> None:
    x = np.ones(3, np.float16)
    f = compiled(lambda x, rate: x * rate + rate * 2)
    same(f(x, 0.5), x * 0.5 + 1.0)
    same(f(x, 2), x * 2 + 4)
    same(f(x, np.float64(2)), x * np.float64(2) + 4)
    same(compiled(lambda rate: tnp.exp(rate) * x)(0.5), np.exp(0.5) * x)
    scale = np.full(3, 2.0)
    g = compiled(lambda x: x * scale)
    same(g(x), x * 2.0 * np.ones(3))
    scale[:] = 5
    same(g(x), x * np.full(3, 2.0))


def test_scalars_strided_and_swapped_arrays() -> None:
    f = compiled(lambda x: x + x)
    x = np.arange(12.0).reshape(3, 4)
    for strange in (x[::2, ::-1], x.T, x.astype(">f8"), np.float32(2), True, 3, 2.5, np.array(1, ">i2")):
        native = np.asarray(strange)
        native = native.astype(native.dtype.newbyteorder("="))
        wanted = native + native
        same(f(strange), wanted)


def test_no_arguments_and_methods() -> None:
    same(compiled(lambda: tnp.ones(3))(), np.ones(3))

    class Model:
        scale = 3

        @tfc.compile(static_argnums=0, engine=Reference())
        def apply(self, x: Any) -> Any:
            return x * self.scale

    same(Model().apply(np.arange(3)), np.arange(3) * 3)


def test_static_arguments() -> None:
    @tfc.compile(static_argnums=1, static_argnames="mode", engine=Reference())
    def f(x: Any, n: int, mode: str = "up") -> Any:
        return tnp.tile(x, n) if mode == "up" else x * n

    x = np.arange(3.0)
    same(f(x, 2), np.tile(x, 2))
    same(f(x, 2, "down"), x * 2)
    same(f(x, 2, mode="down"), x * 2)
    same(f(x, n=3), np.tile(x, 3))
    assert traced(f) == 3
    g = compiled(lambda x, k: x + k, static_argnums=-1)
    for k in (1, 1.0, True):
        same(g(np.ones(2, np.int8), k), np.ones(2, np.int8) + k)
    h = compiled(lambda x, k: x / k[0], static_argnums=1)
    for k in (0.0, -0.0):
        same(h(np.array([np.inf]), (k,)), np.array([np.inf * (1 if str(k) == "0.0" else -1)]))
    with pytest.raises(TraceError, match=f"hashed, at .*{HERE}"):
        f(x, [2])
    with pytest.raises(TraceError, match="no argument 3"):
        tfc.compile(lambda x: x, static_argnums=3)
    with pytest.raises(TraceError, match="no argument k"):
        tfc.compile(lambda x: x, static_argnames="k")


def test_a_compiled_function_inside_another_is_part_of_it() -> None:
    inner = compiled(lambda x: x * 2)
    outer = compiled(lambda x: inner(x) + inner(np.ones(3)) + tfc.grad(lambda y: (y * x).sum())(np.ones(3)))
    x = np.arange(3.0)
    same(outer(x), x * 2 + 2 + x)
    assert (traced(outer), traced(inner)) == (1, 0)


def test_many_threads_trace_once() -> None:
    f = compiled(lambda x, w: tnp.tanh(x @ w))
    w = array("float64", 4, 4)
    wrong: list[int] = []
    gate = threading.Barrier(8)

    def work(k: int) -> None:
        gate.wait()
        for n in range(1, 6):
            x = array("float64", n, 4, seed=k)
            if not np.allclose(f(x, w), np.tanh(x @ w)):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert traced(f) == 1


# Dims


def test_arithmetic_on_an_open_dim() -> None:
    @compiled
    def f(x: Any) -> Any:
        n, m = x.shape
        assert (m, n) == (4, x.shape[0])
        assert n >= 0
        assert n != "n"
        half = x.reshape(n * 2, m // 2).reshape(-1, 4)[: n // 2 + 1]
        return (
            half.sum() / n
            + n % 3
            + 2**n
            - n / 2
            + (1.5 * n - n)
            + np.float32(2) * n
            + np.sqrt(n)
            + x.size
            + tnp.ones(n * np.int64(2)).size
        )

    for k in (1, 2, 5, 6):
        x = array("float64", k, 4)
        wanted = (
            x[: k // 2 + 1].sum() / k + k % 3 + 2**k - k / 2 + 0.5 * k + np.float32(2) * k + np.sqrt(k) + x.size + 2 * k
        )
        np.testing.assert_allclose(f(x), wanted, rtol=1e-12)
    assert traced(f) == 1


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_dims_compute_as_integers_do(data: st.DataObject) -> None:
    a, b, c = (data.draw(st.integers(1, 9)) for _ in range(3))
    kind = data.draw(st.integers(0, 5))
    table: list[Callable[[Any, Any], Any]] = [
        lambda n, m: n + m * c,
        lambda n, m: (n * m - n) // c + m,
        lambda n, m: (n + c) % c + n // m,
        lambda n, m: c * n - (-m) + c // n,
        lambda n, m: c % m + 7 - n,
        lambda n, m: (n - m) // c * c + (n - m) % c,
    ]
    f = compiled(lambda x, y: tnp.asarray(table[kind](x.shape[0], y.shape[0])))
    same(f(np.zeros(a), np.zeros(b)), np.int64(table[kind](a, b)))
    assert traced(f) == 1


NUMBERS: list[Callable[[Any], Any]] = [
    lambda x: x * (3 if x.shape[0] > 3 else 5),
    lambda x: x + sum(range(x.shape[0])),
    lambda x: sum(list(x), start=tnp.zeros(2)),
    lambda x: x * len(x),
    lambda x: x * int(x.shape[0]),
    lambda x: x * float(x.shape[0]),
    lambda x: x * (1 if x.shape == (3, 2) else 2),
    lambda x: x * {3: 1.0}.get(x.shape[0], 4.0),
    lambda x: x * (2 if x.shape[0] else 3),
    lambda x: x * (2 if x.shape[0] in (1, 3) else 3),
    lambda x: tnp.squeeze(x[None]),
]


@pytest.mark.parametrize("k", range(len(NUMBERS)))
def test_a_function_that_needs_the_number_is_traced_for_each_shape(k: int) -> None:
    f = compiled(NUMBERS[k])
    for n in (3, 4, 1, 3):
        x = array("float64", n, 2)
        same(f(x), np.asarray(NUMBERS[k](x)))
    assert traced(f) == 3
    with pytest.raises(TraceError, match=f"at .*{HERE} needs the number that an unknown dim is"):
        compiled(NUMBERS[k], specs=[tfc.Spec((None, 2), "float64")])(x)
    fixed = compiled(NUMBERS[k], specs=[tfc.Spec((3, 2), "float64")])
    same(fixed(x), np.asarray(NUMBERS[k](x)))


def test_a_swallowed_error_about_a_dim_does_not_decide() -> None:
    def f(x: Any) -> Any:
        try:
            return x * (3 if x.shape[0] > 3 else 5)
        except UnknownDimError:
            return x * 0

    g = compiled(f)
    for n in (3, 4):
        same(g(np.ones(n)), f(np.ones(n)))


def test_open_dims_that_meet() -> None:
    """Equal, 1 against more, and neither: each run broadcasts as NumPy does, whatever ran before."""
    f = compiled(lambda x, y: x + y)
    for a, b in [(3, 3), (5, 5), (1, 4), (4, 1), (1, 1), (0, 1), (0, 0)]:
        x, y = np.ones((a, 2)), np.ones((b, 2))
        same(f(x, y), x + y)
    assert traced(f) == 1
    with pytest.raises(ShapeError, match=f"at .*{HERE}: dims 3 and 2 cannot be broadcast"):
        f(np.ones((3, 2)), np.ones((2, 2)))


def test_what_is_required_of_an_open_dim() -> None:
    f = compiled(lambda x: x[2] + x.max())
    same(f(np.arange(5.0)), np.float64(6))
    assert traced(f) == 1
    for n in (2, 0):
        with pytest.raises(
            ShapeError, match=rf"index 2 is out of range for axis 0 of d0_0 \(at .*{HERE}\) for x \({n},\)"
        ):
            f(np.arange(float(n)))
    same(f(np.arange(3.0)), np.float64(4))
    g = compiled(lambda x: tnp.ones(x.shape[0] - 2))
    with pytest.raises(ShapeError, match=f"a negative dim d0_0 - 2.*{HERE}"):
        g(np.ones(1))


# Specs


def test_specs_say_which_dims_are_open() -> None:
    spec = tfc.Spec
    f = compiled(lambda x, w: tnp.tanh(x @ w), specs=(spec((None, 4), "float32"), spec((4, 2), "float32")))
    w = array("float32", 4, 2)
    for n in (3, 1, 0):
        x = array("float32", n, 4)
        same(f(x, w), np.tanh(x @ w))
    assert traced(f) == 1
    placeholder = f.graph.nodes[0]
    assert (placeholder.name, placeholder.type.dims) == ("x", (Index.symbol("d0_0"), 4))
    same(f(x.astype("f2"), w), np.tanh(x @ w))
    for bad, error, message in [
        (np.ones((3, 5), "f4"), ShapeError, r"argument x: expected float32\[d0_0, 4\], got \(3, 5\)"),
        (np.ones(4, "f4"), ShapeError, r"argument x: expected float32\[d0_0, 4\], got \(4,\)"),
        (np.ones((3, 4)), DTypeError, r"argument x: expected float32\[d0_0, 4\], got float64"),
        ([x], TraceError, "structure"),
        ("text", DTypeError, "argument x is a str"),
    ]:
        with pytest.raises(error, match=f"{message}.*{HERE}"):
            f(bad, w)
    with pytest.raises(TraceError, match="structure"):
        f(x)


def test_named_dims_are_one() -> None:
    f = compiled(
        lambda x, y: (x.shape[0] == y.shape[0]) * (x + y), specs=[tfc.Spec(("n", 2), "f8"), tfc.Spec(("n", 1), "f8")]
    )
    same(f(np.ones((3, 2)), np.ones((3, 1))), np.full((3, 2), 2.0))
    with pytest.raises(ShapeError, match=r"argument y: expected float64\[n, 1\] with n = 3, got \(1, 1\)"):
        f(np.ones((3, 2)), np.ones((1, 1)))


def test_specs_in_trees_with_numbers_and_static_arguments() -> None:
    f = compiled(
        lambda mode, p, rate: p["w"] * rate if mode == "times" else p["w"] + rate,
        specs=[{"w": tfc.Spec((2,), "float32")}, tfc.Spec((), "float32")],
        static_argnums=0,
    )
    w = np.ones(2, np.float32)
    same(f("times", {"w": w}, 2.5), w * np.float32(2.5))
    same(f("plus", {"w": w}, 2), w + 2)
    assert traced(f) == 2
    with pytest.raises(TraceError, match="structure"):
        f("plus", {"v": w}, 2)
    whole = compiled(lambda n: n + 1, specs=[tfc.Spec((), "int8")])
    same(whole(3), np.int8(4))
    for bad in (300, 2.5):
        with pytest.raises(DTypeError, match="argument n"):
            whole(bad)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((-1,), "float32"),
        ((2.5,), "float32"),
        (("a b",), "float32"),
        (("d0_0",), "float32"),
        ((True,), "float32"),
        ((2,), "complex64"),
        ((2,), "no dtype"),
    ],
)
def test_what_is_no_spec(shape: Any, dtype: str) -> None:
    with pytest.raises((ShapeError, DTypeError), match=HERE):
        tfc.Spec(shape, dtype)


def test_lower_gives_the_graph() -> None:
    f = compiled(lambda x, w: tnp.exp(x) @ w)
    graph = f.lower(tfc.Spec((None, 3), "float32"), np.ones((3, 2), "f4")).graph
    assert [n.op.name for n in graph] == ["placeholder", "placeholder", "exp", "matmul"]
    assert (graph.name, str(graph.outputs[0].type)) == ("lambda", "float32[d0_0, 2]")
    assert all(n.loc.file == __file__ for n in graph)
    assert [str(a.name) for a in f.lower(x=np.ones((2, 3)), w=np.ones((3, 2))).arguments] == ["x", "w"]
    with pytest.raises(TraceError, match="no specs"):
        _ = f.graph
    assert traced(f) == 0


# Errors


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda x: x if x.sum() > 0 else -x, "the truth"),
        (lambda x: x if x[0] in (1, 2) else -x, "the truth"),
        (lambda x: x * int(x[0]), r"int\(\)"),
        (lambda x: x * float(x[0]), r"float\(\)"),
        (lambda x: x * sum(range(x[0])), "an integer"),
        (np.asarray, "a NumPy array"),
        (lambda x: x.item(), r"item\(\)"),
        (lambda x: x.tolist(), r"tolist\(\)"),
        (lambda x: x.__setitem__(0, 1), "assignment"),
    ],
)
def test_values_are_not_known_in_a_trace(use: Any, message: str) -> None:
    with pytest.raises(
        TraceError, match=rf"{message}.* of a traced array of int64\[3\], at .*{HERE}|{message}.*{HERE}"
    ):
        compiled(use)(np.arange(3))


def test_a_traced_array_that_leaked() -> None:
    kept: list[Any] = []
    compiled(lambda x: kept.append(x) or x * 2)(np.ones(3))
    with pytest.raises(TraceError, match=f"{HERE} is used after the trace, at .*{HERE}"):
        kept[0] + 1
    with pytest.raises(TraceError, match="is used after the trace"):
        compiled(lambda x: x + kept[0])(np.ones(3))
    with pytest.raises(TraceError, match="is used after the trace"):
        tnp.zeros(kept[0].shape)


@pytest.mark.parametrize(
    ("f", "args", "error", "message"),
    [
        (lambda x: None, (1,), TraceError, "returned None"),
        (lambda x: "text", (1,), DTypeError, "str is no array"),
        (lambda x: {x}, (1,), TypeError, "unhashable"),
        (lambda x: x, ("text",), DTypeError, "argument x is a str, not an array, .*static"),
        (lambda x: x, (object(),), DTypeError, "argument x is a object"),
        (lambda x: x, (np.array([1j]),), DTypeError, "complex128 is not supported"),
        (lambda x: x, (np.array([None]),), DTypeError, "object is not supported"),
        (lambda x: x, (np.array(["a"]),), DTypeError, "str"),
        (lambda x: x, (np.ma.masked_array([1, 2], [0, 1]),), DTypeError, "MaskedArray"),
        (lambda x: x, (2**70,), DTypeError, "does not fit int64"),
        (
            lambda x: x @ x,
            (np.ones((3, 4)),),
            ShapeError,
            r"matmul\(float64\[d0_0, 4\], .*: inner dims: 4 and 3 differ",
        ),
        (lambda x: tnp.sin(x) + {}, (1.0,), TypeError, "unsupported operand"),
        (lambda x: x.astype("complex64"), (1.0,), DTypeError, "complex64 is not supported"),
        (lambda x: x.nothing, (1.0,), AttributeError, "nothing"),
    ],
)
def test_errors(f: Any, args: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        compiled(f)(*args)
    if isinstance(raised.value, TfcError):
        assert "test_trace.py:" in str(raised.value)


def test_what_a_function_raises_itself_comes_through() -> None:
    with pytest.raises(KeyError, match="mine"):
        compiled(lambda x: {}["mine"])(np.ones(3))


def test_public_names() -> None:
    assert isinstance(tfc.compile(lambda x: x), Compiled)
    assert isinstance(tfc.compile(specs=[tfc.Spec((2,), "f4")])(lambda x: x), Compiled)
    assert tfc.numpy is tnp
    assert {"Spec", "compile", "grad", "numpy", "value_and_grad"} <= set(dir(tfc))
    with pytest.raises(AttributeError, match="nothing"):
        _ = tfc.nothing

    @tfc.compile
    def named(x: Any) -> Any:
        """Its own words."""
        return x

    assert (named.__name__, named.__doc__) == ("named", "Its own words.")


@given(
    hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4), elements=st.floats(-4, 4))
)
@settings(max_examples=30, deadline=None)
def test_a_composite_of_any_shape(x: Any) -> None:
    f = compiled(lambda x: tnp.tanh(x) * x.shape[0] + x.sum(-1, keepdims=True) - tnp.mean(x * x) if x.size else x)
    with np.errstate(all="ignore"):
        wanted = np.tanh(x) * x.shape[0] + x.sum(-1, keepdims=True) - (np.mean(x * x) if x.size else 0)
    np.testing.assert_allclose(f(x), wanted, rtol=1e-12, atol=1e-12)
