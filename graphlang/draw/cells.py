"""The data that our own layout works on: cells in ranks, and the links between them.

Ranks go from left to right; for a picture from top to bottom the result is turned at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from graphlang.draw.geometry import Layout

# How often ranks are swept, for their order and for their heights.
SWEEPS = 12
# Weight of the main path of a layer view.
SPINE = 1000.0
# Weight of the way from a gate to the label of its wire.
LEVEL = 20.0
# How much straighter than an ordinary link one between two dummies wants to be.
_STRAIGHT = 8.0


@dataclass(slots=True)
class Cell:
    """A node of one box's layout; dummies have an empty `kind`, round gates have `is_round`.

    `room` is the height that it keeps free in its rank, at least its own.
    """

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
    is_round: bool = False
    room: float = 0.0

    def __post_init__(self) -> None:
        self.room = max(self.room, self.height)


@dataclass(slots=True)
class Link:
    """One stretch of a wire between two cells of a layout.

    `label` is how long the text beside it is; `is_part` says that it is a part of a gradient.
    """

    wire: str
    tail: Cell
    head: Cell
    use: int = -1
    label: float = 0.0
    is_part: bool = False
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
