"""Memory that native code works in."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

ALIGN = 64
"""Bytes: a cache line, and the widest vector."""


def address(array: Array) -> int:
    """Where an array's first element is."""
    found: int = array.__array_interface__["data"][0]
    return found


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Zeros that begin at a cache line."""
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = np.zeros(size + ALIGN, np.uint8)
    start = -address(raw) % ALIGN
    return raw[start : start + size].view(dtype).reshape(shape)


def aligned_copy(array: Array) -> Array:
    """The same elements in row-major order, beginning at a cache line; the array itself where it is so."""
    if array.flags.c_contiguous and address(array) % ALIGN == 0:
        return array
    out = aligned_zeros(array.shape, array.dtype)
    out[...] = array
    return out


class Arenas:
    """Scratch memory, kept and used again: as many pieces as runs were ever under way at once."""

    def __init__(self) -> None:
        self._free: list[Array] = []

    def take(self, size: int) -> Array:
        """A piece of at least `size` bytes, whose first byte begins a cache line."""
        try:
            found = self._free.pop()
        except IndexError:
            found = None
        if found is None or found.size < size:
            found = None  # its memory may serve the new one
            found = aligned_empty(size)
        return found

    def give(self, piece: Array) -> None:
        self._free.append(piece)


def aligned_empty(size: int) -> Array:
    """Bytes of no particular value that begin at a cache line."""
    raw = np.empty(size + ALIGN, np.uint8)
    start = -address(raw) % ALIGN
    return raw[start : start + size]
