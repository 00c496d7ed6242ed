"""`tf.TensorShape` and `tf.Dimension`, and their way to and from the shapes of the IR."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, SupportsIndex

from tfc.ir.index import Index
from tfc.ir.types import Shape


class Dimension:
    """A dim: `value` is an int, or None while it is unknown. Comparisons with an unknown dim give None."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        given = value.value if isinstance(value, Dimension) else value
        if given is not None:
            if isinstance(given, (bool, float)) and int(given) != given:
                raise ValueError(f"Ambiguous dimension: {given}")
            given = int(given)
            if given < 0:
                raise ValueError(f"Dimension {given} must be >= 0")
        self.value: int | None = given

    def __int__(self) -> int:
        if self.value is None:
            raise TypeError("the dimension is unknown: __int__ returned non-int (type NoneType)")
        return self.value

    __index__ = __int__

    def __eq__(self, other: object) -> Any:
        theirs = _dim_value(other)
        return None if self.value is None or theirs is None else self.value == theirs

    def __ne__(self, other: object) -> Any:
        equal = self == other
        return None if equal is None else not equal

    def __hash__(self) -> int:
        return hash(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def _join(self, other: Any, rule: Any) -> Any:
        theirs = _dim_value(other)
        return None if self.value is None or theirs is None else rule(self.value, theirs)

    def __lt__(self, other: Any) -> Any:
        return self._join(other, lambda a, b: a < b)

    def __le__(self, other: Any) -> Any:
        return self._join(other, lambda a, b: a <= b)

    def __gt__(self, other: Any) -> Any:
        return self._join(other, lambda a, b: a > b)

    def __ge__(self, other: Any) -> Any:
        return self._join(other, lambda a, b: a >= b)

    def __add__(self, other: Any) -> Dimension:
        return Dimension(self._join(other, lambda a, b: a + b))

    def __sub__(self, other: Any) -> Dimension:
        return Dimension(self._join(other, lambda a, b: a - b))

    def __rsub__(self, other: Any) -> Dimension:
        return Dimension(self._join(other, lambda a, b: b - a))

    def __mul__(self, other: Any) -> Dimension:
        return Dimension(self._join(other, lambda a, b: a * b))

    def __floordiv__(self, other: Any) -> Dimension:
        return Dimension(self._join(other, lambda a, b: a // b))

    def __mod__(self, other: Any) -> Dimension:
        return Dimension(self._join(other, lambda a, b: a % b))

    __radd__ = __add__
    __rmul__ = __mul__
    __truediv__ = __floordiv__

    def is_compatible_with(self, other: Any) -> bool:
        theirs = _dim_value(other)
        return self.value is None or theirs is None or self.value == theirs

    def merge_with(self, other: Any) -> Dimension:
        """The known one of two dims. Raises ValueError where they differ."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Dimensions {self} and {Dimension(other)} are not compatible")
        return Dimension(other) if self.value is None else self

    def __repr__(self) -> str:
        return f"Dimension({self.value})"

    def __str__(self) -> str:
        return "?" if self.value is None else str(self.value)


def _dim_value(x: Any) -> int | None:
    if isinstance(x, Dimension):
        return x.value
    return int(x) if isinstance(x, SupportsIndex) else None


class TensorShape:
    """A shape that may be unknown in part, or as a whole (`TensorShape(None)`)."""

    __slots__ = ("_dims",)

    def __init__(self, dims: Any) -> None:
        self._dims: tuple[Dimension, ...] | None
        if dims is None:
            self._dims = None
        elif isinstance(dims, TensorShape):
            self._dims = dims._dims
        elif isinstance(dims, (Dimension, SupportsIndex)) and not hasattr(dims, "__len__"):
            self._dims = (Dimension(dims),)
        else:
            self._dims = tuple(map(Dimension, dims))

    @property
    def dims(self) -> list[Dimension] | None:
        return None if self._dims is None else list(self._dims)

    @property
    def ndims(self) -> int | None:
        """The rank; None while it is unknown."""
        return None if self._dims is None else len(self._dims)

    @property
    def rank(self) -> int | None:
        return self.ndims

    def _known(self, what: str) -> tuple[Dimension, ...]:
        if self._dims is None:
            raise ValueError(f"Cannot take the {what} of Shape with unknown rank.")
        return self._dims

    def as_list(self) -> list[int | None]:
        """The dims as ints, None for each that is unknown. Raises ValueError for an unknown rank."""
        if self._dims is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return [d.value for d in self._dims]

    def num_elements(self) -> int | None:
        """The product of the dims; None while it is unknown."""
        if not self.is_fully_defined():
            return None
        total = 1
        for d in self._known("length"):
            total *= int(d)
        return total

    def is_fully_defined(self) -> bool:
        return self._dims is not None and all(d.value is not None for d in self._dims)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether some shape is described by both."""
        theirs = as_shape(other)
        if self._dims is None or theirs._dims is None:
            return True
        return len(self._dims) == len(theirs._dims) and all(
            a.is_compatible_with(b) for a, b in zip(self._dims, theirs._dims, strict=True)
        )

    def merge_with(self, other: Any) -> TensorShape:
        """What both say together. Raises ValueError where they contradict."""
        theirs = as_shape(other)
        if not self.is_compatible_with(theirs):
            raise ValueError(f"Shapes {self} and {theirs} are not compatible")
        if self._dims is None or theirs._dims is None:
            return theirs if self._dims is None else self
        return TensorShape([a.merge_with(b) for a, b in zip(self._dims, theirs._dims, strict=True)])

    def assert_is_compatible_with(self, other: Any) -> None:
        self.merge_with(other)

    def assert_is_fully_defined(self) -> None:
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def assert_has_rank(self, rank: int) -> None:
        self.with_rank(rank)

    def with_rank(self, rank: int) -> TensorShape:
        """This shape, known to have the rank. Raises ValueError where it has another."""
        try:
            return self.merge_with([None] * rank)
        except ValueError:
            raise ValueError(f"Shape {self} must have rank {rank}") from None

    def concatenate(self, other: Any) -> TensorShape:
        theirs = as_shape(other)
        if self._dims is None or theirs._dims is None:
            return TensorShape(None)
        return TensorShape(self._dims + theirs._dims)

    def __len__(self) -> int:
        return len(self._known("length"))

    def __bool__(self) -> bool:
        return self._dims is not None

    def __iter__(self) -> Iterator[Dimension]:
        return iter(self._known("items"))

    def __getitem__(self, key: Any) -> Any:
        if self._dims is None:
            return TensorShape(None) if isinstance(key, slice) else Dimension(None)
        return TensorShape(self._dims[key]) if isinstance(key, slice) else self._dims[key]

    def __eq__(self, other: object) -> bool:
        try:
            theirs = as_shape(other)
        except (TypeError, ValueError):
            return NotImplemented
        return self._values == theirs._values

    def __ne__(self, other: object) -> bool:
        return not self == other

    @property
    def _values(self) -> tuple[int | None, ...] | None:
        return None if self._dims is None else tuple(d.value for d in self._dims)

    def __hash__(self) -> int:
        return hash(self._values)

    def __str__(self) -> str:
        if self._dims is None:
            return "<unknown>"
        return f"({self._dims[0]},)" if len(self._dims) == 1 else f"({', '.join(map(str, self._dims))})"

    def __repr__(self) -> str:
        return f"TensorShape({self.dims})"


def as_shape(x: Any) -> TensorShape:
    """A TensorShape for what may stand for one."""
    return x if isinstance(x, TensorShape) else TensorShape(x)


def from_ir(shape: Shape | None) -> TensorShape:
    """The TensorShape of an IR shape: each symbolic dim is unknown."""
    return TensorShape(None if shape is None else [None if isinstance(d, Index) else d for d in shape])
