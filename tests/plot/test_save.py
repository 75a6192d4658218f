"""Figures as files: formats, same bytes, text that stays text, and refusals."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from graphlang.diagnostics import Problems
from graphlang.plot.curves import curves
from graphlang.plot.log import EpochRecord, RunLog, Scores
from graphlang.plot.panels import animation, panels
from graphlang.plot.save import FORMATS, save
from graphlang.plot.surface import Frame, Kind, Surface

matplotlib = pytest.importorskip("matplotlib")

X, _ = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9))
SVG = "{http://www.w3.org/2000/svg}"


def surface(frames: int = 3) -> Surface:
    every = tuple(Frame(f"epoch {k}", (k + 1) * X) for k in range(frames))
    return Surface(every, (-1, 1, -1, 1), Kind.LOGIT, np.zeros((1, 2)), np.zeros(1, dtype=int))


def runs(name: str = "a") -> list[RunLog]:
    return [RunLog(name, tuple(EpochRecord(e, Scores(1 / e, {name: e / 9})) for e in range(1, 9)))]


def saved(picture: object, path: Path, **words: str) -> bytes:
    problems = Problems()
    assert save(picture, str(path), problems, **words), list(problems)
    return path.read_bytes()


HEADS = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "gif": b"GIF89a"}


@pytest.mark.parametrize("kind", FORMATS)
def test_the_ending_names_the_format_and_the_bytes_are_the_same_every_time(tmp_path: Path, kind: str):
    for picture in (lambda: curves(runs()), lambda: panels(surface())):
        first = saved(picture(), tmp_path / f"a.{kind}")
        assert first.startswith(HEADS[kind])
        with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.hashsalt": "other"}):
            assert saved(picture(), tmp_path / f"b.{kind.upper()}") == first


def test_saving_leaves_the_settings_as_they_were(tmp_path: Path):
    def settings() -> dict[str, object]:  # asking for the backend would choose one
        return {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != "backend"}

    before = settings()
    saved(curves(runs()), tmp_path / "a.svg")
    assert settings() == before


@pytest.mark.parametrize("name", ["$x^{", "<script>alert(1)</script>", "a&b]]>", "名\ud800\x01", r"\frac{"])
@pytest.mark.parametrize("kind", FORMATS)
def test_names_from_files_are_text_and_nothing_else(tmp_path: Path, name: str, kind: str):
    saved(curves([*runs(name), *runs("b")]), tmp_path / f"a.{kind}", title=name, description=name)
    if kind == "svg":
        root = ElementTree.parse(tmp_path / "a.svg").getroot()
        assert not list(root.iter(f"{SVG}script"))
        shown = name.replace("\ud800", "\ufffd").replace("\x01", "\ufffd")
        assert root.findtext(f"{SVG}title") == root.findtext(f"{SVG}desc") == shown


def test_an_svg_says_what_it_shows(tmp_path: Path):
    saved(curves(runs("spiral")), tmp_path / "a.svg", description="The loss falls.")
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert root.get("role") == "img"
    assert [c.tag for c in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert (root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")) == ("spiral", "The loss falls.")
    assert {"epoch", "loss"} <= {t.text for t in root.iter(f"{SVG}text")}


def test_a_gif_has_every_frame_on_a_white_ground_and_rests_on_the_last(tmp_path: Path):
    from PIL import Image

    saved(animation(surface(5)), tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 5
        durations = []
        for k in range(5):
            image.seek(k)
            durations.append(image.info["duration"])
            assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert durations[-1] > durations[0] > durations[1]


def refused(picture: object, path: str) -> list[tuple[str, str]]:
    problems = Problems()
    assert not save(picture, path, problems)
    return [(d.code, d.message + (d.suggestion or "")) for d in problems]


@pytest.mark.parametrize("name", ["a.jpg", "a", "-", "a.svg.exe"])
def test_another_ending_is_refused(tmp_path: Path, name: str):
    ((code, message),) = refused(curves(runs()), str(tmp_path / name))
    assert code == "E0914" and "svg, png, pdf or gif" in message
    assert not list(tmp_path.iterdir())


def test_frames_are_only_written_as_gif(tmp_path: Path):
    ((code, message),) = refused(animation(surface()), str(tmp_path / "a.svg"))
    assert code == "E0914" and ".gif" in message


@pytest.mark.parametrize("name", ["nowhere/a.svg", "no\0name.svg"])
def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path, name: str):
    ((code, _),) = refused(curves(runs()), str(tmp_path / name))
    assert code == "E0912" and not list(tmp_path.iterdir())


def test_what_matplotlib_refuses_leaves_the_old_file(tmp_path: Path):
    (tmp_path / "a.png").write_text("old")
    figure = curves(runs())
    figure.set_size_inches(1e5, 1)
    ((code, _),) = refused(figure, str(tmp_path / "a.png"))
    assert code == "E0914" and (tmp_path / "a.png").read_text() == "old"


def test_without_matplotlib_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    figure = curves(runs())
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure")
    ((code, message),) = refused(figure, str(tmp_path / "a.svg"))
    assert code == "E0914" and "pip install 'graphlang[plot]'" in message
