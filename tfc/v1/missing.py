"""The error for what TensorFlow has and tfc has not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def missing(module: str) -> Callable[[str], Any]:
    """A module's `__getattr__`, which says that tfc has no such name; `module` is its name under `tfc.v1`.

    Python's traceback adds the name that may have been meant.
    """

    def look_up(name: str) -> Any:
        full = f"{module}.{name}" if module else name
        owner = sys.modules[f"tfc.v1.{module}" if module else "tfc.v1"]
        raise AttributeError(f"tfc.v1 has no {full}", name=name, obj=owner)

    return look_up
