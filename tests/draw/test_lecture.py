"""The pictures of the lecture's graphs: every number on them is one that `graphlang run --json` tells."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from graphlang.cli.main import main
from graphlang.draw.text import number_style

EXAMPLES = Path(__file__).parents[2] / "examples"
LECTURE = ["product_of_sum", "sigmoid_neuron_gates", "branching", "gate_patterns", "norm_squared"]
SVG = "{http://www.w3.org/2000/svg}"
Captured = pytest.CaptureFixture[str]
MATRIX = """
input x = [[1, 2, -1], [0.5, 0, 3]]
param W = [[0.1, 0.5], [-0.3, 0.8], [0.25, -1]]
h = x @ W
loss = mean(h ^ 2)
output loss
"""


def drawn(path: Path, folder: Path, *options: str) -> ElementTree.Element:
    picture = folder / "picture.svg"
    assert main(["draw", str(path), "-o", str(picture), *options]) == 0
    return ElementTree.parse(picture).getroot()


def run(path: Path, capsys: Captured) -> dict:
    capsys.readouterr()
    assert main(["run", str(path), "--all", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def on_wire(root: ElementTree.Element, path: str, kind: str) -> list[str]:
    """The numbers above (`v`) or below (`d`) the wire of a node."""
    (group,) = [g for g in root.iter(f"{SVG}g") if g.get("class") == "wire" and g.get("id") == f"{path}>"]
    return ["".join(t.itertext()) for t in group.iter(f"{SVG}text") if t.get("class") == kind]


def flat(text: list[str]) -> list[str]:
    return " ".join(text).replace("[", "").replace("]", "").replace(",", "").split()


@pytest.mark.parametrize("engine", ["builtin", "auto"])
@pytest.mark.parametrize("name", LECTURE)
def test_values_and_gradients_are_those_of_a_run(name: str, engine: str, tmp_path: Path, capsys: Captured):
    root = drawn(EXAMPLES / f"{name}.graph", tmp_path, "--engine", engine, "--digits", "4")
    told = run(EXAMPLES / f"{name}.graph", capsys)
    wires = [g.get("id", "")[:-1] for g in root.iter(f"{SVG}g") if g.get("class") == "wire"]
    assert wires
    seen = 0
    for path in wires:
        for kind, source in (("v", told["values"]), ("d", told["gradients"])):
            numbers = np.ravel(source.get(path, []))
            if path not in source or numbers.dtype.kind != "f" or numbers.size > 4:
                continue
            style = number_style(map(float, numbers), 4)
            if style.decimals is not None:
                assert flat(on_wire(root, path, kind)) == [style.text(float(x)) for x in numbers]
                seen += 1
    assert seen >= len(wires)


def test_a_small_matrix_is_a_grid_of_its_numbers(tmp_path: Path, capsys: Captured):
    path = tmp_path / "m.graph"
    path.write_text(MATRIX)
    root = drawn(path, tmp_path, "--engine", "builtin", "--show", "values,grads")
    told = run(path, capsys)
    for name in ("x", "W", "h"):
        for kind, source in (("v", told["values"]), ("d", told["gradients"])):
            numbers = np.array(source[name])
            cells = [t for t in root.iter(f"{SVG}text") if t.get("class") == kind]
            assert on_wire(root, name, kind) == [
                f"{x:.2f}".replace("-0.00", "0.00").replace("-", "−") for x in numbers.ravel()
            ]
            rows = {c.get("y") for c in cells if "".join(c.itertext()) in on_wire(root, name, kind)}
            assert len(rows) >= numbers.shape[0]


def test_the_neuron_has_the_thirteen_wires_of_the_slide(tmp_path: Path):
    path = tmp_path / "neuron.graph"
    path.write_text(
        "input w0 = 2\ninput x0 = -1\ninput w1 = -3\ninput x1 = -2\ninput w2 = -3\n"
        "f = 1 / (1 + exp(-(w0*x0 + w1*x1 + w2)))\noutput f"
    )
    root = drawn(path, tmp_path, "--engine", "builtin")
    wires = [g for g in root.iter(f"{SVG}g") if g.get("class") == "wire"]
    told = sorted(tuple("".join(t.itertext()) for t in g.iter(f"{SVG}text")) for g in wires)
    assert told == sorted([
        ("2.00", "−0.20"), ("−1.00", "0.39"), ("−3.00", "−0.39"), ("−2.00", "−0.59"), ("−3.00", "0.20"),
        ("−2.00", "0.20"), ("6.00", "0.20"), ("4.00", "0.20"), ("1.00", "0.20"), ("−1.00", "−0.20"),
        ("0.37", "−0.53"), ("1.37", "−0.53"), ("0.73", "1.00"),
    ])  # fmt: skip
