"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to, beside the real one and with its suffix; it becomes that one when the block ends well.

    Raises OSError, of the real path, where there can be no such file. What is there and is no file, such as a pipe, is
    written to directly.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    path = path.resolve()
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(_mode(path))
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write(text: str, path: str | None) -> None:
    """Text to a file, or to standard output for None or `-`."""
    if path is None or path == "-":
        sys.stdout.write(text)
        return
    with whole_file(Path(path)) as place:
        place.write_text(text, encoding="utf-8")


def _mode(path: Path) -> int:
    """The permissions that a file has, or would have if it were made by opening it."""
    with suppress(FileNotFoundError):
        return path.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
