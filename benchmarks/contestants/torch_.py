"""PyTorch: eager, and under `torch.compile`. Images are `channels_last`, which is what its convolutions like best."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from benchmarks.ops import EPSILON, Ops
from benchmarks.workload import Array, Spec

from . import Request, Task


class TorchOps(Ops):
    """The vocabulary in PyTorch's functions."""

    exp, log, tanh, sin = (staticmethod(f) for f in (torch.exp, torch.log, torch.tanh, torch.sin))
    erf, sqrt, abs, sigmoid = (staticmethod(f) for f in (torch.erf, torch.sqrt, torch.abs, torch.sigmoid))
    relu, where, reshape, concat = (staticmethod(f) for f in (F.relu, torch.where, torch.reshape, torch.cat))
    attention = staticmethod(F.scaled_dot_product_attention)

    def maximum(self, x: Any, y: float) -> Any:
        return torch.clamp_min(x, y)

    def minimum(self, x: Any, y: float) -> Any:
        return torch.clamp_max(x, y)

    def take(self, table: Any, indices: Any) -> Any:
        return F.embedding(indices, table)

    def cast(self, x: Any, dtype: str) -> Any:
        return x.to(getattr(torch, dtype))

    def transpose(self, x: Any, order: tuple[int, ...]) -> Any:
        return x.permute(order).contiguous()

    def sum(self, x: Any, axis: Any, keep: bool = False) -> Any:
        return torch.sum(x, axis, keepdim=keep)

    def max(self, x: Any, axis: Any, keep: bool = False) -> Any:
        return torch.amax(x, axis, keepdim=keep)

    def mean(self, x: Any, axis: Any, keep: bool = False) -> Any:
        return torch.mean(x, axis, keepdim=keep)

    def argmax(self, x: Any) -> Any:
        return torch.argmax(x, -1)

    def matmul(self, a: Any, b: Any, ta: bool = False, tb: bool = False) -> Any:
        return torch.matmul(a.mT if ta else a, b.mT if tb else b)

    def gelu(self, x: Any) -> Any:
        return F.gelu(x, approximate="tanh")

    def softmax(self, x: Any) -> Any:
        return torch.softmax(x, -1)

    def log_softmax(self, x: Any) -> Any:
        return torch.log_softmax(x, -1)

    def logsumexp(self, x: Any) -> Any:
        return torch.logsumexp(x, -1)

    def layer_norm(self, x: Any, scale: Any, shift: Any) -> Any:
        return F.layer_norm(x, x.shape[-1:], scale, shift, EPSILON)

    def rms_norm(self, x: Any, scale: Any) -> Any:
        return F.rms_norm(x, x.shape[-1:], scale, EPSILON)

    def cross_entropy(self, logits: Any, labels: Any) -> Any:
        return F.cross_entropy(logits, labels)

    def conv2d(self, x: Any, w: Any, b: Any) -> Any:
        return F.conv2d(x.permute(0, 3, 1, 2), w, b, padding=[k // 2 for k in w.shape[2:]]).permute(0, 2, 3, 1)

    def max_pool(self, x: Any) -> Any:
        return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)

    def flatten(self, x: Any) -> Any:
        return torch.flatten(x, 1)


def prepare(request: Request) -> Task:
    torch.set_num_threads(request.threads)
    workload = request.workload
    torch.set_grad_enabled(workload.training is not None)
    compiled = torch.compile if request.variant == "compile" else lambda function: function
    if compiled is torch.compile:
        torch.compiler.reset()
    inputs = [tuple(map(torch.from_numpy, arrays)) for arrays in request.data.inputs]
    weights = [_weight(w, s) for w, s in zip(request.data.weights, workload.weights, strict=True)]
    ops = TorchOps()
    if workload.training:
        return _training(request, ops, compiled, inputs, weights)
    function: Any = workload.function
    return Task(inputs, compiled(lambda *values: function(ops, weights, *values)), lambda out: [out.numpy()])


def _training(request: Request, ops: TorchOps, compiled: Any, inputs: list[Any], weights: list[Any]) -> Task:
    training: Any = request.workload.training
    for w in weights:
        w.requires_grad_(True)
    loss = compiled(lambda *values: training.loss(ops, weights, *values))
    optimizer = torch.optim.SGD(weights, lr=training.rate)

    def step(*values: Any) -> None:
        optimizer.zero_grad()
        loss(*values).backward()
        optimizer.step()

    def results(_: Any) -> list[Array]:
        arrays = [w.detach().numpy() for w in weights]
        return [
            a.transpose(2, 3, 1, 0) if s.role == "filter" else a
            for a, s in zip(arrays, request.workload.weights, strict=True)
        ]

    return Task(inputs, step, results)


def _weight(array: Array, spec: Spec) -> Any:
    tensor = torch.from_numpy(array.copy())
    if spec.role != "filter":
        return tensor
    return tensor.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)


def facts() -> dict[str, str]:
    return {"torch": torch.__version__, "CPU kernels": torch.backends.cpu.get_cpu_capability()}
