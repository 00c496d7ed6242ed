"""`tensorflow.python.framework`."""

from __future__ import annotations

from tfc.v1.missing import missing

from . import ops

__getattr__ = missing("python.framework")

__all__ = ["ops"]
