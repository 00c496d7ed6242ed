"""Small IDX files for the tests of the data reader."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">{1 + array.ndim}I", 0x0800 | array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def arrays(train: int = 37, test: int = 11, rows: int = 5, columns: int = 3) -> list[np.ndarray]:
    draw = np.random.RandomState(7)
    return [
        draw.randint(0, 256, (train, rows, columns)).astype(np.uint8),
        draw.randint(0, 10, train).astype(np.uint8),
        draw.randint(0, 256, (test, rows, columns)).astype(np.uint8),
        draw.randint(0, 10, test).astype(np.uint8),
    ]


def write(folder: Path, contents: list[np.ndarray], naming: str = "{}.gz") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(NAMES, contents, strict=True):
        content = idx(array)
        path = folder / naming.format(name)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return folder
