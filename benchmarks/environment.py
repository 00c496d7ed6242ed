"""The surroundings that every contestant gets: so many threads, and nothing that pins old kernels."""

from __future__ import annotations

import os
from collections.abc import Mapping

_CLEARED = ("OPENBLAS_", "GOTO_", "BLIS_", "MKL_", "OMP_", "KMP_", "GOMP_", "NPY_", "JAX_", "XLA_", "TF_", "ONEDNN_")
_KEPT = ("TF_CLI_",)
"""Another program's."""
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NPROC",  # XLA's
    "TFC_NUM_THREADS",
)


def cleared(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that could change a library's kernels or threads, as they were set."""
    return {
        name: value for name, value in environment.items() if name.startswith(_CLEARED) and not name.startswith(_KEPT)
    }


def contestant_environment(environment: Mapping[str, str], threads: int, caches: str = "") -> dict[str, str]:
    """The environment without those variables, and with the number of threads for every library.

    Compiled code is kept only in the folder `caches`, for libraries that have to keep it.
    """
    wanted = {name: value for name, value in environment.items() if name not in cleared(environment)}
    wanted |= dict.fromkeys(_THREADS, str(threads))
    wanted["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'false' if threads == 1 else 'true'}"
    wanted["JAX_PLATFORMS"] = "cpu"
    wanted["CUDA_VISIBLE_DEVICES"] = ""
    wanted["TF_CPP_MIN_LOG_LEVEL"] = "3"
    wanted["TFC_CACHE"] = "0"
    if caches:
        wanted["TORCHINDUCTOR_CACHE_DIR"] = caches
    return wanted


def cores(threads: int) -> list[int]:
    """The cores to run on: the last of those that this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(allowed):
        raise ValueError(f"{threads} threads asked for; this process may use {len(allowed)} cores")
    return allowed[-threads:]
