"""`tf.layers`."""

from __future__ import annotations

from tfc.frontend.v1.batch_normalization import batch_normalization
from tfc.frontend.v1.layers import (
    average_pooling1d,
    average_pooling2d,
    conv1d,
    conv2d,
    conv2d_transpose,
    dense,
    dropout,
    flatten,
    max_pooling1d,
    max_pooling2d,
)

from .missing import missing

__getattr__ = missing("layers")

__all__ = [
    "average_pooling1d",
    "average_pooling2d",
    "batch_normalization",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "dense",
    "dropout",
    "flatten",
    "max_pooling1d",
    "max_pooling2d",
]
