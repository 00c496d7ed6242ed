"""Locks that no thread holds while the process forks: the child would wait for that thread for ever."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Any


def hold_in_forks(*locks: AbstractContextManager[Any]) -> None:
    """Has each fork take these locks first, in this order: in the child they are free, and what they guard is whole."""

    def take() -> None:
        for lock in locks:
            lock.__enter__()

    def release() -> None:
        for lock in reversed(locks):
            lock.__exit__(None, None, None)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=take, after_in_parent=release, after_in_child=release)
