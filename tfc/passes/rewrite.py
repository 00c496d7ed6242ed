"""Rewrite rules over single nodes, and what they are written with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfc.ir.graph import Graph, Node, Value, infer_types
from tfc.ir.lazy import Lazy
from tfc.ir.op import REGISTRY, Op
from tfc.ir.ops.common import const
from tfc.ir.types import DType, TensorType

from .canonical import is_pure, number_of

Attrs = dict[str, Any]


class Site:
    """A node that is about to be made, as a rule sees it: its attributes and type, and what stands before it."""

    def __init__(self, rewriter: Rewriter, op: Op, operands: tuple[Value, ...], attrs: Attrs) -> None:
        self.rewriter = rewriter
        self.graph = rewriter.graph
        self.op = op
        self.operands = operands
        self.attrs = attrs

    @Lazy
    def type(self) -> TensorType:
        """Type of the node's result."""
        types = tuple(v.type for v in self.operands)
        return infer_types(self.op, types, self.attrs, self.graph.shapes, self.graph.locate())[0]

    @property
    def dtype(self) -> DType:
        """Dtype of the first operand."""
        return self.operands[0].type.dtype

    @property
    def is_int(self) -> bool:
        return self.dtype.is_int

    @property
    def is_float(self) -> bool:
        return self.dtype.is_float

    def is_all(self, v: Value, number: float) -> bool:
        """Whether all elements of a value are known to be this number, to the bit: 0.0 is not -0.0."""
        found = number_of(v)
        return found is not None and bool(found.tobytes() == np.asarray(number, v.type.dtype.np).tobytes())

    def under(self, v: Value, *ops: str) -> Value | None:
        """The first operand of what made a value, if that was one of these ops."""
        return v.node.operands[0] if v.node.op.name in ops else None

    def make(self, op: str, *operands: Value, **attrs: Any) -> Value:
        """A node, simplified itself."""
        return self.rewriter.make(REGISTRY[op], operands, attrs)

    def of(self, op: str, *operands: Value) -> Value | None:
        """A node of another op without attributes, if it has this one's type; broadcast as far as that is."""
        return self.keep(self.make(op, *operands))

    def inner(self, op: str, v: Value, by: str) -> Value | None:
        """This node, if the value was made `by` an op, as another op of that op's operands the other way round."""
        return self.of(op, *reversed(v.node.operands)) if v.node.op.name == by else None

    def both(self, by: str) -> Value | None:
        """This node on what its operands were made of, if all of them were made by this op."""
        found = [self.under(v, by) for v in self.operands]
        inner = [v for v in found if v is not None]
        return self.make(self.op.name, *inner, **self.attrs) if len(inner) == len(found) else None

    def keep(self, x: Value) -> Value | None:
        """A value in place of the node: broadcast where its shape is another; None where that is not known."""
        if self.type.shape is None:
            others = (v for v in self.operands if v is not x)
            return x if all(v.type.shape == () for v in others) else None
        return x if x.type == self.type else self.make("broadcast_to", x, shape=self.type.shape)

    def same(self, x: Value) -> Value | None:
        """A value in place of the node, where it is known to have its type."""
        return x if self.type.shape is not None and x.type == self.type else None

    def number(self, number: float) -> Value:
        """A scalar constant of the dtype of the first operand."""
        return const(self.graph, number, self.dtype)

    def fill(self, number: float) -> Value | None:
        """A number in every element; None where the rank is not known."""
        return None if self.type.shape is None else self.keep(const(self.graph, number, self.type.dtype))


@dataclass(frozen=True)
class Rule:
    """What a node of one op (of any, for `*`) becomes: `rewrite(site, *operands)`, None or False where it declines."""

    op: str
    rewrite: Callable[..., Value | bool | None]


class Rewriter:
    """Applies rules to each node of a graph when it is made, until none applies.

    A rule that would give another type than the node's is passed over: dims that only the run knows may be written in
    several ways.
    """

    def __init__(self, rules: Iterable[Rule], graph: Graph) -> None:
        self.rules: dict[str, list[Rule]] = {}
        for rule in rules:
            self.rules.setdefault(rule.op, []).append(rule)
        self.graph = graph

    def make(self, op: Op, operands: tuple[Value, ...], attrs: Attrs) -> Value:
        found = self.rewrite(op, operands, attrs)
        return self.graph.add(op, operands, attrs).results[0] if found is None else found

    def rewrite(self, op: Op, operands: tuple[Value, ...], attrs: Attrs) -> Value | None:
        site = Site(self, op, operands, attrs)
        for rule in (*self.rules.get(op.name, ()), *self.rules.get("*", ())):
            found = rule.rewrite(site, *operands)
            if isinstance(found, Value) and found.type == site.type:
                return found
        return None

    def rule(self, new: Graph, node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
        """The rule for `rebuild`."""
        if not is_pure(node) or len(node.results) != 1:
            return None
        self.graph = new
        found = self.rewrite(node.op, operands, node.attrs)
        return None if found is None else (found,)
