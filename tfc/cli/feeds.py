"""The shapes that what is dumped is compiled for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tfc.ir.errors import ShapeError
from tfc.ir.graph import Graph, Value
from tfc.ir.index import Dim, Index, subs, symbols_of

Shape = tuple[int, ...]

EXAMPLE = 100
"""The size of a dim that is left open, where nothing says another."""


def placeholders(graph: Graph) -> tuple[Value, ...]:
    """What a graph is fed, in order."""
    return tuple(n.results[0] for n in graph.nodes if n.op.name == "placeholder")


def parse_shape(text: str) -> tuple[str, Shape]:
    """The name and the shape that `NAME=100,784` gives; `NAME=` is a scalar. Raises ValueError."""
    name, equals, dims = text.partition("=")
    shape = tuple(int(d) for d in dims.split(",")) if dims else ()
    if not name or not equals or any(d < 0 for d in shape):
        raise ValueError(text)
    return name, shape


def completed(feeds: Sequence[Value], shapes: Sequence[Shape | None]) -> list[Shape]:
    """The shapes of all feeds, with sizes for the dims that are open where a shape is not known.

    An open dim is as large as one at the same place in a shape that is known, the batch as a rule, else EXAMPLE. Raises
    ShapeError for a shape that the feed does not take, and for one that nothing tells the rank of.
    """
    known: dict[str | int, int] = {}
    for v, shape in zip(feeds, shapes, strict=True):
        for axis, d, n in _open_dims(v, shape):
            known.setdefault(str(d), n)
            known.setdefault(axis, n)
    return [_example(v, known) if s is None else s for v, s in zip(feeds, shapes, strict=True)]


def _open_dims(v: Value, shape: Shape | None) -> Iterator[tuple[int, Index, int]]:
    """The open dims of a feed of a known shape: axis, dim and size."""
    mine = v.type.shape
    if mine is None or shape is None:
        return
    pairs = list(zip(mine, shape, strict=False))
    if len(mine) != len(shape) or any(isinstance(d, int) and d != n for d, n in pairs):
        raise ShapeError(f"{v.node.name} at {v.node.loc} is {v.type}: it takes no shape {list(shape)}")
    yield from ((axis, d, n) for axis, (d, n) in enumerate(pairs) if isinstance(d, Index))


def _example(v: Value, known: Mapping[str | int, int]) -> Shape:
    if v.type.shape is None:
        raise ShapeError(
            f"{v.node.name} at {v.node.loc} may be of any rank: say what it is fed, as in --shape {v.node.name}=100,784"
        )
    return tuple(_size(d, axis, known) for axis, d in enumerate(v.type.shape))


def _size(d: Dim, axis: int, known: Mapping[str | int, int]) -> int:
    if isinstance(d, int):
        return d
    found = subs(d, {name: known.get(name, known.get(axis, EXAMPLE)) for name in symbols_of(d)})
    assert isinstance(found, int)
    return found
