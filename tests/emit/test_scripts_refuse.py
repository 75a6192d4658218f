"""Exported scripts refuse what the tool refuses, in one line, and read what it reads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlang.cli.main import main

MODEL = """\
input x: [N, 2]
input y: [N]
z = x -> dense(1)
loss = mse(z[:, 0], y)
output z
output loss
train on d { minimize = loss
  epochs = 2 }
"""
TABLE = 'data d = csv("t.csv") {\n  x = columns("a".."b")\n  y = column("y")\n}\n'
ARRAYS = 'data d = npz("t.npz") {\n  x = column("x")\n  y = column("y")\n}\n'
LABELS = MODEL.replace("y: [N]", "y: int[N]").replace("mse(z[:, 0], y)", "cross_entropy(z, y)")
GOOD = "a,b,y\n1,2,3\n2,3,4\n4,1,2\n"

# What the file holds, and what the script says of it.
REFUSED = {
    "gap": ("a,b,y\n1,2,3\n2,,4\n4,1,2\n", "row 2, column b: '' is no number"),
    "NA": ("a,b,y\n1,2,3\n2,NA,4\n4,1,2\n", "row 2, column b: 'NA' is no number"),
    "word": ("a,b,y\n1,2,3\n2,3,4\noops,1,2\n", "row 3, column a: 'oops' is no number"),
    "gap among words": ("a,b,y\n1,2,cat\n2,3,\n4,1,dog\n", "row 2, column y: '' is no class"),
    "? among words": ("a,b,y\n1,2,cat\n2,3,?\n4,1,dog\n", "row 2, column y: '?' is no class"),
    "decimal comma": ("a;b;y\n1;2;0,5\n2;3;1,5\n", "row 1, column y: '0,5' is no class"),
    "underscore": ("a,b,y\n1,2,3\n2,1_000,4\n", "row 2, column b: '1_000' is no number"),
    "NaN": ("a,b,y\n1,2,3\n2,nan,4\n", "row 2, column b: 'nan' is no number"),
    "infinity": ("a,b,y\n1,2,3\n2,3,-inf\n", "row 2, column y: '-inf' is no number"),
    "NUL": ("a,b,y\n1,2,c\0t\n2,3,dog\n", "this is no text"),
    "short row": ("a,b,y\n1,2,3\n2,3\n", "row 2 has 2 cells, but the first line has 3"),
    "long rows": ("a,b,y\n1,2,3,4\n2,3,4,5\n", "row 1 has 4 cells, but the first line has 3"),
    "two columns of a name": ("a,b,b,y\n1,2,3,4\n2,3,4,5\n", "several columns have the same name"),
    "open quote": ('a,b,y\n1,2,"cat\n2,3,dog\n', "unexpected end of data"),
    "other column": ("a,b,z\n1,2,3\n", "there is no column y"),
    "no rows": ("a,b,y\n", "the file has no rows"),
    "empty": ("", "the file is empty"),
}
READ = {
    "old Mac": "a,b,y\r1,2,3\r2,3,4\r4,1,2\r",
    "old Mac with words": "a,b,y\r1,2,dog\r2,3,cat\r4,1,dog\r",
    "Windows": "a,b,y\r\n1,2,dog\r\n\r\n2,3,cat\r\n4,1,dog\r\n",
    "quoted line breaks": 'a,b,y\n1,2,"d\nog"\n2,3,cat\n4,1,"d\nog"\n',
    "gap that nobody uses": "a,b,y,other\n1,2,3,\n2,3,4,5\n4,1,2,NA\n",
    "words": "a,b,y\n1,2,null\n2,3,none\n4,1,-\n",
}


def exported(folder: Path, text: str, *options: str) -> Path:
    (folder / "m.graph").write_text(text, encoding="utf-8")
    script = folder / "m.py"
    assert main(["export", str(folder / "m.graph"), "--to", "numpy", "-o", str(script), "-q", *options]) == 0
    return script


def execute(script: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", script.name, *args]
    return subprocess.run(
        command, cwd=script.parent, capture_output=True, text=True, encoding="utf-8", check=False
    )


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training script beside good data."""
    folder = tmp_path_factory.mktemp("trainer")
    (folder / "t.csv").write_text(GOOD, encoding="utf-8")
    return exported(folder, TABLE + MODEL)


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_tool_refuses_a_script_refuses_in_one_line(name: str, trainer: Path) -> None:
    text, message = REFUSED[name]
    other = trainer.parent / "other.csv"
    other.write_text(text, encoding="utf-8", newline="")
    assert main(["train", str(trainer.with_suffix(".graph")), "--data", str(other), "-q"]) == 1
    done = execute(trainer, "--data", "other.csv")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"other.csv: {message}\n")


@pytest.mark.parametrize("name", READ)
def test_what_the_tool_reads_a_script_reads(
    name: str, trainer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = trainer.parent / "other.csv"
    other.write_text(READ[name], encoding="utf-8", newline="")
    capsys.readouterr()
    assert main(["train", str(trainer.with_suffix(".graph")), "--data", str(other), "-q"]) == 0
    assert execute(trainer, "--data", "other.csv").stdout == capsys.readouterr().out


@pytest.mark.parametrize("options", [(), ("--infer",), ("--of", "loss")])
def test_a_missing_file_is_said_in_one_line(options: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(GOOD, encoding="utf-8")
    script = exported(tmp_path, TABLE + MODEL, *options)
    (tmp_path / "t.csv").unlink()
    done = execute(script)
    assert done.returncode == 1
    assert done.stderr.endswith("t.csv: No such file or directory\n") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("options", [(), ("--of", "loss")])
def test_labels_that_are_no_integers_are_refused(options: tuple[str, ...], tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.ones((3, 2)), y=np.array([0, 0, 0]))
    script = exported(tmp_path, ARRAYS + LABELS, *options)
    assert execute(script).returncode == 0
    for bad in (0.5, np.nan, np.inf, 1e300):
        np.savez(tmp_path / "t.npz", x=np.ones((3, 2)), y=np.array([0, bad, 0]))
        done = execute(script)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "y takes whole numbers, but the data have others for it\n"
    (tmp_path / "t.npz").write_bytes(b"PK\x03\x04 and nothing else")
    done = execute(script)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "t.npz: " in done.stderr


@pytest.mark.parametrize("head", [ARRAYS, 'data d = npz("t.npz")\n'])
@pytest.mark.parametrize("bad", [-1, 3, 9])
def test_labels_that_are_no_class_are_refused(bad: int, head: str, tmp_path: Path) -> None:
    model = LABELS.replace("dense(1)", "dense(3)")
    np.savez(tmp_path / "t.npz", x=np.ones((3, 2)), y=np.array([0, 2, 1]))
    script = exported(tmp_path, head + model)
    assert execute(script).returncode == 0
    np.savez(tmp_path / "t.npz", x=np.ones((3, 2)), y=np.array([0, bad, 1]))
    assert main(["train", str(tmp_path / "m.graph"), "-q"]) == 1
    done = execute(script)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "y picks one of 3 classes, 0 to 2, and the data have others\n"


def test_labels_by_the_names_of_columns_are_checked_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.ones((3, 2)), y=np.array([0, 0.5, 0]))
    script = exported(tmp_path, 'data d = npz("t.npz")\n' + LABELS)
    assert execute(script).stderr == "y takes whole numbers, but the data have others for it\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("-o", "nodir/w.npz"), "nodir/w.npz cannot be written: there is no folder nodir"),
        (("--log", "nodir/run.jsonl"), "nodir/run.jsonl cannot be written: there is no folder nodir"),
        (("-o", "w.txt"), "w.txt does not end in .npz"),
        (("--batch", "0"), "--batch is a whole number from 1, or all"),
        (("--epochs", "-1"), "--epochs and --seed are whole numbers from 0"),
        (("--seed", "-1"), "--epochs and --seed are whole numbers from 0"),
    ],
)
def test_options_are_checked_before_the_work(args: tuple[str, ...], message: str, trainer: Path) -> None:
    done = execute(trainer, *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"m.py: error: {message}\n")


@pytest.mark.parametrize("options", [("--infer",), ("--of", "loss")])
def test_weights_that_do_not_fit_are_said_in_one_line(options: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(GOOD, encoding="utf-8")
    script = exported(tmp_path, TABLE + MODEL, *options)
    arrays: dict[str, Any] = {"z.dense.W": np.ones((3, 1))}
    np.savez(tmp_path / "w.npz", **arrays)
    done = execute(script, "--weights", "w.npz")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "w.npz has nothing that fits z.dense.W, z.dense.b\n"
    assert execute(script, "--weights", "no.npz").stderr == "no.npz: No such file or directory\n"
    assert execute(script, "--seed", "-1").stderr.endswith("error: --seed is a whole number from 0\n")


@pytest.mark.parametrize("options", [("--infer",), ("--of", "loss")])
def test_fed_files_that_cannot_be_read_are_said_in_one_line(options: tuple[str, ...], tmp_path: Path) -> None:
    script = exported(tmp_path, MODEL.partition("train")[0], *options)
    assert execute(script, "--feed", "no.csv").stderr == "no.csv: No such file or directory\n"
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    (tmp_path / "word.csv").write_text("x[0],x[1],y\n1,2,oops\n", encoding="utf-8")
    for name in ("empty.csv", "word.csv"):
        done = execute(script, "--feed", name)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    "block",
    [
        "moons(n = 20)",
        'moons(n = 20) {\n  x = column("x") * 2\n  y = column("y")\n}',
        'blobs(n = 9) {\n  x = columns("x0".."x1") / 3\n  y = column("label")\n}',
    ],
)
@pytest.mark.parametrize("of", [(), ("--of", "loss")], ids=["values", "loss"])
def test_values_of_rows_that_are_made_are_those_of_the_tool(
    block: str, of: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"data d = {block}\n" + (MODEL if of else MODEL.partition("train")[0])
    script = exported(tmp_path, text, *of)
    capsys.readouterr()
    assert main(["run", str(tmp_path / "m.graph"), "--json", "-q", *of]) == 0
    assert json.loads(execute(script, "--json").stdout) == json.loads(capsys.readouterr().out)


def test_labels_that_a_generator_does_not_make_whole_are_refused(tmp_path: Path) -> None:
    block = 'data d = moons(n = 20) {\n  x = column("x")\n  y = column("y") / 2\n}\n'
    done = execute(exported(tmp_path, block + LABELS))
    assert (done.returncode, done.stderr) == (1, "y takes whole numbers, but the data have others for it\n")
