"""What a picture of a graph shows: a box for each node, result and update, and arrows between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfc.ir.attr_text import print_attr
from tfc.ir.graph import Graph, Node, Value

_UNSAID = frozenset({"dtype", "key", "shape"})
"""Attributes that the type says already, or that are shown in another way."""
_LONGEST = 40
"""Characters of a line; a longer one is cut."""


@dataclass(frozen=True)
class Box:
    """`kind` is `feed`, `variable`, `constant`, `contract` (a kernel template), `reduce`, `op`, or `end`."""

    title: str
    lines: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class Arrow:
    """From box to box by their numbers; a control dependency is `weak`."""

    start: int
    end: int
    weak: bool = False


@dataclass(frozen=True)
class Picture:
    """Boxes in an order in which arrows point forward."""

    name: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def picture_of(graph: Graph) -> Picture:
    """The picture of a graph. What a region computes is not drawn; its node says how many it has."""
    boxes = [_box(node) for node in graph.nodes]
    place = {node: k for k, node in enumerate(graph.nodes)}
    arrows = [Arrow(place[v.node], k) for node, k in place.items() for v in node.operands]
    arrows += [Arrow(place[c], k, weak=True) for node, k in place.items() for c in node.control]
    for title, value in _ends(graph):
        arrows.append(Arrow(place[value.node], len(boxes)))
        boxes.append(Box(title, (), "end"))
    return Picture(graph.name, tuple(boxes), tuple(dict.fromkeys(arrows)))


def _ends(graph: Graph) -> Iterator[tuple[str, Value]]:
    for k, value in enumerate(graph.outputs):
        yield "return" if len(graph.outputs) == 1 else f"return {k}", value
    for variable, value in graph.updates:
        yield f"update {variable.node.name}", value


def _box(node: Node) -> Box:
    op = node.op
    title = _constant(node.attrs["value"]) if op.name == "constant" else " ".join((op.name, *_said(node.attrs)))
    lines = [str(v.type) for v in node.results]
    if node.name != op.name:
        lines.append(node.name)
    if node.regions:
        lines.append(f"{len(node.regions)} regions")
    return Box(_cut(title), tuple(map(_cut, lines)), _kind(node))


def _kind(node: Node) -> str:
    fixed = {"placeholder": "feed", "variable": "variable", "transposed_variable": "variable", "constant": "constant"}
    if node.op.name in fixed:
        return fixed[node.op.name]
    if node.op.template is not None:
        return "contract"
    return "reduce" if node.op.combiner is not None else "op"


def _said(attrs: dict[str, Any]) -> Iterator[str]:
    """The attributes that say something: not those that are off, nor what the type says."""
    for name, value in attrs.items():
        if name in _UNSAID or value is None or value is False:
            continue
        yield name if value is True else f"{name}={print_attr(value)}"


def _constant(value: np.ndarray[Any, Any]) -> str:
    """A constant as a number, where it is the same number everywhere."""
    if not value.size or not (value == value.flat[0]).all():
        return "constant"
    return f"{value.flat[0]:.8g}" if value.dtype.kind == "f" else str(value.flat[0])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
