"""What the compiler knows of an op: one declaration per op, and the shape arithmetic that declarations share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from . import index
from .errors import InternalError, ShapeError
from .expr import Expr
from .index import Dim
from .types import Shape, TensorType

if TYPE_CHECKING:
    from .graph import Graph, Node, Value

Infer = Callable[..., TensorType | tuple[TensorType, ...]]
Grad = Callable[["Node", "Value"], Sequence["Value | None"]]


class Shapes:
    """How dims that are not known to be equal are joined while types are inferred.

    This one leaves to run time what is not known; `tfc.passes.specialize` has one that decides by the dims that were
    fed.
    """

    def same(self, a: Dim, b: Dim, what: str) -> Dim:
        """The one dim that two dims must have in common; raises ShapeError where they are known to differ."""
        if a == b or not isinstance(b, int):
            return a
        if isinstance(a, int):
            raise ShapeError(f"{what}: {a} and {b} differ")
        return b

    def at_most(self, a: Dim, b: Dim, otherwise: str) -> None:
        """Raises ShapeError where a dim is known to be more than another; it says `otherwise`, with `{a}` and `{b}`."""
        difference = a - b
        if isinstance(difference, int) and difference > 0:
            raise ShapeError(otherwise.format(a=a, b=b))

    def is_one(self, d: Dim) -> bool | None:
        """Whether a dim is 1; None where that is not known."""
        return d == 1 if isinstance(d, int) else None

    def broadcast_dim(self, a: Dim, b: Dim) -> Dim:
        """The dim of two that are broadcast together as NumPy does."""
        if isinstance(a, int) and isinstance(b, int) and a != b and 1 not in (a, b):
            raise ShapeError(f"dims {a} and {b} cannot be broadcast")
        return index.broadcast(a, b)

    def broadcast(self, *shapes: Shape | None) -> Shape | None:
        """The shape that NumPy broadcasting gives, None where a rank is unknown."""
        known = [s for s in shapes if s is not None]
        if len(known) < len(shapes):
            return None
        rank = max((len(s) for s in known), default=0)
        out: list[Dim] = [1] * rank
        for shape in known:
            for k, d in enumerate(shape, rank - len(shape)):
                out[k] = self.broadcast_dim(out[k], d)
        return tuple(out)


class Element(Protocol):
    """What an element rule builds with: the op's operands at an index, and names for integers that index further."""

    def operand(self, k: int, at: Shape) -> Expr:
        """Operand `k` at an index of its own shape."""

    def let(self, value: Expr, low: int | None, high: Dim | None) -> Dim:
        """An int64 expression bound to a name that may stand in indices; its bounds, inclusive, are trusted."""

    def check(self, condition: Expr, message: str) -> None:
        """An error that the run reports where the condition does not hold."""

    def simplify(self, x: Dim) -> Dim:
        """`x` with what the ranges of the loops decide resolved."""


ElementRule = Callable[[Element, "Node", Shape], Expr]


@dataclass(frozen=True, eq=False)
class Op:
    """One op: its name, types, reference, gradient and lowering.

    Exactly one of these says what it computes to the compiler: `scalar` (a function of the operands' elements,
    broadcast), `element` (the result's element at an index), `combiner` (a reduction of the `axes` attribute by a
    kernel-IR combiner), `template` (the name of a kernel template), `decompose` (a graph of other ops), or `effect`
    (reads or writes state).

    `infer(shapes, *types, **attrs)` gives the result type or a tuple of them; `ref(*arrays, **attrs)` is the NumPy
    reference; `grad(node, dy)` builds the gradient of each operand, None where there is none.
    """

    name: str
    infer: Infer
    ref: Callable[..., Any] | None = None
    grad: Grad | None = None
    scalar: Callable[..., Expr] | None = None
    element: ElementRule | None = None
    combiner: str | None = None
    template: str | None = None
    decompose: Callable[[Node], Value] | None = None
    effect: bool = False
    commutative: bool = False
    attrs: tuple[str, ...] = ()
    """Names of its attributes; every one is always present."""
    draws: Callable[[TensorType], Dim] | None = None
    """For a random op, whose first operand is a counter variable: how far a run that makes this result moves it on."""
    onnx: str | None = None
    """Name of the ONNX operator of the same meaning."""

    def __call__(self, *operands: Value, graph: Graph | None = None, name: str | None = None, **attrs: Any) -> Value:
        """A new node of this op in the operands' graph (`graph` where it has none); its first result."""
        return self.node(*operands, graph=graph, name=name, **attrs).results[0]

    def node(self, *operands: Value, graph: Graph | None = None, name: str | None = None, **attrs: Any) -> Node:
        """Like a call, but gives the node, for ops with several results or none."""
        where = graph or (operands[0].node.graph if operands else None)
        if where is None:
            raise InternalError(f"{self.name} has no operand to take the graph from")
        return where.add(self, operands, attrs, name=name)

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__


@dataclass
class Registry:
    """The ops by name; filled once, when `tfc.ir.ops` is imported."""

    ops: dict[str, Op] = field(default_factory=dict)

    def declare(self, op: Op) -> Op:
        if op.name in self.ops:
            raise InternalError(f"op {op.name} is declared twice")
        self.ops[op.name] = op
        return op

    def __getitem__(self, name: str) -> Op:
        return self.ops[name]

    def __contains__(self, name: str) -> bool:
        return name in self.ops

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops.values())


REGISTRY = Registry()


def declare(name: str, infer: Infer, **parts: Any) -> Op:
    """Declares an op; `parts` are the fields of `Op`."""
    return REGISTRY.declare(Op(name, infer, **parts))


def broadcast_index(at: Shape, shape: Shape) -> Shape:
    """The index into an operand of a shape that is broadcast, from the index of the result."""
    tail = at[len(at) - len(shape) :]
    return tuple(0 if d == 1 else i for i, d in zip(tail, shape, strict=True))


def normalize_axes(axes: Sequence[int] | int | None, rank: int) -> tuple[int, ...]:
    """Axes as sorted non-negative numbers; None means all. Raises ShapeError for one out of range or given twice."""
    if axes is None:
        return tuple(range(rank))
    given = [axes] if isinstance(axes, int) else [int(a) for a in axes]
    for a in given:
        if not -rank <= a < rank:
            raise ShapeError(f"axis {a} is out of range for rank {rank}")
    out = sorted(a % rank for a in given)
    if len(set(out)) < len(out):
        raise ShapeError(f"axes {tuple(given)} name an axis twice")
    return tuple(out)
