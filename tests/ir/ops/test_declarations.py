"""Every op's declaration is whole, and its type rule says what its reference gives."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tfc.ir.ops
from tfc.ir.errors import DTypeError, ShapeError, TfcError
from tfc.ir.graph import Graph
from tfc.ir.index import Index, subs
from tfc.ir.interpret_graph import evaluate
from tfc.ir.op import REGISTRY, Op
from tfc.ir.types import TensorType, dtype, float32, int32, int64

from .cases import CASES, Case
from .lowering import agrees, apply

FED = {"placeholder", "variable", "transposed_variable"}
OPS = sorted(REGISTRY.ops)


@pytest.mark.parametrize("name", OPS)
def test_an_op_is_lowered_in_one_way(name: str) -> None:
    op = REGISTRY[name]
    ways = [op.scalar, op.element, op.combiner, op.template, op.decompose]
    assert sum(w is not None for w in ways) + op.effect == 1
    assert (op.ref is None) == (name in FED)


@pytest.mark.parametrize("name", OPS)
def test_an_op_has_cases_and_its_attributes(name: str) -> None:
    used = [c for c in CASES if c.op == name]
    assert used or name in {*FED, "no_op"}
    assert all(set(c.attrs) == set(REGISTRY[name].attrs) for c in used)


def test_every_op_is_documented() -> None:
    """A string stands under each declaration."""
    for module in (getattr(tfc.ir.ops, name) for name in tfc.ir.ops.__all__):
        lines = inspect.getsource(module).splitlines()
        for name, value in vars(module).items():
            starts = [k for k, line in enumerate(lines) if line.startswith(f"{name}: Op =")]
            if isinstance(value, Op) and starts:
                end = starts[0] if lines[starts[0]].endswith(")") else lines.index(")", starts[0])
                assert lines[end + 1].startswith('"""'), f"{module.__name__}.{name}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_type_is_that_of_the_reference(case: Case) -> None:
    node, feeds = apply(case.op, case.operands, case.attrs)
    (result,) = evaluate(node.graph, feeds, node.results)
    assert agrees(node.type, result), (node.type, result.dtype, result.shape)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_types_of_open_dims_and_ranks_agree(case: Case) -> None:
    """With each operand's dims, or its rank, unknown, the type still says nothing wrong, and gradients can be built."""
    node, feeds = apply(case.op, case.operands, case.attrs)
    (result,) = evaluate(node.graph, feeds, node.results)
    values = {f"d{k}_{j}": n for k, x in enumerate(case.operands) for j, n in enumerate(x.shape)}
    axis_one = case.op == "squeeze" and case.attrs["axes"] is None
    for known_rank in (True, False):
        graph = Graph()
        operands = []
        for k, x in enumerate(case.operands):
            # A counter, or values of one_hot, are of rank 0, whatever the rest.
            shape = tuple(Index.symbol(f"d{k}_{j}") for j in range(x.ndim)) if known_rank or x.ndim == 0 else None
            operands.append(REGISTRY["placeholder"](graph=graph, dtype=dtype(x.dtype), shape=shape))
        open_node = REGISTRY[case.op].node(*operands, graph=graph, **case.attrs)
        inferred = open_node.type
        assert inferred.dtype == node.type.dtype
        if inferred.shape is not None and not axis_one:
            assert len(inferred.shape) == result.ndim
            found = tuple(subs(d, values) for d in inferred.shape)
            assert all(d == n or not isinstance(d, int) for d, n in zip(found, result.shape, strict=True))
            assert found == result.shape or not known_rank
        for k in case.slopes:
            dy = REGISTRY["placeholder"](graph=graph, dtype=inferred.dtype, shape=inferred.shape)
            grad = REGISTRY[case.op].grad
            assert grad is not None
            if known_rank or (case.op, case.attrs.get("data_format")) != ("bias_add", "NCHW"):
                slope = grad(open_node, dy)[k]
                assert slope is not None
                assert slope.type.dtype == operands[k].type.dtype


def typed(op: str, *types: TensorType, **attrs: object) -> TensorType:
    graph = Graph()
    operands = [REGISTRY["placeholder"](graph=graph, dtype=t.dtype, shape=t.shape) for t in types]
    return REGISTRY[op](*operands, graph=graph, **attrs).type


def f(*shape: object) -> TensorType:
    return TensorType(float32, tuple(Index.symbol(d) if isinstance(d, str) else d for d in shape))  # type: ignore[misc]


REDUCE = {"axes": (2,), "keepdims": False}
MATMUL = {"transpose_a": False, "transpose_b": False}


@pytest.mark.parametrize(
    ("error", "op", "types", "attrs"),
    [
        (ShapeError, "add", [f(3), f(4)], {}),
        (DTypeError, "add", [f(3), TensorType(int32, (3,))], {}),
        (DTypeError, "exp", [TensorType(int32, (3,))], {}),
        (DTypeError, "logical_and", [f(), f()], {}),
        (DTypeError, "select", [f(), f(), f()], {}),
        (ShapeError, "reduce_sum", [f(3, 4)], REDUCE),
        (ShapeError, "argmax", [f(0)], {"axis": 0, "dtype": int64}),
        (DTypeError, "argmax", [f(3)], {"axis": 0, "dtype": float32}),
        (ShapeError, "matmul", [f(2, 3), f(4, 5)], MATMUL),
        (ShapeError, "matmul", [f(3), f(3, 5)], MATMUL),
        (ShapeError, "reshape", [f(2, 3)], {"shape": (7,)}),
        (ShapeError, "reshape", [f(2, 3)], {"shape": (4, -1)}),
        (ShapeError, "reshape", [f(2, 3)], {"shape": (-1, -1)}),
        (ShapeError, "reshape", [f(0, 3)], {"shape": (0, -1)}),
        (ShapeError, "broadcast_to", [f(2)], {"shape": (3,)}),
        (ShapeError, "broadcast_to", [f(2, 2)], {"shape": (2,)}),
        (ShapeError, "transpose", [f(2, 3)], {"perm": (0, 0)}),
        (ShapeError, "squeeze", [f(2, 3)], {"axes": (0,)}),
        (ShapeError, "slice", [f(4)], {"starts": (2,), "sizes": (3,), "steps": (1,)}),
        (ShapeError, "slice", [f(4)], {"starts": (2,), "sizes": (4,), "steps": (-1,)}),
        (ShapeError, "concat", [f(2, 3), f(3, 3)], {"axis": 1}),
        (ShapeError, "stack", [f(2), f(3)], {"axis": 0}),
        (ShapeError, "pad", [f(2)], {"paddings": ((2, 0),), "value": 0, "mode": "reflect"}),
        (ShapeError, "pad", [f(2)], {"paddings": ((0, 0),), "value": 0, "mode": "wrap"}),
        (DTypeError, "gather", [f(2), f(2)], {"axis": 0}),
        (ShapeError, "softmax_cross_entropy", [f(2, 3), f(2, 4)], {"axis": -1}),
        (ShapeError, "sparse_softmax_cross_entropy", [f(2, 3), TensorType(int32, (2, 3))], {}),
        (DTypeError, "sparse_softmax_cross_entropy", [f(2, 3), f(2)], {}),
        (ShapeError, "bias_add", [f(2, 3), f(4)], {"data_format": "NHWC"}),
        (DTypeError, "assign", [f(2), TensorType(int32, (2,))], {}),
        (ShapeError, "assign_add", [f(2), f(2, 1)], {}),
    ],
)
def test_what_does_not_fit_is_an_error(
    error: type[TfcError], op: str, types: list[TensorType], attrs: dict[str, object]
) -> None:
    with pytest.raises(error, match=f"^{op}\\("):
        typed(op, *types, **attrs)


def test_dims_that_are_unknown_stay_symbols() -> None:
    n = Index.symbol("n")
    assert typed("add", f("n", 1), f(10)) == f("n", 10)
    assert typed("matmul", f("n", 784), f(784, 10), **MATMUL) == f("n", 10)
    assert typed("reshape", f("n", 784), shape=(-1, 28, 28, 1)) == f("n", 28, 28, 1)
    assert typed("reshape", f("n", 28, 28), shape=(n, 784)) == f("n", 784)
    assert typed("concat", f("n", 3), f("n", 4), axis=1) == f("n", 7)
    assert typed("tile", f("n"), multiples=(2,)) == TensorType(float32, (n * 2,))
    assert typed("reduce_mean", f("n", 10), axes=None, keepdims=False) == f()
    assert typed("one_hot", TensorType(int32, (n,)), f(), f(), depth=10, axis=-1) == f("n", 10)
    unknown = TensorType(float32, None)
    assert typed("matmul", unknown, f(3, 4), **MATMUL) == unknown
    assert typed("reduce_sum", unknown, axes=None, keepdims=False) == f()
    assert typed("reshape", unknown, shape=(2, 3)) == f(2, 3)
    assert np.all(TensorType(float32, (n,)).dims == (n,))
