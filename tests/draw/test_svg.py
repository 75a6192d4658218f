"""Our own layout and painter, which need no Graphviz."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from graphlang.draw.dot import dot_text
from graphlang.draw.geometry import Placed
from graphlang.draw.layout import lay_out
from graphlang.draw.scene import View, make_scene
from graphlang.draw.svg import svg_text
from graphlang.pipeline import compile_source
from graphlang.source import SourceFile
from graphlang.types.tensor import DType, TensorType
from tests.draw.models import Maker, fork, nested, neuron, xyz
from tests.draw.test_dot import HOSTILE

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"


def overlap(a: Placed, b: Placed) -> bool:
    return (
        abs(a.x - b.x) < (a.width + b.width) / 2 - 0.01 and abs(a.y - b.y) < (a.height + b.height) / 2 - 0.01
    )


def contains(a: Placed, b: Placed) -> bool:
    return (
        abs(a.x - b.x) <= (a.width - b.width) / 2 + 0.01
        and abs(a.y - b.y) <= (a.height - b.height) / 2 + 0.01
    )


def test_nothing_overlaps_unless_it_lies_inside():
    scenes = [make_scene(*example()) for example in (xyz, neuron, fork)]
    scenes += [make_scene(nested(), view=View(depth=d)) for d in (0, 1, 2)]
    for scene in scenes:
        for a, b in combinations(lay_out(scene).placed, 2):
            assert not overlap(a, b) or (a.kind == "box" and contains(a, b))


def test_gates_are_centred_between_their_operands():
    placed = {(p.kind, p.id): p for p in lay_out(make_scene(*xyz())).placed}
    above, below = placed["wire", "x>"].y, placed["wire", "y>"].y
    assert abs(placed["item", "q"].y - (above + below) / 2) < 0.5


def test_a_picture_has_its_texts_titles_and_one_line_per_stretch():
    root = ElementTree.fromstring(svg_text(make_scene(*neuron())))
    texts = ["".join(t.itertext()) for t in root.iter(f"{SVG}text")]
    assert texts.count("0.20") == 5
    assert {"w₀", "×−1", "1/x", "−0.53", "f"} <= set(texts)
    titles = {t.text for t in root.iter(f"{SVG}title")}
    assert "f: value 0.73105858, gradient 1" in titles


def test_hostile_names_survive():
    make = Maker('"&<>')
    total = make.leaf(HOSTILE[0])
    for name in HOSTILE[1:]:
        total = make.op(f"sum {name}", "add", total, make.leaf(name), named=True)
    root = ElementTree.fromstring(svg_text(make_scene(make.model(total))))
    texts = {"".join(t.itertext()) for t in root.iter(f"{SVG}text")}
    assert {'q"uo"te', "<b>&amp;", "a:b", "new line"} <= texts


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_no_two_elements_have_one_id(direction: str):
    """The sum that gives a box's result has the path of the box."""
    source = SourceFile("m.graph", "input x = [[1.0, 2.0]]\nf = dense(x, 2) * 2\noutput f\n", None)
    scene = make_scene(compile_source(source).value, view=View(depth=2, direction=direction))
    root = ElementTree.fromstring(svg_text(scene))
    ids = [e.get("id") for e in root.iter() if e.get("id") is not None]
    assert {"f.dense", "box:f.dense"} <= set(ids)
    assert sorted(ids) == sorted(set(ids))


def test_a_title_in_front_of_the_wires_says_whose_it_is():
    root = ElementTree.fromstring(svg_text(make_scene(nested(), view=View(depth=2, direction="TB"))))
    ids = {g.get("id") for g in root.iter(f"{SVG}g")}
    titles = {g.get("data-title"): "".join(g.itertext()) for g in root.iter(f"{SVG}g") if g.get("data-title")}
    assert "box:net" in titles
    assert set(titles) <= ids
    assert titles["box:net"].strip().startswith("net")


@pytest.mark.parametrize("name", ["xyz", "fork-down", "layers"])
def test_our_own_pictures_are_painted_as_before(name: str, accept: bool):
    model, values, gradients = fork()
    scenes = {
        "xyz": make_scene(*xyz()),
        "fork-down": make_scene(
            model, values, gradients, View(direction="TB"), {("c", 1): 2.0, ("d", 0): 3.0}
        ),
        "layers": make_scene(nested(), view=View(depth=2)),
    }
    path, text = GOLDEN / f"{name}.svg", svg_text(scenes[name])
    if accept:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_a_picture_says_what_it_is_to_those_who_do_not_see_it():
    root = ElementTree.fromstring(svg_text(make_scene(nested(), view=View(depth=1))))
    assert (root.get("role"), root.get("aria-label")) == ("img", "nested")
    assert root.findtext(f"{SVG}title") == "nested"
    said = "A computation graph of 2 gates and 2 closed networks and 1 open box."
    assert root.findtext(f"{SVG}desc") == said
    assert not list(root.iter(f"{SVG}script"))


def test_every_item_and_wire_has_an_id_a_class_and_a_title():
    scene = make_scene(*neuron())
    root = ElementTree.fromstring(svg_text(scene))
    groups = {g.get("id"): g for g in root.iter(f"{SVG}g") if g.get("id")}
    assert set(groups) == {i.id for i in scene.items} | {w.id for w in scene.wires}
    for group in groups.values():
        assert group.get("class")
        assert group.findtext(f"{SVG}title")


def test_colours_are_literal_for_renderers_without_style_sheets():
    text = svg_text(make_scene(*xyz()))
    assert "var(" not in text
    for line in text.splitlines():
        if line.startswith(("<text", "<path", "<circle", "<rect")):
            assert 'fill="#' in line or 'stroke="#' in line


def test_slides_follow_the_readers_colours_and_fixed_themes_do_not():
    assert "prefers-color-scheme" in svg_text(make_scene(*xyz()))
    assert "prefers-color-scheme" not in svg_text(make_scene(*xyz(), View(theme="dark")))


def test_three_hundred_gates_are_laid_out():
    make = Maker()
    h = x = make.leaf("x")
    for k in range(300):
        h = make.op(f"h{k}", "add" if k % 2 else "mul", h, x)
    ElementTree.fromstring(svg_text(make_scene(make.model(h))))


def test_an_empty_graph_is_an_empty_picture():
    model, _, _ = xyz()
    model.nodes, model.outputs, model.of = [], [], None
    ElementTree.fromstring(svg_text(make_scene(model)))


def test_numbers_without_a_single_source_are_laid_out():
    make = Maker()
    scene = make_scene(make.model(make.op("f", "exp", 1.0, named=True)), {"f": 2.7})
    assert not any(item.is_source for item in scene.items)
    ElementTree.fromstring(svg_text(scene))
    dot_text(scene)


def test_hundreds_of_inputs_stand_where_they_are_used():
    make = Maker()
    h = make.leaf("x")
    for k in range(200):
        h = make.op(f"h{k}", "add", h, make.leaf(f"w{k}"))
    model = make.model(h)
    layout = lay_out(
        make_scene(model, {n.path: 1.5 for n in model.nodes}, {}, View(show=frozenset({"values"})))
    )
    where = {p.id: p.x for p in layout.placed if p.kind == "item"}
    assert where["x"] < where["w100"] < where["w199"] < where["h199"]


def test_what_only_the_loss_uses_stands_beside_it():
    make = Maker()
    h = make.leaf("x", kind=TensorType(DType.FLOAT, (2,)))
    labels = make.op("labels", "neg", make.leaf("y", kind=TensorType(DType.FLOAT, (2,))))
    for k in range(6):
        h = make.op(f"h{k}", "tanh", h)
    loss = make.op("loss", "sub", h, labels, named=True)
    where = {p.id: p for p in lay_out(make_scene(make.model(loss))).placed}
    assert where["h3"].x < where["y"].x < where["labels"].x < where["loss"].x
    assert where["labels"].y > where["h5"].y
    assert {where[f"h{k}"].y for k in range(6)} == {where["x"].y}
