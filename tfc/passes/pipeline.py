"""All passes in their order: from the pure graph of one shape class to the program that a back end prints."""

from __future__ import annotations

from tfc.ir.graph import Graph
from tfc.ir.kernel import Program

from .attention import Attention
from .cse import CommonSubexpressions
from .dce import DeadCode
from .decompose import Decompose
from .fold import Fold
from .layout import Layout
from .manager import Pass
from .memory import PlanMemory
from .schedule.cpu import Schedule
from .schedule.parallel import Parallelise
from .share import Share
from .simplify import Simplify
from .target import Target
from .turn import Turn
from .vector_math.expand import ExpandMath

GRAPH_PASSES: tuple[Pass[Graph], ...] = (
    Simplify(),
    Fold(),
    CommonSubexpressions(),
    Attention(),
    Decompose(),
    Simplify(),
    Layout(),
    Fold(),
    CommonSubexpressions(),
    Turn(),
    Simplify(),
    DeadCode(),
)
"""From the graph as it was made, extracted and specialised, to the graph that is lowered."""


def program_passes(target: Target) -> tuple[Pass[Program], ...]:
    """From the program that lowering gives to the one that a back end prints."""
    return (Share(), Schedule(target), Parallelise(target), ExpandMath(), PlanMemory())
