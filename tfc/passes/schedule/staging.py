"""Copies of a window of a buffer in nearer memory: accumulators in registers, packed panels, shared tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tfc.ir.expr import Const, Expr, Load, identity, prim
from tfc.ir.index import Dim, Index, floordiv, minimum, mod, subs, symbols_of
from tfc.ir.kernel import Accumulate, Alloc, Body, Buffer, For, If, Kernel, Let, Stmt, Store, map_body, walk
from tfc.ir.types import Shape, int64

from .bounds import Facts, at_least_0
from .loops import check_independent
from .nest import (
    Access,
    Place,
    ScheduleError,
    accesses,
    allocated,
    buffer_table,
    check_free,
    condition_facts,
    facts_at,
    guarded,
    is_index_condition,
    less,
    let_names,
    locate,
    map_accesses,
    nested,
    replace_loop,
    spans_of,
    tidy,
)
from .window import (
    Masks,
    Window,
    all_spans,
    covered_first,
    filled_first,
    known_written,
    masks_of,
    out_of_bounds,
    untouched,
    window,
)

Outside = Literal["refuse", "clamp", "mask"]


@dataclass(frozen=True)
class Axis:
    """A dim of a staged copy: `mod(floordiv(r, step), count)` of the index `r` within the window in a dim.

    `Axis(1)` is dim 1 itself; tiles of 16 along it are `Axis(1, step=16)` and, within them, `Axis(1, count=16)`.
    """

    dim: int
    step: int = 1
    count: int | None = None

    def extent(self, size: Dim) -> Dim:
        return floordiv(size + (self.step - 1), self.step) if self.count is None else self.count

    def of(self, r: Dim) -> Dim:
        tile = floordiv(r, self.step)
        return tile if self.count is None else mod(tile, self.count)


@dataclass(frozen=True)
class _Staged:
    """A buffer, the copy of its window, and how the two correspond."""

    buffer: Buffer
    copy: Buffer
    axes: tuple[Axis, ...]
    box: Window
    masks: Masks
    facts: Facts

    def copying(
        self, suffix: str, make: Callable[[Shape, Shape], Stmt], orelse: Callable[[Shape], Body] | None
    ) -> Body:
        """A nest over the copy: `make(index of the buffer, index of the copy)` where that is inside, else `orelse`.

        Without `orelse` it is made everywhere.
        """
        loops = [For(f"{self.copy.name}_{suffix}{n}", e, ()) for n, e in enumerate(self.copy.shape)]
        index = tuple(Index.symbol(loop.var) for loop in loops)
        r = list[Dim](0 for _ in self.box.low)
        for axis, i in zip(self.axes, index, strict=True):
            r[axis.dim] = r[axis.dim] + i * axis.step
        place = tuple(low + x for low, x in zip(self.box.low, r, strict=True))
        facts = self.facts.within(spans_of(loops))
        if orelse is None:
            return nested(loops, (make(place, index),))
        needed = [*out_of_bounds(tuple(r), self.box.count, facts), *untouched(place, self.buffer, self.masks, facts)]
        conditions = [less(a, b) for a, b in dict.fromkeys(needed)]
        return nested(loops, guarded(conditions, (make(place, index),), orelse(index)))


def stage(
    k: Kernel,
    buffer: str,
    *,
    name: str,
    at: str | None = None,
    around: str | None = None,
    space: str = "stack",
    layout: Sequence[Axis] | None = None,
    fill: float | None = None,
    fresh: bool = False,
    align: int = 0,
) -> Kernel:
    """The window of a buffer touched in a loop's body (`at`), or by all of a loop (`around`), copied to a local buffer.

        for k < 256 { c[i, j] add= a[i, k] * b[k, j] }
        -> alloc r: float32[] local register
           r[] = c[i, j]
           for k < 256 { r[] add= a[i, k] * b[k, j] }
           c[i, j] = r[]                                                                    around="k", space="register"

    It is copied in unless the body stores to all of it first, and back if it is written. Dims of which one index is
    touched vanish; `layout` orders and tiles the others (a packed panel). Places of the copy that are outside of the
    buffer, or masked in every access, are set to `fill`, if that is given. With `fresh`, the copy of what is only
    accumulated starts at the combiner's identity and is accumulated into the buffer at the end. The loops are
    `{name}_in0`, .. and `{name}_out0`, ..
    """
    where = f"{buffer} at {at}" if at is not None else f"{buffer} around {around}"
    loop_name = at if at is not None else around
    if loop_name is None or (at is not None and around is not None):
        raise ScheduleError("stage", buffer, "give one of at and around")
    place = locate(k, loop_name, "stage")
    body: Body = (place.loop,) if at is None else place.loop.body
    outer = place.outer if at is None else (*place.outer, place.loop)
    uses = [a for a in accesses(body) if a.buffer == buffer]
    staged = _staged(k, body, uses, facts_at(k, outer, place.guards), (buffer, name, space, layout, align), where)
    if (fresh and len({a.kind for a in uses}) != 1) or (fresh and not uses[0].accumulates):
        raise ScheduleError("stage", where, "fresh: it is not only accumulated, with one combiner")
    covered = covered_first(body, staged.buffer, staged.box, staged.facts, masks=staged.masks)
    if (fresh or not covered) and not _is_written(k, staged, uses, place, outer):
        raise ScheduleError("stage", where, "the window may hold elements that were never written")
    before = _copy_in(staged, None if not fresh else uses[0].kind, fill) if not covered or fresh else ()
    after = _copy_out(staged, uses[0].kind if fresh else None) if any(a.writes for a in uses) else ()
    new: Body = (Alloc(staged.copy), *before, *_redirected(body, staged), *after)
    inner = [s.var for s in walk((*before, *after)) if isinstance(s, For)]
    check_free(k, "stage", where, (name, *inner))
    k = replace_loop(k, loop_name, lambda s: new if at is None else (replace(s, body=new),))
    for loop in outer if after else ():
        check_independent(k, loop.var, "stage")
    return k


def _is_written(k: Kernel, s: _Staged, uses: Sequence[Access], place: Place, outer: Sequence[For]) -> bool:
    """Whether all of a window holds values where the loop begins, or its body, that is to have the copy."""
    if known_written(k, s.buffer, uses[0], s.box, s.masks, s.facts):
        return True
    first = next(a for a in accesses(k.body) if a.buffer == s.buffer.name)
    return place.loop not in first.loops and _stored_before(k, outer, place.guards, uses, s.buffer)


def _staged(
    k: Kernel,
    body: Body,
    uses: Sequence[Access],
    facts: Facts,
    copy: tuple[str, str, str, Sequence[Axis] | None, int],
    where: str,
) -> _Staged:
    buffer, name, space, layout, align = copy
    table = buffer_table(k)
    if not uses or buffer in allocated(body):
        raise ScheduleError("stage", where, "it is not touched there, or allocated there")
    old = table[buffer]
    others = [a for a in accesses(body) if a.buffer != buffer and table[a.buffer].alias]
    if old.alias and any(a.writes for a in (*others, *uses) if others):
        raise ScheduleError("stage", where, "it may share memory with another buffer that is touched there")
    box = window(uses, old, facts)
    axes = tuple(Axis(d) for d, n in enumerate(box.size) if n != 1) if layout is None else tuple(layout)
    _check_axes(axes, box, where)
    shape = tuple(a.extent(box.size[a.dim]) for a in axes)
    symbols = symbols_of(*shape)
    if symbols - set(k.dims) or (symbols and space == "register"):
        raise ScheduleError("stage", where, f"the window {list(map(str, shape))} has no fixed size")
    local = Buffer(name, old.dtype, shape, "local", space, align=align)
    return _Staged(old, local, axes, box, masks_of(uses, facts.opaque), facts)


def _check_axes(axes: Sequence[Axis], box: Window, where: str) -> None:
    """Raises ScheduleError unless the axes of each dim are the digits of its index."""
    for d, size in enumerate(box.size):
        digits = sorted((a for a in axes if a.dim == d), key=lambda a: a.step)
        step = 1
        for n, a in enumerate(digits):
            last = n + 1 == len(digits)
            if a.step != step or (a.count is None) != last:
                raise ScheduleError("stage", where, f"the axes of dim {d} are not the digits of its index")
            step *= a.count or 1
        if not digits and size != 1:
            raise ScheduleError("stage", where, f"the layout leaves out dim {d}")


def _redirected(body: Body, s: _Staged) -> Body:
    inside = s.facts.within(all_spans(body))

    def to(index: Shape) -> tuple[str, Shape]:
        r = [i - low for i, low in zip(index, s.box.low, strict=True)]
        return s.copy.name, tidy(tuple(a.of(r[a.dim]) for a in s.axes), inside)

    return map_accesses(body, s.buffer.name, to)


def _copy_in(s: _Staged, combiner: str | None, fill: float | None) -> Body:
    dtype, name = s.buffer.dtype, s.copy.name
    if combiner is not None:
        return s.copying("in", lambda _, to: Store(name, to, identity(combiner, dtype)), None)
    value = None if fill is None else Const(dtype, float(fill) if dtype.is_float else int(fill))
    return s.copying(
        "in",
        lambda at, to: Store(name, to, Load(dtype, s.buffer.name, at)),
        lambda to: () if value is None else (Store(name, to, value),),
    )


def _copy_out(s: _Staged, combiner: str | None) -> Body:
    def back(at: Shape, index: Shape) -> Stmt:
        value = Load(s.buffer.dtype, s.copy.name, index)
        name = s.buffer.name
        return Store(name, at, value) if combiner is None else Accumulate(name, at, value, combiner)

    return s.copying("out", back, lambda _: ())


def unguard(k: Kernel, *loops: str, outside: Outside = "refuse") -> Kernel:
    """The conditions that are the bodies of loops removed, where what they kept from being computed is never looked at.

        for i < 6 { if 6*io + i < n { t[i] = p[i] + 1.0 } }  for j < 6 { if 6*io + j < n { y[6*io + j] = t[j] } }
        -> for i < 6 { t[i] = p[i] + 1.0 }                   for j < 6 { if 6*io + j < n { y[6*io + j] = t[j] } }

    All accesses must stay inside, read only memory that was written, and write only local buffers that are read under
    the same condition, in these loops or elsewhere. A micro-kernel on zero-filled panels loses its masks so. Loads that
    would be outside are refused, read the last element instead (`clamp`: `p[min(6*io + i, n - 1)]`), or are masked
    alone (`mask`: `select(6*io + i < n, p[6*io + i], 0.0)`).
    """
    before, around = k, list[str]()
    for var in loops:
        place = locate(before, var, "unguard")
        body = _without_condition(before, place, outside)
        k = replace_loop(k, var, lambda s, body=body: (replace(s, body=body),))  # type: ignore[misc]
        around += [loop.var for loop in (*place.outer, place.loop)]
    for var in loops:
        _check_written(k, locate(k, var, "unguard"))
    for var in dict.fromkeys(around):
        check_independent(k, var, "unguard")
    return k


def _without_condition(k: Kernel, place: Place, outside: Outside) -> Body:
    """The body of a loop without the condition that it is, if nothing that is written where that fails is read."""
    var = place.loop.var
    match place.loop.body:
        case (If(condition=condition, then=then, orelse=()),) if is_index_condition(condition):
            pass
        case _:
            raise ScheduleError("unguard", var, "its body is not a condition on indices")
    if any(not isinstance(s, (For, Store, Accumulate, If, Alloc)) and not _names_number(s) for s in walk(then)):
        raise ScheduleError("unguard", var, "there is more than loops, stores and accumulations under the condition")
    outer = (*place.outer, place.loop)
    table, own = buffer_table(k), allocated(then)
    moved: dict[tuple[str, Shape], Expr] = {}
    for a in accesses(then):
        facts = facts_at(k, (*outer, *a.loops), (*place.guards, *a.guards))
        if out_of_bounds(a.index, table[a.buffer].shape, facts):
            inside = None if a.writes else _kept_inside(a, table[a.buffer], place.loop, condition, facts, outside)
            if inside is None:
                at = ", ".join(map(str, a.index))
                raise ScheduleError("unguard", var, f"{a.buffer}[{at}] may be outside without it")
            moved[a.buffer, a.index] = inside
    for a in accesses(then):
        if a.writes and a.buffer not in own:
            _check_unseen(k, place, replace(a, loops=(*outer, *a.loops)), condition)

    def expr(e: Expr) -> Expr:
        return moved.get((e.buffer, e.index), e) if isinstance(e, Load) else e

    return map_body(then, lambda s: s, expr) if moved else then


def _names_number(s: Stmt) -> bool:
    """Whether a statement binds a name that no index speaks of."""
    return isinstance(s, Let) and s.value.dtype != int64


def _check_written(k: Kernel, place: Place) -> None:
    """Raises ScheduleError unless all local elements that a loop reads were written before."""
    table, own = buffer_table(k), allocated(place.loop.body)
    for a in accesses(place.loop.body):
        b = table[a.buffer]
        read = a.kind != "store" and a.buffer not in own and b.role in ("local", "out")
        mine = replace(a, loops=(place.loop, *a.loops))
        if read and not filled_first(k, b) and not _stored_before(k, place.outer, place.guards, [mine], b):
            raise ScheduleError(
                "unguard", place.loop.var, f"{b.name} may not have been written where the condition fails"
            )


def _stored_before(k: Kernel, outer: Sequence[For], guards: Sequence[Expr], uses: Sequence[Access], b: Buffer) -> bool:
    """Whether all that accesses inside of loops touch is stored first in the same iteration of one of these loops."""
    for n, around in enumerate(outer):
        facts = facts_at(k, outer[: n + 1], guards)
        box = window([replace(a, loops=(*outer[n + 1 :], *a.loops)) for a in uses], b, facts)
        if covered_first(around.body, b, box, facts):
            return True
    return False


def _kept_inside(a: Access, b: Buffer, loop: For, condition: Expr, facts: Facts, outside: Outside) -> Expr | None:
    """A load that would be outside, as one that is not; None where that cannot be."""
    if outside == "refuse":
        return None
    if outside == "mask":
        zero = Const(b.dtype, 0.0 if b.dtype.is_float else False if b.dtype.is_bool else 0)
        return prim("select", condition, Load(b.dtype, a.buffer, a.index), zero)
    index = tuple(
        i if at_least_0(extent - 1 - i, facts) else minimum(i, extent - 1)
        for i, extent in zip(a.index, b.shape, strict=True)
    )
    # Inside in the loop's first iteration, so there is an element to read.
    first = tuple(subs(i, {loop.var: 0}) for i in a.index)
    inside = not out_of_bounds(first, b.shape, facts) and all(at_least_0(i, facts) for i in a.index)
    return Load(b.dtype, a.buffer, index) if inside else None


def _check_unseen(k: Kernel, place: Place, write: Access, condition: Expr) -> None:
    """Raises ScheduleError unless every reader of what is written stands under the condition itself."""
    home = _alloc_loops(k, write.buffer)
    if home is None:
        raise ScheduleError("unguard", place.loop.var, f"{write.buffer} is not local")
    # A name in the condition may stand for another value where the element is read.
    own = ({loop.var for loop in write.loops} | let_names(k.body)) - home
    needed = tidy(condition_facts(condition), facts_at(k, write.loops))
    for read in accesses(k.body):
        if read.buffer != write.buffer or read.kind == "store":
            continue
        here = facts_at(k, read.loops, read.guards)
        pairs = list(zip(write.index, tidy(read.index, here), strict=True))
        values = {str(w): r for w, r in pairs if isinstance(w, Index) and str(w) in own}
        known = all(subs(w, values) == r for w, r in pairs)
        facts = [subs(f, values) for f in needed]
        bound = not (symbols_of(*needed) & (own - values.keys()))
        if not known or not bound or not all(at_least_0(f, here) for f in facts):
            what = f"{read.buffer}[{', '.join(map(str, read.index))}]"
            raise ScheduleError("unguard", place.loop.var, f"{what} is read where the condition may fail")


def _alloc_loops(k: Kernel, buffer: str) -> set[str] | None:
    """The loops around the allocation of a local buffer."""

    def look(body: Body, outer: tuple[str, ...]) -> set[str] | None:
        for s in body:
            found = None
            if isinstance(s, Alloc) and s.buffer.name == buffer:
                return set(outer)
            if isinstance(s, For):
                found = look(s.body, (*outer, s.var))
            elif isinstance(s, If):
                found = look(s.then, outer)
                found = look(s.orelse, outer) if found is None else found
            if found is not None:
                return found
        return None

    return look(k.body, ())
