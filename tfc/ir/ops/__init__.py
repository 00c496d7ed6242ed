"""The ops, one declaration each; importing this package fills the registry."""

from . import array, attention, common, conv, gather, linalg, math, nn, parts, pool, random, reduce, state

__all__ = [
    "array",
    "attention",
    "common",
    "conv",
    "gather",
    "linalg",
    "math",
    "nn",
    "parts",
    "pool",
    "random",
    "reduce",
    "state",
]
