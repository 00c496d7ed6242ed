"""What the runtime knows of a back end."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from tfc.ir.kernel import Program
from tfc.passes.target import Target


class NativeCode(Protocol):
    """A program in machine code, and how it came about.

    `run(slots, dims, arena, status)` takes addresses: of the data pointers of the slots outside the arena, of the dims
    (int64), of the arena (64-byte aligned), of an int32 that is 0 and receives the number of the failed check, from 1.
    It may run on several threads at once.
    """

    @property
    def run(self) -> Callable[[int, int, int, int], None]: ...

    @property
    def llvm_ir(self) -> str:
        """The code as it was emitted."""

    @property
    def optimised_ir(self) -> str:
        """The code that machine code is made from."""

    def assembly(self) -> str:
        """The machine code as text."""


class BackEnd(Protocol):
    """A package that makes native code."""

    def host_target(self, name: str | None = None) -> Target:
        """The machine to compile for: the named one, else what `TFC_TARGET` names, else the best that runs here."""

    def compile_program(self, program: Program, target: Target) -> NativeCode:
        """The native code of a program."""

    def threads(self) -> int:
        """How many threads a run may use, its caller's among them."""

    def set_threads(self, n: int) -> None:
        """Sets that for runs that begin from now on. Raises UnsupportedError for what is no such number."""


def back_end() -> BackEnd:
    """The CPU's back end; loaded when something is first compiled."""
    found: BackEnd = import_module("tfc.codegen_llvm")
    return found
