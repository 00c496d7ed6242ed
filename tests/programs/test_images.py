"""Programs that classify images by convolutions, run as `tfc run` runs them, beside the same in NumPy and float64."""

from __future__ import annotations

import numpy as np

from . import convolutions as images
from .support import Array, Params, Ran, adam, close, cross_entropy, descent, softmax
from .test_programs import Run, program

__all__ = ["program"]


def _named(ran: Ran, names: dict[str, str]) -> Params:
    return {short: ran.initial[name] for short, name in names.items()}


CLASSIC = {
    name: f"Variable_{k}" if k else "Variable"
    for k, name in enumerate(("conv1", "bias1", "conv2", "bias2", "dense1", "bias3", "dense2", "bias4"))
}


class Classic:
    """Two convolutions of 5 by 5, each with a pool, and two dense layers with dropout between them."""

    def __init__(self, p: Params) -> None:
        self.p = p

    def forward(self, x: Array, kept: Array | float) -> Array:
        p = self.p
        self.x = x.reshape(-1, 8, 8, 1)
        self.a1 = images.conv(self.x, p["conv1"], images.same((5, 5))) + p["bias1"]
        self.h1 = images.max_pool(np.maximum(self.a1, 0))
        self.a2 = images.conv(self.h1, p["conv2"], images.same((5, 5))) + p["bias2"]
        self.h2 = images.max_pool(np.maximum(self.a2, 0))
        self.flat = self.h2.reshape(len(x), -1)
        self.a3 = self.flat @ p["dense1"] + p["bias3"]
        self.kept = kept
        self.h3 = np.maximum(self.a3, 0) * kept
        return self.h3 @ p["dense2"] + p["bias4"]

    def back(self, slope: Array) -> Params:
        p, g = self.p, {}
        g["dense2"], g["bias4"] = self.h3.T @ slope, slope.sum(0)
        slope = slope @ p["dense2"].T * self.kept * (self.a3 > 0)
        g["dense1"], g["bias3"] = self.flat.T @ slope, slope.sum(0)
        slope = (slope @ p["dense1"].T).reshape(self.h2.shape)
        slope = images.max_pool_back(np.maximum(self.a2, 0), slope) * (self.a2 > 0)
        g["bias2"] = slope.sum((0, 1, 2))
        slope, g["conv2"] = images.conv_back(self.h1, p["conv2"], images.same((5, 5)), slope)
        slope = images.max_pool_back(np.maximum(self.a1, 0), slope) * (self.a1 > 0)
        g["bias1"] = slope.sum((0, 1, 2))
        g["conv1"] = images.conv_back(self.x, p["conv1"], images.same((5, 5)), slope)[1]
        return g


def test_the_classic_network_of_convolutions(program: Run) -> None:
    """Six steps of Adam with dropout, number by number; after sixty it tells digits apart."""
    ran = program("conv_network")
    p = _named(ran, CLASSIC)
    network, update = Classic(p), adam(1e-2)
    feeds = [c.feed for c in ran.steps("Adam")]
    for feed, (h, dropped) in zip(feeds, ran["dropped"], strict=False):
        # Where nothing came in, nothing goes out, kept or not.
        kept = np.where(h > 0, dropped / np.where(h > 0, h, 1), 0)
        assert 0.4 < (kept[h > 0] > 0).mean() < 0.6
        slope = cross_entropy(network.forward(feed["Placeholder:0"], kept), feed["Placeholder_1:0"])[1]
        update(p, network.back(slope))
    for found, name in zip(ran["after"], CLASSIC, strict=True):
        close(found, p[name], 2e-3)
    network = Classic({name: v.astype(np.float64) for name, v in zip(CLASSIC, ran["trained"], strict=True)})
    close(ran["logits"], network.forward(ran["images"][1500:].astype(np.float64), 1.0), 1e-4)
    assert ran["test_accuracy"] > 0.6


class Normalized:
    """Two convolutions, the second normalised over the batch, a pool after each, and two dense layers."""

    def __init__(self, p: Params) -> None:
        self.p = p

    def forward(self, x: Array, moments: tuple[Array, Array] | None = None) -> Array:
        p = self.p
        self.x, pairs = x, images.same((3, 3))
        self.a1 = images.conv(x, p["conv2d/kernel"], pairs) + p["conv2d/bias"]
        self.h1 = images.max_pool(np.maximum(self.a1, 0))
        self.z = images.conv(self.h1, p["conv2d_1/kernel"], [(0, 0)] * 2)
        self.mean, self.variance = (self.z.mean((0, 1, 2)), self.z.var((0, 1, 2))) if moments is None else moments
        self.deviation = np.sqrt(self.variance + 1e-3)
        self.unit = (self.z - self.mean) / self.deviation
        self.a2 = self.unit * p["batch_normalization/gamma"] + p["batch_normalization/beta"]
        self.h2 = images.avg_pool(np.maximum(self.a2, 0))
        self.flat = self.h2.reshape(len(x), -1)
        self.h3 = np.tanh(self.flat @ p["dense/kernel"] + p["dense/bias"])
        return self.h3 @ p["dense_1/kernel"] + p["dense_1/bias"]

    def back(self, slope: Array) -> Params:
        p, g = self.p, {}
        g["dense_1/kernel"], g["dense_1/bias"] = self.h3.T @ slope, slope.sum(0)
        slope = slope @ p["dense_1/kernel"].T * (1 - self.h3**2)
        g["dense/kernel"], g["dense/bias"] = self.flat.T @ slope, slope.sum(0)
        slope = (slope @ p["dense/kernel"].T).reshape(self.h2.shape)
        slope = images.avg_pool_back(self.a2, slope) * (self.a2 > 0)
        over = (0, 1, 2)
        g["batch_normalization/beta"], g["batch_normalization/gamma"] = slope.sum(over), (slope * self.unit).sum(over)
        slope = slope * p["batch_normalization/gamma"]
        centred = slope - slope.mean(over) - self.unit * (slope * self.unit).mean(over)
        slope, g["conv2d_1/kernel"] = images.conv_back(
            self.h1, p["conv2d_1/kernel"], [(0, 0)] * 2, centred / self.deviation
        )
        slope = images.max_pool_back(np.maximum(self.a1, 0), slope) * (self.a1 > 0)
        g["conv2d/bias"] = slope.sum(over)
        g["conv2d/kernel"] = images.conv_back(self.x, p["conv2d/kernel"], images.same((3, 3)), slope)[1]
        return g


def test_a_network_of_layers(program: Run) -> None:
    """Layers by tf.layers in a scope that is reused, batch normalisation moved by UPDATE_OPS."""
    ran = program("layers_network")
    p = {name.removeprefix("model/"): v for name, v in ran.initial.items()}
    learnt = [n for n in p if "moving" not in n]
    assert [f"model/{n}:0" for n in learnt] == ran["names"]
    network, update = Normalized(p), descent(0.1)
    mean, variance = p["batch_normalization/moving_mean"], p["batch_normalization/moving_variance"]
    for feed, loss, _ in zip([c.feed for c in ran.calls if len(c.feed) == 2], ran["losses"], range(6), strict=False):
        x = feed["Placeholder:0"].astype(np.float64)
        value, slope = cross_entropy(network.forward(x), feed["Placeholder_1:0"])
        close(loss, value)
        update(p, network.back(slope))
        n = network.z[..., 0].size
        mean, variance = 0.9 * mean + 0.1 * network.mean, 0.9 * variance + 0.1 * network.variance * n / (n - 1)
    p["batch_normalization/moving_mean"], p["batch_normalization/moving_variance"] = mean, variance
    for name, value in p.items():
        close(ran["after"][f"model/{name}"], value, 1e-3)
    end = {n.removeprefix("model/"): v.astype(np.float64) for n, v in ran["end"].items()}
    moments = end["batch_normalization/moving_mean"], end["batch_normalization/moving_variance"]
    x = ran["images"][1500:].astype(np.float64)
    close(ran["predicted"], Normalized(end).forward(x, moments), 1e-4)
    assert (softmax(ran["predicted"]).argmax(-1) == ran["labels"][1500:]).mean() > 0.6
