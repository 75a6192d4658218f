"""`graphlang draw --step`, `--steps` and `--local`: the lecture's successive slides."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from graphlang.cli.main import main

EXAMPLES = Path(__file__).parents[2] / "examples"
XYZ = str(EXAMPLES / "product_of_sum.graph")
SVG = "{http://www.w3.org/2000/svg}"
Captured = pytest.CaptureFixture[str]


def drawn(folder: Path, *options: str, path: str = XYZ) -> ElementTree.Element:
    target = folder / "picture.svg"
    assert main(["draw", path, "--engine", "builtin", "-o", str(target), *options]) == 0
    return ElementTree.parse(target).getroot()


def texts(root: ElementTree.Element) -> list[str]:
    return ["".join(t.itertext()).strip() for t in root.iter(f"{SVG}text")]


def group(root: ElementTree.Element, id: str) -> ElementTree.Element:
    return next(g for g in root.iter(f"{SVG}g") if g.get("id") == id)


def written(root: ElementTree.Element, wire: str, what: str) -> str:
    (part,) = [g for g in group(root, wire).iter(f"{SVG}g") if g.get("class") == what]
    return "".join(part.itertext()).strip()


def highlighted(root: ElementTree.Element) -> list[str | None]:
    return [
        g.get("id")
        for g in root.iter(f"{SVG}g")
        if any("ring" in (r.get("class") or "") for r in g.findall(f"{SVG}rect"))
    ]


def test_step_zero_has_all_values_and_no_gradient(tmp_path: Path):
    root = drawn(tmp_path, "--step", "0")
    assert [written(root, f"{n}>", "value") for n in "xyzqf"] == ["−2", "5", "−4", "3", "−12"]
    assert [written(root, f"{n}>", "gradient") for n in "xyzqf"] == [""] * 5


def test_each_step_adds_one_gradient_in_the_order_of_the_lecture(tmp_path: Path):
    known = []
    for k in range(1, 6):
        root = drawn(tmp_path, "--step", str(k))
        now = {n: written(root, f"{n}>", "gradient") for n in "xyzqf"}
        known.append([n for n in "xyzqf" if now[n]])
    assert known == [["f"], ["z", "f"], ["z", "q", "f"], ["y", "z", "q", "f"], ["x", "y", "z", "q", "f"]]
    assert now == {"x": "−4", "y": "−4", "z": "3", "q": "−4", "f": "1"}


def test_the_current_gate_is_highlighted_and_its_local_gradient_written(tmp_path: Path):
    root = drawn(tmp_path, "--step", "3")
    assert highlighted(root) == ["f"]
    assert "backward 3 of 5: df/dq = z = −4" in [" ".join(t.split()) for t in texts(root)]
    root = drawn(tmp_path, "--step", "5")
    assert highlighted(root) == ["q"]
    said = " ".join(" ".join(texts(root)).split())
    assert "df/dx = df/dq · dq/dx = −4 · 1 = −4" in said
    assert "local gradient dq/dx = 1" in said


def test_a_negative_step_goes_back_into_the_forward_pass(tmp_path: Path):
    root = drawn(tmp_path, "--step", "-1")
    assert [written(root, f"{n}>", "value") for n in "xyzqf"] == ["−2", "5", "−4", "3", ""]
    assert highlighted(root) == ["q"]
    assert "q = x + y = −2 + 5 = 3" in " ".join(texts(root))


def test_ten_frames_come_out_of_one_command(tmp_path: Path, capsys: Captured):
    folder = tmp_path / "frames"
    assert main(["draw", XYZ, "--engine", "builtin", "--steps", str(folder)]) == 0
    files = sorted(p.name for p in folder.iterdir())
    assert files == [f"{k:02d}.svg" for k in range(1, 11)]
    captions = []
    for name in files:
        root = ElementTree.parse(folder / name).getroot()
        captions.append(next(" ".join(t.split()) for t in texts(root) if " of 5" in t).partition(": ")[2])
    assert captions == [
        "x = −2",
        "y = 5",
        "z = −4",
        "q = x + y = −2 + 5 = 3",
        "f = q · z = 3 · (−4) = −12",
        "df/df = 1",
        "df/dz = q = 3",
        "df/dq = z = −4",
        "df/dy = df/dq · dq/dy = −4 · 1 = −4",
        "df/dx = df/dq · dq/dx = −4 · 1 = −4",
    ]
    assert "10 frames" in capsys.readouterr().err


@pytest.mark.parametrize("extra", [(), ("--local",)])
def test_nothing_moves_between_frames(tmp_path: Path, extra: tuple[str, ...]):
    folder = tmp_path / "frames"
    assert main(["draw", XYZ, "--engine", "builtin", "--steps", str(folder), "-q", *extra]) == 0
    roots = [ElementTree.parse(p).getroot() for p in sorted(folder.iterdir())]
    assert len({root.get("viewBox") for root in roots}) == 1
    circles = [[c.attrib for c in root.iter(f"{SVG}circle")] for root in roots]
    assert all(found == circles[0] for found in circles)


def test_a_step_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path, capsys: Captured):
    assert main(["draw", XYZ, "--step", "6", "-o", str(tmp_path / "p.svg")]) == 1
    err = capsys.readouterr().err
    assert "E0914" in err
    assert "-4 to 5" in err
    assert not (tmp_path / "p.svg").exists()


def test_without_numbers_there_are_no_steps(tmp_path: Path, capsys: Captured):
    (tmp_path / "m.graph").write_text("input x: [3]\nf = sum(x)\noutput f")
    assert main(["draw", str(tmp_path / "m.graph"), "--step", "0"]) == 1
    assert "without numbers there are no steps" in capsys.readouterr().err


def test_local_derivatives_stand_on_the_edges(tmp_path: Path):
    found = texts(drawn(tmp_path, "--local"))
    assert found.count("1") == 3  # q's two, and df/df below the last wire
    assert {"z = −4", "q = 3"} <= set(found)


def test_local_derivatives_of_the_neuron_are_those_of_the_lecture(tmp_path: Path):
    path = str(EXAMPLES / "sigmoid_neuron_gates.graph")
    found = texts(drawn(tmp_path, "--local", path=path))
    assert {"−1 / d² = −0.53", "e = 0.37", "−1", "w₀ = 2.00", "x₁ = −2.00"} <= set(found)


def test_a_gate_with_a_backward_block_tells_its_own_formula(tmp_path: Path):
    path = str(EXAMPLES / "sigmoid_neuron.graph")
    said = " ".join(texts(drawn(tmp_path, "--step", "2", path=path)))
    assert "f · (1 − f) = 0.20" in said


def test_local_derivatives_of_tensors_say_what_is_sent_back(tmp_path: Path):
    (tmp_path / "m.graph").write_text(
        "input x = [[1.0, 2.0, 3.0]]\nparam W: [3, 2] = 0.5\nh = x @ W\nf = sum(h)\noutput f"
    )
    found = texts(drawn(tmp_path, "--local", path=str(tmp_path / "m.graph")))
    assert {"g @ Wᵀ", "xᵀ @ g"} <= set(found)


def test_the_numbers_of_the_steps_are_those_of_run(tmp_path: Path, capsys: Captured):
    path = str(EXAMPLES / "branching.graph")
    assert main(["run", path, "--json"]) == 0
    run = json.loads(capsys.readouterr().out)
    root = drawn(tmp_path, path=path)
    for node, value in run["values"].items():
        assert float(written(root, f"{node}>", "value").replace("−", "-")) == value
        assert float(written(root, f"{node}>", "gradient").replace("−", "-")) == run["gradients"][node]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.graph")), ids=lambda p: p.stem)
def test_every_example_has_steps_or_says_why_not(path: Path, tmp_path: Path, capsys: Captured):
    target = tmp_path / "p.dot"
    code = main(["draw", str(path), "--rows", "5", "--step", "0", "--local", "-o", str(target)])
    assert code == 0 or "without numbers there are no steps" in capsys.readouterr().err


def test_films_are_written_whole_or_refused(tmp_path: Path, capsys: Captured):
    assert main(["draw", XYZ, "--steps", str(tmp_path / "film.mp4")]) == 1
    assert "gif, pdf, html" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_film_has_a_frame_for_each_step(tmp_path: Path):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("resvg_py")
    assert main(["draw", XYZ, "--engine", "builtin", "-q", "--steps", str(tmp_path / "xyz.gif")]) == 0
    with image.open(tmp_path / "xyz.gif") as film:
        assert film.n_frames == 10
    assert main(["draw", XYZ, "--engine", "builtin", "-q", "--steps", str(tmp_path / "xyz.pdf")]) == 0
    assert b"/Count 10" in (tmp_path / "xyz.pdf").read_bytes()


def test_a_matrix_of_one_row_is_no_number_in_a_caption(tmp_path: Path):
    (tmp_path / "m.graph").write_text("input x = [[1.0, 2.0]]\nh = 2 * x\nf = sum(h)\noutput f")
    root = drawn(tmp_path, "--step", "-1", path=str(tmp_path / "m.graph"))
    assert any(" ".join(t.split()) == "forward 2 of 3: h = 2 · x [1, 2]" for t in texts(root))


def test_all_frames_are_laid_out_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from graphlang.draw import engines

    calls = []
    lay_out = engines.lay_out
    monkeypatch.setattr(engines, "lay_out", lambda scene: calls.append(scene) or lay_out(scene))
    assert main(["draw", XYZ, "--engine", "builtin", "--steps", str(tmp_path / "frames"), "-q"]) == 0
    assert len(calls) == 1
