"""The nest of attention: softmax over blocks of keys, one row of queries after another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfc.ir.expr import At, Expr, Load, cast, identity, lit, prim, select
from tfc.ir.graph import Node, Value
from tfc.ir.index import Dim, Index, floordiv, minimum
from tfc.ir.kernel import Accumulate, Alloc, Body, Buffer, Store
from tfc.ir.op import broadcast_index
from tfc.ir.ops.attention import FIRST, stepped, sums_of
from tfc.ir.types import Shape

from .stages import Stage, StageBuilder

KEYS = 128
"""Keys of a block: the scores of a block of rows stay in the nearest cache."""


def attention(b: StageBuilder, node: Node, value: Value) -> Stage:
    """Softmax of a block of keys by the largest score so far; what was summed before is scaled when that grows.

        for row {
          m = -inf  l = 0  o = 0
          for block {
            s = q k  n = max(s)  t = max(m, n), or 0 where that is -inf  f = exp(m - t)  m = max(m, n)
            l *= f  o *= f  s = exp(s - t)  l += sum(s)  o += s v
          }
          y = o / l
        }

    A row without a score above -inf is 0 / 0, as its softmax is; without keys it is 0, as an empty product is.
    """
    *batch, rows, _ = value.type.dims
    outer, at = b.domain((*batch, rows), "i")
    nest = _Nest(b, node, value, at)
    block = b.loop("b", floordiv(nest.keys + (KEYS - 1), KEYS))
    inner = b.nest([block], nest.block(Index.symbol(block)))
    body = (*map(Alloc, nest.locals), *nest.start(), *inner, *nest.end())
    return Stage(value, b.nest(outer, body), len(outer), (*outer, nest.columns), b.loads)


@dataclass(frozen=True)
class _Local:
    """A local buffer of a row."""

    buffer: Buffer

    def __getitem__(self, at: Shape) -> Expr:
        return Load(self.buffer.dtype, self.buffer.name, at)

    def store(self, at: Shape, value: Expr) -> Store:
        return Store(self.buffer.name, at, value)

    def accumulate(self, at: Shape, value: Expr, combiner: str = "add") -> Accumulate:
        return Accumulate(self.buffer.name, at, value, combiner)


class _Nest:
    """The statements of one row: `at` are its batch and row indices."""

    def __init__(self, b: StageBuilder, node: Node, value: Value, at: Shape) -> None:
        self.b, self.node, self.value, self.at = b, node, value, at
        self.query, self.key, self.values = node.operands[:FIRST]
        self.of = sums_of(value.type.dtype)
        self.transposed = node.attrs["transpose_k"]
        self.keys = self.values.type.dims[-2]
        self.depth = self.query.type.dims[-1]
        self.width = value.type.dims[-1]
        self.locals: list[Buffer] = []
        self.columns = ""
        self.q = self.local("q", (self.depth,))
        self.m, self.l, self.n, self.t, self.f = (self.local(name, ()) for name in "mlntf")
        self.o = self.local("o", (self.width,))
        self.s = self.local("s", (KEYS,))

    def local(self, name: str, shape: Shape) -> _Local:
        buffer = Buffer(self.b.plan.fresh(f"{self.b.prefix}{name}"), self.of, shape, "local", "stack")
        self.locals.append(buffer)
        return _Local(buffer)

    def each(self, label: str, extent: Dim) -> tuple[list[str], Dim]:
        """A loop and its variable."""
        loop = self.b.loop(label, extent)
        return [loop], Index.symbol(loop)

    def element(self, operand: Value, *inner: Dim) -> Expr:
        """An element of an operand in this batch, in the dtype of the sums."""
        batch = broadcast_index(self.at[:-1], operand.type.dims[:-2])
        return cast(self.b.element(operand, (*batch, *inner)), self.of)

    def start(self) -> Body:
        (ld, d), (le, e) = self.each("q", self.depth), self.each("z", self.width)
        query = self.element(self.query, self.at[-1], d)
        return (
            *self.b.nest(ld, (*self.b.take_lets(), self.q.store((d,), query))),
            self.m.store((), identity("max", self.of)),
            self.l.store((), lit(0, self.of)),
            *self.b.nest(le, (self.o.store((e,), lit(0, self.of)),)),
        )

    def block(self, block: Dim) -> Body:
        b, m, n, t, f = self.b, self.m, self.n, self.t, self.f
        most = prim("max", m[()], n[()])
        first = block * KEYS
        count = minimum(KEYS, self.keys - first)
        (lm, jm), (le, e) = self.each("m", count), self.each("f", self.width)
        return (
            *self.scores(first, count),
            n.store((), identity("max", self.of)),
            # Less than a maximum that NaN passes: a score of NaN makes its probability, and so the sum, NaN.
            *b.nest(lm, (n.store((), select(self.s[(jm,)] > n[()], self.s[(jm,)], n[()])),)),
            t.store((), select(most.eq(float("-inf")), 0, most)),
            f.store((), prim("exp", m[()] - t[()])),
            m.accumulate((), n[()], "max"),
            self.l.store((), self.l[()] * f[()]),
            *b.nest(le, (self.o.store((e,), self.o[(e,)] * f[()]),)),
            *self.sums(first, count),
        )

    def scores(self, first: Dim, count: Dim) -> Body:
        b, s = self.b, self.s
        (lz, jz), (lk, jk), (ld, d) = self.each("c", count), self.each("k", count), self.each("d", self.depth)
        key = self.element(self.key, *((first + jk, d) if self.transposed else (d, first + jk)))
        product = b.nest((*lk, *ld), (*b.take_lets(), s.accumulate((jk,), self.q[(d,)] * key)))
        return (*b.nest(lz, (s.store((jz,), lit(0, self.of)),)), *product, *self.steps(first, count))

    def steps(self, first: Dim, count: Dim) -> Body:
        if not self.node.attrs["steps"]:
            return ()
        loops, j = self.each("s", count)
        at = (*self.at, first + j)

        def operand(k: int) -> Expr:
            other = self.node.operands[k]
            return self.b.element(other, broadcast_index(at, other.type.dims))

        stores: Body = ()
        for step in self.node.attrs["steps"]:
            value = stepped(step, self.s[(j,)], operand)
            stores += (*self.b.take_lets(), self.s.store((j,), value))
        return self.b.nest(loops, stores)

    def sums(self, first: Dim, count: Dim) -> Body:
        b, s = self.b, self.s
        (lx, jx), (ll, jl), (lv, jv), (le, e) = (
            *(self.each(label, count) for label in "xlv"),
            self.each("e", self.width),
        )
        weighted = s[(jv,)] * self.element(self.values, first + jv, e)
        return (
            *b.nest(lx, (s.store((jx,), _weight(s[(jx,)] - self.t[()])),)),
            *b.nest(ll, (self.l.accumulate((), s[(jl,)]),)),
            *b.nest((*lv, *le), (*b.take_lets(), self.o.accumulate((e,), weighted))),
        )

    def end(self) -> Body:
        loops, e = self.each("y", self.width)
        self.columns = "" if self.width == 1 else loops[0]
        result = cast(self.o[(e,)] * self.t[()], self.value.type.dtype)
        if not isinstance(self.keys, int) or self.keys == 0:
            result = select(At(self.keys) > 0, result, 0)
        store = Store(self.b.plan.names[self.value], (*self.at, e), result)
        return (self.t.store((), 1 / self.l[()]), *self.b.nest(loops, (store,)))


def _weight(x: Expr) -> Expr:
    """exp(x) for x of at most 0, and 0 where that is less than the least normal number: so it takes less."""
    least = float(np.log(np.finfo(x.dtype.np).tiny))
    return select(x < least, 0, prim("exp", select(x > 0, 0, x)))


__all__ = ["KEYS", "attention"]
