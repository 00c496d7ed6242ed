"""Finds what to dump in a script: runs it up to the run that is meant, which is not made any more.

Without a name that is the first step of training, else the last run that the script makes. With a name (a Python
variable, a compiled function, an operation or a tensor) it is the first run that fetches or calls it; a step of
training ends the script too. What the script never runs is taken with all that it depends on.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

from tfc.frontend.gradient import Gradient
from tfc.frontend.spec import Spec
from tfc.frontend.trace import Compiled
from tfc.frontend.v1.basics import GraphKeys
from tfc.frontend.v1.graph import Operation, Tensor, get_default_graph
from tfc.ir.errors import TfcError
from tfc.ir.graph import Graph, Node, Value
from tfc.passes.extract import ASSIGN, reachable

from .feeds import Shape, placeholders
from .script import INTERRUPTED, Script
from .watch import Run, Stop, trains, watched

Named = Value | Node | Compiled
Space = Mapping[str, Any]


class ScriptError(TfcError):
    """A script that does not give what is to be dumped."""


class Search:
    """One search in one script; `shapes` are those that the command line gives, by name."""

    def __init__(self, script: Script, name: str | None, shapes: Mapping[str, Shape]) -> None:
        self.script = script
        self.name = name
        self.shapes = shapes
        self.last: Run | None = None
        """The last run that was about to be made."""
        self.spaces: list[Space] = []
        """The names of the functions of the script that were running when it was stopped, inner first."""
        self._training: dict[Any, bool] = {}

    def run(self) -> Run:
        """Runs the script and gives the run that is meant. Raises ScriptError."""
        stopped = self.execute()
        if stopped is not None:
            return stopped
        if self.name is None:
            return self.last or self._unrun()
        found = self.find(self.name, self.graph)
        if found is None:
            raise ScriptError(self._unknown(self.name))
        return self._of_function(found) if isinstance(found, Compiled) else self._alone(found)

    def execute(self) -> Run | None:
        """Runs the script up to the run that is meant, and gives that, or to its end. Raises ScriptError if it fails.

        What it prints goes to standard error.
        """
        with watched(self._saw), contextlib.redirect_stdout(sys.stderr), _without_screen():
            try:
                status = self.script.run()
            except Stop as stop:
                self.spaces = list(_spaces_of(stop, self.script.file))
                return stop.run
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        if status:
            raise ScriptError(f"{self.script.file} ended with exit status {status} before there was anything to dump")
        return None

    @property
    def graph(self) -> Graph:
        """The graph of the last run, else the default one."""
        return self.last.graph if self.last is not None else get_default_graph().ir

    # Watching.

    def _saw(self, run: Run) -> None:
        self.last = run
        if self.name is None:
            if self._trains(run):
                raise Stop(run)
            return
        self.spaces = list(_spaces(sys._getframe(), self.script.file))
        found = self.find(self.name, run.graph)
        if isinstance(found, Compiled):
            if run.graph in found.graphs:
                raise Stop(run)
        elif found is not None and _graph_of(found) is run.graph and (found in run.fetches or self._trains(run)):
            raise Stop(self._alone(found))

    def _trains(self, run: Run) -> bool:
        key = (run.fetches, run.feeds)
        if key not in self._training:
            self._training[key] = trains(run)
        return self._training[key]

    # Names.

    def find(self, name: str, graph: Graph) -> Named | None:
        """What a name stands for: a Python variable of the script, else an operation or tensor of the graph."""
        for space in (*self.spaces, self.script.globals):
            found = element(space.get(name))
            if found is not None:
                return found
        op_name, colon, index = name.partition(":")
        if op_name not in graph:
            return None
        node = graph[op_name]
        if not colon:
            return _value_or_effects(node)
        return node.results[int(index)] if index.isdigit() and int(index) < len(node.results) else None

    def named(self) -> Iterator[tuple[str, Named]]:
        """The Python variables that can be dumped, by name; those of running functions first."""
        seen: set[str] = set()
        for space in (*self.spaces, self.script.globals):
            for name, thing in space.items():
                found = element(thing)
                if found is not None and name not in seen:
                    seen.add(name)
                    yield name, found

    def _unknown(self, name: str) -> str:
        names = [n for n, _ in self.named()] + [n.name for n in self.graph.nodes]
        near = difflib.get_close_matches(name, dict.fromkeys(names), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "--list prints the names there are"
        kind = next((type(s[name]).__name__ for s in (*self.spaces, self.script.globals) if name in s), None)
        what = "does not exist" if kind is None else f"is a {kind}, not a tensor, an operation or a compiled function"
        return f"{name} {what} in {self.script.file}; {hint}"

    # Runs that the script does not make.

    def _alone(self, fetch: Value | Node) -> Run:
        """A run of one fetch, which takes from the last run what that feeds."""
        graph = _graph_of(fetch)
        fed: dict[Value, Shape | None] = {}
        if self.last is not None and self.last.graph is graph:
            fed.update(zip(self.last.feeds, self.last.shapes, strict=True))
        whole, cut = reachable([fetch], frozenset()), reachable([fetch], frozenset(fed))
        shapes = {v: shape for v, shape in fed.items() if v.node in whole}
        shapes.update({v: None for v in placeholders(graph) if v.node in cut})
        return Run(graph, (fetch,), tuple(shapes), tuple(shapes.values()))

    def _of_function(self, function: Compiled) -> Run:
        """A compiled function that the script does not call: by its specs, else by shapes for all of its arguments."""
        if function.arguments is None:
            wanted = [name for name in function.parameters if name not in self.shapes]
            if wanted:
                raise ScriptError(
                    f"{self.name} is never called and has no specs: "
                    f"give {' '.join(f'--shape {name}=…' for name in wanted)} (its arguments are then float32)"
                )
            graph = function.lower(*(Spec(self.shapes[name], "float32") for name in function.parameters)).graph
        else:
            graph = function.graph
        feeds = placeholders(graph)
        return Run(graph, tuple(graph.outputs), feeds, (None,) * len(feeds))

    def _unrun(self) -> Run:
        """What a script that only builds a graph is for: its step of training, else its last tensor.

        Raises ScriptError if it builds none.
        """
        steps = get_default_graph().get_collection(GraphKeys.TRAIN_OP)
        unused = [n for n in self.graph.nodes if n.results and not any(v.users for v in n.results)]
        found = element(steps[-1]) if steps else _value_or_effects(unused[-1]) if unused else None
        if found is None or isinstance(found, Compiled):
            functions = [name for name, thing in self.named() if isinstance(thing, Compiled)]
            hint = f"name one of its functions: {', '.join(functions)}" if functions else "it builds no graph"
            raise ScriptError(f"{self.script.file} runs nothing; {hint}")
        return self._alone(found)


def element(thing: Any) -> Named | None:
    """What of the IR an object of the front ends stands for; None for any other object."""
    if isinstance(thing, Compiled):
        return thing
    if isinstance(thing, Gradient):
        return thing.compiled
    if isinstance(thing, Tensor):
        return thing.ir_value
    if isinstance(thing, Operation):
        return _value_or_effects(thing.node)
    if hasattr(type(thing), "_as_graph_element"):
        return element(thing._as_graph_element())
    return None


def _value_or_effects(node: Node) -> Value | Node:
    """What an operation is run for: its effects if it has some, else its first result."""
    return node if node.op.name in ASSIGN or not node.results else node.results[0]


def _graph_of(fetch: Value | Node) -> Graph:
    return fetch.graph if isinstance(fetch, Node) else fetch.node.graph


def _spaces(frame: FrameType | None, file: str) -> Iterator[Space]:
    """The names of the running functions of a file, inner first."""
    while frame is not None:
        if frame.f_code.co_filename == file and frame.f_code.co_name != "<module>":
            yield dict(frame.f_locals)
        frame = frame.f_back


def _spaces_of(stop: Stop, file: str) -> Iterator[Space]:
    """The names of the functions of a file that an exception ended, inner first."""
    trace = stop.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return _spaces(trace.tb_frame if trace else None, file)


@contextlib.contextmanager
def _without_screen() -> Iterator[None]:
    """Plots of the script open no windows."""
    before = os.environ.get("MPLBACKEND")
    os.environ["MPLBACKEND"] = "Agg"
    try:
        yield
    finally:
        if before is None:
            del os.environ["MPLBACKEND"]
        else:
            os.environ["MPLBACKEND"] = before
