"""Which stages share a kernel.

A group of stages runs row by row: it has a row domain, the leading dims that all its values share, and each stage of
the group takes from the others' values only what lies in its own row. So the group can be run one row, or one block
of rows, after another with everything between the stages kept near: bias, softmax and cross entropy in the block of
rows that a matmul has just made, a chain of elementwise updates in one pass. What an access needs of another stage is
read off its index, not off the op.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tfc.ir.graph import Value
from tfc.ir.index import Index
from tfc.ir.types import Shape

from .order import Order
from .stages import Stage

MOST_STAGES = 32
"""A kernel of more nests than this compiles slowly and keeps nothing near."""
MOST_BUFFERS = 64
"""A kernel that reads more buffers than this keeps its arguments in memory."""


@dataclass(eq=False)
class Group:
    """Stages that share a kernel; `rows` counts the dims of their row domain, None while any number would do."""

    stages: list[Stage] = field(default_factory=list)
    rows: int | None = None
    loaded: set[Value] = field(default_factory=set)

    @property
    def dims(self) -> Shape:
        """The shape of its first value, whose first dims are the row domain of all."""
        return self.stages[0].value.type.dims


def fuse(stages: list[Stage]) -> Order[Group]:
    """The groups of stages, each of which comes after those it loads from, in such an order too."""
    groups: Order[Group] = Order()
    home: dict[Value, Group] = {}
    for stage in stages:
        producers = {home[v] for v, _ in stage.loads if v in home}
        # The latest first: the others cannot need it, and what was computed last is nearest.
        for group in sorted(producers, key=groups.place, reverse=True):
            if _fits(stage, group, home) and groups.add(group, producers - {group}):
                break
        else:
            group = Group()
            groups.append(group, producers)
        group.rows = 1 if group.stages and _is_pool(stage) else _rows_together(stage, group)
        group.stages.append(stage)
        group.loaded |= {v for v, _ in stage.loads}
        home[stage.value] = group
    return groups


def _fits(stage: Stage, group: Group, home: dict[Value, Group]) -> bool:
    """Whether a group with one more stage can run row by row."""
    if len(group.stages) >= MOST_STAGES or len(group.loaded | {v for v, _ in stage.loads}) > MOST_BUFFERS:
        return False
    if stage.value.node.op.template is not None:
        images = group.stages[0].value.node.op.template == "conv" and group.dims[:1] == stage.value.type.dims[:1]
        return _is_pool(stage) and images and _aligned(stage, group, 1, home)
    rows = _rows_together(stage, group)
    if rows is None:
        shape = stage.value.type.dims
        return group.dims == shape and _aligned(stage, group, len(shape), home)
    if rows == 0 and (stage.rows is not None or stage.value.type.dims != group.dims):
        return False  # without rows there is nothing to keep near, but for an elementwise end of a reduction
    return rows >= 0 and _aligned(stage, group, rows, home)


def _is_pool(stage: Stage) -> bool:
    """Whether a stage puts together windows that do not overlap: those of a row of them take rows of their own."""
    node = stage.value.node
    if node.op.template != "window_reduce":
        return False
    return all(
        s >= (k - 1) * d + 1
        for k, s, d in zip(node.attrs["window"], node.attrs["strides"], node.attrs["dilations"], strict=True)
    )


def _rows_together(stage: Stage, group: Group) -> int | None:
    """The row dims of a group with one more stage; -1 where they do not fit, None where any number would do."""
    if not group.stages:
        return stage.rows
    known = {r for r in (stage.rows, group.rows) if r is not None}
    if not known:
        return None
    rows = known.pop()
    return rows if not known and group.dims[:rows] == stage.value.type.dims[:rows] else -1


def _aligned(stage: Stage, group: Group, rows: int, home: dict[Value, Group]) -> bool:
    """Whether the stage takes of the group's values only what lies in its own row."""
    own = tuple(Index.symbol(name) if name else 0 for name in stage.loops[:rows])
    return all(at[:rows] == own for v, at in stage.loads if home.get(v) is group)
