"""What a traced function is told of its arguments: dtypes and shapes, with dims that may be left open."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfc.ir.errors import DTypeError, ShapeError
from tfc.ir.index import Dim, Index, subs
from tfc.ir.types import DType, TensorType

from .location import user_line
from .tracer import Requirement, checked_dtype

_AUTOMATIC = re.compile(r"[ds]\d+_\d+")
"""Names that are given to open dims without one."""


def _is_size(d: Any) -> bool:
    return isinstance(d, int | np.integer) and not isinstance(d, bool) and bool(d >= 0)


def _is_name(d: Any) -> bool:
    return isinstance(d, str) and d.isidentifier() and not _AUTOMATIC.fullmatch(d)


@dataclass(frozen=True, init=False)
class Spec:
    """Shape and dtype of an argument. A dim is an int, None if it is open, or a name: open, and one wherever it stands.

    Raises ShapeError or DTypeError for what is no shape or dtype.
    """

    shape: tuple[int | str | None, ...]
    dtype: DType

    def __init__(self, shape: Sequence[int | str | None] | int | str | None, dtype: Any) -> None:
        dims: tuple[Any, ...] = (shape,)
        if isinstance(shape, Sequence) and not isinstance(shape, str):
            dims = tuple(shape)
        for d in dims:
            if d is not None and not _is_size(d) and not _is_name(d):
                raise ShapeError(f"a dim is an int, None or a name, got {d!r} at {user_line()}")
        object.__setattr__(self, "shape", tuple(int(d) if isinstance(d, np.integer) else d for d in dims))
        object.__setattr__(self, "dtype", checked_dtype(dtype))

    def dims(self, k: int) -> tuple[Dim, ...]:
        """The shape for argument `k`: each open dim a symbol."""
        return tuple(
            d if isinstance(d, int) else Index.symbol(d or f"d{k}_{axis}") for axis, d in enumerate(self.shape)
        )


@dataclass(frozen=True)
class Argument:
    """One array that a traced function takes: its name, type, and whether it is a Python number (`weak`)."""

    name: str
    type: TensorType
    weak: bool = False

    @property
    def is_open(self) -> bool:
        """Whether a dim is left open."""
        return not self.type.is_static


def argument_of(name: str, k: int, leaf: Any, *, open_batch: bool) -> Argument:
    """The type of an array, with its leading dim left open if asked. The leaf is what `prepare` or the user gave."""
    if isinstance(leaf, Spec):
        return Argument(name, TensorType(leaf.dtype, leaf.dims(k)))
    array, weak = (leaf, False) if isinstance(leaf, np.ndarray) else prepare(leaf, name)
    dims: tuple[Dim, ...] = array.shape
    if open_batch and dims:
        dims = (Index.symbol(f"d{k}_0"), *dims[1:])
    return Argument(name, TensorType(checked_dtype(array.dtype), dims), weak)


def prepare(leaf: Any, name: str) -> tuple[np.ndarray[Any, Any], bool]:
    """An argument as an array in the machine's byte order, and whether it is a Python number.

    Raises DTypeError for what is no array.
    """
    if type(leaf) in (int, float):
        array = np.asarray(leaf)
        if array.dtype not in (np.int64, np.float64):
            raise DTypeError(f"argument {name}: {leaf} does not fit int64, at {user_line()}")
        return array, True
    is_array = isinstance(leaf, np.ndarray | np.generic | bool) or hasattr(leaf, "__array__")
    if not is_array or isinstance(leaf, np.ma.MaskedArray):
        raise DTypeError(
            f"argument {name} is a {type(leaf).__name__}, not an array, at {user_line()}; "
            "mark what is no array as static (static_argnums, static_argnames)"
        )
    array = np.asarray(leaf)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    checked_dtype(array.dtype)
    return array, False


def fitted(leaf: Any, argument: Argument) -> np.ndarray[Any, Any]:
    """An argument in the dtype that its spec says. Raises DTypeError where the conversion could change its values."""
    wanted = argument.type.dtype.np
    if type(leaf) is np.ndarray and leaf.dtype == wanted and leaf.dtype.isnative:
        return leaf
    array, weak = prepare(leaf, argument.name)
    if weak and (argument.type.dtype.is_float or (type(leaf) is int and argument.type.dtype.is_int)):
        try:
            return np.asarray(leaf, wanted)
        except OverflowError as error:
            raise DTypeError(f"argument {argument.name}: {error}, at {user_line()}") from None
    if not np.can_cast(array.dtype, wanted, "safe"):
        raise DTypeError(f"argument {argument.name}: expected {argument.type}, got {array.dtype}, at {user_line()}")
    return array.astype(wanted)


def check_shapes(
    arguments: Sequence[Argument], shapes: Sequence[tuple[int, ...]], requirements: Sequence[Requirement]
) -> None:
    """Raises ShapeError where shapes do not fit the arguments' types, or the dims of a run a requirement."""
    dims: dict[str, int] = {}
    for argument, shape in zip(arguments, shapes, strict=True):
        wanted = argument.type.dims
        fits = len(wanted) == len(shape) and all(
            (d if isinstance(d, int) else dims.setdefault(str(d), n)) == n for d, n in zip(wanted, shape, strict=True)
        )
        if not fits:
            known = _known(wanted, dims)
            raise ShapeError(
                f"argument {argument.name}: expected {argument.type}{known}, got {shape}, at {user_line()}"
            )
    for r in requirements:
        found = subs(r.dim, dims)
        if isinstance(found, int) and found < 0:
            given = ", ".join(f"{a.name} {s}" for a, s in zip(arguments, shapes, strict=True))
            raise ShapeError(f"{r.message} for {given}")


def _known(wanted: Sequence[Dim], dims: Mapping[str, int]) -> str:
    known = [f"{d} = {dims[str(d)]}" for d in wanted if str(d) in dims and not _AUTOMATIC.fullmatch(str(d))]
    return f" with {', '.join(known)}" if known else ""
