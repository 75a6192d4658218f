"""Where everything goes, without Graphviz: a layered layout, box by box from the inside out.

An open box is laid out by itself and then takes part in the layout around it as one large node, so boxes
never overlap and their contents stay together. Within a box: ranks by longest path, dummies where a wire
passes a rank, median sweeps against crossings (`ranks.py`), then heights by least squares under the order
found (`heights.py`), which keeps long wires straight and centres gates between their operands; last the
curves (`curves.py`). A wire enters and leaves a box through ports on its left and right side.

A picture from top to bottom is laid out from left to right with heights and widths exchanged, and turned.
"""

from __future__ import annotations

from collections import Counter

from graphlang.draw.cells import LEVEL, SPINE, Cell, Link
from graphlang.draw.curves import BEFORE_LABEL, HEAD, LABEL_ROOM, lines, vertical_jumps
from graphlang.draw.elements import Item, Scene, Wire
from graphlang.draw.flow import Flow
from graphlang.draw.geometry import Layout, Placed
from graphlang.draw.heights import set_heights
from graphlang.draw.labels import place_parts
from graphlang.draw.metrics import text_width
from graphlang.draw.ranks import set_order, set_ranks, with_dummies
from graphlang.draw.sizes import LINE, MARGIN, SHAPE_SIZE, box_title_width, branch_size, item_size, wire_size

# Least distance between ranks where wires turn, and where all run level.
RANK_GAP, LEVEL_GAP = 26.0, 12.0
# For a box's title.
TITLE = 22.0
# What each further branch of a wire adds, so that its part of the gradient has a place.
_BRANCH = 12.0
# Where wires go far up or down, ranks are further apart: so much of the way, and no more than this.
_SLOPE, _WIDEST = 0.3, 90.0


def lay_out(scene: Scene) -> Layout:
    """The place of everything in a scene; in a step of a picture, that of the finished picture."""
    scene = scene.full or scene
    found = _Boxes(scene).layout("")[0]
    if scene.direction == "TB":
        found = found.turned()
    place_parts(scene, found)
    return found


class _Boxes:
    """Lays out the boxes of one scene, from left to right."""

    def __init__(self, scene: Scene):
        self.scene = scene
        self.flow = Flow(scene)
        self.is_turned = scene.direction == "TB"
        # In a slide of gates alone, each stands in the middle of its operands instead.
        self.has_spine = not scene.shows_numbers or bool(scene.boxes)
        self.boxes = {b.id: b for b in scene.boxes}
        self.wires_at: dict[str, list[Wire]] = {}
        for wire in scene.wires:
            ends = [wire.source, *(use.target for use in wire.uses)]
            for box in {box for end in ends for box in self.flow.around(self.flow.item(end).box)}:
                self.wires_at.setdefault(box, []).append(wire)

    def layout(self, box: str) -> tuple[Layout, dict[str, float], dict[str, float]]:
        """A box's layout, and the heights at which wires enter and leave it."""
        cells, links = self._graph(box)
        has_source_rank = self.flow.has_source_rank and not box
        set_ranks(cells, links, keeps_sources=has_source_rank)
        columns = with_dummies(cells, links)
        set_order(columns, links, fixed=2 if has_source_rank else 0)
        set_heights(columns, links)
        return self._finished(box, columns, links)

    # --- the graph of one box ------------------------------------------------------------------

    def _graph(self, box: str) -> tuple[list[Cell], list[Link]]:
        flow = self.flow
        cells: dict[tuple[str, str], Cell] = {}
        for inner in flow.boxes_in(box):
            layout, ports_in, ports_out = self.layout(inner.id)
            cells["box", inner.id] = Cell(
                "box", inner.id, layout.width, layout.height,
                ports_in=ports_in, ports_out=ports_out, inner=layout,
            )  # fmt: skip
        for item in self._in_order(box):
            width, height = self._turned(item_size(item))
            is_round = item.kind == "gate" and width == height
            cells["item", item.id] = Cell("item", item.id, width, height, is_round=is_round)
        links: list[Link] = []
        for wire in self.wires_at.get(box, ()):
            self._link(box, wire, cells, links)
        return list(cells.values()), links

    def _in_order(self, box: str) -> list[Item]:
        """The items of a box; in layer views the main path first: other inputs stand below it."""
        items = self.flow.items_in(box)
        if box or self.scene.shows_numbers:
            return items
        return sorted(items, key=lambda item: item.id not in self.flow.spine)

    def _turned(self, size: tuple[float, float]) -> tuple[float, float]:
        return (size[1], size[0]) if self.is_turned else size

    def _link(self, box: str, wire: Wire, cells: dict[tuple[str, str], Cell], links: list[Link]) -> None:
        """The part of a wire that lies directly in a box."""
        tail = self._cell(box, wire.source, cells)
        heads: list[tuple[Cell, int]] = []
        for i, use in enumerate(wire.uses):
            head = self._cell(box, use.target, cells)
            if head is None and tail is not None and box:
                head = cells.setdefault(("out", wire.id), Cell("out", wire.id, 1, 1))
            if head is None or head is tail:
                continue
            if head.kind == "item" or all(head is not h for h, _ in heads):
                heads.append((head, i))
        if not heads:
            return
        if tail is None:
            tail = cells["in", wire.id] = Cell("in", wire.id, 1, 1)
        shape = ""
        if self.flow.box_of_wire(wire) == box:
            if self.scene.shows_numbers:
                size = wire_size(wire, self.scene.direction)
                label = cells["wire", wire.id] = Cell("wire", wire.id, *self._turned(size))
                links.append(Link(wire.id, tail, label, weight=LEVEL))
                if tail.kind == "item":
                    # Both keep the same room, so that the way between them can be level.
                    tail.room = label.room = max(tail.room, label.room)
                tail = label
            else:
                shape = wire.shape
        for head, i in heads:
            use = wire.uses[i]
            is_spine = self.has_spine and (wire.source, use.target) in self.flow.spine_edges
            part, _ = branch_size(use) if head.kind == "item" else (0.0, 0.0)
            length = part or text_width(shape, SHAPE_SIZE)
            weight = SPINE if is_spine else 1.0
            links.append(Link(wire.id, tail, head, i, length, is_part=bool(part), weight=weight))
            shape = ""

    def _cell(self, box: str, item: str, cells: dict[tuple[str, str], Cell]) -> Cell | None:
        """What stands for an item in a box's layout: itself, or the inner box that it lies in."""
        inner = ""
        for around in self.flow.around(self.flow.item(item).box):
            if around == box:
                return cells["box", inner] if inner else cells["item", item]
            inner = around
        return None

    # --- the result ----------------------------------------------------------------------------

    def _finished(
        self, box: str, columns: list[list[Cell]], links: list[Link]
    ) -> tuple[Layout, dict[str, float], dict[str, float]]:
        title = TITLE if box else 0.0
        left, top = (MARGIN + title, MARGIN) if self.is_turned else (MARGIN, MARGIN + title)
        edges = self._set_columns(columns, links, left)
        cells = [c for column in columns for c in column]
        _set_top(cells, top)
        bottom = max((c.y + c.height / 2 for c in cells), default=top)
        result = Layout(edges[-1][1] + MARGIN, bottom + MARGIN)
        if box:
            self._make_room_for_title(box, result)
        for cell in cells:
            _put(result, cell)
        own = lines(links, edges, result.width, self.is_turned)
        for link, line in zip(links, own, strict=True):
            if line.label is not None:
                beside = link.label / 2 if self.is_turned else LINE / 2
                result.height = max(result.height, line.label[1] + beside + MARGIN / 2)
        result.lines += own
        middle = result.height / 2
        return (
            result,
            {c.id: c.y - middle for c in cells if c.kind == "in"},
            {c.id: c.y - middle for c in cells if c.kind == "out"},
        )

    def _set_columns(
        self, columns: list[list[Cell]], links: list[Link], left: float
    ) -> list[tuple[float, float]]:
        """Set where each cell lies from left to right; returns the left and right edges of the columns."""
        fed = {id(link.head) for link in links}
        gaps = self._gaps(columns, links)
        edges: list[tuple[float, float]] = []
        for column, gap in zip(columns, gaps, strict=True):
            width = max((c.width for c in column), default=0.0)
            for cell in column:
                cell.x = left + width / 2
                if id(cell) not in fed and not self.scene.shows_numbers:
                    cell.x = left + width - cell.width / 2
            edges.append((left, left + width))
            left += width + gap
        return edges

    def _gaps(self, columns: list[list[Cell]], links: list[Link]) -> list[float]:
        """How much room there is after each rank: for turns, and for what is written beside lines."""
        jumps = vertical_jumps(links)
        gaps = []
        for r in range(len(columns)):
            jump = jumps.get(r, 0.0)
            gaps.append(LEVEL_GAP if jump < 1 else max(RANK_GAP, min(_WIDEST, RANK_GAP / 2 + _SLOPE * jump)))
        turns = list(gaps)
        branches = Counter(id(link.tail) for link in links)
        for link in links:
            if self.is_turned and link.label:
                room = LABEL_ROOM
                if link.is_part:
                    room += RANK_GAP / 2 + _BRANCH * (branches[id(link.tail)] - 1)
                gaps[link.tail.rank] = max(gaps[link.tail.rank], room)
        for link in links if not self.is_turned else ():
            if not link.label:
                continue
            if link.is_part:
                room = link.label + RANK_GAP + _BRANCH * (branches[id(link.tail)] - 1)
                gaps[link.head.rank - 1] = max(gaps[link.head.rank - 1], room)
                continue
            turn = turns[link.tail.rank] if _turns(link) else HEAD
            room = link.label + 2 * BEFORE_LABEL + turn
            gaps[link.tail.rank] = max(gaps[link.tail.rank], room)
        return gaps

    def _make_room_for_title(self, box: str, layout: Layout) -> None:
        """A box is at least as wide as its title."""
        needed = box_title_width(self.boxes[box])
        if self.is_turned:
            layout.height = max(layout.height, needed)
        else:
            layout.width = max(layout.width, needed)


def _turns(link: Link) -> bool:
    """Whether a link goes up or down right after its tail."""
    a, b = link.cells[:2]
    into = b.ports_in.get(link.wire, 0.0) - a.ports_out.get(link.wire, 0.0)
    return abs(b.y + into - a.y) > 1


def _set_top(cells: list[Cell], top: float) -> None:
    """Move all cells up or down together."""
    shift = top - min((c.y - c.height / 2 for c in cells), default=0.0)
    for cell in cells:
        cell.y += shift


def _put(layout: Layout, cell: Cell) -> None:
    """Add a cell, with what lies in it if it is a box."""
    if cell.kind in ("item", "wire", "box"):
        layout.placed.append(Placed(cell.kind, cell.id, cell.x, cell.y, cell.width, cell.height))
    if cell.inner is not None:
        dx, dy = cell.x - cell.width / 2, cell.y - cell.height / 2
        layout.placed += [p.moved(dx, dy) for p in cell.inner.placed]
        layout.lines += [line.moved(dx, dy) for line in cell.inner.lines]
