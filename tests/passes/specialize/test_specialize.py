"""Shape classes: what the fed dims decide, and the equations that a class stands on.

A golden has the shapes that are fed, the graph before, the graph of their class and its guards.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tfc.ir.errors import ShapeError
from tfc.ir.index import subs
from tfc.ir.structure import difference
from tfc.ir.text import parse_graph, print_graph
from tfc.ir.verify import verify_graph
from tfc.passes.specialize import ShapeClass, specialize

GOLDENS = sorted(Path(__file__).parent.glob("*.golden"))


def class_of(text: str) -> tuple[ShapeClass, str]:
    """The shape class of a golden, and the rest of the golden."""
    fed, rest = text.split("\n", 1)
    before, after = rest.split("# becomes")
    graph = parse_graph(before)
    unchanged = print_graph(graph)
    found = specialize(graph, [tuple(s) for s in ast.literal_eval(f"[{fed.removeprefix('# fed ')}]")])
    assert print_graph(graph) == unchanged
    return found, after


@pytest.mark.parametrize("path", GOLDENS, ids=lambda p: p.stem)
def test_golden(path: Path) -> None:
    found, after = class_of(path.read_text())
    verify_graph(found.graph)
    expected, guards = after.split("# guards")
    assert difference(found.graph, parse_graph(expected), names=True) is None, print_graph(found.graph)
    assert [f"# {a} == {b}" for a, b in found.guards] == guards.strip().splitlines()


def holds(found: ShapeClass, **dims: int) -> bool:
    return all(subs(a, dims) == subs(b, dims) for a, b in found.guards)


def read(name: str) -> ShapeClass:
    return class_of((Path(__file__).parent / f"{name}.golden").read_text())[0]


def test_a_class_takes_the_dims_that_fulfil_its_guards() -> None:
    parts = read("parts")
    assert holds(parts, n=6, m=3)
    assert holds(parts, n=8, m=4)
    assert not holds(parts, n=8, m=3)
    assert not holds(parts, n=7, m=3)
    assert not holds(parts, n=4, m=2)  # the slice reads up to 4
    broadcast = read("broadcast")
    assert holds(broadcast, d0=7, d1=1, d2=7)
    assert not holds(broadcast, d0=7, d1=7, d2=7)
    ranks = read("ranks")
    assert holds(ranks, s0_0=3, s0_1=1, s0_2=0, s1_0=0)
    assert not holds(ranks, s0_0=1, s0_1=1, s0_2=2, s1_0=2)
    assert not holds(ranks, s0_0=3, s0_1=2, s0_2=2, s1_0=2)
    vector, matrix = read("vector"), read("matrix")
    for rows in (1, 2, 100):
        assert holds(vector, n=rows, k=7, d=7, m=1)
        assert not holds(vector, n=rows, k=7, d=7, m=3)
        assert holds(matrix, n=rows, k=7, d=7, m=3)
        assert holds(matrix, n=rows, k=7, d=7, m=0)
        assert not holds(matrix, n=rows, k=7, d=7, m=1)


LINE = '@ "model.py":7'


@pytest.mark.parametrize(
    ("nodes", "fed", "message"),
    [
        ("add(%x, %y) : float32[broadcast(n, m)]", "[3], [4]", "dims 3 and 4 cannot be broadcast"),
        ("slice(%x) {starts = [2], sizes = [3], steps = [1]} : float32[3]", "[4], [0]", "reads index 4, the last is 3"),
        ("slice(%x) {starts = [0], sizes = [m - 2], steps = [1]} : float32[m - 2]", "[4], [1]", "size -1 of a slice"),
        ("reshape(%x) {shape = [2, -1]} : float32[2, floordiv(n, 2)]", "[5], [0]", "5 and 4 differ"),
        ("squeeze(%x) {axes = [0]} : float32[]", "[2], [0]", "2 and 1 differ"),
        ("argmax(%x) {axis = 0, dtype = int32} : int32[]", "[0], [0]", "axis 0 is empty"),
        (
            'pad(%x) {paddings = [[3, 0]], value = 0.0, mode = "reflect"} : float32[n + 3]',
            "[3], [0]",
            "pads a dim of n by 2 at most, not 3",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_named_with_the_line(nodes: str, fed: str, message: str) -> None:
    text = f"""
    graph @main {{
      %x = placeholder() {{dtype = float32, shape = [n]}} : float32[n]
      %y = placeholder() {{dtype = float32, shape = [m]}} : float32[m]
      %z = {nodes} {LINE}
      return %z
    }}
    """
    with pytest.raises(ShapeError, match=message) as raised:
        specialize(parse_graph(text), [tuple(s) for s in ast.literal_eval(f"[{fed}]")])
    assert "at model.py:7" in str(raised.value)
