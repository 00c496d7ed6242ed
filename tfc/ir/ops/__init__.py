"""The ops, one declaration each; importing this package fills the registry."""

from . import common, math, reduce

__all__ = ["common", "math", "reduce"]
