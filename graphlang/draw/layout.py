"""Where everything goes, without Graphviz: a layered layout, box by box from the inside out.

An open box is laid out by itself and then takes part in the layout around it as one large node, so boxes
never overlap and their contents stay together. Within a box: ranks by longest path, dummies where a wire
passes a rank, median sweeps against crossings (`ranks.py`), then heights by least squares under the order
found (`heights.py`), which keeps long wires straight and centres gates between their operands. A wire enters
and leaves a box through ports on its left and right side.
"""

from __future__ import annotations

from graphlang.draw.elements import Scene, Wire
from graphlang.draw.flow import Flow
from graphlang.draw.geometry import SPINE, Cell, Layout, Line, Link, Placed
from graphlang.draw.heights import meeting_points, set_heights
from graphlang.draw.ranks import set_order, set_ranks, with_dummies
from graphlang.draw.sizes import MARGIN, item_size, straight_end, wire_height, wire_width
from graphlang.draw.text import text_width

# Between ranks, between those of forking wires, and for a box's title.
RANK_GAP, PART_GAP, TITLE = 26.0, 44.0, 22.0


def lay_out(scene: Scene) -> Layout:
    """The place of everything in a scene."""
    return _Boxes(scene).layout("")[0]


class _Boxes:
    """Lays out the boxes of one scene."""

    def __init__(self, scene: Scene):
        self.scene = scene
        self.flow = Flow(scene)
        self.wire_width = float(wire_width(scene.wires))
        self.wires = {w.id: w for w in scene.wires}
        self.shape_width = max((text_width(w.shape, 10.5) for w in scene.wires if w.shape), default=0.0)

    def layout(self, box: str) -> tuple[Layout, dict[str, float], dict[str, float]]:
        """A box's layout, and the heights at which wires enter and leave it."""
        cells, links = self._graph(box)
        has_source_rank = self.flow.has_source_rank and not box
        set_ranks(cells, links, keeps_sources=has_source_rank)
        columns = with_dummies(cells, links)
        set_order(columns, links, fixed=2 if has_source_rank else 0)
        set_heights(columns, links)
        gap = RANK_GAP if self.scene.shows_numbers else max(RANK_GAP, self.shape_width + 16)
        if any(use.part for wire in self.scene.wires for use in wire.uses):
            gap = max(gap, PART_GAP)
        return self._finished(box, columns, links, gap)

    # --- the graph of one box ------------------------------------------------------------------

    def _graph(self, box: str) -> tuple[list[Cell], list[Link]]:
        flow = self.flow
        cells: dict[tuple[str, str], Cell] = {}
        for item in flow.items_in(box):
            cells["item", item.id] = Cell("item", item.id, *item_size(item))
        for inner in flow.boxes_in(box):
            layout, ports_in, ports_out = self.layout(inner.id)
            cells["box", inner.id] = Cell(
                "box", inner.id, layout.width, layout.height,
                ports_in=ports_in, ports_out=ports_out, inner=layout,
            )  # fmt: skip
        links: list[Link] = []
        for wire in self.scene.wires:
            self._link(box, wire, cells, links)
        return list(cells.values()), links

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
        is_first = tail.kind == "item"
        if self.scene.shows_numbers and self.flow.box_of_wire(wire) == box:
            label = cells["wire", wire.id] = Cell("wire", wire.id, self.wire_width, wire_height(wire))
            links.append(Link(wire.id, tail, label))
            tail, is_first = label, False
        for head, use_index in heads:
            on_spine = (wire.source, wire.uses[use_index].target) in self.flow.spine_edges
            weight = SPINE if on_spine and not self.scene.shows_numbers else 1.0
            links.append(Link(wire.id, tail, head, use_index, is_first, weight))
            is_first = False

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
        self, box: str, columns: list[list[Cell]], links: list[Link], gap: float
    ) -> tuple[Layout, dict[str, float], dict[str, float]]:
        edges = self._set_columns(columns, links, gap)
        cells = [c for column in columns for c in column]
        _set_top(cells, MARGIN + (TITLE if box else 0.0))
        bottom = max((c.y + c.height / 2 for c in cells), default=MARGIN)
        width = max(edges[-1][1] + MARGIN, self._title_width(box))
        result = Layout(width, bottom + MARGIN)
        for cell in cells:
            _put(result, cell)
        meets = meeting_points(links)
        for i, link in enumerate(links):
            result.lines.append(self._line(link, edges, meets[i], width))
        middle = result.height / 2
        return (
            result,
            {c.id: c.y - middle for c in cells if c.kind == "in"},
            {c.id: c.y - middle for c in cells if c.kind == "out"},
        )

    def _set_columns(
        self, columns: list[list[Cell]], links: list[Link], gap: float
    ) -> list[tuple[float, float]]:
        """Set where each cell lies from left to right; returns the left and right edges of the columns."""
        left = MARGIN
        fed = {id(link.head) for link in links}
        ends = [0.0] * (len(columns) + 1)
        for link in links:
            ends[link.head.rank] = max(ends[link.head.rank], self._straight_end(link))
        edges: list[tuple[float, float]] = []
        for rank, column in enumerate(columns):
            width = max((c.width for c in column), default=0.0)
            for cell in column:
                cell.x = left + width / 2
                if id(cell) not in fed and not self.scene.shows_numbers:
                    cell.x = left + width - cell.width / 2
            edges.append((left, left + width))
            left += width + gap + ends[rank + 1]
        return edges

    def _title_width(self, box: str) -> float:
        """The least width of a box's frame; nothing for the picture itself."""
        if not box:
            return 0.0
        title = next(b for b in self.scene.boxes if b.id == box)
        return text_width(title.title, 13, is_bold=True) + text_width(title.detail, 10.5) + 30

    def _line(
        self, link: Link, edges: list[tuple[float, float]], meets: tuple[float, float], width: float
    ) -> Line:
        tail, head = link.tail, link.head
        start = 0.0 if tail.kind == "in" else tail.x + tail.width / 2
        points = [(start, tail.y + tail.ports_out.get(link.wire, 0.0))]
        if edges[tail.rank][1] > start + 1:
            # Past whatever is wider in its rank before it may turn.
            points.append((edges[tail.rank][1], points[0][1]))
        for cell in link.cells[1:-1]:
            before, after = edges[cell.rank]
            points += [(before, cell.y), (after, cell.y)]
        end = (width, head.y) if head.kind == "out" else (head.x + meets[0], head.y + meets[1])
        if edges[head.rank][0] < end[0] - head.width / 2 - 1 and head.kind != "out":
            points.append((edges[head.rank][0], end[1]))
        straight = self._straight_end(link)
        if straight:
            points.append((end[0] - straight, end[1]))
        points.append(end)
        return Line(link.wire, tuple(points), head.kind == "item", link.use, link.is_first, meets[1])

    def _straight_end(self, link: Link) -> float:
        return straight_end(self.wires[link.wire], link.use) if link.head.kind == "item" else 0.0


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
