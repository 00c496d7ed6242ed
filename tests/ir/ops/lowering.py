"""What a node computes by the way its op is lowered: scalar rule, element rule, combiner or decomposition."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

import tfc.ir.ops  # noqa: F401 - fills the registry
from tfc.ir import expr as E
from tfc.ir import index
from tfc.ir.expr import At, Const, Expr, Load, Name, Prim
from tfc.ir.graph import Graph, Node, Value
from tfc.ir.index import Dim, Index
from tfc.ir.interpret import index_value
from tfc.ir.interpret_graph import evaluate_node
from tfc.ir.op import REGISTRY, normalize_axes
from tfc.ir.types import Shape, TensorType, dtype

Array = np.ndarray[Any, Any]


def apply(op: str, arrays: list[Array], attrs: Mapping[str, Any]) -> tuple[Node, dict[Value, Array]]:
    """A node of the op on placeholders of the arrays' types, and what to feed."""
    graph = Graph()
    feeds = {}
    for x in arrays:
        made = REGISTRY["placeholder"](graph=graph, dtype=dtype(x.dtype), shape=x.shape)
        feeds[made] = x
    return REGISTRY[op].node(*feeds, graph=graph, **attrs), feeds


class Lowered:
    """Values of a graph, each by its op's lowering; ops with a template or an effect, and constants, by reference."""

    def __init__(self, feeds: Mapping[Value, Array], dims: Mapping[str, int] | None = None) -> None:
        self.arrays = dict(feeds)
        self.dims = dict(dims or {})
        self.failed: set[str] = set()

    def value(self, v: Value) -> Array:
        if v not in self.arrays:
            self.arrays[v] = self.compute(v.node)
        return self.arrays[v]

    def compute(self, node: Node) -> Array:
        op = node.op
        if op.decompose is not None:
            return self.value(op.decompose(node))
        operands = [self.value(v) for v in node.operands]
        if op.scalar is not None:
            return self.scalar(node, operands)
        if op.combiner is not None:
            return self.reduce(node, operands[0])
        if op.element is not None and op.name != "constant":
            return self.element(node, operands)
        return evaluate_node(node, operands, self.dims)[0]

    def scalar(self, node: Node, operands: list[Array]) -> Array:
        assert node.op.scalar is not None
        names = [Name(v.type.dtype, f"x{k}") for k, v in enumerate(node.operands)]
        body = node.op.scalar(*names, **node.attrs)
        assert body.dtype == node.type.dtype
        shape = np.broadcast_shapes(*(x.shape for x in operands))
        env = {n.name: np.broadcast_to(x, shape) for n, x in zip(names, operands, strict=True)}
        return np.broadcast_to(self.expr(body, env, {}, []), shape)

    def reduce(self, node: Node, x: Array) -> Array:
        of, combiner = node.type.dtype, node.op.combiner
        assert combiner is not None
        axes = normalize_axes(node.attrs["axes"], x.ndim)
        kept = tuple(1 if k in axes else d for k, d in enumerate(x.shape))
        total = np.full(kept, E.identity(combiner, of).value, of.np)
        for at in itertools.product(*(range(x.shape[k]) for k in axes)):
            part = np.take(x, [at[0]], axes[0]) if axes else x
            for k, i in zip(axes[1:], at[1:], strict=True):
                part = np.take(part, [i], k)
            total = E.evaluate(combiner, of, total, part)
        return total if node.attrs["keepdims"] else total.reshape([d for k, d in enumerate(x.shape) if k not in axes])

    def element(self, node: Node, operands: list[Array]) -> Array:
        """The rule's expression, built once for a symbolic index, at every index."""
        assert node.op.element is not None
        shape = [index_value(d, self.dims) for d in node.type.dims]
        at = tuple(Index.symbol(f"i{k}") for k in range(len(shape)))
        builder = Builder(node, shape, self.dims)
        body = node.op.element(builder, node, at)
        assert body.dtype == node.type.dtype
        out = np.empty(shape, node.type.dtype.np)
        for point in np.ndindex(*shape):
            symbols = {**self.dims, **{f"i{k}": i for k, i in enumerate(point)}}
            for name, (value, low, high) in builder.names.items():
                symbols[name] = int(self.expr(value, {}, symbols, operands))
                assert low is None or symbols[name] >= low
                assert high is None or symbols[name] <= index_value(high, symbols)
            for condition, message in builder.checks:
                if not self.expr(condition, {}, symbols, operands):
                    self.failed.add(message)
            out[point] = self.expr(body, {}, symbols, operands)
        return out

    def expr(self, e: Expr, env: Mapping[str, Array], symbols: Mapping[str, int], operands: list[Array]) -> Any:
        match e:
            case Const(dtype=of, value=value):
                return np.asarray(value).astype(of.np)
            case At(index=i):
                return np.asarray(index_value(i, symbols), np.int64)
            case Name(name=name):
                return env[name]
            case Load(buffer=name, index=place):
                at = tuple(index_value(i, symbols) for i in place)
                array = operands[int(name)]
                assert all(0 <= i < n for i, n in zip(at, array.shape, strict=True)), at
                return array[at]
            case Prim(op="select", args=(condition, yes, no)) if not env:
                return self.expr(yes if self.expr(condition, env, symbols, operands) else no, env, symbols, operands)
            case Prim(dtype=of, op=op, args=args):
                return E.evaluate(op, of, *(self.expr(a, env, symbols, operands) for a in args))
        raise AssertionError(e)


class Builder:
    """What an element rule builds with; names and checks are kept in order."""

    def __init__(self, node: Node, shape: list[int], dims: Mapping[str, int]) -> None:
        self.node = node
        self.ranges = {f"i{k}": (0, n - 1) for k, n in enumerate(shape)} | {n: (v, v) for n, v in dims.items()}
        self.names: dict[str, tuple[Expr, int | None, Dim | None]] = {}
        self.checks: list[tuple[Expr, str]] = []

    def operand(self, k: int, at: Shape) -> Expr:
        assert len(at) == self.node.operands[k].type.rank
        return Load(self.node.operands[k].type.dtype, str(k), at)

    def let(self, value: Expr, low: int | None, high: Dim | None) -> Dim:
        assert value.dtype.name == "int64"
        name = f"t{len(self.names)}"
        self.names[name] = (value, low, high)
        return Index.symbol(name)

    def check(self, condition: Expr, message: str) -> None:
        self.checks.append((condition, message))

    def simplify(self, x: Dim) -> Dim:
        return index.simplify(x, self.ranges)


def agrees(type_: TensorType, x: Array, dims: Mapping[str, int] | None = None) -> bool:
    """Whether an array has a type, as far as that is known."""
    if x.dtype != type_.dtype.np or type_.shape is None:
        return x.dtype == type_.dtype.np
    return len(type_.shape) == x.ndim and all(
        index.subs(d, dims or {}) == n for d, n in zip(type_.shape, x.shape, strict=True)
    )
