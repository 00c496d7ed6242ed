"""`tf.contrib`: the parts of it that real programs use most."""

from __future__ import annotations

from tfc.v1.missing import missing

from . import layers

__getattr__ = missing("contrib")

__all__ = ["layers"]
