"""`tf.Session`: fetches and feeds in any structure, as calls of the runtime's engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from operator import itemgetter
from typing import Any

from tfc.frontend.engine import SessionEngine, session_engine
from tfc.ir.errors import TfcError
from tfc.ir.graph import Node, Value

from .errors import of_run
from .graph import Graph, Operation, Tensor, get_default_graph
from .stacks import STACKS, pushed

Results = Sequence[Any]
Assemble = Callable[[Results], Any]


class Options:
    """Accepted options; any attribute may be set and read, and none changes what a run computes."""

    def __init__(self, **options: Any) -> None:
        self.__dict__.update(options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        inner = Options()
        self.__dict__[name] = inner
        return inner


class ConfigProto(Options):
    """Options of a session."""


class GPUOptions(Options):
    """Options of a session for devices."""


class RunOptions(Options):
    """Options of one run."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = range(4)


class RunMetadata(Options):
    """What a run would say of itself; nothing is."""


class Plan:
    """What one form of `run` needs again: the engine's call, and the way from its results to the fetches' structure."""

    __slots__ = ("assemble", "call", "flatten")

    def __init__(
        self, call: Callable[[Sequence[Any]], Results], assemble: Assemble, flatten: Callable[[Any], Sequence[Any]]
    ) -> None:
        self.call = call
        self.assemble = assemble
        self.flatten = flatten


def _key(fetches: Any) -> Any:
    """What tells the structure of fetches from others; TypeError for what cannot be one."""
    kind = type(fetches)
    if kind is Tensor or kind is Operation:
        return fetches
    if isinstance(fetches, (list, tuple)):
        return (kind, tuple([_key(f) for f in fetches]))
    if isinstance(fetches, Mapping):
        return (kind, tuple(fetches), tuple([_key(f) for f in fetches.values()]))
    return fetches


class BaseSession:
    """Runs operations of one graph and keeps the values of its variables."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        if graph is not None and not isinstance(graph, Graph):
            raise TypeError(f"graph must be a tf.Graph, but got {type(graph)}")
        self._graph = graph or get_default_graph()
        self._engine: SessionEngine = session_engine(self._graph.ir)
        self._plans: dict[Any, Plan] = {}
        self._closed = False

    @property
    def graph(self) -> Graph:
        return self._graph

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """The values of the fetches, in their structure; an operation gives None.

        `fetches` is a tensor, a variable, an operation, a name, or lists, tuples, namedtuples and dicts of them;
        `feed_dict` gives values to tensors, placeholders or others. Raises RuntimeError on a closed session, TypeError
        and ValueError for what cannot be fetched or fed, `tf.errors.FailedPreconditionError` for a variable without a
        value.
        """
        if feed_dict is not None and not isinstance(feed_dict, (dict, Mapping)):
            raise TypeError(f"feed_dict must be a dict, got {type(feed_dict).__name__}")
        try:
            plan = self._plans[_key(fetches), tuple(feed_dict) if feed_dict else ()]
        except (KeyError, TypeError):
            plan = self._prepare(fetches, feed_dict)
        try:
            return plan.assemble(plan.call(plan.flatten(feed_dict)))
        except TfcError as error:
            raise of_run(error) from None

    def _prepare(self, fetches: Any, feed_dict: Any) -> Plan:
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        if not self._graph.ir.nodes:
            raise RuntimeError("The Session graph is empty. Add operations to the graph before calling run().")
        found = Fetches(self._graph)
        assemble = found.add(fetches)
        feeds, flatten = _feeds(self._graph, feed_dict or {})
        plan = Plan(self._engine.prepare(tuple(found.items), feeds), assemble, flatten)
        self._plans[_key(fetches), tuple(feed_dict or ())] = plan
        return plan

    def make_callable(self, fetches: Any, feed_list: Sequence[Any] | None = None, accept_options: bool = False) -> Any:
        """A function of the values for `feed_list` that runs the fetches."""
        feeds = tuple(feed_list or ())

        def call(*values: Any) -> Any:
            if len(values) != len(feeds):
                raise ValueError(f"the callable takes {len(feeds)} values, got {len(values)}")
            return self.run(fetches, dict(zip(feeds, values, strict=True)))

        return call

    def as_default(self) -> AbstractContextManager[BaseSession]:
        """Makes it the session of `eval` and `run` inside the block, without closing it after."""
        return pushed(STACKS.sessions, self)

    def close(self) -> None:
        """Frees what it holds; a later run raises RuntimeError."""
        if not self._closed:
            self._closed = True
            self._plans.clear()
            self._engine.close()


class Session(BaseSession):
    """A session; as a context manager it and its graph are the defaults inside the block, and it is closed after."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        self._contexts: list[ExitStack] = []

    def __enter__(self) -> Session:
        stack = ExitStack()
        stack.enter_context(self.graph.as_default())
        stack.enter_context(self.as_default())
        self._contexts.append(stack)
        return self

    def __exit__(self, *error: object) -> None:
        self._contexts.pop().close()
        self.close()


class InteractiveSession(BaseSession):
    """A session that is the default one from the moment it is made until it is closed."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        self._given_graph = graph
        if graph is not None:
            STACKS.graphs.append(graph)
        STACKS.sessions.append(self)

    def close(self) -> None:
        if not self._closed:
            if self in STACKS.sessions:
                STACKS.sessions.remove(self)
            if self._given_graph is not None and self._given_graph in STACKS.graphs:
                STACKS.graphs.remove(self._given_graph)
        super().close()

    def __enter__(self) -> InteractiveSession:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Fetches:
    """The distinct values and nodes of fetches, and functions that put results back into the fetches' structure."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.items: dict[Value | Node, int] = {}

    def add(self, fetches: Any) -> Assemble:
        if isinstance(fetches, (list, tuple)):
            return self._sequence(fetches)
        if isinstance(fetches, Mapping):
            return self._mapping(fetches)
        return self._leaf(fetches)

    def _mapping(self, fetches: Any) -> Assemble:
        parts, empty = {k: self.add(f) for k, f in fetches.items()}, type(fetches)

        def assemble(results: Results) -> Any:
            out = empty()
            for k, part in parts.items():
                out[k] = part(results)
            return out

        return assemble

    def _sequence(self, fetches: Any) -> Assemble:
        parts = [self.add(f) for f in fetches]
        kind = type(fetches)
        if kind is list:
            return lambda results: [p(results) for p in parts]
        if hasattr(kind, "_fields"):
            return lambda results: kind(*[p(results) for p in parts])
        return lambda results: kind([p(results) for p in parts])

    def _leaf(self, fetch: Any) -> Assemble:
        try:
            element = self.graph.as_graph_element(fetch)
        except TypeError as error:
            kind = type(fetch)
            raise TypeError(
                f"Fetch argument {fetch!r} has invalid type {kind}, must be a string or Tensor. ({error})"
            ) from None
        except (KeyError, ValueError) as error:
            text = error.args[0] if error.args else error
            raise ValueError(f"Fetch argument {fetch!r} cannot be interpreted as a Tensor. ({text})") from None
        if isinstance(element, Operation):
            self._place(element.node)
            return lambda results: None
        k = self._place(element.ir_value)
        # A result of rank 0 is given as a NumPy scalar, as TF gives it.
        return lambda results: results[k] if results[k].ndim else results[k][()]

    def _place(self, item: Value | Node) -> int:
        return self.items.setdefault(item, len(self.items))


def _feeds(graph: Graph, feed_dict: Mapping[Any, Any]) -> tuple[tuple[Value, ...], Callable[[Any], Sequence[Any]]]:
    """The fed values in the order of their names, and the function from a `feed_dict` to what they are fed.

    The function takes a `feed_dict` of the same keys in the same order; one of another order has the same values, so
    that it needs no other program.
    """
    values: list[Value] = []
    nested = any(isinstance(key, (list, tuple)) for key in feed_dict)
    for key in feed_dict:
        values.extend(_fed_value(graph, t) for t in _leaves(key))
    if len(set(values)) < len(values):
        raise ValueError("feed_dict names a tensor twice")
    if not feed_dict:
        return (), lambda given: []
    flatten: Callable[[Any], list[Any]] = _flatten if nested else lambda given: list(given.values())
    order = sorted(range(len(values)), key=lambda k: values[k].name)
    if order == list(range(len(values))):
        return tuple(values), flatten
    take = itemgetter(*order)
    return take(values), lambda given: take(flatten(given))


def _fed_value(graph: Graph, key: Any) -> Value:
    try:
        tensor = graph.as_graph_element(key, allow_operation=False)
    except (KeyError, TypeError, ValueError) as error:
        text = error.args[0] if error.args else error
        raise TypeError(f"Cannot interpret feed_dict key as Tensor: {text}") from None
    value: Value = tensor.ir_value
    return value


def _leaves(key: Any) -> list[Any]:
    return [leaf for k in key for leaf in _leaves(k)] if isinstance(key, (list, tuple)) else [key]


def _flatten(feed_dict: Mapping[Any, Any]) -> list[Any]:
    """The values for each tensor of keys that may be nested tuples; a value has its key's structure."""
    out: list[Any] = []

    def walk(key: Any, value: Any) -> None:
        if not isinstance(key, (list, tuple)):
            out.append(value)
            return
        if len(key) != len(value):
            raise ValueError(f"a feed for {len(key)} tensors has {len(value)} values")
        for k, v in zip(key, value, strict=True):
            walk(k, v)

    for key, value in feed_dict.items():
        walk(key, value)
    return out
