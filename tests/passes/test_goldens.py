"""Graphs before and after each pass: `tests/passes/<pass>/<case>.ir`, compared by structure, not by names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfc.ir.graph import Graph, rebuild
from tfc.ir.structure import difference
from tfc.ir.text import parse_graph, print_graph
from tfc.ir.verify import verify_graph
from tfc.passes.cse import CommonSubexpressions
from tfc.passes.dce import DeadCode
from tfc.passes.decompose import Decompose
from tfc.passes.fold import Fold
from tfc.passes.manager import Pass
from tfc.passes.rewrite import Rewriter, Rule, Site
from tfc.passes.simplify import RULES, Simplify

HERE = Path(__file__).parent
MARK = "# becomes"
PASSES: dict[str, Pass] = {p.name: p for p in (Fold(), CommonSubexpressions(), DeadCode(), Decompose(), Simplify())}
OPTIONS: dict[str, Pass] = {
    "fold/limits": Fold(max_bytes=64),
    "dce/drop_effects": DeadCode(keep_effects=False),
    "decompose/kept": Decompose(keep=frozenset({"softmax"})),
}
"""The passes of goldens that are not for the default options."""
GOLDENS = sorted(p for p in HERE.glob("*/*.ir") if MARK in p.read_text())


def key_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def read(path: Path) -> tuple[Graph, Graph]:
    before, after = path.read_text().split(MARK)
    return parse_graph(before), parse_graph(after)


@pytest.mark.parametrize("path", GOLDENS, ids=key_of)
def test_golden(path: Path) -> None:
    before, after = read(path)
    text = print_graph(before)
    found = OPTIONS.get(key_of(path), PASSES[path.parent.name]).apply(before)
    verify_graph(found)
    assert difference(found, after) is None, print_graph(found)
    assert print_graph(before) == text, "the pass changed the graph that it was given"


def test_every_golden_and_every_option_is_used() -> None:
    assert {p.parent.name for p in GOLDENS} == set(PASSES)
    assert set(OPTIONS) <= set(map(key_of, GOLDENS))


def test_every_rule_of_simplify_is_applied_in_a_golden() -> None:
    used: set[int] = set()

    def counted(k: int, rule: Rule) -> Rule:
        def rewrite(site: Site, *operands: object) -> object:
            found = rule.rewrite(site, *operands)
            if found and found.type == site.type:
                used.add(k)
            return found

        return Rule(rule.op, rewrite)

    for path in (HERE / "simplify").glob("*.ir"):
        graph = read(path)[0]
        rebuild(graph, Rewriter([counted(k, rule) for k, rule in enumerate(RULES)], graph).rule)
    assert [rule.op for k, rule in enumerate(RULES) if k not in used] == []
