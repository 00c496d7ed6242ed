"""Parallel loops: a function for a range of iterations, and the call that runs it on this thread or on several.

    void @"k.kernel.i"(ptr context, i64 begin, i64 end, ptr own, i64 threads)

`context` holds what the body takes from around it; `own` is null on the thread that came to the loop, elsewhere the
memory of the thread's private buffers; `threads` is how many threads the body may use. The loop goes to the pool where
there are threads and two grains of work; a loop with too few iterations to share out fairly leaves the threads to a
loop inside of it that has enough. A loop that stays on one thread costs the call of its function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from tfc.ir.expr import At, Load, Name, Prim
from tfc.ir.index import Dim, symbols_of
from tfc.ir.kernel import Accumulate, Alloc, Body, For, If, Stmt, Store, exprs_of, walk
from tfc.passes.memory import aligned

from .context import Context, View
from .indices import index_value, intrinsic, resolve
from .streams import settle
from .writer import I1, I64, PTR, Value, Writer, integer

FAIR = 4
"""Iterations per thread from which on they are shared out fairly, one after another."""

EmitBody = Callable[[Context, Body], None]


def is_parallel(body: Body) -> bool:
    """Whether threads may run some part of a body."""
    return any(isinstance(s, For) and s.kind == "parallel" for s in walk(body))


def parallel_loop(cx: Context, s: For, extent: Dim, emit_body: EmitBody) -> None:
    """Emits a loop as a function of its own, and its call."""
    w, threads = cx.w, cx.threads
    if threads is None or cx.lanes:
        raise cx.error(f"the parallel loop over {s.var} is inside a vector loop, or the kernel has no threads")
    name = f'@"k.{cx.kernel}.{s.var}.{len(cx.functions)}"'
    captures = _captures(cx, s)
    cx.functions.append(_function(cx, s, extent, name, captures, emit_body))
    context = Value(w.fresh("%c"), PTR)
    w.allocas.append(f"  {context.text} = alloca [{max(len(captures.fields), 1)} x i64], align 8")
    for k, v in enumerate(captures.fields):
        w.emit(f"  store {v.typed}, {_field(w, context, k).typed}, align 8")
    count, grain = index_value(cx, extent), _grain(cx, s)
    pays = _pays(cx, s, count, grain)
    together, alone, done = w.fresh("together"), w.fresh("alone"), w.fresh("done")
    w.branch(pays, together, alone)
    w.label(together)
    with w.conditional():
        private = index_value(cx, resolve(cx, _places(cx, s)[1]))
        w.declarations["tfc_parallel"] = "declare void @tfc_parallel(ptr, ptr, i64, i64, i64, i64)"
        args = ", ".join(v.typed for v in (context, count, grain, private, threads))
        w.emit(f"  call void @tfc_parallel(ptr {name}, {args})")
    w.jump(done)
    w.label(alone)
    w.emit(f"  call void {name}({context.typed}, i64 0, {count.typed}, ptr null, {threads.typed})")
    w.jump(done)
    w.label(done)


def _field(w: Writer, context: Value, k: int) -> Value:
    return w.pure(PTR, 0, f"getelementptr i64, {context.typed}, i64 {k}", context)


def _function(cx: Context, s: For, extent: Dim, name: str, captures: _Captures, emit_body: EmitBody) -> str:
    """The text of the function that runs a range of iterations."""
    w = Writer(cx.w.declarations)
    inner = replace(cx, w=w, symbols={}, values={}, views={}, ranges=dict(cx.ranges), threads=Value("%threads", I64))
    inner.symbols = {n: cx.symbols[n] for n in captures.symbols}
    given = {v: k for k, v in enumerate(captures.fields)}

    def taken(v: Value) -> Value:
        if v.is_constant:
            return v
        at = _field(w, Value("%context", PTR), given[v])
        return w.effect(v.elem, v.lanes, f"load {v.type}, {at.typed}, align 8")

    inner.values = {n: taken(cx.values[n]) for n in captures.values}
    inner.views = {b: replace(cx.views[b], pointer=taken(cx.views[b].pointer)) for b in captures.buffers}
    inner.status = None if cx.status is None else taken(cx.status)
    inner.at_once = True
    inner.streams = {}
    _take_private(inner, s)
    high = extent - 1 if isinstance(extent, int) else None
    with w.loop(Value("%end", I64), Value("%begin", I64)) as counter, inner.names():
        inner.bind(s.var, counter, 0, high)
        emit_body(inner, s.body)
    settle(inner)
    head = f"internal void {name}(ptr %context, i64 %begin, i64 %end, ptr %own, i64 %threads)"
    return w.function(head)


def _take_private(cx: Context, s: For) -> None:
    """Puts private buffers into the thread's own memory where it has such."""
    w, own = cx.w, Value("%own", PTR)
    if not s.private:
        return
    here = _compare(w, "eq", own, Value("null", PTR))
    for name, place in _places(cx, s)[0].items():
        offset = index_value(cx, resolve(cx, place))
        there = w.pure(PTR, 0, f"getelementptr i8, {own.typed}, {offset.typed}", own, offset)
        shared = cx.views[name].pointer
        pointer = w.pure(PTR, 0, f"select {here.typed}, {shared.typed}, {there.typed}", here, shared, there)
        cx.views[name] = replace(cx.views[name], pointer=pointer)


def _places(cx: Context, s: For) -> tuple[Mapping[str, Dim], Dim]:
    """Where the private buffers of a loop stand in a thread's memory, and how many bytes they take."""
    places: dict[str, Dim] = {}
    total: Dim = 0
    for name in s.private:
        places[name] = total
        total = total + aligned(cx.arguments[name].nbytes)
    return places, total


def _grain(cx: Context, s: For) -> Value:
    grain = index_value(cx, resolve(cx, s.grain))
    return grain if grain.is_constant else intrinsic(cx, "llvm.smax", grain, integer(1))


def _pays(cx: Context, s: For, count: Value, grain: Value) -> Value:
    """Whether a loop is to run on several threads."""
    w, threads = cx.w, cx.threads
    assert threads is not None
    several = _compare(w, "sgt", threads, integer(1))
    pays = w.logic("and", several, _has_grains(w, count, grain))
    inner = [worth for loop in _next_parallel(s.body) if (worth := _worth_inside(cx, loop)) is not None]
    if inner:
        worth = inner[0]
        for other in inner[1:]:
            worth = w.logic("or", worth, other)
        fair = _compare(w, "sge", count, w.pure(I64, 0, f"mul nsw {threads.typed}, {FAIR}", threads))
        pays = w.logic("and", pays, w.logic("or", fair, cx.inverse(worth)))
    return pays


def _compare(w: Writer, order: str, a: Value, b: Value) -> Value:
    return w.pure(I1, 0, f"icmp {order} {a.typed}, {b.text}", a, b)


def _has_grains(w: Writer, count: Value, grain: Value) -> Value:
    return _compare(w, "sge", count, w.pure(I64, 0, f"mul nsw {grain.typed}, 2", grain))


def _next_parallel(body: Body) -> Iterator[For]:
    """The parallel loops of a body that are in no other of it."""
    for s in body:
        if isinstance(s, For) and s.kind == "parallel":
            yield s
        elif isinstance(s, For):
            yield from _next_parallel(s.body)
        elif isinstance(s, If):
            yield from _next_parallel((*s.then, *s.orelse))


def _worth_inside(cx: Context, loop: For) -> Value | None:
    """Whether an inner loop has enough for several threads; None where that is not known out here."""
    if not symbols_of(loop.extent, loop.grain) <= cx.values.keys() | cx.symbols.keys():
        return None
    extent, grain = (index_value(cx, resolve(cx, d)) for d in (loop.extent, loop.grain))
    return _has_grains(cx.w, extent, grain)


# --- what a body takes from around it


@dataclass(frozen=True)
class _Captures:
    """The symbols and buffers that a body uses, and the values among them that are handed over."""

    symbols: tuple[str, ...]
    values: tuple[str, ...]
    buffers: tuple[str, ...]
    fields: tuple[Value, ...]


def _captures(cx: Context, s: For) -> _Captures:
    names, touched = set[str](), set(s.private)
    for x in walk((s,)):
        said, used = _mentioned(x)
        names |= said
        touched |= used
    names |= symbols_of(*(d for b in s.private for d in cx.arguments[b].shape))
    buffers = tuple(b for b in cx.views if b in touched)
    symbols = tuple(n for n in cx.symbols if n in names)
    deeper = symbols_of(*(cx.symbols[n] for n in symbols), *(d for b in buffers for d in _dims(cx.views[b])))
    values = tuple(n for n in cx.values if n in names | deeper)
    found = [cx.values[n] for n in values] + [cx.views[b].pointer for b in buffers]
    found += [] if cx.status is None else [cx.status]
    return _Captures(symbols, values, buffers, tuple(dict.fromkeys(v for v in found if not v.is_constant)))


def _dims(view: View) -> tuple[Dim, ...]:
    return (*view.steps, view.origin, view.stream)


def _mentioned(s: Stmt) -> tuple[set[str], set[str]]:
    """Symbols and names, and buffers, that a statement itself speaks of."""
    names, buffers = set[str](), set[str]()
    seen, work = set[int](), [*exprs_of(s)]
    while work:
        e = work.pop()
        if id(e) in seen:  # an expression may share parts, some of them many times over
            continue
        seen.add(id(e))
        if isinstance(e, Prim):
            work += e.args
        elif isinstance(e, Load):
            names |= symbols_of(*e.index)
            buffers.add(e.buffer)
        elif isinstance(e, At):
            names |= symbols_of(e.index)
        elif isinstance(e, Name):
            names.add(e.name)
    if isinstance(s, (Store, Accumulate)):
        names |= symbols_of(*s.index)
        buffers.add(s.buffer)
    elif isinstance(s, For):
        names |= symbols_of(s.extent, s.grain)
        buffers.update(s.private)
    elif isinstance(s, Alloc):
        names |= symbols_of(*s.buffer.shape)
    return names, buffers
