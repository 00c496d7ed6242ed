"""What is fed, as arrays that native code can read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfc.ir.errors import DTypeError, ShapeError
from tfc.ir.graph import Loc, Value
from tfc.ir.index import Index
from tfc.ir.types import DTYPES, DType, Shape

Array = np.ndarray[Any, Any]

_TF_NAMES = {"float16": "half", "float32": "float", "float64": "double"}
"""TF's names for dtypes in messages, where they differ."""


def dims_text(shape: Shape | None) -> str:
    """A shape as TF writes it: unknown dims as `?`."""
    if shape is None:
        return "<unknown>"
    dims = ", ".join("?" if isinstance(d, Index) else str(d) for d in shape)
    return f"({dims},)" if len(shape) == 1 else f"({dims})"


@dataclass(frozen=True)
class Feed:
    """A tensor that is fed: what takes a value into an array of its dtype, and what shapes it takes."""

    name: str
    loc: Loc
    dtype: DType
    shape: Shape | None

    @staticmethod
    def of(value: Value) -> Feed:
        return Feed(value.name, value.node.loc, value.type.dtype, value.type.shape)

    def converter(self) -> Callable[[Any], Array]:
        """What makes a contiguous, aligned array of the tensor's dtype, without a copy where it is given one.

        Raises DTypeError or ShapeError for what is no array of numbers, and where a number would become another: a
        float may lose precision, but 1.5 is no integer and 2 no bool.
        """
        wanted, convert, array_type = self.dtype.np, self.convert, np.ndarray

        def array(given: Any) -> Array:
            if type(given) is array_type and given.dtype == wanted and given.flags.carray:
                return given
            return convert(given)

        return array

    def convert(self, given: Any) -> Array:
        try:
            found = np.asarray(given)
        except TypeError as error:
            raise DTypeError(f"{self.refusal(given)}: {error}") from None
        except ValueError as error:
            raise ShapeError(f"{self.refusal(given)}: {error}") from None
        wanted = self.dtype.np
        if found.dtype != wanted:
            found = self.cast(found, given)
        return np.require(found, wanted, ("C_CONTIGUOUS", "ALIGNED"))

    def cast(self, found: Array, given: Any) -> Array:
        """An array of another dtype in the tensor's own."""
        wanted = self.dtype
        if found.dtype.kind not in "biuf" and found.dtype.name not in DTYPES:
            raise DTypeError(f"{self.refusal(given)}: expected numbers, got {found.dtype.name}")
        with np.errstate(all="ignore"):
            cast = found.astype(wanted.np, order="C")
            lost = np.zeros(()) if wanted.is_float else cast != found
        if lost.any():
            raise DTypeError(f"{self.refusal(given)}: {found[lost][0]} is no {wanted}")
        return cast

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raises ShapeError where the tensor's shape, as far as it is known, is another."""
        mine = self.shape
        if mine is None:
            return
        known = zip(mine, shape, strict=False)
        if len(mine) != len(shape) or any(isinstance(d, int) and d != n for d, n in known):
            raise ShapeError(
                f"Cannot feed value of shape {shape} for Tensor '{self.name}', "
                f"which has shape '{dims_text(mine)}', at {self.loc}"
            )

    def refusal(self, given: Any) -> str:
        return f"Cannot feed {_said(given)} for Tensor '{self.name}' of {self.dtype}, at {self.loc}"


def _said(given: Any) -> str:
    """A value in few words."""
    if isinstance(given, np.ndarray):
        return f"an array of {given.dtype}"
    text = repr(given)
    return text if len(text) <= 40 else f"{text[:37]}..."


def missing(value: Value) -> str:
    """What to say of a placeholder that a run needs and is not given."""
    kind = _TF_NAMES.get(value.type.dtype.name, value.type.dtype.name)
    shape = value.type.shape
    dims = "" if shape is None else f" and shape [{','.join('?' if isinstance(d, Index) else str(d) for d in shape)}]"
    return (
        f"You must feed a value for placeholder tensor '{value.node.name}' with dtype {kind}{dims}, "
        f"made at {value.node.loc}"
    )


def feeds_of(values: Sequence[Value]) -> tuple[Feed, ...]:
    return tuple(map(Feed.of, values))
