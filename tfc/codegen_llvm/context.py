"""The state of emitting one kernel: what names stand for, the vector loop around, the mask in force."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tfc.ir.index import Dim, Index, symbols_of
from tfc.ir.kernel import Buffer
from tfc.ir.types import DType, Shape
from tfc.passes.target import Target

from .errors import CodegenError
from .writer import I1, I64, Value, Writer, suffix, vector_constant

Place = tuple[str, Shape]
"""A buffer and an index in it."""

ELEMENTS = {
    "float32": "float",
    "float64": "double",
    "bool": "i1",
    # Half floats are only moved and cast, so they stay as their bits.
    "float16": "i16",
    "bfloat16": "i16",
    **{f"{u}int{n}": f"i{n}" for n in (8, 16, 32, 64) for u in ("", "u")},
}
"""The type of an element in a register."""


def element(dtype: DType) -> str:
    return ELEMENTS[dtype.name]


def memory_element(dtype: DType) -> str:
    """The type of an element in memory."""
    return "i8" if dtype.is_bool else ELEMENTS[dtype.name]


@dataclass(frozen=True)
class View:
    """Memory that statements access: `steps` are strides in elements, `origin` is added to every flat index.

    `constant` says that nothing writes it while the kernel runs, `alias` that other arguments may lie in it; `elements`
    counts those of a local buffer, 0 for an argument. `stream` counts the bytes of one whose stores may go past the
    caches, 0 for any other.
    """

    dtype: DType
    pointer: Value
    steps: Shape
    origin: Dim
    align: int
    constant: bool = False
    elements: int = 0
    alias: bool = False
    stream: Dim = 0


@dataclass
class Region:
    """A body under a lane mask. `nonempty` is set once it relies on some lane being active; then a branch guards it."""

    nonempty: bool = False


@dataclass
class Context:
    """One kernel being emitted. `symbols` maps names to index expressions, `values` maps names to SSA values."""

    kernel: str
    target: Target
    w: Writer
    symbols: dict[str, Dim] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    ranges: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    lane: str = ""
    lanes: int = 0
    mask: Value | None = None
    region: Region | None = None
    whole: bool = False
    """Within the copy of a masked body for vectors that are whole."""
    status: Value | None = None
    streams: dict[str, View] = field(default_factory=dict)
    """The views to which some store may go past the caches, by their pointers."""
    threads: Value | None = None
    """How many threads the code may use."""
    at_once: bool = False
    """Whether several threads may run the code at once."""
    arguments: dict[str, Buffer] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    """The functions of parallel loops, as text."""
    read: dict[Place, Value] = field(default_factory=dict)
    """Elements that were read ahead, by buffer and index, as they are in memory."""
    waiting: dict[Place, list[Value]] = field(default_factory=dict)
    """What stores that come later are to write, as it is in memory."""

    def error(self, message: str) -> CodegenError:
        return CodegenError(f"kernel {self.kernel}: {message}")

    @contextmanager
    def names(self) -> Iterator[None]:
        """A scope of names: what is bound inside is forgotten after it."""
        saved = self.symbols, self.values, self.views, self.ranges
        self.symbols, self.values, self.views, self.ranges = (
            self.symbols.copy(),
            self.values.copy(),
            self.views.copy(),
            self.ranges.copy(),
        )
        yield
        self.symbols, self.values, self.views, self.ranges = saved

    def bind(self, name: str, value: Value, low: int | None = None, high: int | None = None) -> None:
        """Binds a name to an SSA value, with its range where it is known.

        An index in force may speak of an outer value of the same name, so a name that is taken gets a fresh symbol.
        """
        symbol = name
        if name in self.values or name in self.symbols:
            symbol = self.w.fresh(f"{name}.")
            self.symbols[name] = Index.symbol(symbol)
        self.values[symbol] = value
        self.ranges[symbol] = (low, high)

    def value(self, name: str) -> Value:
        """What a symbol or a name stands for."""
        if name not in self.values:
            raise self.error(f"{name} is not bound")
        return self.values[name]

    def varies(self, *dims: Dim) -> bool:
        """Whether an index (symbols replaced) differs between the lanes."""
        return bool(self.lanes) and any(self.value(s).lanes for s in symbols_of(*dims))

    @contextmanager
    def vector(self, name: str, lanes: int) -> Iterator[None]:
        """The body of a vector loop."""
        with self.names():
            self.bind(name, vector_constant(list(range(lanes)), I64), 0, lanes - 1)
            symbol = self.symbols.get(name)
            self.lane, self.lanes = str(symbol) if symbol is not None else name, lanes
            yield
        self.lane, self.lanes = "", 0

    @contextmanager
    def masked(self, mask: Value, region: Region | None) -> Iterator[None]:
        """Code in which only the lanes of the mask are active."""
        saved = self.mask, self.region
        self.mask, self.region = mask, region
        yield
        self.mask, self.region = saved

    @contextmanager
    def across(self, read: dict[Place, Value], waiting: dict[Place, list[Value]]) -> Iterator[None]:
        """One iteration of a loop around vectors: what was read ahead for it, and stores that come after the loop."""
        if read or waiting:
            saved = self.read, self.waiting
            self.read, self.waiting = {**self.read, **read}, {**self.waiting, **waiting}
            yield
            self.read, self.waiting = saved
        else:
            yield

    def both(self, mask: Value) -> Value:
        """A lane mask within the mask in force."""
        mask = self.w.splat(mask, self.lanes)
        if self.mask is None:
            return mask
        return self.w.logic("and", self.mask, mask)

    def inverse(self, condition: Value) -> Value:
        """The negation of a bool."""
        ones = self.w.splat(Value("true", I1), condition.lanes)
        return self.w.logic("xor", condition, ones)

    def all(self, mask: Value) -> Value:
        """Whether every lane of a mask is active."""
        return self.w.call(f"llvm.vector.reduce.and.{suffix(I1, mask.lanes)}", I1, 0, mask)

    def any(self, mask: Value) -> Value:
        """Whether some lane of a mask is active."""
        return self.w.call(f"llvm.vector.reduce.or.{suffix(I1, mask.lanes)}", I1, 0, mask)

    def rely_on_active(self) -> None:
        """Says that the code being emitted must not run where the mask in force is empty."""
        if self.region is not None:
            self.region.nonempty = True

    @contextmanager
    def active(self) -> Iterator[None]:
        """Code that must not run where the mask in force is empty."""
        if self.mask is None or self.region is not None:
            self.rely_on_active()
            yield
        else:
            with self.w.when(self.any(self.mask)):
                yield
