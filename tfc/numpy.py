"""NumPy's functions for compiled functions: `import tfc.numpy as tnp`."""

from __future__ import annotations

from tfc.frontend.tnp import *  # noqa: F403
from tfc.frontend.tnp import __all__  # noqa: F401
