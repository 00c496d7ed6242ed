"""Memory that native code works in."""

from __future__ import annotations

import contextlib
import ctypes
import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfc.passes.memory import ALIGN

Array = np.ndarray[Any, Any]

_HEADER = object.__basicsize__
"""Bytes of what every Python object begins with."""
_word = ctypes.c_size_t


def address(array: Array) -> int:
    """Where an array's first element is.

    Read where NumPy's C API has it, as the first field of the array object: each of NumPy's own ways from Python
    takes longer than all the rest that a small run does.
    """
    return _word.from_address(id(array) + _HEADER).value


def _aligned(raw: Array, size: int) -> Array:
    start = -address(raw) % ALIGN
    return raw[start : start + size]


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Zeros that begin at a cache line."""
    size = math.prod(shape) * dtype.itemsize
    return _aligned(np.zeros(size + ALIGN, np.uint8), size).view(dtype).reshape(shape)


def aligned_copy(array: Array, dtype: np.dtype[Any]) -> Array:
    """The same elements as of a dtype, in row-major order from a cache line on; the array itself where it is so."""
    if array.dtype == dtype and array.flags.c_contiguous and address(array) % ALIGN == 0:
        return array
    out = aligned_zeros(array.shape, dtype)
    out[...] = array
    return out


Piece = tuple[int, int, Array]
"""The address of memory that begins at a cache line, how many bytes it has, and who owns it."""


def _piece(size: int) -> Piece:
    owner = _aligned(np.empty(size + ALIGN, np.uint8), size)
    return address(owner), size, owner


class Arenas:
    """Scratch memory, kept and used again: as many pieces as runs were ever under way at once."""

    def __init__(self) -> None:
        self._free: list[Piece] = []

    def take(self, size: int) -> Piece:
        """At least `size` bytes."""
        # Taking from a list is safe on any number of threads; asking first whether it is empty would not be.
        try:
            found = self._free.pop()
        except IndexError:
            return _piece(size)
        return found if found[1] >= size else _piece(size)

    def give(self, piece: Piece) -> None:
        """Takes back what `take` gave, when no run uses it any more."""
        self._free.append(piece)


LARGE = 16 << 20
"""Bytes from which on an array's memory is used again: what is smaller, the C library keeps for itself. The system
clears what it gives, and that takes its time; and what begins at a cache line can be stored to past the caches."""
KEPT = 1 << 30
"""Bytes that are kept for arrays to come, at most."""


class Outputs:
    """Arrays for results. The memory of a large one is used again when no array shows it any more.

    With what is in use, no more is kept than was in use at once before; what goes first was kept longest.
    """

    def __init__(self) -> None:
        # Threads, and the ends of arrays at any moment, see each number and the list as a whole without a lock.
        self._free: list[Piece] = []
        self._used = 0
        self._most = 0

    def maker(self, shape: Sequence[int], dtype: np.dtype[Any]) -> Callable[[Sequence[int], np.dtype[Any]], Array]:
        """What makes arrays of this shape and dtype."""
        return self.large if math.prod(shape) * dtype.itemsize >= LARGE else np.empty

    def large(self, shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """A large array of any contents. Raises MemoryError and ValueError as `np.empty` does."""
        size = math.prod(shape) * dtype.itemsize
        kept = self._take(size)
        self._used += size
        self._trim()
        try:
            piece = kept or _piece(size)
        except (MemoryError, ValueError):
            self._used -= size
            raise
        self._most = max(self._most, self._used)
        # The array and its views keep the lease alive, and it tells when the last of them is gone.
        lease = (ctypes.c_char * size).from_address(piece[0])
        weakref.finalize(lease, self._give, piece).atexit = False
        return np.frombuffer(memoryview(lease), dtype).reshape(shape)

    def _take(self, size: int) -> Piece | None:
        """What is kept of this size."""
        for piece in reversed(self._free.copy()):
            if piece[1] == size:
                with contextlib.suppress(ValueError):  # another thread took it
                    self._free.remove(piece)
                    return piece
        return None

    def _give(self, piece: Piece) -> None:
        self._used -= piece[1]
        self._free.append(piece)
        self._trim()

    def _trim(self) -> None:
        """Lets go of what is too much."""
        while self._free and sum(size for _, size, _ in self._free.copy()) > min(self._most - self._used, KEPT):
            with contextlib.suppress(IndexError):  # another thread took it
                self._free.pop(0)
