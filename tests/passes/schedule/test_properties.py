"""Any chain of rewrites that is not refused keeps a kernel's meaning, and leaves it valid."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tfc.ir.kernel import Alloc, For, Kernel, walk
from tfc.ir.kernel_text import parse_kernel
from tfc.passes.schedule import (
    ScheduleError,
    accumulate_lanes,
    bind,
    compute_at,
    distribute,
    expand,
    forward,
    fuse,
    inline,
    merge,
    place,
    reorder,
    rows_in_lanes,
    shrink,
    simplify_kernel,
    split,
    stage,
    unguard,
)
from tfc.passes.schedule.cpu_loops import merge_rows, merge_siblings, near, vector_loops
from tfc.passes.target import Target

Same = Callable[..., None]

KERNELS = {
    "matmul": """
        kernel matmul(a: float32[n, 3] in, b: float32[3, 4] in, c: float32[n, 4] out) dims(n) {
          for i0 < n { for j0 < 4 { c[i0, j0] = 0.0:float32 } }
          for i < n { for j < 4 { for k < 3 { c[i, j] add= mul(a[i, k], b[k, j]) } } }
        }""",
    "rows": """
        kernel rows(x: float32[n, 3] in, y: float32[n, 3] inout) dims(n) {
          alloc t: float32[n, 3] local arena
          for i < n { for j < 3 { t[i, j] = mul(x[i, j], y[i, 2 - j]) } }
          alloc s: float32[n] local arena
          for i1 < n { s[i1] = 0.0:float32 for j1 < 3 { s[i1] add= t[i1, j1] } }
          for i2 < n { for j2 < 3 { y[i2, j2] = sub(t[i2, j2], s[i2]) } }
        }""",
    "in_place": """
        kernel in_place(x: float32[n + 2, 4] inout) dims(n) {
          for i < n { for j < 3 { x[i + 1, j] = add(x[i, j + 1], x[i + 2, j]) } }
          for p < n { for q < 4 { x[p, q] = mul(x[p + 1, q], 2.0:float32) } }
        }""",
    "recurrence": """
        kernel recurrence(x: float32[n, 4] in, y: float32[n + 1, 4] inout, z: float32[n, 2] inout) dims(n) {
          alloc t: float32[4] local stack
          for i < n {
            for j < 4 { t[j] = add(y[i, j], x[i, 3 - j]) }
            for l < 4 { y[i + 1, l] = t[3 - l] }
            for o < 2 { for u < 2 { z[i, o] max= y[i, 2*o + u] } }
          }
        }""",
}
KERNELS |= {
    "masked": """
        kernel masked(x: float32[n, 5] in, y: float32[n, 5] inout) dims(n) {
          for io < floordiv(n + 3, 4) {
            alloc t: float32[4, 8] local stack
            for i < 4 { if lt(@(4*io + i), @(n)) { for j < 8 { if lt(@(j), @(5)) { t[i, j] = y[4*io + i, j] } } } }
            alloc s: float32[4] local stack
            for i1 < 4 { s[i1] = 0.0:float32 }
            for i2 < 4 { for j2 < 8 { if lt(@(j2), @(5)) { if lt(@(4*io + i2), @(n)) {
              s[i2] add= mul(t[i2, j2], select(lt(@(j2), @(4)), x[4*io + i2, j2 + 1], 2.0:float32)) } } } }
            for i3 < 4 { if lt(@(4*io + i3), @(n)) { for j3 < 5 { y[4*io + i3, j3] = sub(t[i3, j3], s[i3]) } } }
          }
        }""",
    "softmax": """
        kernel softmax(x: float32[n, 3] in, y: float32[n, 3] out) dims(n) {
          for i < n {
            alloc m: float32[] local stack
            m[] = x[i, 0]
            alloc t: float32[3] local stack
            for j < 3 { t[j] = sub(x[i, j], m[]) }
            alloc s: float32[] local stack
            s[] = 0.0:float32
            for j1 < 3 { s[] add= t[j1] }
            alloc r: float32[] local stack
            r[] = mul(s[], m[])
            for j2 < 3 { if gt(t[j2], 0.0:float32) { y[i, j2] = mul(t[j2], r[]) } else { y[i, j2] = r[] } }
          }
        }""",
    "scatter": """
        kernel scatter(x: float32[n, 3] in, at: int64[n] in, y: float32[5, 3] out) dims(n) {
          for z < 5 { for w < 3 { y[z, w] = 0.0:float32 } }
          for i < n {
            let v = mod(at[i], 5:int64)
            alloc t: float32[4] local stack
            for j < 4 { if lt(@(j), @(min(3, v + 1))) { t[j] = x[i, j] } }
            for j1 < 4 { if lt(@(j1), @(min(3, v + 1))) { y[v, j1] add= t[j1] } }
          }
        }""",
}
SPACES = ("stack", "register", "arena")


def rewrites(k: Kernel) -> list[st.SearchStrategy[Callable[[Kernel], Kernel]]]:
    """Every rewrite on any of the kernel's loops and buffers, most of them to be refused."""
    loops = st.sampled_from([s.var for s in walk(k.body) if isinstance(s, For)])
    local = [s.buffer.name for s in walk(k.body) if isinstance(s, Alloc)]
    buffers = st.sampled_from([b.name for b in k.buffers] + local)
    fresh = f"v{sum(1 for _ in walk(k.body))}"
    tails = st.sampled_from(["exact", "mask", "short", "peel", "peel_loop"])

    def call(f: Callable[..., Kernel], *args: st.SearchStrategy[object], **options: object) -> object:
        return st.builds(lambda *given: lambda k: f(k, *given, **options), *args)

    def splitting(v: str, factor: int, tail: str) -> Callable[[Kernel], Kernel]:
        return lambda k: split(k, v, factor, outer=f"{v}o", inner=f"{v}i", tail=tail, suffix=f"_{fresh}")

    return [
        st.builds(splitting, loops, st.integers(1, 4), tails),
        call(reorder, st.lists(loops, min_size=2, max_size=3, unique=True)),
        call(merge, loops, loops),
        call(distribute, loops, st.integers(1, 2), second=f"{fresh}d"),
        call(fuse, loops, loops, into=f"{fresh}f"),
        call(bind, loops, st.sampled_from(["vector", "parallel", "unrolled"])),
        call(shrink, buffers, loops),
        call(expand, buffers, loops),
        call(expand, buffers, loops, last=True),
        call(compute_at, buffers, loops),
        call(inline, buffers),
        st.builds(lambda v, o: lambda k: unguard(k, v, outside=o), loops, st.sampled_from(["refuse", "clamp", "mask"])),
        call(forward, buffers),
        st.builds(lambda v, w: lambda k: merge_siblings(k, [v, w]), loops, loops),
        st.just(near),
        st.builds(lambda b: lambda k: merge_rows(k, Target("any", "", vector_bytes=b)), st.sampled_from([8, 16])),
        call(rows_in_lanes, loops, st.integers(2, 4)),
        st.builds(lambda b: lambda k: vector_loops(k, Target("any", "", vector_bytes=b)), st.sampled_from([8, 16])),
        call(place, buffers, st.sampled_from(SPACES)),
        call(accumulate_lanes, loops, st.integers(1, 4), name=f"{fresh}p", suffix=f"_{fresh}"),
        st.builds(
            lambda b, v, f, s: lambda k: stage(k, b, name=f"{fresh}s", at=v, fresh=f, space=s),
            *(buffers, loops, st.booleans(), st.sampled_from(SPACES)),
        ),
        st.builds(
            lambda b, v, x: lambda k: stage(k, b, name=f"{fresh}r", around=v, fill=x),
            *(buffers, loops, st.sampled_from([None, 0.0])),
        ),
        st.just(simplify_kernel),
    ]


@pytest.mark.parametrize("name", KERNELS)
@settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_chains_of_rewrites(same: Same, name: str, data: st.DataObject) -> None:
    k = before = parse_kernel(KERNELS[name])
    for _ in range(6):
        rewrite = data.draw(st.one_of(rewrites(k)))
        try:
            k = rewrite(k)
        except ScheduleError:
            continue
    if k != before:
        same(before, k, *[{"n": n} for n in (0, 1, 5)])
