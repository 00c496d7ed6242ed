"""Python's operators on tensors and variables, under TF's names for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from tfc.ir.graph import Value
from tfc.ir.types import float32, float64

from .lift import emit, first_tensor, lift_hinted
from .slicing import sliced

if TYPE_CHECKING:
    from .graph import Graph, Tensor

_WIDE = ("int32", "int64", "uint32", "uint64")
"""Integers that become float64 in a true division; narrower ones become float32."""


def true_divide(graph: Graph, x: Any, y: Any, name: str) -> Tensor:
    """`x / y` as Python 3 has it: integers are converted to floats first."""
    hint = first_tensor([x, y])
    with graph.name_scope(name) as scope:
        of = None if hint is None else hint.ir_value.type.dtype
        values = [lift_hinted(v, graph, of, arg) for v, arg in ((x, "x"), (y, "y"))]
        found = values[0].type.dtype
        if found.is_int and found == values[1].type.dtype:
            to = float64 if found.name in _WIDE else float32
            values = [emit(graph, "cast", [graph.tensor(v)], name="Cast", attrs={"dtype": to}).ir_value for v in values]
        return emit(graph, "div", [graph.tensor(v) for v in values], name=scope)


def power(graph: Graph, x: Any, y: Any, name: str) -> Tensor:
    """`x` to the power of `y`, integers to an integer exactly."""
    hint = first_tensor([x, y])
    with graph.name_scope(name) as scope:
        of = None if hint is None else hint.ir_value.type.dtype
        values = [lift_hinted(v, graph, of, arg) for v, arg in ((x, "x"), (y, "y"))]
        op = "int_pow" if all(v.type.dtype.is_int for v in values) else "pow"
        return emit(graph, op, [graph.tensor(v) for v in values], name=scope)


def matrix_multiply(
    graph: Graph, a: Any, b: Any, name: str, transpose_a: bool = False, transpose_b: bool = False
) -> Tensor:
    """The matrix product over the last two axes."""
    attrs = {"transpose_a": bool(transpose_a), "transpose_b": bool(transpose_b)}
    return emit(graph, "matmul", [a, b], name=name, args=("a", "b"), attrs=attrs)


class Operators:
    """What tensors and variables do with Python's operators; the class has `graph` and `ir_value`."""

    __slots__ = ()
    __array_ufunc__ = None
    """NumPy leaves operators between its arrays and tensors to the tensor."""
    graph: Graph
    ir_value: Value

    def _with(self, op: str, other: Any, name: str) -> Tensor:
        return emit(self.graph, op, [self, other], name=name)

    def _after(self, op: str, other: Any, name: str) -> Tensor:
        return emit(self.graph, op, [other, self], name=name)

    def __add__(self, other: Any) -> Tensor:
        return self._with("add", other, "add")

    def __radd__(self, other: Any) -> Tensor:
        return self._after("add", other, "add")

    def __sub__(self, other: Any) -> Tensor:
        return self._with("sub", other, "sub")

    def __rsub__(self, other: Any) -> Tensor:
        return self._after("sub", other, "sub")

    def __mul__(self, other: Any) -> Tensor:
        return self._with("mul", other, "mul")

    def __rmul__(self, other: Any) -> Tensor:
        return self._after("mul", other, "mul")

    def __truediv__(self, other: Any) -> Tensor:
        return true_divide(self.graph, self, other, "truediv")

    def __rtruediv__(self, other: Any) -> Tensor:
        return true_divide(self.graph, other, self, "truediv")

    def __floordiv__(self, other: Any) -> Tensor:
        return self._with("floordiv", other, "floordiv")

    def __rfloordiv__(self, other: Any) -> Tensor:
        return self._after("floordiv", other, "floordiv")

    def __mod__(self, other: Any) -> Tensor:
        return self._with("mod", other, "mod")

    def __rmod__(self, other: Any) -> Tensor:
        return self._after("mod", other, "mod")

    def __pow__(self, other: Any) -> Tensor:
        return power(self.graph, self, other, "pow")

    def __rpow__(self, other: Any) -> Tensor:
        return power(self.graph, other, self, "pow")

    def __matmul__(self, other: Any) -> Tensor:
        return matrix_multiply(self.graph, self, other, "matmul")

    def __rmatmul__(self, other: Any) -> Tensor:
        return matrix_multiply(self.graph, other, self, "matmul")

    def __lt__(self, other: Any) -> Tensor:
        return self._with("less", other, "Less")

    def __le__(self, other: Any) -> Tensor:
        return self._with("less_equal", other, "LessEqual")

    def __gt__(self, other: Any) -> Tensor:
        return self._with("greater", other, "Greater")

    def __ge__(self, other: Any) -> Tensor:
        return self._with("greater_equal", other, "GreaterEqual")

    def __and__(self, other: Any) -> Tensor:
        return self._with("logical_and", other, "and")

    def __rand__(self, other: Any) -> Tensor:
        return self._after("logical_and", other, "and")

    def __or__(self, other: Any) -> Tensor:
        return self._with("logical_or", other, "or")

    def __ror__(self, other: Any) -> Tensor:
        return self._after("logical_or", other, "or")

    def __xor__(self, other: Any) -> Tensor:
        return self._with("logical_xor", other, "xor")

    def __rxor__(self, other: Any) -> Tensor:
        return self._after("logical_xor", other, "xor")

    def __invert__(self) -> Tensor:
        return emit(self.graph, "logical_not", [self], name="LogicalNot")

    def __neg__(self) -> Tensor:
        return emit(self.graph, "neg", [self], name="Neg")

    def __abs__(self) -> Tensor:
        return emit(self.graph, "abs", [self], name="Abs")

    def __getitem__(self, key: Any) -> Tensor:
        return sliced(self.graph, self.ir_value, key, "strided_slice")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{self!r} is symbolic: only a run gives it a value; it is no array and no feed.")

    def __iter__(self) -> Iterator[NoReturn]:
        raise TypeError(
            f"{self!r} cannot be iterated over: its elements are known only in a run. "
            "Use tf.unstack, or tf.map_fn for an unknown number of them."
        )

    def __len__(self) -> int:
        raise TypeError(f"{self!r} has no len(): use its `.shape`, or tf.shape for what is known only in a run.")

    def __bool__(self) -> bool:
        raise TypeError(
            "Using a `tf.Tensor` as a Python `bool` is not allowed. Use `if t is not None:` instead of `if t:` to test "
            "if a tensor is defined, and use TensorFlow ops such as tf.cond to execute subgraphs conditioned on the "
            "value of a tensor."
        )
