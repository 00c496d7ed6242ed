"""The command `tfc`: `main(arguments)` gives the exit status.

0: done; 1: an error of the user's program or input; 2: wrong usage; 130: interrupted; 141: nobody reads the output.
"""

from __future__ import annotations

from .main import main

__all__ = ["main"]
