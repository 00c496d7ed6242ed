"""Making, shaping, joining and splitting arrays under TF's names, with its old names and arguments."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfc.ir import index
from tfc.ir.index import Dim, Index, product
from tfc.ir.op import REGISTRY, normalize_axes
from tfc.ir.types import Shape

from . import dtypes
from .basics import convert_to_tensor, identity
from .declare import either
from .errors import unsupported
from .graph import Graph, Tensor, get_default_graph, graph_of
from .lift import Array, as_array, emit, first_tensor, is_tensor_like, lift, shaped
from .shape_values import (
    dim_argument,
    dims_argument,
    int_argument,
    ints_argument,
    shape_argument,
    value_of,
    vector_nodes,
)

# Arrays of one value and of dims


def _full(graph: Graph, shape: Any, value: Any, of: dtypes.DType | None, name: str) -> Tensor:
    """A tensor of one value; TF makes one node of a small one of known shape, else also its shape and the value."""
    dims = shape_argument(graph, shape)
    static = not any(isinstance(d, Index) for d in dims)
    if static and not is_tensor_like(value):
        scalar = as_array(value, None if of is None else of.ir)
        small = product(dims) < 1000 if not is_tensor_like(shape) else False  # type: ignore[operator]
        with graph.counted(1 if small else 2 if is_tensor_like(shape) else 3):
            return graph.tensor(graph.constant(np.broadcast_to(scalar, dims), name))  # type: ignore[arg-type]
    with graph.counted(2 if is_tensor_like(shape) else 3):
        inner = convert_to_tensor(value, of)
        return emit(graph, "broadcast_to", [inner], name=name, attrs={"shape": dims})


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """Zeros of a shape (False for bool)."""
    return _full(get_default_graph(), shape, np.zeros((), dtypes.as_dtype(dtype).ir.np), None, name or "zeros")


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """Ones of a shape (True for bool)."""
    return _full(get_default_graph(), shape, np.ones((), dtypes.as_dtype(dtype).ir.np), None, name or "ones")


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """A tensor of one value, which is a number or a tensor of rank 0."""
    return _full(graph_of(dims, value), dims, value, None, name or "Fill")


def _full_like(tensor: Any, value: int, dtype: Any, name: str) -> Tensor:
    x = convert_to_tensor(tensor)
    of = x.dtype if dtype is None else dtypes.as_dtype(dtype)
    graph = x.graph
    with graph.name_scope(name) as scope, graph.counted(1 if x.shape.is_fully_defined() else 3):
        one = graph.constant(np.asarray(value, of.ir.np), "Const")
        if of == x.dtype:
            return emit(graph, "broadcast_like", [graph.tensor(one), x], name=scope)
        same = emit(graph, "cast", [x], name="Cast", attrs={"dtype": of.ir})
        return emit(graph, "broadcast_like", [graph.tensor(one), same], name=scope)


def zeros_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Zeros of the shape of a tensor."""
    return _full_like(tensor, 0, dtype, name or "zeros_like")


def ones_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Ones of the shape of a tensor."""
    return _full_like(tensor, 1, dtype, name or "ones_like")


def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """Ones on the diagonal of a matrix of known size, zeros elsewhere, repeated over `batch_shape`."""
    rows = int_argument(num_rows, "num_rows")
    columns = rows if num_columns is None else int_argument(num_columns, "num_columns")
    batch = () if batch_shape is None else ints_argument(batch_shape, "batch_shape")
    graph = get_default_graph()
    array = np.broadcast_to(np.eye(rows, columns, dtype=dtypes.as_dtype(dtype).ir.np), (*batch, rows, columns))
    return graph.tensor(graph.constant(array, name or "eye"))


def shape(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The dims of a tensor as a vector."""
    attrs = {"dtype": dtypes.as_dtype(out_type).ir}
    return emit(graph_of(input), "shape_of", [input], name=name or "Shape", args=("input",), attrs=attrs)


def size(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The number of elements of a tensor."""
    attrs = {"axes": None, "dtype": dtypes.as_dtype(out_type).ir}
    return emit(graph_of(input), "size", [input], name=name or "Size", args=("input",), attrs=attrs)


def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of axes of a tensor whose rank is known."""
    x = convert_to_tensor(input)
    if x.shape.ndims is None:
        raise unsupported(f"the rank of {x.name} at {x.graph.ir.locate()} is known only in a run")
    return x.graph.tensor(x.graph.constant(np.asarray(x.shape.ndims, np.int32), name or "Rank"))


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range") -> Tensor:
    """Numbers from `start` (0 where only one is given) below `limit`; dims of tensors may be among them."""
    first, end = (0, start) if limit is None else (start, limit)
    graph = graph_of(first, end, delta)
    if any(isinstance(x, (float, np.floating)) for x in (first, end, delta)):
        floats = np.arange(first, end, delta, dtype=np.float64)
        array = as_array(floats, (dtypes.float32 if dtype is None else dtypes.as_dtype(dtype)).ir)
        with graph.counted(4):
            return graph.tensor(graph.constant(array, name))
    known = first_tensor([first, end, delta])
    default = dtypes.int32 if known is None else known.dtype
    of = default if dtype is None else dtypes.as_dtype(dtype)
    a, z = (dim_argument(x, "range") for x in (first, end))
    step = int_argument(delta, "delta")
    if step == 0:
        raise ValueError("range: delta is 0")
    span = z - a if step > 0 else a - z
    count = index.maximum(0, index.floordiv(span + abs(step) - 1, abs(step)))
    with graph.name_scope(name) as scope, graph.counted(4):
        if isinstance(a, int) and isinstance(z, int):
            return graph.tensor(graph.constant(np.arange(a, z, step).astype(of.ir.np), scope))
        places = graph.tensor(REGISTRY["iota"](graph=graph.ir, shape=(count,), axis=0, dtype=of.ir, name="iota"))
        base = graph.tensor(REGISTRY["dim"](graph=graph.ir, value=a, dtype=of.ir, name="start"))
        return emit(graph, "add", [places * step, base], name=scope)


def linspace(start: Any, stop: Any, num: Any, name: str | None = None) -> Tensor:
    """`num` numbers from `start` to `stop`, both included, all known when the graph is built."""
    if first_tensor([start, stop]) is not None:
        raise unsupported(f"linspace of tensors at {get_default_graph().ir.locate()}: its ends must be numbers")
    graph = get_default_graph()
    array = np.linspace(start, stop, int_argument(num, "num"))
    of = as_array(start).dtype if as_array(start).dtype.kind == "f" else np.dtype(np.float32)
    with graph.counted(4):
        return graph.tensor(graph.constant(array.astype(of), name or "LinSpace"))


# Shape and order


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same elements in another shape; one dim may be -1. Dims may come from other tensors' shapes."""
    graph = graph_of(tensor, shape)
    dims = dims_argument(shape, "shape")
    nodes = 1 + vector_nodes(shape)
    args = ("tensor",)
    return emit(graph, "reshape", [tensor], name=name or "Reshape", args=args, nodes=nodes, attrs={"shape": dims})


def transpose(a: Any, perm: Any = None, name: str = "transpose", conjugate: bool = False) -> Tensor:
    """The axes in the order `perm`; reversed where it is None."""
    order = None if perm is None else ints_argument(perm, "perm")
    nodes = 8 if perm is None else 2
    return emit(graph_of(a), "transpose", [a], name=name, args=("x",), nodes=nodes, attrs={"perm": order})


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Tensor:
    """The last two axes swapped."""
    x = convert_to_tensor(a)
    n = x.ir_value.type.rank
    return transpose(x, [*builtins.range(n - 2), n - 1, n - 2], name)


def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """A dim of 1 put in before an axis."""
    at = either(axis, dim, "axis", "dim")
    if at is None:
        raise ValueError("Must specify an axis argument to tf.expand_dims()")
    attrs = {"axis": int_argument(at, "axis")}
    return emit(
        graph_of(input), "expand_dims", [input], name=name or "ExpandDims", args=("input",), nodes=2, attrs=attrs
    )


def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Tensor:
    """Dims of 1 taken out: those of the axes, or all that are known to be 1 when the graph is built."""
    over = either(axis, squeeze_dims, "axis", "squeeze_dims")
    attrs = {"axes": None if over is None else ints_argument(over, "axis") or None}
    return emit(graph_of(input), "squeeze", [input], name=name or "Squeeze", args=("input",), attrs=attrs)


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """The tensor repeated along its dims of 1 and along new leading dims."""
    graph = graph_of(input, shape)
    attrs = {"shape": shape_argument(graph, shape)}
    return emit(graph, "broadcast_to", [input], name=name or "BroadcastTo", args=("input",), nodes=2, attrs=attrs)


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """The tensor repeated as a whole along each axis."""
    attrs = {"multiples": dims_argument(multiples, "multiples")}
    return emit(graph_of(input), "tile", [input], name=name or "Tile", args=("input",), nodes=2, attrs=attrs)


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """The order of the elements turned round along axes."""
    x = convert_to_tensor(tensor)
    dims = x.ir_value.type.dims
    over = normalize_axes(ints_argument(axis, "axis"), len(dims))
    turned = [k in over for k in builtins.range(len(dims))]
    starts = tuple(d - 1 if t else 0 for d, t in zip(dims, turned, strict=True))
    return _part(x, starts, dims, tuple(-1 if t else 1 for t in turned), name or "ReverseV2", 2)


# Parts


def _part(x: Tensor, starts: Shape, sizes: Shape, steps: tuple[int, ...], name: str, nodes: int) -> Tensor:
    attrs = {"starts": starts, "sizes": sizes, "steps": steps}
    return emit(x.graph, "slice", [x], name=name, nodes=nodes, attrs=attrs)


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """`size[k]` elements from `begin[k]` on along each axis; a size of -1 takes all that are left.

    Where a run decides the begin, one that leaves the tensor is an error of that run. Raises UnimplementedError where
    only a run knows how many elements there are.
    """
    x = convert_to_tensor(input_)
    sizes = dims_argument(size, "size")
    if _is_open(begin):
        return _slice_from(x, begin, sizes, name or "Slice")
    starts = dims_argument(begin, "begin")
    dims: Sequence[Dim] = x.ir_value.type.shape or ()
    if any(isinstance(n, int) and n == -1 for n in sizes):
        dims = x.ir_value.type.dims
        sizes = tuple(
            d - a if isinstance(n, int) and n == -1 else n for d, a, n in zip(dims, starts, sizes, strict=True)
        )
    return _part(x, starts, sizes, (1,) * len(starts), name or "Slice", 3)


def _is_open(x: Any) -> bool:
    """Whether only a run knows a number, or one in a list."""
    if isinstance(x, (list, tuple)):
        return any(map(_is_open, x))
    return is_tensor_like(x) and value_of(x.ir_value) is None


def _slice_from(x: Tensor, begin: Any, sizes: Shape, name: str) -> Tensor:
    """A slice whose begin a run knows: along those axes, what lies at the begin and at so many places after it."""
    graph = x.graph
    with graph.name_scope(name) as scope, graph.counted(2):
        firsts = begin if isinstance(begin, (list, tuple)) else [begin[k] for k in builtins.range(len(sizes))]
        for k, (first, count) in enumerate(zip(firsts, sizes, strict=True)):
            rest = isinstance(count, int) and count == -1
            if not _is_open(first):
                start = dim_argument(first, "begin")
                x = _along(x, k, start, x.ir_value.type.dims[k] - start if rest else count, "part")
                continue
            if rest:
                raise unsupported(f"slice: what a size of -1 takes from {first!r} on is known only in a run")
            places = REGISTRY["iota"](graph=graph.ir, shape=(count,), axis=0, dtype=first.dtype.ir, name="places")
            x = emit(graph, "gather", [x, graph.tensor(places) + first], name="part", attrs={"axis": k})
        return identity(x, scope)


def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """`input_[begin:end:strides]`; bit k of a mask says that entry k has no bound, is `...`, newaxis or an index."""
    x = convert_to_tensor(input_)
    starts, stops = dims_argument(begin, "begin"), dims_argument(end, "end")
    steps = (1,) * len(starts) if strides is None else ints_argument(strides, "strides")

    def entry(k: int) -> Any:
        bit = 1 << k
        if ellipsis_mask & bit:
            return Ellipsis
        if new_axis_mask & bit:
            return None
        if shrink_axis_mask & bit:
            return starts[k]
        low, high = None if begin_mask & bit else starts[k], None if end_mask & bit else stops[k]
        return builtins.slice(low, high, steps[k])

    keys = tuple(entry(k) for k in builtins.range(len(starts)))
    return identity(x[keys], name) if name else x[keys]


def concat(values: Any, axis: Any, name: str = "concat") -> Tensor:
    """The tensors one after another along an axis; the old order `concat(axis, values)` is understood."""
    if not isinstance(values, (list, tuple)) and isinstance(axis, (list, tuple)):
        values, axis = axis, values
    parts = list(values) if isinstance(values, (list, tuple)) else [values]
    names = [f"values_{k}" for k in builtins.range(len(parts))]
    attrs = {"axis": int_argument(axis, "axis")}
    return emit(graph_of(*parts), "concat", parts, name=name, args=names, nodes=2, attrs=attrs)


def stack(values: Any, axis: int = 0, name: str = "stack") -> Tensor:
    """Tensors of one shape along a new axis."""
    parts = list(values) if isinstance(values, (list, tuple)) else unstack(values)
    names = [f"values_{k}" for k in builtins.range(len(parts))]
    return emit(graph_of(*parts), "stack", parts, name=name, args=names, attrs={"axis": axis})


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str = "unstack") -> list[Tensor]:
    """The parts along an axis of known size, without that axis. Raises ValueError where the size is unknown."""
    x = convert_to_tensor(value)
    dims = x.ir_value.type.dims
    (k,) = normalize_axes((axis,), len(dims))
    count = num if isinstance(dims[k], Index) and num is not None else dims[k]
    if isinstance(count, Index):
        raise ValueError(f"Cannot infer num from shape {x.shape}")
    if num is not None and num != count:
        raise ValueError(f"num is {num}, but axis {axis} of shape {x.shape} has {count}")
    with x.graph.name_scope(name), x.graph.counted(1):
        whole = _with_dim(x, k, count)
        parts = [_along(whole, k, n, 1, "slice") for n in builtins.range(count)]
        return [emit(x.graph, "squeeze", [p], name="part", attrs={"axes": (k,)}) for p in parts]


def _along(x: Tensor, axis: int, start: Dim, count: Dim, name: str) -> Tensor:
    dims = x.ir_value.type.dims
    starts = tuple(start if k == axis else 0 for k in builtins.range(len(dims)))
    sizes = tuple(count if k == axis else d for k, d in enumerate(dims))
    return _part(x, starts, sizes, (1,) * len(dims), name, 1)


def split(
    value: Any, num_or_size_splits: Any, axis: Any = 0, num: int | None = None, name: str = "split"
) -> list[Tensor]:
    """The tensor in equal parts, or in parts of given sizes, one of which may be -1, along an axis.

    The old order `split(axis, num, value)` is understood. Raises ValueError where the parts do not fit.
    """
    if not is_tensor_like(value) and is_tensor_like(axis):
        value, axis = axis, value
    x = convert_to_tensor(value)
    (k,) = normalize_axes((int_argument(axis, "axis"),), x.ir_value.type.rank)
    sizes = _split_sizes(x.ir_value.type.dims[k], num_or_size_splits)
    with x.graph.name_scope(name), x.graph.counted(2):
        ends: list[Dim] = [0]
        for n in sizes:
            ends.append(ends[-1] + n)
        whole = _with_dim(x, k, ends[-1])
        return [_along(whole, k, start, n, "part") for start, n in zip(ends, sizes, strict=False)]


def _with_dim(x: Tensor, axis: int, d: Dim) -> Tensor:
    """A tensor whose dim along an axis must be `d`."""
    dims = x.ir_value.type.dims
    return shaped(x, (*dims[:axis], d, *dims[axis + 1 :]))


def _split_sizes(whole: Dim, parts: Any) -> list[Dim]:
    if not is_tensor_like(parts) and not hasattr(parts, "__len__"):
        count = int_argument(parts, "num_or_size_splits")
        if isinstance(whole, int) and (count <= 0 or whole % count):
            raise ValueError(f"a dim of {whole} cannot be split into {count} equal parts")
        return [index.floordiv(whole, count)] * count
    sizes = list(dims_argument(parts, "num_or_size_splits"))
    rest = [k for k, n in enumerate(sizes) if isinstance(n, int) and n == -1]
    given: Dim = 0
    for k, n in enumerate(sizes):
        given = given if k in rest else given + n
    if len(rest) == 1:
        sizes[rest[0]] = whole - given
    elif rest or (isinstance(whole, int) and isinstance(given, int) and whole != given):
        raise ValueError(f"a dim of {whole} cannot be split into parts of {sizes}")
    return sizes


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", name: str | None = None, constant_values: Any = 0
) -> Tensor:
    """Elements added before and after along each axis: a value, or the tensor mirrored (REFLECT, SYMMETRIC)."""
    array: Array | None = (
        value_of(paddings.ir_value) if is_tensor_like(paddings) else np.asarray(as_array(paddings)).astype(object)
    )
    if array is None or array.ndim != 2 or array.shape[1] != 2:
        raise unsupported(f"pad: paddings must be pairs known when the graph is built, got {paddings!r}")
    attrs = {"paddings": tuple(map(tuple, array.tolist())), "value": constant_values, "mode": mode.lower()}
    return emit(graph_of(tensor), "pad", [tensor], name=name or "Pad", args=("tensor",), nodes=2, attrs=attrs)


def gather(params: Any, indices: Any, validate_indices: Any = None, name: str | None = None, axis: Any = 0) -> Tensor:
    """The slices of `params` at the indices along an axis. An index out of range is an error of the run."""
    graph = graph_of(params, indices)
    at = int_argument(0 if axis is None else axis, "axis")
    with graph.name_scope(name or "GatherV2") as scope:
        inputs = [
            graph.tensor(lift(params, graph, None, "params")),
            graph.tensor(lift(indices, graph, None, "indices")),
        ]
        return emit(graph, "gather", inputs, name=scope, nodes=2, attrs={"axis": at})


def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """A new axis of `depth` with `on_value` (1) at each index and `off_value` (0) elsewhere; float32 by default."""
    graph = graph_of(indices, depth, on_value, off_value)
    known = first_tensor([on_value, off_value])
    given = next((as_array(v) for v in (on_value, off_value) if v is not None and not is_tensor_like(v)), None)
    of = dtypes.as_dtype(dtype) if dtype is not None else known.dtype if known is not None else None
    if of is None:
        of = dtypes.float32 if given is None else dtypes.as_dtype(given.dtype)
    attrs = {"depth": dim_argument(depth, "depth"), "axis": -1 if axis is None else int_argument(axis, "axis")}
    with graph.name_scope(name or "one_hot") as scope:
        on = lift(1 if on_value is None else on_value, graph, of.ir, "on_value")
        off = lift(0 if off_value is None else off_value, graph, of.ir, "off_value")
        places = lift(indices, graph, None, "indices")
        return emit(graph, "one_hot", [graph.tensor(v) for v in (places, on, off)], name=scope, nodes=2, attrs=attrs)
