"""TensorFlow in graph mode: the program as a TF1 user writes it, through `tf.compat.v1.Session`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from benchmarks.workloads import SoftmaxRegressionStep

from . import Task, tf1

v1 = tf.compat.v1


def softmax_regression_step(workload: SoftmaxRegressionStep, variant: str, threads: int) -> Task:
    # A negative number: operations run on the calling thread, which for a chain of them is fastest.
    config: Any = v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=-1)
    graph = tf.Graph()
    with graph.as_default():
        return tf1.softmax_regression_step(v1, workload, v1.Session(graph=graph, config=config))


def facts() -> dict[str, str]:
    return {"tensorflow": tf.__version__}


TASKS = {"softmax-regression-step": softmax_regression_step}
