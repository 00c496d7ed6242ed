"""Traced arrays: what a function sees in place of its arguments while tfc records what it does with them."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeAlias

import numpy as np

from tfc.ir import index, types
from tfc.ir.errors import DTypeError, ShapeError, TfcError
from tfc.ir.graph import Graph, Value
from tfc.ir.index import Dim, Index
from tfc.ir.interpret_graph import evaluate
from tfc.ir.op import REGISTRY
from tfc.ir.ops.common import const
from tfc.ir.types import DType

from .location import user_line
from .pytree import map_leaves

P = ParamSpec("P")
ArrayLike: TypeAlias = Any
"""A traced array, a NumPy array or scalar, a Python number, a traced dim, or nested lists of them."""
Kind: TypeAlias = "np.dtype[Any] | type"
"""The dtype of an operand; `int` or `float` for a Python number, which takes on the dtype of what it meets."""


class TraceError(TfcError):
    """A traced array used where only its value would do, or outside the call that it stands for."""


class UnknownDimError(TraceError):
    """The number that a dim is was asked for, and it is known only when the function runs."""


@dataclass(frozen=True)
class Requirement:
    """What must hold of the dims of a run: `dim` is not negative."""

    dim: Index
    message: str


class Trace:
    """One function being recorded: its graph, and what is to be checked of the shapes of a run.

    `unknown` says where the function asked for the number that an unknown dim is; what it did then is not to be used.
    """

    def __init__(self, name: str, array: type[Tracer] | None = None) -> None:
        self.graph = Graph(name)
        self.graph.locate = user_line
        self.array = array or Tracer
        self.open = True
        self.unknown: str | None = None
        self.requirements: list[Requirement] = []

    def wrap(self, value: Value, *, weak: bool = False) -> Tracer:
        return self.array(self, value, weak)

    def input(self, name: str, dtype: DType, shape: types.Shape, *, weak: bool = False) -> Tracer:
        """A traced argument."""
        return self.wrap(REGISTRY["placeholder"](graph=self.graph, name=name, dtype=dtype, shape=shape), weak=weak)

    def apply(self, op: str, *operands: Value, **attrs: Any) -> Tracer:
        """The first result of an op of the registry."""
        return self.wrap(self.node(op, *operands, **attrs))

    def node(self, op: str, *operands: Value, **attrs: Any) -> Value:
        return REGISTRY[op](*operands, graph=self.graph, **attrs)

    def require(self, dim: Dim, message: str, error: type[TfcError] = TfcError) -> None:
        """A dim of a run must not be negative: checked now if it is known, else when the function runs."""
        if isinstance(dim, Index):
            low = index.bounds(dim, {})[0]
            if low is None or low < 0:
                self.requirements.append(Requirement(dim, f"{message} (at {user_line()})"))
        elif dim < 0:
            raise error(f"{message} (at {user_line()})")

    def require_equal(self, a: Dim, b: Dim, message: str) -> None:
        """Two dims of a run must be equal. Raises ShapeError where they are known to differ."""
        self.require(a - b, message, ShapeError)
        self.require(b - a, message, ShapeError)

    def dim(self, d: Dim) -> int | TracedDim:
        """A dim as the function sees it."""
        return TracedDim(self, d) if isinstance(d, Index) else d

    def need_dim(self, what: str) -> UnknownDimError:
        """The error of a use that needs the number that an unknown dim is."""
        self.unknown = (
            f"{what} at {user_line()} needs the number that an unknown dim is; "
            "give the dim as an int (tfc.Spec, or no specs at all), or keep to arithmetic on it"
        )
        return UnknownDimError(self.unknown)


class TracedDim:
    """A dim known only when the function runs. Arithmetic with integers gives dims.

    Where the number itself is needed (an undecided comparison, `range`, `int`), it raises UnknownDimError.
    """

    __slots__ = ("index", "trace")

    def __init__(self, trace: Trace, of: Index) -> None:
        self.trace = trace
        self.index = of

    def array(self) -> Tracer:
        """The dim as a traced integer."""
        return self.trace.wrap(self.trace.node("dim", value=self.index, dtype=types.int64), weak=True)

    def _with(self, other: Any, rule: Callable[[Any, Any], Any], swap: bool = False) -> Any:
        if isinstance(other, Tracer):
            return NotImplemented
        if isinstance(other, TracedDim | int | np.integer) and not isinstance(other, bool):
            a: Dim = self.index
            b = dim_of(other)
            return self.trace.dim(rule(b, a) if swap else rule(a, b))
        return rule(other, self.array()) if swap else rule(self.array(), other)

    def __add__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b, swap=True)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b)

    __radd__ = __add__
    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        return self._divided(other, lambda a, b: a // b)

    def __mod__(self, other: Any) -> Any:
        return self._divided(other, lambda a, b: a % b)

    def _divided(self, other: Any, rule: Callable[[Any, Any], Any]) -> Any:
        if isinstance(other, int | np.integer) and other == 0:
            raise ZeroDivisionError("a dim divided by zero")
        if isinstance(other, TracedDim):
            other.trace.require(other.index - 1, "a dim divided by one that is not positive")
        return self._with(other, rule)

    def __rfloordiv__(self, other: Any) -> Any:
        self.trace.require(self.index - 1, "a number divided by a dim that is not positive")
        return self._with(other, lambda a, b: a // b, swap=True)

    def __rmod__(self, other: Any) -> Any:
        self.trace.require(self.index - 1, "a number divided by a dim that is not positive")
        return self._with(other, lambda a, b: a % b, swap=True)

    def __truediv__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, Tracer) else self.array() / _number(other)

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.array()

    def __pow__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, Tracer) else self.array() ** _number(other)

    def __rpow__(self, other: Any) -> Any:
        return other ** self.array()

    def __neg__(self) -> Any:
        return self * -1

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        rule = _DIM_UFUNCS.get(ufunc)
        if rule is not None and all(isinstance(x, TracedDim | np.integer) for x in inputs):
            return rule(*(int(x) if isinstance(x, np.integer) else x for x in inputs))
        return getattr(ufunc, method)(*map(_number, inputs), **kwargs)

    def _difference(self, other: Any, what: str) -> tuple[int | None, int | None]:
        if not isinstance(other, TracedDim | int | np.integer):
            raise self.trace.need_dim(what)
        return index.bounds(self.index - dim_of(other), {})

    def __eq__(self, other: object) -> bool:
        if other is None or isinstance(other, str):
            return False
        low, high = self._difference(other, "==")
        if low == high == 0:
            return True
        if (low is not None and low > 0) or (high is not None and high < 0):
            return False
        raise self.trace.need_dim("==")

    def __lt__(self, other: Any) -> bool:
        low, high = self._difference(other, "a comparison")
        return self._decided(high is not None and high < 0, low is not None and low >= 0)

    def __le__(self, other: Any) -> bool:
        low, high = self._difference(other, "a comparison")
        return self._decided(high is not None and high <= 0, low is not None and low > 0)

    def __gt__(self, other: Any) -> bool:
        return not self <= other

    def __ge__(self, other: Any) -> bool:
        return not self < other

    def _decided(self, yes: bool, no: bool) -> bool:
        if not yes and not no:
            raise self.trace.need_dim("a comparison")
        return yes

    def __bool__(self) -> bool:
        return self != 0

    def __hash__(self) -> int:
        raise self.trace.need_dim("hash()")

    def __index__(self) -> int:
        raise self.trace.need_dim("an integer")

    def __int__(self) -> int:
        raise self.trace.need_dim("int()")

    def __float__(self) -> float:
        raise self.trace.need_dim("float()")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise self.trace.need_dim("a NumPy array")

    def __str__(self) -> str:
        return str(self.index)

    __repr__ = __str__


_DIM_UFUNCS: dict[Any, Callable[..., Any]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.floor_divide: operator.floordiv,
    np.remainder: operator.mod,
}


def _number(x: Any) -> Any:
    return x.array() if isinstance(x, TracedDim) else x


def dim_of(x: Any) -> Dim:
    """A dim from an int, a NumPy integer or a traced dim. Raises DTypeError for anything else."""
    if isinstance(x, TracedDim):
        return x.index
    if isinstance(x, Tracer):
        raise TraceError(f"a dim cannot depend on the values of arrays, got {x!r} at {user_line()}")
    if isinstance(x, bool) or not hasattr(x, "__index__"):
        raise DTypeError(f"a dim is an integer, got {x!r} at {user_line()}")
    return int(x.__index__())


def size_of(trace: Trace, x: Any) -> Dim:
    """A dim that must not be negative, now or when the function runs."""
    size = dim_of(x)
    trace.require(size, f"a negative dim {size}", ShapeError)
    return size


class Tracer:
    """A traced array: its value in the graph. `weak` marks a Python number, which takes the dtype of what it meets."""

    __slots__ = ("trace", "value", "weak")

    def __init__(self, trace: Trace, value: Value, weak: bool = False) -> None:
        self.trace = trace
        self.value = value
        self.weak = weak

    @property
    def shape(self) -> tuple[Any, ...]:
        """The dims: ints, and TracedDims where they are known only when the function runs."""
        return tuple(map(self.trace.dim, self.value.type.dims))

    @property
    def ndim(self) -> int:
        return self.value.type.rank

    @property
    def size(self) -> Any:
        return self.trace.dim(self.value.type.size)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.value.type.dtype.np

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value.type})"


def kind_of(x: ArrayLike) -> Kind:
    """What an operand brings to the choice of a dtype. Raises DTypeError for what is no array."""
    if isinstance(x, Tracer):
        if not x.weak:
            return x.dtype
        return float if x.value.type.dtype.is_float else int
    if isinstance(x, TracedDim):
        return int
    if type(x) in (int, float):
        return type(x)
    if isinstance(x, list | tuple):
        return result_type(*map(kind_of, x)) if x else np.dtype(np.float64)
    if isinstance(x, bool | np.ndarray | np.generic) or hasattr(x, "__array__"):
        return checked_dtype(np.asarray(x).dtype).np
    raise DTypeError(f"{type(x).__name__} is no array, at {user_line()}")


def checked_dtype(of: Any) -> DType:
    """The element type for a dtype. Raises DTypeError, with the user's line, for one that is not supported."""
    try:
        return types.dtype(of)
    except TypeError as error:
        raise DTypeError(f"{error}, at {user_line()}") from None


def result_type(*kinds: Kind) -> np.dtype[Any]:
    """The dtype of operands that meet, by NumPy's rules (NEP 50): Python numbers do not widen a dtype of their kind."""
    strong = [k for k in kinds if isinstance(k, np.dtype)]
    if not strong:
        return np.dtype(np.float64 if float in kinds else np.int64)
    try:
        base = np.result_type(*strong)
    except TypeError as error:
        raise DTypeError(f"{error}, at {user_line()}") from None
    if float in kinds and not checked_dtype(base).is_float:
        return np.dtype(np.float64)
    return np.dtype(np.int64) if int in kinds and base == np.bool_ else base


def find_trace(x: Any) -> Trace | None:
    """The trace that an argument belongs to, if it is traced or holds something traced."""
    if isinstance(x, Tracer | TracedDim):
        return x.trace
    if isinstance(x, list | tuple):
        return next((t for t in map(find_trace, x) if t is not None), None)
    if isinstance(x, slice):
        return find_trace((x.start, x.stop, x.step))
    return None


def lift(trace: Trace, x: ArrayLike, dtype: DType | np.dtype[Any] | None = None) -> Value:
    """An operand as a value of the trace's graph, converted to a dtype where one is given.

    Raises TraceError for an array of another trace, DTypeError for what is no array or does not fit the dtype.
    """
    of = None if dtype is None else types.dtype(dtype)
    if isinstance(x, TracedDim):
        x = x.array()
    if isinstance(x, Tracer):
        if x.trace is not trace:
            raise _stray(x)
        value = x.value
        return value if of is None or value.type.dtype is of else trace.node("cast", value, dtype=of)
    if find_trace(x) is not None:
        of = of or types.dtype(result_type(kind_of(x)))
        rows = [lift(trace, row, of) for row in x]
        return trace.node("stack", *rows, axis=0)
    wanted = of or types.dtype(result_type(kind_of(x)))
    try:
        return const(trace.graph, _constant(x, wanted), wanted)
    except OverflowError as error:
        raise DTypeError(f"{error}, at {user_line()}") from None


def _constant(x: Any, of: DType) -> np.ndarray[Any, Any]:
    if type(x) in (int, float):
        return np.asarray(x, of.np)
    # A copy: the caller may write to the array later.
    with np.errstate(all="ignore"):
        return np.array(x).astype(of.np)


def _stray(x: Tracer) -> TraceError:
    place = x.value.node.loc
    if not x.trace.open:
        return TraceError(
            f"an array of {x.trace.graph.name} traced at {place} is used after the trace, at {user_line()}"
        )
    return TraceError(f"an array of {x.trace.graph.name} traced at {place} is used in another trace, at {user_line()}")


def traceable(function: Callable[Concatenate[Trace, P], Any]) -> Callable[P, Any]:
    """A function of arrays from one that also takes the trace they belong to.

    Where no argument is traced, it is computed now by the reference interpreter, as constant folding would, and gives
    NumPy arrays.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        trace = find_trace(args) or find_trace(tuple(kwargs.values()))
        if trace is not None:
            if not trace.open:
                raise _stray(next(_tracers((*args, *kwargs.values()))))
            return function(trace, *args, **kwargs)
        return compute(function, *args, **kwargs)

    signature = inspect.signature(function)
    call.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    return call


def _tracers(x: Any) -> Iterator[Tracer]:
    if isinstance(x, TracedDim):
        yield x.array()
    elif isinstance(x, Tracer):
        yield x
    elif isinstance(x, list | tuple):
        for item in x:
            yield from _tracers(item)


def compute(function: Callable[Concatenate[Trace, P], Any], /, *args: P.args, **kwargs: P.kwargs) -> Any:
    """What a function of a trace and of constants gives, as NumPy arrays."""
    trace = Trace(getattr(function, "__name__", "function"))
    result = function(trace, *args, **kwargs)

    def value(leaf: Any) -> Any:
        # A copy, for what is evaluated may be a view of a constant.
        return np.array(evaluate(trace.graph, {}, [leaf.value])[0]) if isinstance(leaf, Tracer) else leaf

    return map_leaves(value, result)
