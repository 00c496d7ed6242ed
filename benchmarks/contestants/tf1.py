"""The TF1 program that TensorFlow and tfc both run: only the module differs."""

from __future__ import annotations

from typing import Any

from benchmarks.ops import Ops, Unsupported

from . import Request, Task


class TensorflowOps(Ops):
    """The vocabulary in the functions of TensorFlow 1."""

    def __init__(self, tf: Any) -> None:
        self.tf = tf
        self.exp, self.log, self.tanh, self.sqrt, self.abs = tf.exp, tf.log, tf.tanh, tf.sqrt, tf.abs
        self.sin, self.erf, self.maximum, self.minimum = tf.sin, tf.erf, tf.maximum, tf.minimum
        self.relu, self.sigmoid, self.softmax = tf.nn.relu, tf.sigmoid, tf.nn.softmax
        self.log_softmax, self.cast, self.take = tf.nn.log_softmax, tf.cast, tf.gather
        self.reshape, self.transpose, self.concat = tf.reshape, tf.transpose, tf.concat

    def where(self, condition: Any, yes: Any, no: float) -> Any:
        return self.tf.where(condition, yes, self.tf.zeros_like(yes) + no)

    def sum(self, x: Any, axis: Any, keep: bool = False) -> Any:
        return self.tf.reduce_sum(x, axis=axis, keepdims=keep)

    def max(self, x: Any, axis: Any, keep: bool = False) -> Any:
        return self.tf.reduce_max(x, axis=axis, keepdims=keep)

    def mean(self, x: Any, axis: Any, keep: bool = False) -> Any:
        return self.tf.reduce_mean(x, axis=axis, keepdims=keep)

    def argmax(self, x: Any) -> Any:
        return self.tf.argmax(x, axis=-1)

    def logsumexp(self, x: Any) -> Any:
        return self.tf.reduce_logsumexp(x, axis=-1)

    def matmul(self, a: Any, b: Any, ta: bool = False, tb: bool = False) -> Any:
        return self.tf.matmul(a, b, transpose_a=ta, transpose_b=tb)

    def attention(self, q: Any, k: Any, v: Any) -> Any:
        scale = float(int(q.shape[-1])) ** -0.5
        return self.matmul(self.softmax(self.matmul(q, k, tb=True) * scale), v)

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        each = self.tf.nn.softmax_cross_entropy_with_logits_v2(logits=logits, labels=labels)
        return self.tf.reduce_mean(each)

    def conv2d(self, x: Any, w: Any, b: Any) -> Any:
        return self._neural("conv2d")(x, w, strides=[1, 1, 1, 1], padding="SAME") + b

    def max_pool(self, x: Any) -> Any:
        return self._neural("max_pool")(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")

    def flatten(self, x: Any) -> Any:
        size = 1
        for dim in x.shape[1:]:
            size *= int(dim)
        return self.tf.reshape(x, [-1, size])

    def _neural(self, name: str) -> Any:
        try:
            return getattr(self.tf.nn, name)
        except AttributeError:
            raise Unsupported(f"no tf.nn.{name}") from None


def prepare(tf: Any, request: Request, session: Any) -> Task:
    """The workload in the default graph: placeholders, variables, and a fetch or the optimiser's op."""
    workload, ops = request.workload, TensorflowOps(tf)
    dims = [[None, *s.shape[1:]] if s.batched else list(s.shape) for s in workload.inputs]
    inputs = [tf.placeholder(s.dtype, dim) for s, dim in zip(workload.inputs, dims, strict=True)]
    weights = [tf.Variable(w) for w in request.data.weights]
    feeds = [(dict(zip(inputs, arrays, strict=True)),) for arrays in request.data.inputs]
    if workload.training:
        cost = workload.training.loss(ops, weights, *inputs)
        fetch = tf.train.GradientDescentOptimizer(learning_rate=workload.training.rate).minimize(cost)
    else:
        assert workload.function is not None
        fetch = workload.function(ops, weights, *inputs)
    session.run(tf.global_variables_initializer())

    def step(feed: Any) -> Any:
        return session.run(fetch, feed_dict=feed)

    def results(out: Any) -> list[Any]:
        return list(session.run(weights)) if workload.training else [out]

    return Task(feeds, step, results)
