"""The data of our own layout: the geometry of a picture, and the cells and links that it is worked out from.

All lengths are in points, y grows downwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

# How often ranks are swept, for their order and for their heights.
SWEEPS = 12
# Weight of the main path of a layer view.
SPINE = 1000.0
# How much straighter than an ordinary link one between two dummies wants to be.
_STRAIGHT = 8.0


@dataclass(frozen=True, slots=True)
class Placed:
    """An item, wire label or box with its centre and size. `kind` is `item`, `wire` or `box`."""

    kind: str
    id: str
    x: float
    y: float
    width: float
    height: float

    def moved(self, dx: float, dy: float) -> Placed:
        """The same thing elsewhere."""
        return Placed(self.kind, self.id, self.x + dx, self.y + dy, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Line:
    """One stretch of a wire: points to pass horizontally. `has_head` if it ends in an arrow.

    `use` is the place in the wire's `uses` that it leads to, -1 where several share it. `side` is where it
    meets its end: below 0 above the middle, above 0 below it.
    """

    wire: str
    points: tuple[tuple[float, float], ...]
    has_head: bool
    use: int = -1
    is_first: bool = False
    side: float = 0.0

    def moved(self, dx: float, dy: float) -> Line:
        """The same stretch elsewhere."""
        points = tuple((x + dx, y + dy) for x, y in self.points)
        return Line(self.wire, points, self.has_head, self.use, self.is_first, self.side)


@dataclass(slots=True)
class Layout:
    """A picture's geometry: boxes come before what lies in them."""

    width: float = 0.0
    height: float = 0.0
    placed: list[Placed] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class Cell:
    """A node of one box's layout; dummies have an empty `kind`."""

    kind: str
    id: str
    width: float
    height: float
    rank: int = 0
    x: float = 0.0
    y: float = 0.0
    ports_in: dict[str, float] = field(default_factory=dict)  # wire -> height of its port off the centre
    ports_out: dict[str, float] = field(default_factory=dict)
    inner: Layout | None = None


@dataclass(slots=True)
class Link:
    """One stretch of a wire between two cells of a layout."""

    wire: str
    tail: Cell
    head: Cell
    use: int = -1
    is_first: bool = False
    weight: float = 1.0
    cells: list[Cell] = field(default_factory=list)  # tail, dummies, head


def neighbours(links: list[Link]) -> dict[int, list[tuple[Cell, float, float]]]:
    """For each cell those it is linked to: the cell, how far the link shifts it, and its weight."""
    found: dict[int, list[tuple[Cell, float, float]]] = {}
    for link in links:
        for a, b in pairwise(link.cells):
            out = a.ports_out.get(link.wire, 0.0)
            into = b.ports_in.get(link.wire, 0.0)
            weight = link.weight * (_STRAIGHT if not a.kind and not b.kind else 1.0)
            found.setdefault(id(a), []).append((b, into - out, weight))
            found.setdefault(id(b), []).append((a, out - into, weight))
    return found
