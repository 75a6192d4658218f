"""`graphlang eval`, `predict` and `plot --surface`: what a trained model is worth, says and looks like."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from graphlang.cli.main import main

MODEL = """\
data d = csv("rows.csv") {
  x = columns("a".."b")
  y = column("kind")
}
input x: [N, 2]
input y: int[N]
param W: [2, 3] = 0
param b: [3] = 0
s = x @ W + b
loss = cross_entropy(s, y)
output s
metric accuracy = mean(argmax(s) == y)
train on d { minimize = loss
  holdout = 0.25 }
"""
ROWS = "a,b,kind\n1,0,cat\n0,1,dog\n-1,-1,ant\n2,0,cat\n0,2,dog\n-2,-1,ant\n3,1,cat\n1,0,ant\n"
# Scores are (-a - b, a, b) for the classes in sorted order: ant, cat, dog.
W = np.array([[-1.0, 1, 0], [-1, 0, 1]])
X = np.array([[1, 0], [0, 1], [-1, -1], [2, 0], [0, 2], [-2, -1], [3, 1], [1, 0]])
LABELS = np.array([1, 2, 0, 1, 2, 0, 1, 0])
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.graph").write_text(MODEL)
    Path("rows.csv").write_text(ROWS)
    np.savez("w.npz", W=W, b=np.zeros(3))


def softmax_loss(rows: list[int] | slice) -> float:
    scores = X[rows] @ W
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return float(-log_p[np.arange(len(scores)), LABELS[rows]].mean())


# --- eval ------------------------------------------------------------------------------------------------


def test_eval_reports_loss_and_metrics_of_all_rows_and_of_those_held_out(capsys: Captured) -> None:
    assert main(["eval", "m.graph", "--weights", "w.npz", "--json", "--dtype", "float64"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model"] == "m"
    assert {part: found[part]["rows"] for part in ("all", "learned", "holdout")} == {
        "all": 8, "learned": 6, "holdout": 2
    }  # fmt: skip
    assert found["all"]["loss"] == pytest.approx(softmax_loss(slice(None)), rel=1e-12)
    assert found["all"]["accuracy"] == 7 / 8
    mean = (6 * found["learned"]["loss"] + 2 * found["holdout"]["loss"]) / 8
    assert mean == pytest.approx(found["all"]["loss"], rel=1e-12)


def test_eval_prints_a_table(capsys: Captured) -> None:
    assert main(["eval", "m.graph", "--weights", "w.npz"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["rows", "count", "loss", "accuracy"]
    assert rows[2] == ["all", "8", f"{softmax_loss(slice(None)):.6g}", "0.875"]


def test_eval_takes_other_data_with_the_classes_that_were_learned(capsys: Captured) -> None:
    Path("new.csv").write_text("a,b,kind\n1,0,cat\n5,0,cat\n0,3,dog\n")
    assert main(["eval", "m.graph", "--weights", "w.npz", "--data", "new.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["all"]["accuracy"] == 1
    assert "holdout" not in found


def test_eval_refuses_a_class_that_was_not_learned(capsys: Captured) -> None:
    Path("new.csv").write_text("a,b,kind\n1,0,cow\n")
    assert main(["eval", "m.graph", "--weights", "w.npz", "--data", "new.csv"]) == 1
    told = capsys.readouterr().err
    assert "`cow`, which is no class of `d`" in told
    assert "`ant`, `cat`, `dog`" in told


def test_training_on_other_data_numbers_its_classes_as_the_files_own(capsys: Captured) -> None:
    Path("two.csv").write_text("a,b,kind\n1,0,dog\n2,0,dog\n0,1,cat\n0,3,cat\n")
    assert main(["train", "m.graph", "-q", "--data", "two.csv", "--epochs", "60", "-o", "two.npz"]) == 0
    capsys.readouterr()
    assert main(["eval", "m.graph", "--weights", "two.npz", "--data", "two.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["all"]["accuracy"] == 1
    Path("new.csv").write_text("a,b,kind\n1,0,cow\n")
    assert main(["train", "m.graph", "--data", "new.csv"]) == 1
    assert "`cow`, which is no class of `d`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("label", "said"),
    [("-1", "there is no class -1"), ("3", "there is no class 3"), ("9", "there is no class 9")],
)
def test_a_label_that_is_no_class_is_refused_before_anything_is_trained(
    label: str, said: str, capsys: Captured
) -> None:
    Path("rows.csv").write_text(f"a,b,kind\n1,0,1\n0,1,2\n1,2,{label}\n")
    assert main(["train", "m.graph"]) == 1
    told = capsys.readouterr().err
    assert "E0806" in told and "picks one of 3 classes, 0 to 2" in told and said in told
    assert ("counted from 0" in told) == (label == "3")


@pytest.mark.parametrize("command", ["train", "eval", "predict"])
def test_a_number_beyond_the_precision_of_the_run_is_refused(command: str, capsys: Captured) -> None:
    Path("rows.csv").write_text("a,b,kind\n1e300,0,cat\n0,1,dog\n1,1,ant\n")
    assert main([command, "m.graph"]) == 1
    told = capsys.readouterr().err
    assert "`x` is fed 1e+300, which is too large for float32" in told and "RuntimeWarning" not in told
    assert main([command, "m.graph", "--dtype", "float64"]) == 0


def test_eval_without_weights_says_so(capsys: Captured) -> None:
    assert main(["eval", "m.graph"]) == 0
    assert "No --weights: these are the numbers of the untrained model." in capsys.readouterr().err


def test_eval_needs_no_data(capsys: Captured) -> None:
    Path("one.graph").write_text("input x = 1\nf = x * 2\noutput f\n")
    assert main(["eval", "one.graph", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"model": "one", "all": {"rows": None, "loss": 2.0}}
    Path("two.graph").write_text("input x: [N] = [1, 2, 3]\nf = sum(x)\noutput f\n")
    assert main(["eval", "two.graph"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["all", "–", "6"]


def test_weights_of_another_shape_are_refused(capsys: Captured) -> None:
    np.savez("w.npz", W=np.zeros((3, 3)), b=np.zeros(3))
    assert main(["eval", "m.graph", "--weights", "w.npz"]) == 1
    assert "[2, 3]" in capsys.readouterr().err


# --- predict -----------------------------------------------------------------------------------------------


def test_predict_writes_scores_and_classes_as_csv(capsys: Captured) -> None:
    assert main(["predict", "m.graph", "--weights", "w.npz"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == ["s[0]", "s[1]", "s[2]", "s.class"]
    scores = [[float(row[f"s[{k}]"]) for k in range(3)] for row in rows]
    assert np.array_equal(scores, X @ W)
    assert [row["s.class"] for row in rows] == ["cat", "dog", "ant", "cat", "dog", "ant", "cat", "cat"]


NEVER_WRITTEN = [
    ["train", "m.graph", "--epochs", "1", "--log", "m.graph"],
    ["train", "m.graph", "--epochs", "1", "--log", "rows.csv"],
    ["train", "m.graph", "--epochs", "1", "--log", "q.npz", "-o", "./q.npz"],
    ["export", "m.graph", "--to", "numpy", "-o", "m.graph"],
    ["grad", "m.graph", "-o", "m.graph"],
    ["predict", "m.graph", "--weights", "w.npz", "-o", "rows.csv"],
    ["predict", "m.graph", "--weights", "w.npz", "--data", "other.csv", "-o", "other.csv"],
]


@pytest.mark.parametrize("arguments", NEVER_WRITTEN, ids=" ".join)
def test_what_a_command_reads_is_not_written_over(arguments: list[str], capsys: Captured) -> None:
    Path("other.csv").write_text(ROWS)
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert "E0912" in told and ("is read by this command" in told or "Two things" in told)
    assert Path("m.graph").read_text() == MODEL
    assert Path("rows.csv").read_text() == Path("other.csv").read_text() == ROWS


@pytest.mark.parametrize("kind", ["npz", "json", "csv"])
def test_predict_needs_no_labels(kind: str) -> None:
    Path("new.csv").write_text("a,b\n1,0\n0,3\n")
    arguments = ["predict", "m.graph", "--weights", "w.npz", "--data", "new.csv", "-o", f"p.{kind}"]
    assert main(arguments) == 0
    if kind == "npz":
        with np.load("p.npz") as file:
            scores, classes = file["s"], file["s.class"]
    elif kind == "json":
        found = json.loads(Path("p.json").read_text())
        scores, classes = found["s"], found["s.class"]
    else:
        rows = list(csv.reader(Path("p.csv").read_text().splitlines()))[1:]
        scores, classes = [[float(c) for c in row[:3]] for row in rows], [row[3] for row in rows]
    assert np.array_equal(scores, [[-1, 1, 0], [-3, 0, 3]])
    assert list(classes) == ["cat", "dog"]


def test_predict_computes_any_node_that_is_named(capsys: Captured) -> None:
    assert main(["predict", "m.graph", "--weights", "w.npz", "--node", "x"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[0] == ["x[0]", "x[1]"]
    assert np.array_equal(np.array(rows[1:], float), X)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--node", "t"], "There is no node called `t`"),
        (["-o", "p.txt"], "does not end in .csv, .npz or .json"),
        (["--weights", "nosuch.npz"], "nosuch.npz"),
    ],
)
def test_predict_says_what_is_wrong(arguments: list[str], said: str, capsys: Captured) -> None:
    assert main(["predict", "m.graph", *arguments]) == 1
    assert said in capsys.readouterr().err


# --- surfaces ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["svg", "png", "gif"])
def test_the_decision_surface_is_drawn_before_during_and_after_training(kind: str) -> None:
    pytest.importorskip("matplotlib")
    small = ["--epochs", "4", "--resolution", "9", "--frames", "3"]
    assert main(["plot", "m.graph", "--surface", "-o", f"out.{kind}", *small]) == 0
    found = Path(f"out.{kind}").read_bytes()
    if kind == "gif":
        image = pytest.importorskip("PIL.Image")
        with image.open("out.gif") as picture:
            assert picture.n_frames == 3
    else:
        assert found.startswith(b"\x89PNG" if kind == "png" else b"<?xml")
    if kind == "svg":
        assert all(moment in found.decode() for moment in ("before", "during (epoch 2)", "after 4 epochs"))


def test_weights_are_shown_without_training() -> None:
    pytest.importorskip("matplotlib")
    arguments = ["--weights", "w.npz", "--resolution", "9", "-o", "out.svg"]
    assert main(["plot", "m.graph", "--surface", *arguments]) == 0
    text = Path("out.svg").read_text()
    assert "w.npz" in text
    assert "after" not in text


def test_a_surface_over_three_numbers_is_refused(capsys: Captured) -> None:
    pytest.importorskip("matplotlib")
    Path("m.graph").write_text("input x: [N, 3]\nparam w: [3] = 1\ns = x @ w\noutput s\n")
    assert main(["plot", "m.graph", "--surface", "-o", "out.svg"]) == 1
    assert "A surface is over one or two numbers" in capsys.readouterr().err
    assert not Path("out.svg").exists()


def test_a_model_in_place_of_a_log_is_told_how_to_be_plotted(capsys: Captured) -> None:
    assert main(["plot", "m.graph"]) == 1
    told = capsys.readouterr().err
    assert "`m.graph` is a model, not the log of a run." in told
    assert "graphlang plot m.graph --surface" in told


@pytest.mark.parametrize("options", [["--infer"], ["--of", "loss"]])
def test_only_a_script_that_trains_has_a_compiled_step(options: list[str], capsys: Captured) -> None:
    assert main(["export", "m.graph", "--to", "numpy", "--optimize", *options, "-o", "s.py"]) == 1
    assert "error[E0917]: `--optimize` compiles a step of training" in capsys.readouterr().err
    assert not Path("s.py").exists()


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (["--infer", "--weights", "w.npz"], True),
        (["--weights", "w.npz"], False),
        (["--of", "loss", "--rows", "3"], False),
    ],
)
def test_what_a_script_is_given_when_it_runs_is_not_an_option_of_the_export(
    options: list[str], advice: bool, capsys: Captured
) -> None:
    assert main(["export", "m.graph", "--to", "numpy", *options]) == 1
    told = capsys.readouterr()
    assert "changes nothing about the script" in told.err and not told.out
    assert ("python script.py --weights w.npz" in told.err) == advice


def test_a_surface_needs_a_place_to_go(capsys: Captured) -> None:
    assert main(["plot", "m.graph", "--surface"]) == 1
    assert "`--surface` takes one .graph file and the picture to write." in capsys.readouterr().err
