"""A contestant's process as the runner sees it: it only runs while it is asked something."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PATIENCE = 300
"""Seconds until an answer is given up."""


class ContestantError(Exception):
    """A contestant that cannot take part, and why."""


class ContestantProcess:
    """A process in a group of its own, stopped between requests so that no thread of it takes time from another's."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  (`close` closes it)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            cwd=ROOT,
            process_group=0,
            bufsize=0,
        )
        self._partial = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def started(self) -> dict[str, str]:
        """Waits until the task is prepared; the facts of the library."""
        facts: dict[str, str] = self._answer()["facts"]
        self._stop()
        return facts

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Wakes the process for one request. Raises ContestantError where it fails."""
        self._signal(signal.SIGCONT)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        except BrokenPipeError:
            raise ContestantError(self._last_words()) from None
        answer = self._answer()
        self._stop()
        return answer

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        while b"\n" not in self._partial:
            ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
            if not ready:
                raise ContestantError(f"no answer in {PATIENCE} s")
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            if not more:
                raise ContestantError(self._last_words())
            self._partial += more
        line, self._partial = self._partial.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise ContestantError(answer["failed"])
        return answer

    def _last_words(self) -> str:
        """How the process ended, and the last line that it left."""
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing on standard error")
        return f"process ended with {code}: {last}"

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    def _stop(self) -> None:
        """Returns when every thread stands still, or the process has ended."""
        self._signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def close(self) -> None:
        """Ends the process."""
        if self._process.poll() is None:
            self._signal(signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            assert pipe is not None
            pipe.close()
