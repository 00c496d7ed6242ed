"""From a graph with dims left open to the graph of one shape class.

What a broadcast or a contraction needs to know of two unknown dims is decided by the dims that were fed, and each
decision is kept as a guard: an equation between dims, or between functions of them. The compiled program serves every
run whose dims fulfil its guards, so a new batch size finds the same program, and only feeds that broadcast in another
way make another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfc.ir.errors import ShapeError
from tfc.ir.graph import Graph, Node, Value, rebuild
from tfc.ir.index import (
    FUNCTIONS,
    Dim,
    Index,
    bounds,
    linear_in,
    maximum,
    minimum,
    simplify,
    subs,
    symbol_name,
    symbols_of,
)
from tfc.ir.op import Shapes

Guard = tuple[Dim, Dim]


@dataclass(frozen=True)
class ShapeClass:
    """A graph with every rank known and every joining of dims decided, and the equations that it stands on.

    `inputs` are the shapes of its placeholders in the symbols of the guards, before anything was decided.
    """

    graph: Graph
    inputs: tuple[tuple[Dim, ...], ...]
    guards: tuple[Guard, ...]


class Decided(Shapes):
    """Joins dims as the fed dims say, and remembers what it took for granted."""

    def __init__(self, hints: Mapping[str, int]) -> None:
        self.hints = hints
        self.known: dict[str, Dim] = {}
        self.guards: list[Guard] = []

    def resolve(self, d: Dim) -> Dim:
        """A dim in the symbols that are left, with what follows from dims not being negative and from the feeds."""
        d = simplify(subs(d, self.known), {})
        return self.joined(d) if isinstance(d, Index) and _joins(d) else d

    def joined(self, d: Dim) -> Dim:
        """A dim in which none is left that broadcasting gave before the dims were known."""
        if isinstance(d, int):
            return d
        total: Dim = 0
        for monomial, c in d.terms:
            part: Dim = c
            for atom in monomial:
                args = tuple(map(self.joined, atom.args))
                join = self.broadcast_dim if atom.name == "broadcast" else FUNCTIONS.get(atom.name)
                part = part * (Index.symbol(atom.name) if atom.is_symbol or join is None else join(*args))
            total = total + part
        return total

    def value(self, d: Dim) -> int:
        try:
            found = subs(d, self.hints)
        except ZeroDivisionError:
            raise ShapeError(f"dim {d} divides by 0") from None
        if not isinstance(found, int):
            raise ShapeError(f"dim {d} is not known when the run starts")
        return found

    def same(self, a: Dim, b: Dim, what: str) -> Dim:
        a, b = self.resolve(a), self.resolve(b)
        if a == b:
            return a
        if self.value(a) != self.value(b):
            raise ShapeError(f"{what}: {self.value(a)} and {self.value(b)} differ")
        return self.equate(a, b)

    def equate(self, a: Dim, b: Dim) -> Dim:
        """Takes two dims for equal, and one of them, if it is a symbol, for the other's name."""
        self.keep(a, b)
        for one, other in ((a, b), (b, a)):
            name = symbol_name(one)
            if name is not None and name not in symbols_of(other):
                self.learn(name, other)
                return other
        if b == 1:
            self.make_one(a)
            return b
        return a

    def learn(self, name: str, d: Dim) -> None:
        """Lets a symbol stand for a dim from now on."""
        self.known = {k: subs(v, {name: d}) for k, v in self.known.items()}
        self.known[name] = d

    def make_one(self, d: Dim) -> None:
        """Has a dim of several terms read as 1, as indexing it asks: by one of its symbols, else by what all were fed.

        d0 - d1 == 1  ->  d0 = d1 + 1          d0*d1 == 1  ->  d0 = 1, d1 = 1
        """
        for name in sorted(symbols_of(d)):
            c, rest = linear_in(d, name) or (0, 0)
            other = (1 - rest) * c
            low = bounds(other, {})[0]
            if c in (1, -1) and low is not None and low >= 0:
                self.learn(name, other)
                return
        for name in sorted(symbols_of(d)):
            self.keep(Index.symbol(name), self.hints[name])
            self.learn(name, self.hints[name])

    def at_most(self, a: Dim, b: Dim, otherwise: str) -> None:
        """Keeps `a <= b` as the equation `max(a, b) == b`, where it is not known anyway."""
        a, b = self.resolve(a), self.resolve(b)
        room = bounds(b - a, {})[0]
        if room is not None and room >= 0:
            return
        if self.value(a) > self.value(b):
            raise ShapeError(otherwise.format(a=self.value(a), b=self.value(b)))
        self.keep(maximum(a, b), b)

    def is_one(self, d: Dim) -> bool:
        """Keeps that a dim is not 1 as the equation `max(min(d, 2 - d), 0) == 0`."""
        d = self.resolve(d)
        if isinstance(d, int):
            return d == 1
        if self.value(d) == 1:
            self.equate(d, 1)
            return True
        self.keep(maximum(minimum(d, 2 - d), 0), 0)
        return False

    def keep(self, a: Dim, b: Dim) -> None:
        if (a, b) not in self.guards:
            self.guards.append((a, b))

    def broadcast_dim(self, a: Dim, b: Dim) -> Dim:
        a, b = self.resolve(a), self.resolve(b)
        if a == b or b == 1:
            return a
        if a == 1:
            return b
        if self.value(a) == self.value(b):
            return self.equate(a, b)
        for one, other in ((a, b), (b, a)):
            if self.value(one) == 1:
                self.equate(one, 1)
                return other
        raise ShapeError(f"dims {self.value(a)} and {self.value(b)} cannot be broadcast")


def _joins(d: Dim) -> bool:
    """Whether a dim holds one that broadcasting gave."""
    atoms = [a for m, _ in d.terms for a in m] if isinstance(d, Index) else []
    return any((a.name == "broadcast" and not a.is_symbol) or any(map(_joins, a.args)) for a in atoms)


def specialize(graph: Graph, fed: Sequence[tuple[int, ...]]) -> ShapeClass:
    """The shape class of a pure graph that feeds of these shapes (one per placeholder, in order) belong to.

    Raises ShapeError, with the user's line, where they do not fit together.
    """
    placeholders = [n for n in graph.nodes if n.op.name == "placeholder"]
    inputs = tuple(_open_shape(n, k, len(shape)) for k, (n, shape) in enumerate(zip(placeholders, fed, strict=True)))
    hints = {name: size for dims, shape in zip(inputs, fed, strict=True) for name, size in _symbol_values(dims, shape)}
    shapes = Decided(hints)
    types = dict(zip(placeholders, inputs, strict=True))
    while True:
        settled = dict(shapes.known)
        new = _infer_again(graph, types, shapes)
        if shapes.known == settled:
            return ShapeClass(new, inputs, tuple(shapes.guards))


def _open_shape(placeholder: Node, k: int, rank: int) -> tuple[Dim, ...]:
    shape = placeholder.type.shape
    return tuple(Index.symbol(f"s{k}_{axis}") for axis in range(rank)) if shape is None else shape


def _symbol_values(dims: tuple[Dim, ...], shape: tuple[int, ...]) -> list[tuple[str, int]]:
    return [(name, size) for d, size in zip(dims, shape, strict=True) if (name := symbol_name(d)) is not None]


def _infer_again(graph: Graph, inputs: Mapping[Node, tuple[Dim, ...]], shapes: Decided) -> Graph:
    def rule(new: Graph, node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
        if node.op.name == "placeholder":
            attrs = {**node.attrs, "shape": tuple(map(shapes.resolve, inputs[node]))}
            return new.add(node.op, (), attrs, name=node.name).results
        if node.op.name == "squeeze" and node.attrs["axes"] is None and operands[0].type.shape is not None:
            ones = tuple(k for k, d in enumerate(operands[0].type.shape) if shapes.is_one(d))
            return new.add(node.op, operands, {"axes": ones}, name=node.name).results
        return None

    new = rebuild(graph, rule, shapes=shapes, attrs=lambda given: {k: _resolve(v, shapes) for k, v in given.items()})
    for variable, value in new.updates:
        _keep_shape(shapes, variable, value)
    return new


def _keep_shape(shapes: Decided, variable: Value, new: Value) -> None:
    """A variable's new value has the shape that the variable has."""
    try:
        shapes.same(variable.type.rank, new.type.rank, "rank of variable and value")
        for k, (a, b) in enumerate(zip(variable.type.dims, new.type.dims, strict=True)):
            shapes.same(a, b, f"dim {k} of variable and value")
    except ShapeError as error:
        name = variable.node.attrs["key"]
        raise ShapeError(
            f"assignment to {name} made at {variable.node.loc} of the {new.node.op} {new.node.name} at "
            f"{new.node.loc}: {error}"
        ) from None


def _resolve(attr: Any, shapes: Decided) -> Any:
    if isinstance(attr, Index):
        return shapes.resolve(attr)
    if isinstance(attr, tuple):
        return tuple(_resolve(a, shapes) for a in attr)
    return attr
