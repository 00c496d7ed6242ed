"""Who is compared: one adapter file per library, which makes tasks of workloads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from benchmarks.workloads import Array, Workload


@dataclass
class Task:
    """A workload made ready to run by one contestant.

    `step` takes one element of `inputs`; `finish` waits for what `step` left running; `results` gives the
    arrays that the workload's reference gives. A call of `step` stands for `steps_per_call` steps.
    """

    inputs: list[tuple[Any, ...]]
    step: Callable[..., Any]
    results: Callable[[], list[Array]]
    finish: Callable[[], None] = lambda: None
    steps_per_call: int = 1


class Adapter(Protocol):
    """What an adapter file defines: by kind of workload what makes its task, and what the library runs on.

    A maker takes the workload, the contestant's variant and the number of threads.
    """

    TASKS: Mapping[str, Callable[[Any, str, int], Task]]

    def facts(self) -> dict[str, str]: ...


@dataclass(frozen=True)
class Contestant:
    """A row of the table. `library` is the module that has to be there; `limit` marks a bound, not a competitor."""

    name: str
    adapter: str
    library: str
    about: str
    variant: str = ""
    limit: bool = False

    def is_installed(self) -> bool:
        return find_spec(self.library) is not None

    def load(self) -> Adapter:
        module: Any = import_module(f"benchmarks.contestants.{self.adapter}")
        return module  # type: ignore[no-any-return]

    def prepare(self, workload: Workload, threads: int) -> Task:
        return self.load().TASKS[workload.kind](workload, self.variant, threads)


CONTESTANTS = (
    Contestant("tfc", "tfc_", "tfc", "tfc.v1.Session.run of the optimiser's op"),
    Contestant("numpy", "numpy_", "numpy", "float32 in place, every result in a buffer made before"),
    Contestant("numpy tuned", "numpy_", "numpy", "the same, weights and logits laid out by class", "tuned"),
    Contestant("jax", "jax_", "jax", "jax.jit, donated weights, fed NumPy arrays"),
    Contestant("jax tuned", "jax_", "jax", "the same, data on the device before, weights by class", "tuned"),
    Contestant("tensorflow", "tensorflow_", "tensorflow", "tf.compat.v1.Session.run of the optimiser's op"),
    Contestant("limit: flop", "limit_", "llvmlite", "as many FLOP in independent FMAs", "flop", limit=True),
    Contestant("limit: bytes", "limit_", "llvmlite", "as many bytes, read and written once", "bytes", limit=True),
)
"""In the order of the table."""
