"""Schedules for the CPU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tfc.ir.kernel import Kernel, Program

from ..target import Target
from .cpu_loops import attempt, merge_rows, vector_loops
from .cpu_narrow import narrow
from .cpu_packed import packed
from .gemm import Gemm, find_gemm, merge_batch
from .simplify import simplify_kernel


@dataclass(frozen=True)
class Schedule:
    """Gives every kernel the form in which it runs on a target."""

    target: Target
    name: ClassVar[str] = "schedule"

    def apply(self, program: Program) -> Program:
        return replace(program, kernels=tuple(schedule_kernel(k, self.target) for k in program.kernels))


def schedule_kernel(k: Kernel, target: Target) -> Kernel:
    """An algorithm as it is to run: the matrix product blocked, rows merged, loops in vectors."""
    gemm = find_gemm(k)
    blocked = k if gemm is None else attempt(k, _product, gemm, target)
    if blocked is k:
        blocked = merge_rows(k)
    return simplify_kernel(vector_loops(simplify_kernel(blocked), target))


def _product(k: Kernel, g: Gemm, target: Target) -> Kernel:
    k, nests = merge_batch(k, g)
    return narrow(k, g, nests, target) or packed(k, g, nests, target)
