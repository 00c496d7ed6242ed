"""Cases of convolutions and pools: op, shapes of its operands, attributes, operands with slopes."""

from __future__ import annotations

from typing import Any

from tfc.ir import types as T

Shape = tuple[int, ...]
Row = tuple[str, list[Shape], dict[str, Any], tuple[int, ...]]
SAME, VALID = "SAME", "VALID"

CONVOLUTIONS: list[tuple[Shape, Shape, Shape, Shape, Any, int]] = [
    # operand, filter, strides, dilations, padding, groups
    ((2, 5, 4, 3), (3, 2, 3, 4), (1, 1), (1, 1), VALID, 1),
    ((2, 6, 5, 1), (3, 2, 1, 2), (2, 2), (1, 1), SAME, 1),
    ((1, 4, 4, 2), (2, 2, 1, 4), (2, 1), (1, 2), SAME, 2),
    ((1, 3, 2), (2, 2, 3), (2,), (1,), ((2, 3),), 1),
    ((1, 5, 4, 2), (3, 3, 2, 3), (1, 1), (1, 1), SAME, 1),
    ((1, 7, 5, 2), (2, 2, 2, 1), (2, 3), (1, 1), VALID, 1),
    ((1, 3, 5, 2), (1, 1, 2, 3), (1, 2), (1, 1), SAME, 1),
    ((1, 2, 3, 2), (5, 3, 2, 2), (1, 1), (1, 1), SAME, 1),
    ((1, 6, 7, 2), (3, 2, 2, 1), (1, 1), (2, 3), SAME, 1),
    ((1, 8, 7, 1), (2, 3, 1, 2), (2, 1), (3, 2), VALID, 1),
    ((1, 4, 4, 3), (2, 2, 1, 6), (2, 1), (1, 1), SAME, 3),
    ((1, 3, 3, 1), (1, 2, 1, 1), (1, 2), (1, 1), ((2, 0), (3, 1)), 1),
    ((0, 3, 3, 2), (2, 2, 2, 2), (1, 1), (1, 1), SAME, 1),
    ((1, 9, 2), (2, 1, 2), (1,), (4,), VALID, 2),
    ((1, 2, 3, 2, 2), (2, 2, 1, 2, 1), (1, 2, 1), (1, 1, 1), SAME, 1),
]
"""The first ones have all features between them: of those also the gradients of gradients are compared."""

POOLS: list[tuple[Shape, Shape, Shape, Shape, Any]] = [
    # operand, window, strides, dilations, padding
    ((2, 4, 6, 3), (2, 2), (2, 2), (1, 1), VALID),
    ((1, 5, 4, 2), (3, 2), (1, 2), (1, 1), SAME),
    ((1, 3, 4, 2), (3, 2), (2, 1), (1, 1), ((1, 2), (0, 1))),
    ((1, 5, 3, 2), (1, 1), (2, 3), (1, 1), VALID),
    ((1, 2, 3, 1), (5, 4), (1, 1), (1, 1), SAME),
    ((1, 6, 5, 1), (2, 3), (1, 1), (3, 2), SAME),
    ((0, 4, 4, 1), (2, 2), (2, 2), (1, 1), SAME),
    ((2, 7, 3), (3,), (2,), (1,), SAME),
    ((1, 3, 4, 2, 1), (2, 2, 1), (1, 2, 1), (1, 1, 1), VALID),
]


def counts(sizes: Shape, window: Shape, strides: Shape, dilations: Shape, padding: Any) -> Shape:
    """How many windows there are along each spatial dim."""
    if padding == SAME:
        return tuple(-(-n // s) for n, s in zip(sizes, strides, strict=True))
    pairs = ((0, 0),) * len(sizes) if padding == VALID else padding
    starts = (
        range(0, n + before + after - (k - 1) * d, s)
        for n, k, s, d, (before, after) in zip(sizes, window, strides, dilations, pairs, strict=True)
    )
    return tuple(map(len, starts))


def first(shape: Shape) -> Shape:
    """A shape with its channels brought from the last place to the second."""
    return (shape[0], shape[-1], *shape[1:-1])


def formats(x: Shape, y: Shape, padding: Any) -> list[tuple[str, Shape, Shape]]:
    """The data format, operand and result of cases; few in NCHW, which is transposes around the same."""
    both = [("NHWC", x, y), ("NCHW", first(x), first(y))]
    return both if x[0] == 2 else both[:1]


def convolutions() -> list[Row]:
    rows: list[Row] = []
    for k, (x, w, strides, dilations, padding, groups) in enumerate(CONVOLUTIONS):
        second = (0, 1) if k < 4 else ()
        core = {"strides": strides, "dilations": dilations, "groups": groups}
        sizes = counts(x[1:-1], w[:-2], strides, dilations, padding)
        y = (x[0], *sizes, w[-1])
        for form, a, c in formats(x, y, padding):
            at = {**core, "padding": padding, "data_format": form}
            rows += [("conv", [a, w], at, (0, 1)), ("conv_input", [c, w, a], at, second)]
            rows += [("conv_filter", [a, c, w], at, second)]
        if padding == VALID or not isinstance(padding, str):
            core["pairs"] = padding if padding != VALID else ((0, 0),) * len(sizes)
            rows += [("conv_valid", [x, w], {**core, "sizes": sizes}, ())]
            rows += [("conv_filter_valid", [x, y], {**core, "sizes": w[:-2]}, ())]
    return rows


def pools() -> list[Row]:
    rows: list[Row] = []
    for k, (x, window, strides, dilations, padding) in enumerate(POOLS):
        second = (0,) if k < 3 else ()
        core = {"window": window, "strides": strides, "dilations": dilations}
        sizes = counts(x[1:-1], window, strides, dilations, padding)
        y = (x[0], *sizes, x[-1])
        for form, a, c in formats(x, y, padding):
            at = {**core, "padding": padding, "data_format": form}
            rows += [("max_pool", [a], at, (0,)), ("max_pool_grad", [c, a, c], at, second)]
            rows += [("max_pool_pick", [a, a, c], at, second)]
            for counted in (False, True) if padding not in (SAME, VALID) else (False,):
                mean = {**at, "count_padding": counted}
                rows += [("avg_pool", [a], mean, (0,)), ("avg_pool_grad", [c, a], mean, second)]
        if padding == VALID:
            rows += [("window_reduce", [x], {**core, "combiner": c, "sizes": sizes}, ()) for c in ("add", "max")]
            rows += [("window_first", [x, y], core, ())]
            rows += [("window_place", [y], {**core, "sizes": x[1:-1]}, ())]
        inside = tuple((k % 2, n - k % 2) for k, n in enumerate(x[1:-1]))
        if padding != SAME:
            rows += [("window_count", [], {**core, "of": T.float32, "counts": sizes, "inside": inside}, ())]
            rows += [("window_origin", [], {**core, "counts": sizes, "inside": inside}, ())]
    return rows


def window_rows() -> list[Row]:
    return [*convolutions(), *pools()]
