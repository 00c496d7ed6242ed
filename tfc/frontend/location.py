"""The user's line: where in their program the frontends are called from."""

from __future__ import annotations

import sys
from pathlib import Path

from tfc.ir.graph import Loc

_PACKAGE = str(Path(__file__).parents[1]) + "/"


def user_line() -> Loc:
    """The innermost line of the program outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return Loc(frame.f_code.co_filename, frame.f_lineno)
