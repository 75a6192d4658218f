"""How long and on what a model is trained: the train block's settings with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphlang.graph.model import TrainingSpec
from graphlang.records import Record, names_of, replace


class Settings(Record):
    """The settings of a training run.

    Attributes
    ----------
    epochs : int
        How often all rows are gone through.
    batch : int or None
        Rows for each update; None for all of them.
    holdout : float
        Share of the rows that is not learned from, 0 ≤ holdout < 1.
    patience : int or None
        Stop after so many epochs without a better loss (on the rows held out, if there are any).
    seed : int
    shuffle : bool
        Whether each epoch goes through the rows in another order.
    """

    epochs: int = 10
    batch: int | None = 32
    holdout: float = 0.0
    patience: int | None = None
    seed: int = 0
    shuffle: bool = True


def settings_of(spec: TrainingSpec | None, given: Mapping[str, Any]) -> Settings:
    """The train block's settings, those that are `given` (and not None) in their place."""
    names = names_of(Settings())
    written: dict[str, Any] = dict(spec.settings) if spec is not None else {}
    found = {k: v for k, v in written.items() if k in names and v is not None}
    found |= {k: v for k, v in given.items() if k in names and v is not None}
    if found.get("batch") == "all":
        found["batch"] = None
    return replace(Settings(), **found)
