"""A pure graph that runs: native code by shape class, bound to the shapes that are fed."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfc.ir.errors import InternalError, RunError, ShapeError, UninitializedError
from tfc.ir.graph import Graph, Value
from tfc.ir.index import Dim, Index, subs

from .compilation import Compilation, compile_pure
from .feeds import Feed
from .memory import address, aligned_copy
from .state import State

Array = np.ndarray[Any, Any]
Shapes = tuple[tuple[int, ...], ...]

REMEMBERED = 4096
"""How many sets of shapes a graph remembers what it bound for."""


class Frame:
    """What one run at a time hands to native code: the addresses of slots, and where it reports a failed check."""

    __slots__ = ("place", "slots", "status", "status_place")

    def __init__(self, count: int) -> None:
        self.slots = (ctypes.c_void_p * max(count, 1))()
        self.place = ctypes.addressof(self.slots)
        self.status = ctypes.c_int32(0)
        self.status_place = ctypes.addressof(self.status)


class Loaded:
    """The program of one shape class, its constants and variables in place."""

    def __init__(self, compilation: Compilation, state: State) -> None:
        self.program = compilation.program
        self.shape_class = compilation.shape_class
        self.native = compilation.native
        self.state = state
        self.fetches = [s.buffer for s in self.program.slots if s.kind == "fetch"]
        self.moving = sum(s.kind in ("feed", "fetch") for s in self.program.slots)
        self.constants = [aligned_copy(v.node.attrs["value"]) for v in compilation.constants]
        self.variables = [state.variable(v) for v in compilation.variables]
        updated = {variable for variable, _ in compilation.optimised.updates}
        self.updated = [state.variable(v) for v in compilation.variables if v in updated]
        self.fixed = [address(v.array) for v in self.variables] + [address(c) for c in self.constants]
        self.frames: list[Frame] = []

    def frame(self) -> Frame:
        frame = Frame(self.moving + len(self.fixed))
        for k, place in enumerate(self.fixed, self.moving):
            frame.slots[k] = place
        return frame

    def dims_for(self, shapes: Shapes) -> dict[str, int] | None:
        """The symbols' values where the shapes belong to this class."""
        dims: dict[str, int] = {}
        pairs: list[tuple[Dim, int]] = []
        for known, shape in zip(self.shape_class.inputs, shapes, strict=True):
            if len(known) != len(shape):
                return None
            pairs += zip(known, shape, strict=True)
        for d, n in pairs:
            if isinstance(d, Index) and len(d.symbols) == 1 and d == Index.symbol(str(d)):
                dims.setdefault(str(d), n)
        fits = all(subs(d, dims) == n for d, n in pairs)
        fits = fits and all(subs(a, dims) == subs(b, dims) for a, b in self.shape_class.guards)
        return dims if fits else None


class Bound:
    """A program for feeds of certain shapes: everything that a run needs but the feeds' addresses."""

    def __init__(self, loaded: Loaded, dims: dict[str, int]) -> None:
        def known(d: Dim) -> int:
            found = subs(d, dims)
            if not isinstance(found, int):
                raise InternalError(f"dim {d} of {loaded.program.name} is not known when it runs")
            return found

        self.loaded = loaded
        self.outputs = [(tuple(map(known, b.shape)), b.dtype.np) for b in loaded.fetches]
        self.dims = (ctypes.c_int64 * max(len(loaded.program.dims), 1))(*[dims[d] for d in loaded.program.dims])
        self.dims_place = ctypes.addressof(self.dims)
        self.arena = known(loaded.program.arena)

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        loaded = self.loaded
        outputs = [np.empty(shape, dtype) for shape, dtype in self.outputs]
        try:
            frame = loaded.frames.pop()
        except IndexError:
            frame = loaded.frame()
        frame.slots[: loaded.moving] = [a.__array_interface__["data"][0] for a in (*arrays, *outputs)]
        arenas = loaded.state.arenas
        arena = arenas.take(self.arena)
        loaded.native.run(frame.place, self.dims_place, address(arena), frame.status_place)
        arenas.give(arena)
        failed = frame.status.value
        frame.status.value = 0
        loaded.frames.append(frame)
        if failed:
            raise RunError(loaded.program.messages[failed - 1])
        return outputs


class Execution:
    """A pure graph as a function of what its placeholders are fed."""

    def __init__(self, pure: Graph, feeds: Sequence[Feed], state: State) -> None:
        self.pure = pure
        self.feeds = feeds
        self.state = state
        self.converters: list[Callable[[Any], Array]] = [f.array for f in feeds]
        self.classes: list[Loaded] = []
        self.compiled = 0
        self._bound: dict[Shapes, Bound] = {}
        self._compiling = threading.Lock()
        self._unready = [(v, state.variable(v)) for v in _read_variables(pure)]

    def __call__(self, given: Sequence[Any]) -> list[Array]:
        arrays = [f(x) for f, x in zip(self.converters, given, strict=True)]
        shapes = tuple([a.shape for a in arrays])
        bound = self._bound.get(shapes) or self.bind(shapes)
        if self.state.closed:
            self.state.check_open()
        if self._unready:
            self.check_variables()
        updated = bound.loaded.updated
        if not updated:
            return bound.run(arrays)
        with self.state.lock:
            outputs = bound.run(arrays)
            for v in updated:
                v.ready = True
        return outputs

    def check_variables(self) -> None:
        """Raises UninitializedError for a variable that is read and has no value."""
        for value, variable in self._unready:
            if not variable.ready:
                raise UninitializedError(
                    f"Attempting to use uninitialized value {value.node.attrs['key']}: the variable made at "
                    f"{value.node.loc} has no value"
                )
        self._unready = []

    def bind(self, shapes: Shapes) -> Bound:
        """What feeds of these shapes run; compiled where no known class takes them."""
        for feed, shape in zip(self.feeds, shapes, strict=True):
            feed.check_shape(shape)
        with self._compiling:
            found = self._bound.get(shapes)
            if found is not None:
                return found
            for loaded in self.classes:
                dims = loaded.dims_for(shapes)
                if dims is not None:
                    break
            else:
                loaded = Loaded(compile_pure(self.pure, shapes), self.state)
                self.compiled += 1
                self.classes.append(loaded)
                dims = loaded.dims_for(shapes)
                if dims is None:
                    raise ShapeError(f"feeds of shapes {shapes} do not fit together")
            if len(self._bound) >= REMEMBERED:
                self._bound.clear()
            found = self._bound[shapes] = Bound(loaded, dims)
            return found


def _read_variables(pure: Graph) -> list[Value]:
    """The variables whose value before the run is needed, but counters of random ops, which begin at 0."""
    counters = {n.operands[0] for n in pure.nodes if n.op.draws is not None}
    given = {*pure.outputs, *(new for _, new in pure.updates)}
    values = [n.results[0] for n in pure.nodes if n.op.name == "variable"]
    return [v for v in values if (v.users or v in given) and v not in counters]
