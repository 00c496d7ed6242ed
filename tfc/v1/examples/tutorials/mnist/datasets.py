"""Data sets in memory, handed out in shuffled minibatches as in TF 1.x."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from .idx import DataError

Array = np.ndarray[Any, np.dtype[Any]]
Batch = tuple[Array, Array]

FAKE_PIXELS = 784
FAKE_EXAMPLES = 10_000


class DataSet:
    """Examples and their labels, with a position that `next_batch` moves on."""

    def __init__(self, images: Array, labels: Array, seed: int | None = None) -> None:
        """Hold `images` and `labels`, rows of which belong together.

        Args:
            seed: of the shuffling, as for `numpy.random.RandomState`; None takes entropy from the system.
                Equal seeds give the batches of TF 1.x with `numpy.random.seed(seed)`. TF draws from NumPy's
                global generator; here each data set has its own, so the caller's draws stay as they are.

        Raises:
            DataError: the numbers of images and labels differ.
        """
        if len(images) != len(labels):
            raise DataError(f"{len(images)} images but {len(labels)} labels")
        self._images = images
        self._labels = labels
        self._random = np.random.RandomState(seed)
        self._epochs_completed = 0
        self._index_in_epoch = 0

    @property
    def images(self) -> Array:
        """All examples, in the order of the current epoch."""
        return self._images

    @property
    def labels(self) -> Array:
        """All labels, in the order of `images`: one-hot float64 (n, 10), or class numbers uint8 (n,)."""
        return self._labels

    @property
    def num_examples(self) -> int:
        return len(self._images)

    @property
    def epochs_completed(self) -> int:
        """How often `next_batch` has gone past the last example."""
        return self._epochs_completed

    def next_batch(self, batch_size: int, fake_data: bool = False, shuffle: bool = True) -> tuple[Any, Any]:
        """The next `batch_size` images and labels.

        With `shuffle`, the examples are put in a random order before the first batch and each time they have
        all been given. Where an epoch ends inside a batch, its rest is joined with the head of the next.

        Args:
            fake_data: give constant lists instead (pixels 1, class 0); the position stays.

        Raises:
            ValueError: `batch_size` is negative, or there are no examples to give.
        """
        batch_size = operator.index(batch_size)
        if batch_size < 0:
            raise ValueError(f"batch_size must not be negative, got {batch_size}")
        if fake_data:
            return self._fake_batch(batch_size)
        if batch_size and not self.num_examples:
            raise ValueError(f"cannot take a batch of {batch_size} from a data set without examples")
        if shuffle and self._epochs_completed == 0 and self._index_in_epoch == 0:
            self._shuffle()
        parts = []
        while self._index_in_epoch + batch_size > self.num_examples:
            rest = self._take(self.num_examples - self._index_in_epoch)
            parts.append(rest)
            batch_size -= len(rest[0])
            self._epochs_completed += 1
            self._index_in_epoch = 0
            if shuffle:
                self._shuffle()
        parts.append(self._take(batch_size))
        if len(parts) == 1:
            return parts[0]
        images, labels = zip(*parts, strict=True)
        return np.concatenate(images), np.concatenate(labels)

    def _take(self, count: int) -> Batch:
        start, end = self._index_in_epoch, self._index_in_epoch + count
        self._index_in_epoch = end
        return self._images[start:end], self._labels[start:end]

    def _shuffle(self) -> None:
        # New arrays, not in place: batches given earlier are views of the old ones.
        order = np.arange(self.num_examples)
        self._random.shuffle(order)
        self._images = self._images[order]
        self._labels = self._labels[order]

    def _fake_batch(self, batch_size: int) -> tuple[list[list[int]], list[int] | list[list[int]]]:
        images = [[1] * FAKE_PIXELS for _ in range(batch_size)]
        if self._labels.ndim == 1:
            return images, [0] * batch_size
        return images, [[1] + [0] * (self._labels.shape[1] - 1) for _ in range(batch_size)]


class Datasets(NamedTuple):
    """The three parts of a data set."""

    train: DataSet
    validation: DataSet
    test: DataSet


def dense_to_one_hot(labels: Array, num_classes: int) -> Array:
    """One-hot rows of class numbers: integers (n,) give float64 (n, num_classes), as in TF 1.x.

    Raises:
        DataError: a label is not below `num_classes`.
    """
    wrong = np.flatnonzero(labels >= num_classes)
    if wrong.size:
        raise DataError(f"label {labels[wrong[0]]} at index {wrong[0]}, expected a class below {num_classes}")
    one_hot = np.zeros((len(labels), num_classes))
    one_hot[np.arange(len(labels)), labels] = 1.0
    return one_hot


def fake_data_set(one_hot: bool, num_classes: int, seed: int | None) -> DataSet:
    """A data set of constant examples, for programs that only try out the flow of data."""
    images = np.broadcast_to(np.float32(1.0), (FAKE_EXAMPLES, FAKE_PIXELS))
    labels: Array = np.zeros(FAKE_EXAMPLES, np.uint8)
    return DataSet(images, dense_to_one_hot(labels, num_classes) if one_hot else labels, seed)
