"""Every op and its gradient, by the table of cases of the ops' tests, from graph to machine code.

The cases of one op stand in one graph, so that they are compiled together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.codegen_llvm.support import TARGETS
from tests.ir.ops.cases import CASES, Case, floats
from tests.ir.ops.lowering import apply
from tests.ir.ops.test_lowering import ATTRS, SCALARS, special_operands, takes
from tfc.ir.errors import DTypeError
from tfc.ir.graph import Graph, Node, Value
from tfc.ir.index import Index
from tfc.ir.op import REGISTRY
from tfc.ir.ops.common import const
from tfc.ir.types import dtype
from tfc.passes.autodiff import gradients
from tfc.passes.extract import ASSIGN, extract

from .support import check_everywhere

Array = np.ndarray[Any, Any]
OPS = list(dict.fromkeys(c.op for c in CASES))


class Suite:
    """A graph of many cases, the arrays for its placeholders, and what each output is."""

    def __init__(self) -> None:
        self.graph = Graph()
        self.arrays: dict[str, Array] = {}
        self.labels: list[str] = []

    def placeholder(self, x: Array, open_dims: bool = False) -> Value:
        name = f"x{len(self.arrays)}"
        shape = (Index.symbol(f"d{len(self.arrays)}"), *x.shape[1:]) if open_dims and x.ndim else x.shape
        self.arrays[name] = x
        return REGISTRY["placeholder"](graph=self.graph, name=name, dtype=dtype(x.dtype), shape=shape)

    def variable(self, x: Array) -> Value:
        name = f"x{len(self.arrays)}"
        self.arrays[name] = x
        attrs = {"dtype": dtype(x.dtype), "shape": x.shape, "key": name}
        return REGISTRY["variable"](graph=self.graph, name=name, **attrs)

    def add(self, case: Case, of: str = "float64", open_dims: bool = False, fed: int | None = None) -> None:
        """A case with its floats of a dtype; all operands are fed, or one of them and the others are constants."""
        stateful = case.op in ASSIGN or REGISTRY[case.op].draws is not None
        operands = []
        for k, given in enumerate(case.operands):
            x = given.astype(dtype(of).np) if given.dtype.kind == "f" else given
            if stateful and k == 0:
                operands.append(self.variable(x))
            elif fed not in (None, k):
                operands.append(const(self.graph, x, dtype(x.dtype)))
            else:
                operands.append(self.placeholder(x, open_dims))
        node = REGISTRY[case.op].node(*operands, graph=self.graph, **case.attrs)
        outputs = [*node.results, *self.slopes(node, operands, case.slopes)]
        self.graph.outputs += outputs
        self.labels += [f"{case} {k}" for k in range(len(outputs))]

    def slopes(self, node: Node, operands: list[Value], which: tuple[int, ...]) -> list[Value]:
        """Gradients of a node, each element of it weighing differently."""
        (y,) = node.results
        xs = [operands[k] for k in which]
        if not y.type.dtype.is_float or not all(x.type.dtype.is_float for x in xs):
            return []
        static = y.type.shape is not None and y.type.is_static
        weights = const(self.graph, floats(*y.type.dims), y.type.dtype) if static else None
        return [v for v in gradients([y], xs, [weights]) if v is not None]

    def check(self, ulps: float = 64, **options: Any) -> None:
        fed = [n.results[0] for n in self.graph.nodes if n.op.name == "placeholder"]
        check_everywhere(extract(self.graph, self.graph.outputs, fed), self.arrays, self.labels, ulps=ulps, **options)


def cases(op: str, turn: int = 0) -> list[Case]:
    """The cases of an op; of a random one, whose code is long, each third, of a convolution others for each turn."""
    found = [c for c in CASES if c.op == op]
    return found[::3] if REGISTRY[op].draws is not None else found[turn::2] if op.startswith("conv") else found


def target(op: str, *turns: int) -> tuple[str, ...]:
    """Compiling is what takes time: each test takes another target for an op, so that an op runs on all of them."""
    return tuple({TARGETS[(OPS.index(op) + turn) % len(TARGETS)]: None for turn in turns})


def takes_half(op: str) -> bool:
    """Whether an op has float operands and takes those of 16 bits."""
    case = cases(op)[0]
    try:
        apply(op, [x.astype(np.float16) if x.dtype.kind == "f" else x for x in case.operands], case.attrs)
    except DTypeError:
        return False
    return any(x.dtype.kind == "f" for x in case.operands)


OPEN = [op for op in OPS if REGISTRY[op].draws is None]
HALF = [op for op in OPS if takes_half(op)]


@pytest.mark.parametrize("op", OPS)
def test_fed_float64(op: str) -> None:
    suite = Suite()
    for case in cases(op):
        suite.add(case)
    others = [turn for turn, ops in ((1, OPEN), (2, HALF)) if op not in ops]
    # Integers decide uniform numbers to the bit; others go through logarithms and sines.
    exact = op in ("random_uniform", "random_uniform_int")
    suite.check(targets=target(op, 0, *others), ulps=0 if exact else 64)


@pytest.mark.parametrize("op", OPEN)
def test_fed_float32_of_open_leading_dims(op: str) -> None:
    suite = Suite()
    for case in cases(op, 1):
        suite.add(case, "float32", open_dims=True)
    suite.check(targets=target(op, 1))


@pytest.mark.parametrize("op", [op for op in OPS if len(cases(op)[0].operands) > 1])
def test_constant_operands(op: str) -> None:
    suite = Suite()
    for case in cases(op)[::2]:
        for fed in range(len(case.operands)):
            suite.add(case, fed=fed)
    suite.check(targets=())


@pytest.mark.parametrize("op", HALF)
def test_float16_and_bfloat16(op: str) -> None:
    suite = Suite()
    for case in cases(op)[::2]:
        for of in ("float16", "bfloat16"):
            suite.add(case, of)
    suite.check(ulps=16, targets=target(op, 2))


EXTREMES = ("maximum", "minimum", "relu", "relu6")
"""Of zeros of both signs, they give either."""


@pytest.mark.parametrize("of", ["float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("signs", [True, False])
def test_scalar_rules_at_special_values(of: str, signs: bool) -> None:
    """All combinations of NaN, infinities, zeros of both signs and the like; the signs of zeros count."""
    suite = Suite()
    for op in (op for op in SCALARS if takes(op, of) and (op not in EXTREMES) is signs):
        suite.add(Case(op, special_operands(op, of), ATTRS.get(op, {})), of)
    suite.check(ulps=8, signs=signs)
