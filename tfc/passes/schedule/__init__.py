"""The rewrites of kernel IR that schedules are made of. Each is a function from a kernel to one that means the same."""

from .clip import clip, cut_ends, peel_ends
from .digits import digits
from .invariant import hoist
from .lanes import accumulate_lanes
from .loops import bind, cut, distribute, merge, parallelise, reorder, split, unroll, vectorise
from .nest import ScheduleError
from .overlap import overlap
from .short_rows import rows_in_lanes
from .simplify import simplify_kernel
from .staging import Axis, stage, unguard
from .storage import compute_at, expand, forward, inline, pad, permute, place, shrink
from .transposed import tiled_across
from .views import flatten, fuse

__all__ = [
    "Axis",
    "ScheduleError",
    "accumulate_lanes",
    "bind",
    "clip",
    "compute_at",
    "cut",
    "cut_ends",
    "digits",
    "distribute",
    "expand",
    "flatten",
    "forward",
    "fuse",
    "hoist",
    "inline",
    "merge",
    "overlap",
    "pad",
    "parallelise",
    "permute",
    "peel_ends",
    "place",
    "reorder",
    "rows_in_lanes",
    "shrink",
    "simplify_kernel",
    "split",
    "stage",
    "tiled_across",
    "unguard",
    "unroll",
    "vectorise",
]
