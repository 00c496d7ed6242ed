"""Time over limit of each workload, for every contestant, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .results import Results, Row, groups, names, ratio

SUFFIXES = (".png", ".svg", ".pdf")
_OURS = "tfc"
_COLOURS = {
    "numpy": "#4d4d4d",
    "torch": "#ee4c2c",
    "torch.compile": "#f5a08c",
    "jax": "#8e44ad",
    "tensorflow": "#ff8f00",
    "tensorflow.xla": "#b26500",
    "tensorflow.Session": "#ffcc80",
    "onnxruntime": "#00897b",
    "openvino": "#5c6bc0",
    "numexpr": "#a1887f",
    "numba": "#00acc1",
}
_ROW, _GAP = 0.225, 1.0
"""Inches of a workload, and rows between groups."""
_NEAREST, _FARTHEST = 0.5, 100.0
"""Points beyond are drawn at the edges, as arrows. On a busy machine limits may have been measured in a worse time."""
_TICKS = (0.5, 1, 1.5, 2, 3, 5, 10, 20, 50, 100)


def draw(results: Results, path: Path) -> None:
    """Writes the picture in the format of its suffix. Raises ValueError where there is nothing to draw."""
    # Not by pyplot: that would choose a window system, and keep every figure.
    from matplotlib.figure import Figure

    rows = [row for row in results.rows if row.limit() and row.group != "call" and _points(row)]
    if not rows:
        raise ValueError("no workload has a time and a limit: there is nothing to draw")
    parts = groups(rows)
    height = _ROW * (len(rows) + (_GAP + 0.6) * len(parts)) + 1.3
    figure = Figure(figsize=(9.5, height), layout="constrained")
    all_axes = figure.subplots(
        len(parts), 1, sharex=True, squeeze=False, height_ratios=[len(r) + _GAP for r in parts.values()]
    )[:, 0]
    for axes, (group, members) in zip(all_axes, parts.items(), strict=True):
        _group(axes, group, members)
    _scale(all_axes, rows)
    shown = [name for name in names(rows) if name in _COLOURS and any(row.cell(name) for row in rows)]
    handles = [_handle(axes=all_axes[0], name=name) for name in [_OURS, *shown]]
    threads = results.settings["threads"]
    figure.suptitle(
        f"Time over the machine's limit, {threads} thread{'s' if threads > 1 else ''}: left is better\n"
        f"{results.machine['CPU']}, {results.machine['vectors']}, {results.machine['date'][:10]}",
        fontsize=11,
    )
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=8.5, frameon=False)
    figure.savefig(path, dpi=130)


def _points(row: Row) -> dict[str, float]:
    """Time over limit by contestant."""
    found = {name: ratio(row.cell(name), row.limit()) for name in names([row])}
    return {name: value for name, value in found.items() if value and (name == _OURS or name in _COLOURS)}


def _group(axes: Any, group: str, rows: list[Row]) -> None:
    """One line a workload: a bar up to tfc, and a mark for each peer."""
    axes.set_title(group, loc="left", fontsize=9.5, fontweight="bold", pad=3)
    for y, row in enumerate(rows):
        for name, value in _points(row).items():
            at = _shown(value)
            if name == _OURS:
                axes.barh(y, at - 1e-3, left=1e-3, height=0.62, color="#1565c0", alpha=0.25, zorder=1)
            axes.plot(at, y, **_style(name, value), clip_on=False)
    axes.set_yticks(range(len(rows)), [row.workload for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.axvline(1.0, color="black", linewidth=1.2, zorder=2)
    axes.grid(axis="x", which="major", color="#cccccc", linewidth=0.7, zorder=0)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _scale(all_axes: Any, rows: list[Row]) -> None:
    """Logarithmic, as wide as the points need, up to the farthest that are told apart."""
    values = [_shown(value) for row in rows for value in _points(row).values()]
    last, right = all_axes[-1], max(values) * 1.03
    last.set_xscale("log")
    last.set_xlim(max(_NEAREST, min(0.8, min(values) * 0.9)), right)
    ticks = [tick for tick in _TICKS if tick <= right]
    last.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    last.set_xticks([], minor=True)
    what = "median time / limit, log scale; the limit: the longer of FLOP at the FMA peak and bytes streamed"
    last.set_xlabel(what, fontsize=9)
    for axes in all_axes:
        axes.tick_params(axis="x", labelsize=7.5, labelbottom=True, pad=1)


def _shown(value: float) -> float:
    return max(_NEAREST, min(value, _FARTHEST))


def _style(name: str, value: float = 1.0) -> dict[str, Any]:
    style: dict[str, Any] = {"linestyle": "none", "markeredgewidth": 0.0, "alpha": 0.9}
    beyond = ">" if value > _FARTHEST else "<" if value < _NEAREST else ""
    if name == _OURS:
        return style | {"marker": beyond or "D", "color": "#1565c0", "markersize": 6, "zorder": 5}
    return style | {"marker": beyond or "o", "color": _COLOURS[name], "markersize": 5, "zorder": 4}


def _handle(axes: Any, name: str) -> Any:
    return axes.plot([], [], label=name, **_style(name))[0]
