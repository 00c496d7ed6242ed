"""`tfc doctor`: what it says is what there is."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tfc.cli import doctor
from tfc.codegen_llvm import available_targets, host_target

from .conftest import SCRIPTS, Tfc


def found(tfc: Tfc) -> dict[str, Any]:
    status, out, err = tfc("doctor", "--json")
    assert (status, err) == (0, "")
    answer: dict[str, Any] = json.loads(out)
    return answer


def test_it_says_what_there_is(tfc: Tfc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TFC_TARGET", raising=False)
    said = found(tfc)
    assert said["cpu"]["targets"] == list(available_targets())
    assert said["cpu"]["target"]["name"] == available_targets()[0]
    assert said["cpu"]["target"]["features"] == host_target().features.split(",")
    assert said["cpu"]["cores"] == len(os.sched_getaffinity(0))
    assert said["needed"].keys() == {"numpy", "llvmlite", "networkx", "LLVM"}
    assert said["needed"]["llvmlite"] == metadata.version("llvmlite")
    assert said["extras"]["demo"]["matplotlib"] == metadata.version("matplotlib")
    assert said["cuda"]["used"] is False


def test_its_lines_say_the_same(tfc: Tfc) -> None:
    said = found(tfc)
    status, out, _ = tfc("doctor")
    assert status == 0
    assert "\x1b" not in out
    lines = {line[:11].strip(): line[12:] for line in out.splitlines()}
    assert lines["cpu"] == f"{said['cpu']['model']}, {said['cpu']['cores']} cores"
    assert said["cpu"]["target"]["name"] in lines["target"]
    assert lines["needs"].startswith(f"numpy {metadata.version('numpy')}, ")
    assert lines["cuda"].startswith("not used: tfc has no CUDA back end (pycuda ")


def test_the_cache_is_counted(tfc: Tfc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("TFC_CACHE", raising=False)
    assert found(tfc)["cache"]["programs"] == 0
    assert tfc("run", SCRIPTS / "multiply.py")[0] == 0
    cache = found(tfc)["cache"]
    assert (cache["folder"], cache["programs"]) == (str(tmp_path / "cache"), 1)
    assert cache["bytes"] == sum(path.stat().st_size for path in (tmp_path / "cache").iterdir())
    monkeypatch.setenv("TFC_CACHE", "0")
    assert found(tfc)["cache"]["folder"] is None
    assert "cache       off\n" in tfc("doctor")[1]


def test_a_target_that_cannot_run_is_an_error(tfc: Tfc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFC_TARGET", "nonsense")
    for options in ([], ["--json"]):
        status, out, _ = tfc("doctor", *options)
        assert status == 1
        assert "unknown target 'nonsense'; known are avx512, " in out


def test_what_is_missing_is_said(tfc: Tfc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "EXTRAS", {"demo": ("no-such-distribution",)})
    monkeypatch.setattr(doctor, "_DRIVER", "libno_such_driver.so.1")
    said = found(tfc)
    assert said["extras"] == {"demo": {"no-such-distribution": "missing"}}
    assert said["cuda"]["driver"] == "missing"
    assert "extra demo  no-such-distribution missing\n" in tfc("doctor")[1]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (48 << 10, "48 KiB"), (32 << 20, "32 MiB"), (3 << 30, "3 GiB")]
)
def test_sizes(size: int, text: str) -> None:
    assert doctor._bytes(size) == text
