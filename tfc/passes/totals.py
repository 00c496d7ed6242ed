"""Where the nest of a value adds up."""

from __future__ import annotations

from tfc.ir.expr import Load, cast
from tfc.ir.graph import Value
from tfc.ir.kernel import Alloc, Body, Buffer, Store
from tfc.ir.types import Shape, bfloat16, float16, float32

from .stages import StageBuilder


class Total:
    """Where a stage adds up: in the value itself, or in float32 beside one of 16-bit floats.

    Sums of 16-bit floats that are rounded at each step lose most of what they add.
    """

    def __init__(self, b: StageBuilder, value: Value, dims: Shape) -> None:
        """`dims` are those of the value that the sums beside it have; the others run around them."""
        self.value, self.of = value, value.type.dtype
        self.name = b.plan.names[value]
        self.beside: Buffer | None = None
        if self.of in (float16, bfloat16):
            self.of = float32
            self.beside = Buffer(b.plan.fresh(f"{self.name}_sum"), float32, dims, "local", "stack")

    def at(self, index: Shape, inner: Shape) -> tuple[str, Shape]:
        return (self.name, index) if self.beside is None else (self.beside.name, inner)

    def alloc(self) -> Body:
        return () if self.beside is None else (Alloc(self.beside),)

    def rounded(self, index: Shape, inner: Shape) -> Body:
        """What stores a sum that stands beside the value."""
        if self.beside is None:
            return ()
        return (Store(self.name, index, cast(Load(float32, self.beside.name, inner), self.value.type.dtype)),)

    def rounded_all(self, b: StageBuilder) -> Body:
        """What stores all sums that stand beside the value."""
        if self.beside is None:
            return ()
        loops, at = b.domain(self.value.type.dims, "r")
        return b.nest(loops, self.rounded(at, at))
