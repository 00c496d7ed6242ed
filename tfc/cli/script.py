"""Runs a Python script as Python would, with `import tensorflow` meaning tfc."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any

from . import names

STDIN = "-"
INTERRUPTED = 130
"""The exit status that shells give for a process that SIGINT ended."""
_HIDDEN = frozenset({__file__, names.__file__})
"""Files whose frames stand in no traceback of the user's: what runs the script, and what finds its imports."""


class Script:
    """A script and the `__main__` that it runs as."""

    def __init__(self, path: str, arguments: Sequence[str] = ()) -> None:
        """Reads a script, `-` from standard input. Raises OSError."""
        self.path = path
        self.arguments = list(arguments)
        self.file = "<stdin>" if path == STDIN else path
        self._source: str | bytes = sys.stdin.read() if path == STDIN else Path(path).read_bytes()
        self.module = ModuleType("__main__")
        self.module.__dict__.update(__builtins__=builtins, __cached__=None, __file__=self.file)

    @property
    def globals(self) -> dict[str, Any]:
        """The script's global names."""
        return self.module.__dict__

    def run(self) -> int:
        """Runs it; gives its exit status, after its traceback is printed if it fails.

        What derives from BaseException alone goes through, but for SystemExit and KeyboardInterrupt.
        """
        try:
            with self._process(), names.tensorflow_names():
                exec(self._code(), self.globals)
        except SystemExit as error:
            return _status(error)
        except KeyboardInterrupt as error:
            _print_traceback(error)
            return INTERRUPTED
        except Exception as error:  # noqa: BLE001 - a program may raise anything
            _print_traceback(error)
            return 1
        return 0

    def _code(self) -> CodeType:
        code: CodeType = compile(self._source, self.file, "exec", dont_inherit=True)
        return code

    @contextmanager
    def _process(self) -> Iterator[None]:
        """What Python sets up for a script: `sys.argv`, `sys.path[0]` and `__main__`."""
        before = sys.argv, list(sys.path), sys.modules["__main__"]
        sys.argv = [self.path, *self.arguments]
        if not sys.flags.safe_path:
            sys.path[0] = "" if self.path == STDIN else str(Path(self.path).resolve().parent)
        sys.modules["__main__"] = self.module
        try:
            yield
        finally:
            sys.argv, sys.path[:], sys.modules["__main__"] = before


def _status(error: SystemExit) -> int:
    """The exit status that Python gives for a SystemExit; prints what is none."""
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1


def _print_traceback(error: BaseException) -> None:
    """Prints an error as Python does when a script ends with it, by the hook that the script may have set."""
    chain: dict[int, BaseException] = {}
    link: BaseException | None = error
    while link is not None and id(link) not in chain:
        chain[id(link)] = link
        link.__traceback__ = _visible(link.__traceback__)
        link = link.__cause__ or link.__context__
    sys.stdout.flush()
    sys.excepthook(type(error), error, error.__traceback__)


def _visible(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of this package that only run the script."""
    frames = []
    while trace is not None:
        if trace.tb_frame.f_code.co_filename not in _HIDDEN:
            frames.append(trace)
        trace = trace.tb_next
    for frame in reversed(frames):
        trace = TracebackType(trace, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return trace
