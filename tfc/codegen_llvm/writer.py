"""Text of one LLVM function: typed values, blocks, and placement of pure instructions.

A pure instruction is written once per dominating scope (value numbering by its text) and as far out of the loops as its
operands allow: what LLVM's LICM and EarlyCSE would do later, at a fraction of their compile time.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

I64, I1, PTR = "i64", "i1", "ptr"

_SUFFIX = {"float": "f32", "double": "f64", "half": "f16", "ptr": "p0"}


class Value(NamedTuple):
    """An SSA value or a constant: `lanes` is 0 for a scalar; `level` is the number of loops around its definition."""

    text: str
    elem: str
    lanes: int = 0
    level: int = 0

    @property
    def type(self) -> str:
        return type_text(self.elem, self.lanes)

    @property
    def typed(self) -> str:
        return f"<{self.lanes} x {self.elem}> {self.text}" if self.lanes else f"{self.elem} {self.text}"

    @property
    def is_constant(self) -> bool:
        return not self.text.startswith("%")


def type_text(elem: str, lanes: int) -> str:
    return f"<{lanes} x {elem}>" if lanes else elem


def suffix(elem: str, lanes: int) -> str:
    """The mangled type in the name of an intrinsic."""
    return (f"v{lanes}" if lanes else "") + _SUFFIX.get(elem, elem)


def integer(value: int, elem: str = I64) -> Value:
    return Value(str(value), elem)


ZERO = integer(0)


def vector_constant(values: list[int], elem: str) -> Value:
    return Value(f"<{', '.join(f'{elem} {v}' for v in values)}>", elem, len(values))


def mask_constant(lanes: Iterable[bool]) -> Value:
    """A lane mask that is known."""
    bits = [f"i1 {str(lane).lower()}" for lane in lanes]
    return Value(f"<{', '.join(bits)}>", I1, len(bits))


def known_lanes(mask: Value) -> list[bool] | None:
    """The lanes of a mask that is known, else None."""
    if mask.text.startswith("splat"):
        return ["true" in mask.text] * mask.lanes
    return [bit.endswith("true") for bit in mask.text[1:-1].split(", ")] if mask.text.startswith("<") else None


@dataclass
class _Scope:
    """Code that what was written before dominates: a loop's body, or a branch (`conditional`) at its parent's level."""

    lines: list[str]
    level: int
    conditional: bool = False
    added: list[str] = field(default_factory=list)


class Writer:
    """Writes the body of one function; `declarations` collects the intrinsics it calls."""

    def __init__(self, declarations: dict[str, str]) -> None:
        self.declarations = declarations
        self.allocas: list[str] = []
        self.block = "entry"
        self._scopes = [_Scope([], 0)]
        self._known: dict[str, Value] = {}
        self._count = 0

    @property
    def level(self) -> int:
        return self._scopes[-1].level

    @property
    def lines(self) -> list[str]:
        return self._scopes[-1].lines

    def fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def emit(self, line: str) -> None:
        self.lines.append(line)

    def pure(self, elem: str, lanes: int, text: str, *operands: Value) -> Value:
        """The value of an instruction without effects that cannot trap, whatever its operands."""
        known = self._known.get(text)
        if known is not None:
            return known
        level, at = 0, len(self._scopes) - 1
        for v in operands:
            level = max(level, v.level)
        while self._scopes[at].level > level:
            at -= 1
        return self._place(at, elem, lanes, text)

    def invariant(self, elem: str, lanes: int, text: str, address: Value) -> Value:
        """The value of a load from memory that nobody writes: not moved out of a branch, which may guard it."""
        known = self._known.get(text)
        if known is not None:
            return known
        at = len(self._scopes) - 1
        while self._scopes[at].level > address.level and not self._scopes[at].conditional:
            at -= 1
        return self._place(at, elem, lanes, text)

    def effect(self, elem: str, lanes: int, text: str) -> Value:
        """The value of an instruction that stays where it is."""
        name = self.fresh("%v")
        self.emit(f"  {name} = {text}")
        return Value(name, elem, lanes, self.level)

    def _place(self, at: int, elem: str, lanes: int, text: str) -> Value:
        scope = self._scopes[at]
        value = Value(self.fresh("%v"), elem, lanes, scope.level)
        scope.lines.append(f"  {value.text} = {text}")
        scope.added.append(text)
        self._known[text] = value
        return value

    def call(self, name: str, elem: str, lanes: int, *args: Value, flags: str = "") -> Value:
        """A pure call of an intrinsic by its full name."""
        text = self._call_text(name, type_text(elem, lanes), args, flags)
        return self.pure(elem, lanes, text, *args)

    def call_effect(self, name: str, elem: str, lanes: int, *args: Value) -> Value:
        """A call of an intrinsic that stays where it is and gives a value."""
        return self.effect(elem, lanes, self._call_text(name, type_text(elem, lanes), args, ""))

    def call_invariant(self, name: str, elem: str, lanes: int, address: Value, *args: Value) -> Value:
        """A call of an intrinsic that reads memory that nobody writes."""
        return self.invariant(elem, lanes, self._call_text(name, type_text(elem, lanes), args, ""), address)

    def call_void(self, name: str, *args: Value) -> None:
        self.emit("  " + self._call_text(name, "void", args, ""))

    def _call_text(self, name: str, result: str, args: tuple[Value, ...], flags: str) -> str:
        self.declarations[name] = f"declare {result} @{name}({', '.join(a.type for a in args)})"
        return f"call {flags}{result} @{name}({', '.join(a.typed for a in args)})"

    def splat(self, v: Value, lanes: int) -> Value:
        """A scalar in every lane; a vector is returned as it is."""
        if v.lanes or not lanes:
            return v
        if v.is_constant:
            return Value(f"splat ({v.typed})", v.elem, lanes)
        t = type_text(v.elem, lanes)
        one = self.pure(v.elem, lanes, f"insertelement {t} poison, {v.typed}, i64 0", v)
        return self.pure(v.elem, lanes, f"shufflevector {one.typed}, {t} poison, <{lanes} x i32> zeroinitializer", one)

    def logic(self, op: str, a: Value, b: Value) -> Value:
        """`and`, `or` or `xor` of two bools or lane masks; known where they are, so that stores see it."""
        x, y = (known_lanes(v) if v.lanes else None for v in (a, b))
        if x is None or y is None:
            return self.pure(I1, a.lanes, f"{op} {a.typed}, {b.text}", a, b)
        decide = {"and": operator.and_, "or": operator.or_, "xor": operator.xor}[op]
        return mask_constant(map(decide, x, y))

    def lane(self, v: Value, k: int) -> Value:
        """One lane; of a scalar, the scalar."""
        return self.pure(v.elem, 0, f"extractelement {v.typed}, i64 {k}", v) if v.lanes else v

    def label(self, name: str) -> None:
        self.emit(f"{name}:")
        self.block = name

    def jump(self, name: str) -> None:
        self.emit(f"  br label %{name}")

    def branch(self, condition: Value, yes: str, no: str) -> None:
        self.emit(f"  br {condition.typed}, label %{yes}, label %{no}")

    def phi(self, elem: str, lanes: int, *incoming: tuple[Value, str]) -> Value:
        pairs = ", ".join(f"[ {v.text}, %{block} ]" for v, block in incoming)
        return self.effect(elem, lanes, f"phi {type_text(elem, lanes)} {pairs}")

    def function(self, head: str) -> str:
        """The text of the function whose body was written."""
        return "\n".join((f"define {head} nounwind {{", "entry:", *self.allocas, *self.lines, "  ret void", "}", ""))

    def _pop(self) -> _Scope:
        scope = self._scopes.pop()
        for text in scope.added:
            del self._known[text]
        return scope

    @contextmanager
    def conditional(self) -> Iterator[None]:
        """Code that runs only on some path: what it computes is not known after it."""
        self._scopes.append(_Scope(self.lines, self.level, conditional=True))
        yield
        self._pop()

    @contextmanager
    def loop(self, extent: Value, start: Value = ZERO) -> Iterator[Value]:
        """A counted loop, tested at its end behind a guard; gives the counter."""
        body, latch, done = self.fresh("loop"), self.fresh("latch"), self.fresh("done")
        if not extent.is_constant:
            ahead = self.fresh("ahead")
            self.branch(self.pure(I1, 0, f"icmp sgt {extent.typed}, {start.text}", extent, start), ahead, done)
            self.label(ahead)
            outer = _Scope(self.lines, self.level, conditional=True)
            self._scopes.append(outer)
        before, following = self.block, self.fresh("%v")
        self._scopes.append(_Scope([], self.level + 1))
        self.jump(body)
        self.label(body)
        counter = self.phi(I64, 0, (start, before), (Value(following, I64), latch))
        yield counter
        self.jump(latch)
        self.label(latch)
        self.emit(f"  {following} = add nuw nsw i64 {counter.text}, 1")
        again = self.effect(I1, 0, f"icmp ne i64 {following}, {extent.text}")
        self.branch(again, body, done)
        lines = self._pop().lines
        self.lines.extend(lines)
        if not extent.is_constant:
            self._pop()
        self.label(done)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Code that runs if the condition holds."""
        then, done = self.fresh("then"), self.fresh("done")
        self.branch(condition, then, done)
        self.label(then)
        with self.conditional():
            yield
        self.jump(done)
        self.label(done)
