"""Exported inference scripts: the outputs of a trained model, from NumPy alone."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlang.cli.main import main
from graphlang.pipeline import compile_source, prepare
from graphlang.source import SourceFile

TEXT = """\
data d = csv("rows.csv") {
  x = columns("a".."b") / 16
  y = column("kind")
}
input x: [N, 2]
input y: int[N]
h = x -> dense(4, relu) -> dropout(0.5) -> batch_norm
s = h -> dense(3)
most = max(s)
loss = cross_entropy(s, y)
output s
output most
output loss
train on d { minimize = loss }
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script of the text, beside its data."""
    (tmp_path / "rows.csv").write_text("a,b,kind\n1.5,2,cat\n0.5,1,dog\n-1,0,ant\n", encoding="utf-8")
    (tmp_path / "m.graph").write_text(TEXT, encoding="utf-8")
    found = tmp_path / "m.py"
    assert main(["export", str(tmp_path / "m.graph"), "--to", "numpy", "--infer", "-o", str(found)]) == 0
    return found


def execute(script: Path, monkeypatch: pytest.MonkeyPatch, *args: str) -> None:
    monkeypatch.setattr(sys, "argv", [str(script), *args])
    runpy.run_path(str(script), run_name="__main__")


def weights(folder: Path) -> tuple[str, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    shapes = {
        "h.dense.W": (2, 4), "h.dense.b": (4,), "h.batch_norm.scale": (4,), "h.batch_norm.shift": (4,),
        "h.batch_norm.running_mean": (4,), "h.batch_norm.running_var": (4,),
        "s.dense.W": (4, 3), "s.dense.b": (3,),
    }  # fmt: skip
    arrays = {name: rng.uniform(0.1, 1, shape) for name, shape in shapes.items()}
    shapes_of_tool = compile_source(SourceFile("m.graph", TEXT)).value
    names = {**shapes_of_tool.params, **shapes_of_tool.states}
    arrays = {p: rng.uniform(0.1, 1, [int(s) for s in n.shape]) for p, n in names.items()}
    np.savez(folder / "w.npz", **arrays)
    return str(folder / "w.npz"), arrays


def test_outputs_are_those_of_the_tool_to_the_bit(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, arrays = weights(script.parent)
    source = SourceFile("m.graph", TEXT, path=str(script.parent / "m.graph"))
    wanted = prepare(compile_source(source).value, weights=arrays).evaluate().values
    out = script.parent / "out.npz"
    execute(script, monkeypatch, "--weights", path, "-o", str(out))
    with np.load(out) as found:
        assert list(found) == ["s", "most"]
        assert all(found[name].tobytes() == np.asarray(wanted[name]).tobytes() for name in found)


def test_labels_are_not_needed(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = script.read_text(encoding="utf-8")
    assert '"kind"' not in text and "log_softmax" not in text and "def backward" not in text
    fed = script.parent / "fed.json"
    fed.write_text(json.dumps({"x": [[1.0, 2.0]]}), encoding="utf-8")
    out = script.parent / "out.json"
    execute(script, monkeypatch, "--feed", str(fed), "-o", str(out))
    assert np.shape(json.loads(out.read_text(encoding="utf-8"))["s"]) == (1, 3)


def test_a_table_has_a_column_for_each_entry(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = script.parent / "other.csv"
    other.write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    out = script.parent / "out.csv"
    execute(script, monkeypatch, "--data", str(other), "-o", str(out))
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "s[0],s[1],s[2],most"
    assert len(lines) == 3
    capsys.readouterr()
    execute(script, monkeypatch)
    assert capsys.readouterr().out.startswith("s = [[")


def test_a_script_can_compute_in_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.graph").write_text("input x = 0.1\ny = x * 3\noutput y\n", encoding="utf-8")
    script, out = tmp_path / "m.py", tmp_path / "out.npz"
    options = ["--to", "numpy", "--infer", "--dtype", "float32", "-o", str(script)]
    assert main(["export", str(tmp_path / "m.graph"), *options]) == 0
    execute(script, monkeypatch, "-o", str(out))
    with np.load(out) as found:
        assert found["y"].dtype == np.float32
        assert found["y"] == np.float32(0.1) * 3


def test_scripts_are_clean_python(script: Path) -> None:
    ruff = Path(sys.executable).parent / "ruff"
    if not ruff.exists():
        pytest.skip("ruff is not installed")
    command: list[Any] = [
        ruff,
        "check",
        "--isolated",
        "--extend-select",
        "E501",
        "--line-length",
        "110",
        script,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
