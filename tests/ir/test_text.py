"""The textual form of graphs: exact round trips, and one clear error for all that is malformed."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfc.ir.attr_text import print_attr, read_attr
from tfc.ir.errors import GraphError, ParseError
from tfc.ir.graph import Graph, Loc
from tfc.ir.index import Dim, Index, floordiv, maximum, mod
from tfc.ir.lexer import Lexer
from tfc.ir.op import REGISTRY, Op
from tfc.ir.ops.common import const
from tfc.ir.structure import attr_key, difference, structurally_equal
from tfc.ir.text import parse_graph, print_graph
from tfc.ir.types import DTYPES, TensorType, bool_, float32, int64

D0, D1 = Index.symbol("d0"), Index.symbol("d1")

CLASSIFIER = """\
graph @main {
  %x = placeholder() {dtype = float32, shape = [d0, 784]} : float32[d0, 784] @ "train.py":12
  %layer/dense_1/kernel = variable() {dtype = float32, shape = [784, 10], key = "w"} : float32[784, 10]
  %logits = matmul(%x, %layer/dense_1/kernel) {transpose_a = false, transpose_b = false} : float32[d0, 10]
  %zeros = constant() {value = tensor<float32[784, 10]>[0.0, ...]} : float32[784, 10]
  %any = placeholder() {dtype = int8, shape = none} : int8[*]
  %"a name" = no_op() : () after %logits, %x @ "C:\\\\a \\"file\\".py":3
  %new = add(%layer/dense_1/kernel, %zeros) : float32[784, 10] after %"a name"
  return %logits, %any
  update %layer/dense_1/kernel = %new
}
"""


def round_trip(value: Any) -> Any:
    lexer = Lexer(print_attr(value))
    found = read_attr(lexer)
    lexer.end()
    return found


def test_text_stays_the_same() -> None:
    graph = parse_graph(CLASSIFIER)
    assert print_graph(graph) == CLASSIFIER
    assert graph["x"].loc == Loc("train.py", 12)
    assert graph["new"].control == (graph["a name"],)
    assert str(graph) == CLASSIFIER


def test_locations_are_optional() -> None:
    graph = parse_graph(CLASSIFIER)
    short = print_graph(graph, locations=False)
    assert "@ " not in short.replace("graph @", "")
    assert structurally_equal(parse_graph(short), graph, names=True)


VALUES: list[Any] = [
    0, -3, 2**64, True, False, None, 0.0, -0.0, 1e-7, -1.5e300, 5e-324, float("inf"), float("-inf"), float("nan"),
    "", 'a "b"\n\\ü', "none", *DTYPES.values(),
    TensorType(float32, (D0, 3)), TensorType(bool_, None), TensorType(int64, ()),
    D0, D0 * 2 + 1, -D0, D0 * D1 - D0 + 7, floordiv(D0 + 1, 2), mod(D0, D1) * 3 - 1, maximum(D0, 4),
    (), (1,), (1, (2.0, "x"), (D0, None)), ((),),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_attributes_round_trip(value: Any) -> None:
    found = round_trip(value)
    assert attr_key(found) == attr_key(value)
    assert type(found) is type(value)


def test_lists_and_numpy_scalars_are_read_as_plain_ones() -> None:
    assert round_trip([1, 2]) == (1, 2)
    assert type(round_trip(np.int64(3))) is int
    assert attr_key(np.float32(0.5)) == attr_key(0.5)


def test_a_kind_without_text_is_an_error() -> None:
    with pytest.raises(GraphError, match="kind object"):
        print_attr(object())


ARRAYS = [
    np.array(1.5, np.float32),
    np.array([0.1, 1e-45, 3.4e38, -0.0, np.inf, -np.inf, np.nan], np.float32),
    np.array([0x7FC00001, 0xFFC00000, 0x7F800001], np.uint32).view(np.float32),
    np.array([0.1, -3e38, np.nan, 1e-40], ml_dtypes.bfloat16),
    np.array([65504, 6e-8, 0.1, -0.0], np.float16),
    np.array([0.1, 5e-324, 1.7976931348623157e308]),
    np.array([2**64 - 1, 0], np.uint64),
    np.array([-(2**63), 2**63 - 1], np.int64),
    np.array([[True, False]]),
    np.zeros((784, 10), np.float32),
    np.full((70,), -0.0, np.float32),
    np.full((70,), np.nan, np.float64),
    np.zeros((0, 3), np.int8),
    np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32),
    np.arange(100).astype(ml_dtypes.bfloat16),
    np.arange(12, dtype=np.int16).reshape(3, 4).T,
    np.array([1.5, 2.5], ">f4"),
    np.broadcast_to(np.float32(2), (3, 3)),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_arrays_round_trip_to_the_bit(array: Any) -> None:
    found = round_trip(array)
    assert found.dtype.name == array.dtype.name
    assert attr_key(found) == attr_key(array)
    assert found.flags.writeable


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.uint64, np.bool_]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
    )
)
def test_any_array_round_trips(array: Any) -> None:
    assert attr_key(round_trip(array)) == attr_key(array)


def test_several_results_and_regions_round_trip() -> None:
    two = Op("two", lambda shapes, x, *, n: (x, TensorType(int64, (n,))), attrs=("n",))
    REGISTRY.ops["two"] = two
    try:
        graph = Graph("outer")
        x = const(graph, [1.0], float32)
        region = Graph("body", graph)
        region.outputs = [const(region, 1, int64)]
        node = graph.add(two, (x,), {"n": D0}, name="t-1.x", regions=(region, Graph("empty", graph)))
        graph.outputs = [REGISTRY["neg"](node.results[1])]
        text = print_graph(graph)
        found = parse_graph(text)
    finally:
        del REGISTRY.ops["two"]
    assert "%t-1.x:0, %t-1.x:1 = two(%constant) {n = d0} : (float32[1], int64[d0]) regions {" in text
    assert difference(found, graph, names=True) is None
    assert found["t-1.x"].regions[0].parent is found


P = "%p = placeholder() {dtype = float32, shape = [2]} : float32[2]\n"
MALFORMED = [
    ("", "line 1, column 1: expected 'graph', found the end of the text"),
    ("graph @m {", "line 1, column 11: expected 'return', found the end of the text"),
    ("graph m {return}", "expected '@'"),
    ("graph @m {return} x", "expected the end of the text, found 'x'"),
    ("graph @m {%a = foo() : () return}", "line 1, column 16: expected a known op, found 'foo'"),
    ("graph @m {%a = neg(%b) : float32[] return}", "no cycle can be written), found '%b'"),
    ("graph @m {%a = neg(%a) : float32[] return}", "no cycle can be written), found '%a'"),
    ("graph @m {return %a}", "no cycle can be written), found '%a'"),
    ("graph @m {%a = no_op() : () after %a return}", "a node defined above"),
    ("graph @m {%n = no_op() : () return %n}", "one of the 0 results"),
    (f"graph @m {{{P}return\nupdate %p = %q}}", "no cycle can be written), found '%q'"),
]
MALFORMED_NODES = [
    (P, "line 2, column 1: expected a name that is not taken, found '%p'"),
    ("%a = neg(%p) : float32[3]", "line 2, column 16: expected the inferred type float32[2], found 'float32[3]'"),
    ("%a = neg(%p) {axis = 1} : float32[2]", "expected the attributes of neg (none), found 'axis'"),
    ("%a = placeholder() {dtype = int8} : int8[]", "attributes of placeholder (dtype, shape), found 'dtype'"),
    ("%a = placeholder() {dtype = int8, dtype = int8} : int8[]", "the attributes of placeholder"),
    ("%a = placeholder() {dtype = 3, shape = 4} : int8[]", "attributes that placeholder takes"),
    ("%a = neg(%p, %p) : float32[2]", "operands and attributes that neg takes"),
    ("%a = neg() : float32[2]", "operands and attributes that neg takes"),
    ("%a = matmul(%p, %p) {transpose_a = false, transpose_b = false} : float32[]", "rank 2 or more"),
    ('%a = reduce_sum(%p) {axes = "x", keepdims = false} : float32[]', "that reduce_sum takes"),
    ("%a:0, %a:1 = neg(%p) : float32[2]", "expected 1 results, found '2'"),
    ("%a:0, %b:1 = neg(%p) : float32[2]", "expected %a:1, found '%b'"),
    ("%a = neg(%p:1) : float32[2]", "one of the 1 results"),
    (f"%a = constant() {{value = {'[' * 300}}} : int32[]", "levels of nesting"),
]
MALFORMED_DIMS = [
    ("3 // 0", "expected ','"),
    ("floordiv(3, 0)", "a divisor that is not zero"),
    ("gcd(3, 2)", "a function of two dims"),
    ("*".join(f"min(a{k}, b{k})" for k in range(9)), "the inferred type"),
    ("1" * 5000, "fewer digits"),
]
MALFORMED_VALUES = [
    ("tensor<float32[2]>[1.0]", "expected 2 elements of float32"),
    ("tensor<int8[1]>[300]", "expected 1 elements of int8"),
    ("tensor<int8[1]>[1.5]", "expected 1 elements of int8"),
    ('tensor<float32[1]>"AAA"', "expected 1 elements of float32"),
    ("tensor<float32[d0]>[1.0]", "a tensor of known dims"),
    ("tensor<float32[99999999999, 99]>[0.0, ...]", "elements of float32"),
    ("tensor<bool[1]>[1]", "expected a bool"),
    ("3", "attributes that constant takes"),
]
MALFORMED += [(f"graph @m {{{P}{node} return}}", message) for node, message in MALFORMED_NODES]
MALFORMED += [
    (f"graph @m {{%a = placeholder() {{dtype = int8, shape = [{dim}]}} : int8[7] return}}", message)
    for dim, message in MALFORMED_DIMS
]
MALFORMED += [
    (f"graph @m {{%a = constant() {{value = {value}}} : int8[7] return}}", message)
    for value, message in MALFORMED_VALUES
]


@pytest.mark.parametrize(("text", "message"), MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_text_is_one_clear_error(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_graph(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("line ")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_text_raises_nothing_but_parse_errors(data: st.DataObject) -> None:
    text = CLASSIFIER
    for _ in range(data.draw(st.integers(1, 4))):
        at, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        end = min(end, at + 12)
        part = st.sampled_from(
            ["", "%", "d0", "[", "}", "-1", "none", "1e9", '"', "...", "float32", "shape", "\x00", "é"]
        )
        text = text[:at] + data.draw(part) + text[end:]
    with suppress(ParseError):
        parse_graph(text)


def test_a_product_of_many_sums_does_not_hang() -> None:
    sums = "*".join(f"floordiv(a{k}*2 + b{k}*2, 2)" for k in range(60))
    start = time.monotonic()
    with pytest.raises(ParseError, match="terms"):
        parse_graph(f"graph @m {{%p = placeholder() {{dtype = float32, shape = [{sums}]}} : float32[] return}}")
    assert time.monotonic() - start < 20


def test_long_chains_print_and_parse() -> None:
    graph = Graph()
    v = const(graph, 1.0, float32)
    for _ in range(3000):
        v = REGISTRY["neg"](v)
    graph.outputs = [v]
    assert difference(parse_graph(print_graph(graph)), graph, names=True) is None


def test_differences_are_told() -> None:
    def graph(op: str, value: float, swap: bool = False, outputs: int = 1) -> Graph:
        g = Graph()
        pair = [const(g, value, float32), const(g, 2.0, float32)]
        g.outputs = [REGISTRY[op](*(reversed(pair) if swap else pair), name="r")] * outputs
        return g

    same = graph("sub", 1.0)
    assert difference(same, graph("sub", 1.0)) is None
    assert "op sub and add" in str(difference(same, graph("add", 1.0)))
    assert "value array(1., dtype=float32) and array(-1., dtype=float32)" in str(difference(same, graph("sub", -1.0)))
    assert "operands" in str(difference(same, graph("sub", 1.0, swap=True)))
    assert "outputs" in str(difference(same, graph("sub", 1.0, outputs=2)))
    zero, minus_zero, nan = graph("sub", 0.0), graph("sub", -0.0), graph("sub", float("nan"))
    assert not structurally_equal(zero, minus_zero)
    assert structurally_equal(nan, graph("sub", float("nan")))


def test_dims_print_as_they_are_read() -> None:
    for dim in (D0 - D1, D0 * D0 * 3 - 4, maximum(D0, D1) * 2):
        found: Dim = round_trip(dim)
        assert found == dim
