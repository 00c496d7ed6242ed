"""Where the boxes of a picture stand: in layers, so that every arrow points down, with few crossings.

The steps are Sugiyama's: layers by the longest way from a source; a bend wherever an arrow passes a layer; the order
in each layer by the mean place of the neighbours, swept down and up; then x, as near to the neighbours as that allows.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 12
"""Times that the layers are gone through, down and up in turn, for their order and again for x."""
_BEND = 10.0
"""Width that is kept free for an arrow that passes a layer."""


@dataclass(frozen=True)
class Layout:
    """Centres of the boxes, the points that each arrow passes between its ends, and the whole picture's size.

    Between two points of an arrow there is either the space of one layer, where no box is in its way, or the space
    between two layers.
    """

    centres: tuple[tuple[float, float], ...]
    ways: dict[tuple[int, int], tuple[tuple[float, float], ...]]
    width: float
    height: float


def arranged(
    sizes: Sequence[tuple[float, float]], arrows: Iterable[tuple[int, int]], gap_x: float, gap_y: float
) -> Layout:
    """A layout of boxes of these (width, height) and of arrows between their numbers, which make no cycle."""
    edges = list(dict.fromkeys(arrows))
    levels = _levels(len(sizes), edges)
    plan = _Plan([w for w, _ in sizes], levels, edges)
    plan.order()
    xs = plan.place(gap_x)
    left = min((x - w / 2 for x, w in zip(xs, plan.widths, strict=True)), default=0.0)
    right = max((x + w / 2 for x, w in zip(xs, plan.widths, strict=True)), default=0.0)
    rows = _rows(levels, [h for _, h in sizes], gap_y)
    centres = tuple((xs[k] - left, sum(rows[level]) / 2) for k, level in enumerate(levels))
    ways = {}
    for (start, end), bends in plan.chains.items():
        passed = [(xs[b] - left, y) for b in bends for y in rows[plan.levels[b]]]
        first, last = (centres[start][0], rows[levels[start]][1]), (centres[end][0], rows[levels[end]][0])
        ways[start, end] = (first, *passed, last)
    return Layout(centres, ways, right - left, rows[-1][1] if rows else 0.0)


def _levels(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each box; what nothing points to stands right above the first that it points to."""
    import networkx as nx

    graph = nx.DiGraph(edges)
    graph.add_nodes_from(range(count))
    levels = [0] * count
    for level, boxes in enumerate(nx.topological_generations(graph)):
        for box in boxes:
            levels[box] = level
    for box in range(count):
        below = [levels[b] for b in graph.successors(box)]
        if below and not graph.in_degree(box):
            levels[box] = min(below) - 1
    return levels


def _rows(levels: Sequence[int], heights: Sequence[float], gap: float) -> list[tuple[float, float]]:
    """The upper and the lower end of each layer."""
    tallest = [0.0] * (max(levels, default=-1) + 1)
    for level, height in zip(levels, heights, strict=True):
        tallest[level] = max(tallest[level], height)
    rows, y = [], 0.0
    for height in tallest:
        rows.append((y, y + height))
        y += height + gap
    return rows


class _Plan:
    """Boxes and bends (numbered after the boxes) in the order of each layer."""

    def __init__(self, widths: Sequence[float], levels: Sequence[int], edges: Sequence[tuple[int, int]]) -> None:
        self.widths = list(widths)
        self.levels = list(levels)
        self.chains: dict[tuple[int, int], list[int]] = {}
        self.above: list[list[int]] = [[] for _ in widths]
        self.below: list[list[int]] = [[] for _ in widths]
        for edge in edges:
            self._add(edge)
        self.layers: list[list[int]] = [[] for _ in range(max(self.levels, default=-1) + 1)]
        for item, level in enumerate(self.levels):
            self.layers[level].append(item)

    def _add(self, edge: tuple[int, int]) -> None:
        start, end = edge
        chain = self.chains[edge] = []
        last = start
        for level in range(self.levels[start] + 1, self.levels[end]):
            bend = len(self.widths)
            self.widths.append(_BEND)
            self.levels.append(level)
            self.above.append([])
            self.below.append([])
            chain.append(bend)
            self._link(last, bend)
            last = bend
        self._link(last, end)

    def _link(self, upper: int, lower: int) -> None:
        self.below[upper].append(lower)
        self.above[lower].append(upper)

    def order(self) -> None:
        """Sorts each layer by the mean place of its neighbours, and keeps the best order that the sweeps found."""
        best, fewest = [list(layer) for layer in self.layers], self._crossings()
        places = {item: k for row in self.layers for k, item in enumerate(row)}
        for sweep in range(SWEEPS):
            down = sweep % 2 == 0
            neighbours = self.above if down else self.below
            for layer in self.layers if down else reversed(self.layers):
                means = {i: _mean([places[n] for n in neighbours[i]], places[i]) for i in layer}
                layer.sort(key=means.__getitem__)
                places.update({item: k for k, item in enumerate(layer)})
            count = self._crossings()
            if count < fewest:
                best, fewest = [list(layer) for layer in self.layers], count
        self.layers = best

    def _crossings(self) -> int:
        count = 0
        for upper, lower in pairwise(self.layers):
            places = {item: k for k, item in enumerate(lower)}
            seen: list[int] = []
            for item in upper:
                ends = sorted(places[b] for b in self.below[item])
                count += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return count

    def place(self, gap: float) -> list[float]:
        """The x of each box and bend: as near to its neighbours as the order and the gaps allow."""
        xs = [0.0] * len(self.widths)
        for layer in self.layers:
            for item, x in zip(layer, self._spread(layer, [0.0] * len(layer), gap), strict=True):
                xs[item] = x
        for sweep in range(SWEEPS):
            neighbours = self.above if sweep % 2 == 0 else self.below
            for layer in self.layers if sweep % 2 == 0 else reversed(self.layers):
                wanted = [_mean([xs[n] for n in neighbours[item]], xs[item]) for item in layer]
                for item, x in zip(layer, self._spread(layer, wanted, gap), strict=True):
                    xs[item] = x
        return xs

    def _spread(self, layer: Sequence[int], wanted: Sequence[float], gap: float) -> list[float]:
        """Places nearest to the wanted ones (by least squares) that keep the order and a gap between neighbours.

        What each place exceeds the least distance to the first by must not fall from left to right: the nearest such
        numbers are found by joining those that fall into their mean.
        """
        offsets, offset = [], 0.0
        for k, item in enumerate(layer):
            offset += (self.widths[layer[k - 1]] + self.widths[item]) / 2 + gap if k else 0.0
            offsets.append(offset)
        groups: list[tuple[float, int]] = []
        for x, offset in zip(wanted, offsets, strict=True):
            total, count = x - offset, 1
            while groups and groups[-1][0] / groups[-1][1] > total / count:
                before = groups.pop()
                total, count = total + before[0], count + before[1]
            groups.append((total, count))
        means = [total / count for total, count in groups for _ in range(count)]
        return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _mean(numbers: Sequence[float], otherwise: float) -> float:
    return sum(numbers) / len(numbers) if numbers else otherwise
