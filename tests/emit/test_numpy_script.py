"""Exported scripts print what `run --json` prints, to the bit, and are clean Python."""

from __future__ import annotations

import ast
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlang.emit.graph_text import graph_text
from graphlang.emit.numpy_script import numpy_script
from graphlang.run.report import as_json
from tests.emit.models import CASES, build
from tests.emit.test_graph_text import GOLDEN, GOLDENS, random_products, run


def execute(
    script: str, args: list[str], folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> str:
    """What a script prints, run in this process, which is quicker than starting Python for each."""
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", [str(path), *args])
    capsys.readouterr()
    runpy.run_path(str(path), run_name="__main__")
    return capsys.readouterr().out


@pytest.mark.parametrize("name", CASES)
def test_script_prints_the_same_object(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text, fed = CASES[name]
    model = build(text, name=name)
    args = ["--json"]
    if fed:
        np.savez(tmp_path / "fed.npz", **fed)
        args += ["--feed", str(tmp_path / "fed.npz")]
    printed = execute(numpy_script(model), args, tmp_path, capsys, monkeypatch)
    wanted = as_json(run(model, fed))
    assert json.dumps(json.loads(printed)) == json.dumps(wanted)


def test_script_warns_of_expectations_that_do_not_hold_as_the_tool_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from graphlang.cli.main import main
    from graphlang.differentiate.differentiate import differentiate
    from graphlang.pipeline import compile_source, objective
    from graphlang.source import SourceFile

    text = """\
input x = [[1.0, -2.0], [0.25, 1e9]]
input k: int[N] = [1, 2, 3, 4, 5, 6, 7, 8]
const n = 3
y = x * x
big = tile(y, [2, 2])
f = sum(y) / n
output f
expect f == 1
expect f > 1e30
expect x == 2 * x within 1e-9
expect big == 0
expect k == 0
expect (k > 3) == false
expect k[0] > 1
expect shape(x) == [2, 3]
expect shape(k) == [7]
expect n == 4
expect grad(f, x) == 0
expect grad(f, f) == 1
expect grad(f,y)!=1/3
expect -0.0 * f > f
expect 1 / (f - f) == 0
"""
    (tmp_path / "m.graph").write_text(text, encoding="utf-8")
    assert main(["run", str(tmp_path / "m.graph"), "--json", "--quiet"]) == 0
    wanted = json.loads(capsys.readouterr().out)
    assert len(wanted["warnings"]) > 10
    outcome = compile_source(SourceFile("m.graph", text))
    script = numpy_script(differentiate(outcome.value, objective(outcome.value, None)[0]))
    assert json.loads(execute(script, ["--json"], tmp_path, capsys, monkeypatch)) == wanted


def test_script_runs_by_itself_in_a_fresh_python(tmp_path: Path) -> None:
    text, fed = CASES["network_with_loss"]
    model = build(text, name="net")
    (tmp_path / "net.py").write_text(numpy_script(model), encoding="utf-8")
    (tmp_path / "fed.json").write_text(json.dumps({k: v.tolist() for k, v in fed.items()}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "net.py", "--json", "--feed", "fed.json"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == as_json(run(model, fed))
    table = subprocess.run(
        [sys.executable, "-I", "net.py", "--feed", "fed.json"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "d loss / d scores.dense.W = " in table.stdout
    missing = subprocess.run(
        [sys.executable, "-I", "net.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert missing.returncode == 1 and "no value for x, y" in missing.stderr


def test_script_takes_tables_weights_and_a_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from graphlang.run.session import evaluate

    model = build("input x: [N, 2]\ninput t\nparam W: [2, 2] ~ normal(0, 1)\nf = sum(x @ W) * t\noutput f\n")
    x = np.array([[1.0, 2.5]])
    (tmp_path / "fed.csv").write_text("x[0],x[1],t\n1,2.5,3\n", encoding="utf-8")
    feed = ["--json", "--feed", str(tmp_path / "fed.csv")]
    script = numpy_script(model, seed=4)
    for seed, args in ((4, []), (7, ["--seed", "7"])):
        wanted = as_json(evaluate(model, {"x": x, "t": np.array(3.0)}, {"N": 1}, seed=seed))
        assert json.loads(execute(script, feed + args, tmp_path, capsys, monkeypatch)) == wanted
    np.savez(tmp_path / "w.npz", W=np.eye(2))
    printed = execute(script, [*feed, "--weights", str(tmp_path / "w.npz")], tmp_path, capsys, monkeypatch)
    assert json.loads(printed)["values"]["f"] == 10.5


@pytest.mark.parametrize(
    ("source", "block"),
    [
        ("a,b,label\n1.5,2,cat\n0.5,1,dog\n-1,0,ant\n", 'x = columns("a".."b") / 16 - column("b")'),
        ("a;b;label\n1;2;0\n4;5;1\n7;8;2\n", 'x = columns(["b", "a"]) ^ 2'),
    ],
)
def test_script_reads_the_rows_of_a_data_block(
    source: str, block: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from graphlang.differentiate.differentiate import differentiate
    from graphlang.pipeline import compile_source, objective, prepare
    from graphlang.source import SourceFile

    (tmp_path / "rows.csv").write_text(source, encoding="utf-8")
    text = (
        f'data rows = csv("rows.csv") {{\n  {block}\n  y = column("label")\n}}\n'
        "input x: [N, 2]\ninput y: int[N]\ns = x -> dense(3)\nloss = cross_entropy(s, y)\noutput loss\n"
    )
    outcome = compile_source(SourceFile("m.graph", text, path=str(tmp_path / "m.graph")))
    of, _ = objective(outcome.value, None)
    script = numpy_script(differentiate(outcome.value, of), folder=str(tmp_path))
    printed = execute(script, ["--json"], tmp_path, capsys, monkeypatch)
    assert json.loads(printed) == as_json(prepare(outcome.value).evaluate())


@pytest.mark.parametrize("name", GOLDENS)
def test_script_is_the_golden_one(name: str, accept: bool) -> None:
    model = build((GOLDEN / f"{name}.graph").read_text(encoding="utf-8"), name=name)
    script = numpy_script(model)
    golden = GOLDEN / f"{name}.py.txt"
    if accept:
        golden.write_text(script, encoding="utf-8")
    assert script == golden.read_text(encoding="utf-8")


def test_scripts_are_clean_python(tmp_path: Path) -> None:
    for name, (text, _) in CASES.items():
        (tmp_path / f"{name}.py").write_text(numpy_script(build(text, name=name)), encoding="utf-8")
    ruff = Path(sys.executable).parent / "ruff"
    if not ruff.exists():
        pytest.skip("ruff is not installed")
    command = [ruff, "check", "--isolated", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_names_of_python_are_avoided() -> None:
    text = "input lambda = 2\ninput print = 3\ninput np = 4\nλ = lambda * print + np\nf = λ ^ 2\noutput f\n"
    script = numpy_script(build(text))
    found = [n for n in ast.walk(ast.parse(script)) if isinstance(n, ast.Name)]
    names = {n.id for n in found if isinstance(n.ctx, ast.Store)}
    assert "λ" in names and not names & {"lambda", "print", "np"}


def test_a_large_graph_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 4000
    lines = ["input x0 = 0.5", *(f"x{i + 1} = tanh(x{i}) * 0.9" for i in range(count)), f"output x{count}"]
    model = build("\n".join(lines))
    printed = execute(numpy_script(model), ["--json"], tmp_path, capsys, monkeypatch)
    assert json.loads(printed) == as_json(run(model, {}))


@pytest.mark.slow
def test_a_hundred_thousand_statements_are_written_and_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(random_products(100_000))
    assert graph_text(model).count("\n") > 250_000
    printed = execute(numpy_script(model), ["--json"], tmp_path, capsys, monkeypatch)
    assert json.loads(printed) == as_json(run(model, {}))
