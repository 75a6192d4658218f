"""Short ways to a training run, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphlang.learning import Training, prepare_training
from graphlang.run.train import Record
from graphlang.source import SourceFile

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "data" / "digits.csv"


def training(text: str, folder: Path | None = None, dtype: str = "float64", **options: Any) -> Training:
    """A run of this text, in float64; paths of data are relative to `folder`."""
    path = None if folder is None else str(folder / "m.graph")
    return prepare_training(SourceFile("m.graph", text, path), dtype=dtype, **options)


def records(run: Training) -> list[Record]:
    """Train to the end: what every epoch came to."""
    return [r for r in run.trainer.steps(run.progress) if isinstance(r, Record)]


def losses(run: Training, count: int | None = None) -> list[float]:
    """The loss of every step, or of the first `count`."""
    found: list[float] = []
    for loss in run.trainer.steps(run.progress):
        if isinstance(loss, float):
            found.append(loss)
        if count is not None and len(found) == count:
            break
    return found


def values(run: Training) -> dict[str, np.ndarray]:
    """Copies of all parameters and states."""
    return {path: np.array(a) for path, a in run.progress.values.items()}


def points(folder: Path, count: int = 11, seed: int = 0) -> np.ndarray:
    """Write `d.npy`, rows of three columns, the first of which is the number of the row."""
    rows = np.random.default_rng(seed).normal(size=(count, 3))
    rows[:, 0] = np.arange(count)
    np.save(folder / "d.npy", rows)
    return rows
