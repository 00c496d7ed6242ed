"""Machine code on disk: object images by a key of all that decides them.

The folder is `$TFC_CACHE_DIR`, else `tfc` in `$XDG_CACHE_HOME`, else `~/.cache/tfc`; `TFC_CACHE=0` turns it off. A file
holds a checksum and the image. What cannot be read, written or trusted is compiled again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

LIMIT = 512 << 20
"""Bytes of all images; beyond it those go that were used longest ago."""
_MAGIC = b"tfc-object-1\n"
_SUFFIX = ".o.tfc"
_PARTIAL = "partial-"
_LOOK = "0"
"""The end of the keys whose images have the limit seen to, one in 16: looking through a folder of many takes long."""


def folder() -> Path | None:
    """Where images are kept; None where the cache is off."""
    if os.environ.get("TFC_CACHE") == "0":
        return None
    given = os.environ.get("TFC_CACHE_DIR")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "tfc"
    except RuntimeError:
        return None


def key(*parts: str) -> str:
    """The name of an image: a digest of everything that decides it."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def load(name: str) -> bytes | None:
    """The image of a key, if there is an intact one."""
    where = folder()
    if where is None:
        return None
    path = where / (name + _SUFFIX)
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head = len(_MAGIC) + 32
    if data[: len(_MAGIC)] != _MAGIC or hashlib.sha256(data[head:]).digest() != data[len(_MAGIC) : head]:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return data[head:]


def store(name: str, image: bytes) -> None:
    """Keeps an image, whole or not at all."""
    where = folder()
    if where is None:
        return
    try:
        where.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=where, prefix=_PARTIAL)
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(_MAGIC + hashlib.sha256(image).digest() + image)
        Path(temporary).replace(where / (name + _SUFFIX))
    except OSError:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        return
    if name.endswith(_LOOK):
        _trim(where)


def sizes(where: Path) -> list[int]:
    """Bytes of each image in a folder."""
    return [size for _, size, path in _entries(where) if path.endswith(_SUFFIX)]


def _entries(where: Path) -> list[tuple[float, int, str]]:
    """When each file of the cache was last used, its bytes, and its path."""
    found: list[tuple[float, int, str]] = []
    with contextlib.suppress(OSError), os.scandir(where) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIX) or entry.name.startswith(_PARTIAL):
                with contextlib.suppress(OSError):
                    stat = entry.stat()
                    found.append((stat.st_mtime, stat.st_size, entry.path))
    return found


def _trim(where: Path) -> None:
    """Removes the images used longest ago until the rest is within the limit."""
    found = _entries(where)
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= LIMIT:
            return
        with contextlib.suppress(OSError):
            Path(path).unlink()
        total -= size
