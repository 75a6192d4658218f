"""Checkpoints: a run taken up again is the run that never stopped; what is damaged or foreign is refused."""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from typing import Any

import numpy as np
import pytest

from graphlang import files
from graphlang.diagnostics import Problems
from graphlang.run.checkpoint import KEPT, checkpoints, read_checkpoint, write_checkpoint
from graphlang.run.npy_reader import npy_bytes
from graphlang.run.train import Progress
from tests.run.training import points, records, training, values

MODEL = """
data d = npy("d.npy") {
  x = columns(0..1)
  y = column(2)
}
input x: [N, 2]
input y: [N]
h = x -> dense(3, tanh) -> dropout(0.2) -> batch_norm()
loss = mean((squeeze(h -> dense(1), axis = 1) - y) ^ 2)
metric off = loss ^ 0.5
train on d {
  minimize = loss
  optimizer = adam(lr = 0.05)
  schedule = cosine(warmup = 1)
  epochs = 4
  batch = 4
  holdout = 0.2
}
"""


@pytest.fixture
def folder(tmp_path):
    points(tmp_path, 23)
    return tmp_path


def run_of(folder, text: str = MODEL, **options):
    return training(text, folder, **options)


def stopped(run, steps: int):
    """The run after so many steps, its epoch's end included."""
    for item in run.trainer.steps(run.progress):
        if run.progress.step == steps and (
            not isinstance(item, float) or run.progress.batch < run.trainer.batches
        ):
            break
    return run


def read(path: str, run) -> Progress:
    problems = Problems()
    found = read_checkpoint(path, run.trainer, problems)
    assert found is not None, list(problems)
    return found


def refusal(path: str, run) -> Any:
    problems = Problems()
    assert read_checkpoint(path, run.trainer, problems) is None
    assert problems.has_errors
    assert {d.code for d in problems} == {"E0916"}
    return next(iter(problems))


def written(folder, steps: int = 7, **options) -> tuple[str, Any]:
    run = stopped(run_of(folder, **options), steps)
    return write_checkpoint(str(folder / "c"), run.trainer, run.progress), run


# --- round trips ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("steps", [1, 5, 7, 20])
def test_everything_comes_back_exactly(folder, dtype: str, steps: int) -> None:
    path, run = written(folder, steps, dtype=dtype)
    found, wanted = read(path, run_of(folder, dtype=dtype)), run.progress
    for name in ("step", "epoch", "batch", "rows", "sums", "best_epoch", "best_loss", "seconds"):
        assert getattr(found, name) == getattr(wanted, name), name
    assert found.values.keys() == wanted.values.keys()
    for path, array in wanted.values.items():
        assert found.values[path].dtype == np.asarray(array).dtype
        np.testing.assert_array_equal(found.values[path], array)
    assert (found.best is None) == (wanted.best is None) == (steps < 5)
    for path, array in (wanted.best or {}).items():
        np.testing.assert_array_equal(found.best[path], array)


def test_a_best_loss_that_is_not_there_yet_is_infinite(folder) -> None:
    path, run = written(folder, 2)
    assert read(path, run).best_loss == math.inf


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("steps", [1, 5, 6, 13, 19])
def test_a_run_taken_up_again_ends_in_the_same_bits(folder, dtype: str, steps: int) -> None:
    whole = run_of(folder, dtype=dtype)
    wanted = records(whole)
    path, begun = written(folder, steps, dtype=dtype)
    again = run_of(folder, dtype=dtype)
    again.progress = read(path, again)
    found = records(again)
    assert [(r.epoch, r.step, r.loss, r.metrics, r.holdout) for r in found] == [
        (r.epoch, r.step, r.loss, r.metrics, r.holdout) for r in wanted[begun.progress.epoch :]
    ]
    for path, array in values(whole).items():
        np.testing.assert_array_equal(again.progress.values[path], array)
    assert again.progress.best_epoch == whole.progress.best_epoch
    for path, array in whole.progress.best.items():
        np.testing.assert_array_equal(again.progress.best[path], array)


def test_a_run_may_stop_between_the_last_step_of_an_epoch_and_its_end(folder) -> None:
    whole, begun = run_of(folder), run_of(folder)
    wanted = records(whole)
    for _ in begun.trainer.steps(begun.progress):
        if begun.progress.batch == begun.trainer.batches:
            break
    path = write_checkpoint(str(folder / "c"), begun.trainer, begun.progress)
    again = run_of(folder)
    again.progress = read(path, again)
    assert (again.progress.epoch, again.progress.batch) == (0, 5)
    assert [r.loss for r in records(again)] == [r.loss for r in wanted]


def test_a_run_may_stop_again_and_again(folder) -> None:
    whole, run = run_of(folder), run_of(folder)
    records(whole)
    for steps in range(2, 21, 2):
        stopped(run, steps)
        path = write_checkpoint(str(folder / "c"), run.trainer, run.progress)
        run = run_of(folder)
        run.progress = read(path, run)
    records(run)
    for path, array in values(whole).items():
        np.testing.assert_array_equal(run.progress.values[path], array)


def test_a_training_may_be_made_longer_and_its_patience_changed(folder) -> None:
    constant = MODEL.replace("  schedule = cosine(warmup = 1)\n", "")
    whole = run_of(folder, constant.replace("epochs = 4", "epochs = 6"))
    records(whole)
    short = run_of(folder, constant)
    records(short)
    path = write_checkpoint(str(folder / "c"), short.trainer, short.progress)
    longer = run_of(folder, constant.replace("epochs = 4", "epochs = 6\n  patience = 100"))
    longer.progress = read(path, longer)
    assert [r.epoch for r in records(longer)] == [5, 6]
    for path, array in values(whole).items():
        np.testing.assert_array_equal(longer.progress.values[path], array)


def test_patience_that_is_new_counts_from_where_the_run_goes_on(folder) -> None:
    plain = MODEL.replace("holdout = 0.2", "")
    begun = run_of(folder, plain)
    records(begun)
    path = write_checkpoint(str(folder / "c"), begun.trainer, begun.progress)
    longer = run_of(folder, plain.replace("epochs = 4", "epochs = 7\n  patience = 3"))
    longer.progress = read(path, longer)
    assert [r.epoch for r in records(longer)] == [5, 6, 7]


# --- what is refused -------------------------------------------------------------------------------------------


@pytest.fixture
def two(folder):
    """An older good checkpoint, a newer one, and the run that they are of."""
    older, _ = written(folder, 3)
    newer, run = written(folder, 7)
    return older, newer, run


def test_a_file_that_was_cut_off_is_refused_and_a_good_one_named(two) -> None:
    older, newer, run = two
    size = os.path.getsize(newer)
    for part in range(19, -1, -1):
        with open(newer, "r+b") as file:
            file.truncate(size * part // 20)
        assert refusal(newer, run).suggestion == f"An older one is good: `--resume {older}`."


def same(one: Progress, other: Progress) -> bool:
    are_arrays = all(np.array_equal(one.values[p], a) for p, a in other.values.items())
    return are_arrays and (one.step, one.sums, one.best_loss) == (other.step, other.sums, other.best_loss)


def test_a_bit_that_was_flipped_never_gives_other_numbers(two) -> None:
    older, newer, run = two
    with open(newer, "rb") as file:
        whole = bytearray(file.read())
    good = read(newer, run)
    refused = 0
    for position in np.random.default_rng(0).integers(0, len(whole) * 8, size=100):
        damaged = whole.copy()
        damaged[position // 8] ^= 1 << (position % 8)
        with open(newer, "wb") as file:
            file.write(damaged)
        problems = Problems()
        found = read_checkpoint(newer, run.trainer, problems)
        if found is None:
            refused += 1
            assert {d.code for d in problems} == {"E0916"}
            assert older in next(iter(problems)).suggestion
        else:  # dates and attributes of the archive say nothing
            assert same(found, good)
    assert refused > 60


def test_other_files_are_refused(two, tmp_path) -> None:
    _, _, run = two
    np.savez(tmp_path / "other.npz", x=np.arange(3))
    assert "is not a checkpoint of graphlang" in refusal(str(tmp_path / "other.npz"), run).message
    (tmp_path / "text.npz").write_text("Hello")
    refusal(str(tmp_path / "text.npz"), run)
    refusal(str(tmp_path / "missing.npz"), run)
    refusal(str(tmp_path), run)


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (
            MODEL.replace("dense(3", "dense(4"),
            {},
            "the model, its objective or its optimizer is not the same",
        ),
        (MODEL.replace("tanh", "relu"), {}, "the model, its objective"),
        (MODEL.replace("lr = 0.05", "lr = 0.06"), {}, "the model, its objective"),
        (MODEL.replace("cosine(warmup = 1)", "cosine()"), {}, "the model, its objective"),
        (MODEL.replace("mean((", "mean(2 * ("), {}, "the model, its objective"),
        (MODEL, {"settings": {"seed": 1}}, "`seed` was 0, now it is 1"),
        (MODEL, {"settings": {"batch": "all"}}, "`batch` was 4, now it is all"),
        (MODEL.replace("holdout = 0.2", "holdout = 0.3"), {}, "`holdout` was 0.2, now it is 0.3"),
        (
            MODEL.replace("holdout = 0.2", "holdout = 0.2\n  shuffle = false"),
            {},
            "`shuffle` was true, now it is false",
        ),
        (MODEL, {"dtype": "float32"}, "it was computed in float64, this one in float32"),
    ],
)
def test_another_run_is_refused(folder, text: str, options: dict[str, Any], said: str) -> None:
    path, _ = written(folder, 7)
    found = refusal(path, run_of(folder, text, **options))
    assert said in found.message
    assert found.suggestion.startswith("Go on with the file and the options it was made with")


def test_other_data_are_refused(folder) -> None:
    path, _ = written(folder, 7)
    points(folder, 24)
    assert "the data had 23 rows, now they have 24" in refusal(path, run_of(folder)).message
    points(folder, 23, seed=5)
    assert "the data had other numbers" in refusal(path, run_of(folder)).message


def rewritten(path: str, change: dict[str, Any], arrays: dict[str, np.ndarray] | None = None) -> None:
    """The checkpoint with other words in its JSON part, or other arrays."""
    with zipfile.ZipFile(path) as archive:
        held = {n: archive.read(n) for n in archive.namelist()}
    name = "checkpoint.json.npy"
    meta = json.loads(np.lib.format.read_array(io.BytesIO(held[name])).tobytes())
    meta |= change
    held[name] = npy_bytes(np.frombuffer(json.dumps(meta).encode(), np.uint8))
    held |= {f"{n}.npy": npy_bytes(a) for n, a in (arrays or {}).items()}
    with zipfile.ZipFile(path, "w") as archive:
        for n, content in held.items():
            archive.writestr(n, content)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"step": -1},
        {"step": 1.5},
        {"step": True},
        {"step": 10**30},
        {"epoch": None},
        {"batch": 99},
        {"rows": 0},
        {"batch": 0},
        {"best_loss": "small"},
        {"best_loss": 10**400},
        {"seconds": []},
        {"sums": []},
        {"sums": {}},
        {"sums": {"loss": 1.0}},
        {"sums": {"loss": "1", "off": 2.0}},
        {"graph": 3},
        {"settings": 3},
    ],
    ids=str,
)
def test_a_checkpoint_that_contradicts_itself_is_refused(folder, change: dict[str, Any]) -> None:
    path, run = written(folder, 7)
    rewritten(path, {})
    read(path, run)
    rewritten(path, change)
    refusal(path, run)


def test_arrays_that_do_not_fit_are_refused(folder) -> None:
    path, run = written(folder, 7)
    name = next(p for p, a in run.progress.values.items() if np.ndim(a))
    shape = np.shape(run.progress.values[name])
    for array in (np.zeros((*shape, 2)), np.zeros(shape, np.float32), np.zeros(shape, np.int64)):
        rewritten(path, {}, {f"value/{name}": array})
        assert "does not hold what this model keeps" in refusal(path, run).message
    rewritten(path, {}, {f"value/{name}": np.zeros(shape), "value/stranger": np.zeros(2)})
    refusal(path, run)


# --- files -------------------------------------------------------------------------------------------------------


def test_only_the_newest_are_kept(folder) -> None:
    run = run_of(folder)
    for item in run.trainer.steps(run.progress):
        if isinstance(item, float):
            write_checkpoint(str(folder / "c"), run.trainer, run.progress)
    assert sorted(os.listdir(folder / "c")) == [f"step-{n:08d}.npz" for n in range(21 - KEPT, 21)]


def test_a_run_that_begins_anew_replaces_the_checkpoints_of_another(folder) -> None:
    run = stopped(run_of(folder), 17)
    for step in (15, 16, 17):
        run.progress.step = step
        write_checkpoint(str(folder / "c"), run.trainer, run.progress)
    path, _ = written(folder, 2)
    assert checkpoints(str(folder / "c")) == [path]


def test_files_of_others_are_left_alone(folder) -> None:
    (folder / "c").mkdir()
    for name in ("step-1.npz.bak", "notes.txt", "step-x.npz", ".step-00000001.npz"):
        (folder / "c" / name).write_text("mine")
    for steps in range(1, 6):
        written(folder, steps)
    assert {"step-1.npz.bak", "notes.txt", "step-x.npz", ".step-00000001.npz"} < set(os.listdir(folder / "c"))


def test_a_write_that_is_interrupted_leaves_no_checkpoint(folder, monkeypatch) -> None:
    first, run = written(folder, 3)

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_checkpoint(str(folder / "c"), run.trainer, stopped(run, 4).progress)
    assert os.listdir(folder / "c") == [os.path.basename(first)]


def test_what_a_killed_program_had_begun_is_no_checkpoint_and_is_removed(folder) -> None:
    first, _ = written(folder, 3)
    (folder / "c" / ".step-00000004.npz.4711.part").write_bytes(b"PK\x03\x04")
    assert checkpoints(str(folder / "c")) == [first]
    second, _ = written(folder, 5)
    assert sorted(os.listdir(folder / "c")) == [os.path.basename(first), os.path.basename(second)]


def test_there_are_no_checkpoints_where_there_is_no_folder(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    assert checkpoints(str(tmp_path / "nowhere")) == []
    assert checkpoints(str(tmp_path / "file")) == []
