"""What every test of a rewrite does: run the kernel before and after it on the interpreter, checks on, and compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from tfc.ir.interpret import index_value, run_kernel
from tfc.ir.kernel import Kernel
from tfc.ir.kernel_text import parse_kernel, print_kernel
from tfc.ir.kernel_verify import verify_kernel

Same = Callable[..., None]


def arrays_for(k: Kernel, dims: Mapping[str, int]) -> dict[str, np.ndarray[Any, Any]]:
    """Small whole numbers, so that sums are exact in any order, with an infinity among them."""
    rng = np.random.default_rng(7)
    out = {}
    for b in k.buffers:
        shape = tuple(index_value(d, dims) for d in b.shape)
        out[b.name] = rng.integers(-4, 5, shape).astype(b.dtype.np)
    return out


def run(k: Kernel, arrays: Mapping[str, np.ndarray[Any, Any]], dims: Mapping[str, int]) -> list[int]:
    """Runs a kernel on the memory of arrays, in whatever shape it views it."""
    views = {b.name: arrays[b.name].reshape([index_value(d, dims) for d in b.shape]) for b in k.buffers}
    return run_kernel(k, views, dims)


def same_meaning(before: Kernel, after: Kernel, *all_dims: Mapping[str, int], rtol: float = 0.0) -> None:
    verify_kernel(before)
    verify_kernel(after)
    assert parse_kernel(print_kernel(after)) == after
    assert before != after
    for dims in all_dims or ({},):
        first, second = arrays_for(before, dims), arrays_for(before, dims)
        assert run(before, first, dims) == run(after, second, dims)
        for name, expected in first.items():
            np.testing.assert_allclose(second[name], expected, rtol=rtol, atol=0, err_msg=f"{name} at {dims}")


@pytest.fixture
def same() -> Same:
    return same_meaning
