"""Which targets there are, and which of them this machine can run.

The host is known by its *features*: the CPU name that LLVM reports is wrong under some hypervisors.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tfc.ir.errors import UnsupportedError
from tfc.passes.target import Target

from .pool import has_pool
from .pool_process import usable_cores

_V3 = ("avx", "avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "popcnt", "sse4.2", "movbe")
_V4 = (*_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
_V4_EXTRAS = ("avx512bf16", "avx512vbmi", "avx512vbmi2", "avx512vnni", "avx512bitalg", "avx512vpopcntdq")


@dataclass(frozen=True)
class _Level:
    """A set of features to compile for: `needs` must be there, `extras` are used where they are."""

    name: str
    machine: str
    """Architecture as `platform.machine` names it; empty for any."""
    vector_bytes: int = 16
    vector_registers: int = 16
    fma: bool = False
    masks: bool = False
    needs: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    off: tuple[str, ...] = ()


_LEVELS = (
    # Without prefer-256-bit off, LLVM keeps to half the registers' width in what it vectorises itself.
    _Level("avx512", "x86_64", 64, 32, True, True, _V4, _V4_EXTRAS, off=("prefer-256-bit",)),
    _Level("avx2", "x86_64", 32, 16, fma=True, needs=_V3),
    _Level("sse2", "x86_64", needs=("sse2",)),
    _Level("neon", "aarch64", 16, 32, fma=True, needs=("neon", "fp-armv8")),
    _Level("generic", ""),
)
"""Best first."""


@cache
def _host_features() -> frozenset[str]:
    import llvmlite.binding as llvm

    return frozenset(name for name, on in llvm.get_host_cpu_features().items() if on)


def _machine() -> str:
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())


def _runs_here(level: _Level) -> bool:
    return level.machine in ("", _machine()) and set(level.needs) <= _host_features()


@cache
def _caches() -> dict[int, int]:
    """Bytes of the data caches by level, as far as sysfs tells."""
    sizes: dict[int, int] = {}
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    for entry in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            kind, level, size = ((entry / f).read_text().strip() for f in ("type", "level", "size"))
            if kind != "Instruction":
                sizes[int(level)] = int(size.rstrip("KMG")) * units.get(size[-1:], 1)
        except (OSError, ValueError):
            continue
    return sizes


@cache
def _target(level: _Level) -> Target:
    import llvmlite.binding as llvm

    extras = [f for f in level.extras if f in _host_features()]
    features = [f"+{f}" for f in (*level.needs, *extras)] + [f"-{f}" for f in level.off]
    caches = _caches()
    return Target(
        level.name,
        llvm.get_process_triple(),
        ",".join(features),
        level.vector_bytes,
        level.vector_registers,
        level.fma,
        level.masks,
        has_pool(llvm.get_process_triple()),
        l1=caches.get(1, Target.l1),
        l2=caches.get(2, Target.l2),
        l3=caches.get(3, caches.get(2, Target.l3)),
        cores=usable_cores(),
    )


def available_targets() -> tuple[str, ...]:
    """Names of the targets that this machine can run, best first."""
    return tuple(level.name for level in _LEVELS if _runs_here(level))


def host_target(name: str | None = None) -> Target:
    """The target of this name, else of the variable `TFC_TARGET`, else the best that this machine can run.

    Raises UnsupportedError where the name is unknown or the machine lacks a feature it needs.
    """
    wanted = name or os.environ.get("TFC_TARGET") or available_targets()[0]
    level = next((x for x in _LEVELS if x.name == wanted), None)
    if level is None:
        raise UnsupportedError(f"unknown target {wanted!r}; known are {', '.join(x.name for x in _LEVELS)}")
    if not _runs_here(level):
        missing = sorted(set(level.needs) - _host_features())
        why = f"lacks {', '.join(missing)}" if level.machine in ("", _machine()) else f"is {_machine()}"
        raise UnsupportedError(
            f"target {wanted} cannot run here: this machine {why}; try {', '.join(available_targets())}"
        )
    return _target(level)
