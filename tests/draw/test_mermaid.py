"""Mermaid flowcharts."""

from __future__ import annotations

import re

import numpy as np

from graphlang.draw.mermaid import mermaid_text
from graphlang.draw.scene import View, make_scene
from tests.draw.models import Maker, nested, xyz
from tests.draw.test_dot import HOSTILE


def test_a_small_graph_is_written_with_values_and_gradients_on_its_wires():
    assert (
        mermaid_text(make_scene(*xyz()))
        == """\
flowchart LR
  n0(["x"]):::input
  n1(["y"]):::input
  n2(["z"]):::input
  n3(("+")):::gate
  n4(("×")):::gate
  n5(["f"]):::output
  n0 -- "−2<br>−4" --> n3
  n1 -- "5<br>−4" --> n3
  n2 -- "−4<br>3" --> n4
  n3 -- "3<br>−4" --> n4
  n4 -- "−12<br>1" --> n5
  classDef gate fill:#ffffff,stroke:#1a1a1a,color:#1a1a1a
"""
    )


def test_open_boxes_are_subgraphs_with_their_items_inside():
    text = mermaid_text(make_scene(nested(), view=View(depth=2)))
    assert (
        text.count("subgraph ")
        == text.count("\n" + " " * 2 + "end") + text.count("\n" + " " * 4 + "end")
        == 3
    )
    inside = text.partition('["dense · 25"]')[2].partition("end\n")[0]
    assert re.findall(r'[(\[]"(.*?)"', inside) == ["W<br>[4, 5]", "b<br>[5]", "#64;", "+"]


def test_direction_and_matrices():
    make = Maker()
    x = make.leaf("x")
    model = make.model(make.op("f", "exp", x, named=True))
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    text = mermaid_text(make_scene(model, {"x": matrix, "f": matrix}, {}, View(direction="TB")))
    assert text.startswith("flowchart TB\n")
    assert '-- "[[1, 2], [3, 4]]" -->' in text


def test_no_name_ends_its_label():
    make = Maker()
    total = make.leaf(HOSTILE[0])
    for name in [*HOSTILE[1:], "a; click n0", "%% comment", "`code`", "end"]:
        total = make.op(f"sum {name}", "add", total, make.leaf(name), named=True)
    for line in mermaid_text(make_scene(make.model(total))).splitlines()[1:]:
        outside = re.sub(r'"[^"]*"', "", line)
        assert re.fullmatch(r"\s*(n\d+[(\[]+[)\]]+:::\w+|n\d+ (--  )?-->? ?n\d+|classDef .*)", outside), line
        assert "<b>" not in line
        assert "`" not in line
