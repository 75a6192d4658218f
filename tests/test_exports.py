"""Every example, taken apart and put together again: the exported scripts and the printed backward pass.

The scripts run in a virtual environment that has NumPy alone. Those of files that learn are training runs.
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

import numpy as np
import pytest

import graphlang
from graphlang.cli.main import main

EXAMPLES = Path(__file__).parent.parent / "examples"
# These have no values to run with: their expectations are about shapes.
WITHOUT_VALUES = ("transformer", "vgg16")
FILES = [p for p in sorted(EXAMPLES.glob("*.graph")) if p.stem not in WITHOUT_VALUES]
LEARNING = [p for p in FILES if "\ntrain " in p.read_text(encoding="utf-8")]


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


def copy_examples(folder: Path) -> Path:
    shutil.copytree(EXAMPLES / "data", folder / "data")
    for file in FILES:
        shutil.copy(file, folder)
    return folder


def exported(path: Path, *options: str) -> Path:
    """The script of an example, which lies beside it."""
    script = path.with_suffix(".py")
    assert main(["export", str(path), "--to", "numpy", "-o", str(script), "--quiet", *options]) == 0
    return script


def execute(python: str, script: Path, *options: str) -> str:
    done = subprocess.run([python, script, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in FILES if p not in LEARNING], ids=lambda p: p.stem)
def test_the_script_of_an_example_prints_the_same_bits_with_numpy_alone(
    path: Path, bare_python: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = copy_examples(tmp_path) / path.name
    printed = execute(bare_python, exported(copied), "--json")
    assert json.loads(printed) == run_json(copied, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--optimize",)], ids=["readable", "optimized"])
@pytest.mark.parametrize("path", LEARNING, ids=lambda p: p.stem)
def test_the_script_of_an_example_trains_to_the_same_bits_with_numpy_alone(
    path: Path,
    options: tuple[str, ...],
    bare_python: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copied = copy_examples(tmp_path) / path.name
    told = ["--epochs", "2", "-o"]
    printed = execute(bare_python, exported(copied, *options), *told, str(tmp_path / "script.npz"))
    capsys.readouterr()
    assert main(["train", str(copied), "--quiet", *told, str(tmp_path / "tool.npz")]) == 0
    assert printed == capsys.readouterr().out
    with np.load(tmp_path / "script.npz") as found, np.load(tmp_path / "tool.npz") as wanted:
        assert set(found) == set(wanted)
        for name in wanted:
            assert found[name].tobytes() == wanted[name].tobytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("path", LEARNING, ids=lambda p: p.stem)
def test_the_gradients_of_an_example_agree_with_differences_in_its_own_script(
    path: Path, bare_python: str, tmp_path: Path
) -> None:
    printed = execute(bare_python, exported(copy_examples(tmp_path) / path.name), "--gradcheck")
    assert all(line.endswith(": OK") for line in printed.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_the_outputs_of_an_example_are_those_of_its_inference_script(
    path: Path, bare_python: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = copy_examples(tmp_path) / path.name
    execute(bare_python, exported(copied, "--infer"), "-o", str(tmp_path / "out.json"))
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    wanted = run_json(copied, capsys)
    assert bool(found) == bool(wanted["outputs"])
    assert found == {name: wanted["values"][name] for name in found}
    assert set(found) <= set(wanted["outputs"])


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
    few = ["--rows", "64"] if "\ndata " in path.read_text(encoding="utf-8") else []
    original = run_json(path, capsys, *few)
    if original["of"] is None:
        assert main(["grad", str(path)]) == 1
        assert "nothing to differentiate" in capsys.readouterr().err
        return
    printed = tmp_path / "printed.graph"
    assert main(["grad", str(path), "-o", str(printed)]) == 0
    capsys.readouterr()
    again = run_json(printed, capsys, *few)
    # What is expected of all rows need not hold for a few.
    assert few or all(e["ok"] for e in again["expect"])
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
