"""From a graph with effects to the pure graph of one run.

TensorFlow's graphs read and write variables in an order that edges only partly fix. Here that order is settled once,
and what is left is a function: from feeds and the variables' values before the run to the fetched values and the
variables' values after it. Every later pass may then treat a graph as mathematics.

The order (`docs/semantics.md`): a use of a variable sees the last assignment that must have run before the *using*
node (by operands or control dependencies), else the value before the run. Assignments of one variable that nothing
orders run in the order in which they were made. A read of a variable (`identity` without control dependencies) stands
for the variable itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfc.ir.errors import GraphError
from tfc.ir.graph import Graph, Node, Value
from tfc.ir.index import Dim, Index, floordiv, linear_in, subs, symbol_name, symbols_of
from tfc.ir.op import REGISTRY
from tfc.ir.types import TensorType, int64

ASSIGN = {"assign": None, "assign_add": "add", "assign_sub": "sub"}
"""What each assignment applies to the variable's value and its operand; None replaces the value."""


def extract(
    graph: Graph, fetches: Sequence[Value | Node], feeds: Sequence[Value], types: Sequence[TensorType] | None = None
) -> Graph:
    """The pure graph that computes `fetches` (a Node stands for its effects) from `feeds`.

    Its first nodes are placeholders for the feeds, in their order and of the given types (else the feeds' own); its
    outputs are the fetched values in their order. Raises GraphError for values of another graph.
    """
    for f in (*fetches, *feeds):
        owner = f.graph if isinstance(f, Node) else f.node.graph
        if owner is not graph:
            raise GraphError(f"{f.name} is not of this graph")
    return _Extraction(graph, feeds, types or _open_types(feeds)).run(fetches)


def reachable(fetches: Sequence[Value | Node], fed: frozenset[Value]) -> set[Node]:
    """The nodes that must run: all that the fetches depend on, not looking past fed values."""
    work = [f if isinstance(f, Node) else f.node for f in fetches if isinstance(f, Node) or f not in fed]
    seen: set[Node] = set()
    while work:
        node = work.pop()
        if node in seen:
            continue
        seen.add(node)
        work.extend(v.node for v in node.operands if v not in fed)
        work.extend(node.control)
    return seen


def _open_types(feeds: Sequence[Value]) -> list[TensorType]:
    """The types of feeds with a new symbol for each dim that is made of symbols which no feed's dim is."""
    given = {name for v in feeds for d in v.type.shape or () if (name := symbol_name(d)) is not None}

    def dim(where: str, d: Dim) -> Dim:
        return d if symbols_of(d) <= given else Index.symbol(where)

    shapes = [v.type.shape for v in feeds]
    opened = [s if s is None else tuple(dim(f"f{k}_{a}", d) for a, d in enumerate(s)) for k, s in enumerate(shapes)]
    return [TensorType(v.type.dtype, shape) for v, shape in zip(feeds, opened, strict=True)]


class _Extraction:
    def __init__(self, graph: Graph, feeds: Sequence[Value], types: Sequence[TensorType]) -> None:
        self.graph = graph
        self.new = Graph(graph.name)
        self.values: dict[Value, Value] = {}
        self.dims: dict[str, Dim] = {}
        """What symbols of the graph stand for, where the run knows more than the graph."""
        for v, t in zip(feeds, types, strict=True):
            with self.new.at(v.node.loc):
                fed = REGISTRY["placeholder"](graph=self.new, name=v.node.name, dtype=t.dtype, shape=t.shape)
            self.values[v] = fed
        self.given = {symbol_name(d) for t in types for d in t.shape or ()}
        for v, t in zip(feeds, types, strict=True):
            self.learn(v.type, t)
        self.fed = frozenset(feeds)
        self.versions: dict[Node, list[tuple[int, Value]]] = {}
        """Per variable, its values in order, each with the bit of the assignment that made it (0: before the run)."""
        self.before: dict[Node, int] = {}
        """Per node, the bits of the assignments that must have run before its users see it."""
        self.bits = 0

    def run(self, fetches: Sequence[Value | Node]) -> Graph:
        needed = reachable(fetches, self.fed)
        for node in self.graph.nodes:
            if node in needed:
                with self.new.at(node.loc):
                    self.visit(node)
        outputs = [f for f in fetches if isinstance(f, Value)]
        self.new.outputs = [self.fetched(v) for v in outputs]
        for versions in self.versions.values():
            if len(versions) > 1:
                self.new.updates.append((versions[0][1], versions[-1][1]))
        return self.new

    def fetched(self, v: Value) -> Value:
        variable = self.variable_of(v)
        return self.values[v] if variable is None else self.versions[variable][0][1]

    def variable_of(self, v: Value) -> Node | None:
        """The variable that a value reads, if it is a plain read."""
        while v not in self.fed and v.node.op.name == "identity" and not v.node.control:
            v = v.node.operands[0]
        return v.node if v not in self.fed and v.node.op.name == "variable" else None

    def visit(self, node: Node) -> None:
        before = 0
        for p in (*(v.node for v in node.operands if v not in self.fed), *node.control):
            before |= self.before.get(p, 0)
        if node.op.name == "variable":
            first = self.new.add(node.op, (), self.attrs(node), name=node.name)
            self.versions[node] = [(0, first.results[0])]
            self.bind(node, [first.results[0]])
        elif node.op.name in ASSIGN:
            before |= self.assign(node, before)
        elif node.op.draws is not None:
            self.draw(node, before)
        elif not all(v in self.values for v in node.results):
            operands = [self.read(v, before) for v in node.operands]
            self.bind(node, self.new.add(node.op, operands, self.attrs(node), name=node.name).results)
        self.before[node] = before

    def bind(self, node: Node, results: Sequence[Value]) -> None:
        for old, new in zip(node.results, results, strict=True):
            self.values.setdefault(old, new)
            self.learn(old.type, new.type)

    def learn(self, old: TensorType, new: TensorType) -> None:
        """Takes from a value's dims in the run what a symbol in its dims in the graph stands for."""
        for d, known in zip(old.shape or (), new.shape or (), strict=False):
            names = sorted(symbols_of(d) - self.given - self.dims.keys())
            if d != known and len(names) == 1:
                linear = linear_in(d, names[0])
                if linear is not None and isinstance(linear[0], int):
                    self.dims[names[0]] = floordiv(known - linear[1], linear[0])

    def attrs(self, node: Node) -> dict[str, Any]:
        return {k: _known(v, self.dims) for k, v in node.attrs.items()} if self.dims else node.attrs

    def read(self, v: Value, before: int) -> Value:
        """A value as a node sees it that runs after the assignments of `before`."""
        variable = self.variable_of(v)
        if variable is None:
            return self.values[v]
        return next(value for bit, value in reversed(self.versions[variable]) if bit == 0 or bit & before)

    def assign(self, node: Node, before: int) -> int:
        target, operand = node.operands
        variable = self.variable_of(target)
        if variable is None:
            raise GraphError(f"{node.op.name} {node.name} at {node.loc}: {target.name} is not a variable or is fed")
        value = self.read(operand, before)
        change = ASSIGN[node.op.name]
        if change is not None:
            value = REGISTRY[change](self.versions[variable][-1][1], value)
        return self.set(variable, node, value)

    def set(self, variable: Node, node: Node, value: Value) -> int:
        self.bits += 1
        bit = 1 << self.bits
        self.versions[variable].append((bit, value))
        self.bind(node, [value])
        return bit

    def draw(self, node: Node, before: int) -> None:
        """A random op takes its counter as it stands and moves it on, whoever else draws."""
        variable = self.variable_of(node.operands[0])
        if variable is None:
            raise GraphError(f"{node.op.name} {node.name} at {node.loc}: its counter is not a variable")
        counter = self.versions[variable][-1][1]
        operands = [counter, *(self.read(v, before) for v in node.operands[1:])]
        drawn = self.new.add(node.op, operands, self.attrs(node), name=node.name)
        self.bind(node, drawn.results)
        assert node.op.draws is not None
        blocks = REGISTRY["dim"](graph=self.new, value=node.op.draws(drawn.type), dtype=int64)
        self.set(variable, node, REGISTRY["add"](counter, blocks))


def _known(attr: Any, dims: Mapping[str, Dim]) -> Any:
    if isinstance(attr, Index):
        return subs(attr, dims)
    return tuple(_known(a, dims) for a in attr) if isinstance(attr, tuple) else attr
