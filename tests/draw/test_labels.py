"""Parts of gradients at the branches of a wire stand apart from each other, from gates and from the page's edge."""

from __future__ import annotations

from itertools import combinations
from math import hypot

import pytest

from graphlang.draw.elements import Scene
from graphlang.draw.layout import lay_out
from graphlang.draw.metrics import text_width
from graphlang.draw.scene import View, make_scene
from graphlang.draw.sizes import PART_SIZE
from tests.draw.models import Maker, fork

Rectangle = tuple[float, float, float, float]


def fan(direction: str) -> Scene:
    """x used five times, twice by one gate."""
    make = Maker()
    x = make.leaf("x")
    total = make.op("s0", "mul", x, x)
    for k in range(3):
        total = make.op(f"s{k + 1}", "add", total, make.op(f"m{k}", "exp", x))
    model = make.model(total)
    values = {n.path: 1.0 for n in model.nodes}
    parts = {("s0", 0): 2.0, ("s0", 1): 2.0, **{(f"m{k}", 0): 3.0 + k for k in range(3)}}
    return make_scene(model, values, values, View(direction=direction), parts)


def branching(direction: str) -> Scene:
    model, values, gradients = fork()
    return make_scene(model, values, gradients, View(direction=direction), {("c", 1): 2.0, ("d", 0): 3.0})


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize(("make", "count"), [(branching, 2), (fan, 5)])
def test_parts_cover_nothing(make, count: int, direction: str):
    scene = make(direction)
    layout = lay_out(scene)
    parts = {(w.id, i): use.part for w in scene.wires for i, use in enumerate(w.uses)}
    texts: list[Rectangle] = []
    for line in layout.lines:
        if line.label is not None:
            wide, high = text_width(parts[line.wire, line.use], PART_SIZE) / 2, PART_SIZE / 2
            x, y = line.label
            texts.append((x - wide, y - high, x + wide, y + high))
    assert len(texts) == count
    gates = [
        (p.x - p.width / 2, p.y - p.height / 2, p.x + p.width / 2, p.y + p.height / 2)
        for p in layout.placed
        if p.kind == "item"
    ]
    for a, b in [*combinations(texts, 2), *((t, g) for t in texts for g in gates)]:
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    for left, top, right, bottom in texts:
        assert left >= 0
        assert top >= 0
        assert right <= layout.width
        assert bottom <= layout.height


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("make", [branching, fan])
def test_parts_stand_at_their_own_branch(make, direction: str):
    layout = lay_out(make(direction))
    for line in layout.lines:
        if line.label is not None:
            others = [o for o in layout.lines if o.wire == line.wire and o.use >= 0 and o.use != line.use]
            own = distance(line.label, line.points[-1], line.points[0])
            assert all(own <= distance(line.label, o.points[-1], line.points[0]) + 12 for o in others)


def distance(label: tuple[float, float], end: tuple[float, float], start: tuple[float, float]) -> float:
    """From a text to the straight line between the ends of a branch."""
    (x, y), (x0, y0), (x1, y1) = label, start, end
    length = hypot(x1 - x0, y1 - y0)
    t = max(0.0, min(1.0, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length**2))
    return hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0))
