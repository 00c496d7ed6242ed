"""Graphs before and after each pass: `tests/passes/<pass>/<case>.ir`, compared by structure, not by names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from tfc.ir.graph import Graph, Value, rebuild
from tfc.ir.interpret_graph import evaluate
from tfc.ir.structure import difference
from tfc.ir.text import parse_graph, print_graph
from tfc.ir.verify import verify_graph
from tfc.passes.attention import Attention
from tfc.passes.cse import CommonSubexpressions
from tfc.passes.dce import DeadCode
from tfc.passes.decompose import Decompose
from tfc.passes.extract import extract
from tfc.passes.fold import Fold
from tfc.passes.layout import Layout
from tfc.passes.manager import Pass
from tfc.passes.rewrite import Rewriter, Rule, Site
from tfc.passes.simplify import RULES, Simplify
from tfc.passes.turn import Turn

HERE = Path(__file__).parent
MARK = "# becomes"


@dataclass(frozen=True)
class Extract:
    """Extraction as a pass: all outputs are fetched, and the effects of nodes that do nothing else."""

    name: ClassVar[str] = "extract"

    def apply(self, graph: Graph) -> Graph:
        effects = [n for n in graph.nodes if n.op.name == "no_op"]
        feeds = [n.results[0] for n in graph.nodes if n.op.name == "placeholder"]
        return extract(graph, [*graph.outputs, *effects], feeds)


PASSES: dict[str, Pass[Graph]] = {
    p.name: p
    for p in (
        Extract(),
        Attention(),
        Fold(),
        CommonSubexpressions(),
        DeadCode(),
        Decompose(),
        Simplify(),
        Layout(),
        Turn(),
    )
}
OPTIONS: dict[str, Pass[Graph]] = {
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


SPECIAL = [-0.0, 0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-45, -1e-40, 3e38, 0.5, -2.5]


def feeds(graph: Graph) -> dict[Value, Any]:
    """Numbers for the placeholders, by their names: each with its own order of the hard cases."""
    out = {}
    for v in (n.results[0] for n in graph.nodes if n.op.name == "placeholder"):
        shape = tuple(d if isinstance(d, int) else 7 for d in v.type.dims)
        of, rng = v.type.dtype, np.random.default_rng(ord(v.node.name))
        if of.is_int:
            info = np.iinfo(of.np)
            out[v] = rng.choice([0, 1, 7, info.min, info.max], shape).astype(of.np)
        else:
            with np.errstate(over="ignore"):
                out[v] = np.asarray(rng.choice(SPECIAL, shape)).astype(of.np)
    return out


@pytest.mark.parametrize("path", [p for p in GOLDENS if p.parent.name == "simplify"], ids=key_of)
def test_golden_keeps_values(path: Path) -> None:
    before, after = read(path)
    for v, x, y in zip(before.outputs, *(evaluate(g, feeds(g)) for g in (before, after)), strict=True):
        np.testing.assert_array_equal(x, y) if v.node.op.name != "pow" else np.testing.assert_allclose(x, y, rtol=2e-7)
        if x.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(x) | np.isnan(x), np.signbit(y) | np.isnan(y))


def test_every_golden_and_every_option_is_used() -> None:
    assert {p.parent.name for p in GOLDENS} == set(PASSES)
    assert {p for name in PASSES for p in (HERE / name).glob("*.ir")} == set(GOLDENS)
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
