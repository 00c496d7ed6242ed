"""What the back end raises."""

from __future__ import annotations

from tfc.ir.errors import InternalError


class CodegenError(InternalError):
    """A program that this back end cannot compile: a fault of what made it, never of the user's."""
