"""The variables of a session."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from tfc.ir.errors import InternalError, RunError
from tfc.ir.graph import Value

from .memory import Arenas, aligned_zeros

Array = np.ndarray[Any, Any]


class Variable:
    """A variable's memory, which stays where it is, and whether it has been given a value."""

    __slots__ = ("array", "ready")

    def __init__(self, array: Array) -> None:
        self.array = array
        self.ready = False


class State:
    """What runs share: variables by their keys, scratch memory, the lock of runs that update variables."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.arenas = Arenas()
        self.closed = False
        self._variables: dict[str, Variable] = {}

    def variable(self, value: Value) -> Variable:
        """The variable of a `variable` node's value; the first call gives it memory."""
        key, type_ = value.node.attrs["key"], value.type
        shape = tuple(d for d in type_.dims if isinstance(d, int))
        with self.lock:
            self.check_open()
            found = self._variables.get(key)
            if found is None:
                found = self._variables[key] = Variable(aligned_zeros(shape, type_.dtype.np))
            if (found.array.dtype, found.array.shape) != (type_.dtype.np, shape) or len(shape) != type_.rank:
                raise InternalError(f"variable {key} of {found.array.dtype}{found.array.shape} is {type_} elsewhere")
            return found

    def check_open(self) -> None:
        """Raises RunError after `close`."""
        if self.closed:
            raise RunError("the session is closed")

    def close(self) -> None:
        """Lets go of the variables; runs that are under way end as they would have."""
        with self.lock:
            self.closed = True
            self._variables.clear()
