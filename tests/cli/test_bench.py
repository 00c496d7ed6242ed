"""`tfc bench`: the suite of the source tree, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfc.cli import main


def test_it_is_the_suite(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--list", "--filter", "training: softmax", "attention"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "attention: attention 1x12x128x64",
        "attention: attention 1x12x512x64",
        "training: softmax regression training step, batch 100",
    ]


def test_wrong_usage_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["bench", "--filter", "no such thing"])
    assert "tfc bench: error: --filter: no workload matches no such thing" in capsys.readouterr().err


def test_the_help_speaks_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["bench", "--help"])
    assert "  tfc bench --quick\n" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--quick", "--help"])
def test_without_a_source_tree(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tfc.cli.bench._root", lambda: tmp_path)
    assert main(["bench", option]) == 1
    message = capsys.readouterr().err
    assert message.startswith("tfc: error: the benchmark suite is not part of the package")
    assert 'install tfc in editable form,\nwith its peers: pip install -e ".[bench]"' in message
