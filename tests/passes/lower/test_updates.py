"""Variables written in place: every read of an old value sees the old value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.codegen_llvm.support import TARGETS
from tfc.ir.graph import Graph, Value
from tfc.ir.index import Index
from tfc.ir.kernel import Check, walk
from tfc.ir.op import REGISTRY
from tfc.ir.ops.common import const
from tfc.ir.types import float32, int32

from .support import Lowered, check_everywhere

R = REGISTRY
Array = np.ndarray[Any, Any]
D0 = Index.symbol("d0")


class Step:
    """A graph with two square variables, a column, a fed batch, and arrays for them."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.x = R["placeholder"](graph=self.graph, name="x", dtype=float32, shape=(D0, 4))
        self.w, self.u, self.c, self.s = (
            R["variable"](graph=self.graph, name=name, dtype=float32, shape=shape, key=name)
            for name, shape in (("w", (4, 4)), ("u", (4, 4)), ("c", (4, 1)), ("s", ()))
        )
        rng = np.random.default_rng(2)
        shapes = {"x": (3, 4), "w": (4, 4), "u": (4, 4), "c": (4, 1), "s": ()}
        self.arrays = {k: np.asarray(rng.integers(-3, 4, shape)).astype(np.float32) for k, shape in shapes.items()}

    def number(self, value: float) -> Value:
        return const(self.graph, value, float32)

    def set(self, variable: Value, new: Value) -> None:
        self.graph.updates.append((variable, new))


def matmul(a: Value, b: Value, ta: bool = False, tb: bool = False) -> Value:
    return R["matmul"](a, b, transpose_a=ta, transpose_b=tb)


def swap(t: Step) -> None:
    t.set(t.w, t.u)
    t.set(t.u, t.w)


def swap_changed(t: Step) -> None:
    t.set(t.w, R["add"](t.u, t.number(1)))
    t.set(t.u, R["mul"](t.w, t.number(2)))


def swap_by_rows(t: Step) -> None:
    t.set(t.w, R["sub"](t.u, R["reduce_max"](t.w, axes=(1,), keepdims=True)))
    t.set(t.u, R["sub"](t.w, R["reduce_max"](t.u, axes=(1,), keepdims=True)))


def transpose(t: Step) -> None:
    t.set(t.w, R["transpose"](t.w, perm=None))


def reverse(t: Step) -> None:
    t.set(t.w, R["slice"](t.w, starts=(3, 0), sizes=(4, 4), steps=(-1, 1)))


def descend(t: Step) -> None:
    """w -= 0.5 * x.T @ (x @ w), and what the step was."""
    gradient = matmul(t.x, matmul(t.x, t.w), ta=True)
    t.set(t.w, R["sub"](t.w, R["mul"](gradient, t.number(0.5))))
    t.graph.outputs = [R["reduce_sum"](gradient, axes=None, keepdims=False)]


def square(t: Step) -> None:
    t.set(t.w, matmul(t.w, t.w))


def softmax(t: Step) -> None:
    t.set(t.w, R["reduce_sum"](R["square"](R["sub"](R["expand_dims"](t.w, axis=2), t.c)), axes=(2,), keepdims=False))
    t.set(t.u, R["sub"](t.u, R["reduce_max"](t.u, axes=(1,), keepdims=True)))


def of_old_and_new(t: Step) -> None:
    new = R["add"](t.w, t.number(1))
    t.set(t.w, new)
    t.set(t.u, R["mul"](R["sub"](new, t.w), matmul(new, t.w)))


def new_and_old_fetched(t: Step) -> None:
    new = R["neg"](t.w)
    t.set(t.w, new)
    t.graph.outputs = [t.w, new, R["exp"](new), matmul(t.w, new), new, t.w]


def one_value_for_two(t: Step) -> None:
    new = R["add"](t.w, t.u)
    t.set(t.w, new)
    t.set(t.u, new)
    t.graph.outputs = [new]


def constants_and_feeds(t: Step) -> None:
    t.set(t.w, const(t.graph, np.arange(16).reshape(4, 4), float32))
    t.set(t.u, const(t.graph, np.full((4, 4), 7), float32))
    t.set(t.c, R["reshape"](R["reduce_sum"](t.x, axes=(0,), keepdims=False), shape=(4, 1)))
    t.set(t.s, R["reduce_sum"](t.w, axes=None, keepdims=False))


def sum_over_a_dim_of_1(t: Step) -> None:
    """Sums that are kept where what they read stands."""
    t.set(t.c, R["reduce_sum"](R["mul"](t.c, t.c), axes=(1,), keepdims=True))
    t.set(t.s, R["reduce_prod"](R["sub"](t.s, t.number(3)), axes=(), keepdims=False))


def product_of_dims_of_1(t: Step) -> None:
    t.set(t.c, matmul(t.c, R["reduce_max"](t.c, axes=None, keepdims=True)))


def itself(t: Step) -> None:
    t.set(t.w, t.w)
    t.set(t.u, R["identity"](t.u))


def row_sums_of_another_order(t: Step) -> None:
    """The column is read across while it is written along."""
    t.set(t.c, R["add"](t.c, R["reduce_sum"](R["transpose"](t.c, perm=None), axes=(1,), keepdims=True)))


def gathered(t: Step) -> None:
    rows = const(t.graph, [3, 3, 0, 1], int32)
    t.set(t.w, R["gather"](t.w, rows, axis=0))
    t.set(t.u, R["add"](t.u, R["gather"](t.u, rows, axis=1)))


def shifted(t: Step) -> None:
    last = R["slice"](t.w, starts=(3, 0), sizes=(1, 4), steps=(1, 1))
    t.set(t.w, R["concat"](last, R["slice"](t.w, starts=(0, 0), sizes=(3, 4), steps=(1, 1)), axis=0))


def ring(t: Step) -> None:
    """Each takes the next's old value; one of them stands in a larger kernel."""
    v = R["variable"](graph=t.graph, name="v", dtype=float32, shape=(4, 4), key="v")
    t.arrays["v"] = np.arange(16, dtype=np.float32).reshape(4, 4)
    t.set(t.w, R["softplus"](t.u))
    t.set(t.u, R["sub"](v, R["reduce_sum"](v, axes=(1,), keepdims=True)))
    t.set(v, matmul(t.w, t.w))


CASES = [swap, swap_changed, swap_by_rows, transpose, reverse, descend, square, softmax, of_old_and_new]
CASES += [new_and_old_fetched, one_value_for_two, constants_and_feeds, sum_over_a_dim_of_1, product_of_dims_of_1]
CASES += [itself, row_sums_of_another_order, gathered, shifted, ring]


@pytest.mark.parametrize("case", CASES, ids=lambda f: f.__name__)
def test_updates_see_old_values(case: Callable[[Step], None]) -> None:
    t = Step()
    case(t)
    check_everywhere(t.graph, t.arrays, ulps=512)


@pytest.mark.parametrize(
    ("case", "copies"),
    [(descend, 0), (ring, 1), (swap, 1), (swap_changed, 1), (transpose, 1), (square, 1), (new_and_old_fetched, 3)],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_what_can_be_written_in_place_is(case: Callable[[Step], None], copies: int) -> None:
    t = Step()
    case(t)
    program = Lowered(t.graph, t.arrays).program
    assert sum(s.kernel.startswith("copy") for s in program.steps) == copies


def test_no_variable_is_written_before_the_last_check() -> None:
    t = Step()
    i = R["placeholder"](graph=t.graph, name="i", dtype=int32, shape=(4,))
    rows = R["gather"](t.x, i, axis=0)
    t.set(t.u, R["neg"](t.u))
    t.set(t.w, R["sub"](t.w, rows))
    t.graph.outputs = [R["reduce_sum"](R["gather"](t.x, i, axis=1), axes=None, keepdims=False)]
    t.arrays["i"] = np.array([0, 2, 1, 1], np.int32)
    lowered = check_everywhere(t.graph, t.arrays)
    variables = {s.buffer.name for s in lowered.program.slots if s.kind == "variable"}
    seen = False
    kernels = {k.name: k for k in lowered.program.kernels}
    for step in lowered.program.steps:
        k = kernels[step.kernel]
        seen |= any(a in variables and b.role != "in" for a, b in zip(step.args, k.buffers, strict=True))
        assert not (seen and any(isinstance(s, Check) for s in walk(k.body)))
    t.arrays["i"][0] = 9
    for found in (lowered.interpret(t.arrays), *(lowered.native(t.arrays, name) for name in TARGETS)):
        assert found.failed
        for name in ("w", "u"):
            np.testing.assert_array_equal(found.variables[name], t.arrays[name])
