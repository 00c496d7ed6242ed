"""`tf.app.flags` and `tf.app.run`: the flags that a program declares, and what its command line says of them."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tfc.ir.errors import TfcError

from .stacks import PROGRAM

_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")
_HELP = ("help", "helpshort", "helpfull")


class FlagError(TfcError):
    """A flag that is not declared, or a value that it does not take."""


@dataclass
class Flag:
    """A declared flag and its present value."""

    name: str
    value: Any
    help: str
    kind: str
    parse: Callable[[str], Any]

    def take(self, text: str) -> None:
        """Sets the value that a text means. Raises FlagError."""
        try:
            self.value = self.parse(text)
        except ValueError:
            raise FlagError(f"flag --{self.name}={text}: expected {self.kind}") from None


class Flags:
    """The program's flags as attributes; the first one read has the command line parsed."""

    def __getattr__(self, name: str) -> Any:
        if name not in PROGRAM.flags:
            raise AttributeError(f"no flag is named {name}", name=name)
        if not PROGRAM.parsed:
            self(sys.argv)
        return PROGRAM.flags[name].value

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in PROGRAM.flags:
            raise AttributeError(f"no flag is named {name}", name=name)
        PROGRAM.flags[name].value = value

    def __delattr__(self, name: str) -> None:
        del PROGRAM.flags[name]

    def __contains__(self, name: str) -> bool:
        return name in PROGRAM.flags

    def __iter__(self) -> Iterator[str]:
        return iter(PROGRAM.flags)

    def __call__(self, argv: Sequence[str], known_only: bool = False) -> list[str]:
        """Parses a command line up to its first argument that is no flag; gives what is left of it.

        Raises FlagError for a value that a flag does not take and, unless `known_only`, a flag that is not declared.
        """
        left, arguments = list(argv[:1]), iter(argv[1:])
        for argument in arguments:
            if argument == "--" or not argument.startswith("-") or argument == "-":
                left += [] if argument == "--" else [argument]
                break
            if _taken(argument, arguments):
                continue
            if not known_only:
                raise FlagError(_unknown(argument))
            left.append(argument)
        PROGRAM.parsed = True
        return [*left, *arguments]

    def flag_values_dict(self) -> dict[str, Any]:
        """All flags and their values."""
        return {name: flag.value for name, flag in PROGRAM.flags.items()}

    def is_parsed(self) -> bool:
        """Whether a command line has been parsed."""
        return PROGRAM.parsed

    def _parse_flags(self, args: Sequence[str] | None = None) -> list[str]:
        """What programs of before TF 1.5 call to have the command line parsed."""
        return self([sys.argv[0], *(sys.argv[1:] if args is None else args)], known_only=True)


def _taken(argument: str, further: Iterator[str]) -> bool:
    """Whether an argument is a declared flag, whose value is then set, from the next argument where it needs one."""
    name, equals, text = argument.removeprefix("-").removeprefix("-").partition("=")
    flag = PROGRAM.flags.get(name)
    if flag is None:
        flag = PROGRAM.flags.get(name.removeprefix("no"))
        if flag is None or flag.kind != "a bool" or equals or not name.startswith("no"):
            return False
        flag.value = False
    elif equals:
        flag.take(text)
    elif flag.kind == "a bool":
        flag.value = True
    else:
        value = next(further, None)
        if value is None:
            raise FlagError(f"Missing value for flag --{name}")
        flag.take(value)
    return True


def _unknown(argument: str) -> str:
    name = argument.lstrip("-").partition("=")[0]
    close = difflib.get_close_matches(name, PROGRAM.flags)
    return f"Unknown command line flag '{name}'" + (f". Did you mean: {', '.join(close)}?" if close else "")


def _bool(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ValueError(text)
    return text.lower() in _TRUE


def _declare(name: str, default: Any, text: str | None, kind: str, parse: Callable[[str], Any]) -> None:
    flag = Flag(name, None, text or "", kind, parse)
    if default is not None:
        flag.take(str(default))
    PROGRAM.flags[name] = flag


def _definer(kind: str, parse: Callable[[str], Any]) -> Callable[..., None]:
    def define(
        name: str | None = None,
        default: Any = None,
        help: str | None = None,
        flag_name: str | None = None,
        default_value: Any = None,
        docstring: str | None = None,
    ) -> None:
        chosen = name or flag_name
        if not chosen:
            raise FlagError("a flag needs a name")
        _declare(chosen, default_value if default is None else default, help or docstring, kind, parse)

    define.__doc__ = f"Declares a flag whose value is {kind}; the default may be None."
    return define


define_string, define_integer = _definer("a text", str), _definer("an int", lambda text: int(text, 0))
define_float, define_bool = _definer("a float", float), _definer("a bool", _bool)


def define_enum(name: str, default: Any, enum_values: Sequence[str], help: str | None = None) -> None:
    """Declares a flag whose value is one of some texts."""

    def parse(text: str) -> str:
        if text not in enum_values:
            raise ValueError(text)
        return text

    _declare(name, default, help, f"one of {', '.join(enum_values)}", parse)


def define_list(name: str, default: Any, help: str | None = None) -> None:
    """Declares a flag whose value is a list of texts, given with commas between them."""
    joined = ",".join(default) if isinstance(default, (list, tuple)) else default
    _declare(name, joined, help, "texts with commas", lambda text: [part.strip() for part in text.split(",") if part])


def run(main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None) -> None:
    """Parses the command line, calls `main` (the script's by default) with what is left of it, and exits.

    Its status is what `main` returns; 1 where the command line is wrong or asks for help.
    """
    arguments = sys.argv if argv is None else argv
    if any(a.lstrip("-") in _HELP for a in arguments[1:] if a.startswith("-")):
        sys.stdout.write(_usage(arguments[0]))
        sys.exit(1)
    try:
        left = Flags()(arguments, known_only=True)
    except FlagError as error:
        sys.stderr.write(f"FATAL Flags parsing error: {error}\nPass --help to see the flags.\n")
        sys.exit(1)
    call = sys.modules["__main__"].main if main is None else main
    sys.exit(call(left))


def _usage(program: str) -> str:
    lines = [f"usage: {program} [flags]"]
    for name, flag in sorted(PROGRAM.flags.items()):
        lines.append(f"  --{'[no]' if flag.kind == 'a bool' else ''}{name}: {flag.help}")
        lines.append(f"    ({flag.kind}, default {flag.value!r})")
    return "\n".join(lines) + "\n"
