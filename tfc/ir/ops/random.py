"""Random numbers that are TensorFlow's own, to the bit where only integers decide.

A counter-based generator, Philox-4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011): the key is
the first seed, the counter of block `b` is `b` and the second seed, each as two 32-bit words, low first. The operands
are the number of blocks drawn before this run (int64, rank 0) and the two seeds (int64[2]): being data, they leave code
for random numbers the same whatever they are. Element `p` of the result, in row-major order, takes lanes of block
`p // n`, where a block of four words makes `n` elements (TensorFlow 1.x: `core/lib/random/random_distributions.h`,
`core/kernels/random_op.cc`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import expr as E
from .. import index
from ..errors import DTypeError, ShapeError
from ..expr import Expr, prim
from ..index import Dim, product
from ..op import Element, Op, Shapes, declare
from ..types import (
    DType,
    Shape,
    TensorType,
    bfloat16,
    float16,
    float32,
    float64,
    int32,
    int64,
    uint16,
    uint32,
    uint64,
)

if TYPE_CHECKING:
    from ..graph import Node

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
LOW = 0xFFFFFFFF
RESERVED = 256
"""Blocks that a run keeps for each element, used or not."""
SMALLEST = 1e-7
"""What Box and Muller's method takes for a smaller uniform number."""
BOUND = 2.0
"""Truncated normal numbers lie closer to 0 than this."""
TRIED_BLOCKS = {float32: 4, float64: 6}
"""Blocks of normal numbers from which a group of truncated ones is taken."""


@dataclass(frozen=True)
class _Bits:
    """How random words become a uniform float in [0, 1): the fraction of a number in [1, 2), less 1."""

    words: int
    mantissa: int
    exponent: int
    carrier: DType


FLOATS = {
    float16: _Bits(1, 10, 15, uint16),
    bfloat16: _Bits(1, 7, 127, uint16),
    float32: _Bits(1, 23, 127, uint32),
    float64: _Bits(2, 52, 1023, uint64),
}
INTS = {int32: 1, int64: 2}
"""Words of a random integer."""


@dataclass(frozen=True)
class _Key:
    """What all blocks share: the key of each round, and the upper half of the counter, in 32-bit words."""

    rounds: list[tuple[Any, Any]]
    upper: tuple[Any, Any]


Keep = Callable[[Any], Any]
Wide = Callable[[int], Any]


def _key_of(seeds: Sequence[Any], keep: Keep, wide: Wide) -> _Key:
    """From seeds as uint64 numbers or expressions; `keep` holds a word, `wide` makes a constant."""
    low, half = wide(LOW), wide(32)
    rounds = [(keep(seeds[0] & low), keep(seeds[0] >> half))]
    while len(rounds) < ROUNDS:
        k0, k1 = (keep((k + wide(step)) & low) for k, step in zip(rounds[-1], WEYL, strict=True))
        rounds.append((k0, k1))
    return _Key(rounds, (keep(seeds[1] & low), keep(seeds[1] >> half)))


def _philox(block: Any, key: _Key, keep: Keep, wide: Wide) -> list[Any]:
    """The four words of a block, as uint64 arrays or expressions."""
    low, half = wide(LOW), wide(32)
    c = [block & low, block >> half, *key.upper]
    for k0, k1 in key.rounds:
        a, b = keep(c[0] * wide(MULTIPLIERS[0])), keep(c[2] * wide(MULTIPLIERS[1]))
        c = [(b >> half) ^ c[1] ^ k0, b & low, (a >> half) ^ c[3] ^ k1, a & low]
    return c


# References


def _blocks(first: Any, seeds: Any) -> Any:
    """The words of blocks, one more axis of four: uint64 below 2**32."""
    key = _key_of(list(seeds.astype(np.uint64)), lambda x: x, np.uint64)
    words = _philox(np.asarray(first, np.uint64), key, lambda x: x, np.uint64)
    return np.stack(np.broadcast_arrays(*words), -1)


def _unit_ref(words: Any, of: DType) -> Any:
    """Uniform numbers in [0, 1) of as many words each as the dtype takes."""
    row = FLOATS[of]
    value = words if row.words == 1 else words[..., 0::2] << np.uint64(32) | words[..., 1::2]
    bits = value & np.uint64((1 << row.mantissa) - 1) | np.uint64(row.exponent << row.mantissa)
    return bits.astype(row.carrier.np).view(of.np) - np.asarray(1, of.np)


def _normal_ref(words: Any, of: DType) -> Any:
    """Normal numbers by Box and Muller's method, in pairs."""
    work = float64 if of == float64 else float32
    unit = _unit_ref(words, work)
    radius = np.sqrt(np.asarray(-2, work.np) * np.log(np.maximum(unit[..., 0::2], np.asarray(SMALLEST, work.np))))
    angle = (2 * math.pi * unit[..., 1::2].astype(np.float64)).astype(work.np)
    return np.stack((np.sin(angle) * radius, np.cos(angle) * radius), -1).reshape(unit.shape).astype(of.np)


def _drawn(draw: Callable[[Any], Any], counter: Any, shape: Sequence[int], lanes: int) -> Any:
    """The first elements of as many blocks as a shape takes."""
    size = math.prod(shape)
    return draw(int(counter) + np.arange(-(-size // lanes))).reshape(-1)[:size].reshape(shape)


def _uniform_random_ref(counter: Any, seeds: Any, shape: Any, dtype: DType) -> Any:
    lanes = 4 // FLOATS[dtype].words
    return _drawn(lambda n: _unit_ref(_blocks(n, seeds), dtype), counter, shape, lanes)


def _normal_random_ref(counter: Any, seeds: Any, shape: Any, dtype: DType) -> Any:
    lanes = 4 // FLOATS[dtype].words
    return _drawn(lambda n: _normal_ref(_blocks(n, seeds), dtype), counter, shape, lanes)


def _truncated_ref(counter: Any, seeds: Any, shape: Any, dtype: DType) -> Any:
    lanes, size = 4 // FLOATS[dtype].words, math.prod(shape)
    work = float64 if dtype == float64 else float32
    groups = int(counter) + np.arange(-(-size // lanes)) * (lanes * RESERVED // 4)
    tries = _normal_ref(_blocks(groups[:, None] + np.arange(TRIED_BLOCKS[work]), seeds), work)
    tries = tries.reshape(len(groups), TRIED_BLOCKS[work] * lanes)
    inside = np.abs(tries) < BOUND
    order = np.argsort(~inside, axis=1, kind="stable")[:, :lanes]
    taken = np.take_along_axis(np.where(inside, tries, 0), order, axis=1)
    return taken.reshape(-1)[:size].reshape(shape).astype(dtype.np)


def _int_ref(counter: Any, seeds: Any, shape: Any, dtype: DType, minval: int, maxval: int) -> Any:
    def draw(numbers: Any) -> Any:
        words = _blocks(numbers, seeds)
        bits = words if INTS[dtype] == 1 else words[..., 0::2] | words[..., 1::2] << np.uint64(32)
        return (bits % np.uint64(maxval - minval)).astype(np.int64) + np.int64(minval)

    return _drawn(draw, counter, shape, 4 // INTS[dtype]).astype(dtype.np)


# Element rules


def _wide(value: int) -> Expr:
    return E.Const(uint64, value)


class _Generator:
    """The blocks of one node's stream."""

    def __init__(self, b: Element) -> None:
        self.b = b
        self.key = _key_of([E.cast(b.operand(1, (k,)), uint64) for k in range(2)], self.keep, _wide)

    def keep(self, x: Expr) -> Expr:
        return E.cast(E.At(self.b.let(E.cast(x, int64), None, None)), uint64)

    def words(self, block: Expr) -> list[Expr]:
        """The words of the block so many after the first of this run."""
        first = self.b.operand(0, ()) + block
        return [self.keep(w) for w in _philox(E.cast(first, uint64), self.key, self.keep, _wide)]


def _place(b: Element, n: Node, at: Shape, lanes: int) -> tuple[Dim, Expr]:
    """Group and lane of an element."""
    flat: Dim = 0
    for i, d in zip(at, n.type.dims, strict=True):
        flat = flat * d + i
    return b.simplify(index.floordiv(flat, lanes)), E.At(b.simplify(index.mod(flat, lanes)))


def _choose(lane: Expr, values: Sequence[Expr]) -> Expr:
    out = values[-1]
    for k in reversed(range(len(values) - 1)):
        out = E.select(lane.eq(k), values[k], out)
    return out


def _unit(words: Sequence[Expr], of: DType) -> Expr:
    row = FLOATS[of]
    value = words[0] if row.words == 1 else words[0] << 32 | words[1]
    bits = value & ((1 << row.mantissa) - 1) | (row.exponent << row.mantissa)
    return E.bitcast(E.cast(bits, row.carrier), of) - 1


def _polar(words: Sequence[Expr], work: DType) -> tuple[Expr, Expr]:
    """Radius and angle of a pair of normal numbers from the words of two uniform ones."""
    half = len(words) // 2
    radius = prim("sqrt", prim("log", prim("max", _unit(words[:half], work), SMALLEST)) * -2)
    angle = E.cast(E.cast(_unit(words[half:], work), float64) * (2 * math.pi), work)
    return radius, angle


def _uniform_element(b: Element, n: Node, at: Shape) -> Expr:
    of = n.type.dtype
    count = FLOATS[of].words
    group, lane = _place(b, n, at, 4 // count)
    words = _Generator(b).words(E.At(group))
    return _unit([_choose(lane, words[k::count]) for k in range(count)], of)


def _normal_element(b: Element, n: Node, at: Shape) -> Expr:
    of = n.type.dtype
    work = float64 if of == float64 else float32
    pair = 2 * FLOATS[work].words
    group, lane = _place(b, n, at, 8 // pair)
    words = _Generator(b).words(E.At(group))
    chosen = [_choose(lane >> 1, words[k::pair]) for k in range(pair)]
    radius, angle = _polar(chosen, work)
    turned = E.select((lane & 1).eq(0), prim("sin", angle), prim("cos", angle))
    return E.cast(turned * radius, of)


def _truncated_element(b: Element, n: Node, at: Shape) -> Expr:
    """The normal numbers of the group in order; the one that is inside after as many others as the lane says."""
    of = n.type.dtype
    work = float64 if of == float64 else float32
    pair, carrier = 2 * FLOATS[work].words, int64 if work == float64 else int32

    def keep(x: Expr) -> Expr:
        name = b.let(E.cast(E.bitcast(x, carrier), int64), None, None)
        return E.bitcast(E.cast(E.At(name), carrier), work)

    group, lane = _place(b, n, at, 8 // pair)
    generator, first = _Generator(b), E.At(group * (2 * RESERVED // pair))
    result: Expr = E.Const(work, 0.0)
    count: Expr = E.Const(int64, 0)
    for k in range(TRIED_BLOCKS[work]):
        words = generator.words(first + k)
        for start in range(0, 4, pair):
            radius, angle = map(keep, _polar(words[start : start + pair], work))
            for turn in ("sin", "cos"):
                x = keep(prim(turn, angle) * radius)
                inside = prim("abs", x) < BOUND
                result = E.select(inside & count.eq(lane), x, result)
                count = E.At(b.let(count + E.cast(inside, int64), 0, None))
    return E.cast(result, of)


def _int_element(b: Element, n: Node, at: Shape) -> Expr:
    of, low = n.type.dtype, n.attrs["minval"]
    count = INTS[of]
    group, lane = _place(b, n, at, 4 // count)
    words = _Generator(b).words(E.At(group))
    chosen = [_choose(lane, words[k::count]) for k in range(count)]
    bits = chosen[0] if count == 1 else chosen[0] | chosen[1] << 32
    offset = prim("mod", bits, n.attrs["maxval"] - low)
    return E.cast(E.cast(offset, int64) + low, of)


# Declarations


def _random(name: str, dtypes: Any, ref: Callable[..., Any], element: Any, *more: str) -> Op:
    def infer(
        shapes: Shapes, counter: TensorType, seeds: TensorType, *, shape: Shape, dtype: DType, **limits: int
    ) -> TensorType:
        if counter != TensorType(int64, ()):
            raise DTypeError(f"the counter is {TensorType(int64, ())}, got {counter}")
        if seeds.dtype != int64 or (seeds.shape is not None and len(seeds.shape) != 1):
            raise DTypeError(f"the seeds are {TensorType(int64, (2,))}, got {seeds}")
        if seeds.shape is not None:
            shapes.same(seeds.shape[0], 2, "seeds")
        if dtype not in dtypes:
            raise DTypeError(f"random numbers are {', '.join(map(str, dtypes))}, not {dtype}")
        if limits and limits["minval"] >= limits["maxval"]:
            raise ShapeError(f"no integer is at least {limits['minval']} and below {limits['maxval']}")
        return TensorType(dtype, tuple(shape))

    return declare(
        name,
        infer,
        ref=ref,
        element=element,
        draws=lambda result: product(result.dims) * RESERVED,
        attrs=("shape", "dtype", *more),
    )


random_uniform: Op = _random("random_uniform", FLOATS, _uniform_random_ref, _uniform_element)
"""Uniform floats in [0, 1)."""
random_normal: Op = _random("random_normal", FLOATS, _normal_random_ref, _normal_element)
"""Normal floats of mean 0 and variance 1; float16 and bfloat16 are rounded from float32."""
truncated_normal: Op = _random("truncated_normal", FLOATS, _truncated_ref, _truncated_element)
"""Normal floats, those not within 2 of 0 drawn again.

As TensorFlow's: the elements of a block share 256 words each and take, in order, the normal numbers from them that lie
inside. Of those words 16 (float64: 24) are tried; where they do not suffice, with a probability below 1e-13, an
element is 0.
"""
random_uniform_int: Op = _random("random_uniform_int", INTS, _int_ref, _int_element, "minval", "maxval")
"""Integers from `minval` up to but not `maxval`: a random word (int64: two) modulo their difference."""
