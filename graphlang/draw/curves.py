"""The curves of links whose cells have their places: level out of a cell, around obstacles, into the next.

A link runs level through each column and turns only between columns. It meets a round gate pointing at its
middle, with some distance to its neighbours there; a box it meets level.
"""

from __future__ import annotations

from itertools import pairwise
from math import atan2, cos, degrees, hypot, radians, sin

from graphlang.draw.cells import SPINE, Cell, Link
from graphlang.draw.geometry import Line, Point
from graphlang.draw.heights import apart

# Length of an arrow's head.
HEAD = 6.5
# Between the start of a line and its text, and between the text's middle and the line.
BEFORE_LABEL, ABOVE_LINE = 7.0, 8.0
# Between ranks where texts stand beside lines that run downwards.
LABEL_ROOM = 30.0
# In degrees: how steeply a link may meet a circle, and how close two may come there.
_STEEPEST, _CLOSEST = 62.0, 30.0
# How much of the height of a box its links may use.
_SIDE = 0.5


def lines(links: list[Link], columns: list[tuple[float, float]], width: float, is_turned: bool) -> list[Line]:
    """The line of each link.

    Parameters
    ----------
    links : list of Link
        With the places of their cells.
    columns : list of (float, float)
        Left and right edge of each rank.
    width : float
        Where links that leave the box end.
    is_turned : bool
        Whether the picture will be turned, so that texts stand beside lines that run downwards.
    """
    meets = _meeting_angles(links, columns)
    return [_line(link, columns, meets[i], width, is_turned) for i, link in enumerate(links)]


def _line(
    link: Link, columns: list[tuple[float, float]], meets: tuple[float, float], width: float, is_turned: bool
) -> Line:
    """One link: `meets` are the angle at a round head, and the height at another."""
    tail, head = link.tail, link.head
    start = (
        0.0 if tail.kind == "in" else tail.x + tail.width / 2,
        tail.y + tail.ports_out.get(link.wire, 0.0),
    )
    path = _Path(start)
    # Past whatever is wider in its rank, and past its text, before it may turn.
    text = 0.0 if is_turned or link.is_part else link.label + 2 * BEFORE_LABEL
    path.level_to(max(columns[tail.rank][1], start[0] + text if link.label else 0.0))
    for cell in link.cells[1:-1]:
        before, after = columns[cell.rank]
        path.turn_to((before, cell.y))
        path.level_to(after)
    tip = None
    if head.kind == "out":
        path.turn_to((width, head.y))
    elif head.kind == "item":
        tip = _arrow(path, head, meets, columns[head.rank][0])
    else:
        end = (head.x - head.width / 2, head.y + meets[1])
        path.turn_to((min(columns[head.rank][0], end[0]), end[1]))
        path.level_to(end[0])
    return Line(link.wire, tuple(path.points), tip, link.use, _label(link, start, is_turned))


def _arrow(path: _Path, head: Cell, meets: tuple[float, float], edge: float) -> Point:
    """End a path in an arrow's head at a cell; returns the tip."""
    if not head.is_round:
        tip = (head.x - head.width / 2, head.y + meets[1])
        path.turn_to((min(edge, tip[0] - HEAD), tip[1]))
        path.level_to(tip[0] - HEAD)
        return tip
    angle, radius = radians(meets[0]), head.width / 2
    out = (-cos(angle), sin(angle))
    path.turn_to((head.x + out[0] * (radius + HEAD), head.y + out[1] * (radius + HEAD)), out)
    return (head.x + out[0] * radius, head.y + out[1] * radius)


class _Path:
    """Bézier curves, one after the other."""

    def __init__(self, start: Point):
        self.points: list[Point] = [start]

    def level_to(self, x: float) -> None:
        """A level stretch to the right."""
        x0, y = self.points[-1]
        if x > x0 + 0.5:
            self.points += [(x0 + (x - x0) / 3, y), (x - (x - x0) / 3, y), (x, y)]

    def turn_to(self, end: Point, out: Point = (-1.0, 0.0)) -> None:
        """A turn that begins level and ends against the direction `out`."""
        x0, y0 = self.points[-1]
        across = end[0] - x0
        if abs(end[1] - y0) < 0.5 and abs(out[1]) < 0.02:
            self.level_to(end[0])
            return
        is_level = out[1] == 0.0
        reach = across / 2 if is_level else 0.42 * hypot(across, end[1] - y0)
        leave = across / 2 if is_level else 0.6 * across
        self.points += [(x0 + leave, y0), (end[0] + out[0] * reach, end[1] + out[1] * reach), end]


def _label(link: Link, start: Point, is_turned: bool) -> Point | None:
    """The middle of a link's text, beside the start of its line; parts of gradients find theirs later."""
    if not link.label or link.is_part:
        return None
    if is_turned:
        return (start[0] + LABEL_ROOM / 2, start[1] + 6 + link.label / 2)
    return (start[0] + BEFORE_LABEL + link.label / 2, start[1] - ABOVE_LINE)


def _meeting_angles(links: list[Link], columns: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Where each link meets its head: the angle on a circle, the height off the centre on other things."""
    into: dict[int, list[int]] = {}
    for i, link in enumerate(links):
        into.setdefault(id(link.head), []).append(i)
    found = [(0.0, 0.0)] * len(links)
    for indices in into.values():
        head = links[indices[0]].head
        if head.kind != "item":
            for i in indices:
                found[i] = (0.0, head.ports_in.get(links[i].wire, 0.0))
            continue
        indices.sort(key=lambda i: links[i].cells[-2].y)
        weights = [links[i].weight for i in indices]
        if head.is_round:
            wanted = [_wanted_angle(links[i], columns) for i in indices]
            distance = min(_CLOSEST, 2 * _STEEPEST / max(len(indices) - 1, 1))
            angles = apart(wanted, weights, [k * distance for k in range(len(indices))])
            for i, angle in zip(indices, angles, strict=True):
                found[i] = (max(-_STEEPEST, min(_STEEPEST, angle)), 0.0)
        else:
            found_at = _side_heights(head, [links[i].weight == SPINE for i in indices])
            for i, y in zip(indices, found_at, strict=True):
                found[i] = (0.0, y)
    return found


def _side_heights(head: Cell, is_spine: list[bool]) -> list[float]:
    """Heights at which links meet a box's left side, the main path in the middle."""
    count = len(is_spine)
    step = head.height * _SIDE / max(count - 1, 1)
    middle = is_spine.index(True) if True in is_spine else (count - 1) / 2
    most = max(middle, count - 1 - middle, (count - 1) / 2)
    step = min(step, head.height * _SIDE / 2 / most) if most else 0.0
    return [(k - middle) * step for k in range(count)]


def _wanted_angle(link: Link, columns: list[tuple[float, float]]) -> float:
    """The direction from which a link comes to a round gate, in degrees, downwards positive."""
    before, head = link.cells[-2], link.head
    y = before.y + before.ports_out.get(link.wire, 0.0)
    x = columns[before.rank][1]
    # It leaves level and turns on the way: aim as from a third of the way.
    x += (head.x - x) / 3
    return degrees(atan2(y - head.y, head.x - x))


def vertical_jumps(links: list[Link]) -> dict[int, float]:
    """For each rank how far links at most go up or down between it and the next."""
    jumps: dict[int, float] = {}
    for link in links:
        for a, b in pairwise(link.cells):
            y = a.y + a.ports_out.get(link.wire, 0.0)
            jump = abs(b.y + b.ports_in.get(link.wire, 0.0) - y)
            jumps[a.rank] = max(jumps.get(a.rank, 0.0), jump)
    return jumps
