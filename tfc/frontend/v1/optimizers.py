"""Optimisers as TensorFlow's: its formulas, slots, names, and one update of all variables from one state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from . import dtypes, gradients, math
from .basics import GraphKeys, convert_to_tensor, group
from .graph import Graph, Operation, Tensor, get_default_graph
from .initializers import Constant
from .variable_scope import get_variable, variable_scope
from .variables import Variable, assign, assign_add, assign_sub

Pairs = Iterable[tuple[Any, Variable]]


class Optimizer:
    """What all optimisers share: gradients, slots, and the operation that applies an update to each variable."""

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2

    def __init__(self, use_locking: bool, name: str) -> None:
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._name = name
        self._slots: dict[str, dict[Variable, Variable]] = {}

    def get_name(self) -> str:
        return self._name

    # What each optimiser says.

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        """Makes the state that each variable needs."""

    def _prepare(self) -> None:
        """Makes tensors of the settings."""

    def _apply(self, gradient: Tensor, variable: Variable) -> Tensor:
        """The assignment that updates a variable."""
        raise NotImplementedError

    def _finish(self, updates: list[Any]) -> list[Any]:
        """What runs besides the updates of the variables."""
        return updates

    # What users call.

    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Sequence[Variable] | None = None,
        gate_gradients: int = 1,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Operation:
        """An operation of one step down the gradient of `loss`. Raises ValueError where no variable has a gradient."""
        pairs = self.compute_gradients(loss, var_list, grad_loss=grad_loss)
        if all(g is None for g, _ in pairs):
            names = [v.name for _, v in pairs]
            raise ValueError(f"No gradients provided for any variable between variables {names} and loss {loss!r}.")
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Sequence[Variable] | Variable | None = None,
        gate_gradients: int = 1,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, Variable]]:
        """Pairs of gradient (or None) and variable, of all trainable variables by default."""
        graph: Graph = loss.graph
        if var_list is None:
            var_list = graph.get_collection(GraphKeys.TRAINABLE_VARIABLES)
        variables = [var_list] if isinstance(var_list, Variable) else list(var_list)
        if not variables:
            raise ValueError("No variables to optimize.")
        for v in variables:
            if not isinstance(v, Variable):
                raise TypeError(f"Argument is not a variable: {v!r}")
            if not v.dtype.is_floating:
                raise ValueError(f"Invalid type {v.dtype.name} for {v.name}, expected a float type.")
        found = gradients.gradients(loss, variables, grad_ys=grad_loss)
        return list(zip(found, variables, strict=True))

    def apply_gradients(self, grads_and_vars: Pairs, global_step: Any = None, name: str | None = None) -> Operation:
        """An operation that updates each variable by its gradient, then adds 1 to `global_step`.

        Every update is computed from the values before the step. Raises ValueError where no gradient is given.
        """
        given = list(grads_and_vars)
        if not given:
            raise ValueError("No variables provided.")
        pairs = [(g, v) for g, v in given if g is not None]
        if not pairs:
            raise ValueError(f"No gradients provided for any variable: {[v.name for _, v in given]}.")
        graph = pairs[0][1].graph
        with graph.as_default():
            with graph.control_dependencies(None):
                self._create_slots([v for _, v in pairs])
            with graph.name_scope(name or self._name) as scope:
                self._prepare()
                updates = [self._update(graph, g, v) for g, v in pairs]
                return self._train_op(graph, self._finish(updates), global_step, scope)

    def _update(self, graph: Graph, gradient: Any, variable: Variable) -> Tensor:
        with graph.name_scope(f"update_{variable.op.name.replace('/', '_')}"):
            g = convert_to_tensor(gradient, variable.dtype)
            if not variable.shape.is_compatible_with(g.shape):
                raise ValueError(f"the gradient of {variable.name} has shape {g.shape}, expected {variable.shape}")
            update = self._apply(g, variable)
            if variable.constraint is None:
                return update
            with graph.control_dependencies([update]):
                return assign(variable, variable.constraint(variable))

    @staticmethod
    def _train_op(graph: Graph, updates: list[Any], global_step: Any, scope: str) -> Operation:
        if global_step is None:
            train_op = group(*updates, name=scope)
        else:
            done = group(*updates, name="update")
            with graph.control_dependencies([done]):
                train_op = assign_add(global_step, 1, name=scope).op
        if train_op not in graph.get_collection_ref(GraphKeys.TRAIN_OP):
            graph.add_to_collection(GraphKeys.TRAIN_OP, train_op)
        return train_op

    # Slots.

    def get_slot(self, var: Variable, name: str) -> Variable | None:
        """The state of that name that belongs to a variable."""
        return self._slots.get(name, {}).get(var)

    def get_slot_names(self) -> list[str]:
        """The names of the state that variables have."""
        return sorted(self._slots)

    def variables(self) -> list[Variable]:
        """All the state of the optimiser."""
        return [slot for by_variable in self._slots.values() for slot in by_variable.values()]

    def _slot(self, var: Variable, name: str, value: float = 0.0) -> Variable:
        """The slot of a variable, made on first use as `variable/Optimizer`."""
        slots = self._slots.setdefault(name, {})
        if var not in slots:
            # An empty name is that of the scope itself.
            with variable_scope(None, f"{var.op.name}/{self._name}"):
                slots[var] = get_variable("", var.shape, var.dtype, Constant(value), trainable=False)
        return slots[var]

    @staticmethod
    def _power(base: float, name: str) -> Variable:
        """A variable that holds a power of `base`, which is its initial value."""
        return Variable(base, name=name, trainable=False, dtype=dtypes.float32)

    @staticmethod
    def _setting(value: Any, name: str) -> Tensor:
        return convert_to_tensor(value() if callable(value) else value, name=name)

    @staticmethod
    def _as(setting: Tensor, variable: Variable) -> Tensor:
        return math.cast(setting, variable.dtype)


class GradientDescentOptimizer(Optimizer):
    """`w -= learning_rate * g`."""

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent") -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def _prepare(self) -> None:
        self._rate = self._setting(self._learning_rate, "learning_rate")

    def _apply(self, gradient: Tensor, variable: Variable) -> Tensor:
        return assign_sub(variable, gradient * self._as(self._rate, variable), name="ApplyGradientDescent")


class MomentumOptimizer(Optimizer):
    """`a = momentum * a + g; w -= learning_rate * a`; Nesterov's form steps by `g + momentum * a`."""

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._momentum, self._nesterov = learning_rate, momentum, use_nesterov

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        for v in var_list:
            self._slot(v, "momentum")

    def _prepare(self) -> None:
        self._rate = self._setting(self._learning_rate, "learning_rate")
        self._share = self._setting(self._momentum, "momentum")

    def _apply(self, gradient: Tensor, variable: Variable) -> Tensor:
        slot = self._slot(variable, "momentum")
        rate, share = self._as(self._rate, variable), self._as(self._share, variable)
        accumulated = assign(slot, slot * share + gradient)
        step = gradient * rate + accumulated * share * rate if self._nesterov else accumulated * rate
        return assign_sub(variable, step, name="ApplyMomentum")


class AdagradOptimizer(Optimizer):
    """`a += g**2; w -= learning_rate * g / sqrt(a)`."""

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        if initial_accumulator_value <= 0.0:
            raise ValueError(f"initial_accumulator_value must be positive: {initial_accumulator_value}")
        super().__init__(use_locking, name)
        self._learning_rate, self._initial = learning_rate, initial_accumulator_value

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        for v in var_list:
            self._slot(v, "accumulator", self._initial)

    def _prepare(self) -> None:
        self._rate = self._setting(self._learning_rate, "learning_rate")

    def _apply(self, gradient: Tensor, variable: Variable) -> Tensor:
        squares = assign_add(self._slot(variable, "accumulator"), gradient * gradient)
        step = gradient * self._as(self._rate, variable) * math.rsqrt(squares)
        return assign_sub(variable, step, name="ApplyAdagrad")


class RMSPropOptimizer(Optimizer):
    """`s = decay * s + (1 - decay) * g**2; m = momentum * m + learning_rate * g / sqrt(s + epsilon); w -= m`.

    `s` starts at 1. The centred form takes the square of the mean gradient from `s` under the root.
    """

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(use_locking, name)
        self._settings = {"learning_rate": learning_rate, "decay": decay, "momentum": momentum, "epsilon": epsilon}
        self._centered = centered

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        for v in var_list:
            self._slot(v, "rms", 1.0)
            if self._centered:
                self._slot(v, "mg")
            self._slot(v, "momentum")

    def _prepare(self) -> None:
        self._tensors = {k: self._setting(v, k) for k, v in self._settings.items()}

    def _apply(self, gradient: Tensor, variable: Variable) -> Tensor:
        rate, decay, momentum, epsilon = (self._as(t, variable) for t in self._tensors.values())
        rms, speed = self._slot(variable, "rms"), self._slot(variable, "momentum")
        spread: Any = assign_add(rms, (gradient * gradient - rms) * (1 - decay)) + epsilon
        if self._centered:
            mean = self._slot(variable, "mg")
            spread = spread - math.square(assign_add(mean, (gradient - mean) * (1 - decay)))
        step = assign(speed, speed * momentum + gradient * rate * math.rsqrt(spread))
        return assign_sub(variable, step, name="ApplyCenteredRMSProp" if self._centered else "ApplyRMSProp")


class AdamOptimizer(Optimizer):
    """`m`, `v`: running means of g and g**2; `w -= learning_rate_t * m / (sqrt(v) + epsilon)`.

    `learning_rate_t = learning_rate * sqrt(1 - beta2**t) / (1 - beta1**t)`: Kingma and Ba, 2015, just before their
    section 2.1: `epsilon` is added to the root of the uncorrected mean.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-08,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(use_locking, name)
        self._settings = {"learning_rate": learning_rate, "beta1": beta1, "beta2": beta2, "epsilon": epsilon}
        self._powers: tuple[Variable, Variable] | None = None

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        if self._powers is None or self._powers[0].graph is not get_default_graph():
            bases = (self._settings[k] for k in ("beta1", "beta2"))
            first, second = (b() if callable(b) else b for b in bases)
            self._powers = self._power(first, "beta1_power"), self._power(second, "beta2_power")
        for v in var_list:
            self._slot(v, "m")
            self._slot(v, "v")

    def variables(self) -> list[Variable]:
        return [*(self._powers or ()), *super().variables()]

    def _prepare(self) -> None:
        self._tensors = {k: self._setting(v, k) for k, v in self._settings.items()}

    def _apply(self, gradient: Tensor, variable: Variable) -> Tensor:
        assert self._powers is not None
        rate, beta1, beta2, epsilon = (self._as(t, variable) for t in self._tensors.values())
        power1, power2 = (math.cast(p, variable.dtype) for p in self._powers)
        m, v = self._slot(variable, "m"), self._slot(variable, "v")
        mean = assign_add(m, (gradient - m) * (1 - beta1))
        square = assign_add(v, (gradient * gradient - v) * (1 - beta2))
        corrected = rate * math.sqrt(1 - power2) / (1 - power1)
        return assign_sub(variable, mean * corrected / (math.sqrt(square) + epsilon), name="ApplyAdam")

    def _finish(self, updates: list[Any]) -> list[Any]:
        assert self._powers is not None
        with get_default_graph().control_dependencies(updates):
            powers = [
                assign(power, power * self._tensors[beta], name=name)
                for power, beta, name in zip(self._powers, ("beta1", "beta2"), ("Assign", "Assign_1"), strict=True)
            ]
        return [*updates, *powers]
