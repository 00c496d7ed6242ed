"""A workload as an ONNX graph, for the contestants that run those. Weights are initializers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from benchmarks.ops import EPSILON, Ops
from benchmarks.workload import Array, Spec, Workload

OPSET = 23


@dataclass
class Tensor:
    """A value of the graph. `shape` is of inputs and weights only; a `planar` image has channels before rows."""

    graph: Graph
    name: str
    shape: tuple[int, ...] = ()
    planar: bool = False

    def __add__(self, other: Any) -> Tensor:
        return self.graph.node("Add", self, other)

    def __radd__(self, other: Any) -> Tensor:
        return self.graph.node("Add", other, self)

    def __sub__(self, other: Any) -> Tensor:
        return self.graph.node("Sub", self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return self.graph.node("Sub", other, self)

    def __mul__(self, other: Any) -> Tensor:
        return self.graph.node("Mul", self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return self.graph.node("Mul", other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return self.graph.node("Div", self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return self.graph.node("Div", other, self)

    def __neg__(self) -> Tensor:
        return self.graph.node("Neg", self)

    def __gt__(self, other: Any) -> Tensor:
        return self.graph.node("Greater", self, other)


class Graph(Ops):
    """Nodes as they are made; also the vocabulary that makes them."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.weights: dict[str, Array] = {}

    def node(self, op: str, *inputs: Any, planar: bool | None = None, **attributes: Any) -> Tensor:
        """A node with one result; numbers among its inputs become constants of the graph's dtype."""
        tensors = [x if isinstance(x, Tensor) else self.constant(np.array(x, self.dtype)) for x in inputs]
        out = Tensor(self, f"t{len(self.nodes)}", planar=tensors[0].planar if planar is None else planar)
        self.nodes.append(helper.make_node(op, [x.name for x in tensors], [out.name], **attributes))
        return out

    def constant(self, value: Array) -> Tensor:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return Tensor(self, name, value.shape)

    def weight(self, value: Array, spec: Spec) -> Tensor:
        """An initializer, laid out for planar images."""
        if spec.role == "filter":
            value = value.transpose(3, 2, 0, 1)
        if spec.role == "flat":
            value = value.reshape(*spec.image, -1).transpose(2, 0, 1, 3).reshape(value.shape)
        return self.constant(value)

    def _axes(self, axis: Any) -> Tensor:
        return self.constant(np.array(axis if isinstance(axis, tuple) else (axis,), np.int64))

    def exp(self, x: Any) -> Tensor:
        return self.node("Exp", x)

    def log(self, x: Any) -> Tensor:
        return self.node("Log", x)

    def tanh(self, x: Any) -> Tensor:
        return self.node("Tanh", x)

    def sin(self, x: Any) -> Tensor:
        return self.node("Sin", x)

    def erf(self, x: Any) -> Tensor:
        return self.node("Erf", x)

    def sqrt(self, x: Any) -> Tensor:
        return self.node("Sqrt", x)

    def abs(self, x: Any) -> Tensor:
        return self.node("Abs", x)

    def relu(self, x: Any) -> Tensor:
        return self.node("Relu", x)

    def sigmoid(self, x: Any) -> Tensor:
        return self.node("Sigmoid", x)

    def gelu(self, x: Any) -> Tensor:
        return self.node("Gelu", x, approximate="tanh")

    def maximum(self, x: Any, y: Any) -> Tensor:
        return self.node("Max", x, y)

    def minimum(self, x: Any, y: Any) -> Tensor:
        return self.node("Min", x, y)

    def where(self, condition: Any, yes: Any, no: Any) -> Tensor:
        return self.node("Where", condition, yes, no)

    def cast(self, x: Any, dtype: str) -> Tensor:
        return self.node("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def transpose(self, x: Any, order: tuple[int, ...]) -> Tensor:
        return self.node("Transpose", x, perm=list(order))

    def concat(self, parts: list[Any], axis: int) -> Tensor:
        return self.node("Concat", *parts, axis=axis)

    def take(self, table: Any, indices: Any) -> Tensor:
        return self.node("Gather", table, indices, axis=0)

    def reshape(self, x: Any, shape: tuple[int, ...]) -> Tensor:
        return self.node("Reshape", x, self.constant(np.array(shape, np.int64)))

    def sum(self, x: Any, axis: Any, keep: bool = False) -> Tensor:
        return self.node("ReduceSum", x, self._axes(axis), keepdims=int(keep))

    def max(self, x: Any, axis: Any, keep: bool = False) -> Tensor:
        return self.node("ReduceMax", x, self._axes(axis), keepdims=int(keep))

    def mean(self, x: Any, axis: Any, keep: bool = False) -> Tensor:
        return self.node("ReduceMean", x, self._axes(axis), keepdims=int(keep))

    def argmax(self, x: Any) -> Tensor:
        return self.node("ArgMax", x, axis=-1, keepdims=0)

    def softmax(self, x: Any) -> Tensor:
        return self.node("Softmax", x, axis=-1)

    def log_softmax(self, x: Any) -> Tensor:
        return self.node("LogSoftmax", x, axis=-1)

    def logsumexp(self, x: Any) -> Tensor:
        return self.node("ReduceLogSumExp", x, self._axes(-1), keepdims=0)

    def layer_norm(self, x: Any, scale: Any, shift: Any) -> Tensor:
        return self.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)

    def rms_norm(self, x: Any, scale: Any) -> Tensor:
        return self.node("RMSNormalization", x, scale, axis=-1, epsilon=EPSILON)

    def attention(self, q: Any, k: Any, v: Any) -> Tensor:
        return self.node("Attention", q, k, v, scale=1.0 / math.sqrt(q.shape[-1]))

    def matmul(self, a: Any, b: Any, ta: bool = False, tb: bool = False) -> Tensor:
        if (ta or tb) and len(a.shape or b.shape) in {0, 2}:  # what is computed in between is matrices
            return self.node("Gemm", a, b, transA=int(ta), transB=int(tb))
        return self.node("MatMul", self._turned(a, ta), self._turned(b, tb))

    def _turned(self, x: Tensor, turned: bool) -> Tensor:
        axes = len(x.shape)
        return self.transpose(x, (*range(axes - 2), axes - 1, axes - 2)) if turned else x

    def conv2d(self, x: Any, w: Any, b: Any) -> Tensor:
        return self.node("Conv", self._planar(x), w, b, planar=True, auto_pad="SAME_UPPER")

    def max_pool(self, x: Any) -> Tensor:
        return self.node("MaxPool", self._planar(x), planar=True, kernel_shape=[2, 2], strides=[2, 2])

    def _planar(self, x: Tensor) -> Tensor:
        if x.planar:
            return x
        n, h, w, c = x.shape
        return self.reshape(x, (n, 1, h, w)) if c == 1 else self.transpose(x, (0, 3, 1, 2))

    def flatten(self, x: Any) -> Tensor:
        """In planar order: that is what a "flat" weight is laid out for."""
        return self.node("Flatten", x, planar=False)


def model(workload: Workload, weights: list[Array], graph: Graph | None = None) -> Any:
    """The model of a function, or of a step by hand: then the weights are the first inputs, and the results."""
    graph = graph or Graph(workload.dtype)
    specs = list(workload.inputs)
    inputs = [Tensor(graph, f"x{i}", spec.shape) for i, spec in enumerate(specs)]
    if workload.training:
        state = [Tensor(graph, f"w{i}", spec.shape) for i, spec in enumerate(workload.weights)]
        inputs, specs = state + inputs, list(workload.weights) + specs
        out = workload.training.update(graph, tuple(state), workload.training.rate, *inputs[len(state) :])
    else:
        assert workload.function is not None
        held = [graph.weight(w, s) for w, s in zip(weights, workload.weights, strict=True)]
        out = (workload.function(graph, held, *inputs),)
    given = [
        helper.make_tensor_value_info(x.name, helper.np_dtype_to_tensor_dtype(np.dtype(s.dtype)), s.shape)
        for x, s in zip(inputs, specs, strict=True)
    ]
    result = helper.np_dtype_to_tensor_dtype(np.dtype(workload.result))
    taken = [helper.make_tensor_value_info(x.name, result, None) for x in out]
    body = helper.make_graph(graph.nodes, "workload", given, taken, graph.initializers)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
