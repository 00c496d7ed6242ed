"""An engine of NumPy references: the front end's tests run on it, free of passes and code generation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfc.ir.errors import RunError, UninitializedError
from tfc.ir.graph import Graph, Node, Value, rebuild
from tfc.ir.index import Index, subs
from tfc.ir.types import TensorType
from tfc.passes.extract import extract


class ReferenceEngine:
    """The runtime's interface, op by op with each op's `ref`."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.state: dict[str, np.ndarray[Any, Any]] = {}
        self.prepared = 0

    def prepare(
        self, fetches: tuple[Value | Node, ...], feeds: tuple[Value, ...]
    ) -> Callable[[Sequence[Any]], list[Any]]:
        self.prepared += 1

        def call(raw: Sequence[Any]) -> list[Any]:
            arrays = [np.asarray(r).astype(v.type.dtype.np) for r, v in zip(raw, feeds, strict=True)]
            return self.run(fetches, feeds, arrays)

        return call

    def run(self, fetches: Sequence[Value | Node], feeds: Sequence[Value], arrays: Sequence[Any]) -> list[Any]:
        types = [TensorType(v.type.dtype, a.shape) for v, a in zip(feeds, arrays, strict=True)]
        symbols: dict[str, Any] = {}
        for v, a in zip(feeds, arrays, strict=True):
            if v.type.shape is not None:
                assert len(v.type.shape) == a.ndim, f"{v} cannot take shape {a.shape}"
                symbols.update({str(d): n for d, n in zip(v.type.shape, a.shape, strict=True) if isinstance(d, Index)})
        pure = extract(self.graph, fetches, feeds, types)
        pure = rebuild(pure, lambda *_: None, attrs=lambda attrs: {k: _known(a, symbols) for k, a in attrs.items()})
        values: dict[Value, Any] = {}
        given = iter(arrays)
        counters = {n.operands[0] for n in pure.nodes if n.op.draws is not None}
        for node in pure.nodes:
            if node.op.name == "placeholder":
                fed = next(given, None)
                if fed is None:
                    raise RunError(f"{node.name} is not fed")
                values[node.results[0]] = fed
            elif node.op.name == "variable":
                key = node.attrs["key"]
                zero = np.zeros((), np.int64) if node.results[0] in counters else None
                values[node.results[0]] = self.state.get(key, zero)
            else:
                assert node.op.ref is not None, node
                operands = [values[v] for v in node.operands]
                if any(x is None for x in operands):
                    raise UninitializedError(f"{node.name} takes a variable that has no value")
                with np.errstate(all="ignore"):
                    result = node.op.ref(*operands, **node.attrs)
                values[node.results[0]] = np.asarray(result, node.results[0].type.dtype.np)
        outputs = iter([values[v] for v in pure.outputs])
        if any(values[v] is None for v in pure.outputs):
            raise UninitializedError("a fetched variable has no value")
        for variable, new in pure.updates:
            self.state[variable.node.attrs["key"]] = values[new]
        return [None if isinstance(f, Node) else next(outputs) for f in fetches]

    def close(self) -> None:
        self.state.clear()


def _known(attr: Any, symbols: dict[str, Any]) -> Any:
    if isinstance(attr, Index):
        return subs(attr, symbols)
    return tuple(_known(a, symbols) for a in attr) if isinstance(attr, tuple) else attr
