"""Attention found in graphs gives what the graphs gave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfc.ir.graph import Graph
from tfc.ir.interpret_graph import evaluate
from tfc.ir.text import parse_graph
from tfc.passes.attention import Attention

GOLDENS = sorted(Path(__file__).parent.glob("*.ir"))


def feeds(graph: Graph) -> dict[Any, Any]:
    out = {}
    for v in (n.results[0] for n in graph.nodes if n.op.name == "placeholder"):
        rng = np.random.default_rng(len(v.node.name) + ord(v.node.name[0]))
        x = rng.standard_normal([d if isinstance(d, int) else 7 for d in v.type.dims])
        out[v] = (x > 0 if v.type.dtype.is_bool else np.abs(x) if v.node.name == "t" else x).astype(v.type.dtype.np)
    return out


@pytest.mark.parametrize("path", GOLDENS, ids=lambda p: p.stem)
def test_values(path: Path) -> None:
    before = parse_graph(path.read_text().split("# becomes")[0])
    after = Attention().apply(before)
    for x, y in zip(*(evaluate(g, feeds(g)) for g in (before, after)), strict=True):
        tolerance = 2e-2 if x.dtype.itemsize == 2 else 1e-5
        np.testing.assert_allclose(y.astype(np.float64), x.astype(np.float64), rtol=tolerance, atol=tolerance)


def test_a_graph_without_attention_is_the_graph_that_was_given() -> None:
    graph = parse_graph((Path(__file__).parent / "declined.ir").read_text().split("# becomes")[0])
    assert Attention().apply(graph) is graph


def test_long_chains_are_not_looked_through() -> None:
    step = "  %n{k} = neg(%n{p}) : float32[8, 8]\n"
    text = (
        "graph @main {\n  %q = placeholder() {dtype = float32, shape = [8, 8]} : float32[8, 8]\n"
        "  %n0 = matmul(%q, %q) {transpose_a = false, transpose_b = true} : float32[8, 8]\n"
        + "".join(step.format(k=k, p=k - 1) for k in range(1, 2001))
        + "  %p = softmax(%n2000) {axis = -1} : float32[8, 8]\n"
        "  %y = matmul(%p, %q) {transpose_a = false, transpose_b = false} : float32[8, 8]\n  return %y\n}\n"
    )
    graph = parse_graph(text)
    assert Attention().apply(graph) is graph
