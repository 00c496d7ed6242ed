"""Reverse-mode differentiation: gradients as nodes appended to the values' own graph.

y = mul(x, x)    gradients([y], [x])    ->    add(mul(dy, x), mul(dy, x)),  dy = 1 broadcast to y
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tfc.ir.errors import DTypeError, GraphError, InternalError, ShapeError, UnsupportedError
from tfc.ir.graph import Graph, Node, Value
from tfc.ir.op import REGISTRY
from tfc.ir.ops.common import broadcast_like, like
from tfc.ir.types import TensorType


def gradients(
    ys: Sequence[Value],
    xs: Sequence[Value],
    grad_ys: Sequence[Value | None] | None = None,
    stop_gradients: Sequence[Value] = (),
) -> list[Value | None]:
    """The gradient of the sum of all `ys` for each of `xs`, as `tf.gradients` has it; None where no y depends on it.

    `grad_ys` are the gradients that come in, each of its y's dtype and shape; None means ones. Values in
    `stop_gradients` are constants: what they depend on gets nothing by way of them, though they may be among `xs`.
    Nothing flows through integers and bools, nor through sources such as variables. Contributions are added in one
    order, later users first, so the same graph gives the same bits.

    Raises UnsupportedError, with the op and the user's line, for an op without a gradient between `xs` and `ys`;
    GraphError for values of several graphs; DTypeError or ShapeError for a `grad_ys` that does not fit its y.
    """
    if not ys or not xs:
        return [None] * len(xs)
    graph = ys[0].node.graph
    seeds = list(grad_ys) if grad_ys is not None else [None] * len(ys)
    if len(seeds) != len(ys):
        raise GraphError(f"expected a gradient for each of {len(ys)} ys, got {len(seeds)}")
    for v in (*ys, *xs, *stop_gradients, *(s for s in seeds if s is not None)):
        if v.node.graph is not graph:
            raise GraphError(f"{v.name} at {v.node.loc} belongs to another graph than {ys[0].name}")
    forward = list(graph.nodes)
    stopped = frozenset(stop_gradients)
    sweep = _Sweep(graph, _depending(forward, xs, stopped), stopped)
    for y, seed in zip(ys, seeds, strict=True):
        if y.type.dtype.is_float and y in sweep.active:
            sweep.give(y, _seed(y, seed))
    for node in reversed(forward):
        sweep.visit(node)
    return [sweep.total(x) for x in xs]


def _depending(nodes: Sequence[Node], xs: Sequence[Value], stopped: frozenset[Value]) -> set[Value]:
    """The float values that depend on `xs` by way of floats that are not stopped, `xs` included."""
    active = {x for x in xs if x.type.dtype.is_float}
    for node in nodes:
        if any(v in active for v in node.operands):
            active.update(v for v in node.results if v.type.dtype.is_float and v not in stopped)
    return active


def _seed(y: Value, given: Value | None) -> Value:
    if given is None:
        with y.node.graph.at(y.node.loc):
            one = like(y, 1)
            return one if y.type.shape == () else broadcast_like(one, y)
    if given.type.dtype != y.type.dtype:
        raise DTypeError(f"the gradient of {y.name} at {y.node.loc} must be {y.type.dtype}, got {given.type.dtype}")
    if not _may_agree(given.type, y.type):
        raise ShapeError(f"the gradient of {y.name} at {y.node.loc} must be {y.type}, got {given.type}")
    return given


def _zeros(v: Value) -> Value:
    return broadcast_like(like(v, 0), v)


def _may_agree(a: TensorType, b: TensorType) -> bool:
    if a.shape is None or b.shape is None:
        return True
    pairs = zip(a.shape, b.shape, strict=False)
    return len(a.shape) == len(b.shape) and not any(
        isinstance(m, int) and isinstance(n, int) and m != n for m, n in pairs
    )


@dataclass
class _Sweep:
    """The backward sweep: what each value has been given so far."""

    graph: Graph
    active: set[Value]
    stopped: frozenset[Value]
    given: dict[Value, list[Value]] = field(default_factory=dict)

    def give(self, to: Value, gradient: Value) -> None:
        self.given.setdefault(to, []).append(gradient)

    def total(self, v: Value) -> Value | None:
        """The sum of what the value was given."""
        terms = self.given.get(v)
        if not terms:
            return None
        if len(terms) > 1:
            with self.graph.at(v.node.loc):
                add = REGISTRY["add"]
                total = terms[0]
                for term in terms[1:]:
                    total = add(total, term)
            self.given[v] = [total]
        return self.given[v][0]

    def visit(self, node: Node) -> None:
        """Gives the node's operands their gradients."""
        if not any(v in self.active for v in node.operands):
            return
        dys = [None if v in self.stopped else self.total(v) for v in node.results]
        if all(dy is None for dy in dys):
            return
        if node.op.grad is None:
            raise UnsupportedError(f"{node.op.name} ({node.name}) at {node.loc} has no gradient")
        with self.graph.at(node.loc):
            # An op of several results takes a gradient for each: zeros for those that nothing depends on.
            whole = [_zeros(v) if dy is None else dy for v, dy in zip(node.results, dys, strict=True)]
            found = node.op.grad(node, *whole)
        if len(found) != len(node.operands):
            raise InternalError(f"{node.op.name} gives {len(found)} gradients for {len(node.operands)} operands")
        for v, gradient in zip(node.operands, found, strict=True):
            if gradient is not None and v in self.active:
                self.give(v, gradient)
