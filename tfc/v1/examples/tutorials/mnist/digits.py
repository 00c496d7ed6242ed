"""The real handwritten digits embedded in scikit-learn, in the form of the MNIST reader: no files, no network."""

from __future__ import annotations

import numpy as np

from .datasets import DataSet, Datasets, dense_to_one_hot

NUM_CLASSES = 10
MAX_PIXEL = 16.0
TRAIN, VALIDATION = 1257, 180


def load_digits_sets(seed: int | None = None, one_hot: bool = True) -> Datasets:
    """1,797 images of 8 x 8 pixels as float32 (n, 64) in [0, 1]: 1,257 to train, 180 to validate, 360 to test.

    The split is always the same: the examples, which are stored writer by writer, are put into one fixed random
    order first, so that each part has digits of all writers.

    Args:
        seed: of the shuffling in `next_batch`; None takes entropy from the system.
        one_hot: labels as float64 (n, 10) rows, else as uint8 (n,) class numbers.

    Raises:
        ImportError: scikit-learn is not installed.

    Source: `sklearn.datasets.load_digits` (the test set of UCI's Optical Recognition of Handwritten Digits).
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("the embedded digits are scikit-learn's: pip install 'tfc[demo]'") from error
    features, classes = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(classes))
    images = (features[order] / MAX_PIXEL).astype(np.float32)
    labels = classes[order].astype(np.uint8)
    targets = dense_to_one_hot(labels, NUM_CLASSES) if one_hot else labels
    parts = (slice(None, TRAIN), slice(TRAIN, TRAIN + VALIDATION), slice(TRAIN + VALIDATION, None))
    return Datasets(*(DataSet(images[part], targets[part], seed) for part in parts))
