"""NumPy: a call for each operation; the softmax-regression step by hand and in place, so that no step allocates."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.numpy_ops import NumpyOps
from benchmarks.workload import Array
from benchmarks.workloads import STEP

from . import Request, Task


def prepare(request: Request) -> Task:
    """The threads are for BLAS, which takes their number from the environment."""
    workload, weights = request.workload, request.data.weights
    if workload.name == STEP.name:
        return _in_place(request)
    ops = NumpyOps()
    if workload.training:
        return _stepping(request, ops)
    function: Any = workload.function

    def step(*inputs: Array) -> Any:
        return function(ops, weights, *inputs)

    return Task(request.data.inputs, step, lambda out: [out])


def _stepping(request: Request, ops: NumpyOps) -> Task:
    training: Any = request.workload.training
    state = {"weights": tuple(request.data.weights)}

    def step(*inputs: Array) -> None:
        state["weights"] = training.update(ops, state["weights"], training.rate, *inputs)

    return Task(request.data.inputs, step, lambda _: list(state["weights"]))


def _in_place(request: Request) -> Task:
    """Softmax regression as the formula has it: logits (batch, classes), weights (features, classes)."""
    w, b = (a.copy() for a in request.data.weights)
    batch, classes = request.data.inputs[0][1].shape
    z = np.empty((batch, classes), np.float32)
    row = np.empty((batch, 1), np.float32)
    dw, db = np.empty_like(w), np.empty_like(b)
    scale = np.float32(request.workload.training.rate / batch) if request.workload.training else 0

    def step(x: Array, y: Array) -> None:
        np.matmul(x, w, out=z)
        np.add(z, b, out=z)
        np.maximum.reduce(z, axis=1, keepdims=True, out=row)
        np.subtract(z, row, out=z)
        np.exp(z, out=z)
        np.add.reduce(z, axis=1, keepdims=True, out=row)
        np.divide(z, row, out=z)
        np.subtract(z, y, out=z)
        np.multiply(z, scale, out=z)
        np.matmul(x.T, z, out=dw)
        np.add.reduce(z, axis=0, out=db)
        np.subtract(w, dw, out=w)
        np.subtract(b, db, out=b)

    return Task(request.data.inputs, step, lambda _: [w, b])


def facts() -> dict[str, str]:
    """NumPy's version, and the BLAS kernels that it runs."""
    return {"numpy": np.__version__, "BLAS": _blas()}


def _blas() -> str:
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return "unknown (install threadpoolctl)"
    libraries = [x for x in threadpool_info() if x["user_api"] == "blas"]
    return ", ".join(
        f"{x['internal_api']} {x['version']}, {x.get('architecture', 'unknown')} kernels, {x['num_threads']} threads"
        for x in libraries
    )
