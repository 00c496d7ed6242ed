"""What a workload is: a function of arrays written once for all libraries, and the arrays that it is run on.

The function is given `ops`, a library's namespace in the vocabulary of `benchmarks.ops`; each contestant has its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .aims import Aim

Array = NDArray[Any]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]

LINE = 64
"""Every array starts at a cache line, as every contestant is given it."""
ROTATED = 32 << 20
"""Bytes of the inputs' buffers together, as far as `BUFFERS` allows: a new batch does not come from near caches."""
BUFFERS = (2, 8)


def normal(draw: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return draw.standard_normal(shape, np.float32)


def small(draw: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Weights that keep values at their scale through a layer."""
    fan = math.prod(shape[:-1]) if len(shape) > 1 else 1e4
    return draw.standard_normal(shape, np.float32) / np.float32(math.sqrt(fan))


def one_hot(draw: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.eye(shape[-1])[draw.integers(0, shape[-1], shape[:-1])]


def uniform(low: float, high: float) -> Draw:
    return lambda draw, shape: draw.uniform(low, high, shape)


def below(limit: int) -> Draw:
    """Indices of a table's rows."""
    return lambda draw, shape: draw.integers(0, limit, shape)


@dataclass(frozen=True)
class Spec:
    """An array that a workload takes.

    `role` is for libraries with a layout of their own: "filter" is one of a convolution, (height, width, in, out);
    "flat" is the matrix that takes flattened images of `image` (height, width, channels). `batched` says that a user
    leaves the leading dim open.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    draw: Draw = normal
    role: str = ""
    image: tuple[int, int, int] = (0, 0, 0)
    batched: bool = False

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Training:
    """A step of gradient descent on `loss(ops, weights, *inputs)`; `update(ops, weights, rate, *inputs)` is the step
    with the gradient by hand, as libraries without one need it, and gives the new weights.
    """

    loss: Callable[..., Any]
    update: Callable[..., tuple[Any, ...]]
    rate: float


@dataclass(frozen=True)
class Traffic:
    """Bytes that a step has to move: read from a buffer that changes each step, read from one that stays, written."""

    rotated: int
    read: int
    written: int

    @property
    def total(self) -> int:
        return self.rotated + self.read + self.written


@dataclass(frozen=True)
class Workload:
    """One row of the table: `function(ops, weights, *inputs)`, or a training step.

    `flop` is the least number of floating-point operations of `dtype` that it takes, where those count at all. `quick`
    rows are those that `--quick` runs. `single` marks one library call: compilers of whole functions add nothing there.
    """

    name: str
    group: str
    inputs: tuple[Spec, ...]
    function: Callable[..., Any] | None = None
    weights: tuple[Spec, ...] = ()
    training: Training | None = None
    flop: int = 0
    dtype: str = "float32"
    result: str = "float32"
    tolerance: float = 2e-5
    """Of the largest error, relative to the largest value of the float64 reference."""
    aims: tuple[Aim, ...] = ()
    quick: bool = False
    single: bool = False
    elementwise: bool = False
    picked: int | None = None
    """Bytes of the weights that a step reads, others each time; None for all of them."""

    @property
    def buffers(self) -> int:
        least, most = BUFFERS
        return max(least, min(most, ROTATED // max(1, sum(s.bytes for s in self.inputs))))

    def data(self, buffers: int | None = None) -> Data:
        """Random arrays, the same ones in every process."""
        draw = np.random.default_rng(list(self.name.encode()))
        weights = [_drawn(spec, draw) for spec in self.weights]
        count = buffers or self.buffers
        return Data([tuple(_drawn(spec, draw) for spec in self.inputs) for _ in range(count)], weights)


@dataclass
class Data:
    """A workload's inputs, one tuple a buffer, and its weights."""

    inputs: list[tuple[Array, ...]]
    weights: list[Array]


def _drawn(spec: Spec, draw: np.random.Generator) -> Array:
    return aligned(spec.draw(draw, spec.shape), spec.dtype)


def aligned(values: Array, dtype: str) -> Array:
    """A copy of this dtype whose data starts at a cache line."""
    wanted = np.dtype(dtype)
    room = np.empty(values.size * wanted.itemsize + LINE, np.uint8)
    offset = -room.ctypes.data % LINE
    copy: Array = room[offset : offset + values.size * wanted.itemsize].view(wanted).reshape(values.shape)
    copy[...] = values
    return copy
