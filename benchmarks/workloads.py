"""What is measured: each workload draws its inputs, says what it costs at least, and knows the right result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Workload(Protocol):
    """`kind` picks the adapter's function; `flop` and `traffic` are the least that one step has to do."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def flop(self) -> int: ...
    @property
    def traffic(self) -> Traffic: ...
    @property
    def tolerance(self) -> float: ...
    def inputs(self) -> list[tuple[Array, ...]]: ...
    def reference(self, steps: int) -> list[Array]: ...


@dataclass(frozen=True)
class Traffic:
    """Bytes of one step: read from a buffer that changes each step, and read and written in one that stays."""

    rotated: int
    kept: int


@dataclass(frozen=True)
class SoftmaxRegressionStep:
    """One step of gradient descent on the mean cross entropy of softmax(x @ w + b), for a batch of x and labels y.

    The inputs lie evenly around 0, where the rate is stable: the weights stay bounded, nothing is subnormal, and
    float32 stays near float64.
    """

    batch: int = 100
    features: int = 784
    classes: int = 10
    rate: float = 0.5
    buffers: int = 8
    """Batches that take turns, so that x comes from where a new batch would."""
    seed: int = 20

    kind = "softmax-regression-step"
    tolerance = 1e-4
    """Relative to the largest weight."""

    @property
    def name(self) -> str:
        return f"softmax regression, one SGD step, batch {self.batch}, {self.features} -> {self.classes}"

    @property
    def flop(self) -> int:
        """Of the two matrix products and the update of the weights; the softmax is left out."""
        weights = self.features * self.classes
        return 4 * self.batch * weights + 2 * weights

    @property
    def traffic(self) -> Traffic:
        """x and y are read once, as if the gradient took each row while it is in the nearest cache."""
        return Traffic(
            rotated=4 * self.batch * (self.features + self.classes), kept=4 * (self.features + 1) * self.classes
        )

    def inputs(self) -> list[tuple[Array, ...]]:
        """Batches of x (batch, features) and one-hot y (batch, classes)."""
        draw = np.random.default_rng(self.seed)
        one_hot = np.eye(self.classes)
        return [
            (
                aligned(draw.uniform(-1, 1, (self.batch, self.features))),
                aligned(one_hot[draw.integers(0, self.classes, self.batch)]),
            )
            for _ in range(self.buffers)
        ]

    def start(self) -> tuple[Array, Array]:
        """The weights (features, classes) and biases (classes) before the first step."""
        draw = np.random.default_rng(self.seed + 1)
        weights = draw.uniform(-0.01, 0.01, (self.features, self.classes))
        return weights.astype(np.float32), draw.uniform(-0.01, 0.01, self.classes).astype(np.float32)

    def reference(self, steps: int) -> list[Array]:
        """Weights and biases after so many steps, in float64."""
        w, b = (a.astype(np.float64) for a in self.start())
        batches = self.inputs()
        for i in range(steps):
            x, y = (a.astype(np.float64) for a in batches[i % len(batches)])
            logits = x @ w + b
            e = np.exp(logits - logits.max(axis=1, keepdims=True))
            d = (e / e.sum(axis=1, keepdims=True) - y) / self.batch
            w, b = w - self.rate * (x.T @ d), b - self.rate * d.sum(axis=0)
        return [w, b]


def aligned(values: Array) -> Array:
    """A float32 copy whose data starts at a cache line, as every contestant is given it."""
    line = 64
    room = np.empty(values.size * 4 + line, np.uint8)
    offset = -room.ctypes.data % line
    copy: Array = room[offset : offset + values.size * 4].view(np.float32).reshape(values.shape)
    copy[...] = values
    return copy


STEP = SoftmaxRegressionStep()
WORKLOADS: tuple[Workload, ...] = (STEP,)
