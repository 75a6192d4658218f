"""What a model of one or two numbers answers everywhere: its inputs on a regular grid.

The answers are arrays; `plot/surface.py` says what they are for a picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.graph.dag import ancestors
from graphlang.graph.model import Model
from graphlang.graph.node import INPUT, Node
from graphlang.plan.schedule import make_plan
from graphlang.records import Record
from graphlang.run import feeds
from graphlang.run.interpreter import Executable

# The grid reaches beyond the data by this share of their range.
_MARGIN = 0.15
# Where there are no data: the usual range of inputs that are about 1.
_USUAL = (-3.0, 3.0)


class Grid(Record):
    """Places at which a model is asked.

    Attributes
    ----------
    inputs : dict of str to array
        Of each input the values at all places, row by row.
    extent : tuple of float
        First and last place along each feature.
    shape : tuple of int
        (columns,) for one feature, (rows, columns) for two: rows go along the second feature.
    names : tuple of str
        The features.
    """

    inputs: dict[str, np.ndarray]
    extent: tuple[float, ...]
    shape: tuple[int, ...]
    names: tuple[str, ...]


def features_of(model: Model, node: Node) -> list[Node]:
    """The inputs that hold the features; raises GraphlangError unless these are one or two numbers a row."""
    found = [n for n in model.nodes if n.op == INPUT and n.type.is_float and n in ancestors([node])]
    widths = [_width(n) for n in found]
    if found and None not in widths and sum(w or 0 for w in widths) in (1, 2):
        return found
    problems = Problems()
    told = ", ".join(f"`{n.path}` {n.type}" for n in found) or "none"
    problems.error(
        "E0914",
        node.span,
        f"A surface is over one or two numbers, but `{node.path}` depends on the inputs {told}.",
        notes=["The inputs together have to be [N, 1], [N, 2], or one or two of [N]."],
    )
    raise GraphlangError(problems)


def _width(node: Node) -> int | None:
    """How many features an input holds for each row; None if it is no table of rows."""
    if node.type.rank == 1 and not isinstance(node.shape[0], int):
        return 1
    if node.type.rank == 2 and isinstance(node.shape[1], int):
        return node.shape[1]
    return None


def points_of(features: list[Node], arrays: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """The data's features side by side, shape [rows, features]; None if some input has no data."""
    parts = [arrays.get(n.path, n.attrs.get("default")) for n in features]
    tables = [np.asarray(p, float) for p in parts if p is not None]
    if len(tables) < len(parts):
        return None
    return np.concatenate([t.reshape(len(t), -1) for t in tables], axis=1)


def make_grid(features: list[Node], points: np.ndarray | None, resolution: int) -> Grid:
    """A grid over the points and somewhat beyond, with so many places along each feature."""
    count = sum(_width(n) or 0 for n in features)
    extent: list[float] = []
    for i in range(count):
        low, high = _USUAL if points is None or not len(points) else (points[:, i].min(), points[:, i].max())
        beyond = _MARGIN * (high - low) or 1.0
        extent += [float(low - beyond), float(high + beyond)]
    axes = [np.linspace(extent[2 * i], extent[2 * i + 1], resolution) for i in range(count)]
    places = np.stack([a.ravel() for a in np.meshgrid(*axes)], axis=1)
    inputs: dict[str, np.ndarray] = {}
    names: list[str] = []
    at = 0
    for node in features:
        width = _width(node) or 0
        part = places[:, at : at + width]
        inputs[node.path] = part if node.type.rank == 2 else part[:, 0]
        names += [node.path] if width == 1 else [f"{node.path}[{i}]" for i in range(width)]
        at += width
    return Grid(inputs, tuple(extent), (resolution,) * count, tuple(names))


def answers(
    model: Model, node: Node, grid: Grid, values: Mapping[str, Any], dtype: type[np.floating[Any]]
) -> np.ndarray:
    """The node's values over the grid, shape `grid.shape`, with one more axis for several classes.

    Raises
    ------
    GraphlangError
        Where the grid does not fit the model, or the node has not one row of answers for each place.
    """
    problems = Problems()
    arrays, sizes = feeds.bind_inputs(model, grid.inputs, problems, precision=dtype)
    if problems.has_errors:
        raise GraphlangError(problems)
    plan = make_plan(model.nodes, [node])
    found = np.asarray(Executable(plan, sizes, dtype, 0, model.place_of).run({**values, **arrays})[node])
    count = int(np.prod(grid.shape))
    if found.ndim not in (1, 2) or len(found) != count:
        problems.error(
            "E0914",
            node.span,
            f"A surface shows one answer for each row of inputs, but `{node.path}` has shape {node.type}.",
        )
        raise GraphlangError(problems)
    flat = found[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
    return flat.reshape(*grid.shape, *flat.shape[1:])


def epochs_shown(epochs: int, frames: int) -> list[int]:
    """After which epochs a picture is taken: 0, the last, and between them more densely at the beginning."""
    if frames < 2 or epochs == 0:
        return [epochs]
    between = [round(epochs ** (i / (frames - 1))) for i in range(1, frames - 1)]
    return sorted({0, *between, epochs})
