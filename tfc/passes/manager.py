"""Runs passes over a graph or a program: timed, verified where asked, the IR printed where it changed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from tfc.ir.errors import GraphError, VerifyError
from tfc.ir.graph import Graph
from tfc.ir.kernel import Program
from tfc.ir.kernel_text import print_program
from tfc.ir.kernel_verify import verify_program
from tfc.ir.text import print_graph
from tfc.ir.verify import verify_graph

IR = TypeVar("IR", Graph, Program)


class Pass(Protocol[IR]):
    """A rewrite of graphs or of programs: a frozen dataclass of its options.

    Valid in, valid out; what it is given stays as it is.
    """

    @property
    def name(self) -> str:
        """What `--print-after` and timings call it."""

    def apply(self, ir: IR, /) -> IR:
        """The rewritten graph or program."""


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)


@dataclass
class PassManager(Generic[IR]):
    """A list of passes and how they are watched.

    With `verify`, or `TFC_VERIFY=1` in the environment, the IR is verified before the first pass and after each.
    After passes named in `print_after`, `on_print` is given the IR's text where they changed it.
    """

    passes: Sequence[Pass[IR]]
    verify: bool = False
    print_after: Collection[str] = ()
    on_print: Callable[[str], None] = _to_stderr
    timings: list[tuple[str, float]] = field(default_factory=list, init=False)
    """Name and seconds of each pass of the last run, in order."""

    def run(self, ir: IR) -> IR:
        """The graph or program after all passes.

        Raises GraphError where `print_after` names no pass of the list, VerifyError that names the pass at fault.
        """
        known = {p.name for p in self.passes}
        for name in self.print_after:
            if name not in known:
                raise GraphError(f"no pass is named {name}; there are {', '.join(sorted(known))}")
        verify = self.verify or os.environ.get("TFC_VERIFY") == "1"
        if verify:
            _verify(ir)
        self.timings.clear()
        for p in self.passes:
            before, start = ir, time.perf_counter()
            ir = p.apply(before)
            self.timings.append((p.name, time.perf_counter() - start))
            if verify:
                _verify_after(p, ir)
            if p.name in self.print_after and (text := _text(ir)) != _text(before):
                self.on_print(f"# after {p.name}\n{text}")
        return ir


def _verify(ir: Graph | Program) -> None:
    if isinstance(ir, Graph):
        verify_graph(ir)
    else:
        verify_program(ir)


def _text(ir: Graph | Program) -> str:
    return print_graph(ir) if isinstance(ir, Graph) else print_program(ir)


def _verify_after(p: Pass[IR], ir: IR) -> None:
    try:
        _verify(ir)
    except VerifyError as error:
        raise VerifyError(f"after pass {p.name}: {error}") from error
