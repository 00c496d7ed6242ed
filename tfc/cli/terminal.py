"""What is written for people: colours on terminals only, errors in one form."""

from __future__ import annotations

import os
import sys
from typing import IO

_CODES = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}


def has_colours(stream: IO[str]) -> bool:
    """Whether a stream is a terminal that wants colours (see https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str, style: str, stream: IO[str]) -> str:
    """Text in a style of `_CODES` where the stream takes colours."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if has_colours(stream) else text


def print_error(message: str) -> None:
    """`tfc: error: …` on standard error; what a message has on further lines, such as a marked text, stands below."""
    sys.stderr.write(f"{coloured('tfc: error:', 'red', sys.stderr)} {message.rstrip()}\n")
