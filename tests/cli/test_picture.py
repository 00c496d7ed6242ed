"""Pictures of graphs: what they show, and where."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfc.cli.picture import picture_of, to_dot, to_svg
from tfc.cli.picture.boxes import Arrow, Box, Picture
from tfc.cli.picture.layout import Layout, arranged
from tfc.ir.graph import Graph
from tfc.ir.op import REGISTRY
from tfc.ir.ops.common import constant
from tfc.ir.text import parse_graph

SVG = "{http://www.w3.org/2000/svg}"
GAP_X, GAP_Y = 10.0, 20.0

STEP = parse_graph(
    """
    graph @step {
      %x = placeholder() {dtype = float32, shape = [d0, 4]} : float32[d0, 4]
      %w = variable() {dtype = float32, shape = [4, 2], key = "w"} : float32[4, 2]
      %y = matmul(%x, %w) {transpose_a = false, transpose_b = false} : float32[d0, 2]
      %twice = add(%y, %y) : float32[d0, 2]
      %loss = reduce_sum(%twice) {axes = [0, 1], keepdims = false} : float32[]
      %rate = constant() {value = tensor<float32[]>[0.1]} : float32[]
      %new = sub(%w, %rate) : float32[4, 2] after %loss
      return %loss, %y
      update %w = %new
    }
    """
)


# Boxes


def test_what_a_picture_shows() -> None:
    picture = picture_of(STEP)
    assert picture.name == "step"
    assert picture.boxes == (
        Box("placeholder", ("float32[d0, 4]", "x"), "feed"),
        Box("variable", ("float32[4, 2]", "w"), "variable"),
        Box("matmul", ("float32[d0, 2]", "y"), "contract"),
        Box("add", ("float32[d0, 2]", "twice"), "op"),
        Box("reduce_sum axes=[0, 1]", ("float32[]", "loss"), "reduce"),
        Box("0.1", ("float32[]", "rate"), "constant"),
        Box("sub", ("float32[4, 2]", "new"), "op"),
        Box("return 0", (), "end"),
        Box("return 1", (), "end"),
        Box("update w", (), "end"),
    )
    strong = {(0, 2), (1, 2), (2, 3), (3, 4), (1, 6), (5, 6), (4, 7), (2, 8), (6, 9)}
    assert set(picture.arrows) == {Arrow(*ends) for ends in strong} | {Arrow(4, 6, weak=True)}


@pytest.mark.parametrize(
    ("value", "title"),
    [
        (np.float32(0.1), "0.1"),
        (np.zeros((3, 2), np.float64), "0"),
        (np.full(3, 7, np.int64), "7"),
        (np.array(True), "True"),
        (np.arange(3), "constant"),
        (np.array([np.nan]), "constant"),
        (np.zeros((0, 3)), "constant"),
    ],
)
def test_a_constant_is_its_number_where_it_is_one(value: np.ndarray, title: str) -> None:
    graph = Graph()
    constant(graph=graph, value=np.asarray(value), name="c")
    assert picture_of(graph).boxes[0].title == title


def test_attributes_that_say_something_are_shown() -> None:
    graph = parse_graph(
        """
        graph @g {
          %x = placeholder() {dtype = float32, shape = [d0, 4]} : float32[d0, 4]
          %n = dim() {value = 2*d0, dtype = int64} : int64[]
          %y = matmul(%x, %x) {transpose_a = true, transpose_b = false} : float32[4, 4]
          return
        }
        """
    )
    assert [box.title for box in picture_of(graph).boxes] == ["placeholder", "dim value=2*d0", "matmul transpose_a"]


def test_long_names_are_cut() -> None:
    graph = Graph()
    constant(graph=graph, value=np.ones(1), name="n" * 100)
    assert picture_of(graph).boxes[0].lines[-1] == "n" * 39 + "…"


# DOT and SVG


def test_dot() -> None:
    lines = to_dot(picture_of(STEP)).splitlines()
    assert lines[0] == 'digraph "step" {'
    assert lines[-1] == "}"
    nodes = [line for line in lines if re.match(r"  n\d+ \[", line)]
    assert len(nodes) == 10
    assert "<b>reduce_sum axes=[0, 1]</b><br/>" in nodes[4]
    arrows = {line.strip() for line in lines if "->" in line}
    assert "n0 -> n2" in arrows
    assert "n4 -> n6 [style=dashed]" in arrows
    assert len(arrows) == len(picture_of(STEP).arrows)


def test_svg_is_xml_with_all_boxes_and_arrows_in_its_frame() -> None:
    picture = picture_of(STEP)
    root = ET.fromstring(to_svg(picture))
    texts = [e.text for e in root.iter(f"{SVG}text")]
    assert texts == [text for box in picture.boxes for text in (box.title, *box.lines)]
    rects = list(root.iter(f"{SVG}rect"))[1:]
    assert len(rects) == len(picture.boxes)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for rect in rects:
        assert 0 <= float(rect.attrib["x"]) <= width - float(rect.attrib["width"])
        assert 0 <= float(rect.attrib["y"]) <= height - float(rect.attrib["height"])
    paths = [e for e in root.iter(f"{SVG}path") if "marker-end" in e.attrib]
    assert len(paths) == len(picture.arrows)
    assert sum("stroke-dasharray" in e.attrib for e in paths) == 1


def test_an_arrow_ends_downward_on_its_box() -> None:
    """A straight last stretch of no length would turn the arrow's head."""
    root = ET.fromstring(to_svg(picture_of(STEP)))
    tops = {float(rect.attrib["y"]) for rect in list(root.iter(f"{SVG}rect"))[1:]}
    for path in root.iter(f"{SVG}path"):
        if "marker-end" in path.attrib:
            *_, (_, y_before), (_, y) = re.findall(r"([-\d.]+),([-\d.]+)", path.attrib["d"])
            assert float(y_before) < float(y)
            assert float(y) in tops


def test_marks_of_xml_are_escaped() -> None:
    picture = Picture('a<b&"c"', (Box("x<y>&\x07", ('"q"',), "op"),), ())
    root = ET.fromstring(to_svg(picture))
    assert root.findtext(f"{SVG}title") == 'a<b&"c"'
    assert [e.text for e in root.iter(f"{SVG}text")] == ["x<y>&\N{REPLACEMENT CHARACTER}", '"q"']
    assert "<b>x&lt;y&gt;&amp;" in to_dot(picture)


def test_an_empty_graph() -> None:
    picture = picture_of(Graph("empty"))
    assert ET.fromstring(to_svg(picture)).findtext(f"{SVG}title") == "empty"
    assert to_dot(picture).startswith('digraph "empty" {')


# Layout


@st.composite
def pictures(draw: st.DrawFn) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    sizes = draw(st.lists(st.tuples(st.floats(5, 90), st.floats(5, 40)), min_size=1, max_size=14))
    pairs = [(a, b) for b in range(len(sizes)) for a in range(b)]
    return sizes, draw(st.lists(st.sampled_from(pairs), max_size=20)) if pairs else []


def overlaps(layout: Layout, sizes: list[tuple[float, float]], a: int, b: int) -> bool:
    (xa, ya), (xb, yb) = layout.centres[a], layout.centres[b]
    (wa, ha), (wb, hb) = sizes[a], sizes[b]
    return abs(xa - xb) < (wa + wb) / 2 + GAP_X - 1e-6 and abs(ya - yb) < (ha + hb) / 2


@settings(max_examples=200, deadline=None)
@given(pictures())
def test_boxes_keep_apart_and_arrows_point_down(case: tuple[list[tuple[float, float]], list[tuple[int, int]]]) -> None:
    sizes, arrows = case
    layout = arranged(sizes, arrows, GAP_X, GAP_Y)
    for b in range(len(sizes)):
        (x, y), (w, h) = layout.centres[b], sizes[b]
        assert x - w / 2 >= -1e-6
        assert x + w / 2 <= layout.width + 1e-6
        assert y - h / 2 >= -1e-6
        assert y + h / 2 <= layout.height + 1e-6
        assert not any(overlaps(layout, sizes, a, b) for a in range(b))
    for start, end in arrows:
        way = layout.ways[start, end]
        heights = [layout.centres[start][1], *(y for _, y in way), layout.centres[end][1]]
        assert heights == sorted(heights)
        assert layout.centres[start][1] < layout.centres[end][1]


@settings(max_examples=200, deadline=None)
@given(pictures())
def test_no_box_is_in_the_way_of_an_arrow(case: tuple[list[tuple[float, float]], list[tuple[int, int]]]) -> None:
    """Where an arrow crosses a layer it is upright, and beside the boxes there."""
    sizes, arrows = case
    layout = arranged(sizes, arrows, GAP_X, GAP_Y)
    for start, end in arrows:
        way = layout.ways[start, end]
        for (xa, ya), (xb, yb) in zip(way[1:-1:2], way[2:-1:2], strict=True):
            assert xa == xb
            for (x, y), (w, _) in zip(layout.centres, sizes, strict=True):
                assert not (ya <= y <= yb and abs(x - xa) < w / 2)


def test_crossings_that_need_not_be_are_undone() -> None:
    sizes = [(10.0, 10.0)] * 6
    layout = arranged(sizes, [(0, 5), (1, 4), (2, 3)], GAP_X, GAP_Y)
    xs = [x for x, _ in layout.centres]
    assert [xs[5] - xs[0], xs[4] - xs[1], xs[3] - xs[2]] == pytest.approx([0, 0, 0])


def test_a_source_stands_right_above_its_first_user() -> None:
    layout = arranged([(10.0, 10.0)] * 5, [(0, 1), (1, 2), (2, 3), (4, 3)], GAP_X, GAP_Y)
    assert layout.centres[4][1] == layout.centres[2][1]


def test_every_op_has_a_colour() -> None:
    from tfc.cli.picture.boxes import _kind
    from tfc.cli.picture.style import FILLS

    class Of:
        def __init__(self, op: object) -> None:
            self.op = op

    assert {_kind(Of(op)) for op in REGISTRY} | {"end"} == FILLS.keys()  # type: ignore[arg-type]
