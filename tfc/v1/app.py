"""`tf.app`: a program's flags and its start."""

from __future__ import annotations

from tfc.frontend.v1.flags import run

from . import flags
from .missing import missing

__getattr__ = missing("app")

__all__ = ["flags", "run"]
