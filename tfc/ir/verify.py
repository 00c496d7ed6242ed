"""What holds for every graph, checked: order, use lists, names, attributes, types and what the graph gives."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from .errors import TfcError, VerifyError
from .graph import Graph, Node, Value, infer_types
from .op import Op, Shapes
from .ops.state import VARIABLES
from .types import TensorType

RULE_ERRORS = (TfcError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError)
"""What a type rule may raise over a wrong number of operands or attributes of a wrong kind."""

AROUND = 2
"""How many nodes before and after the one at fault a message shows."""


def bind_rule(op: Op, types: tuple[TensorType, ...], attrs: Mapping[str, Any], shapes: Shapes) -> None:
    """Raises TypeError where the op does not take as many operands or these attributes."""
    inspect.signature(op.infer).bind(shapes, *types, **attrs)
    if op.scalar is not None:  # elementwise ops share a rule for any number of operands
        inspect.signature(op.scalar).bind(*types, **attrs)


def verify_graph(graph: Graph) -> None:
    """Raises VerifyError, with op, user's line and the nodes around, unless the graph and its regions are valid.

    Operands and control dependencies stand before their node and in its graph; use lists say once per operand who uses
    a value; names are unique and found by the graph; attributes are the declared ones; types are those that the op's
    rule infers; outputs and updates are of the graph, and an update is of a variable, once, in its dtype.
    """
    for place, node in enumerate(graph.nodes):
        for region in node.regions:
            verify_graph(region)
        for problem in _node_problems(graph, node):
            raise _failure(graph, place, problem)
    for place, problem in _order_problems(graph):
        raise _failure(graph, place, problem)
    for problem in _result_problems(graph):
        raise VerifyError(f"graph {graph.name}: {problem}")


def _failure(graph: Graph, place: int, problem: str) -> VerifyError:
    node = graph.nodes[place]
    low = max(place - AROUND, 0)
    shown = graph.nodes[low : place + AROUND + 1]
    around = "\n".join(f"{'>' if k == place else ' '} {n!r}" for k, n in enumerate(shown, low))
    return VerifyError(f"graph {graph.name}: {node.op.name} {node.name} at {node.loc}: {problem}\n{around}")


def _node_problems(graph: Graph, node: Node) -> Iterator[str]:
    if node.graph is not graph:
        yield f"it says that it belongs to graph {node.graph.name}"
    if node.name not in graph or graph[node.name] is not node:
        yield f"the graph does not find it by its name {node.name}"
    for k, v in enumerate(node.results):
        if v.node is not node or v.index != k:
            yield f"result {k} says that it is {v.name}"
    if node.attrs.keys() != set(node.op.attrs):
        yield f"expected attributes {_names(node.op.attrs)}, got {_names(node.attrs)}"
    types = tuple(v.type for v in node.operands)
    try:
        bind_rule(node.op, types, node.attrs, graph.shapes)
        inferred = infer_types(node.op, types, node.attrs, graph.shapes, node.loc)
    except RULE_ERRORS as error:
        yield f"its type rule fails: {error}"
        return
    declared = tuple(v.type for v in node.results)
    if declared != inferred:
        yield f"expected type {_names(inferred)}, got {_names(declared)}"


def _order_problems(graph: Graph) -> Iterator[tuple[int, str]]:
    seen: set[Node] = set()
    uses: dict[Value, Counter[Node]] = {}
    for place, node in enumerate(graph.nodes):
        if node in seen:
            yield place, "it stands in the graph twice"
        for v in node.operands:
            uses.setdefault(v, Counter())[node] += 1
            if v.node not in seen or v not in v.node.results:
                yield place, f"operand {v.name} is not defined above it"
        for c in node.control:
            if c not in seen:
                yield place, f"control dependency {c.name} is not above it"
        seen.add(node)
    for place, node in enumerate(graph.nodes):
        for v in node.results:
            expected, found = uses.get(v, Counter()), Counter(v.users)
            if expected != found:
                yield place, f"expected users of {v.name}: {_users(expected)}, got {_users(found)}"


def _result_problems(graph: Graph) -> Iterator[str]:
    nodes = set(graph.nodes)
    for k, v in enumerate(graph.outputs):
        if v.node not in nodes:
            yield f"output {k}, {v.name} at {v.node.loc}, is not of the graph"
    updated: set[Value] = set()
    for variable, v in graph.updates:
        where = f"update of {variable.name} at {variable.node.loc}"
        if variable.node not in nodes or v.node not in nodes:
            yield f"{where} with {v.name} is not of the graph"
        if variable.node.op not in VARIABLES:
            yield f"{where}: expected a variable, got {variable.node.op.name}"
        if variable.type.dtype != v.type.dtype:
            yield f"{where}: expected {variable.type}, got {v.type}"
        if variable in updated:
            yield f"{where} is the second of that variable"
        updated.add(variable)


def _names(items: Any) -> str:
    return f"({', '.join(map(str, items))})"


def _users(users: Counter[Node]) -> str:
    return ", ".join(sorted(n.name for n in users.elements())) or "none"
