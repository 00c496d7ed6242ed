"""The variables of a session."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from tfc.ir.errors import InternalError, OutOfMemoryError, RunError, UninitializedError
from tfc.ir.graph import Value

from .memory import Arenas, aligned_zeros

Array = np.ndarray[Any, Any]


class Variable:
    """A variable's memory and whether it has a value.

    The memory of one of a fixed shape stays where it is; one of no fixed shape has new memory with each new value, and
    none before the first.
    """

    __slots__ = ("array", "key", "loc", "ready", "type")

    def __init__(self, value: Value) -> None:
        self.key: str = value.node.attrs["key"]
        self.loc = value.node.loc
        self.type = value.type
        self.ready = False
        shape = tuple(d for d in value.type.shape or () if isinstance(d, int))
        try:
            self.array: Array | None = aligned_zeros(shape, value.type.dtype.np) if value.type.is_static else None
        except (MemoryError, ValueError):
            raise OutOfMemoryError(f"no memory for variable {self.key} of {self.type} made at {self.loc}") from None

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


class State:
    """What runs share: variables by their keys, scratch memory, the lock of runs that update variables."""

    def __init__(self) -> None:
        self.updating = threading.Lock()
        self.arenas = Arenas()
        self.closed = False
        self._variables: dict[str, Variable] = {}
        self._registering = threading.Lock()

    def variable(self, value: Value) -> Variable:
        """The variable that a `variable` node's value stands for."""
        with self._registering:
            self.check_open()
            key = value.node.attrs["key"]
            found = self._variables.get(key)
            if found is None:
                found = self._variables[key] = Variable(value)
            if found.type != value.type:
                raise InternalError(f"variable {key} of {found.type} is {value.type} elsewhere")
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
