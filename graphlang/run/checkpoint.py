"""Checkpoints: a training run's `Progress` in a file, so that it can be taken up again bit for bit.

A checkpoint is an `.npz` file: `value/PATH` and `best/PATH` hold arrays, `checkpoint.json` the rest, floats
written so that they are read back exactly. It is written beside its place and then renamed: a run killed at
any moment leaves whole checkpoints only. A file that is damaged, or of another model, is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphlang.diagnostics import Problems
from graphlang.files import replace_file
from graphlang.graph.learner import TrainingStep
from graphlang.records import as_dict
from graphlang.run.files import Place, printable
from graphlang.run.npy_reader import read_npz, write_npz
from graphlang.run.train import Progress, Trainer

_META = "checkpoint.json"
_FORMAT = 1
_NAME = re.compile(r"step-(\d{1,12})\.npz\Z")
# What `replace_file` had begun when the program was killed.
_HALF = re.compile(r"\.step-\d{1,12}\.npz\.\d+\.part\Z")
# So many checkpoints are kept; older ones are removed when a new one is there.
KEPT = 3
_MOST = 1 << 53
_COUNTS = ("step", "epoch", "batch", "rows", "best_epoch")
_NUMBERS = ("best_loss", "seconds")


def write_checkpoint(folder: str, trainer: Trainer, progress: Progress) -> str:
    """Write a checkpoint into a folder (made if it is not there) and remove old ones; returns its path.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    os.makedirs(folder, exist_ok=True)
    meta = {
        "format": _FORMAT,
        **_identity(trainer),
        **{name: getattr(progress, name) for name in (*_COUNTS, *_NUMBERS)},
        "sums": progress.sums,
    }
    arrays = {_META: np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)}
    arrays |= {f"value/{path}": np.asarray(a) for path, a in progress.values.items()}
    arrays |= {f"best/{path}": np.asarray(a) for path, a in (progress.best or {}).items()}
    path = os.path.join(folder, f"step-{progress.step:08d}.npz")
    replace_file(path, lambda file: write_npz(file, arrays))
    _remove_old(folder, path)
    return path


def _remove_old(folder: str, newest: str) -> None:
    """Keep the newest and those before it: later ones are of a run that has been given up."""
    found = checkpoints(folder)
    place = [os.path.basename(p) for p in found].index(os.path.basename(newest))
    halves = [os.path.join(folder, name) for name in os.listdir(folder) if _HALF.match(name)]
    for old in (*found[: max(0, place + 1 - KEPT)], *found[place + 1 :], *halves):
        os.unlink(old)


def checkpoints(folder: str) -> list[str]:
    """The checkpoints in a folder, by step."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = sorted((int(m[1]), name) for name in names if (m := _NAME.match(name)))
    return [os.path.join(folder, name) for _, name in found]


def read_checkpoint(path: str, trainer: Trainer, problems: Problems) -> Progress | None:
    """Read a checkpoint of this training run.

    Parameters
    ----------
    path : str
    trainer : Trainer
        What the run is to go on with: the same model, settings and data.
    problems : Problems
        Gets E0916 if the file is damaged or no checkpoint, or of another model or other settings; a whole
        older one in the same folder is then named.

    Returns
    -------
    Progress, or None after an error
    """
    found = Problems()
    progress = _read(path, trainer, Place(found, "E0916"))
    if progress is not None:
        return progress
    older = _older_good_one(path, trainer)
    for problem in found:
        problems.error(
            "E0916",
            None,
            problem.message,
            notes=problem.notes,
            suggestion=f"An older one is good: `--resume {older}`." if older else problem.suggestion,
        )
    return None


def _older_good_one(path: str, trainer: Trainer) -> str | None:
    for other in reversed(checkpoints(os.path.dirname(path) or ".")):
        if os.path.realpath(other) != os.path.realpath(path) and _read(
            other, trainer, Place(Problems(), "E0916")
        ):
            return other
    return None


def _read(path: str, trainer: Trainer, place: Place) -> Progress | None:
    arrays = read_npz(path, place)
    if arrays is None:
        return None
    meta = _meta(arrays.pop(_META, None))
    if meta is None:
        place.error(f'"{printable(path)}" is not a checkpoint of graphlang.')
        return None
    differing = _differing(meta, trainer)
    if differing is not None:
        place.error(
            f'"{printable(path)}" is a checkpoint of another run: {differing}.',
            suggestion="Go on with the file and the options it was made with, or leave out `--resume`.",
        )
        return None
    if not _is_consistent(meta, trainer):
        place.error(f'"{printable(path)}" counts steps, rows or sums that no run comes to.')
        return None
    values = {n.removeprefix("value/"): a for n, a in arrays.items() if n.startswith("value/")}
    best = {n.removeprefix("best/"): a for n, a in arrays.items() if n.startswith("best/")}
    expected = trainer.start().values
    if not _fits(values, expected) or (best and not _fits(best, trainer.kept(expected))):
        place.error(f'"{printable(path)}" does not hold what this model keeps.')
        return None
    progress = Progress(values, best=best or None)
    for name in _COUNTS:
        setattr(progress, name, meta[name])
    for name in _NUMBERS:
        setattr(progress, name, float(meta[name]))
    if progress.best is None:
        progress.best_epoch = progress.epoch  # Patience that the run did not have before counts from here.
    progress.sums = {str(k): float(v) for k, v in meta["sums"].items()}
    return progress


def _is_consistent(meta: Mapping[str, Any], trainer: Trainer) -> bool:
    """Whether the counts can be those of a run: sums stand for the rows of an epoch that has begun."""
    batch, rows, sums = meta["batch"], meta["rows"], meta["sums"]
    if not batch:
        return not rows and not sums
    return bool(batch <= min(trainer.batches, rows)) and sums.keys() == trainer.reported.keys()


def _fits(arrays: Mapping[str, np.ndarray], expected: Mapping[str, Any]) -> bool:
    return arrays.keys() == expected.keys() and all(
        arrays[p].shape == np.shape(e) and arrays[p].dtype == np.asarray(e).dtype for p, e in expected.items()
    )


def _meta(array: np.ndarray | None) -> dict[str, Any] | None:
    """The JSON part, if it has all that it should have."""
    if array is None or array.dtype != np.uint8:
        return None
    try:
        meta = json.loads(array.tobytes())
    except (ValueError, RecursionError):
        return None
    if not isinstance(meta, dict) or meta.get("format") != _FORMAT:
        return None
    are_counts = all(type(meta.get(n)) is int and 0 <= meta[n] < _MOST for n in _COUNTS)
    are_numbers = all(type(meta.get(n)) is float for n in _NUMBERS)
    sums = meta.get("sums")
    are_sums = isinstance(sums, dict) and all(type(v) is float for v in sums.values())
    return meta if are_counts and are_numbers and are_sums else None


# --- whose it is ---------------------------------------------------------------------------------------


def _identity(trainer: Trainer) -> dict[str, Any]:
    """What has to be the same when a run is taken up again. A longer training is fine: it goes on."""
    settings = as_dict(trainer.settings)
    for name in ("epochs", "patience"):
        settings.pop(name)
    return {
        "graph": _digest(trainer.step),
        "settings": settings,
        "examples": trainer.feed.count,
        "data": trainer.feed.digest(),
        "dtype": np.dtype(trainer.dtype).name,
    }


def _differing(meta: Mapping[str, Any], trainer: Trainer) -> str | None:
    mine = _identity(trainer)
    if meta.get("graph") != mine["graph"]:
        return "the model, its objective or its optimizer is not the same"
    if meta.get("dtype") != mine["dtype"]:
        return f"it was computed in {meta.get('dtype')}, this one in {mine['dtype']}"
    if meta.get("examples") != mine["examples"]:
        return f"the data had {meta.get('examples')} rows, now they have {mine['examples']}"
    if meta.get("data", mine["data"]) != mine["data"]:
        return "the data had other numbers"
    other = meta.get("settings")
    for name, value in mine["settings"].items():
        found = other.get(name) if isinstance(other, dict) else None
        if found != value:
            return f"`{name}` was {_shown(found)}, now it is {_shown(value)}"
    return None


def _shown(value: Any) -> str:
    return "all" if value is None else str(value).lower()


def _digest(step: TrainingStep) -> str:
    """A fingerprint of the step's graph: its nodes, how they are connected, and their attributes."""
    digest = hashlib.sha256()
    for node in step.nodes:
        attrs = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in sorted(node.attrs.items())}
        operands = [n.path for n in node.inputs]
        digest.update(repr((node.path, node.op, operands, attrs, str(node.type))).encode())
    following = {path: node.path for path, node in step.next.items()}
    digest.update(repr((step.loss.path, following)).encode())
    return digest.hexdigest()
