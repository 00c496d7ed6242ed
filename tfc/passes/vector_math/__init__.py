"""Math primitives as machine primitives: tfc's own exp, log, tanh, erf, ..., and arithmetic on 16-bit floats."""

from __future__ import annotations

from .expand import TABLE, expand_math

__all__ = ["TABLE", "expand_math"]
