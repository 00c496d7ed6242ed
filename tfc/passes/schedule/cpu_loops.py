"""Loops for the CPU: siblings merged row by row, values kept near, innermost loops in vectors.

Every step is tried and left out where a rewrite declines, so what cannot be shown to be right stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tfc.ir.expr import Prim
from tfc.ir.index import Dim, linear_in, mod, rejoined, symbols_of
from tfc.ir.kernel import Accumulate, Alloc, Body, Buffer, For, If, Kernel, Store, exprs_of, subexprs, walk
from tfc.ir.types import Shape

from ..target import Target
from .digits import base_in, digits
from .invariant import hoist
from .lanes import accumulate_lanes
from .loops import merge, reorder, split, unroll, vectorise
from .nest import ScheduleError, accesses, bodies_of, buffer_table, let_names, locate, perfect_nest, touches
from .short_rows import rows_in_lanes
from .simplify import simplify_kernel
from .staging import Axis, stage
from .storage import forward, shrink
from .transposed import tiled_across
from .views import flatten

SHORT = 4
"""Vectors in a row that is short: adding up lanes at its end takes longer than its elements."""
ROWS = 8
"""Rows of many columns that are added up at a time: each is a stream that the caches fetch ahead."""
IN_TURN = 4
"""Elements that are combined one after another: adding up lanes takes longer."""
NARROW = 24
"""Columns whose sums all registers hold, a vector for each."""
LINE = 64
"""Bytes of a cache line, which a row of a tile should fill."""
SQUARE = 32
"""Rows and lanes of a tile at most: the code of larger ones takes long to compile, and is no faster."""
CHAINS = 4
"""Independent vectors of a reduction: enough to hide the latency of an addition."""


def attempt(k: Kernel, step: Callable[..., Kernel], *args: Any, **options: Any) -> Kernel:
    """The kernel after a step, or as it is where a rewrite of the step declines."""
    try:
        return step(k, *args, **options)
    except ScheduleError:
        return k


# Rows


def merge_rows(k: Kernel, target: Target) -> Kernel:
    """Sibling loops over the same rows as one, at every depth, and local buffers cut to what one row needs.

    for i < n { t[i] = .. }  for j < n { y[j] = t[j] }    ->    for i < n { alloc t: float32[]; t[] = ..  y[i] = t[] }
    """
    for chain in list(_perfect_nests(k.body)):
        k = _contiguous_last(k, [loop.var for loop in chain])[0]
    return rows_together(k, [s.var for s in k.body if isinstance(s, For)], target)


def rows_together(k: Kernel, loops: Sequence[str], target: Target) -> Kernel:
    """Sibling loops merged as far as they go over the same rows."""
    return _named(short_rows(_private(merge_siblings(k, loops)), target))


def near(k: Kernel) -> Kernel:
    """Local buffers inside the loops whose iterations each use a part of their own; single elements as names."""
    return _named(_private(k))


def _private(k: Kernel) -> Kernel:
    for name in _allocated(k):
        while (inner := _loop_of_all_uses(k.body, name)) is not None:
            new = attempt(k, shrink, name, inner)
            if new is k:
                break
            k = new
    return k


def _named(k: Kernel) -> Kernel:
    for name in _allocated(k):
        k = attempt(k, forward, name)
    return k


def _allocated(k: Kernel) -> list[str]:
    return [s.buffer.name for s in walk(k.body) if isinstance(s, Alloc)]


def short_rows(k: Kernel, target: Target) -> Kernel:
    """Loops over rows with sums or the like of a few elements each, a row in each lane."""
    for loop in [s for s in walk(k.body) if isinstance(s, For)]:
        width = target.vector_bytes // _widest(k, loop)
        if width > 1 and _is_of_short_rows(k, loop, width):
            k = attempt(k, rows_in_lanes, loop.var, width)
    return k


def _is_of_short_rows(k: Kernel, rows: For, width: int) -> bool:
    nests = [perfect_nest(s) for s in rows.body if isinstance(s, For)]
    extents = [loop.extent for nest in nests for loop in nest]
    if any(not isinstance(n, int) or n > SHORT * width for n in extents):
        return False
    if isinstance(rows.extent, int) and rows.extent < width:
        return False
    if len(rows.body) == 1 or not any(_accumulates_outside(nest[-1]) for nest in nests):
        return False
    table = buffer_table(k)
    places = [_flat(table[a.buffer], a.index) for a in accesses(rows.body) if a.buffer in table]
    return all(linear_in(x, rows.var) is not None and not symbols_of(x) & let_names(rows.body) for x in places)


def merge_siblings(k: Kernel, names: Sequence[str]) -> Kernel:
    """Loops that stand side by side merged as far as that is right and better, then the loops inside of them."""
    loops = [locate(k, v, "merge").loop for v in names]
    kept: list[For] = []
    for loop in loops:
        into = [one for one in kept if _same_class(one, loop)]
        merged = next((new for one in into if (new := attempt(k, merge, one.var, loop.var)) is not k), None)
        if merged is None:
            kept.append(loop)
        else:
            k = merged
    for loop in kept:
        inner = locate(k, loop.var, "merge").loop.body
        k = merge_siblings(k, [s.var for s in inner if isinstance(s, For)])
    return k


def _same_class(one: For, other: For) -> bool:
    """Whether two loops are better run as one: over rows, or both with a place of its own for each iteration."""
    if one.extent != other.extent or one.kind != other.kind:
        return False
    innermost = [not any(isinstance(s, For) for s in walk(loop.body)) for loop in (one, other)]
    return not any(innermost) or not (_accumulates_outside(one) or _accumulates_outside(other))


def _accumulates_outside(loop: For) -> bool:
    """Whether a loop accumulates into what does not depend on its variable."""
    return any(isinstance(s, Accumulate) and loop.var not in symbols_of(*s.index) for s in walk(loop.body))


def _loop_of_all_uses(body: Body, buffer: str) -> str | None:
    """The loop beside a buffer's allocation that alone uses it."""
    for inner in bodies_of(body):
        if any(isinstance(s, Alloc) and s.buffer.name == buffer for s in inner):
            users = [s for s in inner if touches(s, buffer)]
            return users[0].var if len(users) == 1 and isinstance(users[0], For) else None
    return None


# Vectors


def vector_loops(k: Kernel, target: Target) -> Kernel:
    """Every innermost serial loop in vectors, where its iterations allow it.

    The last one first: that a sum may be kept in registers follows from the loop before it that fills the buffer, which
    can be seen while that is one loop.
    """
    for chain in reversed(list(_perfect_nests(k.body))):
        k = _vector_nest(k, [loop.var for loop in chain], target)
    return k


def _perfect_nests(body: Body) -> Iterator[list[For]]:
    """Serial loops, each the whole body of the one before, down to an innermost loop."""
    for s in body:
        if isinstance(s, If):
            yield from _perfect_nests(s.then)
            yield from _perfect_nests(s.orelse)
        elif isinstance(s, For):
            chain = perfect_nest(s)
            if any(isinstance(x, For) for x in walk(chain[-1].body)):
                yield from _perfect_nests(chain[-1].body)
            elif all(loop.kind == "serial" for loop in chain):
                yield chain


def _vector_nest(k: Kernel, nest: list[str], target: Target) -> Kernel:
    k, nest = _by_digits(*_flattened(k, nest), target)
    k, nest = _contiguous_last(k, nest)
    loop = locate(k, nest[-1], "vectorise").loop
    width = target.vector_bytes // _widest(k, loop)
    if loop.extent == 1 or width < 2:
        return k
    across = _transposed(k, nest, loop)
    if across is not None:
        tiled = attempt(k, _tiled, across, loop, width)
        if tiled is not k:
            return tiled
    writes = [s for s in walk(loop.body) if isinstance(s, (Store, Accumulate))]
    outside = [_is_fixed(s, loop) for s in writes]
    if all(outside):
        return attempt(k, _reduction, loop, width)
    if any(outside):
        return k
    if len(nest) > 1 and len(writes) == 1 and _accumulates_outside(locate(k, nest[-2], "vectorise").loop):
        columns = attempt(k, _way_of_columns(loop.extent, width), nest[-2], loop, writes[0], width)
        if columns is not k:
            return columns
    k = attempt(k, hoist, loop.var)
    loop = locate(k, loop.var, "vectorise").loop
    return attempt(k, _elements, loop, target.vector_bytes // _widest(k, loop))


def _flattened(k: Kernel, nest: list[str]) -> tuple[Kernel, list[str]]:
    """A nest with each two loops over adjacent dims as one."""
    at = len(nest) - 2
    while at >= 0:
        into = f"{nest[at]}_{nest[at + 1]}"
        flat = attempt(k, flatten, nest[at], nest[at + 1], into=into)
        if flat is not k and not _written_in_tiles(k, nest[at + 1]):
            k, nest = flat, [*nest[:at], into, *nest[at + 2 :]]
        at -= 1
    return k, nest


def _written_in_tiles(k: Kernel, var: str) -> bool:
    """Whether what a loop's body touches is written under conditions elsewhere.

    With fewer dims it could not be seen that tiles which reach beyond the last column leave the next row alone.
    """
    names = {b.name for b in buffer_table(k).values() if len(b.shape) > 1}
    names &= {a.buffer for a in accesses(locate(k, var, "flatten").loop.body)}
    tiles = (a for a in accesses(k.body) if a.writes and a.guards and a.buffer in names)
    return any(all(loop.var != var for loop in a.loops) for a in tiles)


def _by_digits(k: Kernel, nest: list[str], target: Target) -> tuple[Kernel, list[str]]:
    """A nest with a loop for each digit to which some access takes a variable, where that fills vectors."""
    for at in range(len(nest)):
        loop = locate(k, nest[at], "vectorise").loop
        table = buffer_table(k)
        width = target.vector_bytes // _widest(k, loop)
        base = base_in([_flat(table[a.buffer], a.index) for a in accesses(loop.body) if a.buffer in table], loop.var)
        if base is None or (isinstance(base, int) and base < width):
            continue
        names = f"{loop.var}_q", f"{loop.var}_r"
        new = attempt(k, digits, loop.var, base, outer=names[0], inner=names[1])
        if new is not k:
            return _by_digits(new, [*nest[:at], *names, *nest[at + 1 :]], target)
    return k, nest


def _transposed(k: Kernel, nest: Sequence[str], loop: For) -> str | None:
    """The loop around an innermost one along which some buffer lies that the innermost one goes across."""
    table = buffer_table(k)
    for a in accesses(loop.body):
        if a.buffer in table:
            flat = _flat(table[a.buffer], a.index)
            steps = {v: form[0] for v in nest if (form := linear_in(flat, v)) is not None}
            along = [v for v in nest[:-1] if steps.get(v) == 1]
            if along and steps.get(loop.var, 0) not in (0, 1):
                return along[-1]
    return None


def _tiled(k: Kernel, across: str, loop: For, width: int) -> Kernel:
    """Squares of vectors; what is left of either loop goes along the other one."""
    along = loop.var
    if isinstance(loop.extent, int) and loop.extent < width:
        around = perfect_nest(locate(k, across, "vectorise").loop)
        along, across = across, along
        k = reorder(k, [across, *(x.var for x in around if x.var != across)])
    width = min(width, SQUARE)
    rows = _rows(locate(k, across, "vectorise").loop.extent, max(width, min(SQUARE, LINE // _widest(k, loop))))
    k = tiled_across(k, across, along, rows, width)
    names = [s.var for s in walk(k.body) if isinstance(s, For)]
    for rest in (f"{across}_u_rest", f"{along}_tail"):
        k = _elements(k, locate(k, rest, "vectorise").loop, width) if rest in names else k
    return k


def _rows(extent: Dim, least: int) -> int:
    """Rows of a tile: as many as is best, all where they are few, or somewhat more where these divide all."""
    if not isinstance(extent, int) or extent >= 8 * least:
        return least
    if extent < 2 * least:
        return extent
    return next((n for n in range(least, 2 * least) if extent % n == 0), least)


def _elements(k: Kernel, loop: For, width: int) -> Kernel:
    """Whole vectors, then the rest under a mask; masked stores cost several plain ones on some machines."""
    v, extent = loop.var, loop.extent
    if isinstance(extent, int):
        width = min(width, 1 << (extent - 1).bit_length())
    short = isinstance(extent, int) and extent < 2 * width
    k = split(k, v, width, outer=f"{v}_o", inner=f"{v}_l", tail="mask" if short else "peel")
    k = vectorise(k, f"{v}_l")
    return k if short or mod(extent, width) == 0 else vectorise(k, f"{v}_l_tail")


def _reduction(k: Kernel, loop: For, width: int) -> Kernel:
    if isinstance(loop.extent, int) and loop.extent <= IN_TURN:
        return unroll(k, loop.var)
    long = not isinstance(loop.extent, int) or loop.extent >= CHAINS * width
    return accumulate_lanes(k, loop.var, width, name=f"{loop.var}_p", unroll=CHAINS if long else 1)


def _way_of_columns(extent: Dim, width: int) -> Callable[..., Kernel]:
    """How a reduction over an outer loop runs, by the number of its columns."""
    if not isinstance(extent, int) or extent > CHAINS * width:
        return _wide_columns
    return _narrow_columns if extent % width and extent <= NARROW else _columns


def _narrow_columns(k: Kernel, over: str, loop: For, write: Store | Accumulate, width: int) -> Kernel:
    """A reduction over an outer loop to columns that fill no vector: rows in lanes, each column's sums in registers."""
    k = simplify_kernel(accumulate_lanes(k, over, width, name=f"{loop.var}_p"))
    names = [s.var for s in walk(k.body) if isinstance(s, For)]
    for v in (loop.var, f"{loop.var}_tail", f"{loop.var}_p_init0", f"{loop.var}_p_out0"):
        k = unroll(k, v) if v in names else k
    return k


def _columns(k: Kernel, over: str, loop: For, write: Store | Accumulate, width: int) -> Kernel:
    """A reduction over an outer loop to few columns: their sums in registers over all of it."""
    v = loop.var
    vectors = CHAINS if not isinstance(loop.extent, int) else min(CHAINS, -(-loop.extent // width))
    k = split(k, v, width * vectors, outer=f"{v}_o", inner=f"{v}_b", tail="mask")
    k = split(k, f"{v}_b", width, outer=f"{v}_u", inner=f"{v}_l")
    k = reorder(k, [f"{v}_o", over, f"{v}_u", f"{v}_l"])
    at = next(d for d, i in enumerate(write.index) if v in symbols_of(i))
    name, layout = f"{v}_r", (Axis(at, step=width), Axis(at, count=width))
    k = stage(k, write.buffer, name=name, around=over, space="register", layout=layout)
    for lane in (f"{v}_l", f"{name}_in1", f"{name}_out1"):
        k = vectorise(k, lane)
    for vector in (f"{v}_u", f"{name}_in0", f"{name}_out0"):
        k = unroll(k, vector)
    return k


def _wide_columns(k: Kernel, over: str, loop: For, write: Store | Accumulate, width: int) -> Kernel:
    """The same over many columns: a few rows at a time, read from end to end, each sum loaded and stored once."""
    v, row, lane = loop.var, f"{over}_u", f"{loop.var}_l"
    k = split(k, over, ROWS, outer=f"{over}_o", inner=row, tail="peel_loop", suffix="_rest")
    k = reorder(k, [f"{over}_o", v, row])
    k = split(k, v, width, outer=f"{v}_o", inner=lane, tail="peel")
    k = reorder(k, [f"{v}_o", row, lane])
    names = {s.var for s in walk(k.body) if isinstance(s, For)}
    for tail in ("", "_tail") if f"{lane}_tail" in names else ("",):
        sums = f"{v}_r{tail}"
        k = reorder(k, [f"{row}{tail}", f"{lane}{tail}"])
        k = stage(k, write.buffer, name=sums, around=f"{row}{tail}", space="register")
        for vector in (f"{lane}{tail}", f"{sums}_in0", f"{sums}_out0"):
            k = vectorise(k, vector)
        k = unroll(k, f"{row}{tail}")
    rest = f"{v}_rest"
    return _elements(k, locate(k, rest, "vectorise").loop, width) if rest in names else k


def _is_fixed(s: Store | Accumulate, loop: For) -> bool:
    """Whether every iteration of a loop writes the same element."""
    return not symbols_of(*s.index) & ({loop.var} | let_names(loop.body))


def _contiguous_last(k: Kernel, nest: list[str]) -> tuple[Kernel, list[str]]:
    """A nest with that loop innermost along which most accesses go from one element to the next."""
    table = buffer_table(k)
    body = locate(k, nest[-1], "vectorise").loop.body
    distinct = {(a.buffer, a.index, a.writes) for a in accesses(body) if a.buffer in table}
    flats = [_flat(table[buffer], index) for buffer, index, _ in distinct]
    count = {v: sum((form := linear_in(x, v)) is not None and form[0] == 1 for x in flats) for v in nest}
    best = max(reversed(nest), key=lambda v: count[v])
    order = [*(v for v in nest if v != best), best]
    moved = attempt(k, reorder, order) if best != nest[-1] else k
    return moved, nest if moved is k else order


def _flat(b: Buffer, index: Shape) -> Dim:
    total: Dim = 0
    for i, step in zip(index, b.steps, strict=True):
        total = total + i * step
    return rejoined(total)


def _widest(k: Kernel, loop: For) -> int:
    """Bytes of the widest number that a loop computes with; arithmetic on 16-bit floats is done in 32 bits."""
    table = buffer_table(k)
    found = [table[a.buffer].dtype for a in accesses(loop.body)]
    found += [e.dtype for s in walk(loop.body) for x in exprs_of(s) for e in subexprs(x) if isinstance(e, Prim)]
    return max((4 if d.is_float and d.bits == 16 else d.size for d in found), default=8)
