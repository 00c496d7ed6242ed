"""The command line, run in this process, and the scripts that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tfc.v1 as tf
from tests.v1.idx_files import arrays, write
from tfc.cli import main
from tfc.frontend.v1.stacks import PROGRAM, STACKS

SCRIPTS = Path(__file__).parent / "scripts"

Tfc = Callable[..., tuple[int, str, str]]


def as_new() -> None:
    """Makes the front end what it is in a new process."""
    tf.reset_default_graph()
    STACKS.sessions.clear()
    PROGRAM.flags.clear()
    PROGRAM.parsed = False


@pytest.fixture(autouse=True)
def after_each() -> Iterator[None]:
    """Leaves no default graph or session behind."""
    yield
    as_new()


@pytest.fixture
def tfc(capfd: pytest.CaptureFixture[str]) -> Tfc:
    """`tfc(*arguments)`: the exit status, standard output and standard error of a command line."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        as_new()
        try:
            status = main(list(map(str, arguments)))
        except SystemExit as error:
            status = int(error.code or 0)
        out, err = capfd.readouterr()
        return status, out, err

    return run


@pytest.fixture
def idx_data(tmp_path: Path) -> Path:
    """A folder of small IDX files, 5 x 3 pixels."""
    return write(tmp_path / "data", arrays())
