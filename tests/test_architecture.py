"""The shape of the project: the direction of imports, a light import, one version."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tfc

ROOT = Path(__file__).parents[1]
HEAVY = ["llvmlite", "matplotlib", "ml_dtypes", "networkx", "pycuda", "scipy", "sklearn", "tqdm"]
LINT = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache', '--no-logo'])"


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def test_imports_point_one_way() -> None:
    result = run(LINT, ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "imported", "contract"),
    [
        ("ir", "passes", "Imports point one way"),
        ("passes", "codegen_llvm", "Imports point one way"),
        ("codegen_llvm", "codegen_cuda", "Imports point one way"),
        ("runtime", "frontend", "Imports point one way"),
        ("frontend", "v1", "Imports point one way"),
        ("newcomer", "ir", "Imports point one way"),
        ("runtime", "", "does not import it"),
        (None, None, None),
    ],
)
def test_the_contracts_break_on_a_violation(
    tmp_path: Path, module: str | None, imported: str | None, contract: str | None
) -> None:
    """The project's own contracts, on a package of the same layers with one wrong import (the last row: none)."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for layer in ("", "ir", "passes", "codegen_llvm", "codegen_cuda", "runtime", "frontend", "v1", module or ""):
        package = tmp_path / "tfc" / layer
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        if layer:
            (package / "inner.py").touch()
    if module:
        (tmp_path / "tfc" / module / "inner.py").write_text("import tfc" + (f".{imported}.inner" if imported else ""))
    result = run(LINT, tmp_path)
    output = " ".join(result.stdout.split())
    if contract is None:
        assert result.returncode == 0, output
    else:
        assert result.returncode == 1, output
        assert re.search(rf"{contract}[^.]*BROKEN", output), output


def test_import_is_light() -> None:
    code = f"import sys, tfc; print(*[m for m in {HEAVY} if m in sys.modules])"
    result = run(code, ROOT)
    assert (result.returncode, result.stdout.split()) == (0, []), result.stderr


def test_what_is_heavy_is_what_the_linter_bans() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]["flake8-tidy-imports"]
    assert settings["banned-module-level-imports"] == HEAVY


def test_the_version_is_stated_once() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in settings["project"]["dynamic"]
    assert settings["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "tfc.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", tfc.__version__)


def test_readme_names_the_two_commands() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert '    pip install -e ".[demo]" && tfc demo digits' in lines
    assert '    pip install -e ".[test]" && python -m pytest -n 2' in lines


def test_every_folder_of_sources_is_a_package() -> None:
    """A folder without `__init__.py` would be left out of the wheel, and of the check of imports."""
    folders = {folder for path in (ROOT / "tfc").rglob("*.py") for folder in path.relative_to(ROOT).parents[:-1]}
    assert sorted(str(folder) for folder in folders if not (ROOT / folder / "__init__.py").is_file()) == []
