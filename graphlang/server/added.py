"""A run that also learns from points that were added by hand: what a point has to say, and the rows it makes.

Points are learned from as the data's own rows are, and never held out; which rows are held out does not
depend on them. They are no part of the text: what the command line and exported scripts should learn from,
too, has to be taken away as a file of data (`as_csv`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphlang import records
from graphlang.learning import Training, with_rows
from graphlang.plot.surface import Kind
from graphlang.run.surface import make_grid
from graphlang.server.map import Map
from graphlang.server.points import Point

# How far beyond the map a point may lie, in widths of the map: far enough for any outlier worth showing.
_REACH = 10


@dataclass(frozen=True, slots=True)
class Fields:
    """What a point has to say, so that a row can be made of it.

    Attributes
    ----------
    features : tuple of (str, int)
        The lines of the data block that hold the features, each with its width; 0 for a list of numbers.
    label : str
        The line that holds the labels.
    classes : int
        Labels are classes below this; 0 where they are numbers.
    limits : tuple of (float, float)
        Within which each feature lies, and a label that is a number.
    """

    features: tuple[tuple[str, int], ...]
    label: str
    classes: int
    limits: tuple[tuple[float, float], ...]

    def opening(self, names: Sequence[str], class_names: Sequence[str]) -> dict[str, Any]:
        """What the page asks for."""
        called = [class_names[c] if c < len(class_names) else f"class {c}" for c in range(self.classes)]
        return {"names": [*names, self.label], "classes": called, "limits": [list(p) for p in self.limits]}


@dataclass(frozen=True, slots=True)
class Added:
    """A fresh run that learns from the points, too, and its map.

    Attributes
    ----------
    fields : Fields or None
        None if no points can be added.
    told : dict
        What the page is told: what a point consists of, or `none`, a sentence that says why there can be
        no points; `used`, the numbers of those that are learned from, and `why` the first other is not.
    """

    training: Training
    map: Map | None
    fields: Fields | None
    told: dict[str, Any]


def add(training: Training, shown: Map | None, points: Sequence[Point]) -> Added:
    """Add points to a run's data; those that do not fit the model are left out."""
    fresh = records.replace(training, progress=training.trainer.start())
    found = _fields_of(training, shown) if shown is not None else "There is no map to click into."
    if shown is None or not isinstance(found, Fields):
        return Added(fresh, shown, None, {"none": found, "used": []})
    used, why = _fitting(points, found, shown.grid.names)
    told = {**found.opening(shown.grid.names, shown.names), "used": used, "why": why}
    if not used:
        return Added(fresh, shown, found, told)
    taken = [points[i] for i in used]
    return Added(_with_points(training, found, taken), _reaching(shown, taken), found, told)


def _fields_of(training: Training, shown: Map) -> Fields | str:
    """What a point has to say; a sentence if none can be added."""
    rows, fed = training.rows, training.trainer.feed.names
    if rows is None:
        return "Points can be added to a `data` block; here the data are default values of the inputs."
    if not rows.is_in_memory:
        return "Points can be added to data in memory only; these are read from the file as they are needed."
    features = [n.path for n in shown.features]
    others = [name for name in fed if name not in features]
    if not set(features) <= set(fed) or not set(fed) <= set(rows.held):
        return "Points cannot be added: not every input of the map is fed by the data."
    if len(others) != 1:
        told = ", ".join(f"`{name}`" for name in others) or "nothing"
        return f"Points have one label, but besides the features the data feed {told}."
    widths = tuple((n, rows.held[n].shape[1] if rows.held[n].ndim > 1 else 0) for n in features)
    return Fields(widths, others[0], shown.classes, _limits(shown))


def _limits(shown: Map) -> tuple[tuple[float, float], ...]:
    extent = shown.grid.extent
    ranges = [(extent[i], extent[i + 1]) for i in range(0, len(extent), 2)]
    ranges += [] if shown.classes else [shown.scale]
    return tuple((low - _REACH * (high - low), high + _REACH * (high - low)) for low, high in ranges)


def _fitting(points: Sequence[Point], fields: Fields, names: Sequence[str]) -> tuple[list[int], str | None]:
    """The numbers of the points that can be learned from, and why the first of the others cannot."""
    found = [(i, _trouble(point, fields, names)) for i, point in enumerate(points)]
    return [i for i, why in found if why is None], next((why for _, why in found if why), None)


def _trouble(point: Point, fields: Fields, names: Sequence[str]) -> str | None:
    if len(point.features) != len(names):
        return f"A point has {len(names)} features here."
    if fields.classes and not (point.label.is_integer() and 0 <= point.label < fields.classes):
        return f"There is no class {point.label:g} here, only 0 to {fields.classes - 1}."
    numbers = [*point.features, *([] if fields.classes else [point.label])]
    for name, number, (low, high) in zip([*names, fields.label], numbers, fields.limits, strict=False):
        if not low <= number <= high:
            return f"{name} = {number:g} is too far away: it has to lie between {low:.3g} and {high:.3g}."
    return None


def _with_points(training: Training, fields: Fields, points: Sequence[Point]) -> Training:
    """The run from its beginning, with a row for each point after those of the data."""
    assert training.rows is not None
    more, at = {}, 0
    table = np.array([p.features for p in points], float).reshape(len(points), -1)
    for name, width in fields.features:
        more[name] = table[:, at : at + width] if width else table[:, at]
        at += max(width, 1)
    labels = np.array([p.label for p in points])
    shape = (len(points), *training.rows.held[fields.label].shape[1:])
    more[fields.label] = (labels.astype(np.int64) if fields.classes else labels).reshape(shape)
    return with_rows(training, more)


def _reaching(shown: Map, points: Sequence[Point]) -> Map:
    """The map, made larger if points lie beyond it; a click lies on it, and leaves it as it is."""
    if not points:
        return shown
    places = np.array([p.features for p in points])
    low, high = shown.grid.extent[::2], shown.grid.extent[1::2]
    grid = shown.grid
    if not ((places >= low) & (places <= high)).all():
        everything = np.concatenate([shown.points, places])
        grid = make_grid(list(shown.features), everything, grid.shape[0])
    return replace(shown, grid=grid, scale=_scale(shown, [p.label for p in points]))


def _scale(shown: Map, labels: Sequence[float]) -> tuple[float, float]:
    low, high = shown.scale
    if shown.kind is not Kind.NUMBER:
        return low, high
    # A curve's map shows somewhat more than the scale, and a click there leaves it as it is, too.
    beyond = 0.15 * (high - low) if len(shown.grid.names) == 1 else 0.0
    outside = [v for v in labels if not low - beyond <= v <= high + beyond]
    return min([low, *outside]), max([high, *outside])


# --- data to take away ------------------------------------------------------------------------------


def as_csv(training: Training, fields: Fields, file: str) -> tuple[str, str]:
    """All rows that a run learns from or holds out: the text of a file, and the block that reads it."""
    rows = training.rows
    assert rows is not None
    columns: dict[str, np.ndarray] = {}
    lines = []
    for name, array in ((name, rows.held[name]) for name in training.trainer.feed.names):
        flat = array.reshape(len(array), -1)
        called = [f"{name}_{k}" for k in range(flat.shape[1])] if array.ndim > 1 else [name]
        columns |= dict(zip(called, flat.T, strict=True))
        what = f'columns("{called[0]}".."{called[-1]}")' if array.ndim > 1 else f'column("{name}")'
        lines.append(f"  {name} = {what}")
    classes = rows.classes_of.get(fields.label, ())
    if classes:
        columns[fields.label] = np.array(classes, object)[columns[fields.label]]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(c.tolist() for c in columns.values()), strict=True))
    return text.getvalue(), "\n".join([f'data {rows.spec.name} = csv("{file}") {{', *lines, "}"])


def file_name(model: str) -> str:
    """What the file of a model's data is called; safe in a path and in a string of the language."""
    return re.sub(r"[^\w-]+", "-", model) + "-data.csv"
