"""tfc: a compiler from tensor graphs to native code.

A graph comes from TF1-style graph code (`import tfc.v1 as tf`) or from a plain Python function that tfc
traces; the whole of what is asked for becomes one native program, called once per run.
"""

from __future__ import annotations

__version__ = "0.1.0"
