"""`tf.contrib.layers`: initialisers, regularisers, and two layers."""

from __future__ import annotations

from tfc.frontend.v1.contrib_layers import flatten, fully_connected
from tfc.frontend.v1.initializers import ContribVarianceScaling as variance_scaling_initializer  # noqa: N813
from tfc.frontend.v1.initializers import xavier_initializer
from tfc.frontend.v1.regularizers import l1_regularizer, l2_regularizer
from tfc.v1.missing import missing

xavier_initializer_conv2d = xavier_initializer
__getattr__ = missing("contrib.layers")

__all__ = [
    "flatten",
    "fully_connected",
    "l1_regularizer",
    "l2_regularizer",
    "variance_scaling_initializer",
    "xavier_initializer",
    "xavier_initializer_conv2d",
]
