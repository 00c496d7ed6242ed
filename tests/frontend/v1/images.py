"""Convolutions and pools of images in NumPy, format NHWC, window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Pairs = Sequence[tuple[int, int]]


def pairs_of(x: Array, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int], padding: Any) -> Pairs:
    """Padding before and after, of height and width; of an odd SAME padding the greater part comes after."""
    if padding == "VALID":
        return [(0, 0)] * 2
    if padding != "SAME":
        return [tuple(pair) for pair in padding[1:3]]
    out = []
    for n, k, s, d in zip(x.shape[1:3], window, strides, dilations, strict=True):
        last = (-(-n // s) - 1) * s + (k - 1) * d
        total = max(last + 1 - n, 0)
        out.append((total // 2, total - total // 2))
    return out


def windows(
    x: Array, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pairs: Pairs, fill: float
) -> Iterator[tuple[int, int, Array]]:
    """Place and elements of each window of padded images."""
    padded = np.pad(x, [(0, 0), *pairs, (0, 0)], constant_values=fill)
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilations, strict=True)]
    for i, top in enumerate(range(0, padded.shape[1] - reach[0] + 1, strides[0])):
        for j, left in enumerate(range(0, padded.shape[2] - reach[1] + 1, strides[1])):
            rows, columns = slice(top, top + reach[0], dilations[0]), slice(left, left + reach[1], dilations[1])
            yield i, j, padded[:, rows, columns]


def assembled(parts: Iterator[tuple[int, int, Array]]) -> Array:
    """Images of what each place has."""
    rows: dict[int, list[Array]] = {}
    for i, _, part in parts:
        rows.setdefault(i, []).append(part)
    return np.stack([np.stack(row, axis=1) for row in rows.values()], axis=1)


def conv(
    x: Array, w: Array, strides: Sequence[int] = (1, 1), padding: Any = "SAME", dilations: Sequence[int] = (1, 1)
) -> Array:
    """The convolution; the channels that `w` does not take make more groups."""
    groups = x.shape[-1] // w.shape[2]
    pairs = pairs_of(x, w.shape[:2], strides, dilations, padding)

    def summed(part: Array) -> Array:
        shares = zip(np.split(part, groups, -1), np.split(w, groups, -1), strict=True)
        return np.concatenate([np.tensordot(a, b, 3) for a, b in shares], -1)

    return assembled((i, j, summed(p)) for i, j, p in windows(x, w.shape[:2], strides, dilations, pairs, 0))


def depthwise(x: Array, w: Array, *about: Any, **more: Any) -> Array:
    return conv(x, w.reshape(*w.shape[:2], 1, -1), *about, **more)


def conv_input(dy: Array, w: Array, shape: Sequence[int], strides: Sequence[int], padding: Any) -> Array:
    """The gradient to the operand: the convolution is linear in it, so by its matrix."""
    out = np.zeros(shape)
    for at in np.ndindex(*shape[1:]):
        unit = np.zeros((1, *shape[1:]))
        unit[(0, *at)] = 1
        out[(slice(None), *at)] = np.tensordot(dy, conv(unit, w, strides, padding)[0], 3)
    return out


def max_pool(x: Array, window: Sequence[int], strides: Sequence[int], padding: Any) -> Array:
    pairs = pairs_of(x, window, strides, (1, 1), padding)
    return assembled((i, j, p.max((1, 2))) for i, j, p in windows(x, window, strides, (1, 1), pairs, -np.inf))


def avg_pool(
    x: Array, window: Sequence[int], strides: Sequence[int], padding: Any, dilations: Sequence[int] = (1, 1)
) -> Array:
    """Means without the padding, which is NaN here."""
    pairs = pairs_of(x, window, strides, dilations, padding)
    parts = windows(x, window, strides, dilations, pairs, np.nan)
    return assembled((i, j, np.nanmean(p, (1, 2))) for i, j, p in parts)
