"""Element types, shapes and tensor types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import UnsupportedError
from .index import Dim, Index, product
from .lazy import Lazy

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

Shape = tuple[Dim, ...]


@dataclass(frozen=True)
class DType:
    """An element type: its name as NumPy and TensorFlow write it, its kind and its width."""

    name: str
    kind: str
    """`f` float, `i` signed, `u` unsigned, `b` bool: NumPy's letters."""
    bits: int

    @Lazy
    def np(self) -> np.dtype[Any]:
        """The NumPy dtype of the same storage. Raises UnsupportedError for bfloat16 without the package it needs."""
        if self.name == "bfloat16":
            try:
                import ml_dtypes
            except ModuleNotFoundError:
                raise UnsupportedError("bfloat16 needs the package ml_dtypes: pip install 'tfc[bf16]'") from None

            bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
            return bfloat16
        return np.dtype(self.name)

    @property
    def size(self) -> int:
        """Bytes of one element."""
        return self.bits // 8

    @property
    def is_float(self) -> bool:
        return self.kind == "f"

    @property
    def is_int(self) -> bool:
        return self.kind in "iu"

    @property
    def is_bool(self) -> bool:
        return self.kind == "b"

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__


float16, bfloat16 = DType("float16", "f", 16), DType("bfloat16", "f", 16)
float32, float64 = DType("float32", "f", 32), DType("float64", "f", 64)
int8, int16, int32, int64 = (DType(f"int{n}", "i", n) for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (DType(f"uint{n}", "u", n) for n in (8, 16, 32, 64))
bool_ = DType("bool", "b", 8)

DTYPES = {
    d.name: d
    for d in (float16, bfloat16, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64, bool_)
}


def dtype(of: DType | DTypeLike) -> DType:
    """The DType for a name, a NumPy dtype or a Python scalar type. Raises TypeError for any other."""
    if isinstance(of, DType):
        return of
    if isinstance(of, str) and of in DTYPES:
        return DTYPES[of]
    name = np.dtype(of).name
    if name not in DTYPES:
        raise TypeError(f"dtype {name} is not supported; supported are {', '.join(DTYPES)}")
    return DTYPES[name]


@dataclass(frozen=True)
class TensorType:
    """Element type and shape; `shape` is None while the rank is unknown, a dim is an `Index` while it is unknown."""

    dtype: DType
    shape: Shape | None

    @property
    def dims(self) -> Shape:
        """The shape of a tensor whose rank is known."""
        if self.shape is None:
            raise ValueError(f"the rank of {self} is unknown")
        return self.shape

    @property
    def rank(self) -> int:
        return len(self.dims)

    @property
    def size(self) -> Dim:
        """Number of elements."""
        return product(self.dims)

    @property
    def is_static(self) -> bool:
        """Whether every dim is known."""
        return self.shape is not None and not any(isinstance(d, Index) for d in self.shape)

    def __str__(self) -> str:
        inside = "*" if self.shape is None else ", ".join(map(str, self.shape))
        return f"{self.dtype}[{inside}]"

    __repr__ = __str__
