"""Loops, accesses and masks against the interpreter and NumPy, for each target that this machine runs."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np
import pytest

from tests.codegen_llvm.support import TARGETS, Array, check, compile_kernel, program_of, run_native
from tfc.codegen_llvm import emit_program, host_target, jit
from tfc.ir import types as T
from tfc.ir.kernel import Kernel
from tfc.ir.kernel_text import parse_kernel
from tfc.passes.target import Target

SIZES = (0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 64, 97)
RANDOM = np.random.default_rng(9)


def floats(*shape: int) -> Array:
    return RANDOM.normal(size=shape).astype(np.float32)


TAIL = """
kernel tail(x: float32[n] in, y: float32[n] out) dims(n) {{
  for o < floordiv(n + {last}, {lanes}) {{
    for l < {lanes} vector {{
      if lt(@({lanes}*o + l), @(n)) {{
        y[{lanes}*o + l] = add(mul(x[{lanes}*o + l], 2.0:float32), 1.0:float32)
      }}
    }}
  }}
}}"""


@pytest.mark.parametrize("lanes", [1, 2, 3, 8, 16, 64])
def test_masked_tails(lanes: int) -> None:
    for n in SIZES:
        x = floats(n)
        got = check(TAIL.format(lanes=lanes, last=lanes - 1), {"x": x, "y": np.zeros_like(x)}, n=n)
        np.testing.assert_array_equal(got["y"], x * 2 + 1)


@pytest.mark.parametrize("dtype", list(T.DTYPES.values()), ids=str)
def test_moving_every_dtype(dtype: T.DType) -> None:
    """By vector loads and stores, masked ones, strided ones, gathers and scatters."""
    text = """
    kernel move(x: D[21] in, i: int32[21] in, a: D[21] out, b: D[21] out, c: D[21] out, e: D[21] out, f: D[42] inout) {
      for l < 21 vector {
        a[l] = x[l]
        b[20 - l] = x[l]
        f[2*l] = x[20 - l]
        let j = cast<int64>(i[l])
        c[l] = x[j]
        e[j] = x[l]
        if eq(mod(@(l), 3:int64), 1:int64) {
          f[2*l + 1] = x[j]
        } else {
          f[2*j + 1] = x[20 - j]
        }
      }
    }""".replace("D[", f"{dtype}[")
    x = RANDOM.integers(0, 100, 21).astype(np.int64).astype(dtype.np)
    i = np.roll(np.arange(21), 9).astype(np.int32)
    i = np.where(np.arange(21) % 3 == 1, i, np.arange(21)).astype(np.int32)
    zero = {k: np.zeros(21, dtype.np) for k in "abc"}
    got = check(
        text.replace("e[j] = x[l]", "e[20 - l] = x[j]"),
        {"x": x, "i": i, **zero, "e": zero["a"], "f": np.zeros(42, dtype.np)},
    )
    np.testing.assert_array_equal(got["b"], x[::-1])


def test_scatter_through_indices() -> None:
    text = """
    kernel scatter(x: float32[19] in, i: int64[19] in, m: bool[19] in, y: float32[19] inout, z: float32[19] inout) {
      for l < 19 vector {
        let j = i[l]
        y[j] = x[l]
        if m[l] {
          z[j] = neg(x[j])
        }
      }
    }"""
    x, i = floats(19), RANDOM.permutation(19)
    m = RANDOM.random(19) < 0.5
    got = check(text, {"x": x, "i": i, "m": m, "y": np.zeros_like(x), "z": floats(19)})
    np.testing.assert_array_equal(got["y"][i], x)


def test_strides_known_at_run_time() -> None:
    text = """
    kernel transpose(x: float32[n, m] in, y: float32[m, n] out, d: float32[n] out strides(1)) dims(n, m) {
      for i < m {
        for o < floordiv(n + 7, 8) {
          for l < 8 vector {
            if lt(@(8*o + l), @(n)) {
              y[i, 8*o + l] = x[8*o + l, i]
            }
          }
        }
      }
      for i < n {
        d[i] = x[i, min(i, m - 1)]
      }
    }"""
    for n, m in ((1, 1), (5, 3), (8, 8), (17, 9)):
        x = floats(n, m)
        got = check(text, {"x": x, "y": np.zeros((m, n), np.float32), "d": np.zeros(n, np.float32)}, n=n, m=m)
        np.testing.assert_array_equal(got["y"], x.T)


def test_quotients_and_rests_in_indices() -> None:
    text = """
    kernel tile(x: int32[a, b] in, y: int32[a, b, c] out, z: int32[100] out) dims(a, b, c) {
      for f < a*b*c {
        y[floordiv(f, b*c), mod(floordiv(f, c), b), mod(f, c)] = x[floordiv(f, b*c), mod(floordiv(f, c), b)]
      }
      for l < 25 vector {
        for k < 4 {
          z[4*l + k] = x[mod(l, min(a, 2)), floordiv(mod(l + k, 7), 7)]
        }
      }
      for l < 4 {
        z[l - 10 + 10] = cast<int32>(@(floordiv(l - 3, 2) * 1000 + mod(l - 3, 2)))
      }
    }"""
    x = RANDOM.integers(-9, 9, (3, 5)).astype(np.int32)
    got = check(text, {"x": x, "y": np.zeros((3, 5, 4), np.int32), "z": np.zeros(100, np.int32)}, a=3, b=5, c=4)
    np.testing.assert_array_equal(got["y"], np.repeat(x[..., None], 4, 2))


@pytest.mark.parametrize("combiner", ["add", "mul", "min", "max", "and", "or"])
def test_accumulations(combiner: str) -> None:
    """In registers, across lanes, across lanes under a mask, and where lanes meet."""
    for dtype in ("float32", "float64", "int8", "int64", "uint16", "uint64", "bool"):
        if (combiner in ("and", "or")) == dtype.startswith("float") or (combiner in "addmulminmax") == (
            dtype == "bool"
        ):
            continue
        text = f"""
        kernel reduce(x: {dtype}[23] in, i: int32[23] in, a: {dtype}[] inout, b: {dtype}[] inout, c: {dtype}[5] inout,
                      e: {dtype}[23] inout) {{
          for l < 23 vector {{
            a[] {combiner}= x[l]
            c[cast<int64>(i[l])] {combiner}= x[l]
            e[l] {combiner}= x[22 - l]
            if gt(i[l], 1:int32) {{
              b[] {combiner}= x[l]
              c[cast<int64>(i[l])] {combiner}= x[l]
              e[l] {combiner}= x[l]
            }}
          }}
        }}""".replace("c[cast<int64>(i[l])]", "c[j]").replace("a[] ", "let j = cast<int64>(i[l])\n a[] ", 1)
        x = (RANDOM.normal(size=23) * 9).astype(dtype)
        arrays: dict[str, Any] = {"x": x, "i": RANDOM.integers(0, 5, 23).astype(np.int32), "e": x[::-1].copy()}
        arrays |= {"a": np.array(x[3]), "b": np.array(x[4]), "c": x[:5].copy()}
        check(text, arrays, rtol=1e-4 if dtype == "float32" else 1e-9)


def test_min_and_max_of_nan() -> None:
    text = """
    kernel extremes(x: float32[8] in, a: float32[] inout, b: float32[] inout) {
      for l < 8 vector {
        a[] min= x[l]
        b[] max= x[l]
      }
    }"""
    for at in range(9):
        x = np.array([1, 2, -3, 4, np.inf, -np.inf, 0, 8], np.float32)
        x[at : at + 1] = np.nan
        got = check(text, {"x": x, "a": np.array(0, np.float32), "b": np.array(0, np.float32)})
        assert np.isnan(got["a"]) == (at < 8)


def test_an_empty_mask_touches_no_scalar() -> None:
    """A scalar in a masked body is not read, written or accumulated to where no lane is active."""
    text = """
    kernel guarded(x: float32[n] in, y: float32[8] inout, z: float32[n] inout) dims(n) {
      for l < 8 vector {
        if lt(@(l), @(n)) {
          y[l] = x[n - 1]
          z[0] add= 1.0:float32
        }
      }
      for l < 8 vector {
        y[l] = select(lt(@(l), @(n)), x[n - 1], -1.0:float32)
      }
    }"""
    for n in (0, 1, 8):
        check(text, {"x": floats(n), "y": floats(8), "z": np.zeros(n, np.float32)}, n=n)


@pytest.mark.parametrize("target", TARGETS)
def test_masked_lanes_are_not_read(target: str) -> None:
    """What a mask or a select leaves out lies on pages that must not be touched."""
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    assert protect(ctypes.c_void_p(start + page), ctypes.c_size_t(page), 0) == 0
    text = """
    kernel edge(x: D[n] in, i: int32[16] in, y: D[16, 4] out) dims(n) {
      for l < 16 vector {
        y[l, 0] = select(lt(@(l), @(n)), x[l], 7:D)
        y[l, 1] = select(le(@(2*l + 1), @(n)), x[2*l], 7:D)
        let j = cast<int64>(i[l])
        y[l, 2] = select(lt(j, @(n)), x[j], 7:D)
        y[l, 3] = 7:D
        if ge(@(n - 1 - l), 0:int64) {
          y[l, 3] = add(x[n - 1 - l], x[l])
        }
      }
    }"""
    for dtype, n in ((T.float32, 5), (T.float64, 3), (T.int8, 11), (T.int64, 1), (T.uint16, 16), (T.float32, 0)):
        literal = "7.0" if dtype.is_float else "7"
        kernel = parse_kernel(text.replace("7:D", f"{literal}:{dtype}").replace("D[", f"{dtype}["))
        native, program = compile_kernel(kernel, host_target(target))
        x = np.frombuffer(memory, dtype.np, n, page - n * dtype.size) if n else np.empty(0, dtype.np)
        if not n:
            x = np.frombuffer(memory, np.uint8, page, 0)[page - 1 :]
        i = np.array([k if k < n else 1 << 30 for k in range(16)], np.int32)
        y = np.zeros((16, 4), dtype.np)
        run_native(native, program, {"edge.x": x, "edge.i": i, "edge.y": y}, {"edge.n": n})
        np.testing.assert_array_equal(y[n:], 7)
        np.testing.assert_array_equal(y[:n, 0], x[:n])
        np.testing.assert_array_equal(y[:n, 2], x[:n])


ONE_LANE = ("lt(@(l), @(1))", "ge(@(l), @(15))", "eq(@(l), @(3))", "eq(@(mod(l, 11)), @(10))", "not(ne(@(l), @(2)))")
ONE_LANE += ("and(ge(@(l), @(4)), lt(@(l), @(5)))", "xor(lt(@(l), @(7)), lt(@(l), @(8)))")


@pytest.mark.parametrize("condition", ONE_LANE)
@pytest.mark.parametrize(
    ("source", "to"), [("int32", "uint8"), ("int64", "int32"), ("int16", "int8"), ("float32", "bfloat16")]
)
def test_a_narrowing_store_of_one_lane_leaves_its_neighbours(source: str, to: str, condition: str) -> None:
    text = f"""
    kernel narrow(x: {source}[16] in, y: {to}[24] inout, z: {to}[24] inout) {{
      for l < 16 vector {{
        if {condition} {{
          y[l] = cast<{to}>(x[l])
        }}
        if not({condition}) {{
        }} else {{
          z[l + 5] = cast<{to}>(x[l])
        }}
      }}
    }}"""
    x = np.arange(16).astype(T.DTYPES[source].np)
    old = np.full(24, 77).astype(T.DTYPES[to].np)
    got = check(text, {"x": x, "y": old, "z": old})
    assert sum(got["y"] != old) == sum(got["z"] != old) == 1


def test_a_scalar_select_reads_one_side() -> None:
    text = """
    kernel pad(x: float32[n] in, y: float32[n + 4] out) dims(n) {
      for i < n + 4 {
        y[i] = select(and(ge(@(i), 2:int64), lt(@(i - 2), @(n))), x[i - 2], select(lt(@(i), 2:int64), x[n - 1], x[0]))
      }
    }"""
    for n in (1, 4):
        x = floats(n)
        got = check(text, {"x": x, "y": np.zeros(n + 4, np.float32)}, n=n)
        np.testing.assert_array_equal(got["y"][2:-2], x)


def test_uniform_conditions_in_vector_loops() -> None:
    text = """
    kernel uniform(x: float32[4, 8] in, s: bool[4] in, y: float32[4, 8] out, z: float32[4, 8] inout) {
      for r < 4 {
        for l < 8 vector {
          y[r, l] = select(s[r], select(gt(@(r), 1:int64), x[r, 7 - l], x[0, 0]), x[0, l])
          if s[r] {
            z[r, l] = 1.0:float32
          } else {
            if gt(x[r, l], 0.0:float32) {
              z[r, l] = x[r, 0]
            }
          }
        }
      }
    }"""
    s = np.array([True, False, True, False])
    check(text, {"x": floats(4, 8), "s": s, "y": np.zeros((4, 8), np.float32), "z": floats(4, 8)})


def test_lane_private_locals() -> None:
    """A local buffer of a vector loop's body is one per lane."""
    text = """
    kernel sort3(x: float32[8, 3] in, y: float32[8, 3] out, i: int32[8] in, z: float32[8] out) {
      for l < 8 vector {
        alloc t: float32[3] local register
        for k < 3 unrolled {
          t[k] = x[l, k]
        }
        for p < 2 unrolled {
          for k < 2 unrolled {
            let a = t[k]
            let b = t[k + 1]
            t[k] = min(a, b)
            t[k + 1] = max(a, b)
          }
        }
        for k < 3 unrolled {
          y[l, k] = t[k]
        }
        let j = cast<int64>(i[l])
        if gt(t[0], 0.0:float32) {
          t[1] = 5.0:float32
        }
        z[l] = t[j]
      }
    }"""
    x, i = floats(8, 3), RANDOM.integers(0, 3, 8).astype(np.int32)
    got = check(text, {"x": x, "y": np.zeros_like(x), "i": i, "z": np.zeros(8, np.float32)})
    np.testing.assert_array_equal(got["y"], np.sort(x, 1))


def test_masked_accesses_of_locals() -> None:
    """Also where a lane that is off would lie outside."""
    text = """
    kernel edges(x: float32[11] in, n: int64[] in, y: float32[16] inout) {
      alloc t: float32[11] local stack
      alloc s: float32[] local register
      for k < 11 {
        t[k] = x[k]
      }
      s[] = 1.0:float32
      for o < 2 unrolled {
        for l < 8 vector {
          if lt(@(8*o + l), 11:int64) {
            t[8*o + l] mul= 2.0:float32
          }
          let m = n[]
          if lt(@(8*o + l), m) {
            t[8*o + l] = add(t[8*o + l], s[])
          }
          y[8*o + l] = select(lt(@(8*o + l), 11:int64), t[8*o + l], s[])
        }
        for l < 8 vector {
          let m = n[]
          y[8*o + l] add= select(lt(@(l), m), t[m - 1], 3.0:float32)
        }
        for l < 8 vector {
          if lt(@(l), n[]) {
            s[] add= 1.0:float32
            y[o] add= 1.0:float32
          }
        }
      }
    }"""
    for n in (0, 3, 8, 11):
        check(text, {"x": floats(11), "n": np.array(n), "y": np.zeros(16, np.float32)})


def test_names_may_be_taken_again() -> None:
    text = """
    kernel shadow(x: int64[6] in, y: int64[6, 6] inout) {
      for i < 6 {
        let t = @(i + 1)
        let s = x[i]
        for i < 3 {
          let t = add(@(t), x[i])
          y[i, 0] add= t
          let s = mul(s, s)
          y[i, 1] add= add(s, @(s))
        }
        for i < 2 unrolled {
          y[i + 3, mod(t, 6)] add= @(t + s)
        }
      }
    }"""
    check(text, {"x": np.arange(6) * 7, "y": np.zeros((6, 6), np.int64)})


GEMM = """
kernel gemm(a: float32[K, M] in, b: float32[K, N] in, c: float32[M, N] out) dims(K) {
  alloc acc: float32[M, N] local register
  for r < M unrolled {
    for o < V unrolled {
      for l < L vector {
        acc[r, L*o + l] = 0.0:float32
      }
    }
  }
  for k < K {
    for r < M unrolled {
      for o < V unrolled {
        for l < L vector {
          acc[r, L*o + l] add= mul(a[k, r], b[k, L*o + l])
        }
      }
    }
  }
  for r < M unrolled {
    for o < V unrolled {
      for l < L vector {
        c[r, L*o + l] = acc[r, L*o + l]
      }
    }
  }
}"""


def gemm(rows: int, vectors: int, lanes: int) -> str:
    text = GEMM.replace("M", str(rows)).replace("N", str(vectors * lanes)).replace("V", str(vectors))
    return text.replace("L", str(lanes))


AARCH64 = Target("neon", "aarch64-unknown-linux-gnu", "+neon,+fp-armv8", 16, 32, True)


def assembly(kernel: Kernel, target: Target) -> str:
    """Machine code as text, for any machine."""
    llvm = jit._llvm()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module, machine = jit._optimise(emit_program(program_of(kernel), target), target)
    return str(machine.emit_assembly(module)).split("tfc_run:")[0]


@pytest.mark.parametrize(("target", "rows", "lanes"), [("avx2", 6, 8), ("avx512", 14, 16), ("neon", 8, 4)])
def test_a_register_tile_stays_in_registers(target: str, rows: int, lanes: int) -> None:
    """Rows by two vectors: one fused multiply-add each per step of the loop, and no stack."""
    if target not in (*TARGETS, "neon"):
        pytest.skip(f"this machine does not run {target}")
    body = assembly(parse_kernel(gemm(rows, 2, lanes)), AARCH64 if target == "neon" else host_target(target))
    fused = [line for line in body.splitlines() if "fmadd" in line or "fmla" in line]
    register = {"avx2": "%ymm", "avx512": "%zmm", "neon": ".4s"}[target]
    assert len(fused) == rows * 2
    assert all(register in line for line in fused)
    assert "rsp" not in body
    assert "[sp" not in body


def test_masks_of_lane_bounds_become_mask_instructions() -> None:
    kernel = parse_kernel(TAIL.format(lanes=8, last=7))
    for target, load in (("avx2", "vmaskmovps\t("), ("avx512", "{%k")):
        if target in TARGETS:
            body = assembly(kernel, host_target(target))
            assert load in body
            assert "extr" not in body


@pytest.mark.parametrize("depth", [0, 1, 7])
def test_gemm(depth: int) -> None:
    for rows, vectors, lanes in ((6, 2, 8), (1, 3, 4), (3, 1, 16)):
        a, b = floats(depth, rows), floats(depth, vectors * lanes)
        c = np.zeros((rows, vectors * lanes), np.float32)
        got = check(gemm(rows, vectors, lanes), {"a": a, "b": b, "c": c}, rtol=1e-4, K=depth)
        np.testing.assert_allclose(got["c"], a.T @ b, rtol=1e-4, atol=1e-5)
