"""`tfc dump --list`: the names that can be dumped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tfc.frontend.trace import Compiled
from tfc.ir.graph import Graph, Loc, Node, Value

from .search import Named, Search

Row = tuple[str, str, str, str]
"""Kind, name, what it is, line."""


def list_script(search: Search) -> str:
    """The names of a script that was run: its Python variables, then the operations of its graph."""
    rows = [_named(name, found) for name, found in search.named()]
    return _table([*rows, *_operations(search.graph)])


def list_graph(graph: Graph) -> str:
    """The names of a graph's nodes."""
    return _table(_operations(graph))


def _named(name: str, found: Named) -> Row:
    if isinstance(found, Compiled):
        code = getattr(found.function, "__code__", None)
        line = str(Loc(code.co_filename, code.co_firstlineno)) if code is not None else ""
        return "function", name, f"({', '.join(found.parameters)})", line
    node = found if isinstance(found, Node) else found.node
    return "variable", name, f"{node.name}: {_type(found)}", str(node.loc)


def _operations(graph: Graph) -> Iterator[Row]:
    for node in graph.nodes:
        yield "operation", node.name, f"{node.op.name}: {_type(node)}", str(node.loc)


def _type(found: Value | Node) -> str:
    results = found.results if isinstance(found, Node) else (found,)
    return ", ".join(str(v.type) for v in results) or "no result"


def _table(rows: Iterable[Row]) -> str:
    listed = list(rows)
    widths = [max((len(row[k]) for row in listed), default=0) for k in range(3)]
    lines = ["  ".join((*(cell.ljust(w) for cell, w in zip(row[:3], widths, strict=True)), row[3])) for row in listed]
    return "".join(f"{line.rstrip()}\n" for line in lines)
