"""What the passes know of a machine: plain facts, read by schedules, cost models and back ends."""

from __future__ import annotations

from dataclasses import dataclass

from tfc.ir.types import DType


@dataclass(frozen=True)
class Target:
    """A machine to compile for. Cache sizes are in bytes; l1 and l2 are one core's, l3 is shared.

    `features` is LLVM's feature string; `vector_registers` counts the architectural registers of `vector_bytes`;
    `masks` says that vector instructions take masks at no cost, `threads` that parallel loops may run on several cores.
    """

    name: str
    triple: str
    features: str = ""
    vector_bytes: int = 16
    vector_registers: int = 16
    fma: bool = False
    masks: bool = False
    threads: bool = False
    l1: int = 32 << 10
    l2: int = 512 << 10
    l3: int = 8 << 20
    cores: int = 1

    def lanes(self, dtype: DType) -> int:
        """Elements of a dtype in one vector register."""
        return self.vector_bytes // dtype.size
