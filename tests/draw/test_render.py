"""A scene as a file, with and without what paints it."""

from __future__ import annotations

import importlib.util
import shutil
import struct
import sys
import zlib
from pathlib import Path

import pytest

from graphlang.diagnostics import GraphlangError
from graphlang.draw.render import render
from graphlang.draw.scene import View, make_scene
from tests.draw.models import Maker, neuron, xyz

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
needs_resvg = pytest.mark.skipif(importlib.util.find_spec("resvg_py") is None, reason="needs resvg-py")


def pixels(png: bytes) -> tuple[int, int, int]:
    """Width, height and the number of different bytes of a PNG."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    return width, height, len(set(zlib.decompress(data)))


def refusal(format: str, engine: str = "auto") -> str:
    with pytest.raises(GraphlangError) as caught:
        render(make_scene(*xyz()), format, engine)
    (problem,) = caught.value.diagnostics
    assert problem.code == "E0914"
    return f"{problem.message} {problem.suggestion}"


@needs_dot
@pytest.mark.parametrize(("format", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_with_graphviz_alone_there_are_pixels_and_pdf(
    format: str, start: bytes, monkeypatch: pytest.MonkeyPatch
):
    for package in ("pygraphviz", "resvg_py"):
        monkeypatch.setitem(sys.modules, package, None)
    assert render(make_scene(*xyz()), format).startswith(start)


@needs_resvg
def test_a_png_is_painted_without_graphviz_at_twice_the_pixels_of_the_svg(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    scene = make_scene(*neuron())
    svg = render(scene, "svg", "builtin").decode()
    width = float(svg.partition(' width="')[2].partition('"')[0])
    png_width, png_height, shades = pixels(render(scene, "png", "builtin"))
    assert abs(png_width - 2 * width) <= 1
    assert png_width > png_height > 100
    assert shades > 50


@needs_resvg
def test_themes_differ_in_pixels():
    assert (
        len({render(make_scene(*xyz(), View(theme=t)), "png", "builtin") for t in ("slide", "print", "dark")})
        == 3
    )


@needs_resvg
def test_a_png_of_a_very_long_picture_has_no_more_pixels_than_a_screen_can_show():
    make = Maker()
    h = make.leaf("x")
    for k in range(120):
        h = make.op(f"h{k}", "exp", h)
    model = make.model(h)
    scene = make_scene(model, {n.path: 1.0 for n in model.nodes}, {}, View(show=frozenset({"values"})))
    assert pixels(render(scene, "png", "builtin"))[0] <= 8000


def test_on_a_bare_machine_texts_and_svg_are_written(bare: None):
    assert render(make_scene(*xyz()), "dot").startswith(b"digraph")
    assert render(make_scene(*xyz()), "svg").startswith(b"<svg")
    assert render(make_scene(*xyz()), "mermaid").startswith(b"flowchart LR")


def test_on_a_bare_machine_pixels_are_refused_with_a_hint(bare: None):
    assert "pip install 'graphlang[draw]'" in refusal("png")
    assert "`dot` is not on the PATH" in refusal("pdf")
    assert "cannot do it" in refusal("png", "builtin")
    assert "Write .svg".lower() in refusal("pdf", "builtin").lower()


def test_a_failing_dot_is_an_error_message(bare: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho 'no such font' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert "status 3: no such font" in refusal("pdf")
    assert "status 3: no such font" in refusal("svg")


def test_unknown_formats_and_engines_are_errors():
    assert "The formats are dot, svg" in refusal("gif")
    assert "The engines are auto, pygraphviz" in refusal("svg", "neato")
    assert "The engines are" in refusal("dot", "neato")


def test_the_python_api_takes_the_same_endings_and_themes(tmp_path: Path):
    from graphlang import parse

    model = parse("input x = 3\nf = x ^ 2")
    assert str(model.draw(str(tmp_path / "m.mmd"), direction="TB")).startswith("flowchart TB")
    assert str(model.draw(theme="print")).count("#0a7a1e") == 0
    assert (tmp_path / "m.mmd").exists()
