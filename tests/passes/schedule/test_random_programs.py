"""Random programs keep their meaning under schedules for CPUs of many kinds, on the interpreter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.passes import test_properties as elementwise
from tests.passes.lower.support import Lowered, assert_close, reference
from tests.passes.lower.test_random_graphs import PROGRAMS, Program, assert_same
from tfc.ir.graph import Graph, Value
from tfc.ir.index import Dim, Index
from tfc.ir.kernel_verify import verify_program
from tfc.ir.op import REGISTRY
from tfc.ir.types import float32
from tfc.passes.dce import DeadCode
from tfc.passes.schedule import cpu_packed
from tfc.passes.schedule.cpu import Schedule
from tfc.passes.schedule.parallel import Parallelise
from tfc.passes.target import Target

R = REGISTRY
Array = np.ndarray[Any, Any]
some = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

TARGET = st.builds(
    lambda vector, registers, l2, l3: Target(
        "any", "", vector_bytes=vector, vector_registers=registers, fma=vector > 16, masks=vector == 64, l2=l2, l3=l3
    ),
    *(st.sampled_from(given) for given in ((8, 16, 32, 64), (16, 32), (256, 4096), (512, 8192))),
)


DEPTH = st.sampled_from((1, 4, 256))


def for_threads(target: Target) -> Parallelise:
    """Gives every loop to threads that may have it: the interpreter finds what may not."""
    return Parallelise(replace(target, threads=True), grain=1)


GRAPHS = st.lists(st.tuples(*[st.integers(0, 60)] * 4), min_size=1, max_size=25).map(elementwise.build)


@some
@given(graph=GRAPHS.map(DeadCode().apply), target=TARGET)
def test_graphs_of_hard_numbers_and_whole_ones(graph: Graph, target: Target) -> None:
    """Floats of any kind, elementwise; reductions and products of integers: the same bits."""
    arrays = {v.node.name: x for v, x in elementwise.feeds(graph).items()}
    lowered = Lowered(graph, arrays)
    scheduled = for_threads(target).apply(Schedule(target).apply(lowered.program))
    verify_program(scheduled)
    found, expected = lowered.interpret(arrays, scheduled), reference(graph, arrays)
    for k, (x, y) in enumerate(zip(found.fetches, expected.fetches, strict=True)):
        assert elementwise.bits(x) == elementwise.bits(y), f"{target}: output {k}: {x} and {y}"


@some
@given(program=PROGRAMS, target=TARGET, depth=DEPTH)
def test_programs_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch, program: Program, target: Target, depth: int
) -> None:
    monkeypatch.setattr(cpu_packed, "DEPTH", depth)
    lowered = Lowered(program.graph, program.arrays)
    scheduled = for_threads(target).apply(Schedule(target).apply(lowered.program))
    verify_program(scheduled)
    found = lowered.interpret(program.arrays, scheduled)
    assert_same(found, reference(program.graph, program.arrays), f"{target}", program.exact)


# Products with what comes after them


@dataclass(frozen=True)
class Layers:
    """Products one after another, each with the statements after it."""

    graph: Graph
    arrays: dict[str, Array]

    def __repr__(self) -> str:
        return f"{ {name: x.shape for name, x in self.arrays.items()} }\n{self.graph}"


def build(
    rows: int, open_rows: bool, sizes: list[int], choices: list[tuple[int, ...]], batch: tuple[int, ...]
) -> Layers:
    graph, arrays, rng = Graph(), dict[str, Array](), np.random.default_rng(rows)
    m: Dim = Index.symbol("m") if open_rows else rows

    def source(op: str, *shape: Dim) -> Value:
        name = f"v{len(arrays)}"
        arrays[name] = rng.integers(-2, 3, [rows if isinstance(d, Index) else d for d in shape]).astype(np.float32)
        more = {"key": name} if op == "variable" else {}
        return R[op](graph=graph, name=name, dtype=float32, shape=shape, **more)

    v = source("placeholder", *batch, m, sizes[0])
    for k, n, (swap_a, swap_b, end, fetched) in zip(sizes, sizes[1:], choices, strict=False):
        if swap_a:
            v = source("placeholder", *batch, k, m)
        b = source("variable", n, k) if swap_b else source("variable", k, n)
        c = R["matmul"](v, b, transpose_a=bool(swap_a), transpose_b=bool(swap_b))
        v = ENDS[end % len(ENDS)](c, source("variable", n))
        if fetched:
            graph.outputs.append(v)
    graph.outputs.append(v)
    last = [x for x in graph.nodes if x.op.name == "variable"][-1].results[0]
    total = R["reduce_sum"](v, axes=tuple(range(len(batch) + 1)), keepdims=False)
    if total.type == last.type:
        graph.updates.append((last, R["sub"](last, total)))
    return Layers(graph, arrays)


def largest(c: Value, b: Value) -> Value:
    return R["sub"](c, R["reduce_max"](c, axes=(-1,), keepdims=True))


ENDS = (
    lambda c, b: c,
    lambda c, b: R["relu"](R["add"](c, b)),
    lambda c, b: R["softmax"](R["add"](c, b), axis=-1),
    largest,
    lambda c, b: R["mul"](c, R["reduce_sum"](c, axes=(0,), keepdims=True)),
    lambda c, b: R["div"](c, R["add"](R["reduce_sum"](R["abs"](c), axes=(-1,), keepdims=True), R["abs"](b))),
)
SIZE = st.sampled_from((1, 2, 3, 5, 7, 8, 9, 10, 13, 16, 17, 19))
LAYERS = st.builds(
    build,
    rows=st.sampled_from((1, 2, 3, 6, 7, 13, 14)),
    open_rows=st.booleans(),
    sizes=st.lists(SIZE, min_size=2, max_size=3),
    choices=st.lists(st.tuples(*(st.integers(0, n) for n in (1, 1, 5, 1))), min_size=2, max_size=2),
    batch=st.sampled_from(((), (), (2,), (1, 2))),
)


@some
@given(layers=LAYERS, target=TARGET, depth=DEPTH)
def test_products(monkeypatch: pytest.MonkeyPatch, layers: Layers, target: Target, depth: int) -> None:
    monkeypatch.setattr(cpu_packed, "DEPTH", depth)
    lowered = Lowered(layers.graph, layers.arrays)
    scheduled = for_threads(target).apply(Schedule(target).apply(lowered.program))
    verify_program(scheduled)
    found = lowered.interpret(layers.arrays, scheduled)
    assert_close(found, reference(layers.graph, layers.arrays), f"{target}", ulps=4096)
