"""`tf.DType` and the dtypes by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfc.ir import types

_NAMES = {"float": "float32", "double": "float64", "half": "float16", "int": "int32"}
_PYTHON: dict[type, str] = {float: "float32", bool: "bool"}


class DType:
    """An element type under TF's attributes; compares equal to its name and to the NumPy dtype."""

    __slots__ = ("ir",)

    def __init__(self, ir: types.DType) -> None:
        self.ir = ir

    @property
    def name(self) -> str:
        return self.ir.name

    @property
    def as_numpy_dtype(self) -> type[Any]:
        """The NumPy scalar type."""
        return self.ir.np.type

    @property
    def base_dtype(self) -> DType:
        return self

    @property
    def real_dtype(self) -> DType:
        return self

    @property
    def is_floating(self) -> bool:
        return self.ir.is_float

    @property
    def is_integer(self) -> bool:
        return self.ir.is_int

    @property
    def is_bool(self) -> bool:
        return self.ir.is_bool

    @property
    def is_unsigned(self) -> bool:
        return self.ir.kind == "u"

    @property
    def is_complex(self) -> bool:
        return False

    @property
    def size(self) -> int:
        """Bytes of one element."""
        return self.ir.size

    @property
    def min(self) -> Any:
        return self._limits.min

    @property
    def max(self) -> Any:
        return self._limits.max

    @property
    def _limits(self) -> Any:
        if self.ir.is_bool:
            raise TypeError(f"Cannot find minimum or maximum value of {self!r}.")
        return np.finfo(self.as_numpy_dtype) if self.ir.is_float else np.iinfo(self.as_numpy_dtype)

    def is_compatible_with(self, other: Any) -> bool:
        return bool(self == other)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DType):
            return self.ir == other.ir
        if other is None:
            return False
        try:
            return bool(self.ir == as_dtype(other).ir)
        except TypeError:
            return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.ir)

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"


DTYPES = {name: DType(d) for name, d in types.DTYPES.items()}

float16, bfloat16, float32, float64 = (DTYPES[n] for n in ("float16", "bfloat16", "float32", "float64"))
int8, int16, int32, int64 = (DTYPES[f"int{n}"] for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (DTYPES[f"uint{n}"] for n in (8, 16, 32, 64))
bool_ = DTYPES["bool"]
half, double = float16, float64


def as_dtype(of: Any) -> DType:
    """The DType for a DType, a name (`"float"` is float32), a NumPy dtype or a Python type. Raises TypeError."""
    if isinstance(of, DType):
        return of
    if isinstance(of, type) and of in _PYTHON:
        return DTYPES[_PYTHON[of]]
    if isinstance(of, str):
        of = _NAMES.get(of, of.removesuffix("_ref"))
    try:
        return DTYPES[types.dtype(of).name]
    except TypeError as error:
        raise TypeError(f"Cannot convert value {of!r} to a TensorFlow DType: {error}") from None
