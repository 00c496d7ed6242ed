"""Reads MNIST and data sets of the same format; `read_data_sets` is the one of TF 1.x.

Source of the interface: tensorflow/contrib/learn/python/learn/datasets/mnist.py (TF 1.x).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from .datasets import Array, DataSet, Datasets, dense_to_one_hot, fake_data_set
from .download import Source, fetch
from .idx import DataError, read_idx

__all__ = ["DataError", "DataSet", "Datasets", "read_data_sets"]

NUM_CLASSES = 10
DEFAULT_SOURCE_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"

MNIST = Source(
    mirrors=(
        DEFAULT_SOURCE_URL,
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
        "https://systemds.apache.org/assets/datasets/mnist/",
    ),
    sha256=MappingProxyType(
        {
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        }
    ),
)


def read_data_sets(
    train_dir: str | os.PathLike[str],
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = np.float32,
    reshape: bool = True,
    validation_size: int = 5000,
    seed: int | None = None,
    source_url: str = DEFAULT_SOURCE_URL,
) -> Datasets:
    """Read the four IDX files of `train_dir` as the data sets `train`, `validation` and `test`.

    A file may be gzipped or plain, and called `train-images-idx3-ubyte` or `train-images.idx3-ubyte`, with or
    without `.gz`. Missing files are downloaded first, whole and checked, or not at all.

    Args:
        fake_data: read nothing, give 10,000 constant examples in each part.
        one_hot: labels as float64 (n, 10) rows, else as uint8 (n,) class numbers.
        dtype: float32 scales pixels to [0, 1], uint8 leaves them in [0, 255]; a dtype of tfc or NumPy, or a name.
        reshape: images as (n, rows * columns), else as (n, rows, columns, 1).
        validation_size: how many of the first training examples become `validation`.
        seed: of the shuffling in `next_batch`; None takes entropy from the system.
        source_url: where to download from. The default stands for all known mirrors of MNIST, whose checksums
            are known; any other URL is the only place asked, and its files are checked for their format.

    Raises:
        DataError: a file cannot be read, downloaded or written, is damaged, or does not fit the others.
        TypeError: `dtype` is neither float32 nor uint8.
        ValueError: `validation_size` is not between 0 and the number of training examples.
    """
    pixel = _pixel_dtype(dtype)
    if fake_data:
        return Datasets(*(fake_data_set(one_hot, NUM_CLASSES, seed) for _ in Datasets._fields))
    source = MNIST if source_url in ("", DEFAULT_SOURCE_URL) else Source((source_url,))
    directory = Path(train_dir)
    images, labels = _read_part(directory, "train", one_hot, source)
    test_images, test_labels = _read_part(directory, "t10k", one_hot, source)
    if images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f"{directory}: training images are {images.shape[1:3]}, but test images {test_images.shape[1:3]}"
        )
    if not 0 <= validation_size <= len(images):
        raise ValueError(f"validation_size must be between 0 and {len(images)}, got {validation_size}")
    cut = validation_size
    return Datasets(
        train=DataSet(_pixels(images[cut:], pixel, reshape), labels[cut:], seed),
        validation=DataSet(_pixels(images[:cut], pixel, reshape), labels[:cut], seed),
        test=DataSet(_pixels(test_images, pixel, reshape), test_labels, seed),
    )


def _pixel_dtype(dtype: Any) -> np.dtype[Any]:
    """float32 or uint8 from a dtype of tfc (which has a `name`), of NumPy, or a name."""
    name = getattr(dtype, "name", dtype)
    with contextlib.suppress(TypeError):
        pixel: np.dtype[Any] = np.dtype(name)
        if pixel in (np.float32, np.uint8):
            return pixel
    raise TypeError(f"invalid image dtype {dtype!r}, expected float32 or uint8")


def _pixels(images: Array, dtype: np.dtype[Any], reshape: bool) -> Array:
    if reshape:
        images = images.reshape(len(images), images.shape[1] * images.shape[2])
    if dtype == np.uint8:
        return images
    return np.multiply(images, np.float32(1.0 / 255.0), dtype=np.float32)


def _read_part(directory: Path, part: str, one_hot: bool, source: Source) -> tuple[Array, Array]:
    """Images uint8 (n, rows, columns, 1) and labels of one part, downloaded where missing."""
    image_file = _locate(directory, f"{part}-images", 3, source)
    label_file = _locate(directory, f"{part}-labels", 1, source)
    images, labels = read_idx(image_file, 3), read_idx(label_file, 1)
    if len(images) != len(labels):
        raise DataError(f"{image_file} has {len(images)} images, but {label_file} has {len(labels)} labels")
    if not one_hot:
        return images[..., np.newaxis], labels
    try:
        return images[..., np.newaxis], dense_to_one_hot(labels, NUM_CLASSES)
    except DataError as error:
        raise DataError(f"{label_file}: {error}") from error


def _locate(directory: Path, stem: str, rank: int, source: Source) -> Path:
    """The file of that stem in `directory`, under any of its names; downloaded where there is none."""
    name = f"{stem}-idx{rank}-ubyte"
    dotted = f"{stem}.idx{rank}-ubyte"
    for candidate in (f"{name}.gz", name, f"{dotted}.gz", dotted):
        if (directory / candidate).exists():
            return directory / candidate
    return fetch(f"{name}.gz", directory, source, lambda path: read_idx(path, rank))
