"""TensorFlow: `tf.function`, also with XLA; and in graph mode as a TF1 user writes it, through `Session`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from benchmarks.workload import Array

from . import Request, Task, tf1

v1 = tf.compat.v1


def prepare(request: Request) -> Task:
    if request.variant == "session":
        return _session(request)
    try:
        tf.config.threading.set_intra_op_parallelism_threads(request.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:  # after the first operation: they are set
        pass
    compiled = tf.function(jit_compile=request.variant == "xla" or None)
    ops, workload = tf1.TensorflowOps(v1), request.workload
    inputs = [tuple(map(tf.constant, arrays)) for arrays in request.data.inputs]
    if workload.training:
        return _training(request, ops, inputs, compiled)
    function: Any = workload.function
    weights = [tf.constant(w) for w in request.data.weights]
    call = compiled(lambda *values: function(ops, weights, *values))
    return Task(inputs, call, lambda out: [out.numpy()])


def _training(request: Request, ops: tf1.TensorflowOps, inputs: list[Any], compiled: Any) -> Task:
    training: Any = request.workload.training
    weights = [tf.Variable(w) for w in request.data.weights]

    @compiled
    def step(*values: Any) -> None:
        with tf.GradientTape() as tape:
            cost = training.loss(ops, weights, *values)
        for w, g in zip(weights, tape.gradient(cost, weights), strict=True):
            w.assign_sub(training.rate * g)

    def results(_: Any) -> list[Array]:
        return [w.numpy() for w in weights]

    return Task(inputs, step, results)


def _session(request: Request) -> Task:
    # A negative number: operations run on the calling thread, which for a chain of them is fastest.
    config: Any = v1.ConfigProto(intra_op_parallelism_threads=request.threads, inter_op_parallelism_threads=-1)
    graph = tf.Graph()
    with graph.as_default():
        return tf1.prepare(v1, request, v1.Session(graph=graph, config=config))


def facts() -> dict[str, str]:
    return {"tensorflow": tf.__version__}
