"""Runs of one graph that share its variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tfc.ir.errors import RunError
from tfc.ir.graph import Graph, Node, Value
from tfc.ir.index import Index, symbols_of
from tfc.passes.extract import extract

from .execution import Execution
from .feeds import feeds_of, missing
from .forks import new_lock
from .state import State

Call = Callable[[Sequence[Any]], list[Any]]


class Session:
    """The variables of a graph, and the programs of what was run of it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._state = State()
        self._prepared: dict[tuple[tuple[Value | Node, ...], tuple[Value, ...]], Call] = {}
        self._preparing = new_lock()

    def prepare(self, fetches: tuple[Value | Node, ...], feeds: tuple[Value, ...]) -> Call:
        """The function from what `feeds` are fed, in their order, to what `fetches` give: None for a Node."""
        key = (fetches, feeds)
        with self._preparing:
            self._state.check_open()
            found = self._prepared.get(key)
            if found is None:
                found = self._prepared[key] = self._make(fetches, feeds)
            return found

    def _make(self, fetches: tuple[Value | Node, ...], feeds: tuple[Value, ...]) -> Call:
        pure = extract(self.graph, fetches, feeds)
        unfed = _unfed(self.graph, pure, feeds)
        if unfed is not None:
            return _refuse(missing(unfed))
        execution = Execution(pure, feeds_of(feeds), self._state)
        if not any(isinstance(f, Node) for f in fetches):
            return execution
        places = [None if isinstance(f, Node) else k for k, f in enumerate(fetches)]

        def call(given: Sequence[Any]) -> list[Any]:
            outputs = iter(execution(given))
            return [None if k is None else next(outputs) for k in places]

        return call

    def close(self) -> None:
        """Lets go of the variables and programs; a later run raises RunError."""
        with self._preparing:
            self._prepared.clear()
        self._state.close()


def _unfed(graph: Graph, pure: Graph, feeds: tuple[Value, ...]) -> Value | None:
    """A placeholder that a pure graph of `graph` needs beyond its feeds, for its value or for a dim of it."""
    placeholders = [n.results[0] for n in pure.nodes if n.op.name == "placeholder"]
    if len(placeholders) > len(feeds):
        return placeholders[len(feeds)]
    given = symbols_of(*(d for v in placeholders for d in v.type.shape or ()))
    needed = {s for n in pure.nodes for attr in n.attrs.values() for s in _symbols(attr)} - given
    candidates = (n.results[0] for n in graph.nodes if needed and n.op.name == "placeholder")
    return next((v for v in candidates if needed & symbols_of(*(v.type.shape or ()))), None)


def _symbols(attr: Any) -> Iterator[str]:
    if isinstance(attr, tuple):
        for a in attr:
            yield from _symbols(a)
    elif isinstance(attr, Index):
        yield from attr.symbols


def _refuse(message: str) -> Call:
    def call(given: Sequence[Any]) -> list[Any]:
        raise RunError(message)

    return call
