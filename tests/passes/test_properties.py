"""Passes on random graphs: the same bits by the reference interpreter before and after, valid, idempotent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfc.ir.errors import TfcError
from tfc.ir.graph import Graph, Value
from tfc.ir.index import Index
from tfc.ir.interpret_graph import evaluate
from tfc.ir.op import REGISTRY
from tfc.ir.ops.common import const
from tfc.ir.structure import difference
from tfc.ir.text import parse_graph, print_graph
from tfc.ir.types import DType, bool_, float16, float32, float64, int8, int32
from tfc.ir.verify import verify_graph
from tfc.passes.cse import CommonSubexpressions
from tfc.passes.dce import DeadCode
from tfc.passes.decompose import Decompose
from tfc.passes.fold import Fold
from tfc.passes.manager import Pass, PassManager
from tfc.passes.simplify import Simplify

Choice = tuple[int, int, int, int]
D0 = Index.symbol("d0")
INPUTS = (
    ("x", float32, (D0, 3)),
    ("y", float32, (2, 3)),
    ("v", float32, (3,)),
    ("s", float32, ()),
    ("h", float16, (2, 3)),
    ("i", int32, (2, 3)),
    ("j", int32, (3, 1)),
    ("k", int8, (3,)),
    ("p", bool_, (2, 3)),
    ("q", bool_, (3,)),
)
CONSTANTS: tuple[tuple[Any, DType], ...] = (
    *((v, float32) for v in (0.0, -0.0, 1.0, -1.0, 2.0, -0.25, 3.0, 2.0**127, np.nan, np.inf)),
    *((v, int32) for v in (0, 1, -1, 3, -(2**31))),
    (True, bool_),
    (False, bool_),
    (np.ones((2, 3)), float32),
    (np.arange(3), float32),
)
UNARY = ("neg", "abs", "square", "sign", "floor", "ceil", "round", "sqrt", "logical_not", "identity", "is_nan")
BINARY = ("add", "sub", "mul", "div", "floordiv", "mod", "squared_difference")
BINARY += ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
BINARY += ("logical_and", "logical_or", "logical_xor")
ATTRS: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("cast", {"dtype": d}) for d in (float16, float32, float64, int8, int32, bool_)),
    *(("reshape", {"shape": shape}) for shape in ((6,), (3, 2), (-1, 3), (2, 1, 3), (D0, 3), (2, 3))),
    *(("broadcast_to", {"shape": shape}) for shape in ((2, 3), (2, 2, 3), (D0, 3))),
    *(("transpose", {"perm": perm}) for perm in (None, (0, 1), (1, 0), (0, 2, 1), (-1, 0, 1))),
    *(("expand_dims", {"axis": axis}) for axis in (0, 1, -1)),
    *(("squeeze", {"axes": axes}) for axes in (None, (0,), (1,))),
    *(("tile", {"multiples": m}) for m in ((1, 1), (2, 1), (1,))),
    ("slice", {"starts": (0, 0), "sizes": (2, 3), "steps": (1, 1)}),
    ("slice", {"starts": (1, 0), "sizes": (2, 3), "steps": (-1, 1)}),
    *(("pad", {"paddings": p, "value": 0, "mode": "constant"}) for p in (((0, 0), (0, 0)), ((1, 0), (0, 1)))),
    *(("concat", {"axis": axis}) for axis in (0, 1)),
)  # fmt: skip
EXACT_REDUCTIONS = ("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_any", "reduce_all")
AXES = (None, (), (0,), (-1,), (1, 0))


def pick(values: Sequence[Value], k: int, kinds: str = "fiub", of: DType | None = None) -> Value:
    fit = [v for v in values if v.type.dtype.kind in kinds and of in (None, v.type.dtype)]
    return fit[-1 - k % len(fit)]


def unary(values: Sequence[Value], a: int, b: int, c: int) -> Value:
    return REGISTRY[UNARY[a % len(UNARY)]](pick(values, b))


def binary(values: Sequence[Value], a: int, b: int, c: int) -> Value:
    x = pick(values, b)
    return REGISTRY[BINARY[a % len(BINARY)]](x, pick(values, c, of=x.type.dtype))


def like(values: Sequence[Value], a: int, b: int, c: int) -> Value:
    x, y = pick(values, b), pick(values, c)
    if x.type.size == y.type.size:
        return REGISTRY["reshape_like"](x, y)
    fits = [d in (1, e) for d, e in zip(reversed(x.type.dims), reversed(y.type.dims), strict=False)]
    return REGISTRY["broadcast_like"](x if all(fits) and x.type.rank <= y.type.rank else values[3], y)


def with_attrs(values: Sequence[Value], a: int, b: int, c: int) -> Value:
    op, attrs = ATTRS[a % len(ATTRS)]
    return REGISTRY[op](pick(values, b), **attrs)


def select(values: Sequence[Value], a: int, b: int, c: int) -> Value:
    x = pick(values, b)
    return REGISTRY["select"](pick(values, a, "b"), x, pick(values, c, of=x.type.dtype))


def reduce(values: Sequence[Value], a: int, b: int, c: int) -> Value:
    """Of integers and bools: floats are added in an order that NumPy takes from the strides."""
    op = EXACT_REDUCTIONS[a % len(EXACT_REDUCTIONS)]
    x = pick(values, b, "b" if op in ("reduce_any", "reduce_all") else "i")
    return REGISTRY[op](x, axes=AXES[c % len(AXES)], keepdims=bool(a & 1))


def matmul(values: Sequence[Value], a: int, b: int, c: int) -> Value:
    x = pick(values, b, "i")
    y = pick(values, c, "i", of=x.type.dtype)
    left = REGISTRY["transpose"](x, perm=(1, 0)) if a & 1 else x
    return REGISTRY["matmul"](left, y, transpose_a=bool(a & 2), transpose_b=bool(a & 4))


STEPS: tuple[Callable[[Sequence[Value], int, int, int], Value], ...] = (
    unary, unary, binary, binary, binary, like, with_attrs, with_attrs, with_attrs, select, reduce, matmul,
)  # fmt: skip


def build(choices: Sequence[Choice]) -> Graph:
    graph = Graph()
    values = [
        REGISTRY["placeholder"](graph=graph, name=name, dtype=dtype, shape=shape) for name, dtype, shape in INPUTS
    ]
    known = feeds(graph)
    values += [const(graph, value, dtype) for value, dtype in CONSTANTS]
    for step, a, b, c in choices:
        try:
            made = STEPS[step % len(STEPS)](values, a, b, c)
            evaluate(graph, known, [made])
        except (TfcError, ValueError):  # these operands do not go together, or not for the dims that are fed
            continue
        if made.type.shape is not None and made.type.rank <= 3:
            values.append(made)
    graph.outputs = values[-4:]
    return graph


GRAPHS = st.lists(st.tuples(*[st.integers(0, 60)] * 4), min_size=1, max_size=25).map(build)
SPECIAL = [0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-45, 3e38, 1.5, -2.5, 7.0]


def feeds(graph: Graph) -> dict[Value, Any]:
    out = {}
    for node in graph.nodes:
        if node.op.name == "placeholder":
            rng = np.random.default_rng(ord(node.name))
            shape = tuple(2 if d == D0 else d for d in node.type.dims)
            kind, dtype = node.type.dtype.kind, node.type.dtype.np
            numbers = rng.choice(SPECIAL, shape) if kind == "f" else rng.integers(-130, 130, shape)
            with np.errstate(over="ignore"):
                out[node.results[0]] = np.asarray(numbers % 2 if kind == "b" else numbers).astype(dtype)
    return out


def bits(x: Any) -> Any:
    """An array in which equal means the same bits, but for those of a NaN."""
    return np.where(np.isnan(x), np.nan, x).tobytes() if x.dtype.kind == "f" else x.tobytes()


def assert_same(before: Graph, after: Graph) -> None:
    verify_graph(after)
    left, right = evaluate(before, feeds(before)), evaluate(after, feeds(after))
    for k, (x, y) in enumerate(zip(left, right, strict=True)):
        assert (x.dtype, x.shape, bits(x)) == (y.dtype, y.shape, bits(y)), f"output {k}: {x} and {y}\n{after}"


PASSES: tuple[Pass[Graph], ...] = (Fold(), CommonSubexpressions(), Simplify(), DeadCode(), Decompose())


@pytest.mark.parametrize("each", PASSES, ids=lambda p: p.name)
@settings(max_examples=120, deadline=None)
@given(graph=GRAPHS)
def test_a_pass_keeps_every_bit(each: Pass[Graph], graph: Graph) -> None:
    assert_same(graph, each.apply(graph))


@settings(max_examples=120, deadline=None)
@given(graph=GRAPHS)
def test_all_passes_in_sequence_keep_every_bit(graph: Graph) -> None:
    assert_same(graph, PassManager((*PASSES, *PASSES), verify=True).run(graph))


@pytest.mark.parametrize("each", PASSES, ids=lambda p: p.name)
@settings(max_examples=80, deadline=None)
@given(graph=GRAPHS)
def test_a_pass_is_idempotent(each: Pass[Graph], graph: Graph) -> None:
    once = each.apply(graph)
    assert difference(once, each.apply(once)) is None


@settings(max_examples=80, deadline=None)
@given(graph=GRAPHS)
def test_text_round_trips(graph: Graph) -> None:
    assert difference(graph, parse_graph(print_graph(graph)), names=True) is None


@settings(max_examples=80, deadline=None)
@given(graph=GRAPHS)
def test_merged_nodes_are_all_different(graph: Graph) -> None:
    merged = CommonSubexpressions().apply(graph)
    pure = [n for n in merged.nodes if not n.op.effect]
    texts = [print_graph(merged).split(f"%{n.name} = ")[1].split("\n")[0] for n in pure]
    assert len(set(texts)) == len(texts)


def test_deep_graphs_need_no_deep_stack() -> None:
    graph = Graph()
    x = v = REGISTRY["placeholder"](graph=graph, dtype=float32, shape=())
    for k in range(3000):
        v = REGISTRY["squared_difference" if k % 2 else "add"](v, x)
    graph.outputs = [v]
    assert len(PassManager(PASSES).run(graph).nodes) > 3000
