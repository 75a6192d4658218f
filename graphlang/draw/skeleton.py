"""A scene as the graph that Graphviz lays out for our painter: everything has a fixed size.

It has the structure of the DOT text (`dot.py`): the same nodes, ranks, pins, clusters and edges. But sizes
come from us, so that no engine needs to know our fonts; room for a text is kept by zeros of about its width.
Each edge carries its number in `comment`, by which its place in the answer is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from graphlang.draw.dot import Writer
from graphlang.draw.elements import Box, Item, Scene, Use, Wire
from graphlang.draw.metrics import text_width
from graphlang.draw.sizes import (
    SHAPE_SIZE,
    box_title_width,
    branch_size,
    branch_texts,
    item_size,
    wire_size,
)

# Font size of the zeros, and about how wide one is in any font that an engine may assume.
_SIZE, _ZERO = 13, 0.58
# Around a text beside an edge.
_AIR = 8.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """What an edge stands for: part of a wire, up to the use at this place in the wire's `uses`, or -1."""

    wire: str
    use: int
    has_head: bool
    has_label: bool


class Skeleton(Writer):
    """The graph, and what its nodes and edges stand for."""

    def __init__(self, scene: Scene):
        self.stretches: list[Stretch] = []
        self.box_numbers = {box.id: i for i, box in enumerate(scene.boxes)}
        super().__init__(scene)

    def text(self) -> str:
        """The graph in the DOT language."""
        text: str = self.graph().to_string()
        return text

    # --- what differs from DOT for people ------------------------------------------------------

    def plain_name(self, id: str) -> str:
        """A number: no name of the file reaches Graphviz."""
        return f"n{len(self.meaning)}"

    def cluster_name(self, box: Box) -> str:
        """A number, too."""
        return f"cluster_{self.box_numbers[box.id]}"

    def node(
        self, graph: Any, name: str, attributes: dict[str, Any], id: str = "", tooltip: str = ""
    ) -> None:
        """A node without a tooltip."""
        super().node(graph, name, attributes)

    def item_attributes(self, item: Item) -> dict[str, Any]:
        """A box or circle of our size."""
        width, height = item_size(item)
        is_round = item.kind == "gate" and width == height
        return _fixed(width, height, "circle" if is_round else "box")

    def wire_attributes(self, wire: Wire) -> dict[str, Any]:
        """A box of our size."""
        return _fixed(*wire_size(wire, self.scene.direction), "box")

    def box_label(self, box: Box) -> str:
        """Room for the title."""
        return _zeros(box_title_width(box))

    def edge(self, graph: Any, tail: str, head: str, wire: Wire, use: int, **attributes: Any) -> None:
        """An edge that carries its number."""
        has_head = attributes.get("arrowhead") != "none"
        self.stretches.append(Stretch(wire.id, use, has_head, "label" in attributes))
        super().edge(graph, tail, head, wire, use, comment=str(len(self.stretches) - 1), **attributes)

    def shape_label(self, wire: Wire) -> dict[str, Any]:
        """Room for a shape."""
        if not wire.shape or self.scene.shows_numbers:
            return {}
        return {"label": _zeros(text_width(wire.shape, SHAPE_SIZE) + _AIR), "fontsize": _SIZE}

    def part_label(self, use: Use) -> dict[str, Any]:
        """Room for what stands beside a branch."""
        width, _ = branch_size(use)
        rows = "\\n".join([_zeros(width + _AIR).strip('"')] * len(branch_texts(use)))
        return {"label": f'"{rows}"', "fontsize": _SIZE}


def _fixed(width: float, height: float, shape: str) -> dict[str, Any]:
    return {
        "shape": shape,
        "fixedsize": "true",
        "width": round(width / 72, 4),
        "height": round(height / 72, 4),
        "label": '""',
    }


def _zeros(width: float) -> str:
    return f'"{"0" * max(ceil(width / (_SIZE * _ZERO)), 1)}"'
