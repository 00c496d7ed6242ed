"""The textual form of graphs: `parse_graph(print_graph(g))` is `g`, names and lines included.

    graph @main {
      %x = placeholder() {dtype = float32, shape = [d0, 784]} : float32[d0, 784] @ "train.py":12
      %w = constant() {value = tensor<float32[784, 10]>[0.0, ...]} : float32[784, 10]
      %layer/logits = matmul(%x, %w) {transpose_a = false, transpose_b = false} : float32[d0, 10] after %x
      return %layer/logits
      update %w = %new
    }

A node with several results is `%a:0, %a:1 = split(%x) {…} : (float32[2], float32[2])`, and its results are written
`%a:0`; one with none is `%a = print(%x) : ()`. Regions stand behind the rest as `regions { graph @body { … } }`. A name
of other characters than letters, digits and `_ . / -` is quoted: `%"a name"`. Attributes are as in `attr_text`.
A value is defined before it is used, so a cycle cannot be written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import ops as _ops  # noqa: F401  (fills the registry)
from .attr_text import print_attr, read_attr, read_type
from .errors import ParseError
from .graph import UNKNOWN, Graph, Loc, Node, Value
from .lexer import Lexer, Token, quote
from .op import REGISTRY, Op, Shapes
from .types import TensorType
from .verify import RULE_ERRORS, bind_rule

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./\-]*", re.ASCII)


def print_graph(graph: Graph, locations: bool = True) -> str:
    """A graph as text, with a newline at its end; `locations` says whether the user's lines are written."""
    return "\n".join(_graph_lines(graph, locations)) + "\n"


def _graph_lines(graph: Graph, locations: bool) -> Iterator[str]:
    yield f"graph @{_name(graph.name)} {{"
    for node in graph.nodes:
        line = _node_line(node, locations)
        yield f"  {line}{' regions {' if node.regions else ''}"
        for region in node.regions:
            yield from (f"    {inner}" for inner in _graph_lines(region, locations))
        if node.regions:
            yield "  }"
    yield f"  return {', '.join(map(_ref, graph.outputs))}".rstrip()
    for variable, value in graph.updates:
        yield f"  update {_ref(variable)} = {_ref(value)}"
    yield "}"


def _node_line(node: Node, locations: bool) -> str:
    parts = [f"{', '.join(map(_ref, node.results)) or '%' + _name(node.name)} = {node.op.name}"]
    parts.append(f"({', '.join(map(_ref, node.operands))})")
    if node.attrs:
        parts.append(f" {{{', '.join(f'{key} = {print_attr(value)}' for key, value in node.attrs.items())}}}")
    types = [str(v.type) for v in node.results]
    parts.append(f" : {types[0] if len(types) == 1 else '(' + ', '.join(types) + ')'}")
    if node.control:
        parts.append(f" after {', '.join('%' + _name(c.name) for c in node.control)}")
    if locations and node.loc != UNKNOWN:
        parts.append(f" @ {quote(node.loc.file)}:{node.loc.line}")
    return "".join(parts)


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else quote(name)


def _ref(value: Value) -> str:
    index = f":{value.index}" if len(value.node.results) > 1 else ""
    return f"%{_name(value.node.name)}{index}"


def parse_graph(text: str, shapes: Shapes | None = None) -> Graph:
    """The graph that a text says; `shapes` are the rules for unknown dims that its types were inferred with.

    Raises ParseError with line and column for malformed text, an unknown op, a value that is not defined above its use,
    a second definition of a name, attributes that the op does not declare, operands it does not take, and a type that
    is not the inferred one.
    """
    lexer = Lexer(text)
    graph = _Parser(lexer, shapes or Shapes()).graph(None)
    lexer.end()
    return graph


class _Parser:
    """Reads graphs by recursive descent over regions only."""

    def __init__(self, lexer: Lexer, shapes: Shapes) -> None:
        self.lexer = lexer
        self.shapes = shapes

    def graph(self, parent: Graph | None) -> Graph:
        lexer = self.lexer
        lexer.expect("graph")
        graph = Graph(self.name("@"), parent)
        graph.shapes = self.shapes
        lexer.expect("{")
        while lexer.at("%"):
            self.node(graph)
        lexer.expect("return")
        graph.outputs = self.list(lambda: self.value(graph)) if lexer.at("%") else []
        while lexer.accept("update"):
            variable = self.value(graph)
            lexer.expect("=")
            graph.updates.append((variable, self.value(graph)))
        lexer.expect("}")
        return graph

    def list(self, item: Callable[[], Any]) -> list[Any]:
        items = [item()]
        while self.lexer.accept(","):
            items.append(item())
        return items

    def name(self, mark: str) -> str:
        """A name behind its mark: one string, or adjacent tokens that make up a plain name."""
        lexer = self.lexer
        lexer.expect(mark)
        start = lexer.token
        if start.kind == "string":
            return lexer.string()
        match = _PLAIN.match(lexer.text, start.position)
        end = start
        if match is None:
            raise lexer.error(f"a name behind '{mark}'")
        while lexer.token.position < match.end() and lexer.token.kind != "end":
            end = lexer.take()
        if end.position + len(end.text) != match.end():
            raise lexer.error(f"a name behind '{mark}'", start)
        return match.group()

    def value(self, graph: Graph) -> Value:
        start = self.lexer.token
        name = self.name("%")
        index = self.index()
        if name not in graph:
            raise self.wrong("a value defined above (values stand before their users: no cycle can be written)", start)
        results = graph[name].results
        if index is None and len(results) > 1:
            raise self.wrong(f"which of the {len(results)} results it is, as in %{_name(name)}:0", start)
        if (index or 0) >= len(results):
            raise self.wrong(f"one of the {len(results)} results", start)
        return results[index or 0]

    def index(self) -> int | None:
        return self.lexer.integer("the number of a result") if self.lexer.accept(":") else None

    def control(self, graph: Graph) -> Node:
        start = self.lexer.token
        name = self.name("%")
        if name not in graph:
            raise self.wrong("a node defined above (no cycle can be written)", start)
        return graph[name]

    def node(self, graph: Graph) -> None:
        lexer = self.lexer
        start = lexer.token
        name, count = self.results(graph)
        lexer.expect("=")
        at = lexer.token
        op = self.op()
        operands = lexer.sequence(lambda: self.value(graph), "(", ")")
        attrs = self.attrs(op)
        lexer.expect(":")
        at_type = lexer.token
        types = self.types()
        control = self.list(lambda: self.control(graph)) if lexer.accept("after") else []
        loc = self.location()
        regions = self.regions(graph)
        node = self.add(graph, op, operands, attrs, at, name=name, loc=loc, control=control, regions=regions)
        inferred = tuple(v.type for v in node.results)
        if types != inferred:
            found = ", ".join(map(str, types))
            raise lexer.error(
                f"the inferred type {', '.join(map(str, inferred)) or '()'}", Token("mark", found, at_type.position)
            )
        if count is not None and count != len(types):
            raise lexer.error(f"{len(types)} results", Token("mark", str(count), start.position))

    def results(self, graph: Graph) -> tuple[str, int | None]:
        """The node's name and the number of results listed, None where they are not numbered."""
        start = self.lexer.token
        name = self.name("%")
        if name in graph:
            raise self.wrong("a name that is not taken", start)
        if self.index() is None:
            return name, None
        count = 1
        while self.lexer.accept(","):
            at = self.lexer.token
            if self.name("%") != name or self.index() != count:
                raise self.wrong(f"%{_name(name)}:{count}", at)
            count += 1
        return name, count

    def op(self) -> Op:
        start = self.lexer.token
        name = self.lexer.name("an op")
        if name not in REGISTRY:
            raise self.lexer.error("a known op", start)
        return REGISTRY[name]

    def attrs(self, op: Op) -> dict[str, Any]:
        lexer = self.lexer
        start = lexer.token
        pairs = lexer.sequence(self.attr, "{", "}") if lexer.at("{") else ()
        attrs = dict(pairs)
        if len(attrs) < len(pairs) or attrs.keys() != set(op.attrs):
            found = ", ".join(key for key, _ in pairs) or "none"
            raise lexer.error(
                f"the attributes of {op} ({', '.join(op.attrs) or 'none'})", Token("mark", found, start.position)
            )
        return attrs

    def attr(self) -> tuple[str, Any]:
        name = self.lexer.name("an attribute")
        self.lexer.expect("=")
        return name, read_attr(self.lexer)

    def types(self) -> tuple[TensorType, ...]:
        if self.lexer.at("("):
            return self.lexer.sequence(lambda: read_type(self.lexer), "(", ")")
        return (read_type(self.lexer),)

    def location(self) -> Loc:
        lexer = self.lexer
        if not lexer.accept("@"):
            return UNKNOWN
        file = lexer.string("a file's name")
        lexer.expect(":")
        return Loc(file, lexer.integer("a line"))

    def regions(self, graph: Graph) -> Sequence[Graph]:
        found: list[Graph] = []
        if self.lexer.accept("regions"):
            with self.lexer.nested():
                self.lexer.expect("{")
                while not self.lexer.accept("}"):
                    found.append(self.graph(graph))
        return found

    def add(
        self, graph: Graph, op: Op, operands: tuple[Value, ...], attrs: dict[str, Any], at: Token, **rest: Any
    ) -> Node:
        try:
            bind_rule(op, tuple(v.type for v in operands), attrs, self.shapes)
            return graph.add(op, operands, attrs, **rest)
        except RULE_ERRORS as error:
            raise self.lexer.error(f"operands and attributes that {op} takes ({error})", at) from None

    def wrong(self, expected: str, start: Token) -> ParseError:
        """An error over the text from a token to the last one taken."""
        last = self.lexer.tokens[self.lexer.place - 1]
        found = self.lexer.text[start.position : last.position + len(last.text)]
        return self.lexer.error(expected, Token("mark", found, start.position))
