"""The CPU back end: kernel IR -> LLVM IR -> machine code."""

from __future__ import annotations

from .emit import emit_program
from .errors import CodegenError
from .host import available_targets, host_target
from .jit import NativeProgram, compile_program, set_threads, threads

__all__ = [
    "CodegenError",
    "NativeProgram",
    "available_targets",
    "compile_program",
    "emit_program",
    "host_target",
    "set_threads",
    "threads",
]
