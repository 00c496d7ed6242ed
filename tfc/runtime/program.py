"""Native programs in place: constants and variables at hand, bound to the shapes that are fed."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfc.ir.errors import OutOfMemoryError, RunError, ShapeError
from tfc.ir.index import Dim, Index, subs, symbol_name
from tfc.ir.kernel import Buffer

from .compilation import Compilation
from .memory import address, aligned_copy
from .places import Places
from .state import State

Array = np.ndarray[Any, Any]
Shapes = tuple[tuple[int, ...], ...]


class Frame:
    """What one run at a time hands to native code: the addresses of slots, and where it reports a failed check."""

    __slots__ = ("place", "slots", "status", "status_place")

    def __init__(self, moving: int, fixed: Sequence[int]) -> None:
        self.slots = (ctypes.c_void_p * max(moving + len(fixed), 1))()
        for k, where in enumerate(fixed, moving):
            self.slots[k] = where
        self.place = ctypes.addressof(self.slots)
        self.status = ctypes.c_int32(0)
        self.status_place = ctypes.addressof(self.status)


class Loaded:
    """The program of one shape class, its constants and variables in place."""

    def __init__(self, compilation: Compilation, state: State) -> None:
        slots = compilation.program.slots
        self.program = compilation.program
        self.shape_class = compilation.shape_class
        self.code = compilation.native
        """Its function needs it alive."""
        self.run = self.code.run
        self.arenas = state.arenas
        self.outputs = state.outputs
        self.fetches = [s.buffer for s in slots if s.kind == "fetch"]
        self.moving = len(self.fetches) + sum(s.kind == "feed" for s in slots)
        """The slots whose addresses differ from run to run; they are the first."""
        self.places = Places(compilation, state)
        constants = [aligned_copy(v.node.attrs["value"], v.type.dtype.np) for v in compilation.constants]
        self.fixed = [*(p.array for p in self.places.used), *constants]
        self.frames: list[Frame] = []
        """Those that no run uses; taking from a list and appending to it are safe on any number of threads."""

    def frame(self) -> Frame:
        return Frame(self.moving, [address(a) for a in self.fixed])

    def dims_for(self, shapes: Shapes) -> dict[str, int] | None:
        """The values of the symbols where the shapes belong to this class, else None."""
        inputs = self.shape_class.inputs
        if any(len(known) != len(shape) for known, shape in zip(inputs, shapes, strict=True)):
            return None
        pairs = [(d, n) for known, shape in zip(inputs, shapes, strict=True) for d, n in zip(known, shape, strict=True)]
        dims: dict[str, int] = {}
        for d, n in pairs:
            name = symbol_name(d)
            if name is not None:
                dims.setdefault(name, n)
        try:
            fits = all(subs(d, dims) == n for d, n in pairs)
            fits = fits and all(subs(a, dims) == subs(b, dims) for a, b in self.shape_class.guards)
        except ZeroDivisionError:
            return None
        return dims if fits else None


class Bound:
    """A program for feeds of certain shapes: all that a run needs but the feeds' addresses."""

    __slots__ = ("_makers", "arena", "dims", "dims_place", "loaded", "outputs")

    def __init__(self, loaded: Loaded, dims: Mapping[str, int]) -> None:
        names = loaded.program.dims
        self.loaded = loaded
        self.outputs = [(_shape_of(b, dims), b.dtype.np) for b in loaded.fetches]
        self._makers = [(loaded.outputs.maker(shape, dtype), shape, dtype) for shape, dtype in self.outputs]
        for slot in loaded.program.slots:
            _shape_of(slot.buffer, dims)
        self.dims = (ctypes.c_int64 * max(len(names), 1))(*[_known(Index.symbol(d), dims) for d in names])
        self.dims_place = ctypes.addressof(self.dims)
        self.arena = _known(loaded.program.arena, dims)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """The outputs, in memory of their own.

        Raises RunError where a check fails, OutOfMemoryError; then no variable has changed.
        """
        loaded = self.loaded
        try:
            outputs = [make(shape, dtype) for make, shape, dtype in self._makers]
            arena = loaded.arenas.take(self.arena)
        except (MemoryError, ValueError):  # ValueError for sizes beyond what an address can tell
            raise self._too_large() from None
        try:
            frame = loaded.frames.pop()
        except IndexError:
            frame = loaded.frame()
        slots = frame.slots
        for k, array in enumerate((*inputs, *outputs)):
            slots[k] = address(array)
        loaded.run(frame.place, self.dims_place, arena[0], frame.status_place)
        loaded.arenas.give(arena)
        failed = frame.status.value
        if failed:
            frame.status.value = 0
        loaded.frames.append(frame)
        if failed:
            raise RunError(loaded.program.messages[failed - 1])
        return outputs

    def _too_large(self) -> OutOfMemoryError:
        results = ", ".join(f"{dtype.name}{list(shape)}" for shape, dtype in self.outputs)
        return OutOfMemoryError(
            f"no memory for a run whose results are {results or 'none'} and which needs {self.arena} bytes to work in"
        )


def _known(d: Dim, dims: Mapping[str, int]) -> int:
    found = subs(d, dims)
    if not isinstance(found, int):
        raise ShapeError(f"dim {d} is not known when the run starts")
    return found


def _shape_of(buffer: Buffer, dims: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of a buffer in numbers. Raises ShapeError where a dim is below 0."""
    shape = tuple(_known(d, dims) for d in buffer.shape)
    if any(d < 0 for d in shape):
        raise ShapeError(f"{buffer.name} would have the shape {shape}")
    return shape
