"""matmul + bias + softmax, from an algorithm to row blocks with a register-tiled micro-kernel, by rewrites alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
import pytest

from tfc.ir.interpret import run_kernel
from tfc.ir.kernel import Kernel
from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.passes.schedule import (
    Axis,
    accumulate_lanes,
    distribute,
    expand,
    merge,
    parallelise,
    place,
    reorder,
    shrink,
    simplify_kernel,
    split,
    stage,
    unguard,
    unroll,
    vectorise,
)

Same = Callable[..., None]
SIZES = [{"n": n} for n in (0, 1, 5, 6, 7, 40)]

CLASSIFIER = """
kernel classifier(x: float32[n, 23] in, w: float32[23, 10] in, b: float32[10] in, y: float32[n, 10] out) dims(n) {
  alloc acc: float32[n, 10] local arena
  for i < n { for j < 10 { acc[i, j] = 0.0:float32 } }
  for i2 < n { for j2 < 10 { for k < 23 { acc[i2, j2] add= mul(x[i2, k], w[k, j2]) } } }
  alloc m: float32[n] local arena
  for i3 < n {
    m[i3] = -inf:float32
    for j3 < 10 { m[i3] max= add(acc[i3, j3], b[j3]) }
  }
  alloc s: float32[n] local arena
  for i4 < n {
    s[i4] = 0.0:float32
    for j4 < 10 { s[i4] add= exp(sub(add(acc[i4, j4], b[j4]), m[i4])) }
  }
  for i5 < n { for j5 < 10 { y[i5, j5] = div(exp(sub(add(acc[i5, j5], b[j5]), m[i5])), s[i5]) } }
}
"""
ROWS = ("i", "i2", "i3", "i4", "i5")


def blocks(k: Kernel, tail: str) -> Kernel:
    """One parallel loop over blocks of 6 rows; acc, m and s are kept for one block."""
    for v in ROWS:
        k = split(k, v, 6, outer=f"{v}o", inner=f"{v}i", tail=tail, suffix=f"_{v}")
    k = reduce(lambda x, v: merge(x, "io", f"{v}o"), ROWS[1:], k)
    for name in ("acc", "m", "s"):
        k = shrink(k, name, "io")
    return parallelise(k, "io")


def micro_kernel(k: Kernel) -> Kernel:
    """6 rows by 2 vectors of 8 columns in registers over all of k, on panels filled with zeros beyond the edges."""
    for v in ("j", "j2"):
        k = split(k, v, 8, outer=f"{v}o", inner=f"{v}i", tail="mask")
    k = reorder(k, ["j2o", "k", "i2i", "j2i"])
    k = stage(k, "acc", name="r", around="k", space="register", fresh=True)
    k = stage(k, "w", name="wp", around="io", layout=(Axis(1, step=8), Axis(0), Axis(1, count=8)), fill=0.0, align=64)
    k = stage(k, "x", name="xp", around="j2o", layout=(Axis(1), Axis(0)), fill=0.0, align=64)
    k = unguard(unguard(k, "j2i"), "i2i")
    return unroll(vectorise(k, "j2i"), "i2i")


def test_row_blocks_with_a_micro_kernel(same: Same) -> None:
    before = parse_kernel(CLASSIFIER)
    k = simplify_kernel(micro_kernel(blocks(before, "mask")))
    text = print_kernel(k)
    assert "r[i2i, j2i] add= mul(xp[k, i2i], wp[j2o, k, j2i])" in text
    assert "alloc r: float32[6, 8] local register" in text
    same(before, k, *SIZES, rtol=1e-6)


def test_it_computes_the_softmax() -> None:
    k = simplify_kernel(micro_kernel(blocks(parse_kernel(CLASSIFIER), "mask")))
    rng = np.random.default_rng(1)
    x, w, b = (rng.standard_normal(s).astype(np.float32) for s in ((100, 23), (23, 10), (10,)))
    y = np.empty((100, 10), np.float32)
    run_kernel(k, {"x": x, "w": w, "b": b, "y": y}, {"n": 100})
    z = x.astype(np.float64) @ w.astype(np.float64) + b
    e = np.exp(z - z.max(1, keepdims=True))
    np.testing.assert_allclose(y, e / e.sum(1, keepdims=True), rtol=2e-5)


def test_whole_blocks_without_masks_and_a_peeled_rest(same: Same) -> None:
    """Whole blocks of 6 rows run without masks on rows; what is left of the rows runs row by row."""
    before = parse_kernel(CLASSIFIER)
    k = reduce(lambda x, v: merge(x, "i", v), ROWS[1:], before)
    for name in ("acc", "m", "s"):
        k = place(shrink(k, name, "i"), name, "stack")
    k = split(k, "i", 6, outer="io", inner="ii", tail="peel_loop", suffix="_rest")
    for name in ("acc", "m", "s"):
        k = expand(k, name, "ii")
    for old, v, at in (("ii", "ib", 1), ("ib", "ic", 1), ("ic", "id", 2), ("id", "ie", 2)):
        k = distribute(k, old, at, second=v)
    k = split(k, "j2", 8, outer="jo", inner="ji", tail="mask")
    k = reorder(k, ["jo", "k", "ib", "ji"])
    k = stage(k, "acc", name="r", around="k", space="register", fresh=True)
    k = stage(k, "w", name="wp", at="io", layout=(Axis(1, step=8), Axis(0), Axis(1, count=8)), fill=0.0)
    k = simplify_kernel(parallelise(vectorise(unguard(k, "ji"), "ji"), "io"))
    assert "r[ib, ji] add= mul(x[ib + 6*io, k], wp[jo, k, ji])" in print_kernel(k)
    assert "@(n)" not in print_kernel(k)
    same(before, k, *SIZES, rtol=1e-6)


def test_dot_products_along_k(same: Same) -> None:
    """With a small number of columns: vectors along k, 2 rows by all columns of partial sums."""
    before = parse_kernel(
        CLASSIFIER.replace("w: float32[23, 10]", "w: float32[10, 23]").replace("w[k, j2]", "w[j2, k]")
    )
    k = before
    for v in ROWS:
        k = split(k, v, 2, outer=f"{v}o", inner=f"{v}i", tail="mask")
    k = reduce(lambda x, v: merge(x, "io", f"{v}o"), ROWS[1:], k)
    for name in ("acc", "m", "s"):
        k = place(shrink(k, name, "io"), name, "stack")
    k = stage(reorder(k, ["k", "i2i", "j2"]), "x", name="xp", around="k", fill=0.0)
    k = unguard(unguard(k, "ii"), "i2i")
    k = accumulate_lanes(k, "k", 8, name="p")
    same(before, parallelise(simplify_kernel(k), "io"), *SIZES, rtol=1e-6)


@pytest.mark.parametrize("block", [1, 4, 16])
def test_other_blocks(same: Same, block: int) -> None:
    before = k = parse_kernel(CLASSIFIER)
    for v in ROWS:
        k = split(k, v, block, outer=f"{v}o", inner=f"{v}i", tail="mask")
    k = reduce(lambda x, v: merge(x, "io", f"{v}o"), ROWS[1:], k)
    for name in ("acc", "m", "s"):
        k = shrink(k, name, "io")
    same(before, simplify_kernel(parallelise(k, "io")), *SIZES, rtol=1e-6)


MATMUL = """
kernel matmul(a: float32[m, p] in, b: float32[p, q] in, c: float32[m, q] out) dims(m, p, q) {
  for i0 < m { for j0 < q { c[i0, j0] = 0.0:float32 } }
  for i < m { for j < q { for k < p { c[i, j] add= mul(a[i, k], b[k, j]) } } }
}
"""


def test_a_blocked_matmul_of_run_time_sizes(same: Same) -> None:
    """Blocks of 8 columns by 5 of k by 6 rows, panels packed per block, micro-kernel of 3 rows by 4 columns."""
    k = before = parse_kernel(MATMUL)
    k = split(k, "j", 8, outer="jc", inner="jb", tail="mask")
    k = split(k, "jb", 4, outer="jr", inner="jj", tail="exact")
    k = split(k, "i", 6, outer="ic", inner="ib", tail="mask")
    k = split(k, "ib", 3, outer="ir", inner="ii", tail="exact")
    k = split(k, "k", 5, outer="kc", inner="kk", tail="short")
    k = reorder(k, ["jc", "kc", "ic", "jr", "ir", "kk", "ii", "jj"])
    k = stage(k, "c", name="r", around="kk", space="register", fresh=True)
    k = stage(k, "b", name="bp", at="kc", layout=(Axis(1, step=4), Axis(0), Axis(1, count=4)), fill=0.0, align=64)
    k = stage(k, "a", name="ap", at="ic", layout=(Axis(0, step=3), Axis(1), Axis(0, count=3)), fill=0.0, align=64)
    k = unguard(unguard(k, "jj"), "ii")
    k = simplify_kernel(unroll(vectorise(k, "jj"), "ii"))
    assert "r[ii, jj] add= mul(ap[ir, kk, ii], bp[jr, kk, jj])" in print_kernel(k)
    same(before, parallelise(k, "ic"), *[dict(zip("mpq", s, strict=True)) for s in MATMUL_SIZES])


MATMUL_SIZES = [(0, 3, 3), (3, 0, 3), (3, 3, 0), (1, 1, 1), (6, 5, 8), (7, 6, 9), (5, 4, 7), (13, 11, 17)]
