"""The variables of a session."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfc.ir.errors import InternalError, OutOfMemoryError, RunError, UninitializedError
from tfc.ir.graph import Value
from tfc.ir.ops.state import transposed_variable
from tfc.ir.types import TensorType

from .forks import new_lock
from .memory import Arenas, Outputs, aligned_zeros

Array = np.ndarray[Any, Any]


class Place:
    """Memory that holds a variable of a fixed shape in one form, and whether that is its value as it stands."""

    __slots__ = ("array", "fresh")

    def __init__(self, array: Array, fresh: bool) -> None:
        self.array = array
        self.fresh = fresh


class Variable:
    """A variable's memory and whether it has a value.

    The memory of one of a fixed shape stays where it is. A matrix has a second place where a program wants it
    transposed; whichever place a program did not write is brought up to date before the next one that wants it.
    One of no fixed shape has new memory with each new value, and none before the first.
    """

    __slots__ = ("array", "key", "loc", "places", "ready", "type")

    def __init__(self, value: Value) -> None:
        self.key: str = value.node.attrs["key"]
        self.loc = value.node.loc
        self.type = _row_major(value)
        self.ready = False
        self.array: Array | None = None
        self.places: dict[bool, Place] = {}
        if value.type.is_static:
            self.array = self.place(False).array

    def place(self, transposed: bool) -> Place:
        """The memory that holds the variable as it is, or transposed; made when it is first asked for."""
        found = self.places.get(transposed)
        if found is None:
            dims = [d for d in self.type.shape or () if isinstance(d, int)]
            shape = tuple(reversed(dims) if transposed else dims)
            try:
                array = aligned_zeros(shape, self.type.dtype.np)
            except (MemoryError, ValueError):
                raise OutOfMemoryError(f"no memory for variable {self.key} of {self.type} made at {self.loc}") from None
            found = self.places[transposed] = Place(array, fresh=not self.places)
        return found

    def freshen(self) -> None:
        """Brings every place up to date with the one that was written last."""
        source = next(p for p in self.places.values() if p.fresh)
        for p in self.places.values():
            if not p.fresh:
                p.array[...] = source.array.T
                p.fresh = True

    @property
    def memory(self) -> Array:
        """The array of a variable that has one. Raises UninitializedError where there is none."""
        if self.array is None:
            raise self.uninitialized()
        return self.array

    def uninitialized(self) -> UninitializedError:
        return UninitializedError(
            f"Attempting to use uninitialized value {self.key}: the variable made at {self.loc} has no value yet"
        )


def _row_major(value: Value) -> TensorType:
    """The type of a variable by a node that gives it, or gives it transposed."""
    shape = value.type.shape
    return TensorType(value.type.dtype, shape[::-1]) if is_transposed(value) and shape is not None else value.type


def is_transposed(value: Value) -> bool:
    return value.node.op is transposed_variable


class State:
    """What runs share: variables by their keys, scratch memory, the lock of runs that update variables."""

    def __init__(self) -> None:
        self.updating = new_lock()
        self.arenas = Arenas()
        self.outputs = Outputs()
        self.closed = False
        self.second_places = 0
        """How many variables have two places."""
        self._variables: dict[str, Variable] = {}
        self._registering = new_lock()

    def variable(self, value: Value) -> Variable:
        """The variable that a `variable` node's value stands for."""
        with self._registering:
            self.check_open()
            key = value.node.attrs["key"]
            found = self._variables.get(key)
            if found is None:
                found = self._variables[key] = Variable(value)
            if found.type != _row_major(value):
                raise InternalError(f"variable {key} of {found.type} is {value.type} elsewhere")
            return found

    def place(self, variable: Variable, transposed: bool) -> Place:
        """The memory that holds a variable as it is, or transposed."""
        with self._registering:
            found = variable.place(transposed)
            self.second_places = sum(len(v.places) > 1 for v in self._variables.values())
            return found

    def check_open(self) -> None:
        """Raises RunError after `close`."""
        if self.closed:
            raise RunError("the session is closed")

    def close(self) -> None:
        """Lets go of the variables; runs that are under way end as they would have."""
        with self._registering:
            self.closed = True
            self._variables.clear()
