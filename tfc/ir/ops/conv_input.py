"""The gradient of a convolution to its operand, as convolutions of the gradient of its result.

Along a spatial dim with stride s, an element at place `p = q * s + r` of the padded operand was taken at the taps
`r, r + s, ..` of the window, by the windows `q, q - 1, ..`. So the elements of one r are a convolution without strides,
by those taps in reverse order, and those of all r with equally many taps are one with a filter for each r.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .. import index
from ..index import Dim, product
from ..op import REGISTRY
from ..types import Shape
from .array import broadcast_to, reshape, transpose
from .common import like
from .parts import pad, slice_, unslice
from .windows import Pairs, channels_last, crop_spatial, pad_spatial, parts_of, window_pairs

if TYPE_CHECKING:
    from ..graph import Node, Value


@dataclass(frozen=True)
class _Places:
    """Places r from `start` to below `stop` of a dim, each with so many taps `r, r + stride, ..`."""

    start: int
    stop: int
    taps: Dim

    @property
    def count(self) -> int:
        return self.stop - self.start


def _places(window: Dim, stride: int) -> list[_Places]:
    """All places between two strides: the first have one tap more where the window is no multiple of the stride."""
    if stride == 1:
        return [_Places(0, 1, window)]
    assert isinstance(window, int)
    more, taps = window % stride, window // stride
    both = (_Places(0, more, taps + 1), _Places(more, stride, taps))
    return [p for p in both if p.count]


@dataclass(frozen=True)
class InputGradient:
    """What the gradient to an operand of spatial dims `sizes` is made of, channels last."""

    dy: Value
    w: Value
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int
    sizes: Shape
    pairs: Pairs

    @staticmethod
    def of(n: Node) -> InputGradient:
        """That of a `conv_input` node."""
        dy, w = n.operands[:2]
        strides, dilations, form = n.attrs["strides"], n.attrs["dilations"], n.attrs["data_format"]
        sizes = parts_of(n.type.dims, form)[1]
        pairs = window_pairs(sizes, w.type.dims[:-2], strides, dilations, n.attrs["padding"])
        return InputGradient(channels_last(dy, form), w, strides, dilations, n.attrs["groups"], sizes, pairs)

    @property
    def given(self) -> Shape:
        """The spatial dims of the gradient of the result."""
        return self.dy.type.dims[1:-1]

    @property
    def batch(self) -> Dim:
        return self.dy.type.dims[0]

    @property
    def window(self) -> Shape:
        return self.w.type.dims[:-2]

    @property
    def channels(self) -> Dim:
        """Channels of a group."""
        return self.w.type.dims[-2]

    def value(self) -> Value:
        first = tuple(index.floordiv(before, s) for (before, _), s in zip(self.pairs, self.strides, strict=True))
        counts = tuple(
            index.floordiv(before + n - 1, s) - f + 1
            for (before, _), n, s, f in zip(self.pairs, self.sizes, self.strides, first, strict=True)
        )
        if all(s == 1 for s in self.strides):
            return self.convolved([_Places(0, 1, k) for k in self.window], first, counts)
        known = all(isinstance(d, int) for d in (*self.window, *self.sizes, *itertools.chain(*self.pairs)))
        if not known or any(s > 1 and d > 1 for s, d in zip(self.strides, self.dilations, strict=True)):
            return self.spread().value()
        return self.together(first, counts)

    def spread(self) -> InputGradient:
        """The same without strides: of the gradient with zeros between its elements."""
        batch, given, filters = parts_of(self.dy.type.dims, "NHWC")
        places = ((m - 1) * s + 1 for m, s in zip(given, self.strides, strict=True))
        shape = (batch, *places, filters)
        dy = unslice(self.dy, shape=shape, starts=(0,) * len(shape), steps=(1, *self.strides, 1))
        return replace(self, dy=dy, strides=(1,) * len(self.strides))

    def together(self, first: Shape, counts: Shape) -> Value:
        """The elements of all places, each put where it stands; what no window took is 0."""
        parts: list[Value] = []
        for chosen in itertools.product(*map(_places, self.window, self.strides)):
            if all(p.taps != 0 for p in chosen):
                found = self.convolved(chosen, first, counts)
                for at in itertools.product(*(range(p.count) for p in chosen)):
                    places = [p.start + r for p, r in zip(chosen, at, strict=True)]
                    parts += self.put(self.of_place(found, chosen, at, counts), places, first)
        if not parts:
            return broadcast_to(like(self.dy, 0), shape=(self.batch, *self.sizes, self.groups * self.channels))
        return functools.reduce(REGISTRY["add"], parts)

    def of_place(self, found: Value, chosen: Sequence[_Places], at: Sequence[int], counts: Shape) -> Value:
        """Of what was convolved for several places the part of one."""
        many = tuple(p.count for p in chosen)
        if product(many) == 1:
            return found
        apart = reshape(found, shape=(self.batch, *counts, self.groups, *many, self.channels))
        before, k = 2 + len(counts), len(many)
        starts = (*(0,) * before, *at, 0)
        sizes = (self.batch, *counts, self.groups, *(1,) * k, self.channels)
        one = slice_(apart, starts=starts, sizes=sizes, steps=(1,) * len(starts))
        return reshape(one, shape=(self.batch, *counts, self.groups * self.channels))

    def put(self, part: Value, places: Sequence[int], first: Shape) -> list[Value]:
        """The elements of one place in each dim, zeros between them; none where all lie in the padding."""
        starts, sizes, skipped = list[Dim](), list[Dim](), list[Dim]()
        dims = zip(places, part.type.dims[1:-1], self.strides, self.sizes, self.pairs, first, strict=True)
        for r, count, s, size, (before, _), f in dims:
            begin = r + f * s - before
            skip = index.maximum(index.floordiv(-1 * begin + s - 1, s), 0)
            begin = begin + skip * s
            kept = index.minimum(count - skip, index.floordiv(size - 1 - begin, s) + 1)
            if isinstance(kept, int) and kept <= 0:
                return []
            starts, sizes, skipped = [*starts, begin], [*sizes, kept], [*skipped, skip]
        inner = crop_spatial(part, tuple(skipped), tuple(sizes))
        shape = (self.batch, *self.sizes, part.type.dims[-1])
        return [unslice(inner, shape=shape, starts=(0, *starts, 0), steps=(1, *self.strides, 1))]

    def convolved(self, chosen: Sequence[_Places], first: Shape, counts: Shape) -> Value:
        """The elements at some places of each dim: `[batch, counts.., groups * places.. * channels]`."""
        reaches = [(p.taps - 1) * d for p, d in zip(chosen, self.dilations, strict=True)]
        edges = [
            (reach - f, count + f - m) for reach, f, count, m in zip(reaches, first, counts, self.given, strict=True)
        ]
        part, pairs = self.placed(edges, tuple(c + r for c, r in zip(counts, reaches, strict=True)))
        attrs: dict[str, Any] = {"dilations": self.dilations, "groups": self.groups, "sizes": counts, "pairs": pairs}
        return REGISTRY["conv_valid"](part, self.turned(chosen), strides=(1,) * len(counts), **attrs)

    def placed(self, edges: Sequence[tuple[Dim, Dim]], whole: Shape) -> tuple[Value, Pairs]:
        """The gradient with so many places more at each edge, or fewer; known ones more are left to the convolution."""
        none: Pairs = ((0, 0),) * len(whole)
        more = tuple((index.maximum(a, 0), index.maximum(z, 0)) for a, z in edges)
        start = tuple(index.maximum(-1 * a, 0) for a, _ in edges)
        if all(isinstance(d, int) for d in (*self.given, *itertools.chain(*edges))):
            left = tuple(n - a - z for n, (a, z) in zip(whole, more, strict=True))
            return crop_spatial(self.dy, start, left), more
        return crop_spatial(pad_spatial(self.dy, more, 0), start, whole), none

    def turned(self, chosen: Sequence[_Places]) -> Value:
        """The taps of some places as a filter: flipped, with channels and filters of each group exchanged.

        [window.., channels, group * filters]  ->  [taps.., filters, group * places.. * channels]
        """
        filters = index.floordiv(self.w.type.dims[-1], self.groups)
        k = len(chosen)
        taps = [index.floordiv(n + s - 1, s) for n, s in zip(self.window, self.strides, strict=True)]
        extra = tuple((0, t * s - n) for t, s, n in zip(taps, self.strides, self.window, strict=True))
        w = self.w
        if any(pair != (0, 0) for pair in extra):
            w = pad(w, paddings=(*extra, (0, 0), (0, 0)), value=0, mode="constant")
        pairs = tuple(d for pair in zip(taps, self.strides, strict=True) for d in pair)
        split = reshape(w, shape=(*pairs, self.channels, self.groups, filters))
        starts = [d for p in chosen for d in (p.taps - 1, p.start)]
        kept = [d for p in chosen for d in (p.taps, p.count)]
        rest = split.type.dims[2 * k :]
        part = slice_(split, starts=(*starts, 0, 0, 0), sizes=(*kept, *rest), steps=(*(-1, 1) * k, 1, 1, 1))
        order = (*range(0, 2 * k, 2), 2 * k + 2, 2 * k + 1, *range(1, 2 * k, 2), 2 * k)
        last = self.groups * product(p.count for p in chosen) * self.channels
        return reshape(transpose(part, perm=order), shape=(*(p.taps for p in chosen), filters, last))
