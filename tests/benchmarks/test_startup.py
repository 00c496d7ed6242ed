"""The benchmark of start-up: fresh processes, a cache that is cold or warm, sizes of what is needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.sizes import package_bytes, requirements
from benchmarks.startup import main


def test_one_run_of_tfc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TFC_CACHE", "0")
    file = tmp_path / "startup.json"
    assert main(["--filter", "tfc", "--runs", "1", "--culprits", "3", "--json", str(file)]) == 0
    printed, written = capsys.readouterr().out, json.loads(file.read_text())
    imports = {row["name"]: row["median"]["total"] for row in written["imports"]}
    assert list(imports) == ["import tfc", "import tfc.v1"]
    assert 0 < imports["import tfc"] < imports["import tfc.v1"]
    steps = {row["name"]: row["median"] for row in written["first steps"]}
    assert list(steps) == ["tfc, cold cache", "tfc, warm cache"]
    for phases in steps.values():
        assert all(seconds > 0 for seconds in phases.values())
        assert phases["total"] == pytest.approx(phases["interpreter"] + phases["imports"] + phases["step"])
    assert set(written["bytes"]["tfc"]) == {"tfc", "numpy", "llvmlite", "networkx"}
    assert all(size > 0 for size in written["bytes"]["tfc"].values())
    assert "own ms" in printed


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("benchmarks.startup.MODULES", ("no_such_library",))
    monkeypatch.setattr("benchmarks.startup.FIRST_STEPS", ())
    assert main(["--runs", "1"]) == 0
    (line,) = (x for x in capsys.readouterr().out.splitlines() if "no_such_library" in x)
    assert line.split()[-2:] == ["not", "installed"]


def test_requirements_leave_extras_out() -> None:
    assert {"tfc", "numpy", "llvmlite"} <= set(requirements("tfc"))
    assert not {"jax", "pytest", "scikit-learn"} & set(requirements("tfc"))
    assert requirements("no-such-library") == {}


def test_package_bytes(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.py").write_text("12345")
    (tmp_path / "inner" / "b.py").write_text("678")
    assert package_bytes(tmp_path) == 8
