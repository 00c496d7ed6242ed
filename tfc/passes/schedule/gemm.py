"""Matrix products in a kernel: finding them, and the steps that all their schedules share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfc.ir.expr import Expr, Load, Prim
from tfc.ir.index import Dim, Index, linear_in, symbols_of
from tfc.ir.kernel import Accumulate, Alloc, Body, For, If, Kernel, Store, walk

from .loops import Tail, merge, split
from .nest import accesses, buffer_table, locate, perfect_nest
from .staging import Outside, unguard
from .storage import shrink


@dataclass(frozen=True)
class Gemm:
    """The product in a kernel: `c[.., i, j] add= a * b` over `k`, and the nest before it that sets c to zero."""

    c: str
    a: Load
    b: Load
    batch: tuple[str, ...]
    i: str
    j: str
    k: str
    zero: tuple[str, ...]
    """The loops of the nest that sets c to zero: batch, row, column."""


def find_gemm(k: Kernel) -> Gemm | None:
    """The matrix product that a kernel begins with; None where there is none, or a dim is 0 or 1."""
    nests = [s for s in k.body if isinstance(s, For)]
    if len(nests) < 2 or any(not isinstance(s, (For, Alloc)) for s in k.body):
        return None
    zero, product = perfect_nest(nests[0]), perfect_nest(nests[1])
    match zero[-1].body, product[-1].body:
        case (Store(buffer=c),), (
            Accumulate(buffer=same, index=at, combiner="add", value=Prim(op="mul", args=(left, right))),
        ) if c == same and len(at) >= 2 and len(zero) == len(at) == len(product) - 1:
            a, b = factor(left), factor(right)
        case _:
            return None
    *batch, i, j, over = (loop.var for loop in product)
    if any(loop.extent == 0 for loop in product):
        return None
    if a is None or b is None or at != tuple(Index.symbol(v) for v in (*batch, i, j)):
        return None
    of_a, of_b = symbols_of(*a.index), symbols_of(*b.index)
    if j in of_a or i in of_b or not {i, over} <= of_a or not {j, over} <= of_b:
        return None
    return Gemm(c, a, b, tuple(batch), i, j, over, tuple(loop.var for loop in zero))


def factor(e: Expr) -> Load | None:
    """The element that a factor is, cast or not."""
    inner = e.args[0] if isinstance(e, Prim) and e.op == "cast" else e
    return inner if isinstance(inner, Load) else None


def extent_of(k: Kernel, var: str) -> Dim:
    return locate(k, var, "gemm").loop.extent


def at_most(k: Kernel, var: str, count: int, step: int = 1) -> int:
    """A count of steps, but no more than a loop of known extent takes: a tile is no larger than what it tiles."""
    extent = extent_of(k, var)
    return min(count, -(-extent // step)) if isinstance(extent, int) else count


def along(load: Load, var: str) -> bool:
    """Whether a loop goes along the last dim of an operand."""
    form = linear_in(load.index[-1], var)
    return form is not None and form[0] == 1


def dim_of(load: Load, var: str) -> int:
    """The dim of an operand that a loop goes along."""
    return next(d for d, x in enumerate(load.index) if var in symbols_of(x))


def rank_of(k: Kernel, buffer: str) -> int:
    return len(buffer_table(k)[buffer].shape)


def merge_batch(k: Kernel, g: Gemm) -> tuple[Kernel, list[str]]:
    """The kernel with the batch loops of all nests as one each, and the row loops inside of them."""
    for depth in range(len(g.batch)):
        k = merge_all(k, _siblings(k, g, depth))
    return k, _siblings(k, g, len(g.batch))


def _siblings(k: Kernel, g: Gemm, depth: int) -> list[str]:
    body: Body = k.body if depth == 0 else locate(k, g.zero[depth - 1], "gemm").loop.body
    return [s.var for s in body if isinstance(s, For)]


def merge_all(k: Kernel, loops: Sequence[str]) -> Kernel:
    """Sibling loops as one, and each local buffer that they alone use cut to what an iteration needs."""
    for v in loops[1:]:
        k = merge(k, loops[0], v)
    for name in [s.buffer.name for s in walk(k.body) if isinstance(s, Alloc)]:
        inside = accesses(locate(k, loops[0], "gemm").loop.body)
        if sum(a.buffer == name for a in inside) == sum(a.buffer == name for a in accesses(k.body)):
            k = shrink(k, name, loops[0])
    return k


def row_blocks(k: Kernel, loops: Sequence[str], rows: int, tail: Tail) -> Kernel:
    """All nests in one loop over blocks of rows: `{first}_o`, and in it `{v}_i` for each of them."""
    for v in loops:
        k = split(k, v, rows, outer=f"{v}_o", inner=f"{v}_i", tail=tail)
    return merge_all(k, [f"{v}_o" for v in loops])


def unguarded(k: Kernel, var: str, outside: Outside = "refuse") -> Kernel:
    """The kernel without the condition in a loop, which is there where the tile does not divide the extent."""
    return unguard(k, var, outside=outside) if isinstance(locate(k, var, "gemm").loop.body[0], If) else k
