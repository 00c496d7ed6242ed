"""Every op and its gradient, by the table of cases of the ops' tests: to text and back, folded, through all passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ir.ops.cases import CASES, Case
from tfc.ir.graph import Graph, Value
from tfc.ir.interpret_graph import evaluate
from tfc.ir.op import REGISTRY
from tfc.ir.ops.common import const
from tfc.ir.structure import attr_key, difference
from tfc.ir.text import parse_graph, print_graph
from tfc.ir.types import dtype
from tfc.passes.autodiff import gradients
from tfc.passes.canonical import is_pure
from tfc.passes.cse import CommonSubexpressions
from tfc.passes.dce import DeadCode
from tfc.passes.decompose import Decompose
from tfc.passes.fold import Fold
from tfc.passes.manager import PassManager
from tfc.passes.simplify import Simplify

ALL = (Decompose(), Simplify(), Fold(), CommonSubexpressions(), Simplify(), DeadCode())


def build(case: Case, static: bool = False) -> tuple[Graph, dict[Value, Any]]:
    """The op of a case, and its gradient where it has one; operands are constants or fed."""
    graph, feeds = Graph(), {}
    operands = []
    for x in case.operands:
        if static:
            operands.append(const(graph, x, dtype(x.dtype)))
        else:
            operands.append(REGISTRY["placeholder"](graph=graph, dtype=dtype(x.dtype), shape=x.shape))
            feeds[operands[-1]] = x
    node = REGISTRY[case.op].node(*operands, graph=graph, **case.attrs)
    slopes = [operands[k] for k in case.slopes]
    graph.outputs = [*node.results, *(v for v in gradients(node.results, slopes) if v is not None)]
    return graph, feeds


@pytest.mark.parametrize("case", CASES, ids=str)
def test_text_round_trips(case: Case) -> None:
    for static in (False, True):
        graph = build(case, static)[0]
        assert difference(parse_graph(print_graph(graph)), graph, names=True) is None


@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_passes_keep_the_values(case: Case) -> None:
    graph, feeds = build(case)
    after = PassManager(ALL, verify=True).run(graph)
    assert all(n.op.decompose is None for n in after.nodes)
    names = {n.name: n.results[0] for n in after.nodes if n.op.name == "placeholder"}
    found = evaluate(after, {names[v.node.name]: x for v, x in feeds.items()})
    for expected, x in zip(evaluate(graph, feeds), found, strict=True):
        assert (x.dtype, x.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(x, expected, rtol=1e-5 if x.dtype == np.float32 else 1e-10, atol=1e-7)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_folding_is_the_reference(case: Case) -> None:
    graph = build(case, static=True)[0]
    expected = evaluate(graph, {})
    for old, new, x in zip(graph.outputs, Fold().apply(graph).outputs, expected, strict=True):
        assert (new.node.op.name == "constant") is is_pure(old.node)
        assert not is_pure(old.node) or attr_key(new.node.attrs["value"]) == attr_key(np.array(x))
