"""The sequence of stages, and how it is watched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfc.codegen_llvm import available_targets
from tfc.ir.errors import GraphError, ShapeError, UnsupportedError
from tfc.ir.graph import Graph
from tfc.ir.interpret import run_program
from tfc.ir.kernel_verify import verify_program
from tfc.ir.types import dtype
from tfc.ir.verify import verify_graph
from tfc.passes.pipeline import GRAPH_PASSES
from tfc.runtime import Executable, Session, Watch, compile_pure
from tfc.runtime.backend import back_end

from .support import Builder

ROOT = Path(__file__).parents[2]


def softmax() -> Graph:
    b = Builder()
    b.graph.outputs = [b.op("softmax", b.placeholder("x", ("n", 5)), axis=-1)]
    return b.graph


def test_every_stage_is_there() -> None:
    pure = softmax()
    done = compile_pure(pure, [(3, 5)])
    assert done.pure is pure
    verify_graph(done.optimised)
    assert "softmax" in {n.op.name for n in done.shape_class.graph.nodes}
    assert "softmax" not in {n.op.name for n in done.optimised.nodes}
    x, out = np.random.default_rng(0).random((3, 5), np.float32), np.zeros((3, 5), np.float32)
    expected = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    for program in (done.lowered, done.program):
        verify_program(program)
        assert program.dims == ("n",)
        assert not run_program(program, {"x": x, "fetch0": out}, {"n": 3})
        np.testing.assert_allclose(out, expected, rtol=1e-6)
    assert "define void @tfc_run" in done.native.llvm_ir
    assert "define void @tfc_run" in done.native.optimised_ir
    assert "tfc_run:" in done.native.assembly()
    assert done.native is done.native


def test_code_does_not_depend_on_seeds() -> None:
    """Fresh seeds in each process would leave the disk cache nothing to give."""

    def drawing(seeds: list[int]) -> str:
        b = Builder()
        counter, pair = b.variable("counter", (), "int64"), b.constant(seeds, "int64")
        b.graph.outputs = [b.op("truncated_normal", counter, pair, shape=(3, 5), dtype=dtype("float32"))]
        return compile_pure(b.graph, []).native.llvm_ir

    assert drawing([1, 2]) == drawing([3**39, 5])


def test_each_stage_is_timed() -> None:
    done = compile_pure(softmax(), [(3, 5)])
    names = [name for name, _ in done.seconds]
    graph_passes = [p.name for p in GRAPH_PASSES]
    of_programs = ["share", "schedule", "parallelise", "expand-math", "plan-memory"]
    assert names == ["specialize", *graph_passes, "lower", *of_programs]
    assert done.native.llvm_ir
    assert [name for name, _ in done.seconds] == [*names, "native"]
    assert all(seconds >= 0 for _, seconds in done.seconds)


def test_ir_is_printed_after_the_passes_that_are_named() -> None:
    printed: list[str] = []
    compile_pure(softmax(), [(3, 5)], Watch(("decompose", "schedule", "cse"), printed.append, verify=True))
    heads = [text.split("\n", 1)[0] for text in printed]
    assert heads == ["# after decompose", "# after schedule"], "and only where they change something"
    assert "softmax" not in printed[0]
    assert "program" in printed[1]


def test_printing_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    compile_pure(softmax(), [(3, 5)], Watch(("decompose",)))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("# after decompose\n")


def test_an_unknown_pass() -> None:
    with pytest.raises(GraphError, match="^no pass is named magic; there are .*decompose.*plan-memory.*simplify.*"):
        compile_pure(softmax(), [(3, 5)], Watch(("magic",)))


def test_shapes_that_do_not_fit() -> None:
    b = Builder()
    b.graph.outputs = [b.op("add", b.placeholder("x"), b.placeholder("y"))]
    with pytest.raises(ShapeError, match="model.py:3: dims 2 and 3"):
        compile_pure(b.graph, [(2,), (3,)])


def test_a_variable_of_no_fixed_shape_is_not_compiled() -> None:
    b = Builder()
    b.graph.outputs = [b.op("neg", b.variable("v", None))]
    with pytest.raises(UnsupportedError, match=r"^variable v at model.py:1: its shape is float32\[\*\], which is not"):
        compile_pure(b.graph, [])


@pytest.mark.parametrize("target", available_targets())
def test_the_target_is_the_environments(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFC_TARGET", target)
    graph = softmax()
    assert compile_pure(graph, [(3, 5)]).target.name == target
    x = np.random.default_rng(0).random((3, 5), np.float32)
    np.testing.assert_allclose(Executable(graph).run([x])[0].sum(1), 1, rtol=1e-6)


def test_an_unknown_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFC_TARGET", "abacus")
    with pytest.raises(UnsupportedError, match="unknown target 'abacus'"):
        Executable(softmax()).run([np.zeros((2, 5), np.float32)])


def test_a_compilation_that_fails_leaves_no_trace(compiled: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    b = Builder()
    x = b.placeholder("x", ("n",))
    run = Session(b.graph).prepare((b.op("neg", x),), (x,))
    with monkeypatch.context() as patch:
        patch.setenv("TFC_TARGET", "abacus")
        with pytest.raises(UnsupportedError):
            run([[1.0]])
    assert run([[1.0]])[0].tolist() == [-1]
    assert len(compiled) == 2


def test_the_back_end_is_what_the_runtime_asks_for() -> None:
    assert set(available_targets()) >= {back_end().host_target().name}


def test_importing_the_runtime_loads_no_back_end() -> None:
    code = "import sys, tfc.runtime; print(*[m for m in sys.modules if m.startswith(('llvmlite', 'tfc.codegen'))])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
