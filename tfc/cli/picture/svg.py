"""A picture as SVG, without any other program."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from .boxes import Arrow, Box, Picture
from .dot import escaped
from .layout import Layout, arranged
from .style import FILLS, INK, NOTE

TITLE, SMALL = 13, 11
"""Sizes of the type, in pixels."""
_ADVANCE = 0.61
"""Width of a character of a monospaced face, in its size."""
_PAD_X, _PAD_Y = 10.0, 7.0
_LINE = 1.35
"""Height of a line, in the size of its type."""
_GAP_X, _GAP_Y = 18.0, 34.0
_MARGIN = 16.0
_OPENING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}" '
    'font-family="monospace" text-anchor="middle">'
)
_HEAD = (
    '<defs><marker id="head" viewBox="0 0 10 10" refX="10" refY="5" markerWidth="7" markerHeight="7" orient="auto" '
    f'markerUnits="userSpaceOnUse"><path d="M0,0 L10,5 L0,10 z" fill="{INK}"/></marker></defs>'
)
"""The head of an arrow."""


def to_svg(picture: Picture) -> str:
    """The picture as an SVG document."""
    sizes = [_size(box) for box in picture.boxes]
    layout = arranged(sizes, [(a.start, a.end) for a in picture.arrows], _GAP_X, _GAP_Y)
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    lines = [
        _OPENING.format(f"{width:.0f}", f"{height:.0f}"),
        f"<title>{escaped(picture.name)}</title>",
        _HEAD,
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<g transform="translate({_MARGIN:g},{_MARGIN:g})">',
    ]
    lines += [_arrow(arrow, layout, sizes) for arrow in picture.arrows]
    for box, size, centre in zip(picture.boxes, sizes, layout.centres, strict=True):
        lines += _box(box, size, centre)
    return "\n".join([*lines, "</g>", "</svg>"]) + "\n"


def _size(box: Box) -> tuple[float, float]:
    width = max(len(box.title) * TITLE, *(len(line) * SMALL for line in box.lines), 0) * _ADVANCE
    height = (TITLE + SMALL * len(box.lines)) * _LINE
    return width + 2 * _PAD_X, height + 2 * _PAD_Y


def _box(box: Box, size: tuple[float, float], centre: tuple[float, float]) -> Iterator[str]:
    (width, height), (x, y) = size, centre
    top = y - height / 2
    yield (
        f'<rect x="{x - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6" '
        f'fill="{FILLS[box.kind]}" stroke="{INK}"/>'
    )
    # Text stands on its base line, which is about three quarters down its line.
    base = top + _PAD_Y + TITLE * _LINE * 0.75
    yield f'<text x="{x:.1f}" y="{base:.1f}" font-size="{TITLE}" font-weight="bold">{escaped(box.title)}</text>'
    for line in box.lines:
        base += SMALL * _LINE
        yield f'<text x="{x:.1f}" y="{base:.1f}" font-size="{SMALL}" fill="{NOTE}">{escaped(line)}</text>'


def _arrow(arrow: Arrow, layout: Layout, sizes: list[tuple[float, float]]) -> str:
    """A smooth line from the lower edge of one box to the upper edge of another."""
    (x0, y0), (x1, y1) = layout.centres[arrow.start], layout.centres[arrow.end]
    start, end = (x0, y0 + sizes[arrow.start][1] / 2), (x1, y1 - sizes[arrow.end][1] / 2)
    # A point that repeats another would leave the head without a direction.
    points = list(dict.fromkeys((start, *layout.ways[arrow.start, arrow.end], end)))
    path = f"M{start[0]:.1f},{start[1]:.1f}"
    for (ax, ay), (bx, by) in pairwise(points):
        middle = (ay + by) / 2
        path += f" C{ax:.1f},{middle:.1f} {bx:.1f},{middle:.1f} {bx:.1f},{by:.1f}"
    dashes = ' stroke-dasharray="4 3"' if arrow.weak else ""
    return f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="1.1"{dashes} marker-end="url(#head)"/>'
