"""A pure graph as a function of what is fed: compiled by shape class when shapes are first seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfc.ir.errors import ShapeError
from tfc.ir.graph import Graph, Value
from tfc.passes.carry import carry

from .compilation import compile_pure
from .feeds import Feed
from .forks import new_lock
from .program import Bound, Loaded, Shapes
from .state import State

Array = np.ndarray[Any, Any]

REMEMBERED = 4096
"""How many sets of shapes a graph remembers its binding for."""


class Execution:
    """A pure graph, its feeds (its placeholders, in order) and the state it works on. Safe to call from any thread."""

    def __init__(self, pure: Graph, feeds: Sequence[Feed], state: State) -> None:
        carried = carry(pure)
        self.graph = carried.graph
        self.feeds = feeds
        self.state = state
        self.before = [state.variable(v) for v in carried.before]
        self.after = [state.variable(v) for v in carried.after]
        self.updated = [state.variable(v) for v, _ in carried.graph.updates]
        self.classes: list[Loaded] = []
        self._unready = [state.variable(v) for v in _read_variables(pure)]
        self._bound: dict[Shapes, Bound] = {}
        self._compiling = new_lock()
        self._converters = [f.converter() for f in feeds]

    def __call__(self, given: Sequence[Any]) -> list[Array]:
        """The outputs, in order, for what the feeds are given.

        Raises DTypeError and ShapeError for feeds that do not fit, UninitializedError for a variable that is read
        and has no value, RunError for a check that failed in the run; then no variable has changed.
        """
        arrays = [convert(x) for convert, x in zip(self._converters, given, strict=True)]
        if self.state.closed:
            self.state.check_open()
        if self.before or self.after:
            return self._run_carried(arrays)
        shapes = tuple([a.shape for a in arrays])
        bound = self._bound.get(shapes) or self.bind(shapes)
        if self._unready:
            self._check_variables()
        if not self.updated:
            places = bound.loaded.places
            if places.are_stale():
                with self.state.updating:
                    places.freshen()
            return bound.run(arrays)
        with self.state.updating:
            outputs = _run_alone(bound, arrays)
            for v in self.updated:
                v.ready = True
        return outputs

    def _run_carried(self, arrays: list[Array]) -> list[Array]:
        """A run with variables that are handed in and out."""
        with self.state.updating:
            self._check_variables()
            arrays += [v.memory for v in self.before]
            shapes = tuple([a.shape for a in arrays])
            outputs = _run_alone(self._bound.get(shapes) or self.bind(shapes), arrays)
            first = len(outputs) - len(self.after)
            for v, array in zip(self.after, outputs[first:], strict=True):
                v.array = array
            for v in (*self.after, *self.updated):
                v.ready = True
        return outputs[:first]

    def _check_variables(self) -> None:
        """Raises UninitializedError for a variable that is read and has no value."""
        for v in self._unready:
            if not v.ready:
                raise v.uninitialized()
        self._unready = []

    def bind(self, shapes: Shapes) -> Bound:
        """The program for these shapes; compiled where no class that is known takes them."""
        for feed, shape in zip(self.feeds, shapes, strict=False):
            feed.check_shape(shape)
        with self._compiling:
            found = self._bound.get(shapes)
            if found is None:
                if len(self._bound) >= REMEMBERED:
                    self._bound.clear()
                found = self._bound[shapes] = self._find(shapes)
            return found

    def _find(self, shapes: Shapes) -> Bound:
        for loaded in self.classes:
            dims = loaded.dims_for(shapes)
            if dims is not None:
                return Bound(loaded, dims)
        loaded = Loaded(compile_pure(self.graph, shapes), self.state)
        dims = loaded.dims_for(shapes)
        if dims is None:
            fed = ", ".join(f"{f.name} {list(s)}" for f, s in zip(self.feeds, shapes, strict=False))
            raise ShapeError(f"what is fed does not fit together: {fed}")
        self.classes.append(loaded)
        return Bound(loaded, dims)


def _run_alone(bound: Bound, arrays: Sequence[Array]) -> list[Array]:
    """A run that may write variables, while no other does."""
    places = bound.loaded.places
    if places.are_stale():
        places.freshen()
    outputs = bound.run(arrays)
    places.were_written()
    return outputs


def _read_variables(pure: Graph) -> list[Value]:
    """The variables whose value before the run is needed; counters of random ops begin at 0 and need none."""
    counters = {n.operands[0] for n in pure.nodes if n.op.draws is not None}
    given = {*pure.outputs, *(new for _, new in pure.updates)}
    values = [n.results[0] for n in pure.nodes if n.op.name == "variable"]
    return [v for v in values if (v.users or v in given) and v not in counters]
