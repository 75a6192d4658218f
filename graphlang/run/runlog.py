"""The log of a training run: one JSON object per line and epoch, written as the epochs end."""

from __future__ import annotations

import json
import os
from typing import Any

from graphlang.files import replace_file
from graphlang.run.report import plain
from graphlang.run.train import Record


def as_object(record: Record) -> dict[str, Any]:
    """An epoch as the log has it; NaN and infinities are strings."""
    found: dict[str, Any] = {
        "epoch": record.epoch,
        "step": record.step,
        "loss": plain(record.loss),
        "metrics": {name: plain(v) for name, v in record.metrics.items()},
    }
    if record.holdout is not None:
        found["holdout"] = {name: plain(v) for name, v in record.holdout.items()}
    return {**found, "seconds": round(record.seconds, 3)}


class RunLog:
    """A log file being written.

    Parameters
    ----------
    path : str
    done : int
        Epochs that a resumed run has behind it: their lines are kept, later ones are removed. With 0 the file
        begins anew.

    Raises
    ------
    OSError
        When the file cannot be written.
    """

    def __init__(self, path: str, done: int = 0):
        kept = _lines(path, done) if done else []
        replace_file(path, lambda file: file.write(b"".join(kept)))
        self._path = path

    def write(self, record: Record) -> None:
        """Add an epoch's line, in one write, so that a killed run leaves whole lines."""
        line = json.dumps(as_object(record), ensure_ascii=False) + "\n"
        with open(self._path, "ab") as file:
            file.write(line.encode())


def _lines(path: str, done: int) -> list[bytes]:
    """The whole lines of the first epochs of a log."""
    if not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        lines = file.read().splitlines(keepends=True)
    return [line for line in lines if line.endswith(b"\n") and _is_early(line, done)]


def _is_early(line: bytes, done: int) -> bool:
    try:
        found = json.loads(line)
    except ValueError:
        return False
    epoch = found.get("epoch") if isinstance(found, dict) else None
    return isinstance(epoch, int) and epoch <= done
