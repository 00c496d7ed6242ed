"""Runs passes over a graph: timed, verified where asked, the IR printed where it changed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tfc.ir.errors import GraphError, VerifyError
from tfc.ir.graph import Graph
from tfc.ir.structure import structurally_equal
from tfc.ir.text import print_graph
from tfc.ir.verify import verify_graph


class Pass(Protocol):
    """A rewrite of graphs: a frozen dataclass of its options. Valid in, valid out; the given graph stays as it is."""

    @property
    def name(self) -> str:
        """What `--print-after` and timings call it."""

    def apply(self, graph: Graph) -> Graph:
        """The rewritten graph."""


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)


@dataclass
class PassManager:
    """A list of passes and how they are watched.

    With `verify`, or `TFC_VERIFY=1` in the environment, the graph is verified before the first pass and after each.
    After passes named in `print_after`, `on_print` is given the graph's text where they changed it.
    """

    passes: Sequence[Pass]
    verify: bool = False
    print_after: Collection[str] = ()
    on_print: Callable[[str], None] = _to_stderr
    timings: list[tuple[str, float]] = field(default_factory=list, init=False)
    """Name and seconds of each pass of the last run, in order."""

    def run(self, graph: Graph) -> Graph:
        """The graph after all passes.

        Raises GraphError where `print_after` names no pass of the list, VerifyError that names the pass at fault.
        """
        known = {p.name for p in self.passes}
        for name in self.print_after:
            if name not in known:
                raise GraphError(f"no pass is named {name}; there are {', '.join(sorted(known))}")
        verify = self.verify or os.environ.get("TFC_VERIFY") == "1"
        if verify:
            verify_graph(graph)
        self.timings.clear()
        for p in self.passes:
            before, start = graph, time.perf_counter()
            graph = p.apply(before)
            self.timings.append((p.name, time.perf_counter() - start))
            if verify:
                _verify_after(p, graph)
            if p.name in self.print_after and not structurally_equal(before, graph, names=True):
                self.on_print(f"# after {p.name}\n{print_graph(graph)}")
        return graph


def _verify_after(p: Pass, graph: Graph) -> None:
    try:
        verify_graph(graph)
    except VerifyError as error:
        raise VerifyError(f"after pass {p.name}: {error}") from error
