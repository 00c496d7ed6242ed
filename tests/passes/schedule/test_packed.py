"""Products of many rows and columns: in machine code against NumPy's float64, and what their tiles must be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.passes.lower.support import Lowered
from tfc.codegen_llvm import available_targets, host_target
from tfc.ir.graph import Graph
from tfc.ir.index import Dim, Index
from tfc.ir.kernel import Alloc, For, Kernel, walk
from tfc.ir.kernel_text import parse_kernel
from tfc.ir.op import REGISTRY
from tfc.ir.types import DType, float32, float64
from tfc.passes.schedule import cpu_packed
from tfc.passes.schedule.cpu import schedule_kernel
from tfc.passes.schedule.register_tile import CHAINS, best_tile
from tfc.passes.target import Target

from .kernels import matmul

Array = np.ndarray[Any, Any]
NATIVE = [name for name in ("avx512", "avx2", "sse2") if name in available_targets()]
native = pytest.mark.parametrize("target", NATIVE)


def run(
    target: str,
    m: int,
    n: int,
    k: int,
    *,
    ta: bool = False,
    tb: bool = False,
    batch: tuple[int, ...] = (),
    open_dims: str = "",
    dtype: DType = float32,
    special: float = 2.0,
) -> tuple[Array, Array]:
    """The product of whole numbers, the last of each operand `special`, and the same by NumPy in float64."""
    sizes: dict[str, Dim] = {d: Index.symbol(d) if d in open_dims else x for d, x in zip("mnk", (m, n, k), strict=True)}
    counts = {"m": m, "n": n, "k": k}
    rng = np.random.default_rng(m + n + k)
    graph, arrays, factors = Graph(), dict[str, Array](), list[Array]()
    values = []
    for name, dims, swap in (("a", "mk", ta), ("b", "kn", tb)):
        dims = dims[::-1] if swap else dims
        shape = (*batch, *(sizes[d] for d in dims))
        values.append(REGISTRY["placeholder"](graph=graph, name=name, dtype=dtype, shape=shape))
        x = rng.integers(-4, 5, (*batch, *(counts[d] for d in dims))).astype(dtype.np)
        x.flat[-1:] = special
        arrays[name] = x
        factors.append((x.swapaxes(-1, -2) if swap else x).astype(np.float64))
    graph.outputs = [REGISTRY["matmul"](*values, transpose_a=ta, transpose_b=tb)]
    with np.errstate(invalid="ignore"):
        return Lowered(graph, arrays).native(arrays, target).fetches[0], factors[0] @ factors[1]


SIZES = [(37, 257, 11), (64, 72, 40), (50, 300, 7), (129, 65, 17), (26, 130, 3)]
"""Rows, columns, depth: whole and broken tiles, an odd vector at the end."""


@native
@pytest.mark.parametrize("size", SIZES)
def test_machine_code(target: str, size: tuple[int, int, int]) -> None:
    for ta, tb in ((False, False), (True, False), (False, True)):
        np.testing.assert_array_equal(*run(target, *size, ta=ta, tb=tb))
    np.testing.assert_array_equal(*run(target, *size, ta=True, tb=True, dtype=float64))


@native
def test_sizes_of_the_run_and_batches(target: str) -> None:
    np.testing.assert_array_equal(*run(target, 45, 70, 33, open_dims="m"))
    np.testing.assert_array_equal(*run(target, 45, 70, 33, tb=True, open_dims="mnk"))
    np.testing.assert_array_equal(*run(target, 40, 70, 0, open_dims="mnk"))
    np.testing.assert_array_equal(*run(target, 20, 70, 9, batch=(3,)))
    np.testing.assert_array_equal(*run(target, 20, 70, 9, batch=(2, 2), tb=True))


@native
def test_in_chunks_of_the_depth(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_packed, "DEPTH", 16)
    for depth in (17, 32, 50):
        np.testing.assert_array_equal(*run(target, 41, 70, depth))
        np.testing.assert_array_equal(*run(target, 41, 135, depth, ta=True, tb=True, open_dims="m"))


@native
@pytest.mark.parametrize("special", [np.nan, np.inf, -0.0])
def test_what_is_not_finite_stays_where_it_belongs(target: str, special: float) -> None:
    """In the last element of each operand, beside which tiles and panels are filled up."""
    for ta, tb in ((False, False), (True, True)):
        np.testing.assert_array_equal(*run(target, 37, 70, 40, ta=ta, tb=tb, special=special))


@native
@pytest.mark.parametrize("dtype", [float32, float64])
def test_tiles_fit_the_registers_and_keep_the_multipliers_busy(target: str, dtype: DType) -> None:
    machine = host_target(target)
    for rows in (2, 5, 7, 13, 32, 37, 100, 256, 1000, Index.symbol("m")):
        tile = best_tile(rows, 1000, dtype, machine)
        assert tile.width == machine.lanes(dtype)
        assert tile.rows * tile.vectors + tile.vectors + 1 <= machine.vector_registers
        assert tile.rows * tile.vectors >= CHAINS or tile.rows == rows


@pytest.mark.parametrize(("rows", "best"), [(7, 7), (13, 13), (64, 8), (100, 10), (256, 8), (784, 14), (1000, 13)])
def test_tiles_divide_the_rows_that_are_known(rows: int, best: int) -> None:
    machine = Target("t", "", vector_bytes=64, vector_registers=32)
    assert best_tile(rows, 1000, float32, machine).rows == best


def scheduled(text: str, target: str = NATIVE[0]) -> Kernel:
    return schedule_kernel(parse_kernel(text), host_target(target))


def copies(k: Kernel) -> set[str]:
    """What of the operands is copied."""
    return {s.buffer.name for s in walk(k.body) if isinstance(s, Alloc) and s.buffer.space != "register"}


def test_what_is_copied() -> None:
    """b where many rows read it and it is far or lies across; a where it lies across, is deep, and is read again."""
    assert copies(scheduled(matmul(256, 1000, 512))) == {"c_b"}
    assert copies(scheduled(matmul("m", 1000, 512))) >= {"c_b"}
    assert copies(scheduled(matmul(100, 128, 64))) == set()
    assert copies(scheduled(matmul(100, 128, 64, tb=True))) == {"c_b"}
    assert copies(scheduled(matmul(512, 512, 1024, ta=True))) == {"c_a", "c_b"}
    assert copies(scheduled(matmul(784, 512, 100, ta=True))) == set()


def test_only_the_last_panel_has_conditions() -> None:
    k = scheduled(matmul(256, 1000, 512))
    (whole,) = (s for s in k.body if isinstance(s, For) and s.var == "c_b_in0")
    assert not any(type(s).__name__ == "If" for s in walk(whole.body))
