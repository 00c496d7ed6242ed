"""Downloads of data files: several mirrors, checksums, a progress bar on terminals, atomic placement."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from .idx import DataError

BLOCK_BYTES = 1 << 16
BAR_WIDTH = 30


@dataclass(frozen=True)
class Source:
    """Where the files of a data set lie: base URLs, tried in order."""

    mirrors: tuple[str, ...]
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Hex digests by file name; a file that is not named here is only checked for its format."""
    timeout: float = 30.0
    """Seconds without an answer, or without further bytes, after which a mirror has failed."""


class _MirrorError(Exception):
    """One mirror does not give the file; the next is tried."""


def fetch(name: str, directory: Path, source: Source, check: Callable[[Path], object]) -> Path:
    """Download `name` into `directory` from the first mirror that gives it whole and unharmed.

    The file appears under its name only once it is complete and checked: by its checksum where `source`
    knows it, else by `check(path)`, which raises DataError. Files under way have names of their own, so
    that several processes may download at once.

    Raises:
        DataError: the directory cannot be written, or every mirror failed; each is named with its reason.
    """
    target = directory / name
    failures = []
    for mirror in source.mirrors:
        url = f"{mirror.rstrip('/')}/{name}"
        try:
            _download(url, target, source, check)
        except _MirrorError as error:
            failures.append(f"\n  {url}: {error}")
        except OSError as error:
            raise DataError(f"cannot write {target}: {error.strerror or error}") from error
        else:
            return target
    raise DataError(f"cannot download {name} into {directory} (a copy may be put there by hand):{''.join(failures)}")


def _download(url: str, target: Path, source: Source, check: Callable[[Path], object]) -> None:
    """Bring one file from one URL; OSError here is about the local file system only."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    digest = hashlib.sha256()
    try:
        with part.open("xb") as file:
            for block in _blocks(url, target.name, source.timeout):
                digest.update(block)
                file.write(block)
        _verify(part, digest.hexdigest(), source.sha256.get(target.name), check)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _verify(part: Path, digest: str, expected: str | None, check: Callable[[Path], object]) -> None:
    if expected is None:
        try:
            check(part)
        except DataError as error:
            raise _MirrorError(f"not the expected file: {error}") from error
    elif digest != expected:
        raise _MirrorError(f"wrong checksum: SHA-256 is {digest}, expected {expected}")


def _blocks(url: str, name: str, timeout: float) -> Iterator[bytes]:
    """The bytes behind a URL; whatever goes wrong on the way is the mirror's failure."""
    try:
        with urlopen(url, timeout=timeout) as response:
            yield from _body(response, name)
    except HTTPError as error:
        error.close()
        raise _MirrorError(f"HTTP {error.code} {error.reason}") from error
    except URLError as error:
        raise _MirrorError(str(error.reason)) from error
    except (OSError, HTTPException, ValueError) as error:
        raise _MirrorError(str(error) or type(error).__name__) from error


def _body(response: HTTPResponse, name: str) -> Iterator[bytes]:
    length = response.headers.get("Content-Length")
    total = int(length) if length else None
    done = 0
    with _Progress(name, total) as progress:
        while block := response.read(BLOCK_BYTES):
            done += len(block)
            progress.show(done)
            yield block
    if total is not None and done != total:
        raise _MirrorError(f"the connection ended after {done} of {total} bytes")


class _Progress:
    """A bar on standard error, redrawn per per cent; silent where that is no terminal."""

    def __init__(self, name: str, total: int | None) -> None:
        self._name, self._total = name, total
        self._shown = ""
        self._on = sys.stderr.isatty()

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\n")

    def show(self, done: int) -> None:
        if not self._on:
            return
        text = f"{done / 1e6:.1f} MB"
        if self._total:
            part = min(done / self._total, 1.0)
            bar = "#" * int(part * BAR_WIDTH)
            text = f"[{bar:<{BAR_WIDTH}}] {part:4.0%} of {self._total / 1e6:.1f} MB"
        if text != self._shown:
            self._shown = text
            sys.stderr.write(f"\r{self._name} {text}")
            sys.stderr.flush()
