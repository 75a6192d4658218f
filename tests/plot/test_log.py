"""Logs of runs: what a line may hold, and that a damaged or hostile file is a diagnostic, never a traceback."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlang.diagnostics import Problems
from graphlang.plot import log
from graphlang.plot.log import RunLog, Scores, distinct, read_log

FULL = '{"epoch": 1, "step": 45, "loss": 0.5, "metrics": {"accuracy": 0.9}, "holdout": {"loss": 0.4, "accuracy": 0.91}, "seconds": 1.2}'


def read(folder: Path, text: str | bytes, name: str = "run.jsonl") -> tuple[RunLog | None, Problems]:
    problems = Problems()
    data = text.encode() if isinstance(text, str) else text
    (folder / name).write_bytes(data)
    return read_log(str(folder / name), problems), problems


def test_a_line_is_an_epoch_with_its_losses_and_metrics(tmp_path: Path):
    run, problems = read(tmp_path, FULL + "\n")
    assert run is not None and len(problems) == 0 and run.name == "run"
    (epoch,) = run.epochs
    assert (epoch.epoch, epoch.step, epoch.seconds) == (1, 45, 1.2)
    assert epoch.train == Scores(0.5, {"accuracy": 0.9})
    assert epoch.holdout == Scores(0.4, {"accuracy": 0.91})


@pytest.mark.parametrize(
    "line", ['{"epoch": 1, "loss": 2}', '{"epoch": 1, "loss": 2, "holdout": null, "more": [1]}']
)
def test_only_epoch_and_loss_are_required(tmp_path: Path, line: str):
    run, problems = read(tmp_path, line)
    assert run is not None and len(problems) == 0 and not run.has_holdout


def test_numbers_that_are_not_finite_are_texts(tmp_path: Path):
    run, _ = read(
        tmp_path, '{"epoch": 1, "loss": "nan", "metrics": {"a": "-inf"}, "holdout": {"loss": "inf"}}'
    )
    assert run is not None
    (epoch,) = run.epochs
    assert math.isnan(epoch.train.loss) and epoch.train.metrics["a"] == -math.inf
    assert epoch.holdout == Scores(math.inf, {})


@pytest.mark.parametrize(
    "rest", ['{"epoch": 2, "lo', '{"epoch": 2, "loss": 1', b'{"epoch": 2, "loss": "\xe2']
)
def test_a_last_line_that_was_cut_off_is_left_out_with_a_warning(tmp_path: Path, rest: str | bytes):
    rest = rest.encode() if isinstance(rest, str) else rest
    run, problems = read(tmp_path, FULL.encode() + b"\n" + rest)
    assert run is not None and len(run.epochs) == 1
    (warning,) = problems
    assert warning.code == "W0802" and warning.span is not None and warning.span.line == 2


def test_epochs_that_begin_again_replace_the_earlier_ones(tmp_path: Path):
    lines = [f'{{"epoch": {e}, "loss": {i}}}' for i, e in enumerate([1, 2, 3, 2, 3])]
    run, problems = read(tmp_path, "\n".join(lines))
    assert run is not None and [(e.epoch, e.train.loss) for e in run.epochs] == [(1, 0), (2, 3), (3, 4)]
    assert [d.code for d in problems] == ["W0802"]


WRONG = {
    "[1]": "not a JSON object",
    '{"loss": 1}': 'no "epoch"',
    '{"epoch": 1}': 'no "loss"',
    '{"epoch": 1.5, "loss": 1}': "whole number",
    '{"epoch": true, "loss": 1}': "whole number",
    '{"epoch": -1, "loss": 1}': "whole number",
    '{"epoch": 1, "loss": "one"}': "should be a number",
    '{"epoch": 1, "loss": true}': "should be a number",
    '{"epoch": 1, "loss": NaN}': '"nan"',
    '{"epoch": 1, "loss": 1, "loss": 2}': "twice",
    '{"epoch": 1, "loss": 1, "metrics": [1]}': "an object of numbers",
    '{"epoch": 1, "loss": 1, "metrics": {"": 1}}': "0 characters",
    '{"epoch": 1, "loss": 1, "holdout": {"accuracy": 1}}': 'no "loss" in "holdout"',
    '{"epoch": 1, "loss": 1' + "0" * 400 + "}": "too large",
    '{"epoch": 1, "loss": 1' + "0" * 5000 + "}": "too long",
    '{"epoch": 1, "loss": ' + "[" * 100_000 + "]" * 100_000 + "}": "too deep",
    '{"epoch": 1, "loss": 1, "metrics": {' + ", ".join(f'"m{i}": 1' for i in range(33)) + "}}": "at most 32",
    "nonsense": "not JSON",
}


@pytest.mark.parametrize("line", WRONG, ids=lambda line: line[:40])
def test_a_wrong_line_is_an_error_with_its_number(tmp_path: Path, line: str):
    run, problems = read(tmp_path, f"{FULL}\n\n{line}\n")
    assert run is None
    (error,) = problems.errors
    assert error.code == "E0809" and error.span is not None and error.span.line == 3
    assert WRONG[line] in error.message


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xff\xfe\x00", b"\0" * 100])
def test_what_is_no_log_is_an_error(tmp_path: Path, data: bytes):
    run, problems = read(tmp_path, data)
    assert run is None and [d.code for d in problems.errors] == ["E0809"]


@pytest.mark.parametrize("path", ["", ".", "no\0name", "nowhere/run.jsonl", "/dev/zero"])
def test_what_cannot_be_opened_is_an_error(path: str):
    problems = Problems()
    assert read_log(path, problems) is None and problems.errors[0].code == "E0809"


def test_a_log_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(log, "MAX_BYTES", 1 << 20)
    run, problems = read(tmp_path, FULL + "\n" + " " * (1 << 20))
    assert run is None and "too large" in problems.errors[0].message


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "replace")))
def test_no_bytes_raise(data: bytes):
    problems = Problems()
    log._epochs(log._Text("x", data), problems)


def test_runs_of_one_name_are_told_apart_by_their_paths():
    runs = [RunLog("run", ()), RunLog("run", ()), RunLog("other", ()), RunLog("run", ())]
    names = [r.name for r in distinct(runs, ["a/run.jsonl", "b/run.jsonl", "other.jsonl", "a/run.jsonl"])]
    assert names == ["a/run.jsonl", "b/run.jsonl", "other", "a/run.jsonl (2)"]
