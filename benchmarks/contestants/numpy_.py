"""NumPy, float32, in place: no step allocates."""

from __future__ import annotations

import numpy as np

from benchmarks.workloads import Array, SoftmaxRegressionStep

from . import Task


def softmax_regression_step(workload: SoftmaxRegressionStep, variant: str, threads: int) -> Task:
    """`threads` is for BLAS, which takes it from the environment."""
    return _by_class(workload) if variant == "tuned" else _by_row(workload)


def _by_row(workload: SoftmaxRegressionStep) -> Task:
    """Everything as the formula has it: logits (batch, classes), weights (features, classes)."""
    w, b = workload.start()
    z = np.empty((workload.batch, workload.classes), np.float32)
    row = np.empty((workload.batch, 1), np.float32)
    dw, db = np.empty_like(w), np.empty_like(b)
    scale = np.float32(workload.rate / workload.batch)

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

    return Task(list(workload.inputs()), step, lambda: [w, b])


def _by_class(workload: SoftmaxRegressionStep) -> Task:
    """Logits (classes, batch) and weights (classes, features): the reductions run along whole rows of the batch."""
    start_w, start_b = workload.start()
    w, b = np.ascontiguousarray(start_w.T), np.ascontiguousarray(start_b[:, np.newaxis])
    z = np.empty((workload.classes, workload.batch), np.float32)
    row = np.empty(workload.batch, np.float32)
    dw, db = np.empty_like(w), np.empty_like(b)
    scale = np.float32(workload.rate / workload.batch)

    def step(x: Array, y: Array) -> None:
        np.matmul(w, x.T, out=z)
        np.add(z, b, out=z)
        np.maximum.reduce(z, axis=0, out=row)
        np.subtract(z, row, out=z)
        np.exp(z, out=z)
        np.add.reduce(z, axis=0, out=row)
        np.divide(z, row, out=z)
        np.subtract(z, y.T, out=z)
        np.multiply(z, scale, out=z)
        np.matmul(z, x, out=dw)
        np.add.reduce(z, axis=1, keepdims=True, out=db)
        np.subtract(w, dw, out=w)
        np.subtract(b, db, out=b)

    return Task(list(workload.inputs()), step, lambda: [w.T, b[:, 0]])


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


TASKS = {"softmax-regression-step": softmax_regression_step}
