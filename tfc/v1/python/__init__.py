"""`tensorflow.python`: the internal names that public programs import all the same."""

from __future__ import annotations

from tfc.v1.missing import missing

from . import framework

__getattr__ = missing("python")

__all__ = ["framework"]
