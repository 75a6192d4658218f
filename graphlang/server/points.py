"""Points that somebody adds to the data by clicking into the map, as a question tells them.

They are no part of the text: the page keeps them and sends them with every question about the training. What
becomes of them is in `added.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

MOST_POINTS = 500


@dataclass(frozen=True, slots=True)
class Point:
    """A point: its one or two features, and its class or its value."""

    features: tuple[float, ...]
    label: float


def read_points(message: dict[str, Any]) -> tuple[Point, ...]:
    """The message's `points`, each a list of its features and its label.

    Raises
    ------
    ValueError
        If they are anything else than a few lists of finite numbers.
    """
    given = message.get("points") or []
    if not isinstance(given, list) or not all(isinstance(p, list) and len(p) in (2, 3) for p in given):
        raise ValueError("a point is one or two features and a label")
    if len(given) > MOST_POINTS:
        raise ValueError(f"at most {MOST_POINTS} points can be added")
    if not all(_is_finite(number) for point in given for number in point):
        raise ValueError("a point is made of finite numbers")
    return tuple(Point(tuple(map(float, p[:-1])), float(p[-1])) for p in given)


def _is_finite(number: Any) -> bool:
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return False
    try:
        return math.isfinite(float(number))
    except OverflowError:  # an integer of hundreds of digits
        return False
