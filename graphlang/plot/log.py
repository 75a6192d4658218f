"""Reading what a training run wrote down: JSON lines, one object for each epoch.

    {"epoch": 1, "step": 45, "loss": 0.5, "metrics": {"accuracy": 0.9},
     "holdout": {"loss": 0.4, "accuracy": 0.91}, "seconds": 1.2}

(on one line). `epoch` and `loss` are required, other keys may be missing or null, unknown ones are ignored.
"nan", "inf" and "-inf" are numbers. Every line is read on its own, so a run that was killed while it wrote
loses its last line and nothing else; where a resumed run counts epochs again, its later lines replace the
earlier ones. A log is never trusted: its size, its lines and the names in it are bounded.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphlang.diagnostics import Problems
from graphlang.plot.text import plain
from graphlang.source import SourceFile, Span

# A thousand bytes for each of a hundred thousand epochs; more is no log of a run.
MAX_BYTES = 100 << 20
MAX_LINES = 1_000_000
# The largest number that an epoch or a step may have: all up to here are exact as floats.
MAX_COUNT = 1 << 53
# Every metric is a panel of the picture.
MAX_METRICS = 32
MAX_NAME = 100
_CODE = "E0809"
_NOT_WHOLE = "W0802"
_SPECIAL = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
_LACKING = object()


@dataclass(frozen=True, slots=True)
class Scores:
    """The loss and the metrics of one set of examples after an epoch."""

    loss: float
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One line of a log.

    Attributes
    ----------
    epoch : int
        Its number; a log's epochs increase.
    train : Scores
        Over the examples that the model learns from.
    holdout : Scores or None
        Over those held out.
    step : int or None
        Updates of the parameters so far.
    seconds : float or None
        What the epoch took.
    """

    epoch: int
    train: Scores
    holdout: Scores | None = None
    step: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RunLog:
    """A run: its name (the file's, without the ending) and its epochs, at least one, in order."""

    name: str
    epochs: tuple[EpochRecord, ...]

    @property
    def has_holdout(self) -> bool:
        """Whether any epoch was measured on held-out examples."""
        return any(e.holdout is not None for e in self.epochs)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, in the order in which they first appear."""
        every = [s for e in self.epochs for s in (e.train, e.holdout) if s is not None]
        return tuple(dict.fromkeys(name for scores in every for name in scores.metrics))


def read_log(path: str, problems: Problems) -> RunLog | None:
    """A run's log.

    Parameters
    ----------
    path : str
    problems : Problems
        Takes E0809 for a file that is not there or no log (at its first wrong line), W0802 for a last line
        that was cut off and for epochs that begin again.

    Returns
    -------
    RunLog, or None after an error
    """
    data = _bytes_of(path, problems)
    if data is None:
        return None
    epochs = _epochs(_Text(path, data), problems)
    if epochs is None:
        return None
    if not epochs:
        problems.error(_CODE, None, f'"{plain(path)}" holds no epoch.', suggestion=_FORMAT)
        return None
    return RunLog(plain(os.path.splitext(os.path.basename(path))[0]), tuple(epochs))


def distinct(runs: Sequence[RunLog], paths: Sequence[str]) -> list[RunLog]:
    """The runs under names that tell them apart: where two are called alike, each gets its path."""
    names = [run.name for run in runs]
    named = [plain(p) if names.count(run.name) > 1 else run.name for run, p in zip(runs, paths, strict=True)]
    numbered = [f"{n} ({named[:i].count(n) + 1})" if n in named[:i] else n for i, n in enumerate(named)]
    return [replace(run, name=name) for run, name in zip(runs, numbered, strict=True)]


# --- lines ---------------------------------------------------------------------------------------

_FORMAT = 'A log has a line {"epoch": 1, "loss": 0.5} for every epoch.'


class _BadLineError(ValueError):
    """A line that is no record."""


class _NotJsonError(_BadLineError):
    """A line that is no JSON, as one is that was cut off."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A file's bytes, and where to point into them."""

    path: str
    data: bytes

    def span(self, number: int) -> Span:
        """Line `number`, counted from 1; undecodable bytes are shown as �."""
        name = plain(self.path)
        source = SourceFile(name, self.data.decode("utf-8", "replace"), self.path)
        start = source.line_starts[number - 1]
        return Span(source, start, start + min(80, max(1, len(source.line(number)))))


def _epochs(text: _Text, problems: Problems) -> list[EpochRecord] | None:
    """The records of a file; None after an error, which is that of the first wrong line."""
    found: list[EpochRecord] = []
    metrics: set[str] = set()
    lines = text.data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = _record(line)
            metrics |= _names(record)
            if len(metrics) > MAX_METRICS:
                raise _BadLineError(f"A log has at most {MAX_METRICS} metrics, and here is one more")
        except _NotJsonError as error:
            if number == len(lines) and line.startswith(b"{"):
                message = "The last line was cut off and is left out."
                problems.warning(_NOT_WHOLE, text.span(number), message, label="ends too early")
                break
            _refuse(text, number, error, problems)
            return None
        except _BadLineError as error:
            _refuse(text, number, error, problems)
            return None
        if found and record.epoch <= found[-1].epoch:
            _warn_of_return(text, number, record, found[-1], problems)
            found = [e for e in found if e.epoch < record.epoch]
        found.append(record)
    return found


def _names(record: EpochRecord) -> set[str]:
    return {*record.train.metrics, *(record.holdout.metrics if record.holdout else ())}


def _refuse(text: _Text, number: int, error: _BadLineError, problems: Problems) -> None:
    problems.error(_CODE, text.span(number), f"{error}.", label="in this line", suggestion=_FORMAT)


def _warn_of_return(
    text: _Text, number: int, record: EpochRecord, last: EpochRecord, problems: Problems
) -> None:
    problems.warning(
        _NOT_WHOLE,
        text.span(number),
        f"Epoch {record.epoch} comes after epoch {last.epoch}: from here on, the later lines count.",
        label="begins again",
        notes=["That is how a run looks that was resumed from an earlier epoch."],
    )


# --- one line ------------------------------------------------------------------------------------


def _record(line: bytes) -> EpochRecord:
    found = _object(line)
    loss = _number(_member(found, "loss"), "loss")
    seconds = found.get("seconds")
    return EpochRecord(
        epoch=_count(_member(found, "epoch"), "epoch"),
        train=Scores(loss, _metrics(found.get("metrics"), "metrics")),
        holdout=_holdout(found.get("holdout")),
        step=None if found.get("step") is None else _count(found["step"], "step"),
        seconds=None if seconds is None else _number(seconds, "seconds"),
    )


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_members)
    except UnicodeDecodeError as error:
        raise _NotJsonError("This is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise _NotJsonError(
            f"This is not JSON: {error.msg.removesuffix(' at')} at column {error.colno}"
        ) from error
    except _BadLineError:
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        raise _BadLineError("The numbers are too long or the lists too deep") from error
    if not isinstance(found, dict):
        raise _BadLineError("This is not a JSON object")
    return found


def _no_constant(text: str) -> float:
    name = text.lower().replace("infinity", "inf")
    raise _BadLineError(f'`{text}` is not JSON; it is written "{name}"')


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _BadLineError(f"`{plain(twice)[:MAX_NAME]}` is named twice")
    return found


def _member(found: dict[str, Any], key: str) -> Any:
    value = found.get(key, _LACKING)
    if value is _LACKING:
        raise _BadLineError(f'There is no "{key}"')
    return value


def _holdout(value: Any) -> Scores | None:
    if value is None:
        return None
    metrics = _metrics(value, "holdout")
    if "loss" not in metrics:
        raise _BadLineError('There is no "loss" in "holdout"')
    return Scores(metrics.pop("loss"), metrics)


def _metrics(value: Any, key: str) -> dict[str, float]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _BadLineError(f'"{key}" is {_shown(value)} and should be an object of numbers by name')
    for name in value:
        if not 0 < len(name) <= MAX_NAME:
            raise _BadLineError(f'A name in "{key}" has {len(name)} characters; 1 to {MAX_NAME} are allowed')
    return {name: _number(number, plain(name)) for name, number in value.items()}


def _number(value: Any, key: str) -> float:
    if isinstance(value, str) and value in _SPECIAL:
        return _SPECIAL[value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        special = ' ("nan", "inf" and "-inf" are numbers)' if isinstance(value, str) else ""
        raise _BadLineError(f'"{key}" is {_shown(value)} and should be a number{special}')
    try:
        return float(value)
    except OverflowError:
        raise _BadLineError(f'"{key}" is an integer that is too large') from None


def _count(value: Any, key: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
        raise _BadLineError(f'"{key}" is {_shown(value)} and should be a whole number from 0')
    return value


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return plain(json.dumps(value, ensure_ascii=False))[:40]


# --- opening -------------------------------------------------------------------------------------


def _bytes_of(path: str, problems: Problems) -> bytes | None:
    """A regular file's bytes, if they are not too many."""
    name = plain(path)
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
            problems.error(_CODE, None, f'"{name}" is {what}, not a file.')
            return None
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        problems.error(_CODE, None, f'There is no file "{name}".')
        return None
    except (OSError, ValueError, MemoryError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error or "it does not fit into memory"
        problems.error(_CODE, None, f'"{name}" cannot be read: {reason}.')
        return None
    if len(data) > MAX_BYTES or data.count(b"\n") > MAX_LINES:
        limits = f"{MAX_BYTES >> 20} MB and {MAX_LINES:,} lines"
        problems.error(_CODE, None, f'"{name}" is too large for a log: {limits} are read.')
        return None
    return data.removeprefix(b"\xef\xbb\xbf")
