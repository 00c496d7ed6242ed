"""Convolutions and their filters' gradients as lowering gives them: text, and the values of their dims."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .kernels import Table

Loops = Iterable[tuple[str, int | str]]


@dataclass(frozen=True)
class Conv:
    """A convolution: batch, spatial dims of the result, of the filter, channels in and out of a group, groups."""

    n: int | str
    out: tuple[int | str, ...]
    taps: tuple[int, ...]
    c: int
    f: int
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    dtype: str = "float32"
    pad: int = 0
    """Places beside x that a window reaches, on each side."""

    @property
    def shapes(self) -> tuple[Sequence[int | str], Sequence[int | str], Sequence[int | str]]:
        """Those of x, w and y."""
        inner = [_size(o, k, self.stride, self.dilation, self.pad) for o, k in zip(self.out, self.taps, strict=True)]
        w = (*self.taps, self.c, self.groups * self.f)
        return (self.n, *inner, self.groups * self.c), w, (self.n, *self.out, self.groups * self.f)

    @property
    def dims(self) -> str:
        names = sorted({str(s) for s in (self.n, *self.out) if isinstance(s, str)})
        return f" dims({', '.join(names)})" if names else ""

    @property
    def pixels(self) -> list[tuple[str, int | str]]:
        return [(f"i{d}", e) for d, e in enumerate((self.n, *self.out))]

    @property
    def window(self) -> list[tuple[str, int | str]]:
        return [(f"k{d}", e) for d, e in enumerate(self.taps)]

    def forward(self, end: str = "", more: str = "", local: bool = False) -> str:
        """y from x and w, and statements on it."""
        x, w, y = self.shapes
        of_y = buffer("y", self.dtype, y)
        head = f"{buffer('x', self.dtype, x)} in, {buffer('w', self.dtype, w)} in{more}"
        at_y, at_x, at_w = self._places(self.pixels, self.window)
        zero = nest([(f"z{d}", e) for d, e in enumerate(y)], f"y[{index(y, 'z')}] = 0.0:{self.dtype}")
        loops = [*self.pixels, ("g", self.groups), ("f", self.f), *self.window, ("c", self.c)]
        sums = nest(loops, self._inside(at_x, f"y[{at_y}] add= mul(x[{at_x}], w[{at_w}])"))
        first = f"alloc {of_y} local stack" if local else ""
        return f"kernel f({head}{'' if local else f', {of_y} out'}){self.dims} {{ {first} {zero} {sums} {end} }}"

    def filter(self) -> str:
        """The gradient of w from x and that of y."""
        x, w, y = self.shapes
        head = ", ".join(buffer(*b) for b in (("x", self.dtype, x), ("y", self.dtype, y), ("w", self.dtype, w)))
        head = head.replace(", y:", " in, y:").replace(", w:", " in, w:")
        at_y, at_x, at_w = self._places(self.pixels, self.window)
        zero = nest([(f"z{d}", e) for d, e in enumerate(w)], f"w[{index(w, 'z')}] = 0.0:{self.dtype}")
        loops = [*self.window, ("c", self.c), ("g", self.groups), ("f", self.f), *self.pixels]
        sums = nest(loops, self._inside(at_x, f"w[{at_w}] add= mul(x[{at_x}], y[{at_y}])"))
        return f"kernel f({head} out){self.dims} {{ {zero} {sums} }}"

    def _inside(self, at_x: str, body: str) -> str:
        """A statement where x is read and not what its padding adds."""
        for i, size in zip(at_x.split(", ")[1:-1], self.shapes[0][1:-1], strict=True):
            if self.pad:
                body = f"if ge(@({i}), @(0)) {{ if lt(@({i}), @({size})) {{ {body} }} }}"
        return body

    def _places(self, pixels: Loops, window: Loops) -> tuple[str, str, str]:
        (n, *space), taps = [_var(*p) for p in pixels], [_var(*k) for k in window]
        g, f, c = _var("g", self.groups), _var("f", self.f), _var("c", self.c)
        x = [_sum((self.stride, o), (self.dilation, k)) for o, k in zip(space, taps, strict=True)]
        x = [f"{i} - {self.pad}" if self.pad else i for i in x]
        out, inner = _sum((self.f, g), (1, f)), _sum((self.c, g), (1, c))
        return (
            ", ".join((n or "0", *(o or "0" for o in space), out)),
            ", ".join((n or "0", *x, inner)),
            ", ".join((*(k or "0" for k in taps), c or "0", out)),
        )


def _size(out: int | str, taps: int, stride: int, dilation: int, pad: int) -> int | str:
    beside = (taps - 1) * dilation + 1 - stride - 2 * pad
    return out * stride + beside if isinstance(out, int) else f"{stride}*{out} + {beside}"


def _var(name: str, extent: int | str) -> str:
    return "" if extent == 1 else name


def _sum(*terms: tuple[int, str]) -> str:
    return " + ".join(v if c == 1 else f"{c}*{v}" for c, v in terms if v) or "0"


def index(shape: Sequence[int | str], prefix: str) -> str:
    return ", ".join(_var(f"{prefix}{d}", e) or "0" for d, e in enumerate(shape))


def buffer(name: str, dtype: str, shape: Sequence[int | str]) -> str:
    return f"{name}: {dtype}[{', '.join(map(str, shape))}]"


def nest(loops: Loops, body: str) -> str:
    kept = [(v, e) for v, e in loops if e != 1]
    return " ".join([*(f"for {v} < {e} {{" for v, e in kept), body, *("}" for _ in kept)])


BIAS = """for a0 < n { for a1 < 5 { for a2 < 6 { for a3 < 5 {
  o[a0, a1, a2, a3] = max(add(y[a0, a1, a2, a3], b[a3]), 0.0:float32)
} } } }"""
TWO = ({"n": 2},)
PLACES = tuple({"n": 1, "p": p, "q": q} for p, q in ((0, 3), (1, 1), (2, 8)))

LAYERS = {
    "3x3": (Conv("n", (3, 7), (3, 3), 2, 5), ({"n": 0}, {"n": 1}, {"n": 2})),
    "one image": (Conv(1, (4, 5), (2, 3), 3, 16), ({},)),
    "one channel": (Conv("n", (3, 4), (3, 3), 1, 8), TWO),
    "one feature": (Conv("n", (3, 4), (3, 2), 4, 1), TWO),
    "strided": (Conv("n", (4, 3), (2, 3), 3, 7, stride=2), TWO),
    "dilated": (Conv("n", (3, 4), (2, 2), 2, 6, dilation=3), TWO),
    "1x1": (Conv("n", (3, 5), (1, 1), 6, 9), TWO),
    "1x1 strided": (Conv("n", (3, 5), (1, 1), 6, 9, stride=2), TWO),
    "1-D": (Conv("n", (9,), (3,), 2, 5), TWO),
    "3-D": (Conv("n", (2, 3, 2), (2, 2, 2), 2, 5), TWO),
    "depthwise": (Conv("n", (3, 5), (2, 3), 1, 1, groups=10), TWO),
    "groups": (Conv("n", (3, 4), (2, 2), 2, 3, groups=3), TWO),
    "run-time space": (Conv("n", ("p", "q"), (2, 2), 2, 5), PLACES),
    "one place": (Conv("n", (1, 1), (3, 3), 3, 5), TWO),
    "padded": (Conv("n", (3, 7), (3, 3), 2, 5, pad=1), TWO),
    "padded and one channel": (Conv("n", (4, 9), (3, 3), 1, 8, pad=1), TWO),
    "padded and strided": (Conv("n", (3, 3), (3, 3), 2, 5, stride=2, pad=1), TWO),
    "padded and dilated": (Conv("n", (3, 4), (2, 2), 2, 4, dilation=2, pad=2), TWO),
    "padded along one dim": (Conv(1, (10,), (5,), 2, 5, pad=2), ({},)),
    "padded and depthwise": (Conv("n", (3, 6), (3, 3), 1, 1, groups=5, pad=1), TWO),
    "float64": (Conv("n", (2, 5), (2, 3), 2, 3, dtype="float64"), TWO),
}
CONVOLUTIONS: Table = {
    **{name: (layer.forward(), dims) for name, (layer, dims) in LAYERS.items()},
    "bias and relu": (
        Conv("n", (5, 6), (3, 3), 2, 5).forward(BIAS, ", b: float32[5] in, o: float32[n, 5, 6, 5] out", local=True),
        TWO,
    ),
}


def pooled(rows: int, columns: int, of: str = "x", window: int = 2, stride: int = 2, combiner: str = "max") -> str:
    """The nests of a pool of the last buffer's windows, over 5 channels."""
    fill = "-inf" if combiner == "max" else "0.0"
    zero = nest([("q0", "n"), ("q1", rows), ("q2", columns), ("q3", 5)], f"o[q0, q1, q2, q3] = {fill}:float32")
    loops = [("p0", "n"), ("p1", rows), ("p2", columns), ("p3", 5), ("l0", window), ("l1", window)]
    at = f"p0, {stride}*p1 + l0, {stride}*p2 + l1, p3"
    return zero + " " + nest(loops, f"o[p0, p1, p2, p3] {combiner}= {of}[{at}]")


def pool(rows: int, columns: int, x: str, **window: Any) -> str:
    out = f"o: float32[n, {rows}, {columns}, 5] out"
    return f"kernel f(x: float32[{x}] in, {out}) dims(n) {{ {pooled(rows, columns, **window)} }}"


RELU = """alloc r: float32[n, 4, 6, 5] local stack
for a0 < n { for a1 < 4 { for a2 < 6 { for a3 < 5 {
  r[a0, a1, a2, a3] = max(add(y[a0, a1, a2, a3], b[a3]), 0.0:float32)
} } } }"""
POOLS: Table = {
    "largest": (pool(2, 3, "n, 4, 6, 5"), ({"n": 0}, {"n": 2})),
    "sums": (pool(2, 3, "n, 4, 6, 5", combiner="add"), TWO),
    "overlapping": (pool(2, 3, "n, 5, 7, 5", window=3), TWO),
    "apart": (pool(2, 2, "n, 5, 6, 5", stride=3), TWO),
    "many taps": (pool(2, 2, "n, 6, 6, 5", window=5, stride=1), TWO),
    "of a convolution": (
        Conv("n", (4, 6), (3, 3), 2, 5, pad=1).forward(
            RELU + pooled(2, 3, "r"), ", b: float32[5] in, o: float32[n, 2, 3, 5] out", local=True
        ),
        ({"n": 0}, {"n": 2}),
    ),
    "of some rows of a convolution": (
        Conv("n", (4, 6), (3, 3), 2, 5, pad=1).forward(
            RELU + pooled(3, 3, "r", 2, 1), ", b: float32[5] in, o: float32[n, 3, 3, 5] out", local=True
        ),
        TWO,
    ),
    "overlapping of a convolution": (
        Conv("n", (4, 6), (3, 3), 2, 5, pad=1).forward(
            RELU + pooled(2, 4, "r", 3, 1), ", b: float32[5] in, o: float32[n, 2, 4, 5] out", local=True
        ),
        TWO,
    ),
}
FILTERS: Table = {f"filter of {name}": (layer.filter(), dims) for name, (layer, dims) in LAYERS.items()}
