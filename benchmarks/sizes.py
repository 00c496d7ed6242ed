"""How much room installed distributions take, with what they require."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path


def requirements(name: str) -> dict[str, Distribution]:
    """A distribution and all that it requires without extras, by normal name; what is not installed is left out."""
    found: dict[str, Distribution] = {}
    waiting = [name]
    while waiting:
        wanted = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if wanted in found:
            continue
        try:
            found[wanted] = distribution(wanted)
        except PackageNotFoundError:
            continue
        waiting += _required(found[wanted])
    return found


def _required(of: Distribution) -> Iterator[str]:
    for requirement in of.requires or []:
        specifier, _, marker = requirement.partition(";")
        if "extra" in marker:
            continue
        name = re.match(r"[\w.-]+", specifier.strip())
        if name:
            yield name.group()


def installed_bytes(of: Distribution) -> int:
    """The bytes of the files that the installer recorded."""
    files = (Path(str(file.locate())) for file in of.files or [])
    return sum(path.stat().st_size for path in files if path.is_file())


def package_bytes(folder: Path) -> int:
    """The bytes of a package's files; for one installed in editable form, whose record names no file."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
