"""The loop nest that computes a value with memory: its stage.

Every other value is inlined: its element is computed where it is needed, by the element rules of the ops. A stage is an
algorithm, loops over the whole domain in serial order; how it runs is the schedule's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tfc.ir.errors import InternalError
from tfc.ir.expr import Expr, Load, Name, Prim
from tfc.ir.graph import Graph, Value
from tfc.ir.index import Dim, Index, simplify, symbols_of
from tfc.ir.kernel import Body, Check, For, Let, Stmt
from tfc.ir.kernel_text import KEYWORDS
from tfc.ir.op import broadcast_index
from tfc.ir.types import Shape

from .roots import Roots, is_source


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
    pointwise: bool = False
    """Whether each element is stored once, after all that it is computed from was loaded."""


class Plan:
    """Which values of a graph have memory, their names there, and the messages of the checks in their stages.

    No name is given twice in a program, whatever the user's names are.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.roots = Roots(graph)
        self.messages: list[str] = []
        self._counts: dict[str, int] = {}
        self._taken = {*KEYWORDS, *_symbols(graph)}
        self.fetches = [self.fresh(f"fetch{k}") for k in range(len(graph.outputs))]
        self.names = {v: self.fresh(_plain_name(v)) for node in graph.nodes for v in node.results}

    def has_memory(self, v: Value) -> bool:
        return v in self.roots.values or is_source(v.node)

    def fresh(self, base: str) -> str:
        """A name that no other is, `base` if it may be."""
        name = base
        while name in self._taken:
            self._counts[base] = self._counts.get(base, 0) + 1
            name = f"{base}_{self._counts[base]}"
        self._taken.add(name)
        return name


def _plain_name(v: Value) -> str:
    """A value's name with what no name in a kernel may hold as underscores."""
    base = re.sub(r"\W", "_", v.node.name, flags=re.ASCII) + (f"_{v.index}" if v.index else "")
    return base if base[:1].isalpha() else f"v{base}"


def _symbols(graph: Graph) -> frozenset[str]:
    """The symbols of all dims of a graph."""
    dims: list[Dim] = []
    for node in graph.nodes:
        dims += [d for v in node.results for d in v.type.dims]
        work = list(node.attrs.values())
        while work:
            match work.pop():
                case Index() as d:
                    dims.append(d)
                case tuple() as inner:
                    work.extend(inner)
    return symbols_of(*dims)


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
        self.binding = True
        """Whether names can be bound: not under a condition, where what they stand for may not be there."""

    def loop(self, label: str, extent: Dim) -> str:
        """The variable of a new loop."""
        name = self.plan.fresh(f"{self.prefix}{label}")
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
        node, op, rule = v.node, v.node.op, self.plan.roots.rules[v.node]
        if op.scalar is not None:
            args = [self.element(o, broadcast_index(at, o.type.dims)) for o in node.operands]
            # A rule that uses an operand twice would double its expression.
            args = [self.shared(a) if n > 1 else a for a, n in zip(args, rule.uses, strict=True)]
            result = op.scalar(*args, **node.attrs)
        elif op.element is not None:
            outer = self.node, self.binding
            self.node, self.binding = node, self.binding and rule.view
            result = op.element(self, node, at)
            self.node, self.binding = outer
        else:
            raise InternalError(f"{op.name} {node.name} has no element rule")
        if len(v.users) > 1 and v is not self.value:
            result = self.shared(result)
            if self.binding:
                self.known[v, at] = result
        return result

    def shared(self, value: Expr) -> Expr:
        """An expression that may be used more than once without computing it again, where names can be bound."""
        return self.bind(value) if self.binding and isinstance(value, Prim) else value

    def bind(self, value: Expr) -> Name:
        name = Name(value.dtype, self.plan.fresh(f"{self.prefix}t"))
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
