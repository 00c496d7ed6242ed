"""Random graphs: what the passes, the interpreter and the machine code make of them is what the reference says.

Two kinds: graphs of elementwise ops on hard numbers, whose results are the same bits, and programs as people write
them (products, reductions, softmax, changes of shape between them, variables that are updated) on small whole numbers,
whose sums are exact in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codegen_llvm.support import TARGETS
from tests.passes import test_properties as elementwise
from tfc.codegen_llvm import host_target
from tfc.ir.errors import ShapeError, TfcError
from tfc.ir.graph import Graph, Value
from tfc.ir.index import Index, subs
from tfc.ir.interpret import index_value
from tfc.ir.interpret_graph import evaluate
from tfc.ir.kernel import Body, For, If
from tfc.ir.kernel_verify import verify_program
from tfc.ir.op import REGISTRY
from tfc.ir.ops.common import const
from tfc.ir.types import float32, int32
from tfc.passes.dce import DeadCode
from tfc.passes.decompose import Decompose
from tfc.passes.pipeline import GRAPH_PASSES
from tfc.passes.schedule.cpu import Schedule

from .support import Lowered, Results, assert_close, reference

R = REGISTRY
Array = np.ndarray[Any, Any]
Choice = tuple[int, int, int, int]
CHOICES = st.tuples(*[st.integers(0, 60)] * 4)
TARGET = st.sampled_from(TARGETS)


def check(graph: Graph, arrays: dict[str, Array], target: str, exact: Sequence[bool], passes: Any) -> None:
    """Values that are not exact may differ by what a few roundings do."""
    expected = reference(graph, arrays)
    lowered = Lowered(graph, arrays, passes)
    scheduled = Schedule(host_target(target)).apply(lowered.program)
    verify_program(scheduled)
    found = {"interpreter": lowered.interpret(arrays), target: lowered.native(arrays, target)}
    # Tiles of products of open dims are as large as caches: the interpreter would take minutes for some.
    if sum(iterations(k.body, lowered.dims(arrays)) for k in scheduled.kernels) < 20_000:
        found["interpreter, scheduled"] = lowered.interpret(arrays, scheduled)
    for where, results in found.items():
        assert_same(results, expected, f"{where} ({target})", exact)


def iterations(body: Body, dims: Mapping[str, int]) -> int:
    """How often the innermost statements of a body run, as if loops were as long as in the first iteration."""
    total = 0
    for s in body:
        if isinstance(s, For):
            total += index_value(s.extent, dims) * iterations(s.body, {**dims, s.var: 0})
        elif isinstance(s, If):
            total += max(iterations(s.then, dims), iterations(s.orelse, dims))
        else:
            total += 1
    return total


def assert_same(found: Results, expected: Results, where: str, exact: Sequence[bool]) -> None:
    pairs = zip(exact, found.fetches, expected.fetches, strict=True)
    for k, (same, x, y) in enumerate(pairs):
        assert_close(Results([x], {}), Results([y], {}), f"{where}: output {k}", ulps=0 if same else 4096)
    updated = {name: found.variables[name] for name in expected.variables}
    assert_close(Results([], updated), Results([], expected.variables), where, ulps=4096)


# Elementwise graphs on hard numbers


def has_exact_quotients(graph: Graph) -> bool:
    """Rests of floats are exact for quotients below 2**53 only, and the numbers here are far apart."""
    return not any(n.op.name in ("mod", "floordiv") and n.type.dtype.is_float for n in graph.nodes)


ELEMENTWISE = st.lists(CHOICES, min_size=1, max_size=25).map(elementwise.build).map(DeadCode().apply)


@settings(max_examples=40, deadline=None)
@given(ELEMENTWISE.filter(has_exact_quotients), TARGET)
def test_elementwise_graphs_give_the_same_bits(graph: Graph, target: str) -> None:
    arrays = {v.node.name: x for v, x in elementwise.feeds(graph).items()}
    expected = reference(graph, arrays)
    lowered = Lowered(graph, arrays)
    for where, found in (("interpreter", lowered.interpret(arrays)), (target, lowered.native(arrays, target))):
        for k, (x, y) in enumerate(zip(found.fetches, expected.fetches, strict=True)):
            assert elementwise.bits(x) == elementwise.bits(y), f"{where}: output {k}: {x} and {y}\n{lowered.graph}"


# Programs


D0 = Index.symbol("d0")
LARGEST = 2.0**20
"""Whole numbers up to this are exact in float32 when they are multiplied by small ones and added up."""


@dataclass
class Made:
    """Values so far, and which of them are small whole numbers whatever the order of sums."""

    graph: Graph
    arrays: dict[str, Array]
    values: list[Value] = field(default_factory=list)
    exact: dict[Value, bool] = field(default_factory=dict)

    def add(self, v: Value, exact: bool = True) -> None:
        self.values.append(v)
        self.exact[v] = exact

    def pick(self, k: int, fits: Callable[[Value], bool]) -> Value:
        found = [v for v in self.values if fits(v)]
        return found[-1 - k % len(found)]

    def floats(self, k: int) -> Value:
        return self.pick(k, lambda v: v.type.dtype == float32)


def sources(n: int) -> Made:
    graph = Graph()
    rng = np.random.default_rng(n)
    made = Made(graph, {})
    for name, of, shape in (
        ("x", float32, (D0, 4)),
        ("y", float32, (D0, 3)),
        ("z", float32, (2, D0, 4)),
        ("i", int32, (5,)),
    ):
        made.add(R["placeholder"](graph=graph, name=name, dtype=of, shape=shape))
    for name, shape in (("w", (4, 4)), ("u", (4, 4)), ("b", (4,)), ("s", ())):
        made.add(R["variable"](graph=graph, name=name, dtype=float32, shape=shape, key=name))
    for v in made.values:
        shape = tuple(n if d == D0 else d for d in v.type.dims)
        low, high = (0, 3) if v.type.dtype == int32 else (-2, 3)
        made.arrays[v.node.name] = np.asarray(rng.integers(low, high, shape)).astype(v.type.dtype.np)
    for x in (rng.integers(-2, 3, (4, 4)), np.full((4, 4), 2.0), 0.0, 3.0, np.arange(3)):
        made.add(const(graph, x, float32))
    return made


def unary(made: Made, a: int, b: int, c: int) -> tuple[Value, bool]:
    ops = ("neg", "abs", "relu", "square", "identity", "tanh", "sigmoid", "softplus")
    x, op = made.floats(b), ops[a % len(ops)]
    return R[op](x), made.exact[x] and op in ops[:5]


def binary(made: Made, a: int, b: int, c: int) -> tuple[Value, bool]:
    ops = ("add", "sub", "mul", "maximum", "minimum", "squared_difference")
    x, y = made.floats(b), made.floats(c)
    return R[ops[a % len(ops)]](x, y), made.exact[x] and made.exact[y]


def update(made: Made, a: int, b: int, c: int) -> tuple[Value, bool]:
    """Something of a variable's shape made of the variable."""
    v = made.pick(b, lambda v: v.node.op.name == "variable")
    other = made.pick(c, lambda o: o.type.dtype == float32 and o.type.shape in (v.type.shape, ()))
    ops = ("sub", "add", "mul", "matmul", "transpose")
    op = ops[a % len(ops)] if v.type.rank == 2 and other.type.rank == 2 else "sub"
    if op == "matmul":
        return R[op](v, other, transpose_a=bool(a & 1), transpose_b=bool(a & 2)), made.exact[other]
    return (R[op](v, perm=None), True) if op == "transpose" else (R[op](v, other), made.exact[other])


def reduce(made: Made, a: int, b: int, c: int) -> tuple[Value, bool]:
    ops = ("reduce_sum", "reduce_max", "reduce_min", "reduce_sum", "reduce_mean", "logsumexp")
    x, op = made.floats(b), ops[a % len(ops)]
    axes = (None, (), (0,), (-1,), (1,), (0, -1))[c % 6]
    return R[op](x, axes=axes, keepdims=bool(a & 1)), made.exact[x] and op in ops[:4]


def softmax(made: Made, a: int, b: int, c: int) -> tuple[Value, bool]:
    x = made.floats(b)
    return R["log_softmax" if a & 1 else "softmax"](x, axis=(-1, 0, -1, 1)[c % 4]), False


def matmul(made: Made, a: int, b: int, c: int) -> tuple[Value, bool]:
    x, y = (made.pick(k, lambda v: v.type.dtype == float32 and v.type.rank > 1) for k in (b, c))
    return R["matmul"](x, y, transpose_a=bool(a & 1), transpose_b=bool(a & 2)), made.exact[x] and made.exact[y]


VIEWS: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("transpose", {"perm": perm}) for perm in (None, (1, 0), (0, 2, 1), (2, 0, 1))),
    *(("reshape", {"shape": shape}) for shape in ((-1,), (-1, 2), (4, -1), (2, -1, 2), (D0, 2, 2), (2, 1, -1, 4))),
    *(("expand_dims", {"axis": axis}) for axis in (0, 1, -1)),
    *(("squeeze", {"axes": axes}) for axes in ((0,), (1,), (-1,))),
    ("slice", {"starts": (0, 1), "sizes": (D0, 2), "steps": (1, 1)}),
    ("slice", {"starts": (3, 0), "sizes": (2, 4), "steps": (-1, 1)}),
    ("slice", {"starts": (1,), "sizes": (2,), "steps": (2,)}),
    ("pad", {"paddings": ((1, 0), (0, 2)), "value": 1.0, "mode": "constant"}),
    ("pad", {"paddings": ((0, 0), (1, 1)), "value": 0.0, "mode": "reflect"}),
    ("pad", {"paddings": ((2, 1),), "value": -1.0, "mode": "constant"}),
    *(("tile", {"multiples": m}) for m in ((2, 1), (1, 3), (2,))),
    *(("broadcast_to", {"shape": shape}) for shape in ((3, D0, 4), (4, 4), (D0, 4))),
)


def view(made: Made, a: int, b: int, c: int) -> tuple[Value, bool]:
    op, attrs = VIEWS[a % len(VIEWS)]
    x = made.floats(b)
    return R[op](x, **attrs), made.exact[x]


def join(made: Made, a: int, b: int, c: int) -> tuple[Value, bool]:
    x, y = made.floats(b), made.floats(c)
    op = ("concat", "stack")[a % 2]
    return R[op](x, y, x, axis=(0, 1, -1)[a % 3]), made.exact[x] and made.exact[y]


def lookup(made: Made, a: int, b: int, c: int) -> tuple[Value, bool]:
    x = made.floats(b)
    rows = made.pick(c, lambda v: v.type.dtype == int32)
    if a % 4 == 0:
        one, zero = const(made.graph, 1, float32), const(made.graph, 0, float32)
        return R["one_hot"](rows, one, zero, depth=4, axis=-1), True
    if a % 4 == 1:
        return R["scatter_add"](made.graph["i"].results[0], R["gather"](x, made.graph["i"].results[0], axis=0),
                                shape=(4, *x.type.dims[1:])), made.exact[x]  # fmt: skip
    return R["gather"](x, rows, axis=(0, -1)[a % 2]), made.exact[x]


def decide(made: Made, a: int, b: int, c: int) -> tuple[Value, bool]:
    """Decisions are made of exact numbers only: a rounding may turn any other."""
    x, y = (made.pick(k, lambda v: v.type.dtype == float32 and made.exact[v]) for k in (b, c))
    if a % 3 == 0:
        return R["argmax" if a & 1 else "argmin"](x, axis=-1, dtype=int32), True
    other = made.floats(a)
    return R["select"](R["greater" if a & 1 else "equal"](x, y), x, other), made.exact[other]


STEPS: tuple[Callable[[Made, int, int, int], tuple[Value, bool]], ...] = (
    unary, binary, binary, binary, update, update, reduce, reduce, softmax, matmul, matmul, view, view, join, lookup,
    decide,
)  # fmt: skip


@dataclass
class Program:
    graph: Graph
    arrays: dict[str, Array]
    exact: list[bool]

    def __repr__(self) -> str:
        return f"{self.arrays['x'].shape[0]} rows, exact {self.exact}\n{self.graph}"


def build(count: int, seed: int, n: int) -> Program:
    """`count` steps, each tried until its operands go together."""
    made, rng = sources(n), np.random.default_rng(seed)
    graph, values = made.graph, made.values
    fed = {graph[name].results[0]: x for name, x in made.arrays.items()}
    for step in rng.integers(0, len(STEPS), count).tolist():
        for a, b, c in rng.integers(0, 60, (12, 3)).tolist():
            try:
                # Most operands are among what was made last.
                v, exact = STEPS[step](made, a, b % (60 if b % 3 == 0 else 3), c % (60 if c % 3 == 0 else 5))
                (x,) = evaluate(graph, fed, [v])
            except (TfcError, ValueError, IndexError):
                continue
            if x.ndim <= 4 and x.size <= 400 and np.all(np.abs(x) <= LARGEST):
                made.add(v, exact and bool(np.all(x == np.round(x))))
                break
    graph.outputs = [values[-1 - k % len(values)] for k in rng.integers(0, 12, rng.integers(1, 5)).tolist()]
    for name in ("w", "u", "b", "s"):
        variable = graph[name].results[0]
        fits = [v for v in values if v.type == variable.type and v is not variable]
        if fits and rng.integers(0, 3):
            graph.updates.append((variable, fits[-1 - int(rng.integers(0, 5)) % len(fits)]))
    # What did not go together is still there.
    return Program(DeadCode().apply(graph), made.arrays, [made.exact[v] for v in graph.outputs])


PROGRAMS = st.builds(build, st.integers(1, 30), st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 5, 9]))


@pytest.mark.parametrize("passes", [GRAPH_PASSES, (Decompose(),)], ids=["optimised", "decomposed"])
@settings(max_examples=40, deadline=None)
@given(program=PROGRAMS, target=TARGET)
def test_programs_compute_what_the_reference_says(passes: Any, program: Program, target: str) -> None:
    check(program.graph, program.arrays, target, program.exact, passes)


@settings(max_examples=40, deadline=None)
@given(program=PROGRAMS, n=st.sampled_from([0, 1, 2, 4, 7]), target=TARGET)
def test_a_program_serves_all_dims_that_fulfil_its_guards(program: Program, n: int, target: str) -> None:
    graph, arrays = program.graph, sources(n).arrays
    lowered = Lowered(graph, program.arrays)
    if any(subs(a, {"d0": n}) != subs(b, {"d0": n}) for a, b in lowered.shape_class.guards):
        return
    found = {"interpreter": lowered.interpret(arrays), target: lowered.native(arrays, target)}
    fed = {graph[name].results[0]: x for name, x in arrays.items()}
    try:
        every = evaluate(graph, fed, [v for node in graph.nodes for v in node.results])
    except ShapeError as error:
        if "an index is negative or not below" in str(error):
            return  # what a gather takes is not a guard's to say
        raise
    if any(not np.all(np.abs(x) <= LARGEST) for x in every if x.dtype.kind == "f"):
        return  # what was exact need not be
    for where, results in found.items():
        assert_same(results, reference(graph, arrays), where, [False] * len(graph.outputs))
