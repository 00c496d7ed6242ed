"""Convolutions and pools in NumPy, with their gradients, format NHWC, strides of 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Pairs = Sequence[tuple[int, int]]


def _windows(x: Array, height: int, width: int, pairs: Pairs) -> Array:
    """Each window of padded images: `[batch, rows, columns, height, width, channels]`."""
    padded = np.pad(x, [(0, 0), *pairs, (0, 0)])
    found = np.lib.stride_tricks.sliding_window_view(padded, (height, width), (1, 2))
    return np.moveaxis(found, 3, -1)


def same(window: Sequence[int]) -> Pairs:
    """The padding that keeps the size."""
    return [((k - 1) // 2, k // 2) for k in window]


def conv(x: Array, w: Array, pairs: Pairs) -> Array:
    return np.tensordot(_windows(x, *w.shape[:2], pairs), w, 3)


def conv_back(x: Array, w: Array, pairs: Pairs, slope: Array) -> tuple[Array, Array]:
    """The gradients of operand and filter."""
    by_filter = np.tensordot(_windows(x, *w.shape[:2], pairs), slope, ((0, 1, 2), (0, 1, 2)))
    out = np.zeros([d + a for d, a in zip(x.shape, (0, sum(pairs[0]), sum(pairs[1]), 0), strict=True)])
    rows, columns = slope.shape[1:3]
    for i, j in np.ndindex(*w.shape[:2]):
        out[:, i : i + rows, j : j + columns] += slope @ w[i, j].T
    (top, _), (left, _) = pairs
    return out[:, top : top + x.shape[1], left : left + x.shape[2]], by_filter


def max_pool(x: Array) -> Array:
    """The largest of two by two, side by side."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def max_pool_back(x: Array, slope: Array) -> Array:
    """All to the first of equal ones."""
    n, h, w, c = x.shape
    parts = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 5, 2, 4).reshape(n, h // 2, w // 2, c, 4)
    out = np.where(np.arange(4) == parts.argmax(-1)[..., None], slope[..., None], 0)
    return out.reshape(n, h // 2, w // 2, c, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(x.shape)


def _means(x: Array) -> Array:
    """The matrix whose rows average each element with the next; the last stands alone."""
    n = x.shape[1]
    return np.where(np.arange(n)[:, None] == n - 1, np.eye(n), (np.eye(n) + np.eye(n, k=1)) / 2)


def avg_pool(x: Array) -> Array:
    """The mean of two by two, one apart, padded after and not counting it; images are square."""
    m = _means(x)
    return np.einsum("ij,njkc,lk->nilc", m, x, m)


def avg_pool_back(x: Array, slope: Array) -> Array:
    m = _means(x)
    return np.einsum("ij,nilc,lk->njkc", m, slope, m)
