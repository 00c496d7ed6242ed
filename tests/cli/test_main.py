"""The command line as such: help, exit status, errors, what it imports, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tfc as package
from tfc.cli.main import COMMANDS
from tfc.cli.terminal import coloured, has_colours

from .conftest import SCRIPTS, Tfc


def process(*arguments: str | Path, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tfc", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload,no-any-return]


def test_version(tfc: Tfc) -> None:
    assert tfc("--version") == (0, f"tfc {package.__version__}\n", "")


def test_help_names_all_commands_and_gives_examples(tfc: Tfc) -> None:
    status, out, _ = tfc("--help")
    assert status == 0
    for name, summary in COMMANDS.items():
        assert f"{name} " in out
        assert summary in out
    assert "examples:\n  tfc run" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_examples(tfc: Tfc, command: str) -> None:
    status, out, _ = tfc(command, "--help")
    assert status == 0
    assert f"examples:\n  tfc {command}" in out


@pytest.mark.parametrize(
    "arguments", [(), ("nonsense",), ("--nonsense",), ("demo",), ("demo", "letters"), ("dump",), ("doctor", "--x")]
)
def test_wrong_usage_is_status_2(tfc: Tfc, arguments: tuple[str, ...]) -> None:
    status, out, err = tfc(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("usage: tfc")


def test_an_error_is_one_line_and_status_1(tfc: Tfc, tmp_path: Path) -> None:
    for command in ("dump", "run"):
        missing = tmp_path / "missing.py"
        assert tfc(command, missing) == (1, "", f"tfc: error: {missing}: No such file or directory\n")


def test_the_top_level_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom tfc.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(*[m for m in ('numpy', 'llvmlite', 'networkx', 'tfc.ir.graph') if m in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr == "\n"


def test_nobody_reads_the_output() -> None:
    reader = process("dump", SCRIPTS / "functions.py", "--stage", "asm")
    assert reader.stdout is not None
    assert reader.stderr is not None
    reader.stdout.close()
    with reader.stderr as stderr:
        printed = stderr.read()
    assert reader.wait(60) == 141
    assert "Traceback" not in printed
    assert "Broken" not in printed


@pytest.mark.parametrize("command", ["run", "dump"])
def test_an_interrupt_is_status_130(tmp_path: Path, command: str) -> None:
    script = tmp_path / "endless.py"
    script.write_text("import sys, time\nsys.stderr.write('ready\\n')\nsys.stderr.flush()\ntime.sleep(60)\n")
    # Started in the background, the tests themselves may run with interrupts ignored, which a child would inherit.
    running = process(command, script, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    with running:
        assert running.stderr is not None
        assert running.stderr.readline() == "ready\n"
        time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert err.endswith("KeyboardInterrupt\n")


class Terminal:
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("variables", "expected"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_are_for_terminals_that_want_them(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    assert has_colours(stream) is expected  # type: ignore[arg-type]
    assert coloured("x", "red", stream) == ("\x1b[31mx\x1b[0m" if expected else "x")  # type: ignore[arg-type]
    with Path(os.devnull).open("w") as file:
        assert coloured("x", "red", file) == "x"
