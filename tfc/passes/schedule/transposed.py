"""Nests in which buffers lie along different loops: squares, of which each buffer's rows are read or written whole."""

from __future__ import annotations

from tfc.ir.kernel import Kernel

from .loops import reorder, split, unroll, vectorise
from .nest import ScheduleError, locate, perfect_nest


def tiled_across(k: Kernel, across: str, along: str, rows: int, width: int) -> Kernel:
    """Two loops of a perfect nest in tiles: one loop in vectors, the iterations of the other written out around them.

        for i < n { for j < m { y[i, j] = x[j, i] } }
        -> for i_o < floordiv(n, 8) {
             for j_o < floordiv(m, 8) { for i_u < 8 unrolled { for j_l < 8 vector { y[i_u + 8*i_o, ..] = .. } } }
             for j_l_rest < mod(m, 8) { for i_u_rest < 8 { .. } } }
           for i_u_tail < mod(n, 8) { for j_tail < m { .. } }

    Here `i` is written out and `j` in vectors; what goes along `i` lies across the vectors of a tile.
    """
    outer, unrolled, lane = f"{across}_o", f"{across}_u", f"{along}_l"
    k = split(k, across, rows, outer=outer, inner=unrolled, tail="peel_loop")
    nest = [loop.var for loop in perfect_nest(locate(k, outer, "tiled_across").loop)]
    if along not in nest:
        raise ScheduleError("tiled_across", across, f"{along} is not perfectly nested in it")
    k = reorder(k, [*(v for v in nest if v not in (unrolled, along)), along, unrolled])
    k = split(k, along, width, outer=f"{along}_o", inner=lane, tail="peel_loop", suffix="_rest")
    return unroll(vectorise(reorder(k, [f"{along}_o", unrolled, lane]), lane), unrolled)
