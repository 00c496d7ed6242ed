"""ONNX Runtime: a session of the workload's graph, run as its users run it."""

from __future__ import annotations

from typing import Any

import onnxruntime

from . import Request, Task, onnx_graph


def prepare(request: Request) -> Task:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = request.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    workload, data = request.workload, request.data
    model = onnx_graph.model(workload, data.weights).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [x.name for x in session.get_inputs()]
    if not workload.training:
        feeds = [(dict(zip(names, arrays, strict=True)),) for arrays in data.inputs]
        return Task(feeds, lambda feed: session.run(None, feed), lambda out: out)
    weights = dict(zip(names, data.weights, strict=False))
    batches = [(dict(zip(names[len(weights) :], arrays, strict=True)),) for arrays in data.inputs]

    def step(batch: dict[str, Any]) -> None:
        """The new weights are fed to the next step."""
        weights.update(zip(weights, session.run(None, weights | batch), strict=True))

    return Task(batches, step, lambda _: list(weights.values()))


def facts() -> dict[str, str]:
    return {"onnxruntime": onnxruntime.__version__}
