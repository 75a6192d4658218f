"""What a model in training answers over its one or two inputs, small enough to be sent twenty times a second.

Answers are bytes: for classes the most likely one and how likely it is, for numbers where they lie in the
range of the labels. The page gives them colours.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphlang.diagnostics import GraphlangError
from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.learning import Training, prepare_inference
from graphlang.plot.surface import Kind, probabilities
from graphlang.run.report import plain
from graphlang.run.surface import Grid, answers, features_of, make_grid, points_of
from graphlang.source import SourceFile
from graphlang.surfaces import fitting_kind, kind_of, shown_node, shown_rows

# Places along each input.
_RESOLUTION, _RESOLUTION_OF_ONE = 60, 200
_MOST_POINTS = 2000


@dataclass(slots=True)
class Map:
    """A model's answers on a grid, and the data points in it.

    Attributes
    ----------
    node : Node
        What is shown.
    points : float array, shape (n, inputs)
    labels : array, shape (n,), or None
    held : bool array, shape (n,)
        Which points are held out.
    classes : int
        How many classes it tells apart; 0 if its answers are numbers.
    features : tuple of Node
        The inputs along whose entries the map reaches.
    scale : (float, float)
        Of numbers: what the darkest and the lightest colour stand for.
    """

    model: Model
    node: Node
    kind: Kind
    grid: Grid
    points: np.ndarray
    labels: np.ndarray | None
    held: np.ndarray
    names: tuple[str, ...]
    classes: int
    features: tuple[Node, ...]
    scale: tuple[float, float] = (0.0, 1.0)

    def opening(self) -> dict[str, Any]:
        """What stays the same during a run."""
        return {
            "node": self.node.path,
            "kind": self.kind.name,
            "inputs": len(self.grid.names),
            "resolution": self.grid.shape[0],
            "extent": list(self.grid.extent),
            "input_names": list(self.grid.names),
            "class_names": list(self.names),
            "points": np.round(self.points, 5).tolist(),
            "labels": plain(self.labels) if self.labels is not None else None,
            "held": np.flatnonzero(self.held).tolist(),
            "scale": list(self.scale),
        }

    def frame(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The answers of a model with these parameters; rows go up the second input."""
        found = answers(self.model, self.node, self.grid, values, np.float32)
        if self.kind is Kind.NUMBER:
            low, high = self.scale
            if len(self.grid.names) == 1:
                return {"curve": plain(found.astype(float))}
            return {"level": _bytes((found - low) / (high - low))}
        p = probabilities(found, self.kind)
        if self.kind in (Kind.LOGIT, Kind.PROBABILITY):
            p = np.stack([1 - p, p], axis=-1)
        if len(self.grid.names) == 1:
            return {"curves": plain(np.moveaxis(p, -1, 0).astype(float))}
        return {"class": _encoded(p.argmax(axis=-1)), "level": _bytes(p.max(axis=-1))}


def map_of(training: Training, source: SourceFile) -> Map | None:
    """What can be shown of a model in training; None unless it answers for one or two numbers a row."""
    try:
        inference = prepare_inference(source, shown_node)
        (name, node), *_ = inference.evaluator.nodes.items()
        features = features_of(inference.model, node)
    except GraphlangError:
        return None
    model = inference.model
    kind, label_path = kind_of(inference.whole, name)
    arrays, held = _data(training)
    points = points_of(features, arrays)
    grid = make_grid(features, points, _RESOLUTION if _width(features) == 2 else _RESOLUTION_OF_ONE)
    try:
        first = answers(model, node, grid, training.trainer.kept(training.progress.values), np.float32)
    except GraphlangError:
        return None
    labels = arrays.get(label_path) if label_path else None
    if points is None:
        points, held = np.zeros((0, len(grid.names))), np.zeros(0, dtype=bool)
    flat = None if labels is None or not len(points) else np.asarray(labels).reshape(len(labels), -1)[:, 0]
    names = training.rows.classes_of.get(label_path or "", ()) if training.rows is not None else ()
    kind = fitting_kind(kind, first, grid.shape)
    scale = _scale(flat, first, kind)
    classes = {Kind.NUMBER: 0, Kind.LOGIT: 2, Kind.PROBABILITY: 2}.get(kind, int(first.shape[-1]))
    return Map(model, node, kind, grid, points, flat, held, tuple(names), classes, tuple(features), scale)


def _width(features: list[Node]) -> int:
    return sum(1 if n.type.rank == 1 else int(n.shape[1]) for n in features)


def _data(training: Training) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The rows whose points are shown, and which of them are held out."""
    if training.rows is None:
        return {}, np.zeros(0, dtype=bool)
    shown = shown_rows(training.rows.count)
    shown = shown[:: max(1, len(shown) // _MOST_POINTS)]
    return training.rows.take(shown), np.isin(shown, training.trainer.split.held)


def _scale(labels: np.ndarray | None, first: np.ndarray, kind: Kind) -> tuple[float, float]:
    known = labels if labels is not None else first
    known = np.asarray(known, float)
    known = known[np.isfinite(known)]
    if kind is not Kind.NUMBER or not known.size or known.min() == known.max():
        return 0.0, 1.0
    return float(known.min()), float(known.max())


def _bytes(share: np.ndarray) -> str:
    """Numbers from 0 to 1 as 0…255; NaN as 0."""
    with np.errstate(all="ignore"):
        return _encoded(np.nan_to_num(np.clip(share, 0, 1)) * 255)


def _encoded(array: np.ndarray) -> str:
    return base64.b64encode(np.asarray(array).astype(np.uint8).tobytes()).decode("ascii")
