"""`tf.train.ExponentialMovingAverage`: variables that follow others slowly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import dtypes, math
from .basics import GraphKeys, convert_to_tensor, group
from .errors import unsupported
from .graph import Graph, Operation, Tensor, get_default_graph
from .initializers import Zeros
from .variable_scope import get_variable, variable_scope
from .variables import Variable, assign_sub, trainable_variables


class ExponentialMovingAverage:
    """`average -= (1 - decay) * (average - value)`; with `num_updates` the decay is at most (1 + n) / (10 + n).

    The average of a variable begins at its initial value, that of a tensor at 0.
    """

    def __init__(
        self,
        decay: Any,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ) -> None:
        if zero_debias:
            raise unsupported(f"ExponentialMovingAverage with zero_debias at {get_default_graph().ir.locate()}")
        self._decay, self._num_updates, self._name = decay, num_updates, name
        self._averages: dict[Variable | Tensor, Variable] = {}

    @property
    def name(self) -> str:
        return self._name

    def apply(self, var_list: Sequence[Any] | None = None) -> Operation:
        """An operation that moves the averages of variables and tensors, of all trainable ones by default.

        Raises TypeError for what is no float, ValueError for a tensor of unknown shape.
        """
        followed = trainable_variables() if var_list is None else list(var_list)
        for var in followed:
            if not var.dtype.is_floating:
                raise TypeError(f"The variables must be half, float, or double: {var.name}")
            if var not in self._averages:
                self._averages[var] = self._made(var)
        graph: Graph = followed[0].graph if followed else get_default_graph()
        with graph.name_scope(self._name) as scope:
            decay = convert_to_tensor(self._decay, dtypes.float32, name="decay")
            if self._num_updates is not None:
                n = math.cast(self._num_updates, dtypes.float32)
                decay = math.minimum(decay, (1.0 + n) / (10.0 + n))
            return group(*(self._moved(var, decay) for var in followed), name=scope)

    def _made(self, var: Variable | Tensor) -> Variable:
        graph = var.graph
        with graph.as_default(), graph.control_dependencies(None), variable_scope(None, f"{var.op.name}/{self._name}"):
            if isinstance(var, Variable):
                made = get_variable("", initializer=var.initialized_value(), trainable=False)
                graph.add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, var)
            else:
                made = get_variable("", var.shape, var.dtype, Zeros(), trainable=False)
        return made

    def _moved(self, var: Variable | Tensor, decay: Tensor) -> Tensor:
        average = self._averages[var]
        with var.graph.name_scope("AssignMovingAvg") as scope:
            share = math.cast(1.0 - decay, var.dtype)
            return assign_sub(average, (average - var) * share, name=scope)

    def average(self, var: Variable | Tensor) -> Variable | None:
        """The variable that holds the average; None where `apply` was not given `var`."""
        return self._averages.get(var)

    def average_name(self, var: Variable | Tensor) -> str:
        """The name of the operation of the variable that holds the average, or would."""
        average = self._averages.get(var)
        return f"{var.op.name}/{self._name}" if average is None else average.op.name

    def variables_to_restore(self, moving_avg_variables: Sequence[Variable] | None = None) -> dict[str, Variable]:
        """Variables by the names under which a checkpoint has their averages, or themselves where they have none."""
        graph = get_default_graph()
        followed = moving_avg_variables
        if followed is None:
            keys = (GraphKeys.TRAINABLE_VARIABLES, GraphKeys.MOVING_AVERAGE_VARIABLES)
            followed = [v for key in keys for v in graph.get_collection(key)]
        named = {self.average_name(v): v for v in followed}
        given = {v.op.name for v in followed}
        others = (v for v in graph.get_collection(GraphKeys.GLOBAL_VARIABLES) if v.op.name not in given)
        return named | {v.op.name: v for v in others if v.op.name not in named}
