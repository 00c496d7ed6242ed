"""Math of elements, reductions and matrix products under TF's names, with its old names and arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import dtypes, operators
from .basics import constant, convert_to_tensor, identity
from .declare import Function, either, wrapper
from .errors import unsupported
from .graph import Tensor, graph_of
from .lift import emit, first_tensor, is_tensor_like, shaped
from .shape_values import int_argument, ints_argument

_BINARY = """
add add Add
subtract sub Sub
multiply mul Mul
floordiv floordiv floordiv
floor_div floordiv FloorDiv
mod mod FloorMod
floormod mod FloorMod
maximum maximum Maximum
minimum minimum Minimum
squared_difference squared_difference SquaredDifference
equal equal Equal
not_equal not_equal NotEqual
less less Less
less_equal less_equal LessEqual
greater greater Greater
greater_equal greater_equal GreaterEqual
logical_and logical_and LogicalAnd
logical_or logical_or LogicalOr
logical_xor logical_xor LogicalXor
"""
_UNARY = """
negative neg Neg
abs abs Abs
sign sign Sign
square square Square
sqrt sqrt Sqrt
rsqrt rsqrt Rsqrt
exp exp Exp
expm1 expm1 Expm1
log log Log
log1p log1p Log1p
tanh tanh Tanh
sigmoid sigmoid Sigmoid
erf erf Erf
sin sin Sin
cos cos Cos
floor floor Floor
ceil ceil Ceil
logical_not logical_not LogicalNot
is_nan is_nan IsNan
is_inf is_inf IsInf
is_finite is_finite IsFinite
"""


def _table(rows: str, args: str) -> dict[str, Function]:
    return {name: wrapper(name, op, args, node) for name, op, node in (row.split() for row in rows.split("\n") if row)}


ELEMENTWISE: dict[str, Function] = {**_table(_BINARY, "x y"), **_table(_UNARY, "x")}
"""TF's functions of one elementwise op."""
add, subtract, multiply = (ELEMENTWISE[n] for n in ("add", "subtract", "multiply"))
maximum, minimum, square, sqrt, rsqrt = (ELEMENTWISE[n] for n in ("maximum", "minimum", "square", "sqrt", "rsqrt"))
exp, log, tanh, sigmoid, floor, cos = (ELEMENTWISE[n] for n in ("exp", "log", "tanh", "sigmoid", "floor", "cos"))
greater_equal, less, equal, is_finite = (ELEMENTWISE[n] for n in ("greater_equal", "less", "equal", "is_finite"))


def divide(x: Any, y: Any, name: str | None = None) -> Tensor:
    """`x / y` as Python 3 has it."""
    return operators.true_divide(graph_of(x, y), x, y, name or "truediv")


def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """`x / y` as Python 3 has it: integers are converted to floats."""
    return operators.true_divide(graph_of(x, y), x, y, name or "truediv")


def div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """`x / y` as Python 2 has it: the quotient of integers is rounded down."""
    graph = graph_of(x, y)
    hint = first_tensor([x, y])
    of = (convert_to_tensor(x) if hint is None else hint).dtype
    return emit(graph, "floordiv" if of.is_integer else "div", [x, y], name=name or "div")


def truncatediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The quotient of integers, rounded to 0."""
    with graph_of(x, y).name_scope(name or "TruncateDiv"):
        x, y = as_pair(x, y)
        return multiply(ELEMENTWISE["sign"](x) * ELEMENTWISE["sign"](y), abs(x) // abs(y))


def truncatemod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """The rest of a division rounded to 0: it has the sign of `x`."""
    with graph_of(x, y).name_scope(name or "TruncateMod"):
        x, y = as_pair(x, y)
        return multiply(ELEMENTWISE["sign"](x), abs(x) % abs(y))


def as_pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Two tensors of one dtype, that of the first tensor of the two."""
    hint = first_tensor([x, y])
    of = None if hint is None else hint.dtype
    return convert_to_tensor(x, of), convert_to_tensor(y, of)


def pow(x: Any, y: Any, name: str | None = None) -> Tensor:
    """`x` to the power of `y`."""
    return operators.power(graph_of(x, y), x, y, name or "Pow")


def round(x: Any, name: str | None = None) -> Tensor:
    """The nearest integer, the even one of two; integers are themselves."""
    x = convert_to_tensor(x)
    return identity(x, name or "Round") if x.dtype.is_integer else emit(x.graph, "round", [x], name=name or "Round")


def tan(x: Any, name: str | None = None) -> Tensor:
    """The tangent: the sine divided by the cosine."""
    with graph_of(x).name_scope(name or "Tan") as scope, graph_of(x).counted(1):
        x = convert_to_tensor(x)
        return divide(ELEMENTWISE["sin"](x), ELEMENTWISE["cos"](x), name=scope)


def reciprocal(x: Any, name: str | None = None) -> Tensor:
    """`1 / x` of floats."""
    return emit(graph_of(x), "div", [1.0, x], name=name or "Reciprocal")


def add_n(inputs: Sequence[Any], name: str | None = None) -> Tensor:
    """The sum of tensors of one shape and dtype. Raises ValueError for none."""
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ValueError("inputs must be a list of at least one Tensor with the same dtype and shape")
    graph = graph_of(*inputs)
    with graph.name_scope(name or "AddN") as scope, graph.counted(1):
        total = convert_to_tensor(inputs[0])
        for k, x in enumerate(inputs[1:], 2):
            other = shaped(x, total.ir_value.type.shape) if is_tensor_like(x) else x
            total = emit(graph, "add", [total, other], name=scope if k == len(inputs) else "sum")
        return total


def accumulate_n(inputs: Sequence[Any], shape: Any = None, tensor_dtype: Any = None, name: str | None = None) -> Tensor:
    """The sum of tensors of one shape and dtype."""
    return add_n(inputs, name or "AccumulateNV2")


def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    """The elements in another dtype; floats become integers by truncation. A tensor of that dtype is itself."""
    to = dtypes.as_dtype(dtype)
    x = convert_to_tensor(x)
    if x.dtype == to:
        return x  # type: ignore[no-any-return]
    return emit(x.graph, "cast", [x], name=name or "Cast", args=("x",), attrs={"dtype": to.ir})


def _converter(to: dtypes.DType, node: str) -> Function:
    def convert(x: Any, name: str = node) -> Tensor:
        return cast(x, to, name)

    convert.__doc__ = f"The elements as {to.name}."
    return convert


to_float, to_double = _converter(dtypes.float32, "ToFloat"), _converter(dtypes.float64, "ToDouble")
to_int32, to_int64 = _converter(dtypes.int32, "ToInt32"), _converter(dtypes.int64, "ToInt64")


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Elements of `x` where the condition holds, of `y` elsewhere; a condition of rank 1 selects rows.

    Raises UnimplementedError for the form without `x` and `y`, whose result has a shape that only a run knows.
    """
    if (x is None) != (y is None):
        raise ValueError("x and y must both be non-None or both be None.")
    graph = graph_of(condition, x, y)
    if x is None:
        raise unsupported(f"where with one argument at {graph.ir.locate()}: the size of its result is unknown")
    with graph.name_scope(name or "Select") as scope, graph.counted(1):
        condition = convert_to_tensor(condition, dtypes.bool_, name="condition")
        x, y = as_pair(x, y)
        rank = x.shape.ndims
        if condition.shape.ndims == 1 and rank is not None and rank > 1:
            wide = (condition.ir_value.type.dims[0], *(1,) * (rank - 1))
            condition = emit(graph, "reshape", [condition], name="rows", attrs={"shape": wide})
        return emit(graph, "select", [condition, x, y], name=scope)


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Tensor:
    """The elements, those below the least value or above the largest replaced by it."""
    args = ("t", "y", "Minimum/y")
    inputs = [t, clip_value_min, clip_value_max]
    return emit(graph_of(*inputs), "clip", inputs, name=name or "clip_by_value", args=args, nodes=2)


def _reduction(tf_name: str, op: str, node: str) -> Function:
    def reduction(
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        name: str | None = None,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
    ) -> Tensor:
        over = either(axis, reduction_indices, "axis", "reduction_indices")
        attrs = {
            "axes": None if over is None else ints_argument(over, "axis"),
            "keepdims": bool(either(keepdims, keep_dims, "keepdims", "keep_dims", False)),
        }
        graph = graph_of(input_tensor)
        return emit(graph, op, [input_tensor], name=name or node, args=("input",), nodes=2, attrs=attrs)

    reduction.__name__ = reduction.__qualname__ = tf_name
    reduction.__doc__ = f"`{op}` over the axes, all where none are given; `keepdims` leaves them as dims of 1."
    return reduction


REDUCTIONS = {
    name: _reduction(name, op, node)
    for name, op, node in (
        ("reduce_sum", "reduce_sum", "Sum"),
        ("reduce_mean", "reduce_mean", "Mean"),
        ("reduce_max", "reduce_max", "Max"),
        ("reduce_min", "reduce_min", "Min"),
        ("reduce_prod", "reduce_prod", "Prod"),
        ("reduce_any", "reduce_any", "Any"),
        ("reduce_all", "reduce_all", "All"),
        ("reduce_logsumexp", "logsumexp", "ReduceLogSumExp"),
    )
}
reduce_sum, reduce_mean, reduce_max = (REDUCTIONS[n] for n in ("reduce_sum", "reduce_mean", "reduce_max"))


def count_nonzero(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Number of elements other than 0 (or False) over the axes."""
    with graph_of(input_tensor).name_scope(name or "count_nonzero"):
        x = convert_to_tensor(input_tensor)
        hits = cast(x if x.dtype.is_bool else ELEMENTWISE["not_equal"](x, 0), dtype)
        return reduce_sum(hits, axis, keepdims, reduction_indices=reduction_indices, keep_dims=keep_dims)


def _position(op: str, node: str) -> Function:
    def position(
        input: Any, axis: Any = None, name: str | None = None, dimension: Any = None, output_type: Any = dtypes.int64
    ) -> Tensor:
        along = int_argument(either(axis, dimension, "axis", "dimension", 0), "axis")
        attrs = {"axis": along, "dtype": dtypes.as_dtype(output_type).ir}
        return emit(graph_of(input), op, [input], name=name or node, args=("input",), nodes=2, attrs=attrs)

    position.__name__ = position.__qualname__ = op
    position.__doc__ = f"`{op}`: the first position of the extreme along one axis (the first by default)."
    return position


argmax, argmin = _position("argmax", "ArgMax"), _position("argmin", "ArgMin")


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """The matrix product over the last two axes; axes before are broadcast. Raises ValueError for wrong dims."""
    if (transpose_a and adjoint_a) or (transpose_b and adjoint_b):
        raise ValueError("Only one of transpose and adjoint can be True for an operand.")
    graph = graph_of(a, b)
    return operators.matrix_multiply(graph, a, b, name or "MatMul", transpose_a or adjoint_a, transpose_b or adjoint_b)


def batch_matmul(x: Any, y: Any, adj_x: bool = False, adj_y: bool = False, name: str | None = None) -> Tensor:
    """`matmul` under its old name for more than two axes."""
    return operators.matrix_multiply(graph_of(x, y), x, y, name or "BatchMatMul", adj_x, adj_y)


def l2_norm(t: Tensor, axes: Any = None, keepdims: bool = False) -> Tensor:
    """The square root of the sum of squares over the axes."""
    return sqrt(reduce_sum(t * t, axes, keepdims=keepdims))


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    keep_dims: Any = None,
) -> Tensor:
    """The norm of a vector, or of all elements: `ord` is 'euclidean', 1, 2 or infinity."""
    kept = bool(either(keepdims, keep_dims, "keepdims", "keep_dims", False))
    rules: dict[Any, Callable[[Tensor], Tensor]] = {
        "euclidean": lambda t: l2_norm(t, axis, kept),
        2: lambda t: l2_norm(t, axis, kept),
        1: lambda t: reduce_sum(abs(t), axis, keepdims=kept),
        float("inf"): lambda t: reduce_max(abs(t), axis, keepdims=kept),
    }
    if ord not in rules or (ord == 2 and isinstance(axis, (list, tuple)) and len(axis) > 1):
        raise unsupported(f"norm of order {ord!r} over axes {axis}")
    with graph_of(tensor).name_scope(name or "norm"):
        return rules[ord](convert_to_tensor(tensor))


def global_norm(t_list: Sequence[Any], name: str | None = None) -> Tensor:
    """The square root of the sum of the squares of all elements of all tensors; None is left out."""
    with graph_of(*t_list).name_scope(name or "global_norm"):
        halves = [emit(t.graph, "l2_loss", [t], name="L2Loss") for t in t_list if t is not None]
        return sqrt(add_n(halves) * 2)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """The tensor, scaled down where its norm over the axes is above `clip_norm`."""
    with graph_of(t).name_scope(name or "clip_by_norm"):
        t = convert_to_tensor(t)
        squares = reduce_sum(t * t, axes, keepdims=True)
        positive = squares > 0
        length = sqrt(where(positive, squares, _ones_like(squares)))
        length = where(positive, length, squares)
        return divide(t * clip_norm, maximum(length, clip_norm))


def _ones_like(t: Tensor) -> Tensor:
    return emit(t.graph, "broadcast_like", [constant(1, t.dtype), t], name="ones_like")


def clip_by_global_norm(
    t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Tensor]:
    """The tensors, scaled down together where their norm is above `clip_norm`, and that norm. None stays None."""
    length = global_norm(t_list) if use_norm is None else use_norm
    with graph_of(*t_list).name_scope(name or "clip_by_global_norm"):
        scale = clip_norm * minimum(1.0 / length, constant(1.0, length.dtype) / clip_norm)
        # An infinite norm makes the gradients NaN, as TF does.
        scale = scale + (length - length)
        return [None if t is None else t * scale for t in t_list], length
