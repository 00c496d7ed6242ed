"""One table of cases for the tests that hold for every op."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfc.ir import types as T

from .window_rows import window_rows

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """Operands and attributes; `slopes` are the operands whose gradient is compared with finite differences."""

    op: str
    operands: list[Array]
    attrs: dict[str, Any] = field(default_factory=dict)
    slopes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "operands", [np.array(x) for x in self.operands])

    def __str__(self) -> str:
        shapes = ",".join(f"{x.dtype}{list(x.shape)}" for x in self.operands)
        return f"{self.op}({shapes}){self.attrs or ''}".replace(" ", "")


def rng(*key: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def floats(*shape: int, low: float = -2.0, high: float = 2.0, step: float = 0.0) -> Array:
    """Random float64; with a step, distinct numbers that far apart and off 0 in random order."""
    g = rng(shape, low, high)
    if step:
        size = int(np.prod(shape))
        return (g.permutation(size) - size / 2 + 0.25).reshape(shape) * step
    return g.uniform(low, high, shape)


def ints(*shape: int, low: int = -9, high: int = 10, of: str = "int32") -> Array:
    return rng(shape, low, high, of).integers(low, high, shape).astype(of)


def bools(*shape: int) -> Array:
    return rng(shape).integers(0, 2, shape).astype(np.bool_)


SHAPES = [(), (1,), (7,), (2, 3), (0, 4), (3, 1, 5)]
PAIRS = [((), ()), ((5,), ()), ((3, 4), (4,)), ((2, 1, 3), (4, 1)), ((0, 3), (1, 3)), ((1, 1), (7, 2)), ((3,), (3,))]
AXES: list[tuple[tuple[int, ...], tuple[int, ...] | None]] = [
    ((), None),
    ((7,), None),
    ((3, 4), (0,)),
    ((3, 4), (-1,)),
    ((2, 3, 5), (0, -1)),
    ((2, 3, 5), (1,)),
    ((2, 3), ()),
    ((1, 4), (0,)),
]


def unary() -> list[Case]:
    smooth = ("neg", "square", "exp", "expm1", "tanh", "sigmoid", "erf", "sin", "cos", "identity")
    smooth += ("softplus", "swish", "l2_loss")
    kinked = ("abs", "relu", "relu6", "elu", "selu", "softsign")
    flat = ("sign", "floor", "ceil", "round", "stop_gradient", "is_nan", "is_inf", "is_finite")
    out = [Case(op, [floats(*s)], {}, (0,)) for op in smooth for s in SHAPES]
    out += [Case(op, [floats(*s, step=0.7)], {}, (0,)) for op in kinked for s in SHAPES]
    out += [Case(op, [floats(*s, step=0.7)]) for op in flat for s in SHAPES]
    for op, low in (("log", 0.1), ("log1p", -0.8), ("sqrt", 0.1), ("rsqrt", 0.1)):
        out += [Case(op, [floats(*s, low=low)], {}, (0,)) for s in SHAPES]
    out += [Case(op, [ints(3, 5)]) for op in ("neg", "abs", "sign", "square", "identity")]
    out += [Case("leaky_relu", [floats(*s, step=0.3)], {"alpha": 0.2}, (0,)) for s in SHAPES]
    out += [Case("gelu", [floats(*s)], {"approximate": a}, (0,)) for s in SHAPES for a in (True, False)]
    out += [Case("logical_not", [bools(*s)]) for s in SHAPES]
    for to in ("float32", "int32", "uint8", "bool", "int64"):
        out += [Case("cast", [floats(3, 5)], {"dtype": T.dtype(to)}), Case("cast", [ints(7)], {"dtype": T.dtype(to)})]
    return [*out, Case("cast", [floats(7)], {"dtype": T.float64}, (0,)), Case("square", [ints(5, of="uint8", low=0)])]


def binary() -> list[Case]:
    out = []
    for a, b in PAIRS:
        x, y, z = floats(*a), floats(*b, low=0.5, high=3.0), floats(*b, step=0.37)
        out += [Case(op, [x, y], {}, (0, 1)) for op in ("add", "sub", "mul", "div", "squared_difference")]
        out += [Case(op, [x, z], {}, (0, 1)) for op in ("maximum", "minimum")]
        out += [Case("mod", [x * 3, y], {}, (0, 1)), Case("floordiv", [x * 3, y]), Case("floordiv", [-x * 5, -y])]
        out += [Case("pow", [y, floats(*a)], {}, (0, 1))]
        m, n = ints(*a), ints(*b, of="int32")
        out += [
            Case(op, [m, n])
            for op in ["add", "sub", "mul", "maximum", "minimum", "floordiv", "mod", "squared_difference"]
        ]
        out += [Case("int_pow", [m, np.abs(n)]), Case("int_pow", [ints(*a, of="uint8", low=0), n.astype("uint8")])]
        compare = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]
        out += [Case(op, operands) for op in compare for operands in ([m, n], [x, y])]
        out += [Case(op, [bools(*a), bools(*b)]) for op in ["logical_and", "logical_or", "logical_xor", "equal"]]
        out += [Case("select", [bools(*b), floats(*a), floats(*b)], {}, (1, 2)), Case("select", [bools(*a), m, n])]
        out += [Case("sigmoid_cross_entropy", [floats(*a), floats(*b, low=0, high=1)], {}, (0, 1))]
        out += [Case("sum_to", [np.add(x, y), y], {}, (0,)), Case("broadcast_like", [x, np.add(x, y)], {}, (0,))]
        out += [Case("clip", [x * 2, floats(*b, low=-1, high=-0.2), floats(*b, low=0.1, high=1)], {}, (0, 1, 2))]
    return out


def reductions() -> list[Case]:
    out = []
    for (shape, axes), keep in ((c, k) for c in AXES for k in (False, True)):
        at = {"axes": axes, "keepdims": keep}
        smooth = ("reduce_sum", "reduce_prod", "reduce_mean", "logsumexp")
        out += [Case(op, [floats(*shape)], at, (0,)) for op in smooth]
        out += [Case(op, [floats(*shape, step=0.7)], at, (0,)) for op in ("reduce_max", "reduce_min")]
        whole = ("reduce_sum", "reduce_prod", "reduce_mean", "reduce_max", "reduce_min")
        out += [Case(op, [ints(*shape)], at) for op in whole]
        out += [Case(op, [bools(*shape)], at) for op in ("reduce_any", "reduce_all")]
        kept = floats(*shape).sum(axis=axes, keepdims=keep)
        out += [Case("unreduce", [np.asarray(kept), floats(*shape)], at, (0,))]
        out += [Case("size", [floats(*shape)], {"axes": axes, "dtype": T.float32})]
    for op in ("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_mean", "logsumexp"):
        out += [Case(op, [floats(*s)], {"axes": (0,), "keepdims": False}) for s in ((0,), (0, 3), (3, 0))]
    for shape, axis in (((7,), 0), ((3, 4), 1), ((3, 4), -2), ((2, 3, 5), 1), ((1, 1), 0), ((0, 3), 1)):
        for op in ("argmax", "argmin"):
            for of in (T.int32, T.int64):
                at = {"axis": axis, "dtype": of}
                out += [Case(op, [floats(*shape)], at), Case(op, [ints(*shape, low=0, high=3)], at)]
    for combiner, of, x in (("max", T.int32, floats(2, 600)), ("min", T.int64, ints(512, low=0, high=40))):
        out += [Case("row_arg", [x], {"combiner": combiner, "dtype": of})]
    return out


def arrays() -> list[Case]:
    out = []
    for a, b in (
        ((2, 3, 4), (6, 4)),
        ((6, 4), (2, 3, 2, 2)),
        ((4, 6), (6, 4)),
        ((2, 3, 5), (5, -1)),
        ((1, 7), (7,)),
        ((7,), (1, 7, 1)),
        ((), (1, 1)),
        ((1,), ()),
        ((3, 0), (0, 5)),
        ((2, 15, 7), (6, 5, 7)),
        ((5, 1, 2), (1, 10)),
    ):
        out += [Case("reshape", [floats(*a)], {"shape": b}, (0,))]
        out += [Case("reshape_like", [floats(*a), np.zeros(a).reshape(b)], {}, (0,))]
    for a, b in (((), (2, 3)), ((3,), (2, 3)), ((2, 1, 4), (5, 2, 3, 4)), ((1,), (0,)), ((3, 1), (3, 1))):
        out += [Case("broadcast_to", [floats(*a)], {"shape": b}, (0,))]
    for a, m in (((3,), (2,)), ((2, 3), (1, 4)), ((2, 3), (3, 0)), ((1, 5), (3, 2)), ((), ()), ((0, 2), (2, 2))):
        out += [Case("tile", [floats(*a)], {"multiples": m}, (0,))]
        out += [Case("tile_grad", [np.tile(floats(*a), m), np.zeros(a)], {"multiples": m}, (0,))]
    for a, p in (
        ((2, 3), None),
        ((2, 3, 5), (2, 0, 1)),
        ((2, 3, 5), (-1, 1, 0)),
        ((), None),
        ((4,), (0,)),
        ((2, 0), (1, 0)),
    ):
        out += [Case("transpose", [floats(*a)], {"perm": p}, (0,))]
    for a, k in (((), 0), ((3,), -1), ((3,), 0), ((2, 3), 1), ((2, 3), -1)):
        out += [Case("expand_dims", [floats(*a)], {"axis": k}, (0,))]
    for a, axes in (((1, 3, 1), None), ((1, 3, 1), (0,)), ((1, 3, 1), (-1, 0)), ((3,), None), ((1,), (0,))):
        out += [Case("squeeze", [floats(*a)], {"axes": axes}, (0,))]
    out += [Case("ensure_shape", [floats(*s)], {"shape": s}, (0,)) for s in ((), (3,), (2, 0, 3))]
    for s, k in (((4,), 0), ((2, 3), 1), ((2, 3), 0), ((0, 2), 1)):
        out += [Case("iota", [], {"shape": s, "axis": k, "dtype": of}) for of in (T.int32, T.float32)]
    out += [Case("shape_of", [floats(*s)], {"dtype": T.int32}) for s in ((7,), (2, 0, 5))]
    out += [Case("dim", [], {"value": 5, "dtype": of}) for of in (T.int64, T.float32)]
    return [*out, Case("constant", [], {"value": floats(2, 3)})]


def parts() -> list[Case]:
    out = []
    for shape, starts, sizes, steps in (
        ((7,), (2,), (3,), (1,)),
        ((7,), (6,), (4,), (-2,)),
        ((7,), (0,), (4,), (2,)),
        ((7,), (6,), (7,), (-1,)),
        ((3, 5), (0, 1), (3, 2), (1, 3)),
        ((3, 5), (2, 4), (2, 3), (-1, -2)),
        ((3, 5), (1, 5), (2, 0), (1, 1)),
        ((), (), (), ()),
    ):
        at: dict[str, Any] = {"starts": starts, "steps": steps}
        out += [Case("slice", [floats(*shape)], {**at, "sizes": sizes}, (0,))]
        out += [Case("unslice", [floats(*sizes)], {**at, "shape": shape}, (0,))]
        out += [Case("slice_grad", [floats(*sizes), np.zeros(shape)], at, (0,))]
        out += [Case("slice_like", [floats(*shape), np.zeros(sizes)], at, (0,))]
    for shapes, axis in (([(3,)], 0), ([(3,), (2,), (0,)], 0), ([(2, 3), (2, 1), (2, 4)], -1), ([(1, 3), (5, 3)], 0)):
        xs = [floats(*s) for s in shapes]
        out += [Case("concat", xs, {"axis": axis}, tuple(range(len(xs))))]
        whole = np.concatenate(xs, axis)
        out += [Case("concat_grad", [whole, *xs], {"axis": axis, "index": k}, (0,)) for k in range(len(xs))]
    for n, shape, axis in ((1, (3,), 0), (3, (2,), 1), (2, (2, 3), -1), (3, (), 0), (2, (0, 2), 1)):
        out += [Case("stack", [floats(*shape) + k for k in range(n)], {"axis": axis}, tuple(range(n)))]
    for shape, paddings in (((3,), ((1, 2),)), ((3, 4), ((0, 2), (1, 0))), ((2, 3), ((1, 1), (2, 2))), ((), ())):
        for mode in ("constant", "reflect", "symmetric"):
            at = {"paddings": paddings, "mode": mode}
            out += [Case("pad", [floats(*shape)], {**at, "value": -1.5}, (0,))]
            dy = np.pad(floats(*shape), paddings, mode) if shape else floats()
            out += [Case("pad_grad", [dy, np.zeros(shape)], at, (0,))]
    out += [Case("pad", [ints(2)], {"paddings": ((1, 1),), "value": 7, "mode": "constant"})]
    for shape, taken, axis in (
        ((5, 3), (4,), 0),
        ((5, 3), (2, 3), 1),
        ((4,), (), 0),
        ((2, 3, 4), (2,), -2),
        ((1, 2), (3,), 0),
    ):
        for of in ("int32", "int64"):
            rows = ints(*taken, low=0, high=shape[axis], of=of)
            out += [Case("gather", [floats(*shape), rows], {"axis": axis}, (0,))]
            dy = np.take(floats(*shape), rows, axis)
            out += [Case("gather_grad", [dy, np.zeros(shape), rows], {"axis": axis}, (0,))]
            if axis == 0:
                out += [Case("scatter_add", [rows, dy], {"shape": shape}, (1,))]
    for shape, axis in (((), -1), ((4,), -1), ((4,), 0), ((2, 3), 1)):
        marks = ints(*shape, low=-1, high=5)
        out += [
            Case("one_hot", [marks, on, np.zeros((), on.dtype)], {"depth": 4, "axis": axis})
            for on in (floats() * 0 + 1, np.asarray(7))
        ]
        out += [Case("checked_index", [np.abs(marks)], {"limit": 5})]
    return out


def networks() -> list[Case]:
    out = []
    for a, b in (
        ((2, 3), (3, 4)),
        ((1, 1), (1, 5)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 3)),
        ((2, 3, 4), (2, 4, 5)),
        ((3, 2), (4, 2, 3)),
        ((2, 1, 2, 3), (4, 3, 2)),
    ):
        for ta, tb in ((False, False), (True, False), (False, True), (True, True)):
            x = np.swapaxes(floats(*a), -1, -2) if ta else floats(*a)
            y = np.swapaxes(floats(*b), -1, -2) if tb else floats(*b)
            at = {"transpose_a": ta, "transpose_b": tb}
            out += [Case("matmul", [x, y], at, (0, 1)), Case("matmul", [(x * 5).astype(int), (y * 5).astype(int)], at)]
    for shape, axis in (((5,), 0), ((3, 4), -1), ((3, 4), 0), ((2, 3, 4), 1), ((2, 1), -1), ((0, 3), 1)):
        x = floats(*shape)
        out += [Case(op, [x], {"axis": axis}, (0,)) for op in ("softmax", "log_softmax")]
        labels = rng(shape).dirichlet(np.ones(shape[axis]), tuple(np.delete(shape, axis)))
        out += [Case("softmax_cross_entropy", [x, np.moveaxis(labels, -1, axis)], {"axis": axis}, (0,))]
        rows = ints(*shape[:-1], low=0, high=shape[-1], of="int64")
        out += [Case("sparse_softmax_cross_entropy", [x, rows], {}, (0,)), Case("label_mask", [rows, x])]
    for shape, form in (((2, 3), "NHWC"), ((2, 4, 5, 3), "NHWC"), ((2, 3), "NCHW"), ((2, 3, 4, 5), "NCHW")):
        out += [Case("bias_add", [floats(*shape), floats(3)], {"data_format": form}, (0, 1))]
    for a, u in (((4, 5), (4, 5)), ((4, 5), (4, 1)), ((7,), (7,))):
        out += [Case("dropout", [floats(*a), floats(*u, low=0, high=1)], {"rate": r}, (0,)) for r in (0.0, 0.4)]
    return out


def attention() -> list[Case]:
    """With the keys transposed or not, and no, one or several steps from products to probabilities."""
    several = (("mul", -1, 3), ("select", 5, -1, 6), ("sub", 4, -1), ("tanh", -1))
    out = []
    for q, k, v, swap, steps in (
        ((3, 2), (4, 2), (4, 5), True, ()),
        ((1, 1), (1, 1), (1, 1), False, several),
        ((2, 3), (0, 3), (0, 4), True, several),
        ((2, 3, 4), (2, 5, 4), (2, 5, 3), True, several),
        ((4, 3), (5, 3), (5, 2), False, (("add", -1, 3),)),
        ((3, 1, 2, 4), (2, 3, 4), (1, 2, 3, 1), True, (("add", -1, 3),)),
    ):
        whole = (q[-2], k[-2])
        others = [floats(), floats(k[-2]), bools(q[-2], 1), floats(*whole)] if steps == several else [floats(2, *whole)]
        keys = floats(*k) if swap else np.swapaxes(floats(*k), -1, -2)
        operands = [floats(*q), keys, floats(*v), *(others if steps else [])]
        slopes = tuple(n for n, x in enumerate(operands) if x.dtype.kind == "f")
        out += [Case("attention", operands, {"transpose_k": swap, "steps": steps}, slopes)]
    return out


def windows() -> list[Case]:
    out = []
    for op, shapes, attrs, slopes in window_rows():
        operands = [floats(*shape, step=0.3 if "pool" in op else 0.0) for shape in shapes]
        out += [Case(op, operands, attrs, slopes)]
    at = {"window": (3, 2), "strides": (2, 1), "dilations": (1, 2)}
    x, y = floats(2, 5, 4, 3), floats(2, 2, 2, 3)
    numbers = ints(*y.shape, low=0, high=7)
    out += [Case("window_pick", [x, numbers], at), Case("window_place", [y, numbers], {**at, "sizes": (5, 4)})]
    small = {"window": (3, 2)}
    out += [Case("window_spread", [y], small), Case("window_spread", [y, ints(*y.shape, low=0, high=6)], small)]
    core = {"strides": (1, 2), "dilations": (1, 1), "padding": "SAME", "data_format": "NHWC"}
    out += [Case("conv", [ints(1, 4, 3, 2), ints(2, 2, 2, 3)], {**core, "groups": 1})]
    return [*out, Case("max_pool", [ints(1, 4, 3, 2)], {**core, "window": (3, 2)})]


def others() -> list[Case]:
    out = []
    for shape in ((), (1,), (7,), (3, 5), (0, 2)):
        for counter in (0, 5, 2**32 - 1):
            at = {"shape": shape}
            start = [np.asarray(counter, np.int64), np.array([87654321, 2**40 + 3])]
            for of in (T.float16, T.float32, T.float64):
                out += [Case(op, start, {**at, "dtype": of}) for op in ("random_uniform", "random_normal")]
            for of, limits in ((T.int32, (-3, 10)), (T.int64, (-(2**62), 2**62 + 1)), (T.int32, (-(2**31), 2**31 - 1))):
                more = {"dtype": of, "minval": limits[0], "maxval": limits[1]}
                out += [Case("random_uniform_int", start, {**at, **more})]
    for of in (T.float16, T.float32, T.float64):
        start = [np.asarray(5, np.int64), np.array([1, 2])]
        out += [Case("truncated_normal", start, {"shape": (3, 3), "dtype": of})]
    out += [Case(op, [floats(2, 3), floats(2, 3)]) for op in ("assign", "assign_add", "assign_sub")]
    return [*out, Case("assign", [bools(3), bools(3)])]


CASES = [*unary(), *binary(), *reductions(), *arrays(), *parts(), *networks(), *attention(), *windows(), *others()]
