"""Two loops as one: by quotient and rest, or by a view of the buffers with fewer dims."""

from __future__ import annotations

from dataclasses import replace

from tfc.ir.index import Dim, Index, floordiv, mod, symbols_of
from tfc.ir.kernel import Alloc, Buffer, For, Kernel, Stmt, map_body, substitute
from tfc.ir.types import Shape

from .nest import (
    ScheduleError,
    accesses,
    body_symbols,
    buffer_table,
    check_free,
    locate,
    map_accesses,
    replace_loop,
)


def fuse(k: Kernel, outer: str, inner: str, *, into: str) -> Kernel:
    """Two perfectly nested loops as one over their product.

    for i < n { for j < 8 { S(i, j) } }  ->  for f < 8*n { S(floordiv(f, 8), mod(f, 8)) }
    """
    place, below = _nest_of_two(k, outer, inner, into, "fuse")
    extent = place.extent * below.extent
    f = Index.symbol(into)
    values: dict[str, Dim] = {outer: floordiv(f, below.extent), inner: mod(f, below.extent)}
    fused = replace(place, var=into, extent=extent, body=substitute(below.body, values))
    return replace_loop(k, outer, lambda _: (fused,))


def _nest_of_two(k: Kernel, outer: str, inner: str, into: str, rewrite: str) -> tuple[For, For]:
    loop = locate(k, outer, rewrite).loop
    check_free(k, rewrite, outer, [into])
    match loop.body:
        case (For() as below,) if (
            below.var == inner and below.kind == loop.kind and outer not in symbols_of(below.extent)
        ):
            return loop, below
    raise ScheduleError(rewrite, outer, f"{inner} is not perfectly nested in it, or of another kind")


def flatten(k: Kernel, outer: str, inner: str, *, into: str) -> Kernel:
    """Two loops over adjacent dims of row-major buffers as one, the buffers viewed with those dims as one.

        x: float32[n, 8]; for i < n { for j < 8 { x[i, j] = 0.0 } }
        -> x: float32[8*n]; for f < 8*n { x[f] = 0.0 }

    Every buffer that either variable indexes must be indexed `[.., i, j, ..]`, the second dim as long as the
    inner loop; a view changes the shape of the kernel's arguments, not their memory.
    """
    loop, below = _nest_of_two(k, outer, inner, into, "flatten")
    table, pair = buffer_table(k), (Index.symbol(outer), Index.symbol(inner))
    dims = {
        a.buffer: _adjacent(table[a.buffer], a.index, pair, below.extent)
        for a in accesses(below.body)
        if symbols_of(*a.index) & {outer, inner}
    }
    fused = replace(loop, var=into, extent=loop.extent * below.extent, body=below.body)
    k = replace_loop(k, outer, lambda _: (fused,))
    for name, d in dims.items():

        def flat(index: Shape, name: str = name, d: int = d) -> tuple[str, Shape]:
            one = index[d] * table[name].shape[d + 1] + index[d + 1]
            return name, (*index[:d], Index.symbol(into) if index[d : d + 2] == pair else one, *index[d + 2 :])

        k = replace(k, body=map_accesses(k.body, name, flat))
    if {outer, inner} & body_symbols(locate(k, into, "flatten").loop.body):
        raise ScheduleError("flatten", outer, f"{outer} or {inner} is used beside the buffers' adjacent dims")
    return _with_buffers(k, {name: _viewed(table[name], d) for name, d in dims.items()})


def _adjacent(b: Buffer, index: Shape, pair: Shape, extent: Dim) -> int:
    found = [d for d in range(len(index) - 1) if index[d : d + 2] == pair]
    strided = b.strides is not None and b.strides != replace(b, strides=None).steps
    if len(found) != 1 or strided or b.shape[found[0] + 1] != extent:
        raise ScheduleError("flatten", str(pair[0]), f"{b.name} is not row-major and indexed [{pair[0]}, {pair[1]}]")
    return found[0]


def _viewed(b: Buffer, d: int) -> Buffer:
    return replace(b, shape=(*b.shape[:d], b.shape[d] * b.shape[d + 1], *b.shape[d + 2 :]), strides=None)


def _with_buffers(k: Kernel, new: dict[str, Buffer]) -> Kernel:
    def statement(s: Stmt) -> Stmt:
        return replace(s, buffer=new.get(s.buffer.name, s.buffer)) if isinstance(s, Alloc) else s

    return replace(k, buffers=tuple(new.get(b.name, b) for b in k.buffers), body=map_body(k.body, statement))
