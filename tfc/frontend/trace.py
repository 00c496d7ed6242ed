"""`tfc.compile`: a Python function of NumPy arrays, recorded once and run as one native program.

f(x, w, b)    ->    graph f(x : float32[d0_0, 784], w : float32[d1_0, 10], b : float32[d2_0])    ->    Executable

A function is traced once for each structure, dtypes, and dims but the leading ones, of its arguments (and values of its
static ones). The leading dim of every array is left open, so that another batch size runs the same program; where the
function asks for the number that such a dim is (a branch on it, `range`, `int`), it is traced again for each set of
shapes. `Spec`s say which dims are open instead, and then a function that needs the number of an open one is an error.
"""

from __future__ import annotations

import functools
import inspect
import re
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfc.ir.errors import TfcError
from tfc.ir.graph import Graph

from .engine import Engine, executable
from .location import user_line
from .pytree import Structure, flatten, paths, rebuilder, unflatten
from .spec import Argument, Spec, argument_of, check_shapes, fitted, prepare
from .tnp.array import Array
from .tracer import Requirement, Trace, TraceError, lift

Shapes = tuple[tuple[int, ...], ...]
Statics = tuple[tuple[int | str, Any, Any], ...]
"""Static arguments: place or name, what tells the value from others that equal it, value."""

_ACTIVE: ContextVar[Trace | None] = ContextVar("active_trace", default=None)
"""The trace that the running code is recorded in: a compiled function called there becomes part of it."""
_NO_KEYWORDS: Structure = (dict, (), ())
_REMEMBERED = 4096
"""How many sets of shapes that were checked a program remembers."""


def active_trace() -> Trace | None:
    """The trace that is being recorded by this code, if there is one."""
    return _ACTIVE.get()


@contextmanager
def _recording(trace: Trace) -> Iterator[None]:
    token = _ACTIVE.set(trace)
    try:
        yield
    finally:
        _ACTIVE.reset(token)
        trace.open = False


@dataclass(frozen=True)
class Lowered:
    """A function as it was traced: its graph, its arguments in order, the structure of its result."""

    graph: Graph
    arguments: tuple[Argument, ...]
    structure: Structure
    requirements: tuple[Requirement, ...]

    def __str__(self) -> str:
        return str(self.graph)


class Program:
    """A traced function with the executable of its graph."""

    def __init__(self, lowered: Lowered, engine: Engine, *, check: bool) -> None:
        self.lowered = lowered
        self.executable = engine(lowered.graph)
        self.rebuild = rebuilder(lowered.structure)
        self.fitting: set[Shapes] | None = set() if check or lowered.requirements else None
        """Shapes that were found to fit; None where nothing is to be checked."""

    def __call__(self, leaves: list[np.ndarray[Any, Any]]) -> Any:
        if self.fitting is not None:
            shapes = _shapes(leaves)
            if shapes not in self.fitting:
                check_shapes(self.lowered.arguments, shapes, self.lowered.requirements)
                if len(self.fitting) >= _REMEMBERED:
                    self.fitting.clear()
                self.fitting.add(shapes)
        return self.rebuild(self.executable.run(leaves))


class Compiled:
    """A function that tfc compiles when it is called; inside a trace it is recorded as a part of that."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        specs: Sequence[Any] | None = None,
        static_argnums: int | Sequence[int] = (),
        static_argnames: str | Sequence[str] = (),
        engine: Engine = executable,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name: str = getattr(function, "__name__", "function")
        self.engine = engine
        self.signature = _signature(function)
        self.parameters = list(self.signature.parameters) if self.signature else []
        self.static_nums, self.static_names = self._statics(static_argnums, static_argnames)
        self.arguments: list[Argument] | None = None
        self.structure: Structure = None
        if specs is not None:
            self.arguments, self.structure = self._specified(specs)
        self._programs: dict[Any, Program] = {}
        """By structure, kinds of leaves and static values, and also by shapes for those in `_shaped`."""
        self._shaped: set[Any] = set()
        self._lock = threading.RLock()

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _ACTIVE.get() is not None:
            return self.function(*args, **kwargs)
        statics: Statics = ()
        if kwargs or self.static_nums:
            args, kwargs, statics = self._split(args, kwargs)
        leaves: list[Any] = []
        structure = _structure(args, kwargs, leaves)
        kinds = self._kinds(leaves, args, kwargs) if self.arguments is None else self._fit(structure, leaves)
        key = (structure, kinds, statics)
        program = self._programs.get(key)
        if program is None:
            program = self._programs.get((key, _shapes(leaves)))
        if program is None:
            program = self._make(key, leaves, self._names(args, kwargs))
        return program(leaves)

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The function as it is traced for arguments, any of which may be Specs; for its own specs if none are given.

        Raises TraceError where it takes arguments and is given none.
        """
        args, kwargs, statics = self._split(args, kwargs)
        leaves: list[Any] = []
        structure = _structure(args, kwargs, leaves)
        if self.arguments is not None and (not leaves or structure == self.structure):
            return self._record(self.structure, self.arguments, statics)
        names = self._names(args, kwargs)
        if any(isinstance(leaf, Spec) for leaf in leaves):
            return self._record(structure, _arguments(names, leaves, open_batch=False), statics)
        if not leaves and not statics and self.parameters:
            raise TraceError(f"{self.name} has no specs: give it some, or give lower() its arguments, at {user_line()}")
        return self._traced(structure, names, leaves, statics)[0]

    @property
    def graph(self) -> Graph:
        """The graph that is traced for the function's specs. Raises TraceError where it needs some."""
        return self.lower().graph

    @property
    def graphs(self) -> list[Graph]:
        """The graphs that were traced for its calls so far."""
        return [p.lowered.graph for p in self._programs.values()]

    def _statics(self, nums: int | Sequence[int], names: str | Sequence[str]) -> tuple[frozenset[int], frozenset[str]]:
        places = [nums] if isinstance(nums, int) else list(nums)
        called = [names] if isinstance(names, str) else list(names)
        known = self.parameters
        unknown: list[Any] = [n for n in places if not -len(known) <= n < len(known)]
        unknown += [name for name in called if name not in known]
        if unknown:
            raise TraceError(f"{self.name} has no argument {unknown[0]} to be static, at {user_line()}")
        found = frozenset((*(n % len(known) for n in places), *map(known.index, called)))
        return found, frozenset(known[n] for n in found)

    def _split(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any], Statics]:
        """The arguments with None for the static ones, and these."""
        if kwargs and self.signature is not None:
            bound = self.signature.bind(*args, **kwargs)
            args, kwargs = bound.args, bound.kwargs
        found: list[tuple[int | str, Any]] = [(k, a) for k, a in enumerate(args) if k in self.static_nums]
        found += [(k, v) for k, v in kwargs.items() if k in self.static_names]
        for k, value in found:
            try:
                hash(value)
            except TypeError:
                raise TraceError(f"static argument {k} of {self.name} cannot be hashed, at {user_line()}") from None
        args = tuple([None if k in self.static_nums else a for k, a in enumerate(args)])
        kwargs = {k: None if k in self.static_names else v for k, v in kwargs.items()}
        return args, kwargs, tuple((k, _exact(v), v) for k, v in found)

    def _specified(self, specs: Sequence[Any]) -> tuple[list[Argument], Structure]:
        """What specs, one for each argument that is not static, say of the leaves; and the arguments' structure."""
        given = iter(specs)
        args = tuple(None if k in self.static_nums else next(given) for k in range(len(specs) + len(self.static_nums)))
        leaves: list[Any] = []
        structure = _structure(args, {}, leaves)
        for leaf in leaves:
            if not isinstance(leaf, Spec):
                raise TraceError(f"a spec of {self.name} is no Spec but {leaf!r}, at {user_line()}")
        return _arguments(self._names(args, {}), leaves, open_batch=False), structure

    def _fit(self, structure: Structure, leaves: list[Any]) -> tuple[Any, ...]:
        """Brings leaves into the dtypes of the specs. Raises TraceError for another structure."""
        assert self.arguments is not None
        if structure != self.structure:
            raise TraceError(f"the arguments of {self.name} differ in structure from its specs, at {user_line()}")
        leaves[:] = [fitted(leaf, a) for leaf, a in zip(leaves, self.arguments, strict=True)]
        return ()

    def _kinds(self, leaves: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Brings leaves into arrays; gives the dtype, rank (-1: a Python number) and dims but the first of each."""
        kinds: list[Any] = []
        for k, leaf in enumerate(leaves):
            if type(leaf) is np.ndarray and leaf.dtype.isnative:
                kinds += (leaf.dtype, leaf.ndim, leaf.shape[1:])
                continue
            leaves[k], weak = prepare(leaf, self._names(args, kwargs)[k])
            kinds += (leaves[k].dtype, -1 if weak else leaves[k].ndim, leaves[k].shape[1:])
        return tuple(kinds)

    def _names(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
        """A name for each leaf, from the function's parameters."""
        known = self.parameters
        named = [(known[k] if k < len(known) else f"arg{k}", a) for k, a in enumerate(args)]
        return [re.sub(r"\W", "_", p) for name, tree in (*named, *kwargs.items()) for p in paths(tree, name)]

    def _make(self, key: Any, leaves: list[Any], names: list[str]) -> Program:
        shapes = _shapes(leaves)
        with self._lock:
            found = self._programs.get(key) or self._programs.get((key, shapes))
            if found is not None:
                return found
            structure, kinds, statics = key
            if self.arguments is not None:
                lowered, is_open = self._record(structure, self.arguments, statics), True
            else:
                # A Python number is one again, so that the trace knows it for such.
                given = [x.item() if rank == -1 else x for x, rank in zip(leaves, kinds[1::3], strict=True)]
                lowered, is_open = self._traced(structure, names, given, statics, known=key in self._shaped)
            program = Program(lowered, self.engine, check=self.arguments is not None)
            if not is_open:
                self._shaped.add(key)
            self._programs[key if is_open else (key, shapes)] = program
            return program

    def _traced(
        self, structure: Structure, names: list[str], leaves: list[Any], statics: Statics, *, known: bool = False
    ) -> tuple[Lowered, bool]:
        """The function traced with open leading dims, or else (`known`: at once) with known ones; and whether open."""
        closed = _arguments(names, leaves, open_batch=False)
        opened = _arguments(names, leaves, open_batch=True)
        if closed == opened:
            return self._record(structure, closed, statics), True
        if not known:
            try:
                return self._record(structure, opened, statics), True
            except TfcError:
                # Tracing with known dims either succeeds, or says what is wrong in terms of them.
                pass
        return self._record(structure, closed, statics), False

    def _record(self, structure: Structure, arguments: list[Argument], statics: Statics) -> Lowered:
        trace = Trace(re.sub(r"\W+", "", self.name), Array)
        given = [trace.input(a.name, a.type.dtype, a.type.dims, weak=a.weak) for a in arguments]
        args, kwargs = unflatten(structure, iter(given))
        values = {k: v for k, _, v in statics}
        args = [values.get(k, a) for k, a in enumerate(args)]
        kwargs = {k: values.get(k, v) for k, v in kwargs.items()}
        leaves: list[Any] = []
        with _recording(trace):
            try:
                result = self.function(*args, **kwargs)
            except Exception as error:
                if trace.unknown is None or isinstance(error, TfcError):
                    raise
                raise TraceError(trace.unknown) from error
            if trace.unknown is not None:
                raise TraceError(trace.unknown)
            if result is None:
                raise TraceError(f"{self.name} returned None: a compiled function gives arrays, at {user_line()}")
            result_structure = flatten(result, leaves)
            trace.graph.outputs = [lift(trace, leaf) for leaf in leaves]
        return Lowered(trace.graph, tuple(arguments), result_structure, tuple(trace.requirements))


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """The parameters, None where they cannot be told."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _structure(args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any]) -> Structure:
    """The structure of `(args, kwargs)`; appends the leaves."""
    return (tuple, (flatten(args, leaves), flatten(kwargs, leaves) if kwargs else _NO_KEYWORDS))


def _shapes(leaves: list[Any]) -> Shapes:
    return tuple([x.shape for x in leaves])


def _exact(value: Any) -> Any:
    """What tells a value from others that equal it, as 1 and 0.0 equal True and -0.0."""
    if isinstance(value, tuple):
        return (type(value), tuple(map(_exact, value)))
    return (type(value), value.hex() if isinstance(value, float) else None)


def _arguments(names: Sequence[str], leaves: Sequence[Any], *, open_batch: bool) -> list[Argument]:
    pairs = zip(names, leaves, strict=True)
    return [argument_of(name, k, leaf, open_batch=open_batch) for k, (name, leaf) in enumerate(pairs)]


def compile(
    function: Callable[..., Any] | None = None,
    *,
    specs: Sequence[Any] | None = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    engine: Engine = executable,
) -> Any:
    """A function compiled for the arrays that it is called with; also a decorator, with or without options.

    Arguments and results are arrays, numbers and trees of them (tuples, lists, dicts, named tuples). `specs` has a
    Spec, or a tree of them, for each argument that is not static. Static arguments are passed as they are and must be
    hashable; another value traces again. `engine` makes a graph ready to run.

    The function is run only to be traced: what it prints or stores happens then, and what it reads from elsewhere, such
    as an array of its closure, is fixed then.

    The result raises DTypeError, ShapeError and TraceError for arguments that do not fit and for what cannot be traced,
    each with the user's line.
    """
    options: dict[str, Any] = {
        "specs": specs,
        "static_argnums": static_argnums,
        "static_argnames": static_argnames,
        "engine": engine,
    }
    if function is None:
        return lambda decorated: Compiled(decorated, **options)
    return Compiled(function, **options)
