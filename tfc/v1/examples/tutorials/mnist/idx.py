"""The IDX format of MNIST, plain or gzipped.

A file is a big-endian 32-bit magic number `0x0000TTRR` (element type TT, 0x08 for uint8; rank RR), RR
big-endian 32-bit sizes, and the elements in C order. Format: http://yann.lecun.com/exdb/mnist/
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from tfc.ir.errors import TfcError

UINT8 = 0x08
GZIP_MAGIC = b"\x1f\x8b"

UInt8Array = np.ndarray[Any, np.dtype[np.uint8]]


class DataError(TfcError, ValueError):
    """A data set that cannot be read or downloaded: the message names the file and says why.

    Also a ValueError, which is what TF 1.x raises for a bad file.
    """


def read_idx(path: Path, rank: int) -> UInt8Array:
    """The uint8 elements of the IDX file at `path`, of the given rank, as a read-only array.

    Raises:
        DataError: the file cannot be read, is not IDX of that rank, or is shorter or longer than it says.
    """
    content = _content(path)
    header = 4 + 4 * rank
    if len(content) < header:
        raise DataError(f"{path}: truncated: {len(content)} bytes, expected an IDX header of {header}")
    magic, *shape = struct.unpack(f">{1 + rank}I", content[:header])
    expected = UINT8 << 8 | rank
    if magic != expected:
        raise DataError(f"{path}: bad magic number {magic}, expected {expected} (IDX, uint8, rank {rank})")
    size = math.prod(shape)
    if len(content) - header != size:
        raise DataError(
            f"{path}: the header says {' x '.join(map(str, shape))} = {size} bytes, got {len(content) - header}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _content(path: Path) -> bytes:
    """The bytes of the file, unpacked where its first bytes say gzip, whatever its name says."""
    try:
        with path.open("rb") as file:
            packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            file.seek(0)
            if not packed:
                return file.read()
            with gzip.GzipFile(fileobj=file) as unpacked:
                return unpacked.read()
    except EOFError as error:
        raise DataError(f"{path}: truncated gzip file") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip file: {error}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
