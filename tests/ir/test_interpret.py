"""The reference interpreter: results against NumPy, and every rule that it checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfc.ir import types as T
from tfc.ir.errors import KernelError
from tfc.ir.interpret import run_kernel, run_program
from tfc.ir.kernel_text import parse_kernel, parse_program
from tfc.ir.kernel_verify import verify_kernel, verify_program

MATMUL = parse_kernel("""
kernel matmul(x: float32[n, k] in, w: float32[k, m] in, y: float32[n, m] out) dims(n, k, m) {
  for i < n parallel {
    alloc row: float32[m] local stack
    for j < m { row[j] = 0.0:float32 }
    for r < k {
      for c < m { row[c] add= mul(x[i, r], w[r, c]) }
    }
    for d < m { y[i, d] = row[d] }
  }
}
""")


def run(text: str, dims: dict[str, int] | None = None, **arrays: np.ndarray[Any, Any]) -> list[int]:
    kernel = parse_kernel(text)
    verify_kernel(kernel)
    return run_kernel(kernel, arrays, dims or {})


def f32(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_matmul_is_numpys(n: int, k: int, m: int) -> None:
    x, w, y = f32(n, k), f32(k, m), np.full((n, m), np.nan, np.float32)
    verify_kernel(MATMUL)
    assert run_kernel(MATMUL, {"x": x, "w": w, "y": y}, {"n": n, "k": k, "m": m}) == []
    np.testing.assert_allclose(y, x.astype(np.float64) @ w.astype(np.float64), rtol=1e-5, atol=1e-6)


def test_strides_are_honoured() -> None:
    text = """kernel t(x: float64[3, 2] in strides(1, 3), y: float64[3, 2] out strides(4, 2)) {
      for i < 3 { for j < 2 vector { y[i, j] = x[i, j] } }
    }"""
    x, base = np.arange(6.0).reshape(2, 3).T, np.zeros((3, 4))
    run(text, x=x, y=base[:, ::2])
    np.testing.assert_array_equal(base[:, ::2], x)
    np.testing.assert_array_equal(base[:, 1::2], 0)


def test_a_name_indexes() -> None:
    text = """kernel gather(x: float32[5] in, i: int32[3] in, y: float32[3] out) {
      for k < 3 vector {
        let at = cast<int64>(i[k])
        y[k] = x[4 - at]
      }
    }"""
    x, i, y = f32(5), np.array([4, 0, 2], np.int32), f32(3)
    run(text, x=x, i=i, y=y)
    np.testing.assert_array_equal(y, x[4 - i])
    with pytest.raises(KernelError, match=r"^kernel gather: x\[-3\] is outside the shape \[5\]$"):
        run(text, x=x, i=np.array([0, 7, 0], np.int32), y=y)


def test_select_loads_from_the_side_it_takes() -> None:
    text = """kernel pad(x: float32[3] in, y: float32[5] out) {
      for i < 5 vector {
        y[i] = select(and(ge(@(i), 1:int64), lt(@(i), 4:int64)), x[i - 1], 0.0:float32)
      }
    }"""
    x, y = f32(3), f32(5)
    run(text, x=x, y=y)
    np.testing.assert_array_equal(y, np.pad(x, 1))


def test_checks_are_numbered_and_do_not_stop() -> None:
    text = """kernel c(y: float32[4] out) {
      for i < 4 {
        check lt(@(i), 2:int64) else 7
        check lt(@(i), 9:int64) else 3
        check false:bool else 1
        y[i] = 1.0:float32
      }
    }"""
    y = f32(4)
    assert run(text, y=y) == [1, 7]
    np.testing.assert_array_equal(y, 1)


def test_scalars_are_evaluated_in_their_dtype() -> None:
    text = """kernel w(a: uint8[1] in, h: float16[1] in, y: uint8[1] out, z: float16[1] out) {
      y[0] = add(a[0], 100:uint8)
      z[0] = mul(h[0], h[0])
    }"""
    y, z = np.zeros(1, np.uint8), np.zeros(1, np.float16)
    run(text, a=np.array([200], np.uint8), h=np.array([300], np.float16), y=y, z=z)
    assert (y[0], z[0]) == (44, np.inf)


@pytest.mark.parametrize(
    ("combiner", "dtype", "values", "expected"),
    [
        ("add", "int32", [3, 4, 5], 13),
        ("mul", "int32", [3, 4, 5], 60),
        ("min", "float32", [3, -4, 5], -4),
        ("max", "float32", [0, np.nan, 5], np.nan),
        ("and", "bool", [1, 0, 1], False),
        ("or", "int32", [1, 2, 4], 7),
    ],
)
def test_accumulate(combiner: str, dtype: str, values: list[float], expected: Any) -> None:
    text = f"""kernel r(x: {dtype}[3] in, y: {dtype}[] inout) {{
      for i < 3 grid {{ y[] {combiner}= x[i] }}
    }}"""
    y = np.array({"mul": 1, "and": 1, "add": 1}.get(combiner, 0), dtype)
    run(text, x=np.array(values).astype(dtype), y=y)
    np.testing.assert_array_equal(y, np.array(expected, dtype))


# What no kernel may do.

RACES = [
    ("for i < 4 KIND { y[0*i + floordiv(i, 2)] = 1.0:float32 }", "y[0]: store in iteration 1 of i, which iteration 0"),
    ("for i < 3 KIND { y[i + 1] = y[i] }", "y[1]: load in iteration 1 of i, which iteration 0"),
    ("for i < 3 KIND { y[i] = y[i + 1] }", "y[1]: store in iteration 1 of i, which iteration 0"),
    (
        "for i < 3 KIND { y[floordiv(i, 4)] add= 1.0:float32 y[i + 1] = y[0] }",
        "y[0]: add in iteration 1 of i, which iteration 0",
    ),
    (
        "for i < 2 KIND { if eq(@(i), 0:int64) { y[0] add= 1.0:float32 } else { y[0] mul= 2.0:float32 } }",
        "y[0]: mul in iteration 1 of i, which iteration 0",
    ),
    (
        "for i < 3 KIND { if lt(@(i), 2:int64) { y[i] = y[3] } else { y[3] = 0.0:float32 } }",
        "y[3]: store in iteration 2 of i, which several iterations",
    ),
]


@pytest.mark.parametrize("kind", ["vector", "parallel", "grid", "block", "lane"])
@pytest.mark.parametrize(("body", "message"), RACES)
def test_races_are_found(kind: str, body: str, message: str) -> None:
    text = f"kernel race(y: float32[4] inout) {{ {body.replace('KIND', kind)} }}"
    with pytest.raises(KernelError) as error:
        run(text, y=f32(4))
    assert str(error.value) == f"kernel race: a race on {message} touched"


def test_parallel_iterations_do_not_accumulate_into_one_element() -> None:
    text = "kernel race(y: float32[4] inout) { for i < 3 KIND { y[floordiv(i, 2)] add= 1.0:float32 } }"
    with pytest.raises(KernelError, match=r"a race on y\[0\]: add in iteration 1 of i, which iteration 0 touched"):
        run(text.replace("KIND", "parallel"), y=f32(4))
    run(text.replace("KIND", "vector"), y=f32(4))


PRIVATE = """kernel own(x: float32[8] in, y: float32[8] out, t: float32[2] out arena) {
  for i < 4 parallel grain(2) private(t) {
    for k < 2 { t[k] = x[2*i + k] }
    for k < 2 { y[2*i + k] = t[1 - k] }
  }
}"""


def test_private_buffers_are_an_iterations_own() -> None:
    x, y = f32(8), f32(8)
    run(PRIVATE, x=x, y=y, t=f32(2))
    np.testing.assert_array_equal(y, x.reshape(4, 2)[:, ::-1].ravel())
    shared = parse_kernel(PRIVATE.replace(" private(t)", ""))
    with pytest.raises(KernelError, match=r"a race on t\[0\]"):
        run_kernel(shared, {"x": x, "y": y, "t": f32(2)}, {})


@pytest.mark.parametrize("place", ["for k < 2 { t[k] = x[2*i + k] }", "for k < 2 { y[2*i + k] = t[1 - k] }"])
def test_private_buffers_start_and_end_undefined(place: str) -> None:
    text = PRIVATE.replace(place, "") if "t[k] =" in place else PRIVATE.replace("\n  }\n}", "\n  }\n  y[0] = t[0]\n}")
    with pytest.raises(KernelError, match="is read before it is written"):
        run(text, x=f32(8), y=f32(8), t=f32(2))


@pytest.mark.parametrize(("body", "message"), RACES)
def test_serial_loops_do_not_race(body: str, message: str) -> None:
    run(f"kernel fine(y: float32[4] inout) {{ {body.replace('KIND', 'serial')} }}", y=f32(4))


def test_iterations_of_one_loop_that_runs_twice_do_not_race() -> None:
    y = f32(4)
    run("kernel fine(y: float32[4] inout) { for t < 2 { for i < 4 vector { y[i] = add(y[i], 1.0:float32) } } }", y=y)
    np.testing.assert_array_equal(y, f32(4) + np.float32(1) + np.float32(1))


def test_a_race_across_an_outer_loop_is_found() -> None:
    text = "kernel r(y: float32[2] inout) { for t < 2 parallel { for i < 2 { y[i] = cast<float32>(@(t)) } } }"
    with pytest.raises(KernelError, match="iteration 1 of t"):
        run_kernel(parse_kernel(text), {"y": f32(2)}, {})


def test_local_memory_of_an_iteration_is_its_own() -> None:
    text = """kernel own(x: float32[8] in, y: float32[8] out) {
      for i < 8 parallel {
        alloc t: float32[1] local register
        t[0] = x[i]
        t[0] mul= 2.0:float32
        y[i] = t[0]
      }
    }"""
    x, y = f32(8), f32(8)
    run(text, x=x, y=y)
    np.testing.assert_array_equal(y, 2 * x)


def test_local_memory_outside_the_loop_is_shared() -> None:
    text = """kernel shared(y: float32[8] out) {
      alloc t: float32[1] local stack
      for i < 8 parallel { t[floordiv(i, 8)] = 0.0:float32 y[i] = t[0] }
    }"""
    with pytest.raises(KernelError, match=r"a race on t\[0\]"):
        run(text, y=f32(8))


LANES = """kernel reverse(x: float32[4] in, y: float32[4] out) {
  for b < 2 block {
    alloc s: float32[2] local shared
    for t < 2 lane {
      s[t] = x[2*b + t]
      BARRIER
      y[2*b + t] = s[1 - t]
    }
  }
}"""


def test_a_barrier_parts_accesses() -> None:
    x, y = f32(4), f32(4)
    run(LANES.replace("BARRIER", "barrier"), x=x, y=y)
    np.testing.assert_array_equal(y, x[[1, 0, 3, 2]])


def test_without_the_barrier_the_memory_is_not_written() -> None:
    with pytest.raises(KernelError, match=r"s\[1\] is read before it is written"):
        run(LANES.replace("BARRIER", ""), x=f32(4), y=f32(4))


def test_one_barrier_for_two_lane_loops() -> None:
    text = """kernel transpose(x: float32[3, 3] in, y: float32[3, 3] out) {
      alloc s: float32[3, 3] local shared
      for i < 3 lane {
        for j < 3 lane {
          s[i, j] = x[i, j]
          barrier
          y[i, j] = s[j, i]
        }
      }
    }"""
    x, y = f32(3, 3), f32(3, 3)
    run(text, x=x, y=y)
    np.testing.assert_array_equal(y, x.T)


def test_barriers_in_a_serial_loop_reduce_as_a_tree() -> None:
    text = """kernel tree(x: float32[8] in, y: float32[1] out) {
      alloc s: float32[16] local shared
      for t < 8 lane {
        s[t] = x[t]
        s[t + 8] = 0.0:float32
        for r < 3 {
          barrier
          let v = s[t + 4 - 2*r + floordiv(r, 2)]
          barrier
          s[t] = add(s[t], v)
        }
        if eq(@(t), 0:int64) { y[0] = s[0] }
      }
    }"""
    x, y = f32(8), f32(1)
    run(text, x=x, y=y)
    np.testing.assert_allclose(y[0], x.sum(dtype=np.float64), rtol=1e-6)


@pytest.mark.parametrize(
    "body",
    [
        "if lt(@(t), 2:int64) { barrier }",
        "if lt(@(t), 2:int64) { barrier } else { barrier }",
        "for r < t { barrier }",
    ],
)
def test_a_divergent_barrier_is_an_error(body: str) -> None:
    with pytest.raises(KernelError, match="^kernel d: a barrier that not all lanes of t reach$"):
        run(f"kernel d() {{ for t < 4 lane {{ {body} }} }}")


def test_a_barrier_outside_lanes_is_an_error() -> None:
    with pytest.raises(KernelError, match="^kernel d: a barrier outside a lane loop$"):
        run_kernel(parse_kernel("kernel d() { for t < 4 lane { for v < 2 vector { barrier } } }"), {}, {})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("for i < n { y[i + 1] = 0.0:float32 }", "y[3] is outside the shape [3]"),
        ("for i < n { y[i] = x[i - 1, 0] }", "x[-1, 0] is outside the shape [3, 2]"),
        ("alloc t: float32[1] local stack y[0] = t[0]", "t[0] is read before it is written"),
        ("alloc t: float32[1] local stack t[0] add= 1.0:float32", "t[0] is read before it is written"),
        ("y[0] = y[1]", "y[1] is read before it is written"),
        ("y[0] add= 1.0:float32", "y[0] is read before it is written"),
        ("x[0, 0] = 1.0:float32", "a write to x[0, 0], but x has role in"),
    ],
)
def test_accesses_are_checked(body: str, message: str) -> None:
    kernel = parse_kernel(f"kernel a(x: float32[n, 2] in, y: float32[n] out) dims(n) {{ {body} }}")
    with pytest.raises(KernelError) as error:
        run_kernel(kernel, {"x": f32(3, 2), "y": f32(3)}, {"n": 3})
    assert str(error.value) == f"kernel a: {message}"


def test_a_zero_divisor_in_an_index_is_an_error() -> None:
    kernel = parse_kernel("kernel z(y: float32[4] out) dims(n) { y[floordiv(3, n)] = 0.0:float32 }")
    with pytest.raises(KernelError, match="division by zero"):
        run_kernel(kernel, {"y": f32(4)}, {"n": 0})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": f32(3)}, "no array for y"),
        ({"x": f32(3), "y": f32(4)}, "y is float32[3], the array is float32[4]"),
        ({"x": f32(3).astype(float), "y": f32(3)}, "x is float32[3], the array is float64[3]"),
        ({"x": f32(6)[::2], "y": f32(3)}, "x has strides [1], the array has [2]"),
    ],
)
def test_arguments_are_checked(arrays: dict[str, Any], message: str) -> None:
    kernel = parse_kernel("kernel a(x: float32[n] in, y: float32[n] out) dims(n) { for i < n { y[i] = x[i] } }")
    with pytest.raises(KernelError) as error:
        run_kernel(kernel, arrays, {"n": 3})
    assert str(error.value) == f"kernel a: {message}"


def test_shared_memory_must_be_declared() -> None:
    text = "kernel a(x: float32[3] in A, y: float32[3] inout A) { for i < 3 { y[i] = neg(x[i]) } }"
    x = f32(3)
    with pytest.raises(KernelError, match="^kernel a: x and y share memory, but are not both alias$"):
        run(text.replace(" A", ""), x=x, y=x)
    run(text.replace(" A", " alias"), x=x, y=x)
    np.testing.assert_array_equal(x, -f32(3))


# Programs.

PROGRAM = """program two dims(n) arena(ARENA) {
  message "negative"
  slot feed x: float32[n] in
  slot fetch y: float32[n] out
  slot arena a: float32[n] inout
  slot arena b: float32[n] inout at(OFFSET)
  kernel put(x: float32[m] in, z: float32[m] out, c: float32[] in) dims(m) {
    for i < m parallel {
      check ge(x[i], 0.0:float32) else 0
      z[i] = mul(x[i], c[])
    }
  }
  kernel sum(a: float32[m] in, b: float32[m] in, y: float32[m] out) dims(m) {
    for i < m parallel { y[i] = add(a[i], b[i]) }
  }
  slot constant two: float32[] in
  slot variable w: float32[] inout
  run put(x, a, two) dims(n)
  run put(x, b, w) dims(n)
  run sum(a, b, y) dims(n)
}"""


def run_two(arena: str, offset: str, n: int = 3) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], list[int]]:
    program = parse_program(PROGRAM.replace("ARENA", arena).replace("OFFSET", offset))
    verify_program(program)
    x, y = np.abs(f32(n)), f32(n)
    slots = {"x": x, "y": y, "two": np.array(2, np.float32), "w": np.array(-0.5, np.float32)}
    return x, y, run_program(program, slots, {"n": n})


@pytest.mark.parametrize("n", [0, 1, 3, 17])
def test_a_program_runs_its_steps(n: int) -> None:
    x, y, failed = run_two("8*n", "4*n", n)
    np.testing.assert_allclose(y, 1.5 * x, rtol=1e-6)
    assert failed == []


def test_no_step_follows_one_with_a_failed_check() -> None:
    program = parse_program(PROGRAM.replace("ARENA", "8*n").replace("OFFSET", "4*n"))
    slots = {"x": np.array([1, -1], np.float32), "y": f32(2), "two": np.ones((), np.float32)}
    before = slots["y"].copy()
    assert run_program(program, {**slots, "w": np.ones((), np.float32)}, {"n": 2}) == [0]
    np.testing.assert_array_equal(slots["y"], before)


def test_overlapping_lifetimes_show_in_the_result() -> None:
    x, y, _ = run_two("8*n", "4")
    np.testing.assert_allclose(y, [1.5 * x[0], -0.5 * (x[0] + x[1]), -0.5 * (x[1] + x[2])], rtol=1e-6)


def test_overlapping_arguments_are_an_error() -> None:
    text = """program p arena(12) {
      slot fetch y: float32[2] out
      slot arena a: float32[2] inout
      slot arena b: float32[2] inout at(4)
      kernel move(a: float32[2] inout, b: float32[2] inout) { for i < 2 { a[i] = b[i] } }
      run move(a, b)
      run move(y, b)
    }"""
    with pytest.raises(KernelError, match="^kernel move: a and b share memory, but are not both alias$"):
        run_program(parse_program(text), {"y": f32(2)}, {})


def test_a_slot_beyond_the_arena_is_an_error() -> None:
    with pytest.raises(KernelError, match="^program two: b takes the bytes 16 to 28 of an arena of 24$"):
        run_two("8*n", "16")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("run copy(x, a)", "", "kernel copy: a[0] is read before it is written"),
        ("run copy(a, y)", "", "program p: fetch y was not written in full"),
        ("fetch y: float32[2]", "fetch y: float32[3]", "program p: fetch y was not written in full"),
        ("fetch y: float32[2]", "fetch y: float32[1]", "kernel copy: b is float32[2], y is float32[1]"),
    ],
)
def test_programs_are_checked(old: str, new: str, message: str) -> None:
    text = """program p arena(8) {
      slot feed x: float32[2] in
      slot fetch y: float32[2] out
      slot arena t: float32[2] inout
      kernel copy(a: float32[2] in, b: float32[2] out) { for i < 2 { b[i] = a[i] } }
      run copy(x, t)
      run copy(t, y)
    }"""
    text = text.replace(old.replace("(x, a)", "(x, t)").replace("(a, y)", "(t, y)"), new)
    program = parse_program(text)
    fetch = next(s for s in program.slots if s.kind == "fetch").buffer
    y = np.zeros(fetch.shape, np.float32)
    with pytest.raises(KernelError) as error:
        run_program(program, {"x": f32(2), "y": y}, {})
    assert str(error.value) == message


def test_a_launch_may_see_a_slot_in_another_shape() -> None:
    text = """program flat dims(n) {
      slot feed x: float32[n, 3] in
      slot fetch y: float32[3, n] out
      kernel copy(a: float32[m] in, b: float32[m] out) dims(m) { for i < m parallel { b[i] = a[i] } }
      run copy(x, y) dims(3*n)
    }"""
    x, y = f32(4, 3), f32(3, 4)
    program = parse_program(text)
    verify_program(program)
    run_program(program, {"x": x, "y": y}, {"n": 4})
    np.testing.assert_array_equal(y, x.reshape(3, 4))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 7),
    st.integers(1, 4),
    st.sampled_from([d for d in T.DTYPES.values() if not d.is_bool and d.bits >= 32]),
    st.integers(0, 2**32 - 1),
)
def test_a_tiled_reduction_is_numpys(n: int, tile: int, dtype: T.DType, seed: int) -> None:
    """Rows in tiles with a masked tail: split, min and max in extents, local memory, accumulation."""
    text = f"""kernel rows(x: {dtype}[n, 5] in, y: {dtype}[n] out) dims(n) {{
      for t < floordiv(n + {tile - 1}, {tile}) parallel {{
        for i < min({tile}, n - {tile}*t) {{
          alloc s: {dtype}[] local register
          s[] = {"0.0" if dtype.is_float else "0"}:{dtype}
          for j < 5 vector {{ s[] add= x[{tile}*t + i, j] }}
          y[{tile}*t + i] = s[]
        }}
      }}
    }}"""
    x = np.random.default_rng(seed).integers(0, 1000, (n, 5)).astype(dtype.np)
    y = np.zeros(n, dtype.np)
    run(text, {"n": n}, x=x, y=y)
    np.testing.assert_array_equal(y, x.sum(axis=1, dtype=dtype.np))
