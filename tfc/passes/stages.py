"""Which values of a pure graph get memory, and the loop nest that computes each: its stage.

Every other value is inlined: its element is computed where it is needed, by the element rules of the ops. A stage is an
algorithm, loops over the whole domain in serial order; how it runs is the schedule's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tfc.ir.errors import InternalError
from tfc.ir.expr import Expr, Load, Name, Prim
from tfc.ir.graph import Graph, Node, Value
from tfc.ir.index import Dim, Index, simplify
from tfc.ir.kernel import Body, Check, For, Let, Stmt, subexprs
from tfc.ir.op import broadcast_index
from tfc.ir.types import Shape

SOURCES = frozenset({"placeholder", "variable"})
INLINE_COST = 2
"""An element that costs more than this many simple operations is computed once and kept rather than computed again."""


def is_uniform(node: Node) -> bool:
    """Whether a node is a constant all of whose elements are one number, which needs no memory."""
    if node.op.name != "constant":
        return False
    value = node.attrs["value"]
    return bool(value.size > 0 and value.tobytes() == value.reshape(-1)[:1].tobytes() * value.size)


def is_source(node: Node) -> bool:
    """Whether a node's value is there before the program starts."""
    return node.op.name in SOURCES or (node.op.name == "constant" and not is_uniform(node))


@dataclass
class Stage:
    """The nest that computes one value, and what it takes to do so."""

    value: Value
    body: Body
    rows: int | None
    """How many leading dims of the value are loops around everything else; None where any number may be."""
    loops: tuple[str, ...]
    """The variable of each dim of the value, "" for a dim of 1."""
    loads: list[tuple[Value, Shape]]


class Plan:
    """Which values of a graph have memory, their names there, and the messages of the checks in their stages."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names = _buffer_names(graph)
        self.roots = choose_roots(graph)
        self.messages: list[str] = []

    def has_memory(self, v: Value) -> bool:
        return v in self.roots or is_source(v.node)


def _buffer_names(graph: Graph) -> dict[Value, str]:
    names: dict[Value, str] = {}
    taken: set[str] = set()
    for node in graph.nodes:
        for v in node.results:
            base = re.sub(r"\W", "_", node.name, flags=re.ASCII) + (f"_{v.index}" if v.index else "")
            base = base if base[:1].isalpha() else f"v{base}"
            name, k = base, 0
            while name in taken:
                k += 1
                name = f"{base}_{k}"
            taken.add(name)
            names[v] = name
    return names


# Which values get memory


def choose_roots(graph: Graph) -> set[Value]:
    """The values computed into memory: what the graph gives, what loops compute, what would be computed twice."""
    roots = set(graph.outputs) | {new for _, new in graph.updates}
    cost: dict[Value, int] = {}
    for node in graph.nodes:
        if node.op.combiner is not None or node.op.template is not None:
            roots.update(node.results)
        if node.op.template is not None or node.op.element is not None:
            roots.update(v for v in node.operands if needs_memory(node, v))
    for node in graph.nodes:
        for v in node.results:
            cost[v] = _weight(node) + sum(cost[o] for o in node.operands if o not in roots)
            if v not in roots and not is_source(node) and cost[v] > INLINE_COST and _is_repeated(v):
                roots.add(v)
    return {v for v in roots if not is_source(v.node)}


def needs_memory(user: Node, v: Value) -> bool:
    """Whether an op that reads an operand out of order takes it from memory only."""
    if is_source(v.node) or is_uniform(v.node):
        return False
    return user.op.template is not None or (v.node.op.scalar is None and not _is_leaf(v.node))


def _is_leaf(node: Node) -> bool:
    return not node.operands


def _is_repeated(v: Value) -> bool:
    """Whether inlining would compute an element more than once: many users, or a user with a larger domain."""
    if len(v.users) != 1:
        return len(v.users) > 1
    user = v.users[0]
    return any(r.type.dims != v.type.dims for r in user.results) and user.op.combiner is None


def _weight(node: Node) -> int:
    """Simple operations per element; a math function or a division counts for several."""
    if node.op.scalar is None:
        return 1 if node.operands else 0
    args = [Name(o.type.dtype, "x") for o in node.operands]
    prims = [e for e in subexprs(node.op.scalar(*args, **node.attrs)) if isinstance(e, Prim)]
    return sum(_PRIM_WEIGHT.get(p.op, 1) for p in prims)


_PRIM_WEIGHT = dict.fromkeys(("exp", "expm1", "log", "log1p", "tanh", "sigmoid", "erf", "sin", "cos", "pow"), 10) | {
    "div": 4,
    "sqrt": 4,
    "floordiv": 4,
    "mod": 4,
}


# The nests


class StageBuilder:
    """Builds the nest of one value; the `Element` that element rules are given."""

    def __init__(self, plan: Plan, value: Value, prefix: str) -> None:
        self.plan = plan
        self.value = value
        self.prefix = prefix
        self.ranges: dict[str, tuple[int | None, int | None]] = {}
        self.extents: dict[str, Dim] = {}
        self.lets: list[Stmt] = []
        self.known: dict[tuple[Value, Shape], Expr] = {}
        self.loads: list[tuple[Value, Shape]] = []
        self.node = value.node
        self.shared = True

    def loop(self, label: str, extent: Dim) -> str:
        """The variable of a new loop."""
        name = f"{self.prefix}{label}"
        self.ranges[name] = (0, extent - 1 if isinstance(extent, int) else None)
        self.extents[name] = extent
        return name

    def domain(self, shape: Shape, label: str) -> tuple[tuple[str, ...], Shape]:
        """Loop variables for the dims of a shape ("" for a dim of 1) and the index that they make."""
        loops = tuple("" if d == 1 else self.loop(f"{label}{k}", d) for k, d in enumerate(shape))
        return loops, tuple(Index.symbol(name) if name else 0 for name in loops)

    def nest(self, loops: Iterable[str], body: Body) -> Body:
        """A body inside loops, outermost first."""
        for name in reversed([name for name in loops if name]):
            body = (For(name, self.extents[name], body),)
        return body

    def take_lets(self) -> Body:
        lets, self.lets, self.known = tuple(self.lets), [], {}
        return lets

    def element(self, v: Value, at: Shape) -> Expr:
        """The element of a value at an index: loaded, or computed from its operands'."""
        at = tuple(self.simplify(i) for i in at)
        if (v, at) in self.known:
            return self.known[v, at]
        if v is not self.value and self.plan.has_memory(v):
            self.loads.append((v, at))
            return Load(v.type.dtype, self.plan.names[v], at)
        return self.computed(v, at)

    def computed(self, v: Value, at: Shape) -> Expr:
        """The element of a value by its op's rule."""
        node, op = v.node, v.node.op
        if op.scalar is not None:
            args = [self.element(o, broadcast_index(at, o.type.dims)) for o in node.operands]
            result = op.scalar(*args, **node.attrs)
        elif op.element is not None:
            outer = self.node, self.shared
            self.node, self.shared = node, False
            result = op.element(self, node, at)
            self.node, self.shared = outer
        else:
            raise InternalError(f"{op.name} {node.name} has no element rule")
        if self.shared and len(v.users) > 1 and isinstance(result, Prim):
            result = self.bind(result)
            self.known[v, at] = result
        return result

    def bind(self, value: Expr) -> Name:
        name = Name(value.dtype, f"{self.prefix}v{len(self.ranges)}_{len(self.lets)}")
        self.lets.append(Let(name.name, value))
        return name

    # What element rules call

    def operand(self, k: int, at: Shape) -> Expr:
        node = self.node
        result = self.element(node.operands[k], at)
        self.node = node
        return result

    def let(self, value: Expr, low: int | None, high: Dim | None) -> Dim:
        name = self.bind(value).name
        self.ranges[name] = (low, high if isinstance(high, int) else None)
        return Index.symbol(name)

    def check(self, condition: Expr, message: str) -> None:
        text = f"{self.node.op.name} {self.node.name} at {self.node.loc}: {message}"
        self.lets.append(Check(condition, len(self.plan.messages)))
        self.plan.messages.append(text)

    def simplify(self, x: Dim) -> Dim:
        return simplify(x, self.ranges)
