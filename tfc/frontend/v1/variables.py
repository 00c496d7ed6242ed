"""`tf.Variable`, its assignments and its initialisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tfc.ir.graph import Node, Value
from tfc.ir.op import REGISTRY
from tfc.ir.types import TensorType

from .basics import GraphKeys, group, no_op
from .dtypes import DType, as_dtype
from .graph import Graph, Operation, Tensor, get_default_graph
from .lift import emit, is_tensor_like, lift
from .operators import Operators
from .shapes import TensorShape, as_shape
from .stacks import session_for

if TYPE_CHECKING:
    from .session import BaseSession


class Variable(Operators):
    """A tensor whose value outlives a run.

    `initial_value` is a tensor, what can be one, or a callable that makes one. Other variables in it stand for their
    initial values, so that all can be initialised in one run. Its nodes are `name/initial_value` (for
    numbers), `name`, `name/Assign` and `name/read`.

    Raises ValueError without an initial value, or for one of unknown shape unless `validate_shape` is false.
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool = True,
        collections: Sequence[Any] | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: str | None = None,
        constraint: Callable[[Any], Any] | None = None,
        use_resource: bool | None = None,
        shape: Any = None,
    ) -> None:
        if initial_value is None:
            raise ValueError("initial_value must be specified.")
        self.graph = graph = get_default_graph()
        self.trainable = trainable
        self.constraint = constraint
        of = None if dtype is None else as_dtype(dtype).ir
        with graph.control_dependencies(None), graph.name_scope(name or "Variable") as scope:
            if callable(initial_value):
                with graph.name_scope("Initializer"):
                    initial = lift(initial_value(), graph, of, "initial_value")
            else:
                initial = lift(initial_value, graph, of, "initial_value")
            declared = as_shape(shape if shape is not None else expected_shape)
            self._check_shape(graph.tensor(initial).shape, declared, validate_shape, scope[:-1])
            with graph.counted(0):
                initial = initial_values(graph, initial)
            self._initial = graph.tensor(initial)
            stored = initial.type.shape if shape is None else graph.ir_shape(shape)
            if not TensorType(initial.type.dtype, stored).is_static:
                stored = None  # Any assignment may give it another shape.
            attrs = {"dtype": initial.type.dtype, "shape": stored, "key": scope[:-1]}
            node = REGISTRY["variable"].node(graph=graph.ir, name=scope, **attrs)
            self._variable = graph.tensor(node.results[0])
            assign_node = REGISTRY["assign"].node(node.results[0], initial, name="Assign")
            self._initializer = graph.operation(assign_node)
            self._snapshot = graph.tensor(REGISTRY["identity"](node.results[0], name="read"))
        graph.variables[node] = self
        keys = list(collections) if collections is not None else [GraphKeys.GLOBAL_VARIABLES]
        if trainable and GraphKeys.TRAINABLE_VARIABLES not in keys:
            keys.append(GraphKeys.TRAINABLE_VARIABLES)
        graph.add_to_collections(keys, self)

    @staticmethod
    def _check_shape(initial: TensorShape, declared: TensorShape, validate: bool, name: str) -> None:
        if validate and not initial.is_fully_defined():
            raise ValueError(f"initial_value of {name} must have a shape specified, got {initial}")
        if not initial.is_compatible_with(declared):
            raise ValueError(f"the initial value of {name} has shape {initial}, expected {declared}")

    @property
    def ir_value(self) -> Value:  # type: ignore[override]
        """The read that operators take."""
        return self._snapshot.ir_value

    def _as_graph_element(self) -> Tensor:
        return self._variable

    @property
    def name(self) -> str:
        return self._variable.name

    @property
    def op(self) -> Operation:
        return self._variable.op

    @property
    def dtype(self) -> DType:
        return self._variable.dtype

    @property
    def shape(self) -> TensorShape:
        return self._variable.shape

    @property
    def device(self) -> str:
        return ""

    @property
    def initializer(self) -> Operation:
        """The operation that gives it its initial value."""
        return self._initializer

    @property
    def initial_value(self) -> Tensor:
        return self._initial

    def get_shape(self) -> TensorShape:
        return self.shape

    def value(self) -> Tensor:
        """Its value when the using operation runs; equal to the variable itself."""
        return self._snapshot

    def read_value(self) -> Tensor:
        """A new read, which the open control dependencies order."""
        return emit(self.graph, "identity", [self._variable], name="read")

    def initialized_value(self) -> Tensor:
        """The tensor of its initial value, for the initial values of other variables."""
        return self._initial

    def assign(self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Tensor:
        """Gives it a new value, which is the result."""
        return assign(self, value, name=name)

    def assign_add(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Tensor:
        """Adds to it; the result is the new value."""
        return assign_add(self, delta, name=name)

    def assign_sub(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Tensor:
        """Subtracts from it; the result is the new value."""
        return assign_sub(self, delta, name=name)

    def eval(self, session: BaseSession | None = None) -> Any:
        """Its value in the given or the default session."""
        return session_for(session, self.graph, "eval variable").run(self)

    def load(self, value: Any, session: BaseSession | None = None) -> None:
        """Gives it a value in the given or the default session."""
        session_for(session, self.graph, "load variable").run(self._initializer, {self._initial: value})

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}_ref>"


def initial_values(graph: Graph, value: Value) -> Value:
    """The value with the initial value of each variable in the place of the variable; itself where there is none."""
    copies: dict[Value, Value] = {}

    def copy(v: Value) -> Value:
        if v not in copies:
            copies[v] = fresh(v.node, v)
        return copies[v]

    def fresh(node: Node, v: Value) -> Value:
        if node in graph.variables:
            return graph.variables[node].initial_value.ir_value
        operands = [copy(operand) for operand in node.operands]
        if all(a is b for a, b in zip(operands, node.operands, strict=True)):
            return v
        name = node.name.rpartition("/")[2] + "/initial"
        return graph.ir.add(node.op, operands, node.attrs, name=name, regions=node.regions).results[v.index]

    return copy(value)


def _assign(op: str, ref: Any, value: Any, name: str) -> Tensor:
    target = ref._as_graph_element() if hasattr(ref, "_as_graph_element") else ref
    if not is_tensor_like(target) or _variable_of(target.ir_value) is None:
        raise TypeError(f"{op} takes a variable, got {ref!r}")
    graph: Graph = target.graph
    variable = graph.tensor(_variable_of(target.ir_value))  # type: ignore[arg-type]
    before = (target,) if target is not variable else ()
    with graph.control_dependencies(before):
        return emit(graph, op, [variable, value], name=name, args=("ref", "value"), dtype=target.ir_value.type.dtype)


def _variable_of(value: Value) -> Value | None:
    """The variable that a value reads or has just been given."""
    while value.node.op.name in ("identity", "assign", "assign_add", "assign_sub"):
        value = value.node.operands[0]
    return value if value.node.op.name == "variable" else None


def assign(
    ref: Any, value: Any, validate_shape: bool | None = None, use_locking: bool | None = None, name: str | None = None
) -> Tensor:
    """Gives a variable a value of its dtype and shape, which is the result."""
    return _assign("assign", ref, value, name or "Assign")


def assign_add(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Tensor:
    """Adds to a variable; the result is the new value."""
    return _assign("assign_add", ref, value, name or "AssignAdd")


def assign_sub(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Tensor:
    """Subtracts from a variable; the result is the new value."""
    return _assign("assign_sub", ref, value, name or "AssignSub")


def variables_initializer(var_list: Sequence[Variable], name: str = "init") -> Operation:
    """An operation that initialises the variables."""
    return group(*[v.initializer for v in var_list], name=name) if var_list else no_op(name)


def global_variables(scope: str | None = None) -> list[Variable]:
    """The variables of the default graph that no collection argument put elsewhere."""
    return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[Variable]:
    """The variables of the collection LOCAL_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[Variable]:
    """The variables of the collection MODEL_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.MODEL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Variable]:
    """The variables that optimisers train."""
    return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def global_variables_initializer() -> Operation:
    """An operation that initialises all global variables."""
    return variables_initializer(global_variables(), "init")


def local_variables_initializer() -> Operation:
    """An operation that initialises all local variables."""
    return variables_initializer(local_variables(), "init")


def tables_initializer(name: str = "init_all_tables") -> Operation:
    """An operation that does nothing: there are no tables."""
    return no_op(name)
