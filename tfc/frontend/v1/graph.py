"""`tf.Graph`, `tf.Operation` and `tf.Tensor`: an IR graph under TF's names, scopes and collections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from tfc.frontend.location import user_line
from tfc.ir.graph import Graph as IRGraph
from tfc.ir.graph import Node, Value
from tfc.ir.index import Dim, Index
from tfc.ir.op import REGISTRY, Op
from tfc.ir.ops.common import constant
from tfc.ir.types import Shape, TensorType

from .dtypes import DTYPES, DType
from .errors import unsupported
from .lift import Array
from .operators import Operators
from .shapes import TensorShape, as_shape, from_ir
from .stacks import STACKS, pushed, session_for

if TYPE_CHECKING:
    from .session import BaseSession
    from .variables import Variable

_VALID_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/-]*")
_VALID_INNER_NAME = re.compile(r"[A-Za-z0-9_.\\/-]*")
_INERT = frozenset({"constant", "variable", "placeholder"})
"""Ops for which a control dependency means nothing."""
_TYPES = {
    "constant": "Const",
    "variable": "VariableV2",
    "matmul": "MatMul",
    "reduce_sum": "Sum",
    "reduce_mean": "Mean",
    "reduce_max": "Max",
    "reduce_min": "Min",
    "reduce_prod": "Prod",
    "stack": "Pack",
    "concat": "ConcatV2",
    "div": "RealDiv",
}
"""TF's types of operations where they are not the IR's name in capitals."""


class ScopedGraph(IRGraph):
    """An IR graph whose new nodes take their name and control dependencies from the scopes that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.locate = user_line
        self.scope = ""
        """The open name scope, without its final slash."""
        self.pending: tuple[Node, ...] = ()
        """The nodes that the open `control_dependencies` name."""
        self.count = 0
        """Number of nodes that TF would have made so far: its seeds depend on it."""
        self.finalized = False
        self._in_use: dict[str, int] = {}

    def unique_name(self, base: str) -> str:
        """`base` in the open scope, uniquified as TF does; a name that ends in a slash is taken as it is."""
        if not base.endswith("/"):
            return self.claim(base)
        name = base[:-1]
        if name in self:
            raise ValueError(f"Duplicate node name in graph: '{name}'")
        self._in_use.setdefault(name.lower(), 1)
        return name

    def claim(self, base: str) -> str:
        """A name in the open scope that nothing has had yet; case does not tell names apart."""
        valid = _VALID_INNER_NAME if self.scope else _VALID_NAME
        if not valid.fullmatch(base):
            raise ValueError(f"'{base}' is not a valid scope name")
        name = f"{self.scope}/{base}" if self.scope else base
        key = name.lower()
        count = self._in_use.get(key, 0)
        self._in_use[key] = count + 1
        if not count:
            return name
        candidate = key
        while candidate in self._in_use:
            candidate = f"{key}_{count}"
            count += 1
        self._in_use[candidate] = 1
        return f"{name}_{count - 1}"

    def add(self, op: Op, *args: Any, control: Sequence[Node] = (), **parts: Any) -> Node:
        if self.finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")
        implied = () if op.name in _INERT else tuple(n for n in self.pending if n not in control)
        node = super().add(op, *args, control=(*control, *implied), **parts)
        self.count += 1
        return node


class Operation:
    """A node of a graph."""

    __slots__ = ("graph", "node")

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph = graph
        self.node = node

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def type(self) -> str:
        """TF's name of the kind of operation, such as `MatMul`."""
        name = self.node.op.name
        return _TYPES.get(name) or "".join(part.capitalize() for part in name.split("_"))

    @property
    def inputs(self) -> list[Tensor]:
        return [self.graph.tensor(v) for v in self.node.operands]

    @property
    def outputs(self) -> list[Tensor]:
        return [self.graph.tensor(v) for v in self.node.results]

    @property
    def control_inputs(self) -> list[Operation]:
        return [self.graph.operation(n) for n in self.node.control]

    @property
    def device(self) -> str:
        return ""

    def values(self) -> tuple[Tensor, ...]:
        return tuple(self.outputs)

    def get_attr(self, name: str) -> Any:
        """An attribute of the IR op. Raises ValueError for a name that it does not have."""
        if name not in self.node.attrs:
            raise ValueError(f"Operation '{self.name}' has no attr named '{name}'.")
        return self.node.attrs[name]

    def run(self, feed_dict: Any = None, session: BaseSession | None = None) -> None:
        """Runs the operation in the given or the default session."""
        session_for(session, self.graph, "run operation").run(self, feed_dict)

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"


class Tensor(Operators):
    """A value of a graph."""

    __slots__ = ("graph", "ir_value")

    def __init__(self, graph: Graph, value: Value) -> None:
        self.graph = graph
        self.ir_value = value

    @property
    def name(self) -> str:
        return self.ir_value.name

    @property
    def op(self) -> Operation:
        return self.graph.operation(self.ir_value.node)

    @property
    def dtype(self) -> DType:
        return DTYPES[self.ir_value.type.dtype.name]

    @property
    def shape(self) -> TensorShape:
        return from_ir(self.ir_value.type.shape)

    @property
    def value_index(self) -> int:
        return self.ir_value.index

    @property
    def device(self) -> str:
        return ""

    def get_shape(self) -> TensorShape:
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Adds what is known of the shape; what uses the tensor from now on may rely on it, and a run checks it.

        Raises ValueError where it contradicts what is known.
        """
        merged = self.shape.merge_with(as_shape(shape))
        if merged.ndims is None or merged == self.shape:
            return
        node, known = self.ir_value.node, self.ir_value.type.shape
        if known is None and node.op.name == "placeholder":
            known = self.graph.ir_shape([None] * merged.ndims)
        if known is None and not merged.is_fully_defined():
            raise unsupported(f"set_shape({merged}) of {self.name} at {user_line()}: only the run knows its rank")
        old: Sequence[Dim] = known or (0,) * merged.ndims
        dims = tuple(o if d.value is None else d.value for d, o in zip(merged, old, strict=True))
        if node.op.name == "placeholder":
            node.attrs["shape"] = dims
            self.ir_value.type = TensorType(self.ir_value.type.dtype, dims)
            return
        with self.graph.name_scope(f"{node.name}/"), self.graph.counted(0):
            self.ir_value = REGISTRY["reshape"](self.ir_value, shape=dims, name="set_shape")
        self.graph.adopt(self)

    def consumers(self) -> list[Operation]:
        return [self.graph.operation(n) for n in dict.fromkeys(self.ir_value.users)]

    def eval(self, feed_dict: Any = None, session: BaseSession | None = None) -> Any:
        """The tensor's value in the given or the default session."""
        return session_for(session, self.graph, "eval tensor").run(self, feed_dict)

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={self.shape} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        shape = f", shape={self.shape}" if self.shape.ndims is not None else ""
        return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name})'


class Graph:
    """Operations and tensors under construction, their scopes, collections and seed."""

    def __init__(self) -> None:
        self.ir = ScopedGraph()
        self.seed: int | None = None
        self._operations: dict[Node, Operation] = {}
        self._tensors: dict[Value, Tensor] = {}
        self._collections: dict[Any, list[Any]] = {}
        self._dims = 0
        self.variables: dict[Node, Variable] = {}
        """The variables by their nodes."""

    # What wraps the IR.

    def tensor(self, value: Value) -> Tensor:
        """The one Tensor of a value."""
        found = self._tensors.get(value)
        if found is None:
            found = self._tensors[value] = Tensor(self, value)
        return found

    def adopt(self, tensor: Tensor) -> None:
        """Makes a tensor the one of the value that it has now."""
        self._tensors[tensor.ir_value] = tensor

    def operation(self, node: Node) -> Operation:
        """The one Operation of a node."""
        found = self._operations.get(node)
        if found is None:
            found = self._operations[node] = Operation(self, node)
        return found

    def constant(self, array: Array, name: str) -> Value:
        """A constant node; the name may be claimed (ending in a slash)."""
        return constant(graph=self.ir, name=name, value=array)

    def fresh_dim(self) -> Index:
        """A dim unknown until the run."""
        self._dims += 1
        return Index.symbol(f"d{self._dims - 1}")

    def ir_shape(self, shape: Any) -> Shape | None:
        """The IR's shape for a TensorShape or what stands for one; each unknown dim is a new symbol."""
        given = as_shape(shape)
        if given.ndims is None:
            return None
        dims: list[Dim] = [self.fresh_dim() if d.value is None else d.value for d in given]
        return tuple(dims)

    @contextmanager
    def counted(self, nodes: int) -> Iterator[None]:
        """Whatever is added inside the block counts as so many of TF's nodes."""
        before = self.ir.count
        yield
        self.ir.count = before + nodes

    @property
    def last_id(self) -> int:
        """Number of nodes that TF would have made so far."""
        return self.ir.count

    # Scopes.

    def as_default(self) -> AbstractContextManager[Graph]:
        """Makes it the graph that new operations go to inside the block."""
        return pushed(STACKS.graphs, self)

    @contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """A prefix of operations' names; a name ending in a slash opens that very scope, None the outermost."""
        before = self.ir.scope
        if not name:
            scope = ""
        elif name.endswith("/"):
            scope = name[:-1]
        else:
            scope = self.ir.claim(name)
        self.ir.scope = scope
        try:
            yield f"{scope}/" if scope else ""
        finally:
            self.ir.scope = before

    def get_name_scope(self) -> str:
        return self.ir.scope

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """The name that an operation of that name would get; claimed unless `mark_as_used` is false."""
        if mark_as_used:
            return self.ir.claim(name)
        before = dict(self.ir._in_use)
        try:
            return self.ir.claim(name)
        finally:
            self.ir._in_use = before

    @contextmanager
    def control_dependencies(self, control_inputs: Sequence[Any] | None) -> Iterator[None]:
        """Operations made inside the block run after the given ones; None lifts what the blocks around it ask for."""
        before = self.ir.pending
        if control_inputs is None:
            self.ir.pending = ()
        else:
            named = (self._node(x) for x in control_inputs)
            self.ir.pending = tuple(dict.fromkeys((*before, *named)))
        try:
            yield
        finally:
            self.ir.pending = before

    def _node(self, x: Any) -> Node:
        element = self.as_graph_element(x)
        return element.node if isinstance(element, Operation) else element.ir_value.node

    @contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        """Accepted; the runtime decides where a program runs."""
        yield

    @contextmanager
    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Iterator[None]:
        """Accepted; the runtime decides where a program runs."""
        yield

    # Look-up.

    def as_graph_element(self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
        """The tensor or operation that an object or a name stands for.

        Raises KeyError for an unknown name, ValueError for one of another graph or kind, TypeError for the rest.
        """
        found = self._named(obj) if isinstance(obj, str) else obj
        if hasattr(found, "_as_graph_element"):
            found = found._as_graph_element()
        kinds = [k for k, allowed in ((Tensor, allow_tensor), (Operation, allow_operation)) if allowed]
        wanted = " or ".join(k.__name__ for k in kinds)
        if not isinstance(found, (Tensor, Operation)):
            raise TypeError(f"Can not convert a {type(obj).__name__} into a {wanted}.")
        if not isinstance(found, tuple(kinds)):
            article = "an" if isinstance(found, Operation) else "a"
            raise ValueError(f"The name {found.name!r} refers to {article} {type(found).__name__}, not a {wanted}.")
        if found.graph is not self:
            raise ValueError(f"{wanted} {found!r} is not an element of this graph.")
        return found

    def _named(self, name: str) -> Tensor | Operation:
        op_name, colon, index = name.partition(":")
        if colon and not index.isdigit():
            raise ValueError(
                f"The name {name!r} looks like a Tensor name, but is not a valid one. Expected <op>:<index>."
            )
        kind = "a Tensor" if colon else "an Operation"
        if op_name not in self.ir:
            raise KeyError(
                f"The name {name!r} refers to {kind} which does not exist. "
                f"The operation, {op_name!r}, does not exist in the graph."
            )
        node = self.ir[op_name]
        if not colon:
            return self.operation(node)
        if int(index) >= len(node.results):
            raise KeyError(
                f"The name {name!r} refers to a Tensor which does not exist. "
                f"The operation, {op_name!r}, exists but only has {len(node.results)} outputs."
            )
        return self.tensor(node.results[int(index)])

    def get_tensor_by_name(self, name: str) -> Tensor:
        """The tensor `op:index`."""
        if not isinstance(name, str):
            raise TypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        tensor: Tensor = self.as_graph_element(name, allow_operation=False)
        return tensor

    def get_operation_by_name(self, name: str) -> Operation:
        """The operation of that name."""
        if not isinstance(name, str):
            raise TypeError(f"Operation names are strings (or similar), not {type(name).__name__}.")
        operation: Operation = self.as_graph_element(name, allow_tensor=False)
        return operation

    def get_operations(self) -> list[Operation]:
        """All operations in the order in which they were made."""
        return [self.operation(n) for n in self.ir.nodes]

    # Collections and state.

    def add_to_collection(self, name: Any, value: Any) -> None:
        self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        for name in dict.fromkeys((names,) if isinstance(names, str) else names):
            self.add_to_collection(name, value)

    def get_collection(self, name: Any, scope: str | None = None) -> list[Any]:
        """A copy of a collection; with `scope`, the items whose names begin with that regular expression."""
        items = self._collections.get(name, [])
        if not scope:
            return list(items)
        pattern = re.compile(scope)
        return [item for item in items if hasattr(item, "name") and pattern.match(item.name)]

    def get_collection_ref(self, name: Any) -> list[Any]:
        return self._collections.setdefault(name, [])

    def get_all_collection_keys(self) -> list[Any]:
        return [key for key in self._collections if isinstance(key, str)]

    def clear_collection(self, name: Any) -> None:
        self._collections.pop(name, None)

    def finalize(self) -> None:
        """Makes it read-only: a new operation raises RuntimeError."""
        self.ir.finalized = True

    @property
    def finalized(self) -> bool:
        return self.ir.finalized


def get_default_graph() -> Graph:
    """The graph of the innermost `as_default`, else the thread's own."""
    if STACKS.graphs:
        return STACKS.graphs[-1]
    if STACKS.fallback is None:
        STACKS.fallback = Graph()
    return STACKS.fallback


def reset_default_graph() -> None:
    """A new, empty default graph. Raises AssertionError inside `as_default`."""
    if STACKS.graphs:
        raise AssertionError("Do not use tf.reset_default_graph() to clear nested graphs.")
    STACKS.fallback = Graph()


def graph_of(*inputs: Any) -> Graph:
    """The graph of the first tensor among the inputs, else the default graph."""
    for x in inputs:
        if hasattr(x, "graph") and isinstance(x.graph, Graph):
            return x.graph
        if isinstance(x, (list, tuple)):
            inner = next((t.graph for t in x if hasattr(t, "graph") and isinstance(t.graph, Graph)), None)
            if inner is not None:
                return inner
    return get_default_graph()
