"""The SSA graph: values, nodes, regions and graphs over whole tensors."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .errors import GraphError, TfcError
from .op import Op, Shapes
from .types import TensorType


@dataclass(frozen=True)
class Loc:
    """A place in the user's program."""

    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.file else "unknown line"


UNKNOWN = Loc()


class Value:
    """A result of a node. `users` are the nodes that take it, once per operand."""

    __slots__ = ("index", "node", "type", "users")

    def __init__(self, node: Node, index: int, type: TensorType) -> None:
        self.node = node
        self.index = index
        self.type = type
        self.users: list[Node] = []

    @property
    def name(self) -> str:
        """`node:index`, as TensorFlow names tensors."""
        return f"{self.node.name}:{self.index}"

    def __repr__(self) -> str:
        return f"%{self.name}: {self.type}"


class Node:
    """An op applied to values. `control` are nodes that must have run before it; `regions` are bodies it runs."""

    __slots__ = ("attrs", "control", "graph", "loc", "name", "op", "operands", "regions", "results")

    def __init__(
        self,
        graph: Graph,
        op: Op,
        operands: tuple[Value, ...],
        attrs: dict[str, Any],
        types: tuple[TensorType, ...],
        name: str,
        loc: Loc,
        control: tuple[Node, ...],
        regions: tuple[Graph, ...],
    ) -> None:
        self.graph = graph
        self.op = op
        self.operands: tuple[Value, ...] = operands
        self.attrs = attrs
        self.results: tuple[Value, ...] = tuple(Value(self, k, t) for k, t in enumerate(types))
        self.name = name
        self.loc = loc
        self.control = control
        self.regions = regions

    @property
    def type(self) -> TensorType:
        """Type of the only result."""
        return self.results[0].type

    def __repr__(self) -> str:
        return f"{self.name} = {self.op.name}({', '.join(v.name for v in self.operands)})"


class Graph:
    """Nodes in an order in which every operand stands before its users, and what the graph gives.

    `outputs` are the values it gives; `updates` pairs a `variable` node's value with the value that it has after the
    run. A region of a node is a Graph whose `parent` is the graph of that node. `locate` gives the user's line for
    new nodes.
    """

    def __init__(self, name: str = "main", parent: Graph | None = None) -> None:
        self.name = name
        self.parent = parent
        self.nodes: list[Node] = []
        self.outputs: list[Value] = []
        self.updates: list[tuple[Value, Value]] = []
        self.shapes = Shapes()
        self.locate: Callable[[], Loc] = lambda: UNKNOWN
        self._by_name: dict[str, Node] = {}
        self._counts: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Node:
        return self._by_name[name]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def unique_name(self, base: str) -> str:
        """`base`, or `base_1`, `base_2`, … where that is taken."""
        count = self._counts.get(base, 0)
        name = f"{base}_{count}" if count else base
        while name in self._by_name:
            count += 1
            name = f"{base}_{count}"
        self._counts[base] = count + 1
        return name

    def add(
        self,
        op: Op,
        operands: Iterable[Value],
        attrs: Mapping[str, Any],
        *,
        name: str | None = None,
        loc: Loc | None = None,
        control: Sequence[Node] = (),
        regions: Sequence[Graph] = (),
    ) -> Node:
        """A new last node; its types are inferred.

        Raises the op's ShapeError or DTypeError with the op, its operands and the user's line; GraphError for a value
        of another graph.
        """
        values = tuple(operands)
        where = self.locate() if loc is None else loc
        for v in values:
            if v.node.graph is not self:
                raise GraphError(f"{op.name} at {where}: {v.name} belongs to another graph")
        types = infer_types(op, tuple(v.type for v in values), attrs, self.shapes, where)
        chosen = self.unique_name(name or op.name)
        node = Node(self, op, values, dict(attrs), types, chosen, where, tuple(control), tuple(regions))
        for v in values:
            v.users.append(node)
        self.nodes.append(node)
        self._by_name[chosen] = node
        return node

    @contextmanager
    def at(self, loc: Loc) -> Iterator[None]:
        """Nodes added inside the block carry this line."""
        before = self.locate
        self.locate = lambda: loc
        try:
            yield
        finally:
            self.locate = before

    def __str__(self) -> str:
        from .text import print_graph  # noqa: PLC0415 - text reads graphs

        return print_graph(self)


def infer_types(
    op: Op, types: tuple[TensorType, ...], attrs: Mapping[str, Any], shapes: Shapes, loc: Loc
) -> tuple[TensorType, ...]:
    """The result types of an op; an error of the op's rule is raised again with the op, its operands and the line."""
    try:
        result = op.infer(shapes, *types, **attrs)
    except TfcError as error:
        operands = ", ".join(map(str, types))
        raise type(error)(f"{op.name}({operands}) at {loc}: {error}") from None
    return result if isinstance(result, tuple) else (result,)


def rebuild(
    graph: Graph,
    rule: Callable[[Graph, Node, tuple[Value, ...]], Sequence[Value] | None],
    *,
    shapes: Shapes | None = None,
    attrs: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    keep: Container[Node] | None = None,
) -> Graph:
    """A new graph, node by node: `rule(new, node, operands)` gives a node's new results, or None to copy it.

    The rule sees the old node and its operands in the new graph, and may add nodes to it; those carry the old node's
    line. Types are inferred again. What ran after a node that was replaced runs after what stands for it and after
    what that node ran after. Nodes that are not in `keep` are left out; by default all stay, used or not.
    """
    new = Graph(graph.name, graph.parent)
    new.shapes = shapes or graph.shapes
    values: dict[Value, Value] = {}
    stands_for: dict[Node, tuple[Node, ...]] = {}
    for node in graph.nodes:
        if keep is not None and node not in keep:
            continue
        control = tuple(dict.fromkeys(s for c in node.control for s in stands_for.get(c, ())))
        operands = tuple(values[v] for v in node.operands)
        with new.at(node.loc):
            results = rule(new, node, operands)
            if results is None:
                given = attrs(node.attrs) if attrs else node.attrs
                copy = new.add(node.op, operands, given, name=node.name, control=control, regions=node.regions)
                results = copy.results
                stands_for[node] = (copy,)
            else:
                stands_for[node] = tuple(dict.fromkeys((*(v.node for v in results), *control)))
        values.update(zip(node.results, results, strict=True))
    new.outputs = [values[v] for v in graph.outputs]
    new.updates = [(values[variable], values[v]) for variable, v in graph.updates]
    return new
