"""How many threads runs use: those of the process's one pool, which sleeps while nothing runs."""

from __future__ import annotations

from operator import index
from typing import SupportsIndex

from tfc.ir.errors import DTypeError

from .backend import back_end


def set_num_threads(n: SupportsIndex) -> None:
    """Sets how many threads a run may use, the thread that calls it among them; for runs that begin from now on.

    At first it is what the variable `TFC_NUM_THREADS` says, else the number of cores that this process may use.
    Results do not depend on it. Raises UnsupportedError for a number that is too small or too large.
    """
    try:
        count = index(n)
    except TypeError:
        raise DTypeError(f"set_num_threads: expected a whole number, got {n!r}") from None
    back_end().set_threads(count)


def get_num_threads() -> int:
    """How many threads a run may use. Raises UnsupportedError where `TFC_NUM_THREADS` is no number of threads."""
    return back_end().threads()
