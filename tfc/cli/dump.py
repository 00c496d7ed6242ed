"""`tfc dump`: what the compiler makes of a program, at any stage."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from tfc.ir.errors import GraphError, ParseError, VerifyError
from tfc.passes.extract import extract
from tfc.passes.pipeline import GRAPH_PASSES, program_passes
from tfc.passes.target import Target
from tfc.runtime import Watch

from .feeds import EXAMPLE, Shape, parse_shape, placeholders
from .listing import list_graph, list_script
from .output import write
from .script import STDIN, Script
from .search import Search
from .stages import FORMS, PICTURED, STAGES, GraphSubject, Subject, first_word, parsed
from .watch import Run

DESCRIPTION = f"""\
Prints what the compiler makes of a program, at any stage of the way from graph to machine code.

FILE is a Python script, which is run (with `import tensorflow` meaning tfc, without windows, its
output on standard error) up to the run that is meant; that run is not made any more:
  FILE       the first run that trains: that gives a variable a value made from its own; in a
             script that trains nothing the last run; in one that runs nothing its training step,
             or its last tensor
  FILE:NAME  the first run that fetches NAME, an operation or a tensor of the graph or a Python
             variable that holds one, or the first call of the compiled function NAME. The first
             run that trains ends the script too; NAME is then taken alone.
Or FILE is a text in the IR's form, as this command prints it: a graph, or a program of kernels,
which is compiled as it stands.

The stages:
{chr(10).join(f"  {name:<10} {text}" for name, text in STAGES.items())}
"""
EPILOG = f"""\
Shapes of what is fed are those of the run. Where the script does not make it, an open dim is as large
as one at the same place in a shape that is known, else {EXAMPLE}; sizes decide what is broadcast, no more.

examples:
  tfc dump train.py                          the graph of the training step
  tfc dump train.py:y_pred --stage kernel    the loops that compute y_pred
  tfc dump train.py --format svg -o step.svg
  tfc dump train.py --print-after simplify   the graph wherever that pass changed it
  tfc dump train.py --stage opt | tfc dump - --stage asm
  tfc dump train.py --list                   the names there are
  TFC_TARGET=avx2 tfc dump train.py --stage asm
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `tfc dump` takes."""
    passes = _passes()
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("file", metavar="FILE[:NAME]", help=f"a script, or a text of the IR; {STDIN} reads such a text")
    parser.add_argument("--stage", choices=STAGES, help="what to print; the graph by default")
    parser.add_argument(
        "--print-after",
        metavar="PASS",
        action="append",
        default=[],
        choices=passes,
        help=f"print the IR wherever this pass changed it, before the stage; may be repeated: {', '.join(passes)}",
    )
    parser.add_argument("--format", choices=FORMS, default="text", help=f"pictures are of {' and '.join(PICTURED)}")
    parser.add_argument(
        "--shape",
        metavar="NAME=100,784",
        action="append",
        default=[],
        type=_shape,
        help="what a placeholder or an argument is fed; may be repeated",
    )
    parser.add_argument("--list", action="store_true", help="print the names that can be dumped")
    parser.add_argument("--time", action="store_true", help="print on standard error what each step took")
    parser.add_argument("-o", metavar="FILE", dest="output", help="write to a file, whole or not at all")
    parser.set_defaults(usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; gives its exit status."""
    stage = arguments.stage or ("" if arguments.print_after else "graph")
    if arguments.format != "text" and (stage not in PICTURED or arguments.print_after):
        arguments.usage_error(f"--format {arguments.format} is for --stage {' and '.join(PICTURED)} alone")
    path, name = _split(arguments.file)
    text = _ir_text(path)
    if text is not None and name is not None:
        arguments.usage_error(f"{path} is a text of the IR and dumped as a whole, without :{name}")
    shapes = dict(arguments.shape)
    printed: list[str] = []
    watch = Watch(arguments.print_after, printed.append)
    if text is not None:
        subject = _of_text(path, text, shapes, watch)
        names = list_graph(subject.graph) if isinstance(subject, GraphSubject) else ""
    else:
        search = Search(Script(path), name, shapes)
        if arguments.list:
            search.execute()
            names = list_script(search)
        else:
            subject = _of_run(search.run(), search, shapes, watch)
    if arguments.list:
        write(names, arguments.output)
        return 0
    if arguments.print_after:
        subject.compile()
    found = subject.text(stage, arguments.format) if stage else ""
    write("".join((*printed, found)), arguments.output)
    if arguments.time:
        _print_times(subject)
    return 0


def _split(file: str) -> tuple[str, str | None]:
    """The path and the name of `FILE[:NAME]`; a name may hold colons, as tensors' names do."""
    if file == STDIN or Path(file).exists():
        return file, None
    path, colon, name = file.partition(":")
    return path, name if colon else None


def _ir_text(path: str) -> str | None:
    """The text of a file in the IR's form; None for a script."""
    if path == STDIN:
        return sys.stdin.read()
    if path.endswith(".py"):
        return None
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    return text if path.endswith(".ir") or first_word(text) in ("graph", "program") else None


def _of_text(path: str, text: str, shapes: Mapping[str, Shape], watch: Watch) -> Subject:
    try:
        subject = parsed(text, watch)
    except (ParseError, VerifyError) as error:
        raise type(error)(f"{'standard input' if path == STDIN else path}: {error}") from None
    if isinstance(subject, GraphSubject):
        feeds = {v.node.name: k for k, v in enumerate(placeholders(subject.graph))}
        return subject.with_shapes({_place(name, feeds): shape for name, shape in shapes.items()})
    if shapes:
        raise GraphError("a program of kernels takes no --shape")
    return subject


def _of_run(run: Run, search: Search, shapes: Mapping[str, Shape], watch: Watch) -> Subject:
    """The pure graph of a run, with the shapes that the command line gives in the place of those of the run."""
    pure = extract(run.graph, run.fetches, run.feeds)
    fed = placeholders(pure)
    subject = GraphSubject(pure, (*run.shapes, *[None] * (len(fed) - len(run.feeds))), watch)
    feeds = {v.node.name: k for k, v in enumerate(fed)}
    variables = {v: k for k, v in enumerate(run.feeds)}
    feeds |= {name: variables[v] for name, v in search.named() if v in variables}
    return subject.with_shapes({_place(name, feeds): shape for name, shape in shapes.items()})


def _place(name: str, feeds: Mapping[str, int]) -> int:
    """The place of a feed by its name. Raises GraphError for one that does not exist."""
    found = feeds.get(name, feeds.get(name.removesuffix(":0")))
    if found is None:
        raise GraphError(f"--shape {name}: nothing of that name is fed; fed are {', '.join(feeds) or 'no tensors'}")
    return found


def _shape(text: str) -> tuple[str, Shape]:
    try:
        return parse_shape(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected NAME=100,784, got {text!r}") from None


def _passes() -> list[str]:
    """The names of all passes, each once, in order; they are the same for all targets."""
    of_programs = program_passes(Target("any", ""))
    return list(dict.fromkeys([*(p.name for p in GRAPH_PASSES), *(p.name for p in of_programs)]))


def _print_times(subject: Subject) -> None:
    total = sum(seconds for _, seconds in subject.seconds)
    for name, seconds in (*subject.seconds, ("total", total)):
        sys.stderr.write(f"{seconds * 1e3:10.3f} ms  {name}\n")
