"""The pass manager: timings, verification, printing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from tfc.ir.errors import GraphError, VerifyError
from tfc.ir.graph import Graph
from tfc.ir.op import REGISTRY
from tfc.ir.ops.common import const
from tfc.ir.text import parse_graph, print_graph
from tfc.ir.types import TensorType, float32
from tfc.passes.cse import CommonSubexpressions
from tfc.passes.dce import DeadCode
from tfc.passes.fold import Fold
from tfc.passes.manager import PassManager


@dataclass(frozen=True)
class Break:
    """A pass that is wrong."""

    name: ClassVar[str] = "break"

    def apply(self, graph: Graph) -> Graph:
        new = DeadCode().apply(graph)
        new.nodes[0].results[0].type = TensorType(float32, (7,))
        return new


def graph() -> Graph:
    g = Graph()
    g.outputs = [REGISTRY["add"](const(g, 1.0, float32), const(g, 2.0, float32))]
    return g


def test_passes_run_in_order_and_are_timed() -> None:
    manager = PassManager((Fold(), DeadCode()))
    found = manager.run(graph())
    assert [n.op.name for n in found.nodes] == ["constant"]
    assert [name for name, _ in manager.timings] == ["fold", "dce"]
    assert all(seconds >= 0 for _, seconds in manager.timings)
    manager.run(graph())
    assert len(manager.timings) == 2


def test_it_prints_after_named_passes_that_changed_something() -> None:
    printed: list[str] = []
    manager = PassManager(
        (CommonSubexpressions(), Fold(), DeadCode()), print_after=("cse", "fold"), on_print=printed.append
    )
    manager.run(graph())
    (text,) = printed
    assert text.startswith("# after fold\ngraph @main {")
    assert "tensor<float32[]>[3.0]" in print_graph(parse_graph(text))


def test_an_unknown_pass_to_print_after_is_told() -> None:
    with pytest.raises(GraphError, match="no pass is named fuse; there are dce, fold"):
        PassManager((Fold(), DeadCode()), print_after=("fuse",)).run(graph())


def test_the_pass_at_fault_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TFC_VERIFY", raising=False)
    PassManager((Fold(), Break())).run(graph())
    with pytest.raises(VerifyError, match="after pass break: graph main: constant"):
        PassManager((Fold(), Break()), verify=True).run(graph())
    monkeypatch.setenv("TFC_VERIFY", "1")
    with pytest.raises(VerifyError, match="after pass break"):
        PassManager((Fold(), Break())).run(graph())


def test_a_graph_that_was_wrong_before_is_told_as_such() -> None:
    broken = Break().apply(graph())
    with pytest.raises(VerifyError, match="^graph main"):
        PassManager((Fold(),), verify=True).run(broken)
