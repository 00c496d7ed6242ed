"""From a pure graph to a Program: stages, groups, memory, and a kernel for each group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tfc.ir.expr import Load
from tfc.ir.graph import Graph, Node, Value, rebuild
from tfc.ir.index import Index, symbols_of
from tfc.ir.kernel import (
    Accumulate,
    Alloc,
    Body,
    Buffer,
    Check,
    For,
    Kernel,
    Launch,
    Program,
    Slot,
    Store,
    exprs_of,
    rename,
    subexprs,
    walk,
)
from tfc.ir.op import REGISTRY
from tfc.ir.ops.state import VARIABLES
from tfc.ir.types import Shape

from .fuse import Group, fuse
from .memory import place_slots
from .nests import build_stages
from .roots import is_source, is_uniform
from .schedule.nest import body_symbols, let_names
from .stages import Plan


def lower(graph: Graph) -> Program:
    """The program of a pure, specialised and decomposed graph, its kernels as algorithms that no schedule has touched.

    Slots stand in this order: feeds (placeholders, in order), fetches (outputs, in order), variables, constants (those
    of `constants_of`), arena. A variable's new value is written in place where every read of the old one comes before
    or at the same element. No step writes a variable before one that has a check, so that a run whose checks fail
    changes none. A slot of a feed, variable or constant has the name of its node, with what no name may hold
    as underscores.
    """
    return _Lowering(_with_own_outputs(graph)).program()


def constants_of(graph: Graph) -> list[Value]:
    """The constants of a graph that its program takes from outside, in the order of their slots."""
    return [n.results[0] for n in graph.nodes if n.op.name == "constant" and not is_uniform(n)]


def variables_of(graph: Graph) -> list[Value]:
    """The variables that a graph's program reads or writes, in the order of their slots."""
    updated = {variable for variable, _ in graph.updates}
    outputs = set(graph.outputs) | {new for _, new in graph.updates}
    variables = [n.results[0] for n in graph.nodes if n.op in VARIABLES]
    return [v for v in variables if v.users or v in updated or v in outputs]


MOST_PARTS = 32
"""A kernel puts at most so many arrays one after another."""


def _in_parts(new: Graph, node: Node, operands: tuple[Value, ...]) -> Sequence[Value] | None:
    """concat(a, b, c, ..)  ->  concat(concat(a, .., b), concat(c, .., d), ..)"""
    if node.op.name != "concat" or len(operands) <= MOST_PARTS:
        return None
    parts = operands
    while len(parts) > 1:
        chunks = (parts[k : k + MOST_PARTS] for k in range(0, len(parts), MOST_PARTS))
        parts = tuple(node.op(*c, name=node.name, **node.attrs) if len(c) > 1 else c[0] for c in chunks)
    return parts


def _with_own_outputs(graph: Graph) -> Graph:
    """The graph with outputs and updates that are sources copied, so that each is computed by a stage."""
    new = rebuild(graph, _in_parts)
    copies: dict[Value, Value] = {}

    def own(v: Value) -> Value:
        if is_source(v.node) and v not in copies:
            copies[v] = REGISTRY["identity"](v)
        return copies.get(v, v)

    new.outputs = [own(v) for v in new.outputs]
    new.updates = [(variable, own(v)) for variable, v in new.updates]
    return new


@dataclass(frozen=True)
class _Copy:
    """A value that must also stand somewhere else when the program ends."""

    value: Value
    to: str


class _Lowering:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.plan = Plan(graph)
        self.order = fuse(build_stages(self.plan))
        self.home = {s.value: g for g in self.order.items for s in g.stages}
        self.readers: dict[Value, set[Group]] = {}
        for g in self.order.items:
            for v in g.loaded:
                self.readers.setdefault(v, set()).add(g)
        self.checkers = {g for g in self.order.items if _has_check(g)}
        self.names = dict(self.plan.names)
        self.copies: list[_Copy] = []
        self.copied: set[Value] = set()
        self.fixed: dict[str, str] = {}
        """Renamed stores: values that live in a variable or a fetch, by their own names."""
        self.messages = self.plan.messages

    def program(self) -> Program:
        slots = self.outer_slots()
        self.place_updates()
        self.place_outputs()
        self.copied = {c.value for c in self.copies}
        kernels = [self.kernel(k, g) for k, g in enumerate(self.order.items)]
        kernels += [self.copy_kernel(k, c) for k, c in enumerate(self.copies)]
        outer = {s.buffer.name: s for s in slots}
        dims = tuple(
            sorted({s for k in kernels for s in k.dims} | symbols_of(*(d for s in slots for d in s.buffer.shape)))
        )
        inner = {b.name: b for k in kernels for b in k.buffers if b.name not in outer}
        slots += [Slot(replace(b, role="local", space="arena"), "arena") for b in inner.values()]
        steps = tuple(
            Launch(k.name, tuple(b.name for b in k.buffers), tuple(map(Index.symbol, k.dims))) for k in kernels
        )
        program = Program(self.graph.name, dims, tuple(slots), tuple(kernels), steps, 0, tuple(self.messages))
        return place_slots(program)

    # Memory

    def outer_slots(self) -> list[Slot]:
        slots = [self.slot(n.results[0], "feed", "in") for n in self.graph.nodes if n.op.name == "placeholder"]
        for v, fetch in zip(self.graph.outputs, self.plan.fetches, strict=True):
            slots.append(Slot(Buffer(fetch, v.type.dtype, v.type.dims, "out"), "fetch"))
        slots += [self.slot(v, "variable", "inout") for v in variables_of(self.graph)]
        return slots + [self.slot(v, "constant", "in") for v in constants_of(self.graph)]

    def slot(self, v: Value, kind: str, role: str) -> Slot:
        return Slot(Buffer(self.names[v], v.type.dtype, v.type.dims, role), kind)

    def place_updates(self) -> None:
        placed: set[Value] = set()
        for variable, new in self.graph.updates:
            name = self.names[variable]
            if new not in placed and self.order_in_place(variable, new):
                self.fixed[self.names[new]] = name
                placed.add(new)
            else:
                self.copies.append(_Copy(new, name))

    def order_in_place(self, variable: Value, new: Value) -> bool:
        """Puts the group that makes a variable's new value after all checks and all readers of the old one.

        False where it cannot.
        """
        writer = self.home[new]
        if writer in self.checkers or not _overwrites_in_place(writer, variable, new):
            return False
        return self.order.add(writer, (self.readers.get(variable, set()) | self.checkers) - {writer})

    def place_outputs(self) -> None:
        for v, fetch in zip(self.graph.outputs, self.plan.fetches, strict=True):
            if self.names[v] in self.fixed:
                self.copies.append(_Copy(v, fetch))
            else:
                self.fixed[self.names[v]] = fetch

    # Kernels

    def kernel(self, k: int, group: Group) -> Kernel:
        values = [s.value for s in group.stages]
        inside = {v for v in values if self.is_local(v, group)}
        nests = [s for stage in group.stages for s in stage.body]
        allocs = [
            Alloc(Buffer(self.names[v], v.type.dtype, v.type.dims, "local", "stack")) for v in values if v in inside
        ]
        body = rename((*allocs, *nests), self.fixed)
        return _kernel_of(f"k{k}_{self.names[values[-1]]}", body, self.buffer_of(group))

    def is_local(self, v: Value, group: Group) -> bool:
        """Whether only the group itself needs a value."""
        elsewhere = self.readers.get(v, set()) - {group}
        return not elsewhere and self.names[v] not in self.fixed and v not in self.copied

    def buffer_of(self, group: Group) -> dict[str, Buffer]:
        values = {v for s in group.stages for v in (s.value, *(w for w, _ in s.loads))}
        found = {}
        for v in values:
            name = self.fixed.get(self.names[v], self.names[v])
            found[name] = Buffer(name, v.type.dtype, v.type.dims)
        return found

    def copy_kernel(self, k: int, copy: _Copy) -> Kernel:
        v = copy.value
        source = self.fixed.get(self.names[v], self.names[v])
        at: Shape = tuple(Index.symbol(f"i{a}") for a in range(v.type.rank))
        body: Body = (Store(copy.to, at, Load(v.type.dtype, source, at)),)
        for a in reversed(range(v.type.rank)):
            body = (For(f"i{a}", v.type.dims[a], body),)
        buffers = {n: Buffer(n, v.type.dtype, v.type.dims) for n in (source, copy.to)}
        return _kernel_of(f"copy{k}_{copy.to}", body, buffers)


def _has_check(group: Group) -> bool:
    return any(isinstance(s, Check) for stage in group.stages for s in walk(stage.body))


def _overwrites_in_place(group: Group, variable: Value, new: Value) -> bool:
    """Whether a group may store a variable's new value over the old one.

    The stage itself may read the old value at the element it stores, if it stores each once, stages before it what lies
    in their own row, and those after it nothing.
    """
    at = [s.value for s in group.stages].index(new)
    stage = group.stages[at]
    own = tuple(Index.symbol(name) if name else 0 for name in stage.loops)
    rows = group.rows if group.rows is not None else len(own)
    for k, s in enumerate(group.stages):
        mine = tuple(Index.symbol(name) if name else 0 for name in s.loops[:rows])
        for v, index in s.loads:
            if v is not variable:
                continue
            if k > at or (k < at and index[:rows] != mine):
                return False
            if k == at and not (stage.pointwise and index == own):
                return False
    return True


def _kernel_of(name: str, body: Body, shapes: dict[str, Buffer]) -> Kernel:
    """A kernel of a body: its arguments are the buffers that the body does not allocate, their roles read off it."""
    local = {s.buffer.name for s in walk(body) if isinstance(s, Alloc)}
    stores, loads = _touched(body)
    buffers = []
    for n in dict.fromkeys((*loads, *stores)):
        if n not in local:
            role = "in" if n not in stores else "inout" if n in loads and not _written_first(body, n) else "out"
            buffers.append(replace(shapes[n], role=role))
    return Kernel(name, tuple(buffers), _dims_of(buffers, body), body)


def _touched(body: Body) -> tuple[dict[str, None], dict[str, None]]:
    """Names of the buffers that a body stores to, and those it loads from, in order."""
    stores: dict[str, None] = {}
    loads: dict[str, None] = {}
    for s in walk(body):
        for e in exprs_of(s):
            loads.update((x.buffer, None) for x in subexprs(e) if isinstance(x, Load))
        if isinstance(s, (Store, Accumulate)):
            stores[s.buffer] = None
    return stores, loads


def _written_first(body: Body, name: str) -> bool:
    """Whether the first statement of a body that touches a buffer at all only stores to it."""
    for s in body:
        stores, loads = _touched((s,))
        if name in loads:
            return False
        if name in stores:
            return True
    return False


def _dims_of(buffers: Iterable[Buffer], body: Body) -> tuple[str, ...]:
    """The run-time dims that buffers, extents, indices and values are given in."""
    own = {s.var for s in walk(body) if isinstance(s, For)} | let_names(body)
    return tuple(sorted((body_symbols(body) | symbols_of(*(d for b in buffers for d in b.shape))) - own))
