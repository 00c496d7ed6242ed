"""Memory: buffers that live at once never share bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfc.ir.index import Dim, Index
from tfc.ir.interpret import index_value
from tfc.ir.kernel_text import parse_program, print_program
from tfc.ir.kernel_verify import verify_program
from tfc.passes.memory import ALIGN, STACK, Lifetime, PlanMemory, arena

N, M = Index.symbol("n"), Index.symbol("m")
SIZES: list[Dim] = [0, 4, 64, 100, 4096, 4 * N, 4 * N + 4, 64 * N, 40 * N + 4096, 4 * N * M, 64 * M, 4 * N + 4 * M]
SPANS = st.tuples(st.sampled_from(SIZES), st.integers(0, 8), st.integers(0, 4))


def lifetimes(spans: list[tuple[Dim, int, int]]) -> list[Lifetime]:
    return [Lifetime(f"b{k}", size, first, first + length) for k, (size, first, length) in enumerate(spans)]


@given(st.lists(SPANS, max_size=14), st.integers(0, 40), st.integers(0, 40))
def test_buffers_that_live_at_once_share_no_bytes(spans: list[tuple[Dim, int, int]], n: int, m: int) -> None:
    buffers, dims = lifetimes(spans), {"n": n, "m": m}
    offsets, total = arena(buffers)
    size = index_value(total, dims)
    ends = {}
    for b in buffers:
        start = index_value(offsets[b.name], dims)
        ends[b.name] = (start, start + index_value(b.size, dims))
        assert start % ALIGN == 0
        assert 0 <= start <= ends[b.name][1] <= size
    for k, a in enumerate(buffers):
        for b in buffers[k + 1 :]:
            if a.first <= b.last and b.first <= a.last:
                (low, high), (other_low, other_high) = ends[a.name], ends[b.name]
                assert high <= other_low or other_high <= low or low == high or other_low == other_high


def test_buffers_that_never_live_at_once_share() -> None:
    sizes: list[Dim] = [4096, 64, 4000, 128 * N, 128 * N]
    buffers = [Lifetime(f"b{k}", size, k, k) for k, size in enumerate(sizes)]
    offsets, total = arena(buffers)
    # b1 takes the place of b0, which is free, and b2 too; b4 that of b3.
    assert total == 4096 + 128 * N
    assert offsets == {"b0": 0, "b1": 0, "b2": 0, "b3": 4096, "b4": 4096}


def test_a_place_grows_for_a_larger_buffer_of_the_same_kind() -> None:
    offsets, total = arena([Lifetime("a", 64 * N, 0, 0), Lifetime("b", 64 * N + 640, 1, 1)])
    assert offsets == {"a": 0, "b": 0}
    assert total == 64 * N + 640


@pytest.mark.parametrize(("extent", "moves"), [(STACK // 4, False), (STACK // 4 + 1, True), ("n", True)])
def test_local_buffers_that_do_not_fit_the_stack_go_to_the_arena(extent: int | str, moves: bool) -> None:
    dims = " dims(n)" if extent == "n" else ""
    text = f"""
    program p{dims} {{
      slot feed x: float32[3] in
      slot fetch y: float32[3] out
      kernel k(x: float32[3] in, y: float32[3] out){dims} {{
        alloc t: float32[{extent}] local stack
        for i < {extent} {{
          t[i] = 1.0:float32
        }}
        for i < 3 {{
          y[i] = x[i]
        }}
      }}
      run k(x, y){dims}
    }}
    """
    program = PlanMemory().apply(parse_program(text))
    verify_program(program)
    assert (program.arena != 0) is moves, print_program(program)
    assert ("alloc t" in print_program(program)) is not moves


def test_each_launch_has_scratch_of_its_own_size() -> None:
    text = """
    program p dims(n, m) {
      slot feed x: float32[n] in
      slot feed y: float32[m] in
      slot fetch u: float32[n] out
      slot fetch v: float32[m] out
      kernel k(a: float32[d] in, b: float32[d] out) dims(d) {
        alloc t: float32[d] local stack
        for i < d {
          t[i] = a[i]
        }
        for i < d {
          b[i] = t[i]
        }
      }
      run k(x, u) dims(n)
      run k(y, v) dims(m)
    }
    """
    program = PlanMemory().apply(parse_program(text))
    verify_program(program)
    assert [s.buffer.shape for s in program.slots if s.kind == "arena"] == [(N,), (M,)]
