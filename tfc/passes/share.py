"""Kernels that do the same on other buffers become one, so that what follows sees each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from tfc.ir.expr import At, Expr, Load, Name, Prim
from tfc.ir.index import Dim, Index, subs
from tfc.ir.kernel import Accumulate, Alloc, Body, Buffer, Check, For, If, Kernel, Let, Program, Store, walk
from tfc.ir.types import Shape


@dataclass(frozen=True)
class Share:
    """Merges kernels that differ in nothing but names, as those of a deep network's layers do.

        kernel k0(x, y) { for i < 8 { y[i] = neg(x[i]) } }      kernel k0(x, y) { for i < 8 { y[i] = neg(x[i]) } }
        kernel k1(u, v) { for j < 8 { v[j] = neg(u[j]) } }  ->
        run k0(a, b)                                            run k0(a, b)
        run k1(b, c)                                            run k0(b, c)

    The first of them stays, with its names.
    """

    name: ClassVar[str] = "share"

    def apply(self, program: Program) -> Program:
        first: dict[object, str] = {}
        stands_for: dict[str, str] = {}
        for k in _candidates(program.kernels):
            stands_for[k.name] = first.setdefault(_Nameless(k).key(), k.name)
        kernels = tuple(k for k in program.kernels if stands_for.get(k.name, k.name) == k.name)
        steps = tuple(replace(s, kernel=stands_for.get(s.kernel, s.kernel)) for s in program.steps)
        return replace(program, kernels=kernels, steps=steps)


def _candidates(kernels: Iterable[Kernel]) -> Iterator[Kernel]:
    """The kernels that are like another in what is quickly seen of them."""
    groups: dict[object, list[Kernel]] = {}
    for k in kernels:
        arguments = tuple((b.dtype, b.role, len(b.shape)) for b in k.buffers)
        groups.setdefault((arguments, len(k.dims), tuple(map(type, walk(k.body)))), []).append(k)
    for group in groups.values():
        if len(group) > 1:
            yield from group


class _Nameless:
    """What a kernel says, as a key, with numbers for names in the order in which it gives them."""

    def __init__(self, k: Kernel) -> None:
        given = [*(b.name for b in k.buffers), *k.dims]
        for s in walk(k.body):
            match s:
                case For(var=name) | Let(name=name) | Alloc(buffer=Buffer(name=name)):
                    given.append(name)
        self.numbers = {name: number for number, name in enumerate(dict.fromkeys(given))}
        self.symbols: dict[str, Dim] = {name: Index.symbol(f"%{n}") for name, n in self.numbers.items()}
        self.seen: dict[Dim, Dim] = {}
        self.out: list[object] = [len(k.dims), *map(self.buffer, k.buffers)]
        self.body(k.body)

    def key(self) -> tuple[object, ...]:
        return tuple(self.out)

    def dim(self, d: Dim) -> Dim:
        if isinstance(d, int):
            return d
        if d not in self.seen:
            self.seen[d] = subs(d, self.symbols)
        return self.seen[d]

    def dims(self, shape: Shape) -> Shape:
        return tuple(map(self.dim, shape))

    def buffer(self, b: Buffer) -> object:
        strides = None if b.strides is None else self.dims(b.strides)
        return self.numbers[b.name], replace(b, name="", shape=self.dims(b.shape), strides=strides)

    def body(self, body: Body) -> None:
        for s in body:
            self.out.append(type(s))
            match s:
                case For():
                    self.out += (self.numbers[s.var], self.dim(s.extent), s.kind)
                    self.body(s.body)
                case If():
                    self.expr(s.condition)
                    self.body(s.then)
                    self.body(s.orelse)
                case Let():
                    self.out.append(self.numbers[s.name])
                    self.expr(s.value)
                case Store() | Accumulate():
                    self.out += (self.numbers[s.buffer], self.dims(s.index), getattr(s, "combiner", ""))
                    self.expr(s.value)
                case Alloc():
                    self.out.append(self.buffer(s.buffer))
                case Check():
                    self.out.append(s.message)
                    self.expr(s.condition)
        self.out.append("end")

    def expr(self, e: Expr) -> None:
        match e:
            case Prim():
                self.out += (e.dtype, e.op, len(e.args))
                for a in e.args:
                    self.expr(a)
            case At():
                self.out.append(self.dim(e.index))
            case Load():
                self.out += (e.dtype, self.numbers[e.buffer], self.dims(e.index))
            case Name():
                self.out += (e.dtype, self.numbers[e.name])
            case _:
                self.out.append(e)
