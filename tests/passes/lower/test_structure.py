"""What is inlined, kept, fused and bounded, by graphs made to go wrong there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tfc.ir.graph import Graph, Value
from tfc.ir.index import Index
from tfc.ir.kernel import Check, Let, walk
from tfc.ir.kernel_text import parse_program, print_program
from tfc.ir.op import REGISTRY
from tfc.ir.ops.common import const
from tfc.ir.types import DType, bool_, dtype, float32, int32
from tfc.passes.fuse import MOST_BUFFERS, MOST_STAGES
from tfc.passes.lower import lower
from tfc.passes.manager import PassManager
from tfc.passes.pipeline import GRAPH_PASSES

from .support import TARGETS, Lowered, assert_close, check_everywhere, reference

R = REGISTRY
Array = np.ndarray[Any, Any]
D0 = Index.symbol("d0")


def fed(graph: Graph, *shape: Any, of: DType = float32, name: str | None = None) -> Value:
    return R["placeholder"](graph=graph, dtype=of, shape=shape, name=name)


def numbers(graph: Graph, seed: int = 0, **dims: int) -> dict[str, Array]:
    """Random arrays for the sources, d0 and the like as given; ints small and not negative."""
    rng = np.random.default_rng(seed)
    out = {}
    for n in graph.nodes:
        if n.op.name in ("placeholder", "variable"):
            shape = tuple(d if isinstance(d, int) else dims[str(d)] for d in n.type.dims)
            x = rng.integers(0, 3, shape) if n.type.dtype.is_int else rng.uniform(-1, 1, shape)
            out[n.name] = np.asarray(x).astype(n.type.dtype.np)
    return out


# Size


def chain(n: int) -> Graph:
    graph = Graph()
    x = v = fed(graph, 5)
    for k in range(n):
        v = R["add" if k % 2 else "mul"](v, x)
    graph.outputs = [v]
    return graph


def twice_used(n: int) -> Graph:
    """Each value is used twice, by two ops or twice by one rule."""
    graph = Graph()
    a, b = fed(graph, 5), fed(graph, 5)
    for k in range(n):
        a, b = b, R["maximum"](a, b) if k % 3 else R["swish"](a)
    graph.outputs = [b]
    return graph


def tree(n: int) -> Graph:
    graph = Graph()
    vs = [fed(graph, 5) for _ in range(n)]
    while len(vs) > 1:
        vs = [R["add"](*vs[k : k + 2]) if k + 1 < len(vs) else vs[k] for k in range(0, len(vs), 2)]
    graph.outputs = vs
    return graph


def layers(n: int) -> Graph:
    """A network and an update of each of its variables."""
    graph = Graph()
    h = fed(graph, 3, 4)
    for k in range(n):
        w = R["variable"](graph=graph, dtype=float32, shape=(4, 4), key=f"w{k}", name="w")
        b = R["variable"](graph=graph, dtype=float32, shape=(4,), key=f"b{k}", name="b")
        z = R["add"](R["matmul"](h, w, transpose_a=False, transpose_b=False), b)
        h = R["tanh"](z) if k % 2 else R["softmax"](z, axis=-1)
        graph.updates.append((w, R["sub"](w, R["matmul"](h, z, transpose_a=True, transpose_b=False))))
        graph.updates.append((b, R["sub"](b, R["reduce_sum"](h, axes=(0,), keepdims=False))))
    graph.outputs = [h]
    return graph


def rows(n: int) -> Graph:
    graph = Graph()
    v = fed(graph, 3, 4)
    for k in range(n):
        v = R["sub"](v, R["reduce_max"](v, axes=(1,), keepdims=True)) if k % 2 else R["tanh"](v)
    graph.outputs = [v]
    return graph


def parts(n: int) -> Graph:
    graph = Graph()
    graph.outputs = [R["concat"](*(fed(graph, 2) for _ in range(n)), axis=0)]
    return graph


@pytest.mark.parametrize("build", [chain, twice_used, tree, rows, parts])
def test_a_graph_of_3000_nodes_is_lowered_in_seconds(build: Callable[[int], Graph]) -> None:
    graph = PassManager(GRAPH_PASSES).run(build(3000))
    start = time.process_time()
    program = lower(graph)
    assert time.process_time() - start < 10
    for k in program.kernels:
        assert sum(isinstance(s, Let) for s in walk(k.body)) < 2000


def test_a_deep_network_is_lowered_in_seconds() -> None:
    graph = PassManager(GRAPH_PASSES).run(layers(250))
    start = time.process_time()
    program = lower(graph)
    assert time.process_time() - start < 10
    assert len(program.kernels) <= 3 * 250
    assert all(s.kind != "arena" or s.buffer.name in {a for k in program.steps for a in k.args} for s in program.slots)


@pytest.mark.parametrize(
    ("build", "n"), [(chain, 300), (twice_used, 60), (tree, 100), (layers, 4), (rows, 80), (parts, 100)]
)
def test_large_graphs_compute_what_they_say(build: Callable[[int], Graph], n: int) -> None:
    graph = build(n)
    check_everywhere(graph, numbers(graph), targets=TARGETS[:1], ulps=2000 if build is layers else 64)


def test_kernels_have_a_bounded_number_of_stages_and_buffers() -> None:
    for build in (tree, parts):
        assert max(len(k.buffers) for k in lower(build(1100)).kernels) <= MOST_BUFFERS + 1
    program = lower(PassManager(GRAPH_PASSES).run(rows(1000)))
    assert len(program.kernels) >= 1000 // MOST_STAGES


def test_a_rule_that_uses_its_operand_often_does_not_copy_it() -> None:
    graph = Graph()
    v = fed(graph, 3)
    for _ in range(12):
        v = R["sub"](v, R["sign"](R["add"](v, const(graph, 0.25, float32))))
    v = R["pad"](v, paddings=((1, 1),), value=0, mode="constant")
    for _ in range(12):
        v = R["sub"](R["sign"](v), const(graph, 0.25, float32))
    graph.outputs = [v]
    assert len(print_program(check_everywhere(graph, numbers(graph), targets=TARGETS[:1]).program)) < 20_000


# Conditions


CONDITIONS: dict[str, Callable[[Value], Value]] = {
    "pad": lambda x: R["pad"](x, paddings=((2, 3),), value=0, mode="constant"),
    "unslice": lambda x: R["unslice"](x, shape=(27,), starts=(1,), steps=(3,)),
    "concat": lambda x: R["concat"](x, const(x.node.graph, np.ones(3), x.type.dtype), axis=0),
    "gather": lambda x: R["gather"](x, const(x.node.graph, [7, 0, 3], int32), axis=0),
}
"""What reads an operand of 8 elements where only some of its own are there, or in another order."""
BETWEEN: dict[str, Callable[[Value], Value]] = {
    "nothing": lambda x: x,
    "neg": R["neg"],
    "reshape": lambda x: R["reshape"](R["transpose"](R["reshape"](x, shape=(2, 4)), perm=(1, 0)), shape=(8,)),
}


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_names_and_checks_stay_out_of_conditions(condition: str, between: str) -> None:
    """The index of a gather is read only where its element is; so with what else binds names or checks."""
    graph = Graph()
    counter = R["variable"](graph=graph, dtype=dtype("int64"), shape=(), key="c", name="c")
    rows = R["gather"](fed(graph, 3), fed(graph, 8, of=int32), axis=0)
    drawn = R["random_uniform"](counter, const(graph, [1, 2], dtype("int64")), shape=(8,), dtype=float32)
    powers = R["int_pow"](fed(graph, 8, of=int32), fed(graph, 8, of=int32))
    graph.outputs = [CONDITIONS[condition](BETWEEN[between](x)) for x in (rows, drawn, powers)]
    lowered = check_everywhere(graph, numbers(graph), targets=TARGETS[:1])
    checks = sum(isinstance(s, Check) for k in lowered.program.kernels for s in walk(k.body))
    assert checks == (5 if condition == "gather" else 2)


def test_a_selected_value_is_checked_whether_or_not_it_is_selected() -> None:
    graph = Graph()
    rows = R["gather"](fed(graph, 3), fed(graph, 8, of=int32), axis=0)
    graph.outputs = [R["select"](fed(graph, 8, of=bool_), rows, const(graph, 0, float32))]
    arrays = numbers(graph)
    arrays["placeholder_2"] = np.arange(8) > 3
    check_everywhere(graph, arrays, targets=TARGETS[:1])
    arrays["placeholder_1"][0] = 3
    lowered = Lowered(graph, arrays)
    for found in (lowered.interpret(arrays), lowered.native(arrays, TARGETS[0])):
        assert found.failed


def test_views_are_read_through() -> None:
    """Changes of shape and order cost no memory, also under a condition."""
    graph = Graph()
    x = fed(graph, 4, 6)
    v = R["reshape"](R["transpose"](R["neg"](x), perm=(1, 0)), shape=(24,))
    v = R["slice"](v, starts=(1,), sizes=(20,), steps=(1,))
    graph.outputs = [R["pad"](v, paddings=((1, 1),), value=0, mode="constant")]
    lowered = check_everywhere(graph, numbers(graph))
    assert [s for s in lowered.program.slots if s.kind == "arena"] == []
    assert len(lowered.program.kernels) == 1


@pytest.mark.parametrize("n", [0, 1, 5])
def test_open_dims_of_0_and_1(n: int) -> None:
    graph = Graph()
    x = fed(graph, D0, 3)
    flat = R["reshape"](x, shape=(D0 * 3,))
    graph.outputs = [
        R["pad"](R["reshape"](flat, shape=(3, D0)), paddings=((1, 0), (0, 2)), value=0, mode="constant"),
        R["tile"](R["transpose"](x, perm=None), multiples=(2, 2)),
        R["concat"](x, R["slice"](x, starts=(0, 0), sizes=(D0, 3), steps=(1, 1)), axis=0),
        R["reduce_sum"](x, axes=(0,), keepdims=False),
        R["reduce_max"](x, axes=None, keepdims=True),
        R["softmax"](x, axis=1),
        R["matmul"](x, x, transpose_a=True, transpose_b=False),
        R["matmul"](x, x, transpose_a=False, transpose_b=True),
    ]
    graph.outputs.append(R["reduce_mean"](graph.outputs[-1], axes=(1,), keepdims=False))
    check_everywhere(graph, numbers(graph, d0=n))


# Names


NAMES = ["x", "x_i0", "for", "nan", "d0", "fetch0", "k0_x", "a.b/c", "add", "max", "0", "_", "é", "float32", "x_t"]


def test_any_name_of_a_user_is_taken() -> None:
    graph = Graph()
    sources = [fed(graph, D0, 2, name=name) for name in NAMES]
    total = sources[0]
    for k, v in enumerate(sources[1:]):
        w = R["swish"](R["add"](total, v, name=f"{NAMES[k]}_i1"))
        total = R["add"](w, R["reduce_max"](w, axes=(0,), keepdims=True), name=f"x_z{k}")
    graph.outputs = [total, sources[4], R["pad"](total, paddings=((0, 1), (0, 0)), value=0, mode="constant")]
    lowered = check_everywhere(graph, numbers(graph, d0=3), targets=TARGETS[:1])
    assert parse_program(print_program(lowered.program)) == lowered.program


# Sums


@pytest.mark.parametrize("of", ["float16", "bfloat16"])
def test_16_bit_sums_are_taken_in_float32(of: str) -> None:
    """2049 is no float16: added up in 16 bits, ones would stay at 2048."""
    graph = Graph()
    x = fed(graph, 3000, of=dtype(of))
    y = fed(graph, 2, 3000, of=dtype(of))
    i = fed(graph, 3000, of=int32)
    graph.outputs = [
        R["reduce_sum"](x, axes=None, keepdims=False),
        R["reduce_sum"](y, axes=(1,), keepdims=True),
        R["matmul"](y, y, transpose_a=False, transpose_b=True),
        R["scatter_add"](i, x, shape=(1,)),
        R["reduce_max"](y, axes=(0,), keepdims=False),
    ]
    arrays = {n.name: np.ones(n.type.dims, n.type.dtype.np) for n in graph.nodes if n.op.name == "placeholder"}
    arrays["placeholder_2"][:] = 0
    lowered = Lowered(graph, arrays)
    for found in (lowered.interpret(arrays), *(lowered.native(arrays, t) for t in TARGETS)):
        # bfloat16 has no 3000 either: the nearest is 3008.
        total = float(np.asarray(3000).astype(dtype(of).np))
        for x in found.fetches[:-1]:
            np.testing.assert_array_equal(x.astype(np.float64), total)
        np.testing.assert_array_equal(found.fetches[-1].astype(np.float64), 1)


@pytest.mark.parametrize("of", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_integers_wrap(of: str) -> None:
    graph = Graph()
    x, y = fed(graph, 3, 4, of=dtype(of)), fed(graph, 4, 2, of=dtype(of))
    graph.outputs = [
        R["matmul"](x, y, transpose_a=False, transpose_b=False),
        *(R[f"reduce_{op}"](x, axes=(k,), keepdims=False) for op in ("sum", "prod", "max", "min") for k in (0, 1)),
    ]
    rng = np.random.default_rng(3)
    info = np.iinfo(of)
    arrays = {
        n.name: rng.integers(info.min, info.max, n.type.dims, of, endpoint=True)
        for n in graph.nodes
        if n.op.name == "placeholder"
    }
    check_everywhere(graph, arrays)


def test_large_constants_that_are_one_number_need_no_memory() -> None:
    graph = Graph()
    x = fed(graph, 2, 300)
    ones = const(graph, np.full((300, 400), 0.5), float32)
    graph.outputs = [R["matmul"](x, ones, transpose_a=False, transpose_b=False), ones]
    lowered = Lowered(graph, numbers(graph))
    assert not [s for s in lowered.program.slots if s.kind == "constant"]
    arrays = numbers(graph)
    assert_close(lowered.native(arrays, TARGETS[0]), reference(graph, arrays), "native", ulps=500)
