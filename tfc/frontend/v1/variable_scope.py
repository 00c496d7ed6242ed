"""`tf.variable_scope` and `tf.get_variable`: variables by name, made once and reused."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from . import dtypes
from .basics import GraphKeys
from .errors import unsupported
from .graph import Graph, get_default_graph, graph_of
from .initializers import GlorotUniform, Zeros
from .shapes import TensorShape, as_shape
from .variables import Variable


class Reuse(enum.Enum):
    """What `reuse` may be besides true and false."""

    AUTO_REUSE = 1


AUTO_REUSE = Reuse.AUTO_REUSE


class VariableScope:
    """A prefix of variable names with defaults for the variables made in it."""

    def __init__(
        self, name: str, reuse: Any = None, initializer: Any = None, regularizer: Any = None, dtype: Any = None
    ) -> None:
        self.name = name
        self.reuse = reuse
        self.initializer = initializer
        self.regularizer = regularizer
        self.dtype = dtypes.float32 if dtype is None else dtypes.as_dtype(dtype)
        self.original_name_scope = ""

    def reuse_variables(self) -> None:
        """From now on variables are reused, not made."""
        self.reuse = True

    def set_initializer(self, initializer: Any) -> None:
        self.initializer = initializer

    def set_regularizer(self, regularizer: Any) -> None:
        self.regularizer = regularizer

    def set_dtype(self, dtype: Any) -> None:
        self.dtype = dtypes.as_dtype(dtype)

    def global_variables(self) -> list[Variable]:
        """The global variables under this scope."""
        return self._collection(GraphKeys.GLOBAL_VARIABLES)

    def trainable_variables(self) -> list[Variable]:
        """The trainable variables under this scope."""
        return self._collection(GraphKeys.TRAINABLE_VARIABLES)

    def _collection(self, key: str) -> list[Variable]:
        prefix = f"{self.name}/" if self.name else ""
        return [v for v in get_default_graph().get_collection(key) if v.name.startswith(prefix)]


class Store:
    """A graph's variables by name, the scope that is open, and how often each scope was opened inside its parent."""

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}
        self.scope = VariableScope("")
        self.opened: dict[str, int] = {}

    def unique(self, prefix: str) -> str:
        """`prefix`, or `prefix_1`, … where a scope of that name has been opened here."""
        name = f"{self.scope.name}/{prefix}" if self.scope.name else prefix
        if not self.opened.get(name):
            return prefix
        k = 1
        while self.opened.get(f"{name}_{k}"):
            k += 1
        return f"{prefix}_{k}"

    @contextmanager
    def entered(self, scope: VariableScope, restore: bool) -> Iterator[None]:
        """The scope opened; its subscopes are counted anew each time, so that reuse meets the same names in order."""
        before = self.scope
        self.opened[scope.name] = self.opened.get(scope.name, 0) + 1
        counts = dict(self.opened)
        self.scope = scope
        try:
            yield
        finally:
            if restore:
                self.opened = counts
            for name in self.opened:
                if name.startswith(f"{scope.name}/"):
                    self.opened[name] = 0
            self.scope = before


def _store(graph: Graph) -> Store:
    held = graph.get_collection_ref(("variable_store",))
    if not held:
        held.append(Store())
    store: Store = held[0]
    return store


@contextmanager
def variable_scope(
    name_or_scope: Any,
    default_name: str | None = None,
    values: Sequence[Any] | None = None,
    initializer: Any = None,
    regularizer: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    reuse: Any = None,
    dtype: Any = None,
    use_resource: Any = None,
    constraint: Any = None,
    auxiliary_name_scope: bool = True,
) -> Iterator[VariableScope]:
    """A scope for the names of variables and of operations.

    `name_or_scope` None takes `default_name`, made unique; a VariableScope is opened again. `reuse` is true to find the
    variables that exist, AUTO_REUSE to make those that do not; scopes inside inherit it. Raises ValueError for `reuse`
    without a name, UnimplementedError for custom getters and partitioners.
    """
    if partitioner is not None or custom_getter is not None:
        raise unsupported("variable_scope with a partitioner or custom_getter")
    if name_or_scope is None and default_name is None:
        raise TypeError("If default_name is None then name_or_scope is required")
    if name_or_scope is None and reuse is True:
        raise ValueError("reuse=True cannot be used without a name_or_scope")
    graph = graph_of(*(values or ()))
    store = _store(graph)
    again = isinstance(name_or_scope, VariableScope)
    outer = name_or_scope if again else store.scope
    part = store.unique(str(default_name)) if name_or_scope is None else outer.name if again else name_or_scope
    name = part if again or not outer.name else f"{outer.name}/{part}"
    scope = VariableScope(
        name,
        reuse or outer.reuse or (store.scope.reuse if again else None),
        outer.initializer if initializer is None else initializer,
        outer.regularizer if regularizer is None else regularizer,
        outer.dtype if dtype is None else dtype,
    )
    operations = part.rpartition("/")[2] if again else part
    with graph.as_default(), store.entered(scope, again):
        if not operations or not auxiliary_name_scope:
            scope.original_name_scope = graph.get_name_scope()
            yield scope
            return
        with graph.name_scope(operations) as opened:
            scope.original_name_scope = outer.original_name_scope if again else opened
            yield scope


@contextmanager
def variable_op_scope(
    values: Sequence[Any], name_or_scope: Any, default_name: str | None = None, **options: Any
) -> Iterator[VariableScope]:
    """`variable_scope` with the arguments in their old order."""
    with variable_scope(name_or_scope, default_name, values, **options) as scope:
        yield scope


def get_variable_scope() -> VariableScope:
    """The variable scope that is open in the default graph."""
    return _store(get_default_graph()).scope


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Callable[[Any], Any] | None = None,
    trainable: bool | None = None,
    collections: Sequence[Any] | None = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Any = None,
    constraint: Any = None,
) -> Variable:
    """The variable of that name in the open variable scope: made, or found where the scope reuses.

    The initialiser is a callable of shape and dtype, a value, the scope's, or Glorot's uniform one (zeros for
    integers, bools). Raises ValueError for a name that exists without reuse or does not exist with it, and
    for a shape or dtype that is not the existing one's.
    """
    if partitioner is not None or custom_getter is not None:
        raise unsupported("get_variable with a partitioner or custom_getter")
    graph = get_default_graph()
    store = _store(graph)
    scope = store.scope
    full = f"{scope.name}/{name}" if scope.name else name
    of = scope.dtype if dtype is None else dtypes.as_dtype(dtype)
    if full in store.variables:
        return _found(store.variables[full], full, scope.reuse, as_shape(shape), None if dtype is None else of)
    if scope.reuse is True:
        raise ValueError(
            f"Variable {full} does not exist, or was not created with tf.get_variable(). "
            "Did you mean to set reuse=tf.AUTO_REUSE in VarScope?"
        )
    rule = scope.initializer if initializer is None else initializer
    with graph.name_scope(None):
        variable = Variable(
            initial_value=_initial(rule, full, as_shape(shape), of),
            trainable=trainable is not False,
            collections=collections,
            validate_shape=validate_shape,
            name=full,
            dtype=of if dtype is not None or callable(rule) or rule is None else None,
            constraint=constraint,
        )
    store.variables[full] = variable
    penalty = scope.regularizer if regularizer is None else regularizer
    if penalty is not None:
        with graph.name_scope(f"{full}/Regularizer/"):
            loss = penalty(variable)
        if loss is not None:
            graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return variable


def _found(variable: Variable, name: str, reuse: Any, shape: TensorShape, dtype: dtypes.DType | None) -> Variable:
    if not reuse:
        made = variable.op.node.loc
        raise ValueError(
            f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in "
            f"VarScope? Originally defined at {made}"
        )
    if not shape.is_compatible_with(variable.shape):
        raise ValueError(
            f"Trying to share variable {name}, but specified shape {shape} and found shape {variable.shape}."
        )
    if dtype is not None and dtype != variable.dtype:
        raise ValueError(
            f"Trying to share variable {name}, but specified dtype {dtype.name} and found dtype {variable.dtype.name}."
        )
    return variable


def _initial(rule: Any, name: str, shape: TensorShape, dtype: dtypes.DType) -> Any:
    """What the variable is initialised with: a value, or a function without arguments."""
    if rule is not None and not callable(rule):
        if shape.ndims is not None:
            raise ValueError("If initializer is a constant, do not specify shape.")
        return rule
    if not shape.is_fully_defined():
        raise ValueError(f"Shape of a new variable ({name}) must be fully defined, but instead was {shape}.")
    default: Any = GlorotUniform if dtype.is_floating else Zeros
    chosen = default if rule is None else rule
    call: Any = chosen() if inspect.isclass(chosen) else chosen
    takes_dtype = "dtype" in inspect.signature(call).parameters
    return lambda: call(shape.as_list(), dtype=dtype) if takes_dtype else call(shape.as_list())
