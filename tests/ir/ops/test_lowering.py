"""What an op's lowering computes is what its reference computes."""

from __future__ import annotations

import numpy as np
import pytest

from tfc.ir.errors import DTypeError, ShapeError
from tfc.ir.graph import Graph
from tfc.ir.index import Index
from tfc.ir.interpret_graph import evaluate
from tfc.ir.op import REGISTRY
from tfc.ir.types import float32, float64

from .cases import CASES, Case, floats
from .lowering import Array, Lowered, agrees, apply


def close(found: Array, expected: Array, ulps: float = 16) -> None:
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
        return
    eps = float(np.finfo(expected.dtype).eps)
    np.testing.assert_allclose(found, expected, rtol=ulps * eps, atol=ulps * eps)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lowering_is_the_reference(case: Case) -> None:
    node, feeds = apply(case.op, case.operands, case.attrs)
    (expected,) = evaluate(node.graph, feeds, node.results)
    lowered = Lowered(feeds)
    found = lowered.value(node.results[0])
    assert agrees(node.type, found), (node.type, found.dtype, found.shape)
    close(found, expected)
    assert not lowered.failed


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 6.0, 7.25, 1e-30, -1e-30, 60.0, -60.0]
SPECIAL += [float("nan"), float("inf"), float("-inf"), 5e-324, 1e300]
SCALARS = sorted(op.name for op in REGISTRY.ops.values() if op.scalar is not None)
DTYPES = ("float16", "float32", "float64", "bool", "int8", "uint8", "int32", "int64")
ATTRS: dict[str, dict[str, object]] = {
    "leaky_relu": {"alpha": 0.25},
    "gelu": {"approximate": True},
    "cast": {"dtype": float32},
}


def takes(op: str, of: str) -> bool:
    arity = len(next(c for c in CASES if c.op == op).operands)
    operands = [np.zeros(1, np.bool_ if op == "select" and k == 0 else of) for k in range(arity)]
    try:
        apply(op, operands, ATTRS.get(op, {}))
    except DTypeError:
        return False
    return True


def special_operands(name: str, of: str) -> list[Array]:
    """All combinations of special values for the operands of an op; for `mod` of floats of quotients below 2**53."""
    with np.errstate(all="ignore"):
        values = np.array(SPECIAL).astype(of) if of[0] == "f" else np.arange(-3, 4).astype(of)
    if of[0] == "i" and name not in ("sub", "neg", "abs"):
        values = np.append(values, [np.iinfo(of).min, np.iinfo(of).max]).astype(of)
    arity = len(next(c for c in CASES if c.op == name).operands)
    if name == "mod" and of[0] == "f":
        wide = np.abs(values.astype(np.float64))
        values = values[~((wide > 1e10) & np.isfinite(wide)) & ~((wide < 1e-10) & (wide != 0))]
    grid = [g.reshape(-1) for g in np.meshgrid(*[values] * arity)]
    if name == "select":
        grid[0] = np.arange(grid[0].size) % 2 == 0
    return grid


@pytest.mark.parametrize(("name", "of"), [(op, of) for op in SCALARS for of in DTYPES if takes(op, of)])
def test_scalar_rules_at_special_values(name: str, of: str) -> None:
    node, feeds = apply(name, special_operands(name, of), ATTRS.get(name, {}))
    (expected,) = evaluate(node.graph, feeds, node.results)
    found = Lowered(feeds).value(node.results[0])
    eps = float(np.finfo(of).eps) if of[0] == "f" else 0
    np.testing.assert_allclose(found, expected, rtol=4 * eps)
    if of[0] == "f":
        known = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found)[known], np.signbit(expected)[known])


@pytest.mark.parametrize(
    ("shape", "to"),
    [
        (("n", 6), (-1, 2, 3)),
        (("n", 2, 3), (-1, 6)),
        (("n", 6), ("n", 3, 2)),
        (("n", 6), (-1,)),
        (("n", 6), (6, -1)),
        (("n", "m"), ("m", "n")),
        ((1, "n", 1), ("n", 1)),
        (("n", 4, 6), ("n", 6, 4)),
    ],
)
@pytest.mark.parametrize("n", [0, 1, 3, 5])
def test_reshape_of_open_dims(shape: tuple[int | str, ...], to: tuple[int | str, ...], n: int) -> None:
    def dims(given: tuple[int | str, ...]) -> tuple[int | Index, ...]:
        return tuple(Index.symbol(d) if isinstance(d, str) else d for d in given)

    graph, values = Graph(), {"n": n, "m": 4}
    x = REGISTRY["placeholder"](graph=graph, dtype=float64, shape=dims(shape))
    y = REGISTRY["reshape"](x, shape=dims(to))
    array = floats(*(values[d] if isinstance(d, str) else d for d in shape))
    feeds = {x: array}
    (expected,) = evaluate(graph, feeds, [y])
    np.testing.assert_array_equal(Lowered(feeds, values).value(y), expected)


def test_reshape_indices_stay_apart() -> None:
    """Where groups of dims match, an index is not flattened with others."""
    graph = Graph()
    n = Index.symbol("n")
    x = REGISTRY["placeholder"](graph=graph, dtype=float64, shape=(n, 28, 28, 3))
    node = REGISTRY["reshape"](x, shape=(n, 784, 3)).node
    seen = []

    class Spy:
        def operand(self, k: int, at: object) -> object:
            seen.append(str(at))
            return at

        def simplify(self, x: object) -> object:
            return x

    i, j, k = (Index.symbol(s) for s in "ijk")
    assert node.op.element is not None
    node.op.element(Spy(), node, (i, j, k))  # type: ignore[arg-type]
    assert seen == ["(i, floordiv(j, 28), mod(j, 28), k)"]


@pytest.mark.parametrize(
    ("op", "arrays", "attrs"),
    [
        ("gather", [floats(3, 2), np.array([0, 3])], {"axis": 0}),
        ("gather", [floats(3, 2), np.array([-1])], {"axis": 1}),
        ("gather", [floats(0, 2), np.array([0])], {"axis": 0}),
        ("sparse_softmax_cross_entropy", [floats(2, 3), np.array([0, 3])], {}),
        ("sparse_softmax_cross_entropy", [floats(2, 3), np.array([-1, 0])], {}),
        ("label_mask", [np.array([-1, 0]), floats(2, 3)], {}),
        ("int_pow", [np.array([2, 3]), np.array([1, -1])], {}),
    ],
)
def test_a_bad_index_or_exponent_is_reported(op: str, arrays: list[Array], attrs: dict[str, object]) -> None:
    node, feeds = apply(op, arrays, attrs)
    lowered = Lowered(feeds)
    lowered.value(node.results[0])
    assert len(lowered.failed) == 1
    with pytest.raises(ShapeError, match="negative"):
        evaluate(node.graph, feeds, node.results)
