"""`graphlang draw`: options of the picture, with and without Graphviz."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from graphlang.cli.main import main

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.graph"))
SQUARE = "input x = 3\nf = x * x\noutput f"
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
Captured = pytest.CaptureFixture[str]


def model(folder: Path, text: str = SQUARE) -> str:
    (folder / "m.graph").write_text(text)
    return str(folder / "m.graph")


def drawn(folder: Path, *options: str, text: str = SQUARE, name: str = "m.svg") -> str:
    assert main(["draw", model(folder, text), "-o", str(folder / name), *options]) == 0
    return (folder / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
@pytest.mark.parametrize("show", ["values,grads,names", "shapes", None])
def test_every_example_is_drawn_without_graphviz(
    path: Path, show: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "")
    picture = tmp_path / "picture.svg"
    assert main(["draw", str(path), "-o", str(picture), *(["--show", show] if show else [])]) == 0
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_every_backward_pass_is_drawn(path: Path, tmp_path: Path, capsys: Captured):
    picture = tmp_path / "picture.svg"
    options = ["--backward", "--engine", "builtin"]
    if main(["draw", str(path), "-o", str(picture), *options]) == 0:
        ElementTree.parse(picture)
    else:
        assert "error[E0708]: There is no backward pass to draw." in capsys.readouterr().err


def test_the_backward_pass_is_drawn_when_asked_for(tmp_path: Path):
    assert "∂f/∂x" not in drawn(tmp_path, name="m.dot")
    assert "∂f/∂x" in drawn(tmp_path, "--backward", name="m.dot")


def test_without_a_scalar_there_is_no_backward_pass(tmp_path: Path, capsys: Captured):
    path = model(tmp_path, "input x = [1, 2]\nf = x * 2.0\noutput f")
    assert main(["draw", path, "--backward"]) == 1
    assert "E0708" in capsys.readouterr().err


def test_a_wire_that_comes_back_into_a_closed_box_is_drawn(tmp_path: Path):
    text = (
        "network net(x: [3]) -> y {\n  param W: [3, 3] = 1\n  e = sum((W @ x) ^ 2)\n  y = x - grad(e, x)\n}\n"
        "input x = [1.0, 2.0, 3.0]\nf = sum(net(x))\noutput f"
    )
    for engine in ("auto", "builtin"):
        assert "net" in drawn(tmp_path, "--backward", "--depth", "0", "--engine", engine, text=text)


def test_auto_is_the_builtin_engine_where_nothing_else_is_there(tmp_path: Path, bare: None):
    assert drawn(tmp_path) == drawn(tmp_path, "--engine", "builtin")


@needs_dot
def test_auto_is_graphviz_where_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert drawn(tmp_path, "-v") == drawn(tmp_path, "--engine", "dot")
    assert "laid out by the engine dot" in capsys.readouterr().err


def test_the_engine_dot_needs_graphviz(tmp_path: Path, bare: None, capsys: Captured):
    assert main(["draw", model(tmp_path), "--format", "svg", "--engine", "dot"]) == 1
    err = capsys.readouterr().err
    assert "E0914" in err
    assert "not on the PATH" in err


def test_what_cannot_be_written_leaves_no_file(tmp_path: Path, bare: None, capsys: Captured):
    for ending in ("png", "pdf"):
        picture = str(tmp_path / f"m.{ending}")
        assert main(["draw", model(tmp_path), "-o", picture, "--engine", "builtin"]) == 1
        assert "the engine `builtin` cannot do it" in capsys.readouterr().err
        assert not os.path.exists(picture)


def test_the_ending_chooses_the_format(tmp_path: Path):
    assert drawn(tmp_path, name="m.mmd") == drawn(tmp_path, "--format", "mermaid", name="m.txt")
    assert drawn(tmp_path, name="m.gv").startswith("digraph")


def test_wires_run_to_the_right_or_down(tmp_path: Path):
    assert "rankdir=LR" in drawn(tmp_path, "--lr", name="m.dot")
    assert "rankdir=TB" in drawn(tmp_path, "--tb", name="m.dot")
    (wide, high), (narrow, tall) = (
        size(drawn(tmp_path, "--engine", "builtin", way)) for way in ("--lr", "--tb")
    )
    assert wide > high
    assert tall > narrow


def size(svg: str) -> tuple[float, float]:
    root = ElementTree.fromstring(svg)
    return float(root.get("width", 0)), float(root.get("height", 0))


def test_too_many_gates_are_refused_with_a_way_out(tmp_path: Path, capsys: Captured):
    lines = ["input x0 = 0.5", *(f"x{i + 1} = x{i} * 0.9" for i in range(6000)), "output x6000"]
    assert main(["draw", model(tmp_path, "\n".join(lines)), "-o", str(tmp_path / "m.svg")]) == 1
    err = capsys.readouterr().err
    assert "E0914" in err
    assert "too many to draw: 6,000 gates" in err
    assert "fewer outputs" in err


def test_export_writes_the_same_dot_text(tmp_path: Path, capsys: Captured):
    path = model(tmp_path)
    assert main(["draw", path, "--format", "dot", "-q"]) == 0
    drawn_text = capsys.readouterr().out
    assert main(["export", path, "--to", "dot", "-q"]) == 0
    assert capsys.readouterr().out == drawn_text
