"""DOT text: goldens of two lecture graphs, and names that DOT would misread."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlang.draw.dot import dot_text, to_pydot
from graphlang.draw.scene import View, make_scene
from graphlang.graph.model import Model
from graphlang.types.tensor import DType, TensorType
from tests.draw.models import Maker, fork, nested, neuron, xyz

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = [
    "node",
    "graph",
    "edge",
    "strict",
    "a:b",
    'q"uo"te',
    "<b>&amp;",
    "back\\",
    "x>",
    ">x",
    "λ",
    "new\nline",
    "x<",
]
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")


def laid_out(text: str, kind: str = "svg") -> str:
    done = subprocess.run(["dot", f"-T{kind}"], input=text.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


@pytest.mark.parametrize("example", [xyz, neuron])
def test_lecture_graphs_are_written_as_before(example: Callable[[], tuple[Model, Any, Any]], accept: bool):
    model, values, gradients = example()
    path = GOLDEN / f"{model.name}.dot"
    text = dot_text(make_scene(model, values, gradients))
    if accept:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_to_pydot_holds_the_nodes_by_path():
    names = {n.get_name() for n in to_pydot(make_scene(*xyz())).get_nodes()}
    assert {'"x"', '"x>"', '"q"', '"f>"', '">f"'} <= names


@needs_dot
def test_hostile_names_survive():
    make = Maker('a "graph" <&>')
    total = make.leaf(HOSTILE[0])
    for name in HOSTILE[1:]:
        total = make.op(f"sum {name}", "add", total, make.leaf(name), named=True)
    model = make.model(total)
    for values in (None, {n.path: 1.0 for n in model.nodes}):
        scene = make_scene(model, values, {})
        text = dot_text(scene)
        plain = laid_out(text, "plain")
        count = sum(line.startswith("node ") for line in plain.splitlines())
        expected = len(scene.items) + (len(scene.wires) if values else 0)
        centring = text.count("style=invis, label") if values else 0
        assert count == expected + centring
        picture = laid_out(text)
        for written in ("node", "a:b", "q&quot;uo&quot;te", "&lt;b&gt;&amp;amp;", "back\\", "λ", "new line"):
            assert f">{written}<" in picture


@needs_dot
@pytest.mark.parametrize("theme", ["slide", "colorblind", "dark"])
def test_graphviz_accepts_every_view_without_a_word(theme: str):
    for depth in (0, 1, 2):
        laid_out(dot_text(make_scene(nested(), view=View(depth=depth, theme=theme))))
    model = nested()
    values = {n.path: 1.0 for n in model.nodes}
    laid_out(dot_text(make_scene(model, values, values, View(depth=2, show=frozenset({"values", "names"})))))


@needs_dot
@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_graphviz_accepts_matrices_with_and_without_names(direction: str):
    make = Maker()
    x = make.leaf("x", kind=TensorType(DType.FLOAT, (2, 2)))
    model = make.model(make.op("f", "exp", make.op("h", "tanh", x, named=True), named=True))
    values = {n.path: np.array([[0.5, -1.5], [2.0, 0.25]]) for n in model.nodes}
    show = frozenset({"values", "grads", "names"})
    for gradients in (values, {}):
        text = dot_text(make_scene(model, values, gradients, View(show=show, direction=direction)))
        assert ">−1.50<" in laid_out(text)


@needs_dot
def test_wires_run_level_through_their_labels():
    """Every edge into or out of a wire's label ends at the height of the rule in its middle."""
    import json

    for example in (xyz, neuron, fork):
        graph = json.loads(laid_out(dot_text(make_scene(*example())), "json"))
        where = {o["_gvid"]: (o["name"], o.get("pos")) for o in graph["objects"]}
        for edge in graph["edges"]:
            if edge.get("style") == "invis":
                continue
            points = [p.split(",") for p in edge["pos"].split()]
            start = points[1] if points[0][0] == "e" else points[0]
            name, position = where[edge["tail"]]
            if name.endswith(">"):
                assert abs(float(start[1]) - float(position.split(",")[1])) < 0.6
