"""Programs of graphs: a golden has a graph, and the program that it becomes by all passes over graphs and lowering."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfc.ir.kernel_text import parse_program, print_program
from tfc.ir.kernel_verify import verify_program
from tfc.ir.text import parse_graph, print_graph
from tfc.passes.lower import lower
from tfc.passes.manager import PassManager
from tfc.passes.pipeline import GRAPH_PASSES

GOLDENS = sorted((Path(__file__).parent / "golden").iterdir())


@pytest.mark.parametrize("path", GOLDENS, ids=lambda p: p.stem)
def test_golden(path: Path) -> None:
    before, after = path.read_text().split("# becomes")
    graph = PassManager(GRAPH_PASSES, verify=True).run(parse_graph(before))
    text = print_graph(graph)
    program = lower(graph)
    verify_program(program)
    assert print_program(program).strip() == after.strip()
    assert parse_program(after) == program
    assert print_graph(graph) == text


KERNELS = {"bias_relu": 1, "softmax": 1, "dense": 1, "cross_entropy": 1, "concat": 1, "classifier": 5}


def test_what_shares_a_kernel() -> None:
    """Rows of a product with all that its rows become; a training step is a handful of kernels."""
    for path in GOLDENS:
        kernels = parse_program(path.read_text().split("# becomes")[1]).kernels
        assert len(kernels) <= KERNELS.get(path.stem, 3), path.stem
