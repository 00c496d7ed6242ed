"""tfc: the program as a TF1 user writes it, through `tfc.v1.Session`, or as a function under `tfc.compile`."""

from __future__ import annotations

from typing import Any

import tfc
import tfc.v1 as tf

from . import Request, Task, Unsupported, tf1


def prepare(request: Request) -> Task:
    """The number of threads is taken from the environment."""
    if request.variant == "function":
        return _function(request)
    graph = tf.Graph()
    with graph.as_default():
        return tf1.prepare(tf, request, tf.Session(graph=graph))


def _function(request: Request) -> Task:
    """For functions of Python's operators alone."""
    function: Any = request.workload.function
    if function is None or request.data.weights:
        raise Unsupported("only functions without weights")
    return Task(request.data.inputs, tfc.compile(lambda *inputs: function(None, (), *inputs)), lambda out: [out])


def facts() -> dict[str, str]:
    # Only here: what a first step has to import is not this adapter's to choose.
    from tfc.codegen_llvm import host_target

    return {"tfc": tfc.__version__, "target": host_target().name}
