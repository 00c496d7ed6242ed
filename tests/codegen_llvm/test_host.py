"""Targets: what the machine runs, what is refused, and why."""

from __future__ import annotations

import pytest

from tfc.codegen_llvm import available_targets, host, host_target
from tfc.ir import types as T
from tfc.ir.errors import UnsupportedError


def test_the_best_available_target_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TFC_TARGET", raising=False)
    assert host_target().name == available_targets()[0]
    assert available_targets()[-1] == "generic"


def test_the_variable_forces_a_lesser_target(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in available_targets():
        monkeypatch.setenv("TFC_TARGET", name)
        assert host_target().name == name


def test_unknown_and_lacking_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFC_TARGET", "cray")
    with pytest.raises(UnsupportedError, match="unknown target 'cray'; known are avx512, avx2, sse2, neon, generic"):
        host_target()
    monkeypatch.setattr(host, "_host_features", lambda: frozenset(("sse2", "avx")))
    monkeypatch.setattr(host, "_machine", lambda: "x86_64")
    with pytest.raises(UnsupportedError, match=r"target avx2 cannot run here: this machine lacks avx2, .*; try sse2"):
        host_target("avx2")
    with pytest.raises(UnsupportedError, match="target neon cannot run here: this machine is x86_64"):
        host_target("neon")


@pytest.mark.parametrize(
    ("machine", "features", "names"),
    [
        ("x86_64", (*host._V4, "sse2"), ("avx512", "avx2", "sse2", "generic")),
        ("x86_64", (*host._V3, "sse2", "avx512f"), ("avx2", "sse2", "generic")),
        ("aarch64", ("neon", "fp-armv8"), ("neon", "generic")),
        ("riscv64", (), ("generic",)),
    ],
)
def test_features_decide(
    monkeypatch: pytest.MonkeyPatch, machine: str, features: tuple[str, ...], names: tuple[str, ...]
) -> None:
    monkeypatch.setattr(host, "_host_features", lambda: frozenset(features))
    monkeypatch.setattr(host, "_machine", lambda: machine)
    assert available_targets() == names


def test_facts() -> None:
    for name in available_targets():
        target = host_target(name)
        assert target.lanes(T.float32) * 4 == target.lanes(T.int8) == target.vector_bytes
        assert 1 << 12 <= target.l1 <= target.l2 <= target.l3
        assert target.cores >= 1
        assert ("-prefer-256-bit" in target.features) == (name == "avx512")
