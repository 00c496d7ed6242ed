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

from .stages import Plan, Stage


@dataclass(eq=False)
class Group:
    """Stages that share a kernel; `rows` counts the dims of their row domain, None while any number would do."""

    stages: list[Stage] = field(default_factory=list)
    rows: int | None = None

    @property
    def anchor(self) -> Stage:
        return self.stages[0]


def fuse(plan: Plan, stages: list[Stage]) -> list[Group]:
    """The groups of a plan's stages, in an order in which each comes after those it loads from."""
    groups: list[Group] = []
    home: dict[Value, Group] = {}
    for stage in stages:
        producers = [home[v] for v, _ in stage.loads if v in home]
        group = next((g for g in reversed(groups) if g in producers and _can_join(stage, g, home)), None)
        if group is None:
            group = Group()
            groups.append(group)
        else:
            # A group that takes a later stage in must come after all that this stage loads from.
            groups.remove(group)
            groups.insert(1 + max((groups.index(p) for p in producers if p is not group), default=-1), group)
            groups = _ordered(groups, home)
        group.rows = _rows_together(stage, group)
        group.stages.append(stage)
        home[stage.value] = group
    return groups


def _ordered(groups: list[Group], home: dict[Value, Group]) -> list[Group]:
    """Groups in an order of their dependences, as near to the given one as may be."""
    done: list[Group] = []
    state: set[int] = set()
    for start in groups:
        work = [start]
        while work:
            group = work[-1]
            missing = [p for p in _producers(group, home) if p is not group and id(p) not in state]
            if missing:
                work.extend(missing)
                continue
            work.pop()
            if id(group) not in state:
                state.add(id(group))
                done.append(group)
    return done


def _producers(group: Group, home: dict[Value, Group]) -> list[Group]:
    return [home[v] for stage in group.stages for v, _ in stage.loads if v in home]


def _depends(group: Group, on: Group, home: dict[Value, Group]) -> bool:
    """Whether a group needs another to have run, directly or through others."""
    work, seen = [group], {id(group)}
    while work:
        for p in _producers(work.pop(), home):
            if p is on:
                return True
            if id(p) not in seen:
                seen.add(id(p))
                work.append(p)
    return False


def _can_join(stage: Stage, group: Group, home: dict[Value, Group]) -> bool:
    if stage.value.node.op.template is not None:
        return False
    others = {id(g): g for v, _ in stage.loads if (g := home.get(v)) is not None and g is not group}
    if any(_depends(g, group, home) for g in others.values()):
        return False
    rows = _rows_together(stage, group)
    if rows is None:
        shape = stage.value.type.dims
        return all(s.value.type.dims == shape for s in group.stages) and _aligned(stage, group, len(shape), home)
    if rows == 0 and (stage.rows is not None or stage.value.type.dims != group.anchor.value.type.dims):
        return False  # without rows there is nothing to keep near, but for an elementwise end of a reduction
    return rows >= 0 and _aligned(stage, group, rows, home)


def _rows_together(stage: Stage, group: Group) -> int | None:
    """The row dims of a group with one more stage; -1 where they do not fit, None where any number would do."""
    if not group.stages:
        return stage.rows
    known = {r for r in (stage.rows, group.rows) if r is not None}
    if len(known) > 1:
        return -1
    if not known:
        return None
    (rows,) = known
    shapes = {s.value.type.dims[:rows] for s in (*group.stages, stage)}
    return rows if len(shapes) == 1 else -1


def _aligned(stage: Stage, group: Group, rows: int, home: dict[Value, Group]) -> bool:
    """Whether the stage takes of the group's values only what lies in its own row."""
    own = tuple(Index.symbol(name) if name else 0 for name in stage.loops[:rows])
    return all(at[:rows] == own for v, at in stage.loads if home.get(v) is group)
