"""Attention as it runs: against NumPy in float64, over odd shapes, masks and special values, with few bytes beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.codegen_llvm.support import TARGETS, run_native
from tests.passes.lower.support import Lowered
from tfc.codegen_llvm import compile_program, host_target
from tfc.ir.graph import Graph, Value
from tfc.ir.index import Index
from tfc.ir.interpret import run_program
from tfc.ir.kernel import Accumulate, For, If, Kernel, walk
from tfc.ir.op import REGISTRY
from tfc.ir.types import dtype
from tfc.passes.schedule import cpu, parallelise
from tfc.passes.schedule.cpu_attention import find_attention

Array = np.ndarray[Any, Any]
every_target = pytest.mark.parametrize("target", TARGETS)


def op(name: str, *operands: Value, **attrs: Any) -> Value:
    return REGISTRY[name](*operands, **attrs)


def scores(q: Value, k: Value) -> Value:
    return op("matmul", q, k, transpose_a=False, transpose_b=True)


def mix(s: Value, v: Value) -> Value:
    return op("matmul", op("softmax", s, axis=-1), v, transpose_a=False, transpose_b=False)


def plain(q: Value, k: Value, v: Value) -> Value:
    return mix(scores(q, k), v)


class Attend:
    """A program with attention: `build` makes it of placeholders of these shapes, in which strings are open dims."""

    def __init__(self, build: Callable[..., Value], *shapes: tuple[int | str, ...], of: Any = np.float32) -> None:
        self.graph = Graph()
        self.names = [f"x{n}" for n in range(len(shapes))]
        self.shapes, self.of = shapes, np.dtype(of)
        dims = [tuple(Index.symbol(d) if isinstance(d, str) else d for d in shape) for shape in shapes]
        made = [
            REGISTRY["placeholder"](graph=self.graph, name=name, dtype=dtype(self.of), shape=shape)
            for name, shape in zip(self.names, dims, strict=True)
        ]
        self.graph.outputs = [build(*made)]
        # Dims other than 1 and different, so that the shape class takes no two of them for one.
        sizes = {d: 3 + n for n, d in enumerate(sorted({d for s in shapes for d in s if isinstance(d, str)}))}
        self.lowered = Lowered(self.graph, self.arrays(**sizes))
        self.native: dict[str, Any] = {}

    def arrays(self, seed: int = 0, **sizes: int) -> dict[str, Array]:
        rng = np.random.default_rng(seed)
        shapes = [[sizes[d] if isinstance(d, str) else d for d in shape] for shape in self.shapes]
        return {n: rng.standard_normal(s).astype(self.of) for n, s in zip(self.names, shapes, strict=True)}

    def __call__(self, target: str, arrays: Mapping[str, Array]) -> Array:
        if target not in self.native:
            program = self.lowered.final(target)
            self.native[target] = program, compile_program(program, host_target(target), cache=False)
        program, native = self.native[target]
        dims = self.lowered.dims(arrays)
        slots = self.lowered.slots(arrays, dims)
        assert run_native(native, program, slots, dims) == 0
        return self.lowered.results(slots, arrays, False).fetches[0]


def expected(q: Array, k: Array, v: Array, change: Callable[[Array], Array] = lambda s: s) -> Array:
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    with np.errstate(all="ignore"):
        s = change(q @ np.swapaxes(k, -1, -2))
        e = np.exp(s - s.max(-1, keepdims=True, initial=-np.inf))
        return (e / e.sum(-1, keepdims=True)) @ v


def close(found: Array, wanted: Array, tolerance: float = 3e-5) -> None:
    np.testing.assert_allclose(found.astype(np.float64), wanted, rtol=tolerance, atol=tolerance)


@every_target
def test_run_time_dims(target: str) -> None:
    """One program for any batch, any number of queries and keys: also none, one, and a vector or block more or less."""
    attend = Attend(plain, ("b", "m", 5), ("b", "n", 5), ("b", "n", 3))
    for b, m, n in (
        *((1, 1, 1), (2, 3, 4), (1, 15, 127), (1, 16, 128), (1, 17, 129), (2, 31, 63), (1, 32, 65), (3, 33, 257)),
        *((0, 3, 4), (2, 0, 4), (2, 4, 0), (1, 64, 384)),
    ):
        arrays = attend.arrays(b=b, m=m, n=n)
        close(attend(target, arrays), expected(*arrays.values()))


SHAPES = [
    (9, 9, 1, 1),
    (33, 40, 7, 63),
    (40, 130, 63, 64),
    (34, 131, 65, 65),
    (128, 128, 64, 64),
    (8, 300, 16, 2),
    (9, 9, 4, 4),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_static_dims(shape: tuple[int, ...]) -> None:
    m, n, d, e = shape
    attend = Attend(plain, (2, m, d), (2, n, d), (2, n, e))
    arrays = attend.arrays()
    close(attend(TARGETS[SHAPES.index(shape) % len(TARGETS)], arrays), expected(*arrays.values()))


@pytest.mark.parametrize(("of", "tolerance"), [(np.float64, 1e-14), (np.float16, 2e-3), (ml_dtypes.bfloat16, 2e-2)])
def test_dtypes(of: Any, tolerance: float) -> None:
    attend = Attend(plain, (2, "m", 9), (2, "n", 9), (2, "n", 17), of=of)
    for m, n in ((9, 130), (40, 3)):
        arrays = attend.arrays(m=m, n=n)
        for target in TARGETS[:2]:
            close(attend(target, arrays), expected(*arrays.values()), tolerance)


def causal(q: Value, k: Value, v: Value) -> Value:
    s = scores(q, k)
    rows, columns = (op("iota", graph=q.node.graph, shape=s.type.dims, axis=a, dtype=dtype("int32")) for a in (1, 2))
    low = REGISTRY["constant"](graph=q.node.graph, value=np.float32(-np.inf))
    return mix(op("select", op("greater_equal", rows, columns), s, low), v)


def biased(q: Value, k: Value, v: Value, scale: Value, bias: Value) -> Value:
    return mix(op("add", op("div", scores(q, k), scale), bias), v)


@every_target
def test_masks(target: str) -> None:
    attend = Attend(causal, (2, "m", 8), (2, "n", 8), (2, "n", 6))
    for m, n in ((9, 9), (40, 140), (140, 40)):
        arrays = attend.arrays(m=m, n=n)
        outside = np.where(np.arange(m)[:, None] >= np.arange(n), 0, -np.inf)
        close(attend(target, arrays), expected(*arrays.values(), lambda s, outside=outside: s + outside))
    attend = Attend(biased, (3, 2, "m", 8), (3, 2, "n", 8), (3, 2, "n", 6), (), (3, 1, 1, "n"))
    for m, n in ((9, 9), (40, 140)):
        arrays = attend.arrays(m=m, n=n)
        q, k, v, scale, bias = arrays.values()
        arrays["x4"] = bias = np.where(bias < 0, np.float32(-1e9), bias)
        close(attend(target, arrays), expected(q, k, v, lambda s, scale=scale, bias=bias: s / scale + bias))


@every_target
def test_special_values(target: str) -> None:
    """What the softmax of all scores at once gives, wherever in the row of blocks a value lies."""

    def masked(q: Value, k: Value, v: Value, bias: Value) -> Value:
        return mix(op("add", scores(q, k), bias), v)

    attend = Attend(masked, ("m", 4), ("n", 4), ("n", 3), ("m", "n"))
    arrays = attend.arrays(m=37, n=300)
    q, k, v, bias = arrays.values()
    inf, nan = np.inf, np.nan
    bias[0] = -inf
    bias[1, :200], bias[2, 100:], bias[3, :299] = -inf, -inf, -inf
    bias[4, 5], bias[5, 290], bias[6, 140], bias[7, 3] = nan, nan, inf, -inf
    bias[8] *= 1e30
    bias[9, 250], bias[10, 2] = 3e38, 3e38
    q[11], q[12, 1], q[13] = 1e20, nan, inf
    bias[14:17] -= 1e4
    v[7, 1], v[299, 2] = inf, nan
    with np.errstate(all="ignore"):
        wanted = expected(q, k, v, lambda s: s.astype(np.float32) + bias)
    found = attend(target, arrays)
    np.testing.assert_allclose(found[:, 0], wanted[:, 0], rtol=1e-4, atol=1e-5)
    assert np.isnan(found[[0, 4, 5, 6, 12, 13]]).all()
    assert np.isfinite(found[[1, 2, 3, 7, 8, 9, 10, 11, 14], 0]).all()
    # A weight of 0 times infinity is no number; whether it is 0 is the precision's to say where scores lie far apart.
    near = [0, 1, 2, 3, 4, 5, 6, 7, *range(12, 37)]
    np.testing.assert_array_equal(found[near, 1:], wanted[near, 1:])


def loops(k: Kernel) -> list[For]:
    return [s for s in walk(k.body) if isinstance(s, For)]


@every_target
def test_the_schedule_is_blocks_of_rows_in_vectors(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """No step declines, and the tiles of both products are vectors without a condition."""
    monkeypatch.setattr(cpu, "attempt", lambda k, step, *args: step(k, *args))
    for shapes in (
        ((2, "m", 65), (2, "n", 65), (2, "n", 63)),
        ((2, 130, 64), (2, 200, 64), (2, 200, 64)),
        ((2, 9, 7), (2, 3, 7), (2, 3, 2)),
    ):
        (k,) = Attend(biased, *shapes, (), (1, 1)).lowered.final(target).kernels
        tiles = [
            s
            for s in loops(k)
            if s.kind == "serial"
            and any(isinstance(x, Accumulate) and x.combiner == "add" for x in walk(s.body))
            and not any(x.kind == "serial" for x in loops(Kernel("", (), (), s.body)))
        ]
        assert len(tiles) == 3
        for s in tiles:
            assert any(x.kind == "vector" for x in loops(Kernel("", (), (), s.body)))
            assert not any(isinstance(x, If) for x in walk(s.body))


def test_the_scheduled_kernel_means_the_same() -> None:
    attend = Attend(biased, (1, "m", 3), (1, "n", 3), (1, "n", 2), (), ("m", 1))
    arrays = attend.arrays(m=5, n=131)
    dims = attend.lowered.dims(arrays)
    results = []
    for program in (attend.lowered.program, attend.lowered.final("sse2")):
        slots = attend.lowered.slots(arrays, dims)
        assert run_program(program, slots, dims) == []
        results.append(attend.lowered.results(slots, arrays, False).fetches[0])
    np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6)


def test_a_mask_that_several_layers_share_is_blocked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "attempt", lambda k, step, *args: step(k, *args))

    def layers(x: Value, there: Value) -> Value:
        one, low = (REGISTRY["constant"](graph=x.node.graph, value=np.float32(v)) for v in (1, -1e9))
        mask = op("mul", op("sub", one, there), low)
        for _ in range(2):
            x = mix(op("add", scores(x, x), mask), x)
        return x

    attend = Attend(layers, (2, "n", 8), (2, 1, "n"))
    arrays = attend.arrays(n=40)
    x, there = arrays.values()
    arrays["x1"] = there = (there > 0).astype(np.float32)
    for _ in range(2):
        x = expected(x, x, x, lambda s: s + (1 - there.astype(np.float64)) * -1e9)
    close(attend(TARGETS[0], arrays), x, 2e-4)


@every_target
def test_blocks_of_queries_may_run_at_once(target: str) -> None:
    (k,) = Attend(causal, (2, "m", 8), (2, "n", 8), (2, "n", 8)).lowered.program.kernels
    k = cpu.schedule_kernel(k, host_target(target))
    batch, block = [loop.var for loop in loops(k)][:2]
    parallelise(parallelise(k, batch), block)


def test_one_kernel_without_an_array_of_scores() -> None:
    attend = Attend(causal, (2, 512, 64), (2, 512, 64), (2, 512, 64))
    program = attend.lowered.final(TARGETS[0])
    assert len(program.kernels) == 1
    assert isinstance(program.arena, int)
    assert program.arena < 1 << 16


def test_of_no_element_or_one_in_a_dim_it_is_not_blocked() -> None:
    none = ((2, 0, 3, 4, 2), (0, 5, 3, 4, 2), (2, 5, 0, 4, 2), (2, 5, 3, 0, 2), (2, 5, 3, 4, 0))
    for b, m, n, d, e in (*none, (2, 1, 3, 4, 2), (2, 5, 1, 4, 2), (2, 5, 3, 1, 2), (2, 5, 3, 4, 1)):
        kernels = Attend(plain, (b, m, d), (b, n, d), (b, n, e)).lowered.program.kernels
        assert all(find_attention(k) is None for k in kernels)
