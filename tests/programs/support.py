"""Runs scripts as `tfc run` does and remembers what their sessions ran; models and optimisers in NumPy, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfc.v1 as tf
from tfc.cli.script import Script
from tfc.frontend.v1.session import BaseSession

Array = np.ndarray[Any, Any]
Params = dict[str, Array]


# Scripts


@dataclass(frozen=True)
class Call:
    """One `session.run`: names of the fetched operations, what was fed by the tensors' names, and the results."""

    operations: list[str]
    feed: dict[str, Array]
    result: Any


@dataclass
class Ran:
    """A script that has run."""

    names: dict[str, Any] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    initial: Params = field(default_factory=dict)
    """The value of each variable after the first run of an initialiser, by the name of its operation."""

    def __getitem__(self, name: str) -> Any:
        """A global name of the script."""
        return self.names[name]

    def steps(self, operation: str) -> list[Call]:
        """The runs of an operation, in order."""
        return [c for c in self.calls if operation in c.operations]


def run(path: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Ran:
    """Runs a script to its end."""
    ran, inner = Ran(), BaseSession.run

    def recorded(self: BaseSession, fetches: Any, feed_dict: Any = None, *options: Any) -> Any:
        result = inner(self, fetches, feed_dict, *options)
        operations = [x.name for x in _leaves(fetches) if isinstance(x, tf.Operation)]
        feed = {getattr(k, "name", k): np.array(v) for k, v in (feed_dict or {}).items()}
        ran.calls.append(Call(operations, feed, result))
        if any(name.rpartition("/")[2].startswith("init") for name in operations):
            variables = self.graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
            for v, value in zip(variables, inner(self, variables), strict=True):
                ran.initial.setdefault(v.op.name, value.astype(np.float64) if value.dtype.kind == "f" else value)
        return result

    script = Script(str(path), arguments)
    with monkeypatch.context() as patched:
        patched.setattr(BaseSession, "run", recorded)
        assert script.run() == 0
    ran.names = script.globals
    return ran


def _leaves(x: Any) -> Iterator[Any]:
    if isinstance(x, Mapping):
        x = list(x.values())
    if isinstance(x, (list, tuple)):
        for item in x:
            yield from _leaves(item)
    else:
        yield x


def close(found: Any, expected: Any, rtol: float = 1e-4) -> None:
    """Equal up to `rtol` of the largest expected number."""
    expected = np.asarray(expected, np.float64)
    np.testing.assert_allclose(np.asarray(found, np.float64), expected, rtol=rtol, atol=rtol * np.abs(expected).max())


# Optimisers, as TensorFlow has them

Update = Callable[[Params, Params], None]
"""Changes parameters by their gradients."""


def descent(rate: float) -> Update:
    def update(p: Params, g: Params) -> None:
        p.update({k: p[k] - rate * g[k] for k in g})

    return update


def momentum(rate: float, share: float, nesterov: bool = False) -> Update:
    a: Params = {}

    def update(p: Params, g: Params) -> None:
        for k in g:
            a[k] = share * a.get(k, 0) + g[k]
            p[k] = p[k] - rate * (g[k] + share * a[k] if nesterov else a[k])

    return update


def adagrad(rate: float) -> Update:
    a: Params = {}

    def update(p: Params, g: Params) -> None:
        for k in g:
            a[k] = a.get(k, 0.1) + g[k] ** 2
            p[k] = p[k] - rate * g[k] / np.sqrt(a[k])

    return update


def rmsprop(rate: float, decay: float = 0.9, share: float = 0.0, centered: bool = False) -> Update:
    square: Params = {}
    mean: Params = {}
    step: Params = {}

    def update(p: Params, g: Params) -> None:
        for k in g:
            square[k] = decay * square.get(k, 1.0) + (1 - decay) * g[k] ** 2
            mean[k] = decay * mean.get(k, 0.0) + (1 - decay) * g[k]
            spread = square[k] - (mean[k] ** 2 if centered else 0) + 1e-10
            step[k] = share * step.get(k, 0.0) + rate * g[k] / np.sqrt(spread)
            p[k] = p[k] - step[k]

    return update


def adam(rate: float, beta1: float = 0.9, beta2: float = 0.999) -> Update:
    m: Params = {}
    v: Params = {}
    count = iter(range(1, 1 << 30))

    def update(p: Params, g: Params) -> None:
        t = next(count)
        for k in g:
            m[k] = beta1 * m.get(k, 0) + (1 - beta1) * g[k]
            v[k] = beta2 * v.get(k, 0) + (1 - beta2) * g[k] ** 2
            p[k] = p[k] - rate * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m[k] / (np.sqrt(v[k]) + 1e-8)

    return update


# Models


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def cross_entropy(z: Array, y: Array) -> tuple[float, Array]:
    """The mean cross entropy of logits with one-hot or integer labels, and its gradient."""
    y = np.eye(z.shape[-1])[y] if y.ndim < z.ndim else y
    p = softmax(z)
    return float(-(y * np.log(p)).sum(-1).mean()), (p - y) / len(z)


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "linear": (lambda z: z, lambda z, a: np.ones_like(z)),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: (z > 0) * 1.0),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(z)), lambda z, a: np.where(z > 0, 1, a + 1)),
    "tanh": (np.tanh, lambda z, a: 1 - a * a),
    "sigmoid": (sigmoid, lambda z, a: a * (1 - a)),
}
"""Functions and their slopes, of what goes in and what comes out."""


class Network:
    """Dense layers, each `weights biases activation` by the names of its parameters."""

    def __init__(self, *layers: str) -> None:
        self.layers = [layer.split() for layer in layers]
        self.seen: list[tuple[Array, Array, Array]] = []
        self.slope: Array = np.zeros(0)
        """Of the loss by the input, after `back`."""

    def __call__(self, p: Params, x: Array) -> Array:
        self.seen.clear()
        for w, b, activation in self.layers:
            z = x @ p[w] + p[b]
            self.seen.append((x, z, ACTIVATIONS[activation][0](z)))
            x = self.seen[-1][2]
        return x

    def back(self, p: Params, slope: Array) -> Params:
        """The gradients of the parameters, from the slope of the loss by the output of the last call."""
        g: Params = {}
        for (w, b, activation), (x, z, a) in zip(self.layers[::-1], self.seen[::-1], strict=True):
            slope = slope * ACTIVATIONS[activation][1](z, a)
            g[w], g[b] = x.T @ slope, slope.sum(0).reshape(p[b].shape)
            slope = slope @ p[w].T
        self.slope = slope
        return g


def added(*gradients: Params) -> Params:
    """The sums of gradients by name."""
    return {k: sum(g.get(k, 0) for g in gradients) for k in dict.fromkeys(k for g in gradients for k in g)}
