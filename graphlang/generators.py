"""Data that are made rather than read: the toy problems on which networks are shown.

Every generator takes `n` (rows), `noise` (standard deviation, 0 for none) and `seed`; spirals and blobs also
`classes`. The rows take turns among the classes, so that any stretch of them is balanced. The results have
columns `x0`, `x1`, … and `label`; `x` is all features together, `y` another name of the label.

Exported scripts are given the source of these functions, so that they make the same rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphlang.records import Record

# Features, shape (n, d), and labels, shape (n,).
Points = tuple[np.ndarray, np.ndarray]


class Generator(Record):
    """How a toy problem is made: `make(rng, n, noise, classes)` gives features [n, d] and labels [n]."""

    make: Callable[[np.random.Generator, int, float, int], Points]
    n: int
    noise: float
    features: int = 2
    classes: int | None = None

    def options(self) -> dict[str, int | float]:
        """Its options with their defaults."""
        options: dict[str, int | float] = {"n": self.n, "noise": self.noise, "seed": 0}
        if self.classes is not None:
            options["classes"] = self.classes
        return options


def xor(rng: np.random.Generator, n: int, noise: float, classes: int) -> Points:
    """The four corners of the unit square in turn; the label says whether the coordinates differ."""
    corner = np.arange(n) % 4
    x = np.stack([corner // 2, corner % 2], axis=1)
    return x + noise * rng.standard_normal((n, 2)), (x[:, 0] != x[:, 1]).astype(np.int64)


def spiral(rng: np.random.Generator, n: int, noise: float, classes: int) -> Points:
    """One arm per class, turning by 4 radians; noise is in the angle, as in the notes of CS231n."""
    label = np.arange(n) % classes
    r = along(n, classes)
    t = 4 * r + 2 * np.pi * label / classes + noise * rng.standard_normal(n)
    return np.stack([r * np.sin(t), r * np.cos(t)], axis=1), label


def moons(rng: np.random.Generator, n: int, noise: float, classes: int) -> Points:
    """Two half circles that reach into each other."""
    label = np.arange(n) % 2
    t = np.pi * along(n, 2)
    x0 = np.where(label == 0, np.cos(t), 1 - np.cos(t))
    x1 = np.where(label == 0, np.sin(t), 0.5 - np.sin(t))
    return np.stack([x0, x1], axis=1) + noise * rng.standard_normal((n, 2)), label


def circles(rng: np.random.Generator, n: int, noise: float, classes: int) -> Points:
    """A circle of radius 1 (label 0) around one of radius 1/2 (label 1)."""
    label = np.arange(n) % 2
    t = 2 * np.pi * (np.arange(n) // 2) / max(1, (n + 1) // 2)
    r = np.where(label == 0, 1.0, 0.5)
    x = np.stack([r * np.cos(t), r * np.sin(t)], axis=1)
    return x + noise * rng.standard_normal((n, 2)), label


def blobs(rng: np.random.Generator, n: int, noise: float, classes: int) -> Points:
    """Round clouds whose centres lie evenly on the unit circle."""
    label = np.arange(n) % classes
    t = 2 * np.pi * label / classes
    return np.stack([np.cos(t), np.sin(t)], axis=1) + noise * rng.standard_normal((n, 2)), label


def sine(rng: np.random.Generator, n: int, noise: float, classes: int) -> Points:
    """A regression: the label is sin x for x evenly from -π to π, with noise."""
    x = np.linspace(-np.pi, np.pi, n)
    return x[:, None], np.sin(x) + noise * rng.standard_normal(n)


def along(n: int, classes: int) -> np.ndarray:
    """How far each row is along its class, from 0 to 1."""
    per_class = -(-n // classes)
    return (np.arange(n) // classes) / max(1, per_class - 1)


GENERATORS = {
    "xor": Generator(xor, n=4, noise=0.0),
    "spiral": Generator(spiral, n=300, noise=0.2, classes=3),
    "moons": Generator(moons, n=200, noise=0.1),
    "circles": Generator(circles, n=200, noise=0.05),
    "blobs": Generator(blobs, n=300, noise=0.2, classes=3),
    "sine": Generator(sine, n=200, noise=0.0, features=1),
}
