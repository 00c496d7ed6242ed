"""Matrices kept transposed in memory, where few columns would leave most of each vector empty.

    %w = variable() : float32[784, 10]             %w = transposed_variable() : float32[10, 784]
    %y = matmul(%x, %w)                       ->   %y = matmul(%x, %w) {transpose_b = true}
    %d = matmul(%x, %e) {transpose_a = true}       %d = matmul(%e, %x) {transpose_a = true}
    update %w = sub(%w, %d)                        update %w = sub(%w, %d)

Products then go along the depth, which lies side by side in memory, and no run moves the elements. What a variable is
combined with element by element is turned with it: its gradient, the slots of its optimiser. A constant is turned by
the compiler.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfc.ir.graph import Graph, Node, Value, rebuild
from tfc.ir.op import REGISTRY, normalize_axes
from tfc.ir.ops.common import const

MOST_COLUMNS = 16
"""From so many columns on, vectors along them are full on every machine."""
DEEP = 128
"""Rows from which on sums along the depth pay for adding up their lanes."""


@dataclass(frozen=True)
class Turn:
    """Turns every matrix that a product multiplies with and has few columns, unless something else needs its rows."""

    name: ClassVar[str] = "turn"

    def apply(self, graph: Graph) -> Graph:
        turned: set[Value] = set()
        for v in _candidates(graph, "variable"):
            if v not in turned:
                turned |= _combined(graph, v)
        constants = set(_candidates(graph, "constant"))
        return _turn(graph, turned, constants) if turned or constants else graph


def _candidates(graph: Graph, kind: str) -> Iterator[Value]:
    """The matrices of few columns that products multiply with."""
    for node in graph.nodes:
        if node.op.name == "matmul" and not node.attrs["transpose_b"]:
            b = node.operands[1]
            if b.node.op.name == kind and b.type.rank == 2 and node.type.rank == 2:
                rows, columns = b.type.dims
                if isinstance(rows, int) and isinstance(columns, int) and rows >= DEEP and columns < MOST_COLUMNS:
                    yield b


def _combined(graph: Graph, first: Value) -> set[Value]:
    """All values that are turned with a variable; none where one of them is used or made in another way."""
    updated = defaultdict[Value, list[Value]](list)
    for variable, new in graph.updates:
        updated[variable].append(new)
        updated[new].append(variable)
    found, work = {first}, [first]
    while work:
        v = work.pop()
        near = [*updated[v], *_partners(v)]
        if any(x.type.shape != first.type.shape for x in near) or not all(map(_is_made_either_way, near)):
            return set()
        if not all(_takes_either_way(user) for user in v.users):
            return set()
        work += [x for x in dict.fromkeys(near) if x not in found]
        found.update(near)
    return found


def _partners(v: Value) -> Iterator[Value]:
    """The values that stand beside a value, element by element."""
    if v.node.op.scalar is not None:
        yield from (x for x in v.node.operands if x.type.shape != ())
    for user in v.users:
        if user.op.scalar is not None:
            yield user.results[0]


def _is_made_either_way(v: Value) -> bool:
    op = v.node.op
    return op.name in ("variable", "matmul") or op.scalar is not None


def _takes_either_way(node: Node) -> bool:
    """Whether a node gives the same for an operand that is turned, or something that is turned too."""
    if node.op.combiner is not None:
        rank = node.operands[0].type.rank
        return normalize_axes(node.attrs["axes"], rank) == tuple(range(rank))
    return node.op.name == "matmul" or node.op.scalar is not None


def _turn(graph: Graph, turned: set[Value], constants: set[Value]) -> Graph:
    def rule(new: Graph, node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
        itself = node.results[0] in turned if node.results else False
        if node.op.name == "variable" and itself:
            attrs = {**node.attrs, "shape": tuple(reversed(node.type.dims))}
            return new.add(REGISTRY["transposed_variable"], (), attrs, name=node.name).results
        if node.op.name == "matmul":
            a, b = operands
            ta, tb = (node.attrs[f"transpose_{k}"] != (v in turned) for k, v in zip("ab", node.operands, strict=True))
            if node.operands[1] in constants and not tb:
                b, tb = const(new, b.node.attrs["value"].T, b.type.dtype), True
            if itself:
                a, b, ta, tb = b, a, not tb, not ta
            return new.add(node.op, (a, b), {"transpose_a": ta, "transpose_b": tb}, name=node.name).results
        return None

    new = rebuild(graph, rule)
    back = [old in turned for old in graph.outputs]
    new.outputs = [REGISTRY["transpose"](v, perm=(1, 0)) if b else v for v, b in zip(new.outputs, back, strict=True)]
    return new
