"""tfc: a compiler from tensor graphs to native code.

A graph comes from TF1-style graph code (`import tfc.v1 as tf`) or from a plain Python function that tfc
traces; the whole of what is asked for becomes one native program, called once per run.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfc import numpy
    from tfc.frontend.gradient import grad, value_and_grad
    from tfc.frontend.spec import Spec
    from tfc.frontend.trace import compile
    from tfc.runtime.threads import get_num_threads, set_num_threads

__version__ = "0.1.0"
__all__ = ["Spec", "compile", "get_num_threads", "grad", "numpy", "set_num_threads", "value_and_grad"]

_PLACES = {
    "Spec": "tfc.frontend.spec",
    "compile": "tfc.frontend.trace",
    "get_num_threads": "tfc.runtime.threads",
    "grad": "tfc.frontend.gradient",
    "set_num_threads": "tfc.runtime.threads",
    "value_and_grad": "tfc.frontend.gradient",
}
"""Where each public name is defined; it is imported when it is first used."""


def __getattr__(name: str) -> Any:
    if name == "numpy":
        return import_module("tfc.numpy")
    if name not in _PLACES:
        raise AttributeError(f"module 'tfc' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
