"""`tf.math`."""
# ruff: noqa: F401 (TF's names, handed on)

from __future__ import annotations

from tfc.frontend.v1.math import ELEMENTWISE as _ELEMENTWISE
from tfc.frontend.v1.math import REDUCTIONS as _REDUCTIONS
from tfc.frontend.v1.math import (
    accumulate_n,
    add_n,
    argmax,
    argmin,
    count_nonzero,
    divide,
    pow,
    reciprocal,
    round,
    tan,
    truediv,
)
from tfc.frontend.v1.nn import ACTIVATIONS as _ACTIVATIONS
from tfc.frontend.v1.nn import in_top_k, l2_normalize, log_softmax, softmax, zero_fraction

from .missing import missing as _missing

globals().update({**_ELEMENTWISE, **_REDUCTIONS})
softplus, softsign = _ACTIVATIONS["softplus"], _ACTIVATIONS["softsign"]
__getattr__ = _missing("math")
