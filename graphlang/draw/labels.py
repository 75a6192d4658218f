"""Where the texts of branches stand, local derivatives and parts of gradients: beside their own branch.

For each, places along the branch are tried on all sides, those near its end first; the one that covers least
is taken. What a place may cover is found in a grid of squares, so that only the neighbourhood is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil, hypot

from graphlang.draw.elements import Scene
from graphlang.draw.geometry import Layout, Line, Placed, Point
from graphlang.draw.sizes import branch_size, branch_texts

# Distance of the points that stand for a line, and the side of a square of the grid.
_STEP, _SQUARE = 4.0, 64.0
# Fractions of a branch beside which a text may stand, the best first, and how much worse each is than the one
# before.
_PLACES = (0.8, 0.65, 0.9, 0.5, 0.35, 0.2)
_WORSE = 0.4
# What it costs to stand further away, and not clearly nearer to the own branch than to another of the wire.
_FAR, _TAKEN_FOR_ANOTHER, _CLEARLY = 3.0, 4.0, 6.0
# What it costs to cover a point of a line, an item or wire label, another part, or to leave the picture.
_OVER_LINE, _OVER_ITEM, _OVER_TEXT, _OUTSIDE = 1.0, 12.0, 20.0, 50.0
# Between a line and its text.
_BESIDE = 4.5
# What is kept free around a text.
_AIR = 2.5

# How often each text is placed, since those placed later may leave it a better place.
_ROUNDS = 2

Rectangle = tuple[float, float, float, float]  # left, top, right, bottom


def place_parts(scene: Scene, layout: Layout) -> None:
    """Give every branch that has a text the place of it."""
    sizes = {
        (wire.id, i): branch_size(use)
        for wire in scene.wires
        for i, use in enumerate(wire.uses)
        if branch_texts(use)
    }
    if not sizes:
        return
    ground = _Ground(layout)
    lines_of: dict[str, set[int]] = {}
    for k, line in enumerate(layout.lines):
        lines_of.setdefault(line.wire, set()).add(k)
    # A branch into an open box has several stretches: the last one, which ends at the item, has the text.
    having = [
        k for k, line in enumerate(layout.lines) if (line.wire, line.use) in sizes and line.tip is not None
    ]
    for k in having * _ROUNDS:
        line = layout.lines[k]
        label = ground.best(k, lines_of[line.wire] - {k}, sizes[line.wire, line.use])
        layout.lines[k] = replace(line, label=label)


class _Ground:
    """What is already on the picture; lines are known by their places in the layout."""

    def __init__(self, layout: Layout):
        self.size = (layout.width, layout.height)
        self.along = [list(_points_on(line)) for line in layout.lines]
        self.points: dict[tuple[int, int], list[tuple[float, float, int]]] = {}
        self.items: dict[tuple[int, int], list[Rectangle]] = {}
        self.texts: dict[int, Rectangle] = {}
        for k, points in enumerate(self.along):
            for x, y in points:
                self.points.setdefault((int(x // _SQUARE), int(y // _SQUARE)), []).append((x, y, k))
        for placed in layout.placed:
            if placed.kind != "box":
                rectangle = _around(placed)
                for square in _squares(rectangle):
                    self.items.setdefault(square, []).append(rectangle)

    def best(self, line: int, others: set[int], size: Point) -> Point:
        """The middle of a text beside a line, one of several of a wire, where it covers least.

        Asked again for a line, it makes room for the texts placed since.
        """
        self.texts.pop(line, None)
        along = self.along[line]
        cheapest, best = float("inf"), along[-1]
        for rank, fraction in enumerate(_PLACES):
            x, y = along[round(fraction * (len(along) - 1))]
            for dx, dy, extra in _sides(size):
                place = (x + dx, y + dy)
                cost = self._cost(place, size) + _WORSE * rank + extra
                if cost < cheapest:
                    cost += self._doubt(place, hypot(dx, dy), others)
                if cost < cheapest:
                    cheapest, best = cost, place
        self.texts[line] = _rectangle(best, size)
        return best

    def _cost(self, place: Point, size: Point) -> float:
        """How much a text at a place covers."""
        here = left, top, right, bottom = _rectangle(place, size)
        cost = 0.0
        if left < 2 or top < 2 or right > self.size[0] - 2 or bottom > self.size[1] - 2:
            cost += _OUTSIDE
        for square in _squares(here):
            for x, y, _ in self.points.get(square, ()):
                if left < x < right and top < y < bottom:
                    cost += _OVER_LINE
            cost += _OVER_ITEM * sum(_overlap(here, item) for item in self.items.get(square, ()))
        return cost + _OVER_TEXT * sum(_overlap(here, text) for text in self.texts.values())

    def _doubt(self, place: Point, own: float, others: set[int]) -> float:
        """What it costs that a text may be taken for that of another branch, which is as near as its own.

        `own` is the distance to its own branch.
        """
        x, y = place
        reach = own + _CLEARLY
        nearest = reach
        for square in _squares((x - reach, y - reach, x + reach, y + reach)):
            for px, py, k in self.points.get(square, ()):
                if k in others:
                    nearest = min(nearest, hypot(px - x, py - y))
        return _TAKEN_FOR_ANOTHER * min((reach - nearest) / _CLEARLY, 2.0)


def _sides(size: Point) -> Iterator[tuple[float, float, float]]:
    """Where a text may stand from a point: how far to the right and down, and how much worse that is."""
    over, beside = size[1] / 2 + _BESIDE, size[0] / 2 + _BESIDE
    yield from ((0, -over, 0), (0, over, 0), (-beside, 0, 0), (beside, 0, 0))
    yield from (
        (-beside, -over / 2, 0),
        (-beside, over / 2, 0),
        (0, -1.8 * over, _FAR),
        (0, 1.8 * over, _FAR),
    )


def _points_on(line: Line) -> Iterator[Point]:
    """Points along a line, close to each other."""
    points = line.points
    for i in range(0, len(points) - 3, 3):
        a, b, c, d = points[i : i + 4]
        count = max(ceil(hypot(d[0] - a[0], d[1] - a[1]) / _STEP), 1)
        for k in range(count):
            t = k / count
            u = 1 - t
            weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            yield (
                sum(w * p[0] for w, p in zip(weights, (a, b, c, d), strict=True)),
                sum(w * p[1] for w, p in zip(weights, (a, b, c, d), strict=True)),
            )
    yield line.tip or points[-1]


def _rectangle(middle: Point, size: Point) -> Rectangle:
    wide, high = size[0] / 2 + _AIR, size[1] / 2 + _AIR / 2
    return (middle[0] - wide, middle[1] - high, middle[0] + wide, middle[1] + high)


def _around(placed: Placed) -> Rectangle:
    return (
        placed.x - placed.width / 2,
        placed.y - placed.height / 2,
        placed.x + placed.width / 2,
        placed.y + placed.height / 2,
    )


def _squares(r: Rectangle) -> Iterator[tuple[int, int]]:
    for x in range(int(r[0] // _SQUARE), int(r[2] // _SQUARE) + 1):
        for y in range(int(r[1] // _SQUARE), int(r[3] // _SQUARE) + 1):
            yield x, y


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
