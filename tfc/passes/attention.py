"""Products with a softmax between them become attention, which keeps no array of all probabilities."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfc.ir.graph import Graph, Node, Value, rebuild
from tfc.ir.op import REGISTRY, normalize_axes
from tfc.ir.ops.attention import FIRST, SCORES, Step
from tfc.ir.ops.common import like

from .canonical import number_of
from .dce import DeadCode
from .decompose import FORWARDED

FEW_ROWS = 8
"""Queries that are known to be fewer leave too many lanes of vectors empty, which go along them."""
MOST_NODES = 64
"""Nodes that are looked at between a softmax and a product."""


@dataclass(frozen=True)
class Attention:
    """Finds `softmax(steps(q k)) v` over the last axis, where nothing else uses what lies between.

    matmul(softmax(add(mul(matmul(q, k), 0.125), mask)), v)
    -> attention(mul(q, 0.125), k, v, mask) {transpose_k = false, steps = [["add", -1, 3]]}

    A step is any elementwise op without attributes that keeps dtype, rows and columns. One number that the products are
    multiplied with or divided by is applied to the queries, but for 16-bit floats, which that would round once more.
    """

    name: ClassVar[str] = "attention"

    def apply(self, graph: Graph) -> Graph:
        live = DeadCode().apply(graph)
        search = _Search({*live.outputs, *(v for _, v in live.updates)})
        found = {n: s for n in live.nodes if n.op.name == "matmul" and (s := search.scores(n)) is not None}
        return DeadCode().apply(rebuild(live, _Rewrite(found).rule)) if found else graph


@dataclass(frozen=True)
class _Scores:
    """A product and the nodes from it to the softmax, in order, each with which of its operands the scores are."""

    product: Node
    steps: tuple[tuple[Node, int], ...] = ()


@dataclass(frozen=True)
class _Search:
    """Looks for attention in a graph without dead code; `kept` are values that are needed whatever uses them."""

    kept: Collection[Value]

    def scores(self, last: Node) -> _Scores | None:
        """The scores whose probabilities a product takes as its first factor."""
        if last.attrs["transpose_a"] or last.type.shape is None or not last.type.dtype.is_float:
            return None
        probabilities = self.only(last.operands[0], last)
        found = None if probabilities is None else self.softmax(probabilities.node)
        if found is None or (isinstance(rows := found.type.dims[-2], int) and rows < FEW_ROWS):
            return None
        return self.chain(found, set())

    def only(self, v: Value, *users: Node) -> Value | None:
        """What a value is, looking through ops that are their operand; None where others use it than these."""
        while set(v.users) == set(users) and v not in self.kept:
            if v.node.op.name not in FORWARDED:
                return v
            v, users = v.node.operands[0], (v.node,)
        return None

    def softmax(self, node: Node) -> Value | None:
        """What a node is the softmax of over the last axis: one op, or `e / sum(e)` with `e = exp(x - max(x))`."""
        rank = node.type.rank
        if node.op.name == "softmax" and normalize_axes((node.attrs["axis"],), rank) == (rank - 1,):
            return self.only(node.operands[0], node)
        if node.op.name != "div":
            return None
        e, total = node.operands
        exp = e.node
        if exp.op.name != "exp" or not _reduces(total, "reduce_sum", e) or self.only(total, node) is None:
            return None
        shifted = self.only(exp.operands[0], exp)
        if self.only(e, node, total.node) is None or shifted is None or shifted.node.op.name != "sub":
            return None
        x, most = shifted.node.operands
        largest = self.only(most, shifted.node)
        if largest is None or not _reduces(largest, "reduce_max", x):
            return None
        return self.only(x, shifted.node, largest.node)

    def chain(self, scores: Value, seen: set[Node]) -> _Scores | None:
        """The nodes from a product to the scores."""
        node = scores.node
        if node in seen or len(seen) >= MOST_NODES:
            return None
        seen.add(node)
        if node.op.name == "matmul":
            return _Scores(node)
        if node.op.scalar is None or node.op.attrs:
            return None
        for k, operand in enumerate(node.operands):
            before = self.only(operand, node)
            if before is None or before.type.dtype != scores.type.dtype or not _same_ends(before, scores):
                continue
            found = self.chain(before, seen)
            if found is not None and node.operands.count(operand) == 1:
                return _Scores(found.product, (*found.steps, (node, k)))
        return None


def _reduces(v: Value, op: str, x: Value) -> bool:
    """Whether a value is a reduction of another over its last axis that keeps the dim."""
    node = v.node
    if node.op.name != op or node.operands != (x,) or not node.attrs["keepdims"]:
        return False
    rank = x.type.rank
    return normalize_axes(node.attrs["axes"], rank) == (rank - 1,)


def _same_ends(a: Value, b: Value) -> bool:
    """Whether two values have the same rows and columns."""
    return a.type.shape is not None and a.type.rank >= 2 and a.type.dims[-2:] == b.type.dims[-2:]


class _Rewrite:
    """Rebuilds a graph with attention in place of the last products; what stood between is left without users."""

    def __init__(self, found: dict[Node, _Scores]) -> None:
        self.found = found
        self.new: dict[Value, Value] = {}

    def rule(self, graph: Graph, node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
        self.new.update(zip(node.operands, operands, strict=True))
        scores = self.found.get(node)
        return None if scores is None else (self.attention(node, scores),)

    def attention(self, node: Node, scores: _Scores) -> Value:
        product, steps = scores.product, scores.steps
        q, k = (self.new[v] for v in product.operands)
        v = self.new[node.operands[1]]
        transposed = product.attrs["transpose_b"]
        while _is_swap(k.node):
            k, transposed = k.node.operands[0], not transposed
        q = _swapped(q) if product.attrs["transpose_a"] else q
        v = _swapped(v) if node.attrs["transpose_b"] else v
        if steps and (scaled := self.scaled(q, *steps[0])) is not None:
            q, steps = scaled, steps[1:]
        others = list(dict.fromkeys(self.new[v] for n, at in steps for j, v in enumerate(n.operands) if j != at))
        places = tuple(self.step(n, at, others) for n, at in steps)
        return REGISTRY["attention"](q, k, v, *others, transpose_k=transposed, steps=places, name=node.name)

    def scaled(self, q: Value, step: Node, at: int) -> Value | None:
        """The queries after a step that multiplies the scores with a number, or divides them by one."""
        if step.op.name not in ("mul", "div") or (step.op.name == "div" and at == 1) or q.type.dtype.bits == 16:
            return None
        number = number_of(step.operands[1 - at])
        return None if number is None else step.op(q, like(q, number))

    def step(self, node: Node, at: int, others: Sequence[Value]) -> Step:
        places = (SCORES if j == at else FIRST + others.index(self.new[v]) for j, v in enumerate(node.operands))
        return (node.op.name, *places)


def _is_swap(node: Node) -> bool:
    """Whether a node transposes the last two dims and no others."""
    if node.op.name != "transpose":
        return False
    rank = node.type.rank
    order = node.attrs["perm"] or tuple(reversed(range(rank)))
    return tuple(p % rank for p in order) == (*range(rank - 2), rank - 1, rank - 2)


def _swapped(x: Value) -> Value:
    rank = x.type.rank
    return REGISTRY["transpose"](x, perm=(*range(rank - 2), rank - 1, rank - 2))
