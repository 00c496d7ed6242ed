"""Whole graphs through all passes: what the interpreter and the machine code make of them, beside the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.codegen_llvm.support import TARGETS, run_native
from tfc.codegen_llvm import compile_program, host_target
from tfc.ir.graph import Graph, Value
from tfc.ir.interpret import run_program
from tfc.ir.interpret_graph import bind_dims, evaluate
from tfc.ir.kernel import Program
from tfc.ir.kernel_verify import verify_program
from tfc.passes.lower import constants_of, lower, variables_of
from tfc.passes.manager import PassManager
from tfc.passes.pipeline import GRAPH_PASSES, program_passes
from tfc.passes.specialize import specialize

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Results:
    """What a run gives: the fetched arrays, the variables' values after it, whether a check failed."""

    fetches: list[Array]
    variables: dict[str, Array]
    failed: bool = False


class Lowered:
    """A pure graph as the program of the shape class of some arrays, given by the names of its sources."""

    def __init__(self, graph: Graph, arrays: Mapping[str, Array], passes: Sequence[Any] = GRAPH_PASSES) -> None:
        feeds = [n.name for n in graph.nodes if n.op.name == "placeholder"]
        self.shape_class = specialize(graph, [arrays[name].shape for name in feeds])
        self.graph = PassManager(passes, verify=True).run(self.shape_class.graph)
        self.program = lower(self.graph)
        verify_program(self.program)

    def dims(self, arrays: Mapping[str, Array]) -> dict[str, int]:
        fed = [(v.type, arrays[v.node.name]) for v in sources(self.graph)]
        return {d: n for d, n in bind_dims(fed).items() if d in self.program.dims}

    def slots(self, arrays: Mapping[str, Array], dims: Mapping[str, int]) -> dict[str, Array]:
        """New arrays for the slots, in the order that `lower` states; fetches hold rubbish."""
        given = [arrays[n.name] for n in self.graph.nodes if n.op.name == "placeholder"]
        fetches = [s.buffer for s in self.program.slots if s.kind == "fetch"]
        given += [rubbish(b.dtype.np, _shape(b.shape, dims)) for b in fetches]
        given += [arrays[v.node.name] for v in variables_of(self.graph)]
        given += [v.node.attrs["value"] for v in constants_of(self.graph)]
        outer = [s for s in self.program.slots if s.kind != "arena"]
        return {s.buffer.name: np.array(x, order="C") for s, x in zip(outer, given, strict=True)}

    def results(self, slots: Mapping[str, Array], arrays: Mapping[str, Array], failed: bool) -> Results:
        outer = [s for s in self.program.slots if s.kind != "arena"]
        fetches = [slots[s.buffer.name] for s in outer if s.kind == "fetch"]
        names = [s.buffer.name for s in outer if s.kind == "variable"]
        kept = {v.node.name: slots[name] for v, name in zip(variables_of(self.graph), names, strict=True)}
        for s in outer:
            if s.kind in ("feed", "constant"):
                assert s.buffer.role == "in"
        return Results(fetches, kept, failed)

    def interpret(self, arrays: Mapping[str, Array], program: Program | None = None) -> Results:
        dims = self.dims(arrays)
        slots = self.slots(arrays, dims)
        failed = run_program(program or self.program, slots, dims)
        return self.results(slots, arrays, bool(failed))

    def final(self, target: str) -> Program:
        """The program that the back end of a target is given."""
        return PassManager(program_passes(host_target(target)), verify=True).run(self.program)

    def native(self, arrays: Mapping[str, Array], target: str) -> Results:
        program = self.final(target)
        dims = self.dims(arrays)
        slots = self.slots(arrays, dims)
        status = run_native(compile_program(program, host_target(target), cache=False), program, slots, dims)
        return self.results(slots, arrays, status != 0)


def sources(graph: Graph) -> list[Value]:
    """What a run is given: placeholders and variables."""
    return [n.results[0] for n in graph.nodes if n.op.name in ("placeholder", "variable")]


def reference(graph: Graph, arrays: Mapping[str, Array]) -> Results:
    """What a pure graph computes, by the reference interpreter of graphs."""
    fed = {v: arrays[v.node.name] for v in sources(graph)}
    outputs = evaluate(graph, fed)
    updated = evaluate(graph, fed, [new for _, new in graph.updates])
    names = [v.node.name for v, _ in graph.updates]
    return Results(outputs, dict(zip(names, updated, strict=True)))


def assert_close(
    found: Results,
    expected: Results,
    where: str,
    labels: Sequence[str] = (),
    ulps: float = 64,
    signs: bool = False,
) -> None:
    """With `signs`, a zero has the sign of the expected one."""
    for k, (x, y) in enumerate(zip(found.fetches, expected.fetches, strict=True)):
        what = f"{where}: {labels[k] if labels else f'output {k}'}"
        close(x, y, what, ulps)
        if signs:
            np.testing.assert_array_equal(np.signbit(x[y == 0]), np.signbit(y[y == 0]), err_msg=what)
    assert expected.variables.keys() <= found.variables.keys()
    for name, y in expected.variables.items():
        close(found.variables[name], y, f"{where}: variable {name}", ulps)
    assert found.failed == expected.failed, where


def close(found: Array, expected: Array, what: str, ulps: float) -> None:
    """Equal, or for floats within a few roundings of the dtype: what reordering sums and contracting products does."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape), what
    if expected.dtype.kind in "iub" or ulps == 0:
        np.testing.assert_array_equal(found, expected, err_msg=what)
        return
    tolerance = ulps * eps_of(expected.dtype)
    wide = expected.astype(np.float64)
    np.testing.assert_allclose(found.astype(np.float64), wide, rtol=tolerance, atol=tolerance, err_msg=what)


def eps_of(of: np.dtype[Any]) -> float:
    return 2.0**-7 if of.name == "bfloat16" else float(np.finfo(of).eps)


def rubbish(of: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """An array of a byte that no result is made of."""
    out = np.empty(shape, of)
    out.view(np.uint8).fill(0xA5) if shape else out.reshape(1).view(np.uint8).fill(0xA5)
    return out


def _shape(shape: Iterable[Any], dims: Mapping[str, int]) -> tuple[int, ...]:
    from tfc.ir.interpret import index_value

    return tuple(index_value(d, dims) for d in shape)


def check_everywhere(
    graph: Graph,
    arrays: Mapping[str, Array],
    labels: Sequence[str] = (),
    targets: Iterable[str] = TARGETS,
    ulps: float = 64,
    signs: bool = False,
) -> Lowered:
    """Lowers a pure graph and compares the interpreter and the machine code of each target with the reference."""
    expected = reference(graph, arrays)
    lowered = Lowered(graph, arrays)
    assert_close(lowered.interpret(arrays), expected, "interpreter", labels, ulps, signs)
    for target in targets:
        assert_close(lowered.native(arrays, target), expected, target, labels, ulps, signs)
    return lowered
