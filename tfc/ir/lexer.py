"""A tokenizer for the textual forms: names, numbers, quoted strings and punctuation, with errors that show the line.

Names are letters, digits, `_` and `.`; a string is written as JSON writes it; `#` starts a comment; any other character
is a token of its own, except that `->` is one token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from .errors import ParseError

MAX_DEPTH = 200
"""How deep text may nest: parsers recurse, and Python's stack ends at about a thousand calls."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*", re.ASCII)
_TOKEN = re.compile(
    r"(?P<name>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)"
    r'|(?P<string>"(?:[^"\\\n]|\\.)*")'
    r"|(?P<mark>->|\S)",
    re.ASCII,
)
_SPACE = re.compile(r"(?:\s|#[^\n]*)*")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Token:
    """A piece of text; `kind` is `name`, `number`, `string`, `mark` or `end`."""

    kind: str
    text: str
    position: int


class Lexer:
    """The tokens of a text, read one after another."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.place = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.place]

    @property
    def after(self) -> Token:
        """The token behind the next one."""
        return self.tokens[min(self.place + 1, len(self.tokens) - 1)]

    def take(self) -> Token:
        """The next token, which is passed."""
        token = self.token
        self.place = min(self.place + 1, len(self.tokens) - 1)
        return token

    def at(self, *texts: str) -> bool:
        """Whether the next token is one of these."""
        return self.token.text in texts

    def accept(self, text: str) -> bool:
        """Passes the next token if it is this one."""
        if not self.at(text):
            return False
        self.take()
        return True

    def expect(self, text: str) -> None:
        """Passes the next token, which must be this one."""
        if not self.accept(text):
            raise self.error(f"'{text}'")

    def name(self, what: str = "a name") -> str:
        return self._of("name", what).text

    def one_of(self, words: tuple[str, ...] | dict[str, object], what: str) -> str:
        """A name out of a list."""
        if self.token.text not in words:
            raise self.error(f"{what} ({', '.join(words)})")
        return self.take().text

    def integer(self, what: str = "an integer") -> int:
        """An unsigned integer."""
        value = self.number(what)
        if not isinstance(value, int):
            self.place -= 1
            raise self.error(what)
        return value

    def number(self, what: str = "a number") -> int | float:
        """An unsigned number: a float if it has a point or an exponent."""
        token = self._of("number", what)
        try:
            return int(token.text) if token.text.isdigit() else float(token.text)
        except ValueError:  # Python reads no more than 4300 digits
            raise self.error(f"{what} of fewer digits", token) from None

    def string(self, what: str = "a string") -> str:
        token = self._of("string", what)
        try:
            value = json.loads(token.text)
        except ValueError:
            raise self.error(f"{what} with the escapes of JSON", token) from None
        assert isinstance(value, str)
        return value

    def sequence(self, item: Callable[[], Item], start: str, stop: str) -> tuple[Item, ...]:
        """Items between two marks, with commas between them."""
        self.expect(start)
        items: list[Item] = []
        while not self.accept(stop):
            if items:
                self.expect(",")
            items.append(item())
        return tuple(items)

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Counts one level of nesting."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"at most {MAX_DEPTH} levels of nesting")
        yield
        self.depth -= 1

    def end(self) -> None:
        """The text must end here."""
        if self.token.kind != "end":
            raise self.error("the end of the text")

    def error(self, expected: str, token: Token | None = None) -> ParseError:
        """An error at a token, by default the next: what was expected, and the line it stands in."""
        token = token or self.token
        start = self.text.rfind("\n", 0, token.position) + 1
        stop = self.text.find("\n", start)
        column = token.position - start
        found = f"'{token.text[:40]}'" if token.kind != "end" else "the end of the text"
        where = f"line {self.text.count(chr(10), 0, start) + 1}, column {column + 1}"
        first = max(start, token.position - 80)
        shown = self.text[first : len(self.text) if stop < 0 else stop][:120]
        return ParseError(
            f"{where}: expected {expected}, found {found}\n  {shown}\n  {' ' * (token.position - first)}^"
        )

    def _of(self, kind: str, what: str) -> Token:
        if self.token.kind != kind:
            raise self.error(what)
        return self.take()


def quote(text: str) -> str:
    """A string as `Lexer.string` reads it."""
    return json.dumps(text)


def _tokens(text: str) -> Iterator[Token]:
    place = 0
    while True:
        space = _SPACE.match(text, place)
        assert space is not None
        match = _TOKEN.match(text, space.end())
        if match is None:
            yield Token("end", "", space.end())
            return
        yield Token(match.lastgroup or "mark", match.group(), match.start())
        place = match.end()
