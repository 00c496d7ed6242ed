"""Schedules for the CPU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tfc.ir.kernel import Kernel, Program

from ..target import Target
from .cpu_attention import attention, find_attention
from .cpu_conv import conv, is_conv, pool
from .cpu_gemv import by_rows, few, find_gemv, streamed
from .cpu_loops import attempt, merge_rows, vector_loops
from .cpu_narrow import narrow
from .cpu_packed import packed
from .gemm import extent_of, find_gemm, merge_batch
from .nest import less
from .simplify import simplify_kernel
from .sums import find_contraction, find_windows
from .versions import either


@dataclass(frozen=True)
class Schedule:
    """Gives every kernel the form in which it runs on a target."""

    target: Target
    name: ClassVar[str] = "schedule"

    def apply(self, program: Program) -> Program:
        return replace(program, kernels=tuple(schedule_kernel(k, self.target) for k in program.kernels))


def schedule_kernel(k: Kernel, target: Target) -> Kernel:
    """An algorithm as it is to run: what it begins with blocked, or rows merged; loops in vectors."""
    steps = (_convolution, _windows, _few_vectors, _product, _attention)
    blocked = next((new for step in steps if (new := attempt(k, step, target)) is not k), None)
    return simplify_kernel(vector_loops(simplify_kernel(blocked or merge_rows(k, target)), target))


def _convolution(k: Kernel, target: Target) -> Kernel:
    sums = find_contraction(k)
    return k if sums is None or not is_conv(k, sums, target) else conv(k, sums, target)


def _windows(k: Kernel, target: Target) -> Kernel:
    sums = find_windows(k)
    return k if sums is None else pool(k, sums, target)


def _few_vectors(k: Kernel, target: Target) -> Kernel:
    """Products of a matrix and few vectors; where only the run says how many, their form beside that for many."""
    g = find_gemv(k)
    if g is None:
        return k
    count, most = 1 if g.few is None else extent_of(k, g.few), few(k, g, target)
    if isinstance(count, int):
        return streamed(k, g, target) if count <= most else k
    some = attempt(k, streamed, g, target)
    many = k if some is k else attempt(k, _product, target)
    if many is k:
        return k
    # A tile of several costs a single one more than its own form does, where little is computed for what is read.
    one = attempt(k, streamed, replace(g, few=None), target) if by_rows(k, g) else k
    several = either(less(count, most + 1), some, many, suffix="_few")
    return several if one is k else either(less(count, 2), one, several, suffix="_one")


def _product(k: Kernel, target: Target) -> Kernel:
    g = find_gemm(k)
    if g is None:
        return k
    k, nests = merge_batch(k, g)
    return narrow(k, g, nests, target) or packed(k, g, nests, target)


def _attention(k: Kernel, target: Target) -> Kernel:
    a = find_attention(k)
    return k if a is None else attention(k, a, target)
