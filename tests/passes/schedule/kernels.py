"""Kernels as lowering gives them, for the tests of schedules: text, and the values of their dims to run them with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Dims = Mapping[str, int]
Table = dict[str, tuple[str, tuple[Dims, ...]]]

LENGTHS = tuple({"n": n} for n in (0, 1, 3, 17))


def head(name: str, buffers: str, dims: str = "") -> str:
    return f"kernel {name}({buffers}){f' dims({dims})' if dims else ''}"


ELEMENTWISE: Table = {
    "one dim": (
        """kernel f(x: float32[n] in, y: float32[n] out) dims(n) {
          for i < n { let t = add(x[i], 1.0:float32) y[i] = mul(t, t) }
        }""",
        LENGTHS,
    ),
    "two dims": (
        """kernel f(x: float32[n, 5] in, y: float32[n, 5] out) dims(n) {
          for i < n { for j < 5 { y[i, j] = sub(x[i, j], 2.0:float32) } }
        }""",
        LENGTHS,
    ),
    "in place": (
        """kernel f(x: float32[n, 3] in, y: float32[n, 3] inout) dims(n) {
          for i < n { for j < 3 { y[i, j] = add(y[i, j], x[i, j]) } }
        }""",
        LENGTHS,
    ),
    "broadcast": (
        """kernel f(x: float32[n, 1] in, b: float32[7] in, s: float32[] in, y: float32[n, 7] out) dims(n) {
          for i < n { for j < 7 { y[i, j] = mul(add(x[i, 0], b[j]), s[]) } }
        }""",
        LENGTHS,
    ),
    "transposed": (
        """kernel f(x: float32[9, n] in, y: float32[n, 9] out) dims(n) {
          for i < n { for j < 9 { y[i, j] = neg(x[j, i]) } }
        }""",
        LENGTHS,
    ),
    "reversed": (
        """kernel f(x: float32[n, 4] in, y: float32[n, 4] out) dims(n) {
          for i < n { for j < 4 { y[i, j] = x[-i + n - 1, -j + 3] } }
        }""",
        LENGTHS,
    ),
    "padded": (
        """kernel f(x: float32[n] in, y: float32[n + 4] out) dims(n) {
          for i < n + 4 { y[i] = select(and(ge(@(i), @(3)), lt(@(i), @(n + 3))), x[i - 3], 7.0:float32) }
        }""",
        LENGTHS,
    ),
    "joined": (
        """kernel f(x: float32[n, 3] in, z: float32[n, 6] in, y: float32[n, 9] out) dims(n) {
          for i < n {
            for p < 3 { y[i, p] = x[i, p] }
            for q < 6 { y[i, q + 3] = z[i, q] }
          }
        }""",
        LENGTHS,
    ),
    "float64": (
        """kernel f(x: float64[n] in, y: float32[n] out) dims(n) {
          for i < n { y[i] = cast<float32>(mul(x[i], 0.5:float64)) }
        }""",
        LENGTHS,
    ),
    "int32": (
        """kernel f(x: int32[n, 3] in, y: int32[n, 3] out) dims(n) {
          for i < n { for j < 3 { y[i, j] = max(mod(x[i, j], 3:int32), cast<int32>(@(j))) } }
        }""",
        LENGTHS,
    ),
    "bool": (
        """kernel f(x: bool[n, 3] in, z: float32[n, 3] in, y: bool[n, 3] out) dims(n) {
          for i < n { for j < 3 { y[i, j] = and(not(x[i, j]), gt(z[i, j], 0.0:float32)) } }
        }""",
        LENGTHS,
    ),
    "gathered": (
        """kernel f(x: float32[5, 3] in, at: int64[n] in, y: float32[n, 3] out) dims(n) {
          for i < n { for j < 3 {
            check and(ge(at[i], 0:int64), lt(at[i], @(5))) else 0
            let v = max(min(at[i], @(4)), 0:int64)
            y[i, j] = x[v, j]
          } }
        }""",
        LENGTHS,
    ),
    "scattered": (
        """kernel f(x: float32[n, 3] in, at: int64[n] in, y: float32[5, 3] out) dims(n) {
          for z < 5 { for w < 3 { y[z, w] = 0.0:float32 } }
          for i < n {
            check and(ge(at[i], 0:int64), lt(at[i], @(5))) else 1
            let v = max(min(at[i], @(4)), 0:int64)
            for j < 3 { y[v, j] add= x[i, j] }
          }
        }""",
        LENGTHS,
    ),
    "chain of values": (
        """kernel f(x: float32[n, 3] in, w: float32[n, 3] inout, m: float32[n, 3] inout) dims(n) {
          alloc g: float32[n, 3] local stack
          for i < n { for j < 3 { g[i, j] = mul(x[i, j], 2.0:float32) } }
          for i1 < n { for j1 < 3 { m[i1, j1] = add(mul(m[i1, j1], 0.5:float32), g[i1, j1]) } }
          for i2 < n { for j2 < 3 { w[i2, j2] = sub(w[i2, j2], mul(m[i2, j2], g[i2, j2])) } }
        }""",
        LENGTHS,
    ),
}


def reduction(combiner: str, dtype: str, identity: str, over: str) -> str:
    """A reduction over the dims of `x[i, j, k]` that are named."""
    extents = {"i": "n", "j": "3", "k": "m"}
    kept = [v for v in "ijk" if v not in over]
    rows = kept[: next((k for k, v in enumerate("ijk") if v in over), 3)]
    inner = [v for v in kept if v not in rows]
    shape, at, start = (
        ", ".join(names) for names in ([extents[v] for v in kept], kept, [*rows, *(f"{v}0" for v in inner)])
    )

    def loops(names: list[str], body: str) -> str:
        return " ".join(f"for {v} < {extents[v[0]]} {{" for v in names) + body + " }" * len(names)

    zero = loops([f"{v}0" for v in inner], f" y[{start}] = {identity}:{dtype}")
    total = loops([*over, *inner], f" y[{at}] {combiner}= x[i, j, k]")
    body = loops(rows, f" {zero} {total}")
    return f"{head('f', f'x: {dtype}[n, 3, m] in, y: {dtype}[{shape}] out', 'm, n')} {{ {body} }}"


SHAPES = ({"n": 0, "m": 3}, {"n": 2, "m": 0}, {"n": 1, "m": 1}, {"n": 3, "m": 9}, {"n": 5, "m": 19})
OVER = ("i", "j", "k", "ij", "ik", "jk", "ijk")
REDUCTIONS: Table = {
    **{f"sum over {over}": (reduction("add", "float32", "0.0", over), SHAPES) for over in OVER},
    "sum over i of many rows": (reduction("add", "float32", "0.0", "i"), ({"n": 17, "m": 7}, {"n": 8, "m": 8})),
    "max over k": (reduction("max", "float32", "-inf", "k"), SHAPES),
    "min of int32 over i": (reduction("min", "int32", "2147483647", "i"), SHAPES),
    "product of float64 over jk": (reduction("mul", "float64", "1.0", "jk"), SHAPES[:4]),
    "all over ik": (reduction("and", "bool", "true", "ik"), SHAPES),
    "any over k": (reduction("or", "bool", "false", "k"), SHAPES),
    "place of the largest": (
        """kernel f(x: float32[n, 10] in, y: int64[n] out) dims(n) {
          alloc m: float32[n] local stack
          for i < n { m[i] = -inf:float32 for j < 10 { m[i] max= x[i, j] } }
          for i1 < n {
            y[i1] = 9223372036854775807:int64
            for j1 < 10 { y[i1] min= select(eq(x[i1, j1], m[i1]), @(j1), 9223372036854775807:int64) }
          }
        }""",
        LENGTHS,
    ),
    "sums of few columns": (
        """kernel f(x: float32[n, 7] in, y: float32[7] out) dims(n) {
          for z < 7 { y[z] = 0.0:float32 }
          for i < n { for j < 7 { y[j] add= x[i, j] } }
        }""",
        LENGTHS,
    ),
    "mean of squares": (
        """kernel f(x: float32[n, 7] in, y: float32[] out) dims(n) {
          alloc s: float32[] local stack
          s[] = 0.0:float32
          for i < n { for j < 7 { s[] add= mul(x[i, j], x[i, j]) } }
          y[] = div(s[], cast<float32>(@(7*n)))
        }""",
        LENGTHS,
    ),
}  # fmt: skip


def softmax(length: int | str) -> str:
    """Rows: in `t` their largest, in `s` their sums, in `y` the softmax, in `l` a loss."""
    dims = "n" if isinstance(length, int) else f"{length}, n"
    e = f"[n, {length}]"
    return f"""{head("f", f"x: float32{e} in, g: float32{e} in, y: float32{e} out, l: float32[n] out", dims)} {{
      alloc t: float32[n] local stack
      alloc s: float32[n] local stack
      for i < n {{ t[i] = -inf:float32 for j < {length} {{ t[i] max= x[i, j] }} }}
      for i1 < n {{ s[i1] = 0.0:float32 for j1 < {length} {{ s[i1] add= exp(sub(x[i1, j1], t[i1])) }} }}
      for i2 < n {{ for j2 < {length} {{ y[i2, j2] = div(exp(sub(x[i2, j2], t[i2])), s[i2]) }} }}
      for i3 < n {{ l[i3] = 0.0:float32 for j3 < {length} {{ l[i3] add= mul(g[i3, j3], sub(x[i3, j3], t[i3])) }} }}
    }}"""


SOFTMAX: Table = {
    **{f"softmax of {k}": (softmax(k), ({"n": 0}, {"n": 1}, {"n": 3})) for k in (1, 7, 10, 16, 33)},
    "softmax of m": (softmax("m"), tuple({"n": 2, "m": m} for m in (0, 1, 5, 16, 21))),
}


def matmul(
    m: int | str,
    n: int | str,
    k: int | str,
    *,
    ta: bool = False,
    tb: bool = False,
    batch: tuple[str, ...] = (),
    a_batch: tuple[str, ...] | None = None,
    dtype: str = "float32",
    end: str = "",
    more: str = "",
    local: bool = False,
) -> str:
    """The product of `a` and `b` in `c`, and statements on it. `a_batch` are a's batch dims, "1" if broadcast."""
    sizes = [*batch, *map(str, (m, n, k))]
    dims = ", ".join(sorted({s for s in sizes if not s.isdigit()}))
    of_a = batch if a_batch is None else a_batch
    left, right = ([str(k), str(m)] if ta else [str(m), str(k)]), ([str(n), str(k)] if tb else [str(k), str(n)])
    b_at, c_at = [f"p{d}" for d in range(len(batch))], ["i", "j"]
    a_at = ["0" if s == "1" else f"p{d}" for d, s in enumerate(of_a, len(batch) - len(of_a))]
    at = (
        ", ".join([*a_at, *(("l", "i") if ta else ("i", "l"))]),
        ", ".join([*b_at, *(("j", "l") if tb else ("l", "j"))]),
        ", ".join([*b_at, *c_at]),
    )
    shape = f"{dtype}[{', '.join([*batch, str(m), str(n)])}]"
    buffers = f"a: {dtype}[{', '.join([*of_a, *left])}] in, b: {dtype}[{', '.join([*batch, *right])}] in"
    buffers += more if local else f", c: {shape} out{more}"
    zero = "0.0" if dtype.startswith("float") else "0"
    around = [f"for p{d} < {s} {{" for d, s in enumerate(batch)]
    first = [f"for p{d}0 < {s} {{" for d, s in enumerate(batch)]
    z = ", ".join([*(f"p{d}0" for d in range(len(batch))), "z0", "z1"])
    closed = " }" * len(batch)
    return f"""{head("f", buffers, dims)} {{
      {f"alloc c: {shape} local stack" if local else ""}
      {" ".join(first)} for z0 < {m} {{ for z1 < {n} {{ c[{z}] = {zero}:{dtype} }} }}{closed}
      {" ".join(around)} for i < {m} {{ for j < {n} {{ for l < {k} {{
        c[{at[2]}] add= mul(a[{at[0]}], b[{at[1]}])
      }} }} }}{closed}
      {end}
    }}"""  # fmt: skip


def of_size(*sizes: int) -> tuple[Dims, ...]:
    return (dict(zip("mnk", sizes, strict=True)),)


def products() -> Iterator[tuple[str, tuple[str, tuple[Dims, ...]]]]:
    """Products of static and run-time sizes, with each operand as it is and transposed."""
    for m, n, k in ((7, 17, 11), (5, 10, 21), (13, 3, 9), (2, 33, 5), (3, 1, 4), (1, 7, 4)):
        if 1 not in (m, n, k):
            for ta, tb in ((False, False), (True, False), (False, True), (True, True)):
                name = f"{'at' if ta else 'a'} {'bt' if tb else 'b'} of {m} {n} {k}"
                yield name, (matmul(m, n, k, ta=ta, tb=tb), ({},))
    for ta, tb in ((False, False), (True, False), (False, True), (True, True)):
        name = f"{'at' if ta else 'a'} {'bt' if tb else 'b'}"
        some = (*of_size(0, 3, 3), *of_size(3, 0, 3), *of_size(3, 3, 0), *of_size(1, 1, 1), *of_size(7, 18, 6))
        yield f"{name} of run-time sizes", (matmul("m", "n", "k", ta=ta, tb=tb), some)
        rows = tuple({"m": m} for m in (0, 1, 6, 13))
        yield f"{name} of m rows", (matmul("m", 10, 9, ta=ta, tb=tb), rows)
        yield f"{name} of m deep", (matmul(5, 10, "m", ta=ta, tb=tb), rows)
    for n in (1, 2, 3, 10, 17, 31, 33, 70):
        yield f"{n} columns", (matmul("m", n, 5), ({"m": 0}, {"m": 4}))
    yield "a product of float64", (matmul(5, 9, "k", dtype="float64"), ({"k": 0}, {"k": 6}))
    yield "a product of int32", (matmul("m", 17, 5, dtype="int32"), ({"m": 0}, {"m": 4}))


BIAS = """alloc r: float32[m, 10] local stack
  for i1 < m { for j1 < 10 { r[i1, j1] = add(c[i1, j1], w[j1]) } }"""
RELU = BIAS + " for i2 < m { for j2 < 10 { y[i2, j2] = max(r[i2, j2], 0.0:float32) } }"
ROWS = """alloc t: float32[m] local stack
  for i2 < m { t[i2] = -inf:float32 for j2 < 10 { t[i2] max= r[i2, j2] } }
  alloc s: float32[m] local stack
  for i3 < m { s[i3] = 0.0:float32 for j3 < 10 { s[i3] add= exp(sub(r[i3, j3], t[i3])) } }
  for i4 < m { for j4 < 10 { y[i4, j4] = div(exp(sub(r[i4, j4], t[i4])), s[i4]) } }"""
UPDATE = "for i1 < 11 { for j1 < 10 { v[i1, j1] = sub(v[i1, j1], mul(c[i1, j1], 0.5:float32)) } }"
WITH_BIAS = ", w: float32[10] in, y: float32[m, 10] out"

PRODUCTS: Table = {
    **dict(products()),
    "a batch": (matmul(3, 5, 4, batch=("n",)), ({"n": 0}, {"n": 1}, {"n": 3})),
    "a batch of run-time sizes": (matmul("m", "n", "k", batch=("2",)), (*of_size(0, 2, 2), *of_size(3, 18, 2))),
    "two batch dims": (matmul(3, 13, 4, batch=("2", "n")), ({"n": 0}, {"n": 2})),
    "a broadcast batch": (matmul(4, 5, 3, batch=("3",), a_batch=("1",)), ({},)),
    "no batch on the left": (matmul(4, 14, 3, batch=("3",), a_batch=()), ({},)),
    "one broadcast batch dim": (matmul("m", 6, 3, batch=("2", "3"), a_batch=("2", "1")), ({"m": 0}, {"m": 7})),
    "bias and relu": (matmul("m", 10, 11, local=True, more=WITH_BIAS, end=RELU), ({"m": 0}, {"m": 1}, {"m": 13})),
    "bias and softmax": (
        matmul("m", 10, 11, local=True, more=WITH_BIAS, end=BIAS + ROWS),
        ({"m": 0}, {"m": 1}, {"m": 14}),
    ),
    "bias and softmax of a kept product": (
        matmul("m", 10, 3, tb=True, more=WITH_BIAS, end=BIAS + ROWS),
        ({"m": 0}, {"m": 13}),
    ),
    "bias and softmax of a deep product": (
        matmul("m", 10, 66, local=True, tb=True, more=WITH_BIAS, end=BIAS + ROWS),
        ({"m": 0}, {"m": 17}),
    ),
    "an update in place": (
        matmul(11, 10, "k", ta=True, local=True, more=", v: float32[11, 10] inout", end=UPDATE),
        ({"k": 0}, {"k": 1}, {"k": 6}),
    ),
}

ALL: Table = {**ELEMENTWISE, **REDUCTIONS, **SOFTMAX, **PRODUCTS}
