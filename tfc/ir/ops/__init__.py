"""The ops, one declaration each; importing this package fills the registry."""

from . import array, common, linalg, math, reduce, state

__all__ = ["array", "common", "linalg", "math", "reduce", "state"]
