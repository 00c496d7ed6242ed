"""OpenVINO: the workload's ONNX graph compiled for the CPU, in float32, for one request at a time."""

from __future__ import annotations

from typing import Any

import openvino

from benchmarks.ops import Ops

from . import Request, Task, onnx_graph


class Graph(onnx_graph.Graph):
    """Without the operators that OpenVINO does not read; it finds what they stand for in their parts."""

    def rms_norm(self, x: Any, scale: Any) -> Any:
        return Ops.rms_norm(self, x, scale)

    def attention(self, q: Any, k: Any, v: Any) -> Any:
        return Ops.attention(self, q, k, v)


def prepare(request: Request) -> Task:
    core, workload, data = openvino.Core(), request.workload, request.data
    made = onnx_graph.model(workload, data.weights, Graph(workload.dtype)).SerializeToString()
    options = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": request.threads,
        "NUM_STREAMS": 1,
    }
    call = core.compile_model(core.read_model(made), "CPU", options).create_infer_request()
    if not workload.training:

        def run(*arrays: Any) -> Any:
            return call.infer(arrays, share_inputs=True, share_outputs=True)

        return Task(data.inputs, run, lambda out: [out[0]])
    weights = [w.copy() for w in data.weights]

    def step(*arrays: Any) -> None:
        """The new weights are fed to the next step."""
        out = call.infer([*weights, *arrays], share_inputs=True, share_outputs=False)
        weights[:] = [out[i] for i in range(len(weights))]

    return Task(data.inputs, step, lambda _: weights)


def facts() -> dict[str, str]:
    return {"openvino": openvino.__version__.split("-")[0]}
