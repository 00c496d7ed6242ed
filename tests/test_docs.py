"""The documents: every Python example and every `tfc` command in them runs, and prints what they say."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[object]:
    """The blocks of a language, each with its document and line."""
    found = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 1
                found.append(pytest.param(match[2], id=f"{path.name}:{line}"))
    return found


def commands() -> list[object]:
    """The commands of console blocks, each with the output that is shown."""
    found = []
    for block in blocks("console"):
        text = block.values[0]  # type: ignore[attr-defined]
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append(pytest.param(command, output.strip(), id=command))
    return found


def run(arguments: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MPLBACKEND": "Agg", **variables}
    return subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_there_is_only_what_is_tested() -> None:
    """No block is of a language that nothing here runs."""
    languages = {match[1] for path in DOCUMENTS for match in BLOCK.finditer(path.read_text(encoding="utf-8"))}
    assert languages == {"python", "console"}
    assert sum(path.read_text(encoding="utf-8").count("```") for path in DOCUMENTS) == 2 * sum(
        len(BLOCK.findall(path.read_text(encoding="utf-8"))) for path in DOCUMENTS
    )


@pytest.mark.parametrize("text", blocks("python"))
def test_examples_run(text: str) -> None:
    result = run([sys.executable, "-W", "error", "-c", text])
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(("command", "output"), commands())
def test_commands_run_and_print_what_is_shown(command: str, output: str) -> None:
    """A line `...` stands for any lines; a command without output shown may print anything."""
    words = shlex.split(command)
    variables = {}
    while "=" in words[0]:
        name, _, variables[name] = words.pop(0).partition("=")
    assert words[0] == "tfc", "only commands of tfc are run"
    result = run([sys.executable, "-m", *words], **variables)
    assert result.returncode == 0, result.stderr
    if output:
        # Only `...` is a pattern: brackets are as they stand.
        pattern = "\n".join("*" if line.strip() == "..." else line.replace("[", "[[]") for line in output.splitlines())
        assert fnmatch.fnmatchcase(result.stdout.strip(), pattern), result.stdout
