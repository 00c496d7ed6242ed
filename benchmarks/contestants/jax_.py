"""JAX: functions under `jit`; training donates the weights."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.ops import Ops
from benchmarks.workload import Array

from . import Request, Task


class JaxOps(Ops):
    """The vocabulary in JAX's functions."""

    def __init__(self) -> None:
        self.exp, self.log, self.tanh, self.sqrt, self.abs = jnp.exp, jnp.log, jnp.tanh, jnp.sqrt, jnp.abs
        self.maximum, self.minimum, self.where, self.reshape = jnp.maximum, jnp.minimum, jnp.where, jnp.reshape
        self.sin, self.transpose, self.erf, self.relu = jnp.sin, jnp.transpose, jax.scipy.special.erf, jax.nn.relu
        self.sigmoid, self.gelu, self.softmax = jax.nn.sigmoid, jax.nn.gelu, jax.nn.softmax
        self.log_softmax, self.concat = jax.nn.log_softmax, jnp.concatenate

    def take(self, table: Any, indices: Any) -> Any:
        return jnp.take(table, indices, axis=0, mode="clip")

    def cast(self, x: Any, dtype: str) -> Any:
        return x.astype(dtype)

    def sum(self, x: Any, axis: Any, keep: bool = False) -> Any:
        return jnp.sum(x, axis, keepdims=keep)

    def max(self, x: Any, axis: Any, keep: bool = False) -> Any:
        return jnp.max(x, axis, keepdims=keep)

    def mean(self, x: Any, axis: Any, keep: bool = False) -> Any:
        return jnp.mean(x, axis, keepdims=keep)

    def argmax(self, x: Any) -> Any:
        return jnp.argmax(x, -1)

    def logsumexp(self, x: Any) -> Any:
        return jax.nn.logsumexp(x, -1)

    def matmul(self, a: Any, b: Any, ta: bool = False, tb: bool = False) -> Any:
        return jnp.matmul(jnp.swapaxes(a, -1, -2) if ta else a, jnp.swapaxes(b, -1, -2) if tb else b)

    def conv2d(self, x: Any, w: Any, b: Any) -> Any:
        return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")) + b

    def max_pool(self, x: Any) -> Any:
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def flatten(self, x: Any) -> Any:
        return x.reshape(x.shape[0], -1)


def prepare(request: Request) -> Task:
    """The threads are for XLA's pool, which takes their number from the environment."""
    # A call then ends when its result is there, without a change of threads, which for small ones costs more than it.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    jax.config.update("jax_enable_x64", True)
    jax.clear_caches()
    workload, ops = request.workload, JaxOps()
    inputs = [tuple(map(jnp.asarray, arrays)) for arrays in request.data.inputs]
    weights = tuple(map(jnp.asarray, request.data.weights))
    if workload.training:
        return _training(request, ops, inputs, weights)
    function: Any = workload.function
    call = jax.jit(lambda weights, *values: function(ops, weights, *values))

    def step(*values: Any) -> Any:
        return call(weights, *values).block_until_ready()

    return Task(inputs, step, lambda out: [np.asarray(out)])


def _training(request: Request, ops: JaxOps, inputs: list[Any], weights: tuple[Any, ...]) -> Task:
    training: Any = request.workload.training
    state = {"weights": tuple(w.copy() for w in weights)}

    def cost(weights: Any, *values: Any) -> Any:
        return training.loss(ops, weights, *values)

    @partial(jax.jit, donate_argnums=0)
    def update(weights: Any, *values: Any) -> Any:
        gradient = jax.grad(cost)(weights, *values)
        return jax.tree.map(lambda w, g: w - training.rate * g, weights, gradient)

    def step(*values: Any) -> None:
        state["weights"] = update(state["weights"], *values)

    def results(_: Any) -> list[Array]:
        return list(map(np.asarray, state["weights"]))

    return Task(inputs, step, results, finish=lambda: jax.block_until_ready(state["weights"]))


def facts() -> dict[str, str]:
    return {"jax": jax.__version__, "backend": jax.default_backend()}
