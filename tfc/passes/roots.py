"""Which values of a pure graph are computed into memory, and which where they are needed.

An element of a value without memory is computed by its op's rule, again at each place that needs it, so what costs much
is kept. Depth and work of what is inlined are bounded, so that no graph makes an expression too deep or too large for
what reads it. An op that reads its operand under a condition, or at an index that it computes, can bind no names for
what it reads: what needs names or is large there has memory too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tfc.ir.arrays import repeated
from tfc.ir.expr import Expr, Name, Prim
from tfc.ir.graph import Graph, Node, Value
from tfc.ir.index import Dim, Index, linear_in, symbols_of
from tfc.ir.kernel import subexprs
from tfc.ir.ops.state import VARIABLES
from tfc.ir.types import Shape

SOURCES = frozenset({"placeholder", *(op.name for op in VARIABLES)})
IN_ORDER = frozenset({"concat"})
"""Templates that take each element of an operand once, so that the operand needs no memory."""
READS: dict[str, tuple[str, ...]] = {"attention": ("once", "any", "rows", "once")}
"""How templates read operands that need no memory of their own, the last as all that follow: each element once; in any
order and again, but through views of memory; the same, elements of a row side by side."""
INLINE_WORK = 2
"""An element of more simple operations than this is computed once and kept rather than computed again."""
CONDITIONAL_WORK = 32
"""Simple operations of what is inlined under a condition, each repetition counted."""
STAGE_WORK = 512
"""Simple operations of one element of a stage."""
STAGE_DEPTH = 64
"""Depth of the expressions of a stage."""
STAGE_LOADS = 32
"""Loads of one element of a stage."""


def is_uniform(node: Node) -> bool:
    """Whether a node is a constant all of whose elements are one number, which needs no memory."""
    return node.op.name == "constant" and repeated(node.attrs["value"]) is not None


def is_source(node: Node) -> bool:
    """Whether a node's value is there before the program starts."""
    return node.op.name in SOURCES or (node.op.name == "constant" and not is_uniform(node))


# What an element takes


@dataclass(frozen=True)
class Rule:
    """What a node's scalar or element rule does.

    A `view` reads one operand at one index and does nothing else. `plain` rules bind no names and check nothing.
    """

    work: int = 0
    depth: int = 0
    uses: tuple[int, ...] = ()
    """How often each operand is used."""
    plain: bool = True
    view: bool = False


@dataclass
class _Probe:
    """The `Element` that a rule is tried with."""

    node: Node
    plain: bool = True
    bound: list[Expr] = field(default_factory=list)
    read: list[tuple[int, Shape]] = field(default_factory=list)

    def operand(self, k: int, at: Shape) -> Expr:
        self.read.append((k, at))
        return Name(self.node.operands[k].type.dtype, f"x{k}")

    def let(self, value: Expr, low: int | None, high: Dim | None) -> Dim:
        self.plain = False
        self.bound.append(value)
        return Index.symbol(f"t{len(self.bound)}")

    def check(self, condition: Expr, message: str) -> None:
        self.plain = False
        self.bound.append(condition)

    def simplify(self, x: Dim) -> Dim:
        return x


def rule_of(node: Node) -> Rule:
    """The rule of a node that has one; of any other, one that does nothing."""
    probe = _Probe(node)
    if node.op.scalar is not None:
        operands = (probe.operand(k, ()) for k in range(len(node.operands)))
        result = node.op.scalar(*operands, **node.attrs)
    elif node.op.element is not None and not is_source(node):
        at = tuple(0 if d == 1 else Index.symbol(f"i{k}") for k, d in enumerate(node.type.dims))
        result = node.op.element(probe, node, at)
    else:
        return Rule()
    parts = [e for whole in (result, *probe.bound) for e in subexprs(whole)]
    names = [e.name for e in parts if isinstance(e, Name)]
    return Rule(
        work=sum(_WEIGHT.get(e.op, 1) for e in parts if isinstance(e, Prim)),
        depth=max(map(_depth, (result, *probe.bound))),
        uses=tuple(names.count(f"x{k}") for k in range(len(node.operands))),
        plain=probe.plain,
        view=node.op.scalar is None and probe.plain and isinstance(result, Name),
    )


def _depth(e: Expr) -> int:
    return 1 + max(map(_depth, e.args)) if isinstance(e, Prim) else 1


_WEIGHT = dict.fromkeys(("exp", "expm1", "log", "log1p", "tanh", "sigmoid", "erf", "sin", "cos", "pow"), 10) | {
    "div": 4,
    "sqrt": 4,
    "floordiv": 4,
    "mod": 4,
}
"""Simple operations that a primitive counts for, where that is not one."""


# The choice


@dataclass(frozen=True)
class _Inlined:
    """What an element of a value takes where it is inlined: `repeated` counts work again for each use of it."""

    work: int = 0
    repeated: int = 0
    depth: int = 0
    loads: int = 0
    plain: bool = True


_LOADED = _Inlined(loads=1)


class Roots:
    """The values with memory, apart from sources, and the rules of all nodes."""

    def __init__(self, graph: Graph) -> None:
        self.rules = {node: rule_of(node) for node in graph.nodes}
        self.values = set(graph.outputs) | {new for _, new in graph.updates}
        self._inlined: dict[Value, _Inlined] = {}
        for node in graph.nodes:
            self._keep_operands(node)
            for v in node.results:
                self._inlined[v] = self._cost(node)
                if not is_source(node) and self._is_kept(v):
                    self.values.add(v)
        self.values = {v for v in self.values if not is_source(v.node)}

    def _keep_operands(self, node: Node) -> None:
        """Gives memory to those operands of a node that it cannot take inlined."""
        if node.op.template is not None and node.op.template not in IN_ORDER:
            self.values.update(v for k, v in enumerate(node.operands) if not self._is_read_through(node, k))
        elif node.op.element is not None and not self.rules[node].view:
            for v in node.operands:
                found = self._of(v)
                if not found.plain or found.repeated > CONDITIONAL_WORK:
                    self.values.add(v)

    def _is_read_through(self, node: Node, k: int) -> bool:
        """Whether a template computes an operand where it reads it."""
        v, reads = node.operands[k], READS.get(node.op.template or "")
        if is_uniform(v.node) or reads is None:
            return is_uniform(v.node)
        found, how = self._of(v), reads[min(k, len(reads) - 1)]
        if how == "once" or not found.plain:
            return found.plain
        return found.work == 0 and (how == "any" or self._reads_rows(v))

    def _reads_rows(self, v: Value) -> bool:
        """Whether a view reads along the last dim what lies side by side."""
        at: Shape = tuple(Index.symbol(f"i{k}") for k in range(v.type.rank))
        last = f"i{v.type.rank - 1}"
        while v not in self.values and not is_source(v.node) and v.node.op.element is not None:
            probe = _Probe(v.node)
            v.node.op.element(probe, v.node, at)
            if len(probe.read) != 1:
                return False
            ((k, at),) = probe.read
            v = v.node.operands[k]
        return linear_in(at[-1], last) == (1, at[-1] - Index.symbol(last)) and last not in symbols_of(*at[:-1])

    def _of(self, v: Value) -> _Inlined:
        return _LOADED if v in self.values or is_source(v.node) else self._inlined[v]

    def _cost(self, node: Node) -> _Inlined:
        rule = self.rules[node]
        operands = [self._of(v) for v in node.operands]
        distinct = [self._of(v) for v in dict.fromkeys(node.operands)]
        return _Inlined(
            rule.work + sum(o.work for o in distinct),
            rule.work + sum(n * o.repeated for n, o in zip(rule.uses, operands, strict=False)),
            rule.depth + max((o.depth for o in operands), default=0),
            sum(o.loads for o in distinct),
            rule.plain and all(o.plain for o in operands),
        )

    def _is_kept(self, v: Value) -> bool:
        node, cost = v.node, self._inlined[v]
        if node.op.combiner is not None or node.op.template is not None:
            return True
        if cost.work > STAGE_WORK or cost.depth > STAGE_DEPTH or cost.loads > STAGE_LOADS:
            return True
        return cost.work > INLINE_WORK and _is_repeated(v)


def _is_repeated(v: Value) -> bool:
    """Whether inlining would compute an element more than once: many users, or a user with a larger domain."""
    if len(v.users) != 1:
        return len(v.users) > 1
    user = v.users[0]
    return any(r.type.dims != v.type.dims for r in user.results) and not _takes_once(user, v)


def _takes_once(user: Node, v: Value) -> bool:
    """Whether a user takes each element of a value once, though its own elements are others."""
    if user.op.template == "attention":
        q, _, values, *others = user.operands
        of_scores = v in others and v.type.dims[-1] == values.type.dims[-2]
        return v.type.dims[:-1] == user.type.dims[:-1] and (v is q or of_scores)
    return user.op.combiner is not None or user.op.template in IN_ORDER


__all__: Sequence[str] = ["Roots", "Rule", "is_source", "is_uniform"]
