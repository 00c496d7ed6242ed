"""JAX: the step under `jit`, with the weights donated."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.workloads import SoftmaxRegressionStep

from . import Task


def softmax_regression_step(workload: SoftmaxRegressionStep, variant: str, threads: int) -> Task:
    """`threads` is for XLA's pool, which takes it from the environment."""
    by_class = variant == "tuned"
    w, b = workload.start()
    state = {"parameters": (jnp.asarray(w.T if by_class else w), jnp.asarray(b))}

    def cost(parameters: Any, x: Any, y: Any) -> Any:
        w, b = parameters
        logits = x @ (w.T if by_class else w) + b
        return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(logits), axis=1))

    @partial(jax.jit, donate_argnums=0)
    def update(parameters: Any, x: Any, y: Any) -> Any:
        gradient = jax.grad(cost)(parameters, x, y)
        return jax.tree.map(lambda p, g: p - workload.rate * g, parameters, gradient)

    def step(x: Any, y: Any) -> None:
        state["parameters"] = update(state["parameters"], x, y)

    def results() -> list[Any]:
        w, b = map(np.asarray, state["parameters"])
        return [w.T if by_class else w, b]

    inputs: list[Any] = workload.inputs()
    if by_class:
        inputs = [tuple(map(jnp.asarray, pair)) for pair in inputs]
    return Task(inputs, step, results, finish=lambda: jax.block_until_ready(state["parameters"]))


def facts() -> dict[str, str]:
    return {"jax": jax.__version__, "backend": jax.default_backend()}


TASKS = {"softmax-regression-step": softmax_regression_step}
