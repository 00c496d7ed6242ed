"""The nest of the place of the largest element of a long row: first the block that holds it, then its place there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfc.ir.expr import At, Const, Expr, Load, cast, identity, prim, select
from tfc.ir.graph import Node, Value
from tfc.ir.index import Dim, Index, floordiv, minimum
from tfc.ir.kernel import Accumulate, Alloc, Body, Buffer, Store
from tfc.ir.ops.reduce import LONG_ROW
from tfc.ir.types import DType, Shape, float32, int32, int64

from .stages import Stage, StageBuilder

MANY = 16
"""Blocks in a row from which on they are longer, so that less is done once for each."""


def row_arg(b: StageBuilder, node: Node, value: Value) -> Stage:
    """Each element is read once, and those of one block once more; shown for the largest.

        for row {
          for block { t[block] = max(x in block) }  m = max(t)
          f = the first block with t[f] = m or NaN  p = the first place in it with x = m or NaN
          y = start of block f + p
        }

    The last block begins early enough to be whole: what it shares with the block before it is found in that one.
    """
    nest = _Nest(b, node)
    rows, at = b.domain(value.type.dims, "i")
    return Stage(value, b.nest(rows, nest.row(b.plan.names[value], at, value.type.dtype)), len(rows), rows, b.loads)


class _Nest:
    """The statements of one row."""

    def __init__(self, b: StageBuilder, node: Node) -> None:
        (self.x,) = node.operands
        self.b, self.combiner = b, node.attrs["combiner"]
        dtype, self.length = self.x.type.dtype, self.x.type.dims[-1]
        many = isinstance(self.length, int) and self.length >= MANY * LONG_ROW
        self.size = 4 * LONG_ROW if many else LONG_ROW
        self.count = floordiv(self.length + (self.size - 1), self.size)
        self.of = float32 if dtype.is_float and dtype.bits == 16 else dtype
        self.tops = self.local("tops", self.of, (self.count,))
        self.best = self.local("best", self.of, ())

    def local(self, name: str, dtype: DType, shape: Shape) -> Buffer:
        return Buffer(self.b.plan.fresh(f"{self.b.prefix}{name}"), dtype, shape, "local", "stack")

    def loop(self, label: str, extent: Dim, statement: Callable[[Dim], Body]) -> Body:
        name = self.b.loop(label, extent)
        return self.b.nest([name], statement(Index.symbol(name)))

    def start(self, block: Dim) -> Dim:
        return minimum(block * self.size, self.length - self.size)

    def element(self, at: Shape, block: Dim, place: Dim) -> Expr:
        return cast(self.b.element(self.x, (*at, self.start(block) + place)), self.of)

    def top(self, block: Dim) -> Expr:
        return Load(self.of, self.tops.name, (block,))

    def row(self, result: str, at: Shape, dtype: DType) -> Body:
        block, place = self.local("block", int64, ()), self.local("place", int32, ())
        body = self.extremes(at) + self.first(block, self.count, self.top)
        found = prim("max", prim("min", Load(int64, block.name, ()), At(self.count - 1)), 0)
        chosen = self.b.let(found, 0, self.count - 1)
        body += self.b.take_lets()
        body += self.first(place, self.size, lambda k: self.element(at, chosen, k))
        where = At(self.start(chosen)) + cast(Load(int32, place.name, ()), int64)
        body += (Store(result, at, cast(where, dtype)),)
        return (*map(Alloc, (self.tops, self.best, block, place)), *body)

    def extremes(self, at: Shape) -> Body:
        """The extreme of each block, and that of all."""
        none = identity(self.combiner, self.of)

        def block(c: Dim) -> Body:
            def each(k: Dim) -> Body:
                return (Accumulate(self.tops.name, (c,), self.element(at, c, k), self.combiner),)

            return (Store(self.tops.name, (c,), none), *self.loop("k", self.size, each))

        def all_blocks(c: Dim) -> Body:
            return (Accumulate(self.best.name, (), self.top(c), self.combiner),)

        body = self.loop("c", self.count, block)
        return (*body, Store(self.best.name, (), none), *self.loop("m", self.count, all_blocks))

    def first(self, to: Buffer, count: Dim, element: Callable[[Dim], Expr]) -> Body:
        """The first place of so many where the element is the extreme or NaN."""
        nowhere = Const(to.dtype, int(np.iinfo(to.dtype.np).max))

        def each(k: Dim) -> Body:
            x = element(k)
            hit = prim("eq", x, Load(self.of, self.best.name, ()))
            hit = prim("or", hit, prim("ne", x, x)) if self.of.is_float else hit
            return (Accumulate(to.name, (), select(hit, cast(At(k), to.dtype), nowhere), "min"),)

        return (Store(to.name, (), nowhere), *self.loop("f", count, each))
