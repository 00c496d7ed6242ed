"""The shapes that what is dumped is compiled for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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

    An open dim is as large as one in a shape that is known, the batch as a rule, else EXAMPLE. Raises ShapeError for a
    shape that the feed does not take, and for one that nothing tells the rank of.
    """
    sizes: dict[str, int] = {}
    for v, shape in zip(feeds, shapes, strict=True):
        if shape is not None:
            sizes.update(_sizes(v, shape))
    example = next(iter(sizes.values()), EXAMPLE)
    return [_example(v, sizes, example) if s is None else s for v, s in zip(feeds, shapes, strict=True)]


def _sizes(v: Value, shape: Shape) -> Mapping[str, int]:
    """What a shape says of the open dims of a feed."""
    known = v.type.shape
    if known is None:
        return {}
    pairs = list(zip(known, shape, strict=False))
    if len(known) != len(shape) or any(isinstance(d, int) and d != n for d, n in pairs):
        raise ShapeError(f"{v.node.name} at {v.node.loc} is {v.type}: it takes no shape {list(shape)}")
    return {str(d): n for d, n in pairs if isinstance(d, Index)}


def _example(v: Value, sizes: Mapping[str, int], example: int) -> Shape:
    if v.type.shape is None:
        raise ShapeError(
            f"{v.node.name} at {v.node.loc} may be of any rank: say what it is fed, as in --shape {v.node.name}=100,784"
        )
    return tuple(_size(d, sizes, example) for d in v.type.shape)


def _size(d: Dim, sizes: Mapping[str, int], example: int) -> int:
    found = subs(d, {name: sizes.get(name, example) for name in symbols_of(d)}) if isinstance(d, Index) else d
    assert isinstance(found, int)
    return found
