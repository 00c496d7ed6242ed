"""When two attributes, or two graphs, are the same: by structure and exact content."""

from __future__ import annotations

import struct
from collections.abc import Hashable, Iterator
from itertools import zip_longest
from typing import Any

import numpy as np

from .arrays import repeated
from .graph import Graph, Node, Value


def attr_key(value: Any) -> Hashable:
    """A hashable stand-in for an attribute's value: equal for equal content only.

    Arrays and floats count by their bits, so that NaN equals itself and 0.0 differs from -0.0; `1`, `1.0` and `True`
    differ; a list counts as a tuple.
    """
    if isinstance(value, np.generic):
        value = value.item()
    match value:
        case np.ndarray():
            native = value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))
            one = repeated(native)
            return ("array", native.dtype.name, native.shape, (native if one is None else one).tobytes())
        case float():
            return ("float", struct.pack("<d", value))
        case tuple() | list():
            return ("tuple", *map(attr_key, value))
    return (type(value).__name__, value)


def attrs_key(node: Node) -> Hashable:
    """A hashable stand-in for all attributes of a node."""
    return tuple((name, attr_key(node.attrs[name])) for name in sorted(node.attrs))


def structurally_equal(a: Graph, b: Graph, *, names: bool = False) -> bool:
    """Whether two graphs have the same nodes in the same order, wired alike; `names` says that names count too.

    Lines of the user's program do not count.
    """
    return difference(a, b, names=names) is None


def difference(a: Graph, b: Graph, *, names: bool = False) -> str | None:
    """The first difference in structure, in words; None where there is none."""
    return next(_differences(a, b, names), None)


def _differences(a: Graph, b: Graph, names: bool) -> Iterator[str]:
    if names and a.name != b.name:
        yield f"the graphs are named {a.name} and {b.name}"
    places_a = {node: k for k, node in enumerate(a.nodes)}
    places_b = {node: k for k, node in enumerate(b.nodes)}
    for k, (m, n) in enumerate(zip_longest(a.nodes, b.nodes)):
        if m is None or n is None:
            yield f"node {k} is {m} and {n}"
            return
        for what, left, right in _facts(m, n, places_a, places_b, names):
            if left != right:
                yield f"node {k} ({m.name} and {n.name}): {what} {left} and {right}"
        for name in sorted(m.attrs.keys() & n.attrs.keys()):
            if attr_key(m.attrs[name]) != attr_key(n.attrs[name]):
                yield f"node {k} ({m.name} and {n.name}): {name} {m.attrs[name]!r} and {n.attrs[name]!r}"
        if len(m.regions) == len(n.regions):
            for r, s in zip(m.regions, n.regions, strict=True):
                yield from (f"in {m.name}: {text}" for text in _differences(r, s, names))
    if _refs(a.outputs, places_a) != _refs(b.outputs, places_b):
        yield "the outputs differ"
    if [_refs(pair, places_a) for pair in a.updates] != [_refs(pair, places_b) for pair in b.updates]:
        yield "the updates differ"


def _facts(
    m: Node, n: Node, places_a: dict[Node, int], places_b: dict[Node, int], names: bool
) -> Iterator[tuple[str, Any, Any]]:
    yield "op", m.op.name, n.op.name
    yield "types", [v.type for v in m.results], [v.type for v in n.results]
    yield "operands", _refs(m.operands, places_a), _refs(n.operands, places_b)
    yield "control", [places_a[c] for c in m.control], [places_b[c] for c in n.control]
    yield "number of regions", len(m.regions), len(n.regions)
    yield "names of attributes", sorted(m.attrs), sorted(n.attrs)
    if names:
        yield "name", m.name, n.name


def _refs(values: Any, places: dict[Node, int]) -> list[tuple[int, int]]:
    return [(places[v.node], v.index) for v in values if isinstance(v, Value)]
