"""Running graphs: compiled when their feeds' shapes are first seen, one native call per run after."""

from __future__ import annotations

from .backend import BackEnd, NativeCode
from .compilation import Compilation, Watch, compile_pure
from .executable import Executable
from .session import Session
from .threads import get_num_threads, set_num_threads

__all__ = [
    "BackEnd",
    "Compilation",
    "Executable",
    "NativeCode",
    "Session",
    "Watch",
    "compile_pure",
    "get_num_threads",
    "set_num_threads",
]
