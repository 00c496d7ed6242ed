"""Running graphs: compiled when their feeds' shapes are first seen, one native call per run after."""

from __future__ import annotations

from .backend import BackEnd, NativeCode
from .compilation import Compilation, Watch, compile_pure
from .executable import Executable
from .session import Session

__all__ = [
    "BackEnd",
    "Compilation",
    "Executable",
    "NativeCode",
    "Session",
    "Watch",
    "compile_pure",
]
