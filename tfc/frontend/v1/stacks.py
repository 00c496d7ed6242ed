"""The thread-local stacks of default graphs and sessions, and the program's flags: the front end's mutable state."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .flags import Flag
    from .graph import Graph
    from .session import BaseSession


class Stacks(threading.local):
    """What `with graph.as_default()` and `with session.as_default()` have opened in this thread."""

    def __init__(self) -> None:
        self.graphs: list[Graph] = []
        self.sessions: list[BaseSession] = []
        self.fallback: Graph | None = None
        """The graph that new operations go to where no `as_default` is open."""


class Program:
    """What TF keeps once for a process."""

    def __init__(self) -> None:
        self.flags: dict[str, Flag] = {}
        self.parsed = False
        """Whether the flags have been given what the command line says."""


STACKS = Stacks()
PROGRAM = Program()


@contextmanager
def pushed(stack: list[Any], item: Any) -> Iterator[Any]:
    """`item` on top of a stack inside the block."""
    stack.append(item)
    try:
        yield item
    finally:
        if stack[-1] is not item:
            raise AssertionError(f"nesting violated for the stack of {type(item).__name__} objects")
        stack.pop()


def default_session() -> BaseSession | None:
    """The session that `eval` and `run` use; None where there is none."""
    return STACKS.sessions[-1] if STACKS.sessions else None


def session_for(given: BaseSession | None, graph: Graph, what: str) -> BaseSession:
    """The given or the default session, which must hold the graph. Raises ValueError as TF does."""
    session = given or default_session()
    if session is None:
        raise ValueError(
            f"Cannot {what} using `{what.split(maxsplit=1)[0]}()`: No default session is registered. "
            "Use `with sess.as_default()` or pass an explicit session"
        )
    if session.graph is not graph:
        raise ValueError(f"Cannot {what}: it belongs to another graph than the session's")
    return session
