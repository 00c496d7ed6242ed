"""Rewrites of where values live: place, permute, pad, shrink, expand, compute_at, inline, forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tfc.ir.expr import Expr, Load, Name
from tfc.ir.index import Dim, Index, symbols_of
from tfc.ir.kernel import (
    SPACES,
    Alloc,
    Body,
    Buffer,
    For,
    If,
    Kernel,
    Let,
    Stmt,
    Store,
    map_body,
    map_expr,
    subexprs,
    walk,
)
from tfc.ir.types import Shape

from .dependence import ZERO, distances
from .loops import merge
from .nest import (
    Place,
    ScheduleError,
    accesses,
    buffer_table,
    drop_alloc,
    expr_symbols,
    facts_at,
    locate,
    map_accesses,
    map_bodies,
    replace_loop,
    subs_expr,
    tidy,
    touches,
    writes,
)
from .window import Window, all_spans, covered_first, window


def place(k: Kernel, buffer: str, space: str, *, align: int = 0) -> Kernel:
    """A local buffer in another space: `alloc t: float32[8] stack  ->  alloc t: float32[8] register align(64)`.

    A register buffer has a static shape.
    """
    old = _local(k, buffer, "place")
    if space not in SPACES or space == "arg":
        raise ScheduleError("place", buffer, f"no local buffer lives in {space}")
    if space == "register" and symbols_of(*old.shape):
        raise ScheduleError("place", buffer, f"its shape {list(map(str, old.shape))} is not static")
    new = Alloc(replace(old, space=space, align=align))
    return replace(k, body=map_body(k.body, lambda s: new if _allocates(s, buffer) else s))


def permute(k: Kernel, buffer: str, order: Sequence[int]) -> Kernel:
    """A local buffer with its dims in another order.

    alloc t: float32[6, 8]; .. t[i, j] ..  ->  alloc t: float32[8, 6]; .. t[j, i] ..
    """
    old = _local(k, buffer, "permute")
    if sorted(order) != list(range(len(old.shape))) or old.strides is not None:
        raise ScheduleError("permute", buffer, f"{tuple(order)} is no order of its {len(old.shape)} dims")
    new = Alloc(replace(old, shape=tuple(old.shape[d] for d in order)))
    body = map_body(k.body, lambda s: new if _allocates(s, buffer) else s)
    return replace(k, body=map_accesses(body, buffer, lambda i: (buffer, tuple(i[d] for d in order))))


def pad(k: Kernel, buffer: str, dim: int, size: int) -> Kernel:
    """A local buffer with a longer dim: `alloc t: float32[6, 8]  ->  alloc t: float32[6, 16]`.

    Nothing touches the new elements; what runs beyond the old ones without a condition may.
    """
    old = _local(k, buffer, "pad")
    extent = old.shape[dim]
    if not isinstance(extent, int) or extent > size or old.strides is not None:
        raise ScheduleError("pad", buffer, f"its dim {dim} of {extent} is not known to be {size} at most")
    new = Alloc(replace(old, shape=(*old.shape[:dim], size, *old.shape[dim + 1 :])))
    return replace(k, body=map_body(k.body, lambda s: new if _allocates(s, buffer) else s))


def _allocates(s: Stmt, buffer: str) -> bool:
    return isinstance(s, Alloc) and s.buffer.name == buffer


def _local(k: Kernel, buffer: str, rewrite: str) -> Buffer:
    found = next((s.buffer for s in walk(k.body) if isinstance(s, Alloc) and s.buffer.name == buffer), None)
    if found is None:
        raise ScheduleError(rewrite, buffer, f"{k.name} allocates no such buffer")
    return found


def shrink(k: Kernel, buffer: str, var: str) -> Kernel:
    """A local buffer of which each iteration of a loop uses its own part, allocated in that loop and cut to the part.

        alloc t: float32[n, 8]; for i < n { for j < 8 { t[i, j] = .. }  for j2 < 8 { .. t[i, j2] .. } }
        -> for i < n { alloc t: float32[8]; for j < 8 { t[j] = .. }  for j2 < 8 { .. t[j2] .. } }

    Dims of which one index is used vanish. Refused where a value may pass from one iteration to another.
    """
    old, at = _local(k, buffer, "shrink"), locate(k, var, "shrink")
    uses = [a for a in accesses(at.loop.body) if a.buffer == buffer]
    if len(uses) != sum(a.buffer == buffer for a in accesses(k.body)) or not uses:
        raise ScheduleError("shrink", buffer, f"it is used outside of {var}")
    facts = facts_at(k, (*at.outer, at.loop), at.guards)
    box = window(uses, old, facts)
    _check_private(k, old, at, box)
    kept = [d for d, size in enumerate(box.size) if size != 1]
    inside = facts.within(all_spans(at.loop.body))

    def to(index: Shape) -> tuple[str, Shape]:
        return buffer, tidy(tuple(index[d] - box.low[d] for d in kept), inside)

    if symbols_of(*box.size) - set(k.dims):
        raise ScheduleError("shrink", buffer, f"the part {list(map(str, box.size))} varies with a loop")
    new = replace(old, shape=tuple(box.size[d] for d in kept), strides=None)
    k = replace(k, body=drop_alloc(k.body, buffer))
    return replace_loop(k, var, lambda s: (replace(s, body=(Alloc(new), *map_accesses(s.body, buffer, to))),))


def expand(k: Kernel, buffer: str, var: str, *, last: bool = False) -> Kernel:
    """A buffer that a loop's body allocates, allocated before it with a dim, the first or last, for its iterations.

        for i < 6 { alloc t: float32[8]; .. t[j] .. }  ->  alloc t: float32[6, 8]; for i < 6 { .. t[i, j] .. }

    With it a loop that allocates can be distributed; `shrink` is its inverse.
    """
    old, loop = _local(k, buffer, "expand"), locate(k, var, "expand").loop
    if not any(_allocates(s, buffer) for s in loop.body) or symbols_of(*old.shape, loop.extent) - set(k.dims):
        raise ScheduleError("expand", buffer, f"the body of {var} does not allocate it, or in a size that varies")
    if old.space == "register" and symbols_of(loop.extent):
        raise ScheduleError("expand", buffer, f"registers for {loop.extent} iterations are not static")

    def wider(index: Shape, row: Dim) -> Shape:
        return (*index, row) if last else (row, *index)

    new = Alloc(replace(old, shape=wider(old.shape, loop.extent), strides=None))
    k = replace(k, body=drop_alloc(k.body, buffer))
    row = Index.symbol(var)
    return replace_loop(
        k, var, lambda s: (new, replace(s, body=map_accesses(s.body, buffer, lambda i: (buffer, wider(i, row)))))
    )


def _check_private(k: Kernel, buffer: Buffer, at: Place, box: Window) -> None:
    """Raises ScheduleError unless each iteration reads only what it has written itself."""
    if covered_first(at.loop.body, buffer, box, facts_at(k, (*at.outer, at.loop), at.guards)):
        return
    loops = (*at.outer, at.loop)
    fixed = next((n for n, loop in enumerate(loops) if not _inside(loop, buffer.name)), 0)
    band = loops[fixed:]
    facts = facts_at(k, loops[:fixed], ())
    uses = [replace(a, loops=(*band, *a.loops)) for a in accesses(at.loop.body) if a.buffer == buffer.name]
    for a in uses:
        for b in uses if a.writes else ():
            between = distances(a, b, band, facts)
            if between is not None and any(d != ZERO for d in between.values()):
                raise ScheduleError("shrink", buffer.name, f"iterations of {at.loop.var} may share a value")


def _inside(loop: For, buffer: str) -> bool:
    return any(_allocates(s, buffer) for s in walk(loop.body))


def compute_at(k: Kernel, buffer: str, var: str) -> Kernel:
    """The nests that produce a local buffer, moved into the loop that consumes it, the buffer cut to what that needs.

        alloc t: float32[n]; for i < n { t[i] = x[i] }  for j < n { y[j] = t[j] * t[j] }
        -> for i < n { alloc t: float32[]; t[] = x[i]  y[i] = t[] * t[] }

    The producers' loops must match those around the consumer in extent (split them alike first); each merged loop has
    the name of the first producer's.
    """
    _local(k, buffer, "compute_at")
    at = locate(k, var, "compute_at")
    last = var
    for name in (*(loop.var for loop in at.outer), var):
        last = name
        while (producer := _producer_before(k.body, last, buffer)) is not None:
            k = merge(k, producer, last)
            last = producer
    return shrink(k, buffer, last)


def _producer_before(body: Body, var: str, buffer: str) -> str | None:
    """The nearest loop before the one over `var`, in the same body, that writes a buffer."""
    found: list[str] = []

    def look(siblings: Body) -> Body:
        loops = [s for s in siblings if isinstance(s, For)]
        here = next((n for n, s in enumerate(loops) if s.var == var), None)
        if here is not None:
            found.extend(s.var for s in loops[:here] if writes(s, buffer))
        return siblings

    map_bodies(body, look)
    return found[-1] if found else None


def inline(k: Kernel, buffer: str) -> Kernel:
    """A local buffer that one nest stores, element by element, replaced by its value wherever it is read.

    alloc t: float32[n]; for i < n { t[i] = exp(x[i]) }  for j < n { y[j] = t[j] + 1.0 }
    -> for j < n { y[j] = exp(x[j]) + 1.0 }
    """
    _local(k, buffer, "inline")
    table = buffer_table(k)

    def home(siblings: Body) -> Body:
        if not any(_allocates(s, buffer) for s in siblings):
            return siblings
        first = next((n for n, s in enumerate(siblings) if touches(s, buffer)), len(siblings))
        before, nest, after = siblings[:first], siblings[first : first + 1], siblings[first + 1 :]
        values = _stored(nest, buffer)
        _check_unchanged(values[1], after, buffer, table)
        return (*(s for s in before if not _allocates(s, buffer)), *_read_as(after, buffer, *values))

    return replace(k, body=map_bodies(k.body, home))


def forward(k: Kernel, buffer: str) -> Kernel:
    """A local buffer of one element that one store beside its allocation sets, as a name for the value.

    alloc t: float32[]; t[] = exp(x[i]); y[i] = t[] * t[]    ->    let t = exp(x[i]); y[i] = t * t
    """
    old = _local(k, buffer, "forward")
    if old.shape or sum(a.writes for a in accesses(k.body) if a.buffer == buffer) != 1:
        raise ScheduleError("forward", buffer, "it has more than one element, or is written more than once")
    done: list[str] = []

    def home(siblings: Body) -> Body:
        if not any(_allocates(s, buffer) for s in siblings):
            return siblings
        at = next((n for n, s in enumerate(siblings) if touches(s, buffer)), len(siblings))
        match siblings[at : at + 1]:
            case (Store(value=value),) if not any(isinstance(e, Load) and e.buffer == buffer for e in subexprs(value)):
                done.append(buffer)
                rest = _read_as(siblings[at + 1 :], buffer, (), Name(old.dtype, buffer))
                before = tuple(s for s in siblings[:at] if not _allocates(s, buffer))
                return (*before, Let(buffer, value), *rest)
        return siblings

    k = replace(k, body=map_bodies(k.body, home))
    if not done:
        raise ScheduleError("forward", buffer, "no store beside its allocation sets it before it is read")
    return k


def _stored(nest: Body, buffer: str) -> tuple[Shape, Expr]:
    """The index and the value of the one store in a nest, the value without the nest's own names."""
    stores = [s for s in walk(nest) if isinstance(s, Store)]
    if len(stores) != 1 or not all(isinstance(s, (For, If, Let, Store)) for s in walk(nest)):
        raise ScheduleError("inline", buffer, "it is not written by a nest of one store")
    lets = {s.name: s.value for s in walk(nest) if isinstance(s, Let)}

    def unfold(e: Expr) -> Expr:
        return map_expr(lets[e.name], unfold) if isinstance(e, Name) and e.name in lets else e

    index, value = stores[0].index, map_expr(stores[0].value, unfold)
    own = {s.var for s in walk(nest) if isinstance(s, For)}
    variables = [str(i) for i in index if isinstance(i, Index)]
    if len(set(variables)) < len(variables) or not own.issuperset(variables):
        raise ScheduleError("inline", buffer, f"its index {list(map(str, index))} is not one loop variable per dim")
    if expr_symbols(value) & ((own - set(variables)) | lets.keys()):
        raise ScheduleError("inline", buffer, "its value depends on more than the element's place")
    return index, value


def _check_unchanged(value: Expr, after: Body, buffer: str, table: Mapping[str, Buffer]) -> None:
    for e in subexprs(value):
        if not isinstance(e, Load):
            continue
        same = [n for n, b in table.items() if n == e.buffer or (b.alias and table[e.buffer].alias)]
        if any(writes(s, name) for s in after for name in same):
            raise ScheduleError("inline", buffer, f"{e.buffer}, which its value reads, is written later")
    if any(writes(s, buffer) for s in after):
        raise ScheduleError("inline", buffer, "it is written again")


def _read_as(body: Body, buffer: str, index: Shape, value: Expr) -> Body:
    def expr(e: Expr) -> Expr:
        if not isinstance(e, Load) or e.buffer != buffer:
            return e
        here = {str(v): i for v, i in zip(index, e.index, strict=True) if isinstance(v, Index)}
        return map_expr(value, lambda x: subs_expr(x, here))

    return map_body(body, lambda s: s, expr)
