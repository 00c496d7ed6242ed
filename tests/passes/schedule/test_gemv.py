"""Products of a matrix and a few vectors: on the interpreter for vectors of many sizes, and in machine code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.passes.lower.support import Lowered, assert_close, reference
from tfc.codegen_llvm import available_targets
from tfc.ir.graph import Graph
from tfc.ir.index import Dim, Index
from tfc.ir.kernel import Alloc, Body, For, If, Kernel, walk
from tfc.ir.kernel_verify import verify_program
from tfc.ir.op import REGISTRY
from tfc.ir.types import DType, float32, float64, int32
from tfc.passes.schedule import cpu_gemv, parallelise
from tfc.passes.schedule.cpu import Schedule
from tfc.passes.schedule.cpu_gemv import FEWEST
from tfc.passes.target import Target

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
NATIVE = [name for name in ("avx512", "avx2", "sse2") if name in available_targets()]
TARGETS = {
    "v16": Target("v16", "", vector_bytes=16, vector_registers=16, fma=True, l2=512),
    "v32x32": Target("v32x32", "", vector_bytes=32, vector_registers=32, fma=True, masks=True, l2=512),
}
NEAR = {name: replace(target, l2=Target.l2) for name, target in TARGETS.items()}
"""Beside them, the matrices are near."""


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few at a time that every loop over them runs more than once."""
    monkeypatch.setattr(cpu_gemv, "ROWS", 2)


def product(
    m: int, k: int, n: int, *, ta: bool = False, tb: bool = False, dtype: DType = float32, open_dims: str = ""
) -> tuple[Graph, Arrays]:
    """`a @ b` of small whole numbers, either transposed first; dims named in `open_dims` are of the run."""
    sizes: dict[str, Dim] = {d: Index.symbol(d) if d in open_dims else x for d, x in zip("mkn", (m, k, n), strict=True)}
    rng = np.random.default_rng(m + 10 * k + 100 * n)
    graph = Graph()
    arrays: Arrays = {}
    operands = []
    for name, dims, swap in (("a", "mk", ta), ("b", "kn", tb)):
        dims = dims[::-1] if swap else dims
        shape = tuple(sizes[d] for d in dims)
        operands.append(REGISTRY["placeholder"](graph=graph, name=name, dtype=dtype, shape=shape))
        arrays[name] = rng.integers(-4, 5, [{"m": m, "k": k, "n": n}[d] for d in dims]).astype(dtype.np)
    graph.outputs = [REGISTRY["matmul"](*operands, transpose_a=ta, transpose_b=tb)]
    return graph, arrays


def check(graph: Graph, arrays: Arrays, targets: dict[str, Target] = TARGETS) -> dict[str, Kernel]:
    """The kernel of the product for each target, its results compared with the reference."""
    lowered, expected = Lowered(graph, arrays), reference(graph, arrays)
    found = {}
    for name, target in targets.items():
        program = Schedule(target).apply(lowered.program)
        verify_program(program)
        assert_close(lowered.interpret(arrays, program), expected, name)
        found[name] = program.kernels[0]
    return found


def is_streamed(body: Body) -> bool:
    """Whether some rows of the matrix are added up around the loops over the result."""
    names = [s.var.removesuffix("_few").removesuffix("_one") for s in walk(body) if isinstance(s, For)]
    return any(name.endswith("k_c") for name in names)


@pytest.mark.parametrize("depth", [1, 3, 8, 11, 20, 29])
@pytest.mark.parametrize("length", [32, 37, 40])
def test_one_vector(depth: int, length: int) -> None:
    for graph, arrays in (product(1, depth, length), product(length, depth, 1, ta=True)):
        kernels = check(graph, arrays).values()
        assert depth < 20 or all(is_streamed(x.body) for x in kernels)


@pytest.mark.parametrize("length", [32, 35])
def test_blocks_of_rows_have_sums_of_their_own(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    monkeypatch.setattr(cpu_gemv, "BLOCK", 2)
    for k in check(*product(1, 48, length)).values():
        (blocks,) = (s for s in k.body if isinstance(s, For) and s.var.endswith("k_b"))
        assert blocks.extent == 3
        parallelise(k, blocks.var)
    for depth in (47, 56):
        check(*product(1, depth, length))


@pytest.mark.parametrize("rows", [2, 5, 11])
@pytest.mark.parametrize("length", [33, 44])
def test_few_vectors(rows: int, length: int) -> None:
    check(*product(rows, 3, length))
    assert all(is_streamed(x.body) for x in check(*product(rows, 17, length)).values())


def test_threads_may_take_the_columns_of_a_few_vectors_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_gemv, "COLUMNS", 32)
    for k in check(*product(3, 17, 131)).values():
        (columns,) = (s for s in walk(k.body) if isinstance(s, For) and s.var.endswith("_s"))
        assert columns.extent == 4
        parallelise(k, columns.var)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_rows_of_the_matrix_along_the_depth(rows: int) -> None:
    """They are read where they stand, as is what each is multiplied with."""
    for depth, length in ((32, 33), (35, 32)):
        for k in check(*product(rows, depth, length, tb=True)).values():
            assert {s.buffer.space for s in walk(k.body) if isinstance(s, Alloc)} == {"register"}
    for depth, length in ((3, 40), (5, 3)):
        check(*product(rows, depth, length, tb=True, open_dims="k"))


@pytest.mark.parametrize("rows", [1, 3])
def test_what_follows_a_product(rows: int) -> None:
    """Steps of a single element among the nests after it, as of a softmax of one row, are in nobody's way."""
    graph, arrays = product(rows, 17, 33)
    graph.outputs = [REGISTRY["softmax"](REGISTRY["neg"](graph.outputs[0]), axis=-1)]
    assert all(is_streamed(x.body) for x in check(graph, arrays).values())


def test_depth_and_length_of_the_run() -> None:
    for depth, length in ((0, 5), (1, 1), (9, 33), (19, 70)):
        check(*product(1, depth, length, open_dims="kn"))


def test_where_the_run_says_how_many_there_is_a_form_for_rows_along_the_depth() -> None:
    for rows in (0, 3, FEWEST + 1):
        for k in check(*product(rows, 33, 33, tb=True, open_dims="m"), NEAR).values():
            assert isinstance(k.body[0], If)


@pytest.mark.parametrize("transposed", [False, True])
def test_where_the_run_says_how_many_there_is_a_form_for_few(transposed: bool) -> None:
    """Beside that for many, on both sides of where they meet, and where there is none at all."""
    for rows in (0, 1, 2, FEWEST, FEWEST + 1):
        for k in check(*product(rows, 17, 37, ta=transposed, open_dims="m"), NEAR).values():
            (one,) = k.body
            assert isinstance(one, If)
            assert is_streamed(one.then)
            (choice,) = one.orelse
            assert isinstance(choice, If)
            assert is_streamed(choice.then)
            assert not is_streamed(choice.orelse)


SHAPES = [(1, 100, 1000), (1, 97, 161), (1, 16, 64), (3, 35, 130), (7, 20, 257), (16, 33, 128)]


@pytest.mark.parametrize("dtype", [float32, float64, int32])
@pytest.mark.parametrize("target", NATIVE)
def test_machine_code(target: str, dtype: DType) -> None:
    for m, k, n in SHAPES:
        for ta, tb, dims in ((False, False, ""), (True, False, "m"), (False, True, "m")):
            graph, arrays = product(m, k, n, ta=ta, tb=tb, dtype=dtype, open_dims=dims)
            where = f"{m} {k} {n} {ta} {tb}"
            assert_close(Lowered(graph, arrays).native(arrays, target), reference(graph, arrays), where)


@pytest.mark.parametrize("target", NATIVE)
@pytest.mark.parametrize("shape", [(1, 20, 133), (5, 20, 133)])
def test_what_is_not_finite_stays_where_it_belongs(target: str, shape: tuple[int, int, int]) -> None:
    """NaN or an infinity in the last elements, beside which vectors and tiles end."""
    graph, arrays = product(*shape)
    lowered = Lowered(graph, arrays)
    for name in arrays:
        for value in (np.nan, np.inf, -0.0):
            given = {n: x.copy() for n, x in arrays.items()}
            given[name].flat[-1] = value
            with np.errstate(invalid="ignore"):
                expected = reference(graph, given)
            assert_close(lowered.native(given, target), expected, f"{value} in {name}")
