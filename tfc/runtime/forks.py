"""Locks that the child of a fork finds free, whatever other threads of its parent held them."""

from __future__ import annotations

import os
import threading
from functools import cache
from weakref import WeakSet


class _Locks:
    """All locks that were made here; in the child of a fork they are as new, for the threads that held them are not."""

    def __init__(self) -> None:
        self._all: WeakSet[threading.Lock] = WeakSet()
        self._adding = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._free)

    def new(self) -> threading.Lock:
        lock = threading.Lock()
        with self._adding:
            self._all.add(lock)
        return lock

    def _free(self) -> None:
        for lock in (self._adding, *self._all):
            lock._at_fork_reinit()  # type: ignore[attr-defined]  # as Python's own modules do


@cache
def _locks() -> _Locks:
    return _Locks()


def new_lock() -> threading.Lock:
    """A lock that is free in the child of a fork."""
    return _locks().new()
