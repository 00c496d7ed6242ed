"""Schedules for the CPU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tfc.ir.kernel import Program

from ..target import Target
from .simplify import simplify_kernel


@dataclass(frozen=True)
class Schedule:
    """Gives every kernel the form in which it runs on a target."""

    target: Target
    name: ClassVar[str] = "schedule"

    def apply(self, program: Program) -> Program:
        return replace(program, kernels=tuple(map(simplify_kernel, program.kernels)))
