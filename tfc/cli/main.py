"""Chooses the command, and turns what goes wrong into one line and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import MappingProxyType

from tfc.ir.errors import TfcError

from .script import INTERRUPTED
from .terminal import print_error

COMMANDS = MappingProxyType(
    {
        "run": "run a TensorFlow 1 script on tfc, as it is",
        "dump": "print what the compiler makes of a program, at any stage",
        "demo": "train a classifier of handwritten digits",
        "doctor": "say what tfc finds on this machine",
        "bench": "measure tfc beside its peers, from a source tree",
    }
)
"""Each command's summary; it is the module of its name, with `add_arguments(parser)` and `run(arguments)`."""

UNREAD = 141
"""The exit status that shells give for a process that SIGPIPE ended."""

DESCRIPTION = "A compiler from TF1-style tensor graphs and traced Python functions to native code."
EPILOG = """\
examples:
  tfc run train.py --epochs 3       run a script that says `import tensorflow as tf`
  tfc dump train.py --stage kernel  the loops that its training step becomes
  tfc demo digits                   train on real handwritten digits, with plots

exit status: 0 done, 1 an error of the program or its input, 2 wrong usage

environment:
  TFC_TARGET     compile for a lesser machine (`tfc doctor` lists them)
  TFC_CACHE_DIR  where compiled code is kept; TFC_CACHE=0 keeps none
  NO_COLOR       no colours, on terminals either
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line, by default that of the process.

    Raises SystemExit for wrong usage, `--help` and `--version`.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        parsed = _parser(given).parse_args(given)
        status: int = parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:
        # What Python would still flush when it ends has no reader either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except KeyboardInterrupt:
        return INTERRUPTED
    except TfcError as error:
        print_error(str(error))
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        print_error(f"{error.filename}: {error.strerror}")
        return 1
    return status


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the command that is given has its module imported and its arguments declared."""
    parser = argparse.ArgumentParser(
        "tfc", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    chosen = next((word for word in given if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        one = commands.add_parser(name, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter)
        if name == chosen:
            module = import_module(f"tfc.cli.{name}")
            module.add_arguments(one)
            one.set_defaults(run=module.run)
    return parser


class _Version(argparse.Action):
    """Prints tfc's version; `tfc` is asked for it only here."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version and end")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"tfc {import_module('tfc').__version__}\n")
        parser.exit()
