"""`tfc.numpy` against NumPy and SciPy, traced and at once, over dtypes and odd shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import tfc
import tfc.numpy as tnp
from tfc.frontend.tracer import TraceError
from tfc.ir.errors import DTypeError, ShapeError, TfcError, UnsupportedError

from .reference import DTYPES, FLOATS, INTS, agree, array, compiled, same

UNARY = "negative positive absolute abs sign square exp expm1 tanh sin cos floor ceil trunc rint isnan isinf isfinite"
POSITIVE = "sqrt log log1p reciprocal"
BINARY = """add subtract multiply divide true_divide maximum minimum equal not_equal less less_equal greater
greater_equal logical_and logical_or logical_xor"""
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, 1e-40, 1.5, 2.5, -0.5, -2.5, 1e300, 3e38])
PAIRS = [((), ()), ((3,), ()), ((1, 3), (2, 1)), ((0, 3), (3,)), ((2, 1, 5), (7, 1)), ((17,), (17,))]


def numpy_takes(function: Any, *arrays: Any) -> bool:
    try:
        with np.errstate(all="ignore"):
            function(*arrays)
    except TypeError:
        return False
    return True


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*UNARY.split(), *POSITIVE.split(), "logical_not"])
def test_unary(name: str, dtype: str) -> None:
    ours, numpys = getattr(tnp, name), getattr(np, name)
    x = array(dtype, 3, 5, low=0 if name in POSITIVE.split() else -3)
    if name == "reciprocal" and np.dtype(dtype).kind != "f":
        with pytest.raises(DTypeError, match="reciprocal"):
            ours(x)
    elif numpy_takes(numpys, x):
        agree(ours, numpys, x)
    else:
        with pytest.raises(DTypeError, match=name):
            ours(x)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [*UNARY.split(), *POSITIVE.split(), "logical_not"])
def test_unary_special_values(name: str, dtype: str) -> None:
    with np.errstate(all="ignore"):
        x = SPECIAL.astype(dtype)
    if name in ("sin", "cos"):
        x = x[np.isfinite(x) & (np.abs(x) < 10)]
    agree(getattr(tnp, name), getattr(np, name), x)


@pytest.mark.parametrize("dtypes", [("float32", "float32"), ("int8", "uint8"), ("bool", "bool"), ("int32", "float32")])
@pytest.mark.parametrize("name", [*BINARY.split(), "floor_divide", "remainder", "mod"])
def test_binary_broadcasts(name: str, dtypes: tuple[str, str]) -> None:
    ours, numpys = getattr(tnp, name), getattr(np, name)
    for a, b in PAIRS:
        x, y = array(dtypes[0], *a), array(dtypes[1], *b, seed=1)
        if numpy_takes(numpys, x, y):
            agree(ours, numpys, x, y)
        else:
            with pytest.raises(DTypeError, match=name):
                ours(x, y)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "power", "maximum", "floor_divide", "less"])
@pytest.mark.parametrize("left", [*DTYPES, int, float])
def test_promotion(name: str, left: Any) -> None:
    """The dtype of every pair, Python numbers among them, is NumPy's."""
    ours, numpys = getattr(tnp, name), getattr(np, name)
    for right in (*DTYPES, int, float):
        a, b = (k(2) if isinstance(k, type) else np.full(2, 2, k) for k in (left, right))
        mixed = {np.asarray(a).dtype.kind, np.asarray(b).dtype.kind} == {"i", "u"} and 8 in (
            np.asarray(x).itemsize for x in (a, b) if np.asarray(x).dtype.kind == "u"
        )
        if not numpy_takes(numpys, a, b):
            with pytest.raises(DTypeError):
                ours(a, b)
        elif name == "less" and mixed and not isinstance(a, int) and not isinstance(b, int):
            with pytest.raises(DTypeError, match="cast one"):
                ours(a, b)
        else:
            wanted = np.asarray(numpys(a, b))
            same(np.asarray(ours(a, b)), wanted)
            same(compiled(ours)(a, b), wanted)


def test_bfloat16_keeps_its_dtype_with_python_numbers() -> None:
    import ml_dtypes

    x = np.array([1, 2], ml_dtypes.bfloat16)
    assert compiled(lambda x: x * 2.5 + 1)(x).dtype == ml_dtypes.bfloat16
    assert compiled(lambda x: x + np.float32(1))(x).dtype == np.float32


def test_python_numbers_that_do_not_fit() -> None:
    x = np.array([1, -1], np.int8)
    with pytest.raises(DTypeError, match="300"):
        tnp.add(x, 300)
    same(tnp.less(x, 300), x < 300)
    same(compiled(lambda x: x >= -1000)(x), x >= -1000)
    same(tnp.equal(np.array([1], np.uint8), -1), np.array([False]))


@pytest.mark.parametrize("dtype", [*FLOATS, *INTS])
def test_power(dtype: str) -> None:
    x, y = array(dtype, 4, 5, low=0 if dtype in FLOATS else -3), array(dtype, 5, low=0, seed=1)
    agree(tnp.power, np.power, x, y, ulp=16)
    for exponent in (0, 1, 2, 3, *((0.5, 2.0, -1) if dtype in FLOATS else ())):
        agree(lambda x, e=exponent: x**e, lambda x, e=exponent: x**e, x, ulp=16)


def test_a_negative_power_of_integers_is_an_error() -> None:
    with pytest.raises(TfcError, match="negative power"):
        tnp.power(np.array([2, 3]), np.array([-1, 2]))


@pytest.mark.parametrize("decimals", [0, 1, 3, -1])
@pytest.mark.parametrize("dtype", [*FLOATS, "int32", "bool"])
def test_round(dtype: str, decimals: int) -> None:
    x = array(dtype, 3, 4, low=-300, high=400)
    if dtype == "int32" and decimals < 0:
        with pytest.raises(UnsupportedError, match="round"):
            tnp.round(x, decimals)
    elif dtype != "bool" or decimals == 0:
        agree(lambda x: tnp.round(x, decimals), lambda x: np.round(x, decimals), x)


def test_where_and_clip() -> None:
    c, x, y = array("bool", 4, 1), array("int8", 3), array("float32", 4, 3)
    agree(tnp.where, np.where, c, x, y)
    agree(lambda c, x: tnp.where(c, x, 0.5), lambda c, x: np.where(c, x, 0.5), c, x)
    agree(lambda c, x: tnp.where(x, x, -1), lambda c, x: np.where(x, x, -1), c, x)
    for low, high in ((-1, 1), (None, 0), (0, None), (2, 1)):
        agree(lambda y, a=low, b=high: tnp.clip(y, a, b), lambda y, a=low, b=high: np.clip(y, a, b), y)
        agree(lambda y, a=low, b=high: tnp.clip(y, a, b), lambda y, a=low, b=high: np.clip(y, a, b), x)
    agree(tnp.clip, np.clip, y, np.float32(-1), array("float32", 4, 1))
    with pytest.raises(UnsupportedError, match="where"):
        tnp.where(c)


@pytest.mark.parametrize("to", DTYPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_astype(dtype: str, to: str) -> None:
    x = array(dtype, 7, low=0 if to.startswith("u") else -3)
    agree(lambda x: tnp.astype(x, to), lambda x: x.astype(to), x)
    same(compiled(lambda x: x.astype(to))(x), x.astype(to))


REDUCTIONS = "sum prod max min any all mean var std count_nonzero"
AXES: list[tuple[tuple[int, ...], Any]] = [((), None), ((5,), 0), ((3, 4), None), ((3, 4), 1), ((2, 3, 4), (0, -1))]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REDUCTIONS.split())
def test_reductions(name: str, dtype: str) -> None:
    ours, numpys = getattr(tnp, name), getattr(np, name)
    for shape, axis in AXES:
        x = array(dtype, *shape)
        for keepdims in (False, True):
            agree(
                lambda x, a=axis, k=keepdims: ours(x, axis=a, keepdims=k),
                lambda x, a=axis, k=keepdims: numpys(x, axis=a, keepdims=k),
                x,
                ulp=4 if name in ("mean", "var", "std") and dtype == "float16" else 16,
            )


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std"])
def test_reductions_in_another_dtype(name: str) -> None:
    x = array("int16", 3, 4)
    for to in ("float32", "float64"):
        agree(lambda x, d=to: getattr(tnp, name)(x, 0, d), lambda x, d=to: getattr(np, name)(x, 0, d), x, ulp=16)


@pytest.mark.filterwarnings("ignore:Degrees of freedom:RuntimeWarning")
def test_variance_with_ddof() -> None:
    x = array("float64", 4, 1)
    for ddof in (0, 1, 2):
        agree(lambda x, d=ddof: tnp.var(x, 1, ddof=d), lambda x, d=ddof: np.var(x, 1, ddof=d), x)
        agree(lambda x, d=ddof: tnp.std(x, 0, ddof=d), lambda x, d=ddof: np.std(x, 0, ddof=d), x)


def test_reductions_of_nothing() -> None:
    x = np.zeros((0, 3), np.float32)
    for name in ("sum", "prod", "any", "all"):
        agree(lambda x, n=name: getattr(tnp, n)(x, 0), lambda x, n=name: getattr(np, n)(x, 0), x)
    assert np.isnan(tnp.mean(x, 0)).all()
    for name in ("max", "min", "argmax", "argmin"):
        function = compiled(lambda x, n=name: getattr(tnp, n)(x, 0))
        some = array("float32", 2, 3)
        same(function(some), getattr(np, name)(some, 0))
        with pytest.raises(ShapeError, match="empty"):
            function(x)
        with pytest.raises(ShapeError, match="empty"):
            getattr(tnp, name)(x, 0)
        agree(lambda x, n=name: getattr(tnp, n)(x, 1), lambda x, n=name: getattr(np, n)(x, 1), x)


def test_reductions_with_nan() -> None:
    x = np.array([[1, np.nan, 3], [np.inf, -np.inf, 0]])
    for name in ("sum", "prod", "max", "min", "mean", "argmax", "argmin"):
        agree(lambda x, n=name: getattr(tnp, n)(x, 1), lambda x, n=name: getattr(np, n)(x, 1), x)


@pytest.mark.parametrize("dtype", [*FLOATS, "int8", "uint64", "bool"])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_positions(name: str, dtype: str) -> None:
    x = array(dtype, 3, 4, 5)
    for axis in (None, 0, 1, -1):
        for keepdims in (False, True):
            agree(
                lambda x, a=axis, k=keepdims: getattr(tnp, name)(x, a, keepdims=k),
                lambda x, a=axis, k=keepdims: getattr(np, name)(x, a, keepdims=k),
                x,
            )


SHAPES: dict[str, tuple[tuple[int, ...], Callable[[Any, Any], Any]]] = {
    "reshape": ((4, 6), lambda m, x: m.reshape(x, (2, -1, 3))),
    "reshape to one": ((4, 6), lambda m, x: m.reshape(x, -1)),
    "reshape a number": ((), lambda m, x: m.reshape(x, (1, 1))),
    "reshape of nothing": ((0, 3), lambda m, x: m.reshape(x, (3, 0))),
    "ravel": ((2, 3, 4), lambda m, x: m.ravel(x)),
    "transpose": ((2, 3, 4), lambda m, x: m.transpose(x)),
    "transpose axes": ((2, 3, 4), lambda m, x: m.transpose(x, (1, -1, 0))),
    "swapaxes": ((2, 3, 4), lambda m, x: m.swapaxes(x, 0, -1)),
    "moveaxis": ((2, 3, 4), lambda m, x: m.moveaxis(x, 0, -1)),
    "moveaxis several": ((2, 3, 4, 5), lambda m, x: m.moveaxis(x, (0, 2), (-1, 0))),
    "expand_dims": ((2, 3), lambda m, x: m.expand_dims(x, 1)),
    "expand_dims several": ((2, 3), lambda m, x: m.expand_dims(x, (0, -1))),
    "squeeze": ((1, 3, 1), lambda m, x: m.squeeze(x)),
    "squeeze axis": ((1, 3, 1), lambda m, x: m.squeeze(x, 0)),
    "squeeze axes": ((1, 3, 1), lambda m, x: m.squeeze(x, (0, -1))),
    "concatenate": ((2, 3), lambda m, x: m.concatenate([x, x[:1], x], axis=0)),
    "concatenate last": ((2, 3), lambda m, x: m.concatenate((x, x), -1)),
    "concatenate flat": ((2, 3), lambda m, x: m.concatenate([x, x[0]], axis=None)),
    "stack": ((2, 3), lambda m, x: m.stack([x, x + 1], axis=1)),
    "stack last": ((2, 3), lambda m, x: m.stack([x, x], -1)),
    "pad": ((2, 3), lambda m, x: m.pad(x, ((1, 0), (2, 3)))),
    "pad all": ((2, 3), lambda m, x: m.pad(x, 1, constant_values=7)),
    "pad pair": ((4, 3), lambda m, x: m.pad(x, (1, 2))),
    "pad reflect": ((4, 3), lambda m, x: m.pad(x, ((2, 3), (1, 2)), mode="reflect")),
    "pad symmetric": ((4, 3), lambda m, x: m.pad(x, ((4, 0), (1, 3)), mode="symmetric")),
    "take": ((4, 3), lambda m, x: m.take(x, np.array([[0, -1], [2, 1]]), axis=0)),
    "take flat": ((4, 3), lambda m, x: m.take(x, [5, 0, -12])),
    "take one": ((4, 3), lambda m, x: m.take(x, 1, axis=-1)),
    "tile": ((2, 3), lambda m, x: m.tile(x, (2, 1))),
    "tile more": ((2, 3), lambda m, x: m.tile(x, (3, 2, 1))),
    "tile fewer": ((2, 3), lambda m, x: m.tile(x, 2)),
    "broadcast_to": ((3, 1), lambda m, x: m.broadcast_to(x, (2, 3, 4))),
    "flip": ((2, 3), lambda m, x: m.flip(x)),
    "flip axis": ((2, 3), lambda m, x: m.flip(x, 0)),
    "shape": ((2, 3), lambda m, x: x * m.shape(x)[1] + m.ndim(x) + m.size(x)),
    "zeros_like": ((2, 3), lambda m, x: m.zeros_like(x)),
    "ones_like": ((2, 3), lambda m, x: m.ones_like(x, dtype="int8")),
    "full_like": ((2, 3), lambda m, x: m.full_like(x, 7)),
}


@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("case", SHAPES)
def test_shapes(case: str, dtype: str) -> None:
    shape, function = SHAPES[case]
    agree(lambda x: function(tnp, x), lambda x: function(np, x), array(dtype, *shape))


DOTS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((3, 4), (4, 5)),
    ((4,), (4, 5)),
    ((3, 4), (4,)),
    ((4,), (4,)),
    ((2, 3, 4), (4, 5)),
    ((2, 1, 3, 4), (6, 4, 5)),
    ((0, 4), (4, 5)),
    ((3, 0), (0, 2)),
    ((17, 31), (31, 7)),
]


@pytest.mark.parametrize("dtypes", [("float32", "float32"), ("float64", "int8"), ("int32", "int32")])
@pytest.mark.parametrize(("a", "b"), DOTS)
def test_products(a: tuple[int, ...], b: tuple[int, ...], dtypes: tuple[str, str]) -> None:
    x, y = array(dtypes[0], *a), array(dtypes[1], *b, seed=1)
    agree(tnp.matmul, np.matmul, x, y, ulp=32)
    same(compiled(lambda x, y: x @ y)(x, y), x @ y, ulp=32)
    if len(b) < 3:
        agree(tnp.dot, np.dot, x, y, ulp=32)
    agree(tnp.outer, np.outer, x, y)


def test_contractions() -> None:
    x, y = array("float64", 2, 3, 4), array("float64", 4, 3, 5, seed=1)
    for axes in (([1, 2], [1, 0]), ((2,), (0,)), (-1, 0), 0):
        agree(lambda x, y, a=axes: tnp.tensordot(x, y, a), lambda x, y, a=axes: np.tensordot(x, y, a), x, y, ulp=32)
    agree(tnp.tensordot, np.tensordot, array("float64", 2, 4, 3), y, ulp=32)
    agree(tnp.dot, np.dot, x, array("float64", 5, 4, 2), ulp=32)
    agree(tnp.dot, np.dot, x, 2.0)
    agree(tnp.inner, np.inner, x, array("float64", 5, 4), ulp=32)
    with pytest.raises(ShapeError, match="differ"):
        compiled(tnp.tensordot)(np.ones((2, 3)), np.ones((3, 2)))
    with pytest.raises(ShapeError, match="differ"):
        compiled(lambda x, y: x @ y)(np.ones((2, 3)), np.ones((4, 3)))
    with pytest.raises(ShapeError, match="matmul"):
        tnp.matmul(x, 2.0)


CREATION: dict[str, Callable[[Any, Any], Any]] = {
    "zeros": lambda m, n: m.zeros((n, 3)),
    "ones": lambda m, n: m.ones(n, "int8"),
    "full": lambda m, n: m.full((2, n), 7),
    "full of floats": lambda m, n: m.full((2, n), 7.5, np.float32),
    "arange": lambda m, n: m.arange(n),
    "arange from": lambda m, n: m.arange(2, n),
    "arange step": lambda m, n: m.arange(n, 0, -2),
    "arange dtype": lambda m, n: m.arange(1, n * 2, 3, dtype="float32"),
    "linspace": lambda m, n: m.linspace(0, 1, n),
    "linspace open": lambda m, n: m.linspace(-2.0, 5.0, n, endpoint=False),
    "linspace dtype": lambda m, n: m.linspace(0, 10, n, dtype="float32"),
    "eye": lambda m, n: m.eye(n),
    "eye wide": lambda m, n: m.eye(n, n + 2, 1, "int32"),
    "eye low": lambda m, n: m.eye(3, n, k=-1, dtype=bool),
}


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("case", CREATION)
def test_creation(case: str, n: int) -> None:
    """With a number for a dim, and with one that is known when the function runs."""
    function = CREATION[case]
    wanted = function(np, n)
    same(function(tnp, n), wanted)
    traced = compiled(lambda x: function(tnp, x.shape[0]))
    same(traced(np.zeros((n, 2))), wanted)
    assert len(traced.engine.graphs) == 1
    same(traced(np.zeros((n + 1, 2))), function(np, n + 1))
    assert len(traced.engine.graphs) == 1


def test_arange_of_floats_and_errors() -> None:
    same(tnp.arange(0.5, 3), np.arange(0.5, 3))
    with pytest.raises(DTypeError, match="arange"):
        compiled(tnp.arange)(3)
    with pytest.raises(DTypeError, match="integer"):
        compiled(lambda x: tnp.arange(0, x.shape[0], 0.5), specs=[tfc.Spec((None,), "float32")])(np.zeros(3, "f4"))
    with pytest.raises(ShapeError, match="negative"):
        tnp.zeros((2, -1))
    with pytest.raises(TraceError, match="values"):
        compiled(tnp.zeros)(3)


NN: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "softmax": (tnp.softmax, lambda x: scipy.special.softmax(x, -1)),
    "softmax axis": (lambda x: tnp.softmax(x, axis=0), lambda x: scipy.special.softmax(x, 0)),
    "log_softmax": (tnp.log_softmax, lambda x: scipy.special.log_softmax(x, -1)),
    "logsumexp": (lambda x: tnp.logsumexp(x, -1), lambda x: scipy.special.logsumexp(x, -1)),
    "logsumexp all": (lambda x: tnp.logsumexp(x, keepdims=True), lambda x: scipy.special.logsumexp(x, keepdims=True)),
    "relu": (tnp.relu, lambda x: np.maximum(x, 0)),
    "relu6": (tnp.relu6, lambda x: np.clip(x, 0, 6)),
    "leaky_relu": (lambda x: tnp.leaky_relu(x, 0.2), lambda x: np.where(x > 0, x, x * 0.2)),
    "elu": (tnp.elu, lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    "selu": (tnp.selu, lambda x: 1.05070098735548 * np.where(x > 0, x, 1.67326324235438 * np.expm1(np.minimum(x, 0)))),
    "softplus": (tnp.softplus, lambda x: np.logaddexp(x, 0)),
    "silu": (tnp.silu, lambda x: x * scipy.special.expit(x)),
    "sigmoid": (tnp.sigmoid, scipy.special.expit),
    "erf": (tnp.erf, scipy.special.erf),
    "rsqrt": (lambda x: tnp.rsqrt(x * x + 1), lambda x: 1 / np.sqrt(x * x + 1)),
    "gelu": (tnp.gelu, lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    "gelu exact": (lambda x: tnp.gelu(x, approximate=False), lambda x: x * scipy.special.ndtr(x)),
    "stop_gradient": (tnp.stop_gradient, lambda x: x),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", NN)
def test_nn(case: str, dtype: str) -> None:
    ours, theirs = NN[case]
    for shape in ((3, 5), (1, 1), (2, 17)):
        x = array(dtype, *shape, low=-9, high=9)
        agree(ours, lambda x: theirs(x.astype(np.float64)).astype(x.dtype), x, ulp=16)


def test_one_hot_and_cross_entropies() -> None:
    logits, labels = array("float32", 6, 4), np.array([0, 3, 1, 1, 2, 0])
    rows = np.eye(4, dtype=np.float32)[labels]
    wanted = (scipy.special.logsumexp(logits, -1) - logits[np.arange(6), labels]).astype(np.float32)
    agree(lambda y: tnp.one_hot(y, 4), lambda y: rows, labels)
    agree(lambda y: tnp.one_hot(y, 4, "int8", axis=0), lambda y: rows.T.astype("int8"), labels)
    same(tnp.one_hot(np.array([-1, 4]), 4), np.zeros((2, 4), np.float32))
    agree(tnp.softmax_cross_entropy, lambda x, y: wanted, logits, rows)
    agree(tnp.sparse_softmax_cross_entropy, lambda x, y: wanted, logits, labels)
    agree(tnp.sparse_softmax_cross_entropy, lambda x, y: wanted, logits, labels.astype(np.uint8))
    z = (logits > 0).astype(np.float32)
    p = scipy.special.expit(logits.astype(np.float64))
    agree(tnp.sigmoid_cross_entropy, lambda x, z: (-z * np.log(p) - (1 - z) * np.log1p(-p)).astype("f4"), logits, z)
    with pytest.raises(DTypeError, match="integers"):
        tnp.one_hot(logits, 4)
    with pytest.raises(DTypeError, match="labels"):
        tnp.sparse_softmax_cross_entropy(logits, labels.astype("f4"))
    with pytest.raises(TfcError, match="index"):
        tnp.sparse_softmax_cross_entropy(logits, labels + 2)


@pytest.mark.parametrize("bad", ["text", None, np.array(["a"]), np.array([1j]), np.array([None]), object()])
def test_what_is_no_array(bad: Any) -> None:
    with pytest.raises(DTypeError, match=r"test_tnp\.py:\d+"):
        tnp.exp(bad)


def test_every_public_function_is_documented() -> None:
    functions = {name: getattr(tnp, name) for name in tnp.__all__}
    missing = [name for name, f in functions.items() if callable(f) and not f.__doc__]
    assert missing == []


def test_what_cannot_be_broadcast() -> None:
    x = np.arange(5.0)
    cases: list[Callable[[Any], Any]] = [
        lambda x: tnp.broadcast_to(x, (1,)),
        lambda x: tnp.broadcast_to(x, (2,)),
        lambda x: tnp.broadcast_to(tnp.ones(x.shape[0]), (3, 1)),
        lambda x: x + np.ones(3),
        lambda x: tnp.where(x > 0, np.ones((2, 1)), np.ones((3, 1))),
        lambda x: tnp.concatenate([x[None], np.ones((1, 4))]),
        lambda x: tnp.stack([x, np.ones(4)]),
        lambda x: x.reshape(2, -1),
        lambda x: x.reshape(4),
        lambda x: tnp.squeeze(x, 0),
        lambda x: tnp.pad(x, 5, mode="reflect"),
    ]
    for function in cases:
        with pytest.raises(ShapeError, match=r"test_tnp\.py:\d+"):
            compiled(function)(x)
        with pytest.raises(ShapeError, match=r"test_tnp\.py:\d+"):
            compiled(function, specs=[tfc.Spec((None,), "float64")])(x)
