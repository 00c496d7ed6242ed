"""Variables that are turned: the goldens say which; here, that the graph means the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tfc.ir.graph import Graph
from tfc.ir.interpret_graph import Array, evaluate
from tfc.ir.text import parse_graph
from tfc.passes.turn import Turn

HERE = Path(__file__).parent / "turn"
ROWS = 5


def values(graph: Graph) -> list[Array]:
    """What the graph gives, then the variables after the run, by their names, as they are said to be."""
    feeds = {}
    for node in graph.nodes:
        if node.op.name in ("placeholder", "variable", "transposed_variable"):
            v = node.results[0]
            dims = [d if isinstance(d, int) else ROWS for d in v.type.dims]
            turned = node.op.name == "transposed_variable"
            rng = np.random.default_rng([ord(c) for c in node.name])
            x = rng.standard_normal(dims[::-1] if turned else dims).astype(np.float32)
            feeds[v] = x.T if turned else x
    after = sorted(graph.updates, key=lambda pair: pair[0].node.name)
    found = evaluate(graph, feeds, [*graph.outputs, *(new for _, new in after)])
    turned = [False] * len(graph.outputs) + [v.node.op.name == "transposed_variable" for v, _ in after]
    return [x.T if t else x for x, t in zip(found, turned, strict=True)]


@pytest.mark.parametrize("path", sorted(HERE.glob("*.ir")), ids=lambda p: p.stem)
def test_a_turned_graph_means_the_same(path: Path) -> None:
    before = parse_graph(path.read_text().split("# becomes")[0])
    for x, y in zip(values(before), values(Turn().apply(before)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-4)
