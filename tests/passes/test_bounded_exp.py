"""exp between bounds that make all results normal numbers: as exact as exp, by less."""

from __future__ import annotations

import numpy as np
import pytest

from tests.codegen_llvm.support import TARGETS, compile_kernel, elementwise, run_native
from tfc.codegen_llvm import host_target
from tfc.ir.expr import Load, prim, select
from tfc.ir.index import Index
from tfc.ir.kernel_text import print_kernel
from tfc.ir.types import DType, float32, float64
from tfc.passes.vector_math import expand_math

from .test_vector_math import EDGES, check, exact, near, sample

LEAST = {float32: float(np.log(np.finfo("f4").tiny)), float64: float(np.log(np.finfo("f8").tiny))}
"""Where exp is the least normal number."""


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize(("low", "high", "short"), [(1, 0, True), (1, -1, True), (1.1, 0, False), (1, -1.1, False)])
def test_values(dtype: DType, low: float, high: float, short: bool) -> None:
    """Bounds are in parts of where exp is the least normal number. Below it is 0, of NaN it is NaN."""
    below, above = dtype.np.type(low * LEAST[dtype]), dtype.np.type(high * LEAST[dtype])
    x = Load(dtype, "x0", (Index.symbol("i"),))
    value = select(x < float(below), 0, prim("exp", select(x > float(above), float(above), x)))
    rng = np.random.default_rng(5)
    inputs = [sample(dtype, 1)[:: 1 if dtype == float32 else 8], near(dtype, *EDGES[:-1], -float(below), width=9)]
    inputs = np.concatenate([*inputs, rng.uniform(below, max(above, 1), 500).astype(dtype.np)])
    kernel = expand_math(elementwise("k", dtype, (dtype,), value, len(inputs), 8))
    assert ("shr(" not in print_kernel(kernel)) is short
    known = ~np.isnan(inputs)
    zero = inputs[known] < below
    capped = np.minimum(inputs[known], above)[~zero]
    expected = exact("exp", capped.astype(np.float64))
    for target in TARGETS:
        native, program = compile_kernel(kernel, host_target(target))
        y = np.empty(len(inputs), dtype.np)
        run_native(native, program, {"k.x0": inputs, "k.y": y}, {})
        assert np.isnan(y[~known]).all()
        assert (y[known][zero] == 0).all()
        check("exp", y[known][~zero], 1 if dtype == float32 else 2, (capped,), *expected)


@pytest.mark.parametrize(
    "change",
    [
        lambda x, y: select(x < -80.0, 0.0, prim("exp", select(y > 0.0, 0.0, y))),
        lambda x, y: select(x < -80.0, 1.0, prim("exp", select(x > 0.0, 0.0, x))),
        lambda x, y: select(x < -80.0, 0.0, prim("exp", select(x > 0.0, 2.0, x))),
        lambda x, y: select(x < -80.0, 0.0, prim("exp", select(x < 0.0, 0.0, x))),
        lambda x, y: select(x > -80.0, 0.0, prim("exp", select(x > 0.0, 0.0, x))),
    ],
)
def test_what_only_looks_like_it(change: object) -> None:
    x, y = (Load(float32, name, (Index.symbol("i"),)) for name in ("x0", "x1"))
    value = change(x, y)  # type: ignore[operator]
    kernel = expand_math(elementwise("k", float32, (float32, float32), value, 16, 8))
    assert "shr(" in print_kernel(kernel)
