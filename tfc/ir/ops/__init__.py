"""The ops, one declaration each; importing this package fills the registry."""

from . import array, common, gather, linalg, math, nn, parts, random, reduce, state

__all__ = ["array", "common", "gather", "linalg", "math", "nn", "parts", "random", "reduce", "state"]
