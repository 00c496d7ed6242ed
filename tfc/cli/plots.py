"""The plots of `tfc demo`: images with their classes, mistakes, weights, the confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfc.ir.errors import TfcError

from .output import whole_file

Array = np.ndarray[Any, Any]

SHOWN = 12
"""Images in one plot."""
_COLUMNS = 6
_RIGHT, _WRONG = "#1b5e20", "#b71c1c"


def figures(images: Array, true: Array, predicted: Array, weights: Array, matrix: Array) -> Iterator[tuple[str, Any]]:
    """The figures by name. Raises TfcError for images that are not square."""
    yield "examples", examples(images[:SHOWN], true[:SHOWN], predicted[:SHOWN], "Test images")
    wrong = np.flatnonzero(true != predicted)
    title = f"Misclassified: {len(wrong)} of {len(true)} test images"
    if len(wrong) > SHOWN:
        title += f", the first {SHOWN}"
    shown = wrong[:SHOWN]
    yield "misclassified", examples(images[shown], true[shown], predicted[shown], title)
    yield "weights", weight_images(weights)
    yield "confusion", confusion(matrix)


def save(figure: Any, path: Path) -> Path:
    """Writes a figure as PNG, whole or not at all; gives the path."""
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=150)
    return path


def examples(images: Array, true: Array, predicted: Array, title: str) -> Any:
    """Images with their true and predicted classes."""
    rows = max(1, math.ceil(len(images) / _COLUMNS))
    figure = _figure(9.0, 0.4 + 1.88 * rows, title)
    for k, (image, t, p) in enumerate(zip(images, true, predicted, strict=True)):
        axes = figure.add_subplot(rows, _COLUMNS, k + 1)
        _show(axes, image, cmap="gray_r", vmin=0.0, vmax=1.0)
        axes.set_title(f"true {t}\npredicted {p}", fontsize=10, color=_RIGHT if t == p else _WRONG)
    return figure


def weight_images(weights: Array) -> Any:
    """The weights of each class as an image: what speaks for the class is red, what speaks against it blue."""
    figure = _figure(9.6, 4.4, "Weights by class")
    limit = float(np.abs(weights).max()) or 1.0
    panels = []
    for k in range(weights.shape[1]):
        axes = figure.add_subplot(2, math.ceil(weights.shape[1] / 2), k + 1)
        panels.append(_show(axes, weights[:, k], cmap="seismic", vmin=-limit, vmax=limit))
        axes.set_title(str(k), fontsize=11)
    figure.colorbar(panels[-1], ax=figure.axes, shrink=0.9, fraction=0.03, pad=0.02)
    return figure


def confusion(matrix: Array) -> Any:
    """The confusion matrix: each cell's count, shaded by its part of the true class."""
    figure = _figure(6.4, 5.8, "Confusion matrix")
    axes = figure.add_subplot()
    part = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(part, cmap="Blues", vmin=0.0, vmax=1.0)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if part[row, column] > 0.5 else "black" if count else "#b0bec5"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(matrix)))
    axes.set_yticks(range(len(matrix)))
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    figure.colorbar(image, ax=axes, shrink=0.9, label="part of the true class")
    return figure


def _figure(width: float, height: float, title: str) -> Any:
    # Not by pyplot: that would choose a window system, and keep every figure.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=13)
    return figure


def _show(axes: Any, pixels: Array, **style: Any) -> Any:
    """A square image without ticks."""
    side = math.isqrt(pixels.size)
    if side * side != pixels.size:
        raise TfcError(f"an image of {pixels.size} pixels is not square: --no-plots does without pictures")
    axes.set_xticks([])
    axes.set_yticks([])
    return axes.imshow(pixels.reshape(side, side), interpolation="nearest", **style)
