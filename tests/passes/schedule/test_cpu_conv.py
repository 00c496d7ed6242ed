"""Schedules of convolutions keep their meaning, for vectors and registers of many sizes, and show what they must."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.codegen_llvm.support import TARGETS as NATIVE
from tests.codegen_llvm.support import compile_kernel, run_native
from tfc.codegen_llvm import host_target
from tfc.ir.index import Dim, Index
from tfc.ir.kernel import Accumulate, Alloc, For, If, walk
from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.passes.schedule import cpu, cpu_conv
from tfc.passes.schedule.cpu import schedule_kernel
from tfc.passes.schedule.cpu_conv import Tile, tile_for
from tfc.passes.schedule.nest import expr_symbols
from tfc.passes.schedule.sums import find_contraction

from .conftest import arrays_for, run
from .conv_kernels import CONVOLUTIONS, FILTERS, POOLS, Conv
from .test_cpu import TARGETS, every_target, tile_loops

Same = Callable[..., None]
ALL = {**CONVOLUTIONS, **FILTERS}
EVERY = {**ALL, **POOLS}


@pytest.mark.parametrize("name", EVERY)
def test_meaning(same: Same, name: str) -> None:
    """Each kernel for one of the targets: so each target sees kernels of all kinds."""
    text, dims = EVERY[name]
    k = parse_kernel(text)
    target = list(TARGETS.values())[list(EVERY).index(name) % len(TARGETS)]
    same(k, schedule_kernel(k, target), *dims, rtol=2e-6)


@pytest.mark.parametrize("name", ["one image", "depthwise", "groups", "filter of 1-D"])
def test_what_is_not_finite_stays_where_it_belongs(name: str) -> None:
    """NaN or an infinity in the last element of one factor, beside which tiles and vectors end."""
    text, all_dims = ALL[name]
    before = parse_kernel(text)
    after = schedule_kernel(before, TARGETS["v64"])
    for b in (b for b in before.buffers if b.role == "in"):
        arrays = arrays_for(before, all_dims[-1])
        arrays[b.name].flat[-1] = np.nan if b.name == "x" else np.inf
        expected, found = ({n: x.copy() for n, x in arrays.items()} for _ in range(2))
        run(before, expected, all_dims[-1])
        run(after, found, all_dims[-1])
        for n, x in expected.items():
            np.testing.assert_allclose(found[n], x, rtol=2e-6, atol=0, err_msg=f"{n} with {b.name} not finite")


@every_target
def test_tiles_are_registers_and_vectors_without_a_condition(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """Whatever is left over in a tile, no step of the schedule declines."""
    monkeypatch.setattr(cpu, "attempt", lambda k, step, *args: step(k, *args))
    for name in (n for n in ALL if "one feature" not in n):
        k = schedule_kernel(parse_kernel(ALL[name][0]), TARGETS[target])
        loops = list(tile_loops(k))
        assert loops, f"{name}\n{print_kernel(k)}"
        for loop in loops:
            inner = list(walk(loop.body))
            unrolled = {s.var for s in walk(k.body) if isinstance(s, For) and s.kind == "unrolled"}
            open_ = [s for s in inner if isinstance(s, If) and not expr_symbols(s.condition) <= unrolled]
            assert not open_, f"{name}\n{print_kernel(k)}"
            assert any(isinstance(s, For) and s.kind == "vector" for s in inner), f"{name}\n{print_kernel(k)}"


@pytest.mark.parametrize("pad", [0, 1])
def test_a_filter_that_no_cache_holds_is_read_once(same: Same, monkeypatch: pytest.MonkeyPatch, pad: int) -> None:
    """Blocks of its columns go outside of all rows, and so does what follows."""
    monkeypatch.setattr(cpu_conv, "tile_for", lambda *_: Tile((1, 3), 2))
    monkeypatch.setattr(cpu, "attempt", lambda k, step, *args: step(k, *args))
    end = "for a0 < n { for a1 < 2 { for a2 < 3 { for a3 < 32 { o[a0, a1, a2, a3] = neg(y[a0, a1, a2, a3]) } } } }"
    layer = Conv("n", (2, 3), (2, 2), 3, 32, pad=pad)
    for text in (layer.forward(), layer.forward(end, ", o: float32[n, 2, 3, 32] out", local=True)):
        k = parse_kernel(text)
        out = schedule_kernel(k, replace(TARGETS["v16"], l2=1024))
        same(k, out, {"n": 2}, rtol=2e-6)
        (columns,) = [s for s in out.body if isinstance(s, For)]
        assert isinstance(columns.extent, int), print_kernel(out)


@every_target
def test_a_pool_takes_the_rows_that_were_just_computed(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setattr(cpu, "attempt", lambda k, step, *args: step(k, *args))
    k = schedule_kernel(parse_kernel(EVERY["of a convolution"][0]), replace(TARGETS[target], l2=1 << 14))
    (rows,) = [s.buffer for s in walk(k.body) if isinstance(s, Alloc) and s.buffer.name == "r"]
    assert rows.shape == (2, 6, 5)
    registers = {s.buffer.name for s in walk(k.body) if isinstance(s, Alloc) and s.buffer.space == "register"}
    assert "o_r" in registers


def test_what_follows_a_tile_of_one_row_is_computed_beside_it(same: Same, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the buffer between them has lost the dims of the rows."""
    monkeypatch.setattr(cpu_conv, "tile_for", lambda *_: Tile((1, 3), 1))
    monkeypatch.setattr(cpu, "attempt", lambda k, step, *args: step(k, *args))
    text, dims = ALL["bias and relu"]
    k = parse_kernel(text)
    same(k, schedule_kernel(k, replace(TARGETS["v32"], l2=1 << 14)), *dims)


@every_target
def test_what_follows_is_computed_beside_a_row_of_tiles(target: str) -> None:
    k = schedule_kernel(parse_kernel(ALL["bias and relu"][0]), replace(TARGETS[target], l2=1 << 14))
    (outer,) = [s for s in k.body if isinstance(s, For)]
    (y,) = [s.buffer for s in walk(outer.body) if isinstance(s, Alloc) and s.buffer.name == "y"]
    assert len(y.shape) <= 3
    assert not any(isinstance(s, Accumulate) and s.buffer == "y" for s in walk(k.body))


def test_filters_are_summed_in_chunks_only_where_a_cache_does_not_hold_all() -> None:
    target = replace(TARGETS["v64"], l2=1 << 14)
    found = []
    for n in (1, 64):
        k = schedule_kernel(parse_kernel(Conv(n, (4, 4), (3, 3), 2, 4).filter()), target)
        found.append(any(isinstance(s, Accumulate) and s.buffer == "w" for s in walk(k.body)))
    assert found == [False, True]


@pytest.mark.parametrize(
    ("extents", "columns", "width", "registers", "places", "vectors"),
    [
        ((56, 56), 64, 16, 32, (1, 14), 2),
        ((14, 14), 256, 16, 32, (1, 14), 2),
        ((7, 7), 64, 16, 32, (1, 7), 2),
        ((13, 13), 20, 16, 32, (1, 13), 2),
        ((5, 32), 64, 16, 32, (5, 1), 4),
        ((9,), 10, 16, 32, (9,), 1),
        ((Index.symbol("n"),), 3, 16, 32, (30,), 1),
    ],
)
def test_tiles(
    extents: tuple[Dim, ...], columns: int, width: int, registers: int, places: tuple[int, ...], vectors: int
) -> None:
    assert tile_for(extents, columns, width, registers) == Tile(places, vectors)


def test_what_is_no_sum_of_products_is_left_alone() -> None:
    text = CONVOLUTIONS["3x3"][0]
    changes = (("add= mul(", "max= mul("), ("mul(x", "add(x"), ("[k0, k1, c, f]", "[k0, k1, c, 0]"))
    for change in changes:
        assert find_contraction(parse_kernel(text.replace(*change))) is None


# Machine code


def moved(layer: Conv, x: np.ndarray) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """What each tap of the filter sees of x, in float64, by group."""
    beside = [(layer.pad, layer.pad)] * len(layer.out)
    x = np.pad(x.astype(np.float64), [(0, 0), *beside, (0, 0)])
    for taps in np.ndindex(*layer.taps):
        starts = [k * layer.dilation for k in taps]
        cut = [
            slice(s, s + (int(o) - 1) * layer.stride + 1, layer.stride) for s, o in zip(starts, layer.out, strict=True)
        ]
        part = x[(slice(None), *cut)]
        yield taps, part.reshape(-1, layer.groups, layer.c)


def reference(layer: Conv, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    by_group = {taps: w[taps].reshape(layer.c, layer.groups, layer.f) for taps in np.ndindex(*layer.taps)}
    total = sum(np.einsum("pgc,cgf->pgf", part, by_group[taps]) for taps, part in moved(layer, x))
    return np.asarray(total).reshape(x.shape[0], *map(int, layer.out), layer.groups * layer.f)


def filter_reference(layer: Conv, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    by_group = y.astype(np.float64).reshape(-1, layer.groups, layer.f)
    parts = [np.einsum("pgc,pgf->cgf", part, by_group) for _, part in moved(layer, x)]
    return np.stack(parts).reshape(*layer.taps, layer.c, layer.groups * layer.f)


SHAPES = {
    "whole tiles": Conv("n", (14, 14), (5, 5), 8, 64),
    "primes": Conv("n", (11, 13), (3, 3), 7, 37),
    "small": Conv("n", (3, 2), (2, 2), 3, 5),
    "first layer": Conv("n", (28, 28), (5, 5), 1, 32),
    "strided": Conv("n", (7, 9), (3, 3), 16, 17, stride=2, dilation=2),
    "depthwise": Conv("n", (8, 15), (3, 3), 1, 1, groups=33),
    "groups": Conv("n", (7, 7), (3, 3), 4, 20, groups=3),
    "padded": Conv("n", (14, 14), (5, 5), 8, 48, pad=2),
    "padded tiles": Conv("n", (3, 61), (3, 3), 4, 20, pad=1),
    "padded and strided": Conv("n", (7, 9), (3, 3), 8, 17, stride=2, pad=1),
    "padded and depthwise": Conv("n", (8, 30), (3, 3), 1, 1, groups=24, pad=1),
    "padded first layer": Conv("n", (28, 28), (5, 5), 1, 32, pad=2),
}


@pytest.mark.parametrize("target", NATIVE)
@pytest.mark.parametrize("name", SHAPES)
def test_machine_code(name: str, target: str) -> None:
    """A convolution, and the gradient of its filter: the sum of x moved along every tap times that of y."""
    layer, at = SHAPES[name], host_target(target)
    rng = np.random.default_rng(5)
    x, w, y = (rng.uniform(-1, 1, [int(d if d != "n" else 3) for d in s]).astype(np.float32) for s in layer.shapes)
    forward, gradient = reference(layer, x, w), filter_reference(layer, x, y)
    for text, given, found, expected in (
        (layer.forward(), {"x": x, "w": w}, "y", forward),
        (layer.filter(), {"x": x, "y": y}, "w", gradient),
    ):
        native, program = compile_kernel(schedule_kernel(parse_kernel(text), at), at)
        out = np.full(expected.shape, np.nan, np.float32)
        arrays = {f"f.{name}": a for name, a in {**given, found: out}.items()}
        assert run_native(native, program, arrays, {"f.n": 3}) == 0
        np.testing.assert_allclose(out, expected, rtol=0, atol=4e-6 * np.abs(expected).max())
