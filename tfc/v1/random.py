"""`tf.random`."""
# ruff: noqa: F401 (TF's names, handed on)

from __future__ import annotations

from tfc.frontend.v1.basics import set_random_seed
from tfc.frontend.v1.random import random_normal as normal
from tfc.frontend.v1.random import random_uniform as uniform
from tfc.frontend.v1.random import truncated_normal

from .missing import missing as _missing

__getattr__ = _missing("random")
