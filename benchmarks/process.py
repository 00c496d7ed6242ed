"""A contestant's process as the runner sees it: it only runs while it is asked something."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class ContestantError(Exception):
    """A contestant that cannot take part, and why."""


class UnsupportedError(ContestantError):
    """What it says that it cannot do. It goes on."""


class EndedError(ContestantError):
    """Its process has ended, or has been ended since no answer came in time."""


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

    def started(self, patience: float) -> dict[str, Any]:
        """Waits until the library is imported; its facts, and the seconds of the import."""
        return self._answer(patience)

    def ask(self, do: str, patience: float, **arguments: Any) -> dict[str, Any]:
        """Wakes the process for one request, and waits so many seconds. Raises ContestantError where it fails."""
        self._signal(signal.SIGCONT)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        except BrokenPipeError:
            raise EndedError(self._last_words()) from None
        return self._answer(patience)

    def _answer(self, patience: float) -> dict[str, Any]:
        """The next one; then the process stands still."""
        assert self._process.stdout is not None
        until = time.monotonic() + patience
        while b"\n" not in self._partial:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise EndedError(f"no answer in {patience:.0f} s")
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            if not more:
                raise EndedError(self._last_words())
            self._partial += more
        line, self._partial = self._partial.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        self._stop()
        if "failed" in answer:
            raise ContestantError(answer["failed"])
        if "unsupported" in answer:
            raise UnsupportedError(answer["unsupported"])
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
