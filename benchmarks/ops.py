"""The vocabulary that workloads are written in, and what of it follows from the rest.

A library's namespace derives from `Ops` and gives what is not defined here: exp, log, tanh, sin, erf, sqrt, abs,
maximum, minimum, where, cast, reshape, transpose, concat, take, sum, max, mean, argmax, matmul, and where it can
conv2d, max_pool, flatten. Images are (batch, height, width, channels), filters (height, width, in, out). Convolutions
keep the size, pools halve it. A library that has one of the functions below itself overrides it.
"""

from __future__ import annotations

import math
from typing import Any

GELU = (0.7978845608028654, 0.044715)
EPSILON = 1e-5


class Unsupported(Exception):  # noqa: N818  (it is no error: the cell says so)
    """What a library, or its adapter, cannot do."""


class Ops:
    """Functions of a library's arrays. Arrays have Python's operators."""

    def __getattr__(self, name: str) -> Any:
        raise Unsupported(f"no {name}")

    def relu(self, x: Any) -> Any:
        return self.maximum(x, 0.0)

    def sigmoid(self, x: Any) -> Any:
        return 1.0 / (1.0 + self.exp(-x))

    def gelu(self, x: Any) -> Any:
        """By tanh, as its authors approximate it."""
        scale, cubic = GELU
        return 0.5 * x * (1.0 + self.tanh(scale * (x + cubic * x * x * x)))

    def softmax(self, x: Any) -> Any:
        """Over the last axis, as all of these."""
        e = self.exp(x - self.max(x, -1, keep=True))
        return e / self.sum(e, -1, keep=True)

    def log_softmax(self, x: Any) -> Any:
        shifted = x - self.max(x, -1, keep=True)
        return shifted - self.log(self.sum(self.exp(shifted), -1, keep=True))

    def logsumexp(self, x: Any) -> Any:
        top = self.max(x, -1, keep=True)
        return self.log(self.sum(self.exp(x - top), -1)) + self.reshape(top, x.shape[:-1])

    def layer_norm(self, x: Any, scale: Any, shift: Any) -> Any:
        centred = x - self.mean(x, -1, keep=True)
        return centred / self.sqrt(self.mean(centred * centred, -1, keep=True) + EPSILON) * scale + shift

    def rms_norm(self, x: Any, scale: Any) -> Any:
        return x / self.sqrt(self.mean(x * x, -1, keep=True) + EPSILON) * scale

    def attention(self, q: Any, k: Any, v: Any) -> Any:
        """Of (batch, heads, length, depth)."""
        scores = self.matmul(q, k, tb=True) * (1.0 / math.sqrt(q.shape[-1]))
        return self.matmul(self.softmax(scores), v)

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        """The mean over the batch; labels are one-hot."""
        return -self.mean(self.sum(labels * self.log_softmax(logits), -1), 0)
