"""Watches what a script runs: every call of a session or of a compiled function, before it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

import tfc.runtime
from tfc.ir.graph import Graph, Node, Value
from tfc.passes.extract import extract, reachable

from .feeds import Shape, placeholders


@dataclass(frozen=True)
class Run:
    """What one run computes: fetches of a graph (a Node stands for its effects), from feeds of these shapes.

    A shape is None where nothing says what is fed.
    """

    graph: Graph
    fetches: tuple[Value | Node, ...]
    feeds: tuple[Value, ...]
    shapes: tuple[Shape | None, ...]


class Stop(BaseException):
    """Ends the script: `run` is what was looked for. No `except Exception` of the script catches it."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run


Saw = Callable[[Run], None]
"""Is told of a run before it is made; may raise `Stop`."""


class _Session:
    """The engine of a session, watched."""

    def __init__(self, inner: tfc.runtime.Session, saw: Saw) -> None:
        self.inner = inner
        self.saw = saw

    def prepare(self, fetches: tuple[Value | Node, ...], feeds: tuple[Value, ...]) -> Callable[[Sequence[Any]], Any]:
        call = self.inner.prepare(fetches, feeds)

        def seen(given: Sequence[Any]) -> list[Any]:
            self.saw(Run(self.inner.graph, fetches, feeds, tuple(map(np.shape, given))))
            return call(given)

        return seen

    def close(self) -> None:
        self.inner.close()


class _Executable:
    """What runs a traced function, watched."""

    def __init__(self, inner: tfc.runtime.Executable, saw: Saw) -> None:
        self.inner = inner
        self.saw = saw

    def run(self, given: Sequence[Any]) -> list[Any]:
        graph = self.inner.graph
        self.saw(Run(graph, tuple(graph.outputs), placeholders(graph), tuple(map(np.shape, given))))
        return self.inner.run(given)


@contextmanager
def watched(saw: Saw) -> Iterator[None]:
    """Inside the block, `saw` is told of every run of a session and of a compiled function."""
    session, executable = tfc.runtime.Session, tfc.runtime.Executable
    with ExitStack() as stack:
        stack.enter_context(_replaced(tfc.runtime, "Session", lambda graph: _Session(session(graph), saw)))
        stack.enter_context(_replaced(tfc.runtime, "Executable", lambda graph: _Executable(executable(graph), saw)))
        yield


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def trains(run: Run) -> bool:
    """Whether a run gives a variable a value made from the one that it has: a step of training does, setting up not."""
    pure = extract(run.graph, run.fetches, run.feeds)
    counters = {n.operands[0] for n in pure.nodes if n.op.draws is not None}
    return any(v not in counters and v.node in reachable([new], frozenset()) for v, new in pure.updates)
