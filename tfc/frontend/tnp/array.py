"""The traced array as the user sees it: NumPy's operators and methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tfc.ir.errors import UnsupportedError
from tfc.ir.index import Index

from ..location import user_line
from ..tracer import ArrayLike, TracedDim, TraceError, Tracer
from . import creation, elementwise, linalg, reduce, shapes
from .indexing import select

_MODULES = (elementwise, reduce, creation, shapes, linalg)
_OPERANDS = (Tracer, TracedDim, np.ndarray, np.generic, int, float, list, tuple)


def _is_weak(x: Any) -> bool:
    return x.weak if isinstance(x, Tracer) else isinstance(x, TracedDim) or type(x) in (int, float)


def _operator(function: Callable[..., Any], swap: bool = False) -> Callable[[Array, Any], Any]:
    def method(self: Array, other: Any) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        found: Array = function(other, self) if swap else function(self, other)
        # Python numbers give a Python number.
        found.weak = self.weak and _is_weak(other) and found.dtype != np.bool_
        return found

    return method


def _power(base: ArrayLike, exponent: ArrayLike) -> Any:
    """A power, with those that have a function of their own computed by it, as NumPy's operator does."""
    if type(exponent) in (int, float) and exponent == 2:
        return elementwise.square(base)
    if type(exponent) is float and exponent == 0.5:
        return elementwise.sqrt(base)
    return elementwise.power(base, exponent)


def _no_value(what: str, instead: str) -> Callable[..., Any]:
    def method(self: Array, *args: Any) -> Any:
        raise TraceError(
            f"{what} of a traced array of {self.value.type}, at {user_line()}: its values are known only when the "
            f"function runs; {instead}"
        )

    return method


class Array(Tracer):
    """A traced array."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    __add__ = _operator(elementwise.add)
    __radd__ = _operator(elementwise.add, swap=True)
    __sub__ = _operator(elementwise.subtract)
    __rsub__ = _operator(elementwise.subtract, swap=True)
    __mul__ = _operator(elementwise.multiply)
    __rmul__ = _operator(elementwise.multiply, swap=True)
    __truediv__ = _operator(elementwise.divide)
    __rtruediv__ = _operator(elementwise.divide, swap=True)
    __floordiv__ = _operator(elementwise.floor_divide)
    __rfloordiv__ = _operator(elementwise.floor_divide, swap=True)
    __mod__ = _operator(elementwise.remainder)
    __rmod__ = _operator(elementwise.remainder, swap=True)
    __pow__ = _operator(_power)
    __rpow__ = _operator(_power, swap=True)
    __matmul__ = _operator(linalg.matmul)
    __rmatmul__ = _operator(linalg.matmul, swap=True)
    __and__ = _operator(elementwise.bitwise_and)
    __rand__ = _operator(elementwise.bitwise_and, swap=True)
    __or__ = _operator(elementwise.bitwise_or)
    __ror__ = _operator(elementwise.bitwise_or, swap=True)
    __xor__ = _operator(elementwise.bitwise_xor)
    __rxor__ = _operator(elementwise.bitwise_xor, swap=True)
    __eq__ = _operator(elementwise.equal)
    __ne__ = _operator(elementwise.not_equal)
    __lt__ = _operator(elementwise.less)
    __le__ = _operator(elementwise.less_equal)
    __gt__ = _operator(elementwise.greater)
    __ge__ = _operator(elementwise.greater_equal)

    __bool__ = _no_value("the truth", "use tnp.where, or mark the argument as static")
    __int__ = _no_value("int()", "use astype")
    __float__ = _no_value("float()", "use astype")
    __complex__ = _no_value("complex()", "use astype")
    __index__ = _no_value("an integer", "index with the array itself, or mark the argument as static")
    __array__ = _no_value("a NumPy array", "use the functions of tfc.numpy")
    item = _no_value("item()", "return the array")
    tolist = _no_value("tolist()", "return the array")
    __setitem__ = _no_value("assignment to elements", "use tnp.where")

    def __neg__(self) -> Any:
        return self._same_kind(elementwise.negative(self))

    def __pos__(self) -> Any:
        return self._same_kind(elementwise.positive(self))

    def __abs__(self) -> Any:
        return self._same_kind(elementwise.absolute(self))

    def _same_kind(self, found: Array) -> Array:
        found.weak = self.weak
        return found

    def __invert__(self) -> Any:
        return elementwise.invert(self)

    def __getitem__(self, key: Any) -> Any:
        return select(self, key)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(f"len() of an array of rank 0, at {user_line()}")
        first = self.value.type.dims[0]
        if isinstance(first, Index):
            raise self.trace.need_dim("len()")
        return first

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        found = _FUNCTIONS.get(ufunc)
        if found is None or method != "__call__" or kwargs:
            given = f" with {', '.join(kwargs)}" if kwargs else ""
            form = "" if method == "__call__" else f".{method}"
            raise UnsupportedError(f"np.{ufunc.__name__}{form}{given} of a traced array, at {user_line()}")
        return found(*inputs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        found = _FUNCTIONS.get(func)
        if found is None:
            raise UnsupportedError(f"np.{func.__name__} of a traced array, at {user_line()}")
        return found(*args, **kwargs)

    @property
    def T(self) -> Any:  # noqa: N802
        """The axes in reverse order."""
        return shapes.transpose(self)

    @property
    def mT(self) -> Any:  # noqa: N802
        """The last two axes exchanged."""
        return shapes.swapaxes(self, -1, -2)

    def astype(self, dtype: Any) -> Any:
        return elementwise.astype(self, dtype)

    def reshape(self, *shape: Any) -> Any:
        return shapes.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        if not axes or axes[0] is None:
            return shapes.transpose(self)
        return shapes.transpose(self, axes[0] if isinstance(axes[0], Sequence) else axes)

    def ravel(self) -> Any:
        return shapes.ravel(self)

    def flatten(self) -> Any:
        return shapes.ravel(self)

    def copy(self) -> Any:
        return elementwise.asarray(self)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        return shapes.swapaxes(self, axis1, axis2)

    def squeeze(self, axis: reduce.Axis = None) -> Any:
        return shapes.squeeze(self, axis)

    def take(self, indices: ArrayLike, axis: int | None = None) -> Any:
        return shapes.take(self, indices, axis)

    def dot(self, b: ArrayLike) -> Any:
        return linalg.dot(self, b)

    def clip(self, min: ArrayLike = None, max: ArrayLike = None) -> Any:
        return elementwise.clip(self, min, max)

    def round(self, decimals: int = 0) -> Any:
        return elementwise.round(self, decimals)

    def sum(self, axis: reduce.Axis = None, dtype: Any = None, *, keepdims: bool = False) -> Any:
        return reduce.sum(self, axis, dtype, keepdims=keepdims)

    def prod(self, axis: reduce.Axis = None, dtype: Any = None, *, keepdims: bool = False) -> Any:
        return reduce.prod(self, axis, dtype, keepdims=keepdims)

    def mean(self, axis: reduce.Axis = None, dtype: Any = None, *, keepdims: bool = False) -> Any:
        return reduce.mean(self, axis, dtype, keepdims=keepdims)

    def var(self, axis: reduce.Axis = None, dtype: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
        return reduce.var(self, axis, dtype, ddof=ddof, keepdims=keepdims)

    def std(self, axis: reduce.Axis = None, dtype: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
        return reduce.std(self, axis, dtype, ddof=ddof, keepdims=keepdims)

    def max(self, axis: reduce.Axis = None, *, keepdims: bool = False) -> Any:
        return reduce.max(self, axis, keepdims=keepdims)

    def min(self, axis: reduce.Axis = None, *, keepdims: bool = False) -> Any:
        return reduce.min(self, axis, keepdims=keepdims)

    def any(self, axis: reduce.Axis = None, *, keepdims: bool = False) -> Any:
        return reduce.any(self, axis, keepdims=keepdims)

    def all(self, axis: reduce.Axis = None, *, keepdims: bool = False) -> Any:
        return reduce.all(self, axis, keepdims=keepdims)

    def argmax(self, axis: int | None = None, *, keepdims: bool = False) -> Any:
        return reduce.argmax(self, axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, *, keepdims: bool = False) -> Any:
        return reduce.argmin(self, axis, keepdims=keepdims)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    getattr(np, name): function
    for module in _MODULES
    for name, function in vars(module).items()
    if getattr(function, "__module__", None) == module.__name__ and hasattr(np, name)
}
"""Ours by NumPy's function of the same name."""
