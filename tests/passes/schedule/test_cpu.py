"""Schedules for CPUs keep the meaning of kernels, for vectors and registers of many sizes, and show what they must."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.passes.lower.support import Lowered, assert_close, reference
from tfc.ir.expr import Prim
from tfc.ir.graph import Graph
from tfc.ir.index import Index, symbols_of
from tfc.ir.interpret import run_kernel
from tfc.ir.kernel import Accumulate, Alloc, For, If, Kernel, Program, Store, exprs_of, subexprs, walk
from tfc.ir.kernel_text import parse_kernel, print_kernel, print_program
from tfc.ir.kernel_verify import verify_program
from tfc.ir.op import REGISTRY
from tfc.ir.types import float32
from tfc.passes.autodiff import gradients
from tfc.passes.schedule import cpu, cpu_packed
from tfc.passes.schedule.cpu import Schedule, schedule_kernel
from tfc.passes.schedule.nest import buffer_table
from tfc.passes.target import Target

from .conftest import arrays_for, run
from .kernels import ALL, PRODUCTS, SOFTMAX

Same = Callable[..., None]
SMALL = {"l1": 256, "l2": 512, "l3": 1024}
"""Caches in which every loop over blocks runs more than once."""
TARGETS = {
    "v16": Target("v16", "", vector_bytes=16, vector_registers=16, **SMALL),
    "v16x32": Target("v16x32", "", vector_bytes=16, vector_registers=32, fma=True, **SMALL),
    "v32": Target("v32", "", vector_bytes=32, vector_registers=16, fma=True, **SMALL),
    "v64": Target("v64", "", vector_bytes=64, vector_registers=32, fma=True, masks=True, **SMALL),
}
every_target = pytest.mark.parametrize("target", TARGETS)


@pytest.fixture(autouse=True)
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_packed, "DEPTH", 16)


@every_target
@pytest.mark.parametrize("name", ALL)
def test_meaning(same: Same, name: str, target: str) -> None:
    text, dims = ALL[name]
    k = parse_kernel(text)
    same(k, schedule_kernel(k, TARGETS[target]), *dims, rtol=2e-6)


SPECIAL = ("a b of 7 17 11", "at b of 13 3 9", "a bt of 5 10 21", "a bt of m rows", "bias and softmax")
SPECIAL += ("an update in place", "sum over k", "max over k", "sum over i", "softmax of 10", "padded", "in place")


@every_target
@pytest.mark.parametrize("name", SPECIAL)
def test_what_is_not_finite_stays_where_it_belongs(name: str, target: str) -> None:
    """NaN or an infinity in the last element of one argument, beside which tiles and vectors end."""
    text, all_dims = ALL[name]
    before = parse_kernel(text)
    after = schedule_kernel(before, TARGETS[target])
    for b in (b for b in before.buffers if b.role != "out"):
        for value in (np.nan, np.inf):
            arrays = arrays_for(before, all_dims[-1])
            arrays[b.name].flat[-1] = value
            expected, found = ({n: x.copy() for n, x in arrays.items()} for _ in range(2))
            run(before, expected, all_dims[-1])
            run(after, found, all_dims[-1])
            for n, x in expected.items():
                np.testing.assert_allclose(found[n], x, rtol=2e-6, atol=0, err_msg=f"{n}, {value} in {b.name}")


def scheduled(name: str, target: str) -> Kernel:
    return schedule_kernel(parse_kernel(ALL[name][0]), TARGETS[target])


# Products


def tile_loops(k: Kernel) -> Iterator[For]:
    """The innermost serial loops in which products are added up in registers."""
    table = buffer_table(k)
    for loop in walk(k.body):
        if isinstance(loop, For) and loop.kind == "serial":
            inner = list(walk(loop.body))
            if not any(isinstance(s, For) and s.kind == "serial" for s in inner) and any(
                isinstance(s, Accumulate) and table[s.buffer].space == "register" and is_product(s) for s in inner
            ):
                yield loop


def is_product(s: Accumulate) -> bool:
    return isinstance(s.value, Prim) and s.value.op == "mul"


@every_target
def test_tiles_of_products_are_registers_and_vectors_without_a_condition(
    monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Whatever is left over in a tile, no step of a product's schedule declines."""
    monkeypatch.setattr(cpu, "attempt", lambda k, step, *args: step(k, *args))
    for name in PRODUCTS:
        k = scheduled(name, target)
        loops = list(tile_loops(k))
        assert loops, f"{name}\n{print_kernel(k)}"
        for loop in loops:
            inner = list(walk(loop.body))
            assert not any(isinstance(s, If) for s in inner), f"{name}\n{print_kernel(k)}"
            assert any(isinstance(s, For) and s.kind == "vector" for s in inner), f"{name}\n{print_kernel(k)}"


def test_whole_vectors_of_columns_need_no_mask() -> None:
    text = PRODUCTS["10 columns"][0].replace("10", "16")
    for target in TARGETS.values():
        for loop in tile_loops(schedule_kernel(parse_kernel(text), target)):
            found = [e for s in walk(loop.body) for x in exprs_of(s) for e in subexprs(x)]
            assert not any(isinstance(e, Prim) and e.op == "select" for e in found)


@pytest.mark.parametrize("target", ["v16", "v32"])
def test_what_follows_a_deep_product_of_few_columns_takes_many_rows_at_a_time(target: str) -> None:
    k = scheduled("bias and softmax of a deep product", target)
    after = [s for s in k.body if isinstance(s, For) and not list(tile_loops(replace(k, body=(s,))))]
    exps = [s for loop in after for s in walk((loop,)) if isinstance(s, For) and s.kind == "vector" and has_exp(s)]
    assert exps, print_kernel(k)
    table = buffer_table(k)
    for store in (s for s in walk(exps[0].body) if isinstance(s, Store)):
        assert symbols_of(store.index[-1]) == {exps[0].var}, "a row in each lane"
        assert table[store.buffer].shape[-1] == TARGETS[target].lanes(float32)


def has_exp(loop: For) -> bool:
    found = (e for s in walk(loop.body) for x in exprs_of(s) for e in subexprs(x))
    return any(isinstance(e, Prim) and e.op == "exp" for e in found)


# Whole graphs


def classifier(classes: int = 10) -> tuple[Graph, dict[str, np.ndarray]]:
    """softmax(x @ w + b), and a step down the gradient of its cross entropy with y."""
    graph = Graph()
    rows = Index.symbol("rows")
    of = REGISTRY["placeholder"]
    x = of(graph=graph, name="x", dtype=float32, shape=(rows, 13))
    y = of(graph=graph, name="y", dtype=float32, shape=(rows, classes))
    w, b = (
        REGISTRY["variable"](graph=graph, name=name, dtype=float32, shape=shape, key=name)
        for name, shape in (("w", (13, classes)), ("b", (classes,)))
    )
    logits = REGISTRY["add"](REGISTRY["matmul"](x, w, transpose_a=False, transpose_b=False), b)
    entropy = REGISTRY["softmax_cross_entropy"](logits, y, axis=-1)
    loss = REGISTRY["reduce_mean"](entropy, axes=None, keepdims=False)
    graph.outputs = [REGISTRY["softmax"](logits, axis=-1)]
    rng = np.random.default_rng(3)
    shapes = {"x": (11, 13), "y": (11, classes), "w": (13, classes), "b": (classes,)}
    arrays = {name: rng.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    arrays["y"] /= arrays["y"].sum(1, keepdims=True)
    graph.updates = [(v, REGISTRY["sub"](v, g)) for v, g in zip((w, b), gradients([loss], [w, b]), strict=True)]
    return graph, arrays


def kernels_of(program: Program, op: str) -> list[Kernel]:
    """The kernels in which a primitive is computed."""
    return [
        k
        for k in program.kernels
        if any(isinstance(e, Prim) and e.op == op for s in walk(k.body) for x in exprs_of(s) for e in subexprs(x))
    ]


@every_target
def test_the_classifier_and_a_step_of_its_training(target: str) -> None:
    graph, arrays = classifier()
    lowered = Lowered(graph, arrays)
    program = Schedule(TARGETS[target]).apply(lowered.program)
    verify_program(program)
    assert_close(lowered.interpret(arrays, program), reference(graph, arrays), target)
    (softmax,) = kernels_of(program, "exp")
    assert list(tile_loops(softmax)), "the softmax is computed in the kernel of the product"
    updating = [k for k in program.kernels if any(b.name == "w" and b.role == "inout" for b in k.buffers)]
    (update,) = updating
    assert list(tile_loops(update)), "the update is computed in the kernel of its gradient"


# Loops


@every_target
def test_innermost_loops_are_vectors(target: str) -> None:
    for name in (*SOFTMAX, "one dim", "two dims", "in place", "sum over i", "sum over k", "max over k"):
        k = scheduled(name, target)
        loops = [s for s in walk(k.body) if isinstance(s, For)]
        assert any(loop.kind == "vector" for loop in loops) or name == "softmax of 1", print_kernel(k)
        for loop in loops:
            serial = loop.kind == "serial" and not any(isinstance(s, For) for s in loop.body)
            assert not serial or name == "softmax of 1", print_kernel(k)


@every_target
def test_what_a_row_needs_of_one_element_is_a_name(target: str) -> None:
    k = scheduled("chain of values", target)
    assert not any(isinstance(s, Alloc) for s in walk(k.body)), print_kernel(k)


SHARED = """
kernel shared(x: float32[10] inout alias, y: float32[10] inout alias) {
  alloc t: float32[10] local stack
  for i < 10 { t[i] = mul(x[i], 2.0:float32) }
  for j < 10 { y[j] = add(t[j], 1.0:float32) }
  alloc s: float32[] local stack
  s[] = 0.0:float32
  for r < 10 { s[] add= mul(x[r], y[r]) }
  for l < 10 { x[l] = sub(y[l], s[]) }
}
"""


@every_target
@pytest.mark.parametrize("first", [0, 3, 10])
def test_arguments_that_share_memory(target: str, first: int) -> None:
    before = parse_kernel(SHARED)
    after = schedule_kernel(before, TARGETS[target])
    found = []
    for k in (before, after):
        memory = np.arange(20, dtype=np.float32)
        run_kernel(k, {"x": memory[first : first + 10], "y": memory[5:15]}, {})
        found.append(memory)
    np.testing.assert_array_equal(*found)


# The same text, always

ROOT = Path(__file__).parents[3]
DIGEST = """
import sys
from tests.passes.schedule.test_cpu import digest
sys.stdout.write(digest())
"""


@every_target
def test_rows_are_gathered_in_vectors_of_their_elements(target: str) -> None:
    """However often the index is read, what is moved decides: it lies along the row."""
    k = parse_kernel("""
    kernel gather(at: int64[64] in, x: float32[9, 64] in, y: float32[64, 64] out) {
      for i < 64 {
        for j < 64 {
          check and(ge(at[i], 0:int64), lt(at[i], 9:int64)) else 0
          let row = max(min(at[i], 8:int64), 0:int64)
          y[i, j] = x[row, j]
        }
      }
    }
    """)
    (lanes,) = [s for s in walk(schedule_kernel(k, TARGETS[target]).body) if isinstance(s, For) and s.kind == "vector"]
    (store,) = [s for s in walk(lanes.body) if isinstance(s, Store)]
    assert lanes.var in symbols_of(store.index[1])
    assert lanes.var not in symbols_of(store.index[0])


def digest() -> str:
    target = TARGETS["v32"]
    texts = [print_kernel(schedule_kernel(parse_kernel(text), target)) for text, _ in ALL.values()]
    graph, arrays = classifier()
    texts.append(print_program(Schedule(target).apply(Lowered(graph, arrays).program)))
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def test_schedules_are_the_same_in_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever order a process gives to its sets."""
    monkeypatch.undo()
    found = set()
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", DIGEST]
        ran = subprocess.run(command, env=env, cwd=ROOT, check=True, capture_output=True, text=True)
        found.add(ran.stdout)
    assert found == {digest()}


BY_ONE_MATRIX = """
kernel f(a: float32[n, 24, 40] in, b: float32[40, 80] in, c: float32[n, 24, 80] out) dims(n) {
  for z < n { for z0 < 24 { for z1 < 80 { c[z, z0, z1] = 0.0:float32 } } }
  for p < n { for i < 24 { for j < 80 { for l < 40 { c[p, i, j] add= mul(a[p, i, l], b[l, j]) } } } }
}
"""


@every_target
def test_tiles_of_a_batch_of_run_time_size_lie_in_one_of_it(target: str) -> None:
    """A batch of one would else be computed as often as the tile is long."""
    k = schedule_kernel(parse_kernel(BY_ONE_MATRIX), replace(TARGETS[target], l1=48 << 10, l2=1 << 20, l3=32 << 20))
    assert list(tile_loops(k))
    assert "min(n - 1" not in print_kernel(k)
