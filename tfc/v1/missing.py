"""The error for what TensorFlow has and tfc has not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def missing(module: str) -> Callable[[str], Any]:
    """A module's `__getattr__`, which says that tfc has no such name; `module` is its name under `tfc.v1`."""

    def look_up(name: str) -> Any:
        full = f"{module}.{name}" if module else name
        raise AttributeError(f"tfc.v1 has no {full}", name=name)

    return look_up
