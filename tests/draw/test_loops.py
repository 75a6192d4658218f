"""Loops whose iterations are alike are one box."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from graphlang import pipeline
from graphlang.draw.elements import Scene
from graphlang.draw.scene import View, make_scene
from graphlang.draw.svg import svg_text
from graphlang.graph.model import Model
from graphlang.source import SourceFile

TRANSFORMER = """
const L = 12
const D = 16
network block(x: [N, T, D]) -> y {
  a = x + (x -> layer_norm -> attention(heads = 2, causal = true))
  y = a + (a -> layer_norm -> dense(4*D, gelu) -> dense(D))
}
input words: int[N, T] = [[3, 1, 4], [2, 7, 1]]
input next: int[N] = [1, 2]
h = words -> embedding(count = 10, units = D)
for k in 1..L { h = block(h) }
loss = cross_entropy(h[:, -1] -> dense(10), next)
output loss
"""


def model(text: str) -> Model:
    outcome = pipeline.compile_source(SourceFile("m.graph", text))
    assert outcome.ok, [d.message for d in outcome.problems]
    found, _ = pipeline.objective(outcome.value, None)
    return pipeline.differentiate(outcome.value, found)


def scene(text: str, **view: object) -> Scene:
    return make_scene(model(text), view=View(**view))  # type: ignore[arg-type]


def titles(found: Scene) -> dict[str, str]:
    return {box.id: box.title for box in found.boxes}


def gates(found: Scene) -> list[str]:
    return [item.label for item in found.items if item.kind == "gate"]


def test_twelve_equal_layers_are_one_box_with_their_number():
    found = scene(TRANSFORMER, depth=0)
    assert titles(found) == {"for": "×12  for k in 1..L"}
    inside = [item for item in found.items if item.box == "for"]
    assert [(item.label, item.id) for item in inside] == [("block", "h[1].block")]
    assert len(found.items) < 12


def test_what_the_box_holds_is_counted_for_all_iterations():
    (box,) = scene(TRANSFORMER, depth=0).boxes
    every = sum(p.type.size for p in model(TRANSFORMER).params.values() if p.path.startswith("h["))
    assert box.detail == f"{every:,} parameters"


def test_the_wire_from_before_the_loop_enters_and_the_last_one_leaves():
    found = scene(TRANSFORMER, depth=0)
    wires = {wire.source: [use.target for use in wire.uses] for wire in found.wires}
    (entering,) = [w for w in found.wires if "h[1].block" in [u.target for u in w.uses]]
    assert entering.source.endswith("embedding")
    (leaving,) = [w for w in found.wires if w.source == "h[1].block"]
    assert leaving.tooltip.startswith("h[12]")
    assert all("h[1].block" not in wires[source] for source in wires if source == "h[1].block")


@pytest.mark.parametrize("view", [{"unfold": True}, {"open": ("h",)}, {"open": ("for",)}])
def test_loops_unfold_when_asked_to(view: dict[str, object]):
    found = scene(TRANSFORMER, depth=0, **view)
    blocks = [item.id for item in found.items if item.label == "block"]
    assert blocks == [f"h[{k}].block" for k in range(1, 13)]


def test_a_loop_closes_like_a_network():
    found = scene(TRANSFORMER, depth=0, close=("for",))
    (item,) = [item for item in found.items if item.id == "for"]
    assert item.label.startswith("×12")
    assert not found.boxes


def test_iterations_that_differ_stay_unfolded():
    text = (
        "input x = 0.5\nh = x\nfor k in 1..3 { if k % 2 == 0 { h = sin(h) } else { h = cos(h) } }\noutput h"
    )
    assert gates(scene(text)) == ["cos", "sin", "cos"]


def test_a_first_layer_of_its_own_width_stands_before_the_box():
    text = (
        "input x: [N, 2] = [[1, 2]]\nh = x\nfor k in 1..4 { h = h -> dense(5) -> tanh }\nf = sum(h)\noutput f"
    )
    found = scene(text, depth=0)
    assert titles(found) == {"for": "×3  for k in 1..4"}
    assert [i.id for i in found.items if i.kind == "network"] == ["h[1].dense", "h[2].dense"]
    assert [box.detail for box in found.boxes] == [
        "90 parameters"
    ]  # 3 (5 · 5 + 5), without the first layer's


def test_a_loop_holds_the_parameters_that_are_declared_in_it():
    text = "input u = [1, 2]\nparam a = 0.5\nh = 0.1\nfor t in 0..1 {\n  h = a * h + u[t]\n}\noutput h"
    assert [box.detail for box in scene(text).boxes] == [""]


def test_loops_in_loops_fold_to_one_innermost_body():
    text = "input x = 0.5\nh = x\nfor j in 1..3 {\n  for k in 1..4 { h = sin(h) }\n  h = h * 0.5\n}\noutput h"
    found = scene(text)
    assert gates(found) == ["sin", "×0.5"]
    assert sorted(titles(found).values()) == ["×3  for j in 1..3", "×4  for k in 1..4"]


def test_a_weight_for_each_iteration_still_enters_the_box():
    text = (
        "input x = [1.0, 2.0]\nparam A: [2, 2] = 1\nparam B: [2, 2] = 2\nh = x\n"
        "for W in [A, B] { h = tanh(W @ h) }\nf = sum(h)\noutput f"
    )
    found = scene(text)
    entering = {w.source for w in found.wires for u in w.uses if u.target == "h[1].matmul"}
    assert entering == {"x", "A", "B"}


def test_one_set_of_weights_for_all_time_steps_is_drawn_once():
    text = (
        "input x: [3, 2] = 1\nlayer step = dense(2, tanh)\nh = x[0:1]\n"
        "for t in 0..2 { h = step(h + x[t:t+1]) }\nf = sum(h)\noutput f"
    )
    found = scene(text, depth=3)
    assert titles(found)["for"] == "×3  for t in 0..2"
    assert [i.label for i in found.items if i.kind == "param"] == ["W", "b"]


def test_five_thousand_nodes_in_loops_are_a_small_picture_at_once():
    lines = ["input x = [[0.1, 0.2]]", "h = x", "for k in 1..700 {", "  param W: [2, 2] = 0.1",
             "  a = tanh(h @ W)", "  for j in 1..2 { a = sin(a) * 0.5 }", "  h = h + a", "}",
             "f = sum(h)", "output f"]  # fmt: skip
    made = model("\n".join(lines))
    assert len(made.nodes) > 5000
    start = time.process_time()
    found = make_scene(made)
    svg_text(found)
    assert time.process_time() - start < 10
    assert len(found.items) < 15
    assert sorted(titles(found).values()) == ["×2  for j in 1..2", "×700  for k in 1..700"]


@pytest.mark.parametrize("depth", [0, 1, 9])
def test_every_example_with_a_loop_is_drawn_folded_and_unfolded(depth: int):
    for path in sorted((Path(__file__).parents[2] / "examples").glob("*.graph")):
        text = path.read_text(encoding="utf-8")
        if "\nfor " not in text or "data " in text:
            continue
        outcome = pipeline.compile_source(SourceFile(path.name, text, str(path)))
        for unfold in (False, True):
            svg_text(make_scene(outcome.value, view=View(depth=depth, unfold=unfold)))
