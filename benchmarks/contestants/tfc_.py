"""tfc: the program as a TF1 user writes it, through `tfc.v1.Session`."""

from __future__ import annotations

import tfc
import tfc.v1 as tf
from benchmarks.workloads import SoftmaxRegressionStep

from . import Task, tf1


def softmax_regression_step(workload: SoftmaxRegressionStep, variant: str, threads: int) -> Task:
    """The kernels run on the calling thread, whatever `threads` says."""
    graph = tf.Graph()
    with graph.as_default():
        return tf1.softmax_regression_step(tf, workload, tf.Session(graph=graph))


def facts() -> dict[str, str]:
    # Only here: what a first step has to import is not this adapter's to choose.
    from tfc.codegen_llvm import host_target

    return {"tfc": tfc.__version__, "target": host_target().name}


TASKS = {"softmax-regression-step": softmax_regression_step}
