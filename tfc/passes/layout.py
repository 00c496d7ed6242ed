"""Images with their channels last throughout: transposes move towards the results, past whatever can go either way.

A convolution or pool of format NCHW stands between two transposes. Each that brings the channels back goes down past
elementwise ops, reductions, pads, slices and concats to the next one that brings them last, and both vanish; what is
left stands where a graph begins and ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tfc.ir.graph import Graph, Value, rebuild
from tfc.ir.op import normalize_axes

from .canonical import is_constant
from .dce import DeadCode
from .rewrite import Rewriter, Rule, Site
from .simplify import REDUCTIONS, permutation, plain_transpose, transpose_of_transpose

IMAGES = frozenset({"conv_valid", "window_reduce", "window_first", "window_pick", "window_place", "window_spread"})
"""Ops that take and give arrays with the channels last."""


@dataclass(frozen=True)
class Layout:
    """Moves transposes that bring the channels of images back; a graph without convolutions and pools stays."""

    name: ClassVar[str] = "layout"

    def apply(self, graph: Graph) -> Graph:
        if not any(node.op.name in IMAGES for node in graph.nodes):
            return graph
        rewriter = Rewriter(RULES, graph)
        return DeadCode().apply(rebuild(graph, rewriter.rule))


def _brought_back(v: Value) -> Value | None:
    """The array with channels last of which a value is the one with channels second; None for any other value."""
    if v.node.op.name != "transpose" or v.type.shape is None or v.type.rank < 3:
        return None
    back = (0, v.type.rank - 1, *range(1, v.type.rank - 1))
    x = v.node.operands[0]
    return x if permutation(v.type, v.node.attrs["perm"]) == back else None


def _back(s: Site, x: Value) -> Value:
    return s.make("transpose", x, perm=(0, x.type.rank - 1, *range(1, x.type.rank - 1)))


def _to_last(rank: int) -> tuple[int, ...]:
    return (0, *range(2, rank), 1)


def _last(s: Site, v: Value, rank: int) -> Value | None:
    """An operand of an elementwise op with its channels last, where that moves nothing or is done by the compiler."""
    x = _brought_back(v)
    if x is not None and v.type.rank == rank:
        return x
    dims = v.type.dims
    if len(dims) < 2:
        # Along the last of the spatial dims, which is the last but one then.
        return v if not dims else s.make("reshape", v, shape=(*dims, 1)) if rank > 2 else None
    whole = (1,) * (rank - len(dims)) + tuple(dims)
    if sum(d != 1 for d in whole) > 1 and not is_constant(v):
        return None
    wide = v if whole == dims else s.make("reshape", v, shape=whole)
    order = _to_last(rank)
    if is_constant(v) and sum(d != 1 for d in whole) > 1:
        return s.make("transpose", wide, perm=order)
    return s.make("reshape", wide, shape=tuple(whole[k] for k in order))


def _elementwise(s: Site, *operands: Value) -> Value | None:
    """op(back(x), y)  ->  back(op(x, last(y)))"""
    if s.op.scalar is None or s.type.shape is None or not any(_brought_back(v) for v in operands):
        return None
    rank = s.type.rank
    last = [_last(s, v, rank) for v in operands]
    found = [v for v in last if v is not None]
    return _back(s, s.make(s.op.name, *found, **s.attrs)) if len(found) == len(operands) else None


def _reduction(s: Site, v: Value) -> Value | None:
    """reduce(back(x), axes)  ->  reduce(x, where these axes are), brought back if all dims stay."""
    x = _brought_back(v)
    if x is None:
        return None
    rank = x.type.rank
    axes = normalize_axes(s.attrs["axes"], rank)
    back = (0, rank - 1, *range(1, rank - 1))
    moved = s.make(s.op.name, x, **{**s.attrs, "axes": tuple(sorted(back[a] for a in axes))})
    if s.attrs["keepdims"]:
        return _back(s, moved)
    kept = [back[a] for a in range(rank) if a not in axes]
    return (
        moved if kept == sorted(kept) else s.make("transpose", moved, perm=tuple(sorted(kept).index(a) for a in kept))
    )


def _pad(s: Site, v: Value) -> Value | None:
    """pad(back(x))  ->  back(pad(x))"""
    x = _brought_back(v)
    if x is None:
        return None
    pairs = tuple(s.attrs["paddings"][k] for k in _to_last(x.type.rank))
    return _back(s, s.make("pad", x, **{**s.attrs, "paddings": pairs}))


def _slice(s: Site, v: Value) -> Value | None:
    """slice(back(x))  ->  back(slice(x))"""
    x = _brought_back(v)
    if x is None:
        return None
    order = _to_last(x.type.rank)
    return _back(s, s.make("slice", x, **{name: tuple(s.attrs[name][k] for k in order) for name in s.attrs}))


def _concat(s: Site, *operands: Value) -> Value | None:
    """concat(back(x), back(y))  ->  back(concat(x, y))"""
    inner = [x for v in operands if (x := _brought_back(v)) is not None]
    if len(inner) < len(operands):
        return None
    (axis,) = normalize_axes((s.attrs["axis"],), inner[0].type.rank)
    order: Sequence[int] = _to_last(inner[0].type.rank)
    return _back(s, s.make("concat", *inner, axis=order.index(axis)))


def _move_ones(s: Site, x: Value) -> Value | None:
    """transpose(x)  ->  reshape(x) where only dims of 1 move"""
    if x.type.shape is None:
        return None
    perm = permutation(x.type, s.attrs["perm"])
    kept = [p for p in perm if x.type.dims[p] != 1]
    return s.make("reshape", x, shape=s.type.dims) if kept == sorted(kept) and perm != tuple(sorted(perm)) else None


RULES = (
    Rule("transpose", transpose_of_transpose),  # transpose(transpose(x)) -> transpose(x)
    Rule("transpose", plain_transpose),  # transpose(x) by no axes -> x
    Rule("transpose", _move_ones),
    *(Rule(f"reduce_{kind}", _reduction) for kind in REDUCTIONS),
    Rule("pad", _pad),
    Rule("slice", _slice),
    Rule("concat", _concat),
    Rule("*", _elementwise),
)
