"""`tfc run`: a TensorFlow 1 script on tfc."""

from __future__ import annotations

import argparse

from .script import STDIN, Script

DESCRIPTION = f"""\
Runs a Python script, unchanged, with `import tensorflow as tf` meaning tfc.

The modules of TensorFlow are tfc's own: `tensorflow.examples.tutorials.mnist.input_data`,
`tensorflow.python.framework.ops`, `tensorflow.contrib.layers`, `tensorflow.compat.v1` and the
rest; one that tfc lacks raises ModuleNotFoundError, a function AttributeError, each with its
name. All else is as `python SCRIPT` has it: arguments, tracebacks, exit status. `{STDIN}` reads
the script from standard input.
"""
EPILOG = """\
examples:
  tfc run train.py
  tfc run train.py --epochs 3        what follows the script is the script's
  MPLBACKEND=Agg tfc run plots.py    where there is no screen
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `tfc run` takes."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("script", metavar="SCRIPT", help=f"a Python file, or {STDIN}")
    parser.add_argument("arguments", metavar="...", nargs=argparse.REMAINDER, help="arguments of the script")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; gives its exit status."""
    return Script(arguments.script, arguments.arguments).run()
