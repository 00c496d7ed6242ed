"""The nests of stages: elementwise domains, reductions, and the templates that ops name."""

from __future__ import annotations

from collections.abc import Callable

from tfc.ir.expr import At, cast, identity, prim
from tfc.ir.graph import Node, Value
from tfc.ir.index import Dim, Index
from tfc.ir.kernel import Accumulate, Store
from tfc.ir.op import broadcast_index, normalize_axes
from tfc.ir.types import int64

from .stages import Plan, Stage, StageBuilder


def build_stages(plan: Plan) -> list[Stage]:
    """The stages of a plan, each after those it loads from."""
    return [build_stage(plan, v) for n in plan.graph.nodes for v in n.results if v in plan.roots]


def build_stage(plan: Plan, value: Value) -> Stage:
    """The stage of one value."""
    node = value.node
    b = StageBuilder(plan, value, f"{plan.names[value]}_")
    if node.op.combiner is not None:
        return _reduction(b, node, value)
    if node.op.template is not None:
        return TEMPLATES[node.op.template](b, node, value)
    loops, at = b.domain(value.type.dims, "i")
    result = b.computed(value, at)
    body = (*b.take_lets(), Store(plan.names[value], at, result))
    return Stage(value, b.nest(loops, body), None, loops, b.loads)


def _reduction(b: StageBuilder, node: Node, value: Value) -> Stage:
    """Rows outermost; inside them the elements are set, then the reduced dims run around the other kept ones."""
    (x,) = node.operands
    shape = x.type.dims
    over = normalize_axes(node.attrs["axes"], len(shape))
    loops, index = b.domain(shape, "i")
    kept = [k for k in range(len(shape)) if k not in over]
    rows = min(over) if over else len(shape)
    target = tuple(0 if k in over else index[k] for k in range(len(shape)) if node.attrs["keepdims"] or k in kept)
    inner = [k for k in kept if k > rows]
    combiner = node.op.combiner
    assert combiner is not None
    name = b.plan.names[value]
    renamed = {loops[k]: b.loop(f"z{k}", shape[k]) for k in inner if loops[k]}
    start = tuple(_renamed(i, renamed) for i in target)
    first = b.nest(
        [renamed.get(loops[k], "") for k in inner], (Store(name, start, identity(combiner, value.type.dtype)),)
    )
    element = b.element(x, index)
    body = (*b.take_lets(), Accumulate(name, target, element, combiner))
    order = [loops[k] for k in over] + [loops[k] for k in inner]
    whole = b.nest([loops[k] for k in range(rows)], (*first, *b.nest(order, body)))
    dims = tuple("" if k in over else loops[k] for k in range(len(shape)) if node.attrs["keepdims"] or k in kept)
    return Stage(value, whole, rows, dims, b.loads)


def _renamed(i: Dim, names: dict[str, str]) -> Dim:
    return next((Index.symbol(new) for old, new in names.items() if i == Index.symbol(old)), i)


def _gemm(b: StageBuilder, node: Node, value: Value) -> Stage:
    """Zero everywhere, then batch, rows, columns and depth in one perfect nest."""
    left, right = node.operands
    transposed = node.attrs["transpose_a"], node.attrs["transpose_b"]
    shape, name = value.type.dims, b.plan.names[value]
    first, start = b.domain(shape, "z")
    zero = b.nest(first, (Store(name, start, identity("add", value.type.dtype)),))
    loops, at = b.domain(shape, "i")
    depth = left.type.dims[-2 if transposed[0] else -1]
    k = b.loop("k", depth)
    ends = [(at[-2], Index.symbol(k)), (Index.symbol(k), at[-1])]
    factors = []
    for operand, pair, swap in zip((left, right), ends, transposed, strict=True):
        batch = broadcast_index(at[:-2], operand.type.dims[:-2])
        factors.append(b.element(operand, (*batch, *(reversed(pair) if swap else pair))))
    body = b.nest([*loops, k], (*b.take_lets(), Accumulate(name, at, factors[0] * factors[1])))
    return Stage(value, (*zero, *body), len(shape) - 1, loops, b.loads)


def _scatter_add(b: StageBuilder, node: Node, value: Value) -> Stage:
    """Zero everywhere, then each update is added where its index says; one out of range is clamped and reported."""
    indices, updates = node.operands
    shape, name = value.type.dims, b.plan.names[value]
    loops, start = b.domain(shape, "z")
    zero = b.nest(loops, (Store(name, start, identity("add", value.type.dtype)),))
    rank = indices.type.rank
    outer, at = b.domain(updates.type.dims, "u")
    where = cast(b.element(indices, at[:rank]), int64)
    inside = (where >= 0) & (where < At(shape[0]))
    b.check(inside, f"an index is out of range for dim {shape[0]}")
    target = b.let(prim("max", prim("min", where, At(shape[0] - 1)), 0), 0, shape[0] - 1)
    lets = b.take_lets()
    inner = b.nest(outer[rank:], (Accumulate(name, (target, *at[rank:]), b.element(updates, at)),))
    return Stage(value, (*zero, *b.nest(outer[:rank], (*lets, *inner))), 0, loops, b.loads)


TEMPLATES: dict[str, Callable[[StageBuilder, Node, Value], Stage]] = {"gemm": _gemm, "scatter_add": _scatter_add}
