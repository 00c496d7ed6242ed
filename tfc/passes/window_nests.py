"""The nests of convolutions and of pools: each fills its value, then goes once over windows in one perfect nest.

The operands lie in memory with their channels last, so that every access is affine in the loops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfc.ir.expr import At, Expr, cast, identity, lit, select
from tfc.ir.graph import Node, Value
from tfc.ir.index import Dim, floordiv
from tfc.ir.kernel import Accumulate, Body, If, Store
from tfc.ir.types import Shape, int32

from .stages import Stage, StageBuilder
from .totals import Total


def _filled(b: StageBuilder, total: Total, combiner: str) -> Body:
    """The neutral element of a combiner everywhere."""
    loops, at = b.domain(total.value.type.dims, "z")
    return b.nest(loops, (Store(*total.at(at, at), identity(combiner, total.of)),))


def _taken(node: Node, windows: Sequence[Dim], taps: Sequence[Dim]) -> Shape:
    """The spatial index of one element of one window."""
    strides, dilations = node.attrs["strides"], node.attrs["dilations"]
    return tuple(o * s + k * d for o, s, k, d in zip(windows, strides, taps, dilations, strict=True))


def _inside(node: Node, index: Shape, x: Value) -> list[Expr]:
    """The conditions under which a spatial index reads an operand and not what its padding adds."""
    conditions = []
    for i, size, (before, after) in zip(index, x.type.dims[1:-1], node.attrs["pairs"], strict=True):
        if before != 0:
            conditions.append(At(i) >= At(0))
        if after != 0:
            conditions.append(At(i) < At(size))
    return conditions


def _unpadded(node: Node, index: Shape) -> Shape:
    return tuple(i - before for i, (before, _) in zip(index, node.attrs["pairs"], strict=True))


def _under(conditions: Sequence[Expr], body: Body) -> Body:
    for condition in reversed(conditions):
        body = (If(condition, body),)
    return body


def _group(b: StageBuilder, groups: int) -> tuple[str, Dim]:
    """The loop over groups, "" for one, and its index."""
    (loop,), (g,) = b.domain((groups,), "g")
    return loop, g


def conv(b: StageBuilder, node: Node, value: Value) -> Stage:
    """Batch, places, group, filters around the window and the channels of the group."""
    x, w = node.operands
    batch, *counts, filters = value.type.dims
    *window, inner, _ = w.type.dims
    groups = node.attrs["groups"]
    each = floordiv(filters, groups)
    total = Total(b, value, value.type.dims)
    zero = _filled(b, total, "add")
    loops, (n, *places) = b.domain((batch, *counts), "i")
    group, g = _group(b, groups)
    (f_loop,), (f,) = b.domain((each,), "f")
    taps, tap = b.domain(tuple(window), "k")
    (c_loop,), (c,) = b.domain((inner,), "c")
    space = _unpadded(node, _taken(node, places, tap))
    left = b.element(x, (n, *space, g * inner + c))
    right = b.element(w, (*tap, c, g * each + f))
    at = (n, *places, g * each + f)
    add = Accumulate(*total.at(at, at), cast(left, total.of) * cast(right, total.of))
    sums = b.nest([*loops, group, f_loop, *taps, c_loop], _under(_inside(node, space, x), (*b.take_lets(), add)))
    return Stage(value, (*total.alloc(), *zero, *sums, *total.rounded_all(b)), len(loops), (*loops, f_loop), b.loads)


def conv_filter(b: StageBuilder, node: Node, value: Value) -> Stage:
    """Window, channels, group and filters around batch and places."""
    x, dy = node.operands
    *window, inner, filters = value.type.dims
    batch, *counts, _ = dy.type.dims
    groups = node.attrs["groups"]
    each = floordiv(filters, groups)
    total = Total(b, value, value.type.dims)
    zero = _filled(b, total, "add")
    loops, (*tap, c) = b.domain((*window, inner), "i")
    group, g = _group(b, groups)
    (f_loop,), (f,) = b.domain((each,), "f")
    over, (n, *places) = b.domain((batch, *counts), "o")
    space = _unpadded(node, _taken(node, places, tap))
    left = b.element(x, (n, *space, g * inner + c))
    right = b.element(dy, (n, *places, g * each + f))
    at = (*tap, c, g * each + f)
    add = Accumulate(*total.at(at, at), cast(left, total.of) * cast(right, total.of))
    sums = b.nest([*loops, group, f_loop, *over], _under(_inside(node, space, x), (*b.take_lets(), add)))
    return Stage(value, (*total.alloc(), *zero, *sums, *total.rounded_all(b)), 0, (*loops, f_loop), b.loads)


Elements = Callable[[Shape, Shape, Expr], Expr]
"""What a window takes: from the index of the window, the index of an element and that one's number in the window."""


def _windows(b: StageBuilder, node: Node, shape: Shape) -> tuple[tuple[str, ...], tuple[str, ...], Shape, Shape, Expr]:
    """Loops over windows and over the elements of one, the index of both, and the number of the element, an int32.

    `shape` has a window for each of its elements.
    """
    loops, at = b.domain(shape, "i")
    taps, tap = b.domain(node.attrs["window"], "k")
    number: Dim = 0
    for k, size in zip(tap, node.attrs["window"], strict=True):
        number = number * size + k
    index = (at[0], *_taken(node, at[1:-1], tap), at[-1])
    return loops, taps, at, index, cast(At(number), int32)


def _gathered(b: StageBuilder, node: Node, value: Value, combiner: str, element: Elements) -> Stage:
    """For each window its elements put together."""
    total = Total(b, value, value.type.dims)
    zero = _filled(b, total, combiner)
    loops, taps, at, index, number = _windows(b, node, value.type.dims)
    body = Accumulate(*total.at(at, at), cast(element(at, index, number), total.of), combiner)
    sums = b.nest([*loops, *taps], (*b.take_lets(), body))
    rows = len(loops) - 1
    return Stage(value, (*total.alloc(), *zero, *sums, *total.rounded_all(b)), rows, loops, b.loads)


def window_reduce(b: StageBuilder, node: Node, value: Value) -> Stage:
    (x,) = node.operands
    return _gathered(b, node, value, node.attrs["combiner"], lambda at, index, number: b.element(x, index))


def window_first(b: StageBuilder, node: Node, value: Value) -> Stage:
    x, y = node.operands
    nowhere = identity("min", int32)

    def element(at: Shape, index: Shape, number: Expr) -> Expr:
        here = b.element(x, index)
        hit = here.eq(b.element(y, at)) | here.ne(here)
        return select(hit, number, nowhere)

    return _gathered(b, node, value, "min", element)


def window_pick(b: StageBuilder, node: Node, value: Value) -> Stage:
    x, first = node.operands

    def element(at: Shape, index: Shape, number: Expr) -> Expr:
        return select(b.element(first, at).eq(number), b.element(x, index), lit(0, x.type.dtype))

    return _gathered(b, node, value, "add", element)


def window_place(b: StageBuilder, node: Node, value: Value) -> Stage:
    """Each window adds to its elements."""
    dy, *first = node.operands
    total = Total(b, value, value.type.dims)
    zero = _filled(b, total, "add")
    loops, taps, at, index, number = _windows(b, node, dy.type.dims)
    given = b.element(dy, at)
    if first:
        given = select(b.element(first[0], at).eq(number), given, lit(0, dy.type.dtype))
    body = Accumulate(*total.at(index, index), cast(given, total.of))
    sums = b.nest([*loops, *taps], (*b.take_lets(), body))
    return Stage(value, (*total.alloc(), *zero, *sums, *total.rounded_all(b)), 1, (loops[0], "", "", ""), b.loads)


Template = Callable[[StageBuilder, Node, Value], Stage]
WINDOW_TEMPLATES: dict[str, Template] = {
    "conv": conv,
    "conv_filter": conv_filter,
    "window_reduce": window_reduce,
    "window_first": window_first,
    "window_pick": window_pick,
    "window_place": window_place,
}
