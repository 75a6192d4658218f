"""What a model answers over its inputs: on a regular grid, at some moments of its training.

A `Surface` holds the answers as plain arrays; computing them is the caller's work, drawing them that of
`panels.py`. What the pictures of one input and of two have in common is here too: the scales, which all
frames share so that they can be compared, and which points are shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

# More points than these hide the picture behind them; evenly chosen ones are shown.
_MOST_POINTS = 2000
# Colour maps are kept to this range where nothing else bounds it: beyond it, arithmetic of axes overflows.
_LARGEST = 1e100


class Kind(StrEnum):
    """What a model's answers are."""

    LOGIT = "logit"  # of class 1, the boundary at 0
    PROBABILITY = "probability"  # of class 1, the boundary at 0.5
    CLASS_LOGITS = "class logits"
    CLASS_PROBABILITIES = "class probabilities"
    NUMBER = "number"  # regression


@dataclass(frozen=True, slots=True)
class Frame:
    """A model's answers at one moment of its training.

    Attributes
    ----------
    title : str
        Such as `before`, `during (epoch 12)`, `after`.
    values : float array
        Two inputs: shape [rows, columns], or [rows, columns, classes] for the kinds of several classes. Rows
        go up the second input, columns along the first. One input: [columns] or [columns, classes].
    """

    title: str
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class Surface:
    """Frames over the same grid, and the data points in it.

    Attributes
    ----------
    frames : tuple of Frame
        At least one, with values of the same shape.
    extent : tuple of float
        The grid's first and last place along each input: (left, right, bottom, top), or (left, right) for
        one input. Rows and columns are evenly spaced, ends included.
    kind : Kind
        What the values are.
    points : float array, shape [n, inputs]
        The data points; n may be 0.
    labels : array, shape [n]
        Their class numbers from 0, or for `Kind.NUMBER` floats.
    class_names : tuple of str
        Names of the classes; by default `class 0`, `class 1`, ….
    input_names : tuple of str
        Names of the inputs, for the axes.
    answer : str
        What the model's answer is called: an axis or the colour bar.
    title : str
        Above all panels.
    """

    frames: tuple[Frame, ...]
    extent: tuple[float, ...]
    kind: Kind
    points: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...] = ()
    input_names: tuple[str, ...] = ("x1", "x2")
    answer: str = "y"
    title: str = ""

    def __post_init__(self) -> None:
        if not self.frames:
            raise ValueError("a surface without frames")
        shape = self.frames[0].values.shape
        has_classes = self.kind in (Kind.CLASS_LOGITS, Kind.CLASS_PROBABILITIES)
        inputs = len(shape) - has_classes
        if inputs not in (1, 2) or any(f.values.shape != shape for f in self.frames):
            raise ValueError(f"values of the shapes {[f.values.shape for f in self.frames]}")
        if min(shape[:inputs]) < 2 or min(shape) < 1:
            raise ValueError(f"a grid of {shape}: at least two places along each input are needed")
        if len(self.extent) != 2 * inputs or not all(map(math.isfinite, self.extent)):
            raise ValueError(f"{inputs} inputs, but the extent {self.extent}")
        if any(b <= a for a, b in zip(self.extent[::2], self.extent[1::2], strict=True)):
            raise ValueError(f"an empty extent {self.extent}")
        if self.points.shape != (len(self.labels), inputs):
            raise ValueError(f"points {self.points.shape} with labels {self.labels.shape}")

    @property
    def inputs(self) -> int:
        """How many inputs the model has, one or two."""
        return len(self.extent) // 2

    @property
    def classes(self) -> int:
        """How many classes there are, 0 for a regression."""
        if self.kind is Kind.NUMBER:
            return 0
        return 2 if self.kind in (Kind.LOGIT, Kind.PROBABILITY) else self.frames[0].values.shape[-1]

    @property
    def shape(self) -> float:
        """Width of the map for a height of 1, as its inputs have it; about square where that would be odd."""
        if self.inputs == 1:
            return 1.2
        ratio = (self.extent[1] - self.extent[0]) / (self.extent[3] - self.extent[2])
        return ratio if 0.4 < ratio < 2.5 else 1.1

    def class_name(self, i: int) -> str:
        """Name of class `i`."""
        return self.class_names[i] if i < len(self.class_names) else f"class {i}"

    def input_name(self, i: int) -> str:
        """Name of input `i`."""
        return self.input_names[i] if i < len(self.input_names) else f"x{i + 1}"

    def axis(self, i: int) -> np.ndarray:
        """The places along input `i`: for the first the columns, for the second the rows."""
        count = self.frames[0].values.shape[1 - i if self.inputs == 2 else 0]
        return np.linspace(self.extent[2 * i], self.extent[2 * i + 1], count)


# --- what both kinds of picture need -------------------------------------------------------------


def probabilities(values: np.ndarray, kind: Kind) -> np.ndarray:
    """Answers as probabilities, the scale on which logits can be compared.

    Logits of one class go through the logistic function, those of several through softmax along the last
    axis, both without overflow; infinities are limits, and NaN stays. Probabilities are returned as they are.
    """
    values = np.asarray(values, dtype=np.float64)
    if kind is Kind.LOGIT:
        return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))
    if kind is Kind.CLASS_LOGITS:
        bounded = np.clip(values, -_LARGEST, _LARGEST)
        powers = np.exp(bounded - bounded.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
    return values


def number_range(surface: Surface) -> tuple[float, float]:
    """The scale of a regression: labels, and the answers of all frames but for their outermost hundredths."""
    parts = [surface.labels.astype(np.float64)]
    for frame in surface.frames:
        finite = frame.values[np.abs(frame.values) <= _LARGEST]  # NaN and infinities are not
        if finite.size:
            parts.append(np.percentile(finite, [1, 99]))
    every = np.concatenate(parts)
    every = every[np.abs(every) <= _LARGEST]
    if not every.size:
        return 0.0, 1.0
    low, high = float(every.min()), float(every.max())
    margin = 1e-9 + 1e-6 * max(abs(low), abs(high))
    return (low, high) if high - low > margin else (low - 0.5 - margin, high + 0.5 + margin)


def shown_points(surface: Surface) -> np.ndarray:
    """Numbers of the points that are drawn: all, or evenly chosen ones."""
    count = len(surface.labels)
    return np.arange(count) if count <= _MOST_POINTS else np.linspace(0, count - 1, _MOST_POINTS).astype(int)


def point_size(surface: Surface) -> float:
    """Area of a point's marker, smaller the more there are."""
    return float(np.clip(9000 / max(len(surface.labels), 1), 16, 60))
