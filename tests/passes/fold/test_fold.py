"""What goldens cannot say of folding: bits that depend on the machine, warnings, memory, order of effects."""

from __future__ import annotations

import warnings
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tfc.ir.graph import Graph, Value
from tfc.ir.op import REGISTRY
from tfc.ir.ops.common import const
from tfc.ir.types import DTYPES, bfloat16, float32, int32, int64
from tfc.passes.decompose import Decompose
from tfc.passes.fold import Fold


def folded(value: Value) -> Any:
    value.node.graph.outputs = [value]
    (out,) = Fold().apply(value.node.graph).outputs
    return out.node.attrs["value"] if out.node.op.name == "constant" else None


@pytest.mark.parametrize(
    ("op", "a", "b"),
    [("div", 0.0, 0.0), ("add", 3e38, 3e38), ("sub", np.inf, np.inf), ("div", 1.0, 0.0), ("mul", 1e-38, 1e-38)],
)
def test_no_warning_leaks(op: str, a: float, b: float) -> None:
    g = Graph()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = folded(REGISTRY[op](const(g, a, float32), const(g, b, float32)))
    with np.errstate(all="ignore"):
        ufunc = {"div": np.divide, "add": np.add, "sub": np.subtract, "mul": np.multiply}[op]
        np.testing.assert_array_equal(found, ufunc(np.float32(a), np.float32(b)))


def test_it_computes_in_the_dtype_of_the_op() -> None:
    g = Graph()
    third = folded(REGISTRY["div"](const(g, 1.0, float32), const(g, 3.0, float32)))
    assert third.dtype == np.float32
    assert third == np.float32(1) / np.float32(3)
    small = folded(REGISTRY["add"](const(g, 1.0, bfloat16), const(g, 2.0**-9, bfloat16)))
    assert small.dtype == ml_dtypes.bfloat16
    assert small == 1


@pytest.mark.parametrize("name", [n for n, d in DTYPES.items() if d.kind in "iu"])
def test_integers_wrap(name: str) -> None:
    g, dtype = Graph(), DTYPES[name]
    info = np.iinfo(dtype.np)
    assert folded(REGISTRY["add"](const(g, info.max, dtype), const(g, 1, dtype))) == info.min


def test_constants_do_not_share_memory() -> None:
    g = Graph()
    x = const(g, np.arange(6.0).reshape(2, 3), float32)
    for op, attrs in (("reshape", {"shape": (3, 2)}), ("transpose", {"perm": None}), ("identity", {})):
        found = folded(REGISTRY[op](x, **attrs))
        assert not np.shares_memory(found, x.node.attrs["value"])
        assert found.flags.c_contiguous
    wide = folded(REGISTRY["broadcast_to"](const(g, 1.0, float32), shape=(2, 2)))
    assert wide.strides == (8, 4)


def test_what_the_run_must_report_is_left_to_it() -> None:
    g = Graph()
    base, low = const(g, [2, 3], int32), const(g, [-1, 1], int32)
    assert folded(REGISTRY["int_pow"](base, low)) is None
    assert folded(REGISTRY["gather"](base, const(g, [5], int64), axis=0)) is None


def test_random_numbers_and_assignments_are_never_folded() -> None:
    g = Graph()
    names = [n for n, op in REGISTRY.ops.items() if op.draws is not None]
    assert names
    start, one = const(g, 0, int64), const(g, 1.0, float32)
    drawn = REGISTRY["random_uniform"](start, const(g, [1, 2], int64), shape=(2,), dtype=float32)
    assert folded(drawn) is None
    assert folded(REGISTRY["assign"](one, one)) is None


def test_order_of_effects_survives_replaced_nodes() -> None:
    g = Graph()
    v = REGISTRY["variable"](graph=g, dtype=float32, shape=(), key="v")
    write = REGISTRY["assign"](v, const(g, 1.0, float32), name="write").node
    between = g.add(REGISTRY["identity"], (const(g, 3.0, float32),), {}, control=(write,))
    after = g.add(REGISTRY["assign"], (v, const(g, 2.0, float32)), {}, name="after", control=(between,))
    g.outputs = list(after.results)
    for each in (Fold(), Decompose()):
        new = each.apply(g)
        assert new["write"] in new["after"].control
