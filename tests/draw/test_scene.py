"""What a picture shows: items, wires, boxes."""

from __future__ import annotations

import numpy as np
import pytest

from graphlang.diagnostics import GraphlangError
from graphlang.draw.scene import Scene, View, make_scene
from tests.draw.models import Maker, fork, nested, neuron, xyz


def wires(scene: Scene) -> dict[str, tuple[str, str]]:
    return {w.id[:-1]: (" ".join(w.value), " ".join(w.gradient)) for w in scene.wires}


def labels(scene: Scene, kind: str) -> list[str]:
    return [item.label for item in scene.items if item.kind == kind]


def ends(scene: Scene) -> set[tuple[str, str]]:
    return {(w.source, use.target) for w in scene.wires for use in w.uses}


def test_values_stand_above_and_gradients_below():
    scene = make_scene(*xyz())
    assert wires(scene) == {
        "x": ("−2", "−4"), "y": ("5", "−4"), "z": ("−4", "3"), "q": ("3", "−4"), "f": ("−12", "1"),
    }  # fmt: skip
    assert ends(scene) == {("x", "q"), ("y", "q"), ("q", "f"), ("z", "f"), ("f", ">f")}


def test_inputs_stand_in_source_order_and_the_output_has_its_name():
    scene = make_scene(*neuron())
    assert labels(scene, "input") == ["w0", "x0", "w1", "x1", "w2"]
    assert labels(scene, "output") == ["f"]


def test_numbers_in_formulas_are_no_items():
    scene = make_scene(*neuron())
    assert labels(scene, "gate") == ["×", "×", "+", "+", "×−1", "exp", "+1", "1/x"]
    assert len(scene.wires) == 13
    assert wires(scene)["e"] == ("0.37", "−0.53")


def test_a_fork_carries_the_sum_and_each_branch_its_part():
    model, values, gradients = fork()
    scene = make_scene(model, values, gradients, parts={("c", 1): 2.0, ("d", 0): 3.0, ("c", 0): 2.0})
    (b,) = [w for w in scene.wires if w.source == "b"]
    assert b.gradient == ("5",)
    assert [(use.target, use.part) for use in b.uses] == [("c", "+ 2"), ("d", "+ 3")]
    assert all(use.part == "" for w in scene.wires if w.source != "b" for use in w.uses)


def test_a_square_has_two_branches():
    make = Maker()
    x = make.leaf("x")
    scene = make_scene(make.model(make.op("f", "mul", x, x, named=True)))
    assert [use.target for use in scene.wires[0].uses] == ["f", "f"]


def test_depth_opens_networks_level_by_level():
    closed, layers, ops = (make_scene(nested(), view=View(depth=d)) for d in (0, 1, 2))
    (net,) = [i for i in closed.items if i.kind == "network"]
    assert (net.label, net.detail, net.is_nested) == ("net", "2 layers · 37 parameters", True)
    assert [(b.id, b.detail) for b in layers.boxes] == [("net", "37 parameters")]
    assert [(i.label, i.detail) for i in layers.items if i.kind == "network"] == [
        ("dense", "25"),
        ("dense", "12"),
    ]
    assert [b.id for b in ops.boxes] == ["net", "net.dense_1", "net.dense_2"]
    assert [(i.label, i.detail, i.box) for i in ops.items if i.kind == "param"][:2] == [
        ("W", "[4, 5]", "net.dense_1"),
        ("b", "[5]", "net.dense_1"),
    ]


def test_gates_are_one_item_unless_opened():
    assert labels(make_scene(nested(), view=View(depth=0)), "loss") == ["cross_entropy"]
    opened = make_scene(nested(), view=View(depth=0, open=("loss",)))
    assert [b.id for b in opened.boxes] == ["loss"]


def test_open_and_close_take_paths_and_names():
    scene = make_scene(nested(), view=View(open=("net.dense_1",), depth=0))
    assert [b.id for b in scene.boxes] == ["net", "net.dense_1"]
    scene = make_scene(nested(), view=View(close=("dense",)))
    assert [b.id for b in scene.boxes] == ["net"]


def test_an_unknown_box_is_an_error():
    with pytest.raises(GraphlangError) as caught:
        make_scene(nested(), view=View(open=("dens",)))
    assert caught.value.diagnostics[0].code == "E0909"


def test_without_numbers_wires_show_shapes():
    scene = make_scene(nested(), view=View(depth=0))
    assert [w.shape for w in scene.wires] == ["[3, 4]", "[3, 2]", "[ ]"]
    assert not scene.shows_numbers


def test_integers_have_no_gradient_and_nan_is_marked():
    make = Maker()
    a = make.leaf("a")
    f = make.op("f", "where", make.op("k", "gt", a, 0.0), a, 0.0, named=True)
    scene = make_scene(make.model(f), {"a": np.nan, "k": True, "f": 1.0}, {"a": 1.0, "k": 0.0, "f": 1.0})
    assert wires(scene)["k"] == ("true", "")
    assert [w.has_strange_value for w in scene.wires if w.source == "a"] == [True]


def test_large_graphs_show_no_numbers_unless_asked_and_repeat_much_used_inputs():
    make = Maker()
    x = make.leaf("x")
    h = x
    for k in range(70):
        h = make.op(f"h{k}", "add", h, x)
    model = make.model(h)
    values = {n.path: 1.5 for n in model.nodes}
    scene = make_scene(model, values, {})
    assert not scene.shows_numbers
    assert len(labels(scene, "input")) == 71
    assert make_scene(model, values, {}, View(show=frozenset({"values"}))).shows_numbers


def test_what_only_a_check_needs_is_not_drawn():
    model, values, gradients = xyz()
    make = Maker()
    make.box("#expect", "check", "expect")
    make.builder.scope = "#expect"
    extra = make.op("expect.neg", "neg", model.outputs[0])
    model.scopes = make.builder.scopes
    model.nodes.append(extra)
    assert "expect.neg" not in {i.id for i in make_scene(model, values, gradients).items}


def test_more_than_a_picture_holds_is_refused_until_boxes_are_closed():
    make = Maker()
    h = make.leaf("x")
    make.box("net", "network", "net")
    make.builder.scope = "net"
    for k in range(6100):
        h = make.op(f"net.h{k}", "tanh", h)
    model = make.model(h)
    assert labels(make_scene(model), "network") == ["net"]
    with pytest.raises(GraphlangError) as caught:
        make_scene(model, view=View(depth=1))
    (problem,) = caught.value.diagnostics
    assert problem.code == "E0914"
    assert "6,100 gates" in problem.message
    assert "--depth" in (problem.suggestion or "")
