"""The nests of stages: elementwise domains, reductions, and the templates that ops name."""

from __future__ import annotations

from collections.abc import Callable

from tfc.ir.expr import At, cast, identity, prim
from tfc.ir.graph import Node, Value
from tfc.ir.index import Dim, Index
from tfc.ir.kernel import Accumulate, Body, Store
from tfc.ir.op import broadcast_index, normalize_axes
from tfc.ir.types import Shape, int64

from .arg_nest import row_arg
from .attention_nest import attention
from .stages import Plan, Stage, StageBuilder
from .totals import Total
from .window_nests import WINDOW_TEMPLATES


def build_stages(plan: Plan) -> list[Stage]:
    """The stages of a plan, each after those it loads from."""
    return [build_stage(plan, v) for n in plan.graph.nodes for v in n.results if v in plan.roots.values]


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
    return Stage(value, b.nest(loops, body), None, loops, b.loads, pointwise=True)


def _reduction(b: StageBuilder, node: Node, value: Value) -> Stage:
    """Rows outermost; inside them the elements are set, then the reduced dims run around the other kept ones."""
    (x,) = node.operands
    shape = x.type.dims
    over = normalize_axes(node.attrs["axes"], len(shape))
    loops, index = b.domain(shape, "i")
    shown = [k for k in range(len(shape)) if node.attrs["keepdims"] or k not in over]
    rows = min(over) if over else len(shape)
    inner = [k for k in range(rows, len(shape)) if k not in over]
    combiner = node.op.combiner
    assert combiner is not None
    total = Total(b, value, tuple(shape[k] for k in inner))

    def place(at: Shape) -> tuple[Shape, Shape]:
        return tuple(0 if k in over else at[k] for k in shown), tuple(at[k] for k in inner)

    def each(label: str, statement: Callable[[Shape, Shape], Body]) -> Body:
        """A statement for each element of a row."""
        names = {k: b.loop(f"{label}{k}", shape[k]) for k in inner if loops[k]}
        at = tuple(Index.symbol(names[k]) if k in names else i for k, i in enumerate(index))
        return b.nest(names.values(), statement(*place(at)))

    start = each("z", lambda *at: (Store(*total.at(*at), identity(combiner, total.of)),))
    element = cast(b.element(x, index), total.of)
    body = (*b.take_lets(), Accumulate(*total.at(*place(index)), element, combiner))
    sums = b.nest([loops[k] for k in (*over, *inner)], body)
    end = each("r", total.rounded) if total.beside is not None else ()
    whole = b.nest([loops[k] for k in range(rows)], (*total.alloc(), *start, *sums, *end))
    return Stage(value, whole, rows, tuple("" if k in over else loops[k] for k in shown), b.loads)


def _gemm(b: StageBuilder, node: Node, value: Value) -> Stage:
    """Zero everywhere, then batch, rows, columns and depth in one perfect nest."""
    left, right = node.operands
    transposed = node.attrs["transpose_a"], node.attrs["transpose_b"]
    shape = value.type.dims
    total = Total(b, value, shape)
    first, start = b.domain(shape, "z")
    zero = b.nest(first, (Store(*total.at(start, start), identity("add", total.of)),))
    loops, at = b.domain(shape, "i")
    depth = left.type.dims[-2 if transposed[0] else -1]
    k = b.loop("k", depth)
    ends = [(at[-2], Index.symbol(k)), (Index.symbol(k), at[-1])]
    factors = []
    for operand, pair, swap in zip((left, right), ends, transposed, strict=True):
        batch = broadcast_index(at[:-2], operand.type.dims[:-2])
        factors.append(cast(b.element(operand, (*batch, *(reversed(pair) if swap else pair))), total.of))
    sums = b.nest([*loops, k], (*b.take_lets(), Accumulate(*total.at(at, at), factors[0] * factors[1])))
    return Stage(value, (*total.alloc(), *zero, *sums, *total.rounded_all(b)), len(shape) - 1, loops, b.loads)


def _scatter_add(b: StageBuilder, node: Node, value: Value) -> Stage:
    """Zero everywhere, then each update is added where its index says; one out of range is clamped and reported."""
    indices, updates = node.operands
    shape = value.type.dims
    total = Total(b, value, shape)
    loops, start = b.domain(shape, "z")
    zero = b.nest(loops, (Store(*total.at(start, start), identity("add", total.of)),))
    rank = indices.type.rank
    outer, at = b.domain(updates.type.dims, "u")
    where = cast(b.element(indices, at[:rank]), int64)
    inside = (where >= 0) & (where < At(shape[0]))
    b.check(inside, f"an index is out of range for dim {shape[0]}")
    row = b.let(prim("max", prim("min", where, At(shape[0] - 1)), 0), 0, shape[0] - 1)
    lets = b.take_lets()
    target = (row, *at[rank:])
    update = cast(b.element(updates, at), total.of)
    inner = b.nest(outer[rank:], (*b.take_lets(), Accumulate(*total.at(target, target), update)))
    sums = b.nest(outer[:rank], (*lets, *inner))
    return Stage(value, (*total.alloc(), *zero, *sums, *total.rounded_all(b)), 0, loops, b.loads)


def _concat(b: StageBuilder, node: Node, value: Value) -> Stage:
    """One operand after another, in each row of the dims before the axis."""
    shape, name = value.type.dims, b.plan.names[value]
    (axis,) = normalize_axes((node.attrs["axis"],), len(shape))
    rows, row = b.domain(shape[:axis], "i")
    body: Body = ()
    first: Dim = 0
    for k, operand in enumerate(node.operands):
        dims = operand.type.dims[axis:]
        loops, at = b.domain(dims, f"p{k}_")
        element = b.element(operand, (*row, *at))
        body += b.nest(loops, (*b.take_lets(), Store(name, (*row, first + at[0], *at[1:]), element)))
        first = first + dims[0]
    return Stage(value, b.nest(rows, body), axis, (*rows, *loops), b.loads)


TEMPLATES: dict[str, Callable[[StageBuilder, Node, Value], Stage]] = {
    **WINDOW_TEMPLATES,
    "attention": attention,
    "concat": _concat,
    "gemm": _gemm,
    "row_arg": row_arg,
    "scatter_add": _scatter_add,
}
