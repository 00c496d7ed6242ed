"""`tfc bench`: the benchmark suite of the source tree that this tfc is run from."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import tfc
from tfc.ir.errors import TfcError

MISSING = """\
the benchmark suite is not part of the package: it is run from a source tree. In one, install tfc in editable form,
with its peers: pip install -e ".[bench]", then tfc bench\
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the suite takes. Raises TfcError where there is no suite."""
    suite = _suite()
    parser.description, parser.epilog = suite.__doc__, suite.EPILOG
    suite.add_arguments(parser)
    parser.set_defaults(wrong=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; gives its exit status."""
    try:
        status: int = _suite().run(arguments)
    except ValueError as error:
        arguments.wrong(str(error))
    return status


def _root() -> Path:
    """The folder that tfc is in: a source tree, or where packages are installed."""
    return Path(tfc.__file__).parents[1]


def _suite() -> Any:
    """The suite's module."""
    root = _root()
    if not (root / "benchmarks" / "suite.py").is_file():
        raise TfcError(MISSING)
    if str(root) not in sys.path:
        # Last: nothing else of the tree is to be found before what is installed.
        sys.path.append(str(root))
    return import_module("benchmarks.suite")
