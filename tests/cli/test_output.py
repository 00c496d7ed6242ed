"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tfc.cli.output import whole_file, write


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")

    def fail() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            assert path.read_text() == "before"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_other_files(tmp_path: Path) -> None:
    new, plain = tmp_path / "new.txt", tmp_path / "plain.txt"
    write("text", str(new))
    plain.write_text("text")
    assert new.stat().st_mode == plain.stat().st_mode
    new.chmod(0o640)
    write("again", str(new))
    assert stat.S_IMODE(new.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("before")
    link.symlink_to(real)
    write("after", str(link))
    assert link.is_symlink()
    assert real.read_text() == "after"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    read, send = os.pipe()
    write("text", f"/dev/fd/{send}")
    os.close(send)
    with os.fdopen(read) as file:
        assert file.read() == "text"


@pytest.mark.parametrize("path", [None, "-"])
def test_standard_output(path: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    write("text", path)
    assert capsys.readouterr().out == "text"
