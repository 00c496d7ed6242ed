"""Who is compared: one adapter file per library, which makes tasks of workloads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from benchmarks.ops import Unsupported
from benchmarks.workload import Array, Data, Traffic, Workload

__all__ = ["CONTESTANTS", "Adapter", "Contestant", "Request", "Task", "Unsupported"]


@dataclass
class Task:
    """A workload made ready to run by one contestant.

    `step` takes one element of `inputs`; `finish` waits for what `step` left running. A call of `step` stands for
    `steps_per_call` steps. `results` gives as arrays what a call returned, or for training the weights.
    """

    inputs: list[tuple[Any, ...]]
    step: Callable[..., Any]
    results: Callable[[Any], list[Array]]
    finish: Callable[[], None] = lambda: None
    steps_per_call: int = 1


@dataclass
class Request:
    """What an adapter makes a task of. `traffic` is of the workload with its results."""

    workload: Workload
    data: Data
    traffic: Traffic
    variant: str
    threads: int


class Adapter(Protocol):
    """What an adapter file defines. `prepare` compiles, where that is a call of its own; `facts` are of the library."""

    def prepare(self, request: Request) -> Task: ...
    def facts(self) -> dict[str, str]: ...


@dataclass(frozen=True)
class Contestant:
    """A column of the table. `library` is the module that has to be there; `limit` marks a bound, not a competitor.

    `only` says which workloads it is for; `slow` that it takes seconds to compile: `--quick` leaves it out.
    """

    name: str
    adapter: str
    library: str
    about: str
    variant: str = ""
    limit: bool = False
    ours: bool = False
    slow: bool = False
    only: Callable[[Workload], bool] = lambda workload: True

    def is_installed(self) -> bool:
        return find_spec(self.library) is not None

    def load(self) -> Adapter:
        module: Any = import_module(f"benchmarks.contestants.{self.adapter}")
        return module  # type: ignore[no-any-return]


def _training(workload: Workload) -> bool:
    return workload.training is not None


def _call(workload: Workload) -> bool:
    return workload.group == "call"


def _working(workload: Workload) -> bool:
    return not _call(workload)


def _elementwise(workload: Workload) -> bool:
    return workload.elementwise


def _composed(workload: Workload) -> bool:
    """What is no single call of the library: there its compiler calls what the library itself calls."""
    return not workload.single


CONTESTANTS = (
    Contestant("tfc", "tfc_", "tfc", "tfc.v1.Session.run, fed NumPy arrays", ours=True),
    Contestant("tfc.compile", "tfc_", "tfc", "a function under tfc.compile", "function", ours=True, only=_call),
    Contestant("numpy", "numpy_", "numpy", "the softmax-regression step in place, else a call of NumPy an operation"),
    Contestant("torch", "torch_", "torch", "eager, its own composite functions"),
    Contestant(
        "torch.compile", "torch_", "torch", "the same under torch.compile", "compile", slow=True, only=_composed
    ),
    Contestant("jax", "jax_", "jax", "jax.jit, arrays on its device before, donated weights"),
    Contestant("tensorflow", "tensorflow_", "tensorflow", "tf.function, tensors made before"),
    Contestant("tensorflow.xla", "tensorflow_", "tensorflow", "the same with jit_compile=True", "xla"),
    Contestant(
        "tensorflow.Session", "tensorflow_", "tensorflow", "tf.compat.v1.Session.run", "session", only=_training
    ),
    Contestant("onnxruntime", "onnxruntime_", "onnxruntime", "a graph with the weights as initializers"),
    Contestant("openvino", "openvino_", "openvino", "the same graph, float32, latency hint"),
    Contestant("numexpr", "numexpr_", "numexpr", "one expression", only=_elementwise),
    Contestant("numba", "numba_", "numba", "one function under vectorize", only=_elementwise),
    Contestant(
        "limit: flop", "limit_", "llvmlite", "as many FLOP in independent FMAs", "flop", limit=True, only=_working
    ),
    Contestant("limit: bytes", "limit_", "llvmlite", "as many bytes, streamed", "bytes", limit=True, only=_working),
)
"""In the order of the table."""


def contestant(name: str) -> Contestant:
    """The one of this name. Raises LookupError."""
    found = next((c for c in CONTESTANTS if c.name == name), None)
    if found is None:
        raise LookupError(f"no contestant {name!r}")
    return found
