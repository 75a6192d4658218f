"""Every example, taken apart and put together again: the exported script and the printed backward pass.

The scripts run in a virtual environment that has NumPy alone.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

import graphlang
from graphlang.cli.main import main

EXAMPLES = Path(__file__).parent.parent / "examples"
FILES = sorted(EXAMPLES.glob("*.graph"))


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that has NumPy and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    import numpy

    subprocess.run([python, "-m", "pip", "install", "-q", f"numpy=={numpy.__version__}"], check=True)
    return python


def run_json(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    assert main(["run", str(path), "--json", "--quiet", *options]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_the_script_of_an_example_prints_the_same_bits_with_numpy_alone(
    path: Path, bare_python: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(EXAMPLES / "data", tmp_path / "data")
    script = tmp_path / "script.py"
    copied = tmp_path / path.name
    for file in FILES:
        shutil.copy(file, tmp_path)
    assert main(["export", str(copied), "--to", "numpy", "-o", str(script)]) == 0
    capsys.readouterr()
    done = subprocess.run([bare_python, str(script), "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == run_json(copied, capsys)


def close(a: Any, b: Any) -> bool:
    if isinstance(a, list):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_the_printed_backward_pass_of_an_example_gives_the_same_gradients(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = run_json(path, capsys)
    if original["of"] is None:
        assert main(["grad", str(path)]) == 1
        assert "nothing to differentiate" in capsys.readouterr().err
        return
    printed = tmp_path / "printed.graph"
    assert main(["grad", str(path), "-o", str(printed)]) == 0
    capsys.readouterr()
    again = run_json(printed, capsys)
    assert all(e["ok"] for e in again["expect"])
    model = graphlang.load(path)
    leaves = [*model.inputs, *model.parameters]
    found = {name: g for name, g in original["gradients"].items() if name in leaves}
    assert found
    for name, gradient in found.items():
        plain = name.replace(".", "_").replace("[", "_").replace("]", "")
        assert close(gradient, again["gradients"][plain]), name


def test_scripts_and_printed_graphs_are_the_same_every_time(tmp_path: Path) -> None:
    """Two processes with different hash seeds write the same bytes."""
    path = EXAMPLES / "deep_network.graph"
    texts = set()
    for seed in ("1", "2"):
        code = (
            "import graphlang, sys; m = graphlang.load(sys.argv[1]);"
            "print(m.export('numpy'), m.export('graph'))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        )
        texts.add(done.stdout)
    assert len(texts) == 1
