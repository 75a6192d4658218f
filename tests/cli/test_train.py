"""`graphlang train`: what it prints, what it writes, and how it stops."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from graphlang.cli.main import main
from graphlang.cli.progress import Bar, bar, duration
from graphlang.cli.train import _so_far
from graphlang.learning import prepare_training
from graphlang.run.train import Record
from graphlang.source import SourceFile

MODEL = """\
data d = spiral(n = 60, seed = 3)
input x: [N, 2]
input y: int[N]
s = x -> dense(8, tanh) -> dense(3)
loss = cross_entropy(s, y)
output s
metric accuracy = mean(argmax(s) == y)
train on d { minimize = loss
  optimizer = momentum(lr = 0.2)
  batch = 16
  epochs = 4
  holdout = 0.2 }
"""
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spiral.graph").write_text(MODEL, encoding="utf-8")
    return "spiral.graph"


def arrays(path: str) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def expected_records() -> list[Record]:
    run = prepare_training(SourceFile("spiral.graph", MODEL))
    return [r for r in run.trainer.steps(run.progress) if isinstance(r, Record)]


def test_a_line_is_printed_for_every_epoch_and_nothing_else_on_standard_output(
    model: str, capsys: Captured
) -> None:
    assert main(["train", model]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert len(lines) == 4
    for line, r in zip(lines, expected_records(), strict=True):
        assert r.holdout is not None
        assert line == (
            f"epoch {r.epoch}/4  loss {r.loss:.4g}  accuracy {r.metrics['accuracy']:.4g}  "
            f"| holdout loss {r.holdout['loss']:.4g}  accuracy {r.holdout['accuracy']:.4g}"
        )
    assert "51 parameters, momentum, 48 examples and 12 held out, batches of 16" in printed.err
    assert "graphlang train spiral.graph -o spiral.npz" in printed.err


def test_the_log_has_an_object_for_every_epoch_and_json_prints_the_same(model: str, capsys: Captured) -> None:
    assert main(["train", model, "--log", "run.jsonl", "--json", "-q"]) == 0
    printed = capsys.readouterr().out
    assert Path("run.jsonl").read_text(encoding="utf-8") == printed
    found = [json.loads(line) for line in printed.splitlines()]
    for line, r in zip(found, expected_records(), strict=True):
        assert line.pop("seconds") >= 0
        assert line == {
            "epoch": r.epoch, "step": 3 * r.epoch, "loss": r.loss, "metrics": r.metrics, "holdout": r.holdout
        }  # fmt: skip


def test_the_best_weights_are_written_and_the_last_beside_them(model: str, capsys: Captured) -> None:
    run = prepare_training(SourceFile("spiral.graph", MODEL), settings={"epochs": 30})
    for _ in run.trainer.steps(run.progress):
        pass
    best, last = run.progress.best, run.trainer.kept(run.progress.values)
    assert main(["train", model, "-o", "w.npz", "--epochs", "30"]) == 0
    assert best is not None
    for expected, path in ((best, "w.npz"), (last, "w.last.npz")):
        if run.progress.best_epoch == 30 and path == "w.last.npz":
            assert not Path(path).exists()
            continue
        found = arrays(path)
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[p], expected[p]) for p in found)
    told = capsys.readouterr().err
    assert f"best epoch {run.progress.best_epoch}" in told
    assert "graphlang eval spiral.graph --weights w.npz" in told


def test_safetensors_hold_the_same_weights(model: str) -> None:
    load = pytest.importorskip("safetensors.numpy").load_file
    assert main(["train", model, "-o", "w.npz", "-q"]) == 0
    assert main(["train", model, "-o", "w.safetensors", "-q"]) == 0
    found = load("w.safetensors")
    assert all(np.array_equal(a, found[p]) for p, a in arrays("w.npz").items())


def test_settings_of_the_command_line_replace_those_of_the_file(model: str, capsys: Captured) -> None:
    assert main(["train", model, "--epochs", "2", "--batch", "all", "--seed", "5", "--json", "-q"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["epoch"], r["step"]) for r in found] == [(1, 1), (2, 2)]
    run = prepare_training(
        SourceFile("spiral.graph", MODEL), settings={"epochs": 1, "batch": "all", "seed": 5}
    )
    (record,) = [r for r in run.trainer.steps(run.progress) if isinstance(r, Record)]
    assert found[0]["loss"] == record.loss


def test_a_plot_is_drawn_of_the_epochs(model: str) -> None:
    pytest.importorskip("matplotlib")
    assert main(["train", model, "--plot", "curve.svg", "-q"]) == 0
    assert "<svg" in Path("curve.svg").read_text(encoding="utf-8")


def test_training_starts_from_weights_that_are_given(model: str, capsys: Captured) -> None:
    assert main(["train", model, "-o", "w.npz", "--epochs", "30", "-q"]) == 0
    capsys.readouterr()
    assert main(["train", model, "--weights", "w.npz", "--epochs", "1", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] < 0.9 < expected_records()[0].loss


def test_a_run_that_is_taken_up_again_ends_in_the_same_bits(model: str, capsys: Captured) -> None:
    assert main(["train", model, "-o", "whole.npz", "--log", "whole.jsonl", "-q"]) == 0
    assert main(["train", model, "--checkpoint", "ck", "--every", "1", "--epochs", "2", "-q"]) == 0
    first = sorted(Path("ck").glob("step-*.npz"))[0]
    arguments = ["--checkpoint", "ck", "--epochs", "4", "-o", "again.npz", "--log", "again.jsonl"]
    assert main(["train", model, "--resume", str(first), *arguments]) == 0
    assert f"Going on from `{first}`" in capsys.readouterr().err
    assert Path("whole.npz").read_bytes() == Path("again.npz").read_bytes()


# --- stopping ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_after_the_step_and_leaves_a_checkpoint(
    model: str, number: signal.Signals, status: int, capsys: Captured
) -> None:
    command = [sys.executable, "-m", "graphlang", "train", model, "--checkpoint", "ck"]
    process = subprocess.Popen(
        [*command, "--epochs", "1000000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in told
    found = re.search(r"Stopped after step (\d+)\. `(.+)` is written; `--resume` goes on from there", told)
    assert found is not None, told
    assert Path(found[2]).name == f"step-{int(found[1]):08d}.npz"
    epochs = str(int(found[1]) // 3 + 2)
    assert main(["train", model, "--checkpoint", "ck", "--resume", "--epochs", epochs, "-o", "a.npz"]) == 0
    assert main(["train", model, "--epochs", epochs, "-o", "b.npz", "-q"]) == 0
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()


def test_numbers_that_are_not_finite_stop_training_and_leave_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        "param w = 1\nq = w * 3\nloss = exp(q * q)\noutput loss\n"
        "train { minimize = loss\n optimizer = sgd(lr = -1e-4)\n epochs = 50 }\n"
    )
    Path("m.graph").write_text(text)
    assert main(["train", "m.graph", "--checkpoint", "ck", "-o", "w.npz"]) == 1
    told = capsys.readouterr().err
    assert "error[E0915]: Training stopped at step" in told
    assert "3 | loss = exp(q * q)" in told
    assert "The first value that is not finite is `loss`: inf." in told
    assert "The largest gradients, by norm: `w`" in told
    last = sorted(Path("ck").glob("step-*.npz"))[-1]
    assert f"The last good checkpoint is `{last}`." in told
    assert np.isfinite(arrays(str(last))["value/w"])
    assert not Path("w.npz").exists()


# --- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--resume"], "E0916"),
        (["-o", "weights.txt"], "E0906"),
        (["-o", "nowhere/w.npz"], "E0912"),
        (["--log", "nowhere/run.jsonl"], "E0912"),
        (["--checkpoint", "spiral.graph"], "E0912"),
        (["--set", "nosuch=1"], "nosuch"),
        (["--weights", "nosuch.npz"], "nosuch.npz"),
        (["--data", "nosuch.csv"], "nosuch.csv"),
        (["--checkpoint", "ck", "--resume", "nosuch.npz"], "nosuch.npz"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_computed(
    model: str, arguments: list[str], said: str, capsys: Captured
) -> None:
    assert main(["train", model, *arguments]) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""
    assert [p.name for p in Path.cwd().iterdir()] == ["spiral.graph"]


def test_a_file_without_a_train_block_is_told_how_to_write_one(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "m.graph"
    path.write_text("input x = 1\ny = 2 * x\n")
    assert main(["train", str(path)]) == 1
    told = capsys.readouterr().err
    assert "error[E0917]" in told
    assert "m.graph` has no train block." in told
    assert "train on DATA { minimize = loss }" in told


def test_without_a_checkpoint_yet_a_run_starts_anew(model: str, capsys: Captured) -> None:
    assert main(["train", model, "--checkpoint", "ck", "--resume"]) == 0
    assert "There is no checkpoint in `ck` yet: starting anew." in capsys.readouterr().err


# --- the bar on a terminal -------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_bar_says_how_far_the_run_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 110.0, 110.05, 120.0])
    monkeypatch.setattr("graphlang.cli.progress.time.monotonic", lambda: next(clock))
    monkeypatch.setenv("COLUMNS", "200")
    terminal = Terminal()
    shown = Bar(100, stream=terminal)
    shown.show(25, 800, lambda: "epoch 1  loss 0.5")
    drawn = terminal.getvalue()
    assert " 25%  epoch 1  loss 0.5  80 examples/s  30.0 s left" in drawn
    shown.show(26, 832, lambda: "too soon")
    assert terminal.getvalue() == drawn
    shown.show(50, 1600, lambda: "epoch 2")
    assert terminal.getvalue().endswith(" 50%  epoch 2  80 examples/s  20.0 s left")
    shown.clear()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_the_bar_tells_loss_and_metrics_of_the_epoch_so_far() -> None:
    run = prepare_training(SourceFile("spiral.graph", MODEL))
    losses = [next(run.trainer.steps(run.progress))]
    accuracy = run.progress.sums["accuracy"] / 16
    assert _so_far(run.progress) == f"epoch 1  loss {losses[0]:.4g}  accuracy {accuracy:.4g}"


def test_elsewhere_there_is_no_bar() -> None:
    stream = io.StringIO()
    shown = Bar(10, stream=stream)
    shown.show(5, 5, lambda: "epoch 1")
    shown.clear()
    assert stream.getvalue() == ""


def test_a_bar_grows_by_eighths_of_a_character() -> None:
    assert bar(0) == "▕" + " " * 20 + "▏"
    assert bar(1 / 160) == "▕▏" + " " * 19 + "▏"
    assert bar(0.5) == "▕" + "█" * 10 + " " * 10 + "▏"
    assert bar(2) == bar(1) == "▕" + "█" * 20 + "▏"


@pytest.mark.parametrize(
    ("seconds", "text"), [(7.21, "7.2 s"), (59.94, "59.9 s"), (760, "12:40"), (11100, "3:05:00")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
