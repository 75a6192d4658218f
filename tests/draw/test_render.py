"""A scene as a file, with and without Graphviz."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from graphlang.diagnostics import GraphlangError
from graphlang.draw.render import render
from graphlang.draw.scene import make_scene
from tests.draw.models import xyz

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")


@needs_dot
@pytest.mark.parametrize(("format", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_each_format_begins_as_it_should(format: str, start: bytes):
    assert render(make_scene(*xyz()), format).startswith(start)


@pytest.mark.parametrize("format", ["png", "pdf"])
def test_without_graphviz_pixels_are_refused_with_a_hint(format: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GraphlangError) as caught:
        render(make_scene(*xyz()), format)
    (problem,) = caught.value.diagnostics
    assert problem.code == "E0914"
    assert "Graphviz" in problem.message
    assert "Install Graphviz" in (problem.suggestion or "")


def test_without_graphviz_dot_and_svg_are_written(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert render(make_scene(*xyz()), "dot").startswith(b"digraph")
    assert render(make_scene(*xyz()), "svg").startswith(b"<svg")


def test_a_failing_dot_is_an_error_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho 'no such font' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(GraphlangError) as caught:
        render(make_scene(*xyz()), "png")
    assert "status 3: no such font" in caught.value.diagnostics[0].message


def test_an_unknown_format_is_an_error():
    with pytest.raises(GraphlangError):
        render(make_scene(*xyz()), "gif")
