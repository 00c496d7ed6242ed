"""`t[...]`: Python's and NumPy's basic indexing of tensors, with dims and indices that only a run may know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfc.ir import index
from tfc.ir.errors import ShapeError
from tfc.ir.graph import Value
from tfc.ir.index import Dim
from tfc.ir.op import REGISTRY

from .errors import unsupported
from .lift import is_tensor_like
from .shape_values import dim_argument, value_of

if TYPE_CHECKING:
    from .graph import Graph, Tensor


def clipped(start: Any, stop: Any, step: int, size: Dim) -> tuple[Dim, Dim]:
    """First index and number of elements of `range(size)[start:stop:step]` for dims that may be symbolic."""
    low: Dim = 0 if step > 0 else -1
    high = size if step > 0 else size - 1

    def place(bound: Dim | None, default: Dim) -> Dim:
        if bound is None:
            return default
        if isinstance(bound, int) and bound < 0:
            bound = bound + size
        return bound if bound == default else index.maximum(low, index.minimum(bound, high))

    first = place(start, 0 if step > 0 else high)
    last = place(stop, size if step > 0 else -1)
    span = last - first if step > 0 else first - last
    return first, index.maximum(0, index.floordiv(span + abs(step) - 1, abs(step)))


def sliced(graph: Graph, value: Value, key: Any, name: str) -> Tensor:
    """The elements that a basic index selects: ints, slices, an Ellipsis, newaxis, and integer tensors of rank 0.

    Raises UnimplementedError for an unknown rank with a key that needs it, IndexError for too many indices,
    TypeError for any other key.
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    with graph.name_scope(name) as scope, graph.counted(4):
        axes = [k for k in keys if k is not None and k is not Ellipsis]
        if value.type.shape is None:
            raise unsupported(f"indexing {value.name} at {graph.ir.locate()}: its rank is unknown")
        rank = value.type.rank
        if len(axes) > rank:
            raise IndexError(f"{len(axes)} indices for {value.name} of rank {rank}")
        if sum(k is Ellipsis for k in keys) > 1:
            raise ValueError("Multiple ellipses not allowed")
        spread = keys.index(Ellipsis) if any(k is Ellipsis for k in keys) else len(keys)
        full = [slice(None)] * (rank - len(axes))
        keys = [*keys[:spread], *full, *keys[spread + 1 :]]
        return graph.tensor(_Selection(value).apply(keys, scope))


class _Selection:
    """One index applied: a slice of all axes, then the axes of single indices out and new ones in."""

    def __init__(self, value: Value) -> None:
        self.value = value
        self.starts: list[Dim] = []
        self.sizes: list[Dim] = []
        self.steps: list[int] = []
        self.dynamic: list[tuple[int, Value]] = []
        """Axes of the operand that a tensor selects from, with that tensor."""
        self.shape: list[Dim] = []

    def apply(self, keys: list[Any], scope: str) -> Value:
        axis = 0
        for k in keys:
            if k is None:
                self.shape.append(1)
                continue
            self.take(k, axis, self.value.type.dims[axis])
            axis += 1
        out = self.value
        if tuple(self.sizes) != out.type.dims or any(s != 1 for s in self.steps):
            out = REGISTRY["slice"](
                out, starts=tuple(self.starts), sizes=tuple(self.sizes), steps=tuple(self.steps), name="slice"
            )
        for at, chosen in self.dynamic:
            out = REGISTRY["gather"](out, REGISTRY["reshape"](chosen, shape=(1,)), axis=at)
        return REGISTRY["reshape"](out, shape=tuple(self.shape), name=scope)

    def take(self, k: Any, axis: int, size: Dim) -> None:
        if isinstance(k, slice):
            start, stop = (None if b is None else dim_argument(b, "slice bound") for b in (k.start, k.stop))
            step = 1 if k.step is None else int(k.step)
            if step == 0:
                raise ValueError("slice step cannot be zero")
            first, count = clipped(start, stop, step, size)
            self.add(first, count, step)
            self.shape.append(count)
        elif is_tensor_like(k) and value_of(k.ir_value) is None:
            if k.ir_value.type.shape not in ((), None):
                raise TypeError(f"an index of {self.value.name} must have rank 0, got {k!r}")
            self.dynamic.append((axis, k.ir_value))
            self.add(0, size, 1)
        else:
            self.add(self.single(k, axis, size), 1, 1)

    def add(self, start: Dim, count: Dim, step: int) -> None:
        self.starts.append(start)
        self.sizes.append(count)
        self.steps.append(step)

    def single(self, k: Any, axis: int, size: Dim) -> Dim:
        if isinstance(k, bool):
            raise TypeError("a bool is no index of a tensor")
        at = dim_argument(k, "index")
        if isinstance(at, int) and isinstance(size, int) and not -size <= at < size:
            raise ShapeError(f"index {at} is out of bounds for axis {axis} of {self.value.name}, of size {size}")
        return at + size if isinstance(at, int) and at < 0 else at
