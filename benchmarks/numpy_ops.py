"""The vocabulary in NumPy: for the contestant of that name, and in float64 for the references."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .ops import Ops
from .workload import Array, Data, Workload


class NumpyOps(Ops):
    """Each function is one or a few calls of NumPy."""

    exp, log, tanh, sin = (staticmethod(f) for f in (np.exp, np.log, np.tanh, np.sin))
    sqrt, abs = staticmethod(np.sqrt), staticmethod(np.abs)
    maximum, minimum, where, reshape = (staticmethod(f) for f in (np.maximum, np.minimum, np.where, np.reshape))

    def take(self, table: Array, indices: Array) -> Array:
        return table[indices]

    def cast(self, x: Array, dtype: str) -> Array:
        return x.astype(dtype)

    def transpose(self, x: Array, order: tuple[int, ...]) -> Array:
        """A copy in the new order, as the other libraries make one."""
        return np.ascontiguousarray(np.transpose(x, order))

    def concat(self, parts: list[Array], axis: int) -> Array:
        return np.concatenate(parts, axis)

    def sum(self, x: Array, axis: Any, keep: bool = False) -> Any:
        return np.sum(x, axis, keepdims=keep)

    def max(self, x: Array, axis: Any, keep: bool = False) -> Any:
        return np.max(x, axis, keepdims=keep)

    def mean(self, x: Array, axis: Any, keep: bool = False) -> Any:
        return np.mean(x, axis, keepdims=keep)

    def argmax(self, x: Array) -> Array:
        return np.argmax(x, -1)

    def matmul(self, a: Array, b: Array, ta: bool = False, tb: bool = False) -> Array:
        return np.matmul(np.swapaxes(a, -1, -2) if ta else a, np.swapaxes(b, -1, -2) if tb else b)

    def conv2d(self, x: Array, w: Array, b: Array) -> Array:
        return np.tensordot(windows(x, w.shape[:2]), w, axes=((3, 4, 5), (2, 0, 1))) + b

    def max_pool(self, x: Array) -> Array:
        return _quarters(x).max((2, 4))

    def flatten(self, x: Array) -> Array:
        return x.reshape(x.shape[0], -1)

    def conv2d_filter_gradient(self, x: Array, dy: Array, size: tuple[int, int]) -> Array:
        """(height, width, in, out) from images and the gradient of their convolution."""
        return np.moveaxis(np.tensordot(windows(x, size), dy, axes=((0, 1, 2), (0, 1, 2))), 0, 2)

    def conv2d_input_gradient(self, dy: Array, w: Array) -> Array:
        """The convolution with the filter turned round; of odd sizes."""
        return self.conv2d(dy, np.swapaxes(w[::-1, ::-1], 2, 3), np.zeros(w.shape[2], w.dtype))

    def max_pool_gradient(self, x: Array, dy: Array) -> Array:
        """To the first of the largest of each quarter."""
        quarters = _quarters(x)
        n, h, _, w, _, c = quarters.shape
        four = quarters.transpose(0, 1, 3, 5, 2, 4).reshape(n, h, w, c, 4)
        out = np.zeros_like(four)
        np.put_along_axis(out, four.argmax(-1)[..., None], dy[..., None], -1)
        return out.reshape(n, h, w, c, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(x.shape)


class Reference(NumpyOps):
    """Float64 whatever is asked for."""

    def cast(self, x: Array, dtype: str) -> Array:
        return x.astype("float64" if np.dtype(dtype).kind == "f" else dtype)

    def erf(self, x: Array) -> Array:
        from math import erf

        return np.frompyfunc(erf, 1, 1)(x).astype(np.float64)


def windows(x: Array, size: tuple[int, ...]) -> Array:
    """The neighbourhood of each pixel, zeros beyond the border: (batch, height, width, channels, *size)."""
    pads = [((k - 1) // 2, k // 2) for k in size]
    return sliding_window_view(np.pad(x, ((0, 0), *pads, (0, 0))), size, axis=(1, 2))


def _quarters(x: Array) -> Array:
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c)


def wide(a: Array) -> Array:
    """A floating array in float64."""
    return a.astype(np.float64) if a.dtype.kind == "f" else a


def reference(workload: Workload, data: Data, buffer: int) -> list[Array]:
    """The right results for one buffer of inputs; a step's are reached by `trained`."""
    assert workload.function is not None
    out = workload.function(Reference(), [wide(w) for w in data.weights], *map(wide, data.inputs[buffer]))
    return [np.asarray(a) for a in (out if isinstance(out, tuple | list) else (out,))]


def trained(workload: Workload, data: Data, steps: int) -> list[Array]:
    """The right weights after so many steps, which take the buffers in turn."""
    training = workload.training
    assert training is not None
    weights = tuple(wide(w) for w in data.weights)
    for i in range(steps):
        weights = training.update(Reference(), weights, training.rate, *map(wide, data.inputs[i % len(data.inputs)]))
    return list(weights)
