"""The pool of this process: loaded when a program first needs it, never unloaded."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tfc.ir.errors import OutOfMemoryError, UnsupportedError

from .pool import MOST

VARIABLE = "TFC_NUM_THREADS"


class Pool:
    """The threads that parallel loops run on, the calling thread among them.

    `symbols` are the addresses of the functions that programs call. They are there as long as the process is: threads
    run them, and the C library calls one in the child of each fork.
    """

    def __init__(self, symbols: Mapping[str, int], threads: int) -> None:
        self.symbols = symbols
        self._set: Callable[[int], None] = ctypes.CFUNCTYPE(None, ctypes.c_int64)(symbols["tfc_set_threads"])
        self._get: Callable[[], int] = ctypes.CFUNCTYPE(ctypes.c_int64)(symbols["tfc_threads"])
        self._set(threads)
        _call_in_children(symbols["tfc_pool_child"])

    @property
    def threads(self) -> int:
        """How many threads a run may use."""
        return self._get()

    @threads.setter
    def threads(self, n: int) -> None:
        self._set(n)


def _call_in_children(handler: int) -> None:
    """Has the C library call a function in the child of each fork, whoever forks."""
    libc = ctypes.CDLL(None)
    # glibc has pthread_atfork in the part that is linked statically only; it is this call.
    register = getattr(libc, "__register_atfork", None) or libc.pthread_atfork
    if register(None, None, ctypes.c_void_p(handler), None):
        raise OutOfMemoryError("no memory for a handler of forks")


def default_threads() -> int:
    """What the variable `TFC_NUM_THREADS` says, else the cores that this process may use.

    Raises UnsupportedError for a variable that is no number of threads.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return min(usable_cores(), MOST)
    n = int(text) if text.strip().isdecimal() else 0
    if not 1 <= n <= MOST:
        raise UnsupportedError(f"{VARIABLE} is {text!r}; expected a whole number from 1 to {MOST}")
    return n


def usable_cores() -> int:
    """The cores that this process may use: by its affinity, and by the quota of its control groups."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
    return cores if quota is None else max(1, min(cores, -int(-quota // 1)))


def _quota(groups: Path, root: Path) -> float | None:
    """The cores' worth of time that the control groups of a process grant; None where they set no limit."""
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return None
    found: list[float] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            base, read = root, _quota_v2
        elif "cpu" in controllers.split(","):
            base, read = root / "cpu", _quota_v1
        else:
            continue
        # In a container the path may be the host's, while only the group itself is in sight, as the root.
        here = base / path.lstrip("/")
        folders = {base, *(f for f in (here, *here.parents) if f.is_relative_to(base))}
        found += [quota for folder in folders if (quota := read(folder)) is not None]
    return min(found, default=None)


def _quota_v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _quota_v1(folder: Path) -> float | None:
    try:
        quota, period = (int((folder / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
        return quota / period if quota > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
