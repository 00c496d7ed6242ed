"""The TF1 program that TensorFlow and tfc both run: only the module differs."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Array, SoftmaxRegressionStep

from . import Task


def softmax_regression_step(tf: Any, workload: SoftmaxRegressionStep, session: Any) -> Task:
    """The first lesson's classifier in the default graph; each step feeds a batch and runs the optimiser's op."""
    x = tf.placeholder(tf.float32, [None, workload.features])
    y_true = tf.placeholder(tf.float32, [None, workload.classes])
    w_start, b_start = workload.start()
    w = tf.Variable(w_start)
    b = tf.Variable(b_start)
    logits = tf.matmul(x, w) + b
    cross_entropy = tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=y_true)
    cost = tf.reduce_mean(cross_entropy)
    optimizer = tf.train.GradientDescentOptimizer(learning_rate=workload.rate).minimize(cost)
    session.run(tf.global_variables_initializer())

    def step(x_batch: Array, y_batch: Array) -> None:
        session.run(optimizer, feed_dict={x: x_batch, y_true: y_batch})

    return Task(list(workload.inputs()), step, lambda: list(session.run([w, b])))
