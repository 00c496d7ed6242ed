"""`tfc.grad` and `tfc.value_and_grad`: the gradient of a function of arrays, as a function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tfc.ir.errors import DTypeError, ShapeError
from tfc.passes.autodiff import gradients

from .location import user_line
from .pytree import flatten, unflatten
from .trace import Compiled, active_trace
from .tracer import ArrayLike, Trace, TraceError, Tracer, lift


class Gradient:
    """A function that computes another one's value and gradient. Inside a trace it is recorded; outside it is compiled.

    The function must give one float. Raises DTypeError where it gives no float or is differentiated by arguments that
    are none, ShapeError where it gives an array.
    """

    def __init__(
        self, function: Callable[..., Any], argnums: int | Sequence[int], *, has_aux: bool, with_value: bool
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.argnums = argnums
        self.has_aux = has_aux
        self.with_value = with_value
        self.compiled = Compiled(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        trace = active_trace()
        return self.compiled(*args, **kwargs) if trace is None else self._record(trace, args, kwargs)

    def _record(self, trace: Trace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = list(args)
        trees: list[tuple[Any, list[Tracer]]] = []
        single = isinstance(self.argnums, int)
        for n in [self.argnums] if isinstance(self.argnums, int) else self.argnums:
            if not -len(given) <= n < len(given):
                raise TraceError(f"no argument {n} to differentiate by among {len(given)}, at {user_line()}")
            leaves: list[Any] = []
            structure = flatten(given[n], leaves)
            own = [self._own(trace, leaf, n) for leaf in leaves]
            given[n] = unflatten(structure, iter(own))
            trees.append((structure, own))
        result = self.function(*given, **kwargs)
        value, aux = result if self.has_aux else (result, None)
        y = self._scalar(trace, value)
        found = self._gradients(trace, y, [x for _, own in trees for x in own])
        parts = tuple(unflatten(structure, found) for structure, _ in trees)
        gradient = parts[0] if single else parts
        if not self.with_value:
            return (gradient, aux) if self.has_aux else gradient
        return ((y, aux) if self.has_aux else y), gradient

    def _own(self, trace: Trace, leaf: ArrayLike, n: int) -> Tracer:
        """A value of its own for a leaf, so that the same array used elsewhere is not differentiated by."""
        value = lift(trace, leaf)
        if not value.type.dtype.is_float:
            raise DTypeError(
                f"the gradient of {self._name} by argument {n} needs floats, got {value.type} at {user_line()}"
            )
        weak = leaf.weak if isinstance(leaf, Tracer) else type(leaf) is float
        return trace.wrap(trace.node("identity", value), weak=weak)

    def _scalar(self, trace: Trace, value: Any) -> Tracer:
        if value is None or isinstance(value, tuple | list | dict):
            hint = "" if self.has_aux else "; has_aux=True lets it give (value, something more)"
            raise TraceError(f"{self._name} must give one float, got {type(value).__name__}{hint}, at {user_line()}")
        y = lift(trace, value)
        if y.type.rank:
            raise ShapeError(f"{self._name} must give one float, got {y.type} (from {y.node.loc}), at {user_line()}")
        if not y.type.dtype.is_float:
            raise DTypeError(f"{self._name} must give one float, got {y.type} (from {y.node.loc}), at {user_line()}")
        return trace.wrap(y)

    def _gradients(self, trace: Trace, y: Tracer, xs: list[Tracer]) -> Any:
        """The gradients as arrays, zeros where nothing connects."""
        for x, found in zip(xs, gradients([y.value], [x.value for x in xs]), strict=True):
            of = x.value.type
            zero = lift(trace, 0, of.dtype)
            yield trace.wrap(trace.node("broadcast_to", zero, shape=of.dims) if found is None else found)

    @property
    def _name(self) -> str:
        return getattr(self.function, "__name__", "the function")


def grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Gradient:
    """The gradient of a function that gives one float by the arguments `argnums`, in the structure of those arguments.

    With `has_aux` the function gives `(value, aux)`, and the gradient comes as `(gradient, aux)`. An argument that the
    value does not depend on has a gradient of zeros.
    """
    return Gradient(function, argnums, has_aux=has_aux, with_value=False)


def value_and_grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Gradient:
    """Like `grad`, but gives `(value, gradient)`; with `has_aux` `((value, aux), gradient)`."""
    return Gradient(function, argnums, has_aux=has_aux, with_value=True)
