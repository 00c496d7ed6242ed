"""Stores that go past the caches: of buffers too large to stay there, which a kernel writes and does not read.

An ordinary store of a line that no cache has fetches it first, and puts out another. Whether a buffer is so large, and
its vectors stand where such stores can, is known when the kernel runs: each store is there in both forms.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

from tfc.ir.index import Dim, Index
from tfc.ir.kernel import Accumulate, Kernel, exprs_of, walk
from tfc.passes.target import Target

from .context import Context, View
from .indices import index_value
from .writer import I1, I64, Value

LINE = 64
"""Bytes of a cache line."""
SHARE = 2
"""A buffer of this part of the last cache is large: what reads it next finds little of it there."""
_BYTES = {"float": 4, "double": 8, "i8": 1, "i16": 2, "i32": 4, "i64": 8}


def only_written(kernel: Kernel) -> frozenset[str]:
    """The arguments that a kernel stores to and does nothing else with."""
    found = {b.name for b in kernel.buffers if b.role == "out" and not b.alias}
    for s in walk(kernel.body):
        found -= {x.buffer for e in exprs_of(s) for x, _ in e.loads}
        if isinstance(s, Accumulate):
            found.discard(s.buffer)
    return frozenset(found)


def is_large(size: Dim, target: Target) -> bool:
    """Whether so many bytes may be too much for the caches."""
    return not isinstance(size, int) or size >= target.l3 // SHARE


def forms(cx: Context, view: View, first: Dim, value: Value) -> Iterator[str]:
    """The ends of the line that stores a vector, each emitted where it is the one to take."""
    w, size = cx.w, value.lanes * _BYTES[value.elem]
    natural = min(size, cx.target.vector_bytes)
    offsets = [c for _, c in first.terms] if isinstance(first, Index) else [first]
    # All rows or none: those at an offset of 0 would be alone where the others' is not known.
    rows = [step for step in view.steps if step != 1]
    known = all(isinstance(step, int) for step in rows)
    apart = gcd(size, *(c * view.dtype.size for c in (*offsets, *rows) if isinstance(c, int)))
    if view.stream == 0 or not known or size < cx.target.vector_bytes or apart % natural:
        yield ""
        return
    past, through, done = w.fresh("past"), w.fresh("through"), w.fresh("done")
    w.branch(_goes_past(cx, view), past, through)
    w.label(past)
    w.declarations["!0"] = "!0 = !{i32 1}"
    cx.streams[view.pointer.text] = view
    yield f"{natural}, !nontemporal !0"
    w.jump(done)
    w.label(through)
    yield ""
    w.jump(done)
    w.label(done)


def settle(cx: Context) -> None:
    """At the end of a function: lets others see what went past the caches, which they do for sure after a fence."""
    for view in cx.streams.values():
        with cx.w.when(_goes_past(cx, view)):
            cx.w.emit("  fence seq_cst")


def _goes_past(cx: Context, view: View) -> Value:
    """Whether the buffer begins at a cache line, and is large."""
    w = cx.w
    at = w.pure(I64, 0, f"ptrtoint {view.pointer.typed} to i64", view.pointer)
    rest = w.pure(I64, 0, f"and {at.typed}, {LINE - 1}", at)
    aligned = w.pure(I1, 0, f"icmp eq {rest.typed}, 0", rest)
    if isinstance(view.stream, int):
        return aligned
    size = index_value(cx, view.stream)
    return w.logic("and", aligned, w.pure(I1, 0, f"icmp sge {size.typed}, {cx.target.l3 // SHARE}", size))
