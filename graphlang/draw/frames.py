"""Boxes that Graphviz drew too small: a wire that runs inside a box has its curve, and its title, to itself.

Graphviz puts a frame around nodes only; a curve between two of them may leave it, or cross the title. So each
box grows until it holds the wires inside it, and the boxes around it grow with it.
"""

from __future__ import annotations

from graphlang.draw.flow import Flow
from graphlang.draw.geometry import Layout, Line, Placed

# Between a frame and what it holds, and the height of a title.
_MARGIN, _TITLE = 9.0, 24.0


def grow_frames(flow: Flow, layout: Layout, lines_in: dict[str, list[Line]]) -> None:
    """Let the boxes of a layout hold the lines that run inside them, and the layout hold its boxes.

    Parameters
    ----------
    flow : Flow
    layout : Layout
        Boxes come before what lies in them.
    lines_in : dict
        For each box, by id, the lines between things in it.
    """
    grown: dict[str, Placed] = {}
    for i, box in reversed(list(enumerate(layout.placed))):
        if box.kind != "box":
            continue
        left, top = box.x - box.width / 2, box.y - box.height / 2
        right, bottom = left + box.width, top + box.height
        for line in lines_in.get(box.id, ()):
            high, low = _extent(line)
            top, bottom = min(top, high - _TITLE), max(bottom, low + _MARGIN)
        for inner in flow.boxes_in(box.id):
            held = grown.get(inner.id)
            if held is not None:
                top = min(top, held.y - held.height / 2 - _TITLE)
                bottom = max(bottom, held.y + held.height / 2 + _MARGIN)
        grown[box.id] = layout.placed[i] = Placed(
            "box", box.id, (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        )
    _hold(layout, list(grown.values()))


def _extent(line: Line) -> tuple[float, float]:
    """The least and the greatest height of a line's curves, to a fraction of a point or so."""
    points = line.points
    heights = [points[0][1]]
    for i in range(0, len(points) - 3, 3):
        a, b, c, d = (p[1] for p in points[i : i + 4])
        for t in (0.25, 0.5, 0.75, 1.0):
            u = 1 - t
            heights.append(u**3 * a + 3 * u * u * t * b + 3 * u * t * t * c + t**3 * d)
    return min(heights), max(heights)


def _hold(layout: Layout, boxes: list[Placed]) -> None:
    """Make the picture as high as its boxes need."""
    up = max([0.0, *(_MARGIN - (b.y - b.height / 2) for b in boxes)])
    down = max([0.0, *(b.y + b.height / 2 + _MARGIN - layout.height for b in boxes)])
    if up:
        layout.placed[:] = [p.moved(0.0, up) for p in layout.placed]
        layout.lines[:] = [line.moved(0.0, up) for line in layout.lines]
    layout.height += up + down
