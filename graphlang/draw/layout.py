"""Where everything goes, without Graphviz: a layered layout, box by box from the inside out.

An open box is laid out by itself and then takes part in the layout around it as one large node, so boxes
never overlap and their contents stay together. Within a box: ranks by longest path, dummies where a wire
passes a rank, median sweeps against crossings, then heights by least squares under the order found, which
keeps long wires straight and centres gates between their operands. A wire enters and leaves a box through
ports on its left and right side.

All lengths are in points, y grows downwards.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import cos, radians, sin
from typing import Any

from graphlang.draw.dot import gate_size, wire_width
from graphlang.draw.flow import Flow
from graphlang.draw.scene import Item, Scene, Wire
from graphlang.draw.text import text_width

# Between neighbours in a rank, between ranks, inside a box's frame, and for its title.
GAP, RANK_GAP, MARGIN, TITLE = 14.0, 26.0, 14.0, 22.0
LINE, PART_GAP = 16.0, 44.0
_SWEEPS = 12
# How much straighter than an ordinary link one between two dummies wants to be.
_STRAIGHT = 8.0
# The same for the main path of a layer view, and for what nothing holds.
_SPINE, _LOOSE = 1000.0, 0.01
_SPREAD = 38.0  # degrees at which outer wires meet a gate's circle


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

    `use` is the place in the wire's `uses` that it leads to, -1 where several share it.
    """

    wire: str
    points: tuple[tuple[float, float], ...]
    has_head: bool
    use: int = -1
    is_first: bool = False

    def moved(self, dx: float, dy: float) -> Line:
        """The same stretch elsewhere."""
        points = tuple((x + dx, y + dy) for x, y in self.points)
        return Line(self.wire, points, self.has_head, self.use, self.is_first)


@dataclass(slots=True)
class Layout:
    """A picture's geometry: boxes come before what lies in them."""

    width: float = 0.0
    height: float = 0.0
    placed: list[Placed] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class _Cell:
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
class _Link:
    wire: str
    tail: _Cell
    head: _Cell
    use: int = -1
    is_first: bool = False
    weight: float = 1.0
    cells: list[_Cell] = field(default_factory=list)  # tail, dummies, head


def lay_out(scene: Scene) -> Layout:
    """The place of everything in a scene."""
    return _Boxes(scene).layout("")[0]


def item_size(item: Item) -> tuple[float, float]:
    """Width and height of an item."""
    detail = text_width(item.detail, 10)
    if item.kind == "gate":
        circle = gate_size(item.label)
        if circle is not None:
            return circle[0] * 72, circle[0] * 72
        return text_width(item.label, 14) + 20, 32.0
    if item.kind in ("loss", "network"):
        rows = 2 if item.detail else 1
        return max(text_width(item.label, 13, is_bold=True), detail) + 28, 16.0 * rows + 20
    if item.kind in ("param", "state"):
        return text_width(item.label, 13) + (detail + 4 if item.detail else 0) + 14, 24.0
    return text_width(item.label, 17) + 8, 24.0


class _Boxes:
    """Lays out the boxes of one scene."""

    def __init__(self, scene: Scene):
        self.scene = scene
        self.flow = Flow(scene)
        self.wire_width = float(wire_width(scene.wires))
        self.shape_width = max((text_width(w.shape, 10.5) for w in scene.wires if w.shape), default=0.0)

    def layout(self, box: str) -> tuple[Layout, dict[str, float], dict[str, float]]:
        """A box's layout, and the heights at which wires enter and leave it."""
        cells, links = self._graph(box)
        _rank(cells, links, keeps_sources=self.scene.shows_numbers and not box)
        columns = _with_dummies(cells, links)
        _order(columns, links, fixed=2 if self.scene.shows_numbers and not box else 0)
        _place_vertically(columns, links)
        gap = RANK_GAP if self.scene.shows_numbers else max(RANK_GAP, self.shape_width + 16)
        if any(use.part for wire in self.scene.wires for use in wire.uses):
            gap = max(gap, PART_GAP)
        return self._finished(box, columns, links, gap)

    # --- the graph of one box ------------------------------------------------------------------

    def _graph(self, box: str) -> tuple[list[_Cell], list[_Link]]:
        flow = self.flow
        cells: dict[tuple[str, str], _Cell] = {}
        for item in flow.items_in(box):
            cells["item", item.id] = _Cell("item", item.id, *item_size(item))
        for inner in flow.boxes_in(box):
            layout, ports_in, ports_out = self.layout(inner.id)
            cells["box", inner.id] = _Cell(
                "box", inner.id, layout.width, layout.height,
                ports_in=ports_in, ports_out=ports_out, inner=layout,
            )  # fmt: skip
        links: list[_Link] = []
        for wire in self.scene.wires:
            self._link(box, wire, cells, links)
        return list(cells.values()), links

    def _link(self, box: str, wire: Wire, cells: dict[tuple[str, str], _Cell], links: list[_Link]) -> None:
        """The part of a wire that lies directly in a box."""
        tail = self._cell(box, wire.source, cells)
        heads: list[tuple[_Cell, int]] = []
        for i, use in enumerate(wire.uses):
            head = self._cell(box, use.target, cells)
            if head is None and tail is not None and box:
                head = cells.setdefault(("out", wire.id), _Cell("out", wire.id, 1, 1))
            if head is None or head is tail:
                continue
            if head.kind == "item" or all(head is not h for h, _ in heads):
                heads.append((head, i))
        if not heads:
            return
        if tail is None:
            tail = cells["in", wire.id] = _Cell("in", wire.id, 1, 1)
        is_first = tail.kind == "item"
        if self.scene.shows_numbers and self.flow.box_of_wire(wire) == box:
            label = cells["wire", wire.id] = _Cell("wire", wire.id, self.wire_width, _wire_height(wire))
            links.append(_Link(wire.id, tail, label))
            tail, is_first = label, False
        for head, use_index in heads:
            on_spine = (wire.source, wire.uses[use_index].target) in self.flow.spine_edges
            weight = _SPINE if on_spine and not self.scene.shows_numbers else 1.0
            links.append(_Link(wire.id, tail, head, use_index, is_first, weight))
            is_first = False

    def _cell(self, box: str, item: str, cells: dict[tuple[str, str], _Cell]) -> _Cell | None:
        """What stands for an item in a box's layout: itself, or the inner box that it lies in."""
        inner = ""
        for around in self.flow.around(self.flow.item(item).box):
            if around == box:
                return cells["box", inner] if inner else cells["item", item]
            inner = around
        return None

    # --- the result ----------------------------------------------------------------------------

    def _finished(
        self, box: str, columns: list[list[_Cell]], links: list[_Link], gap: float
    ) -> tuple[Layout, dict[str, float], dict[str, float]]:
        left = MARGIN
        fed = {id(link.head) for link in links}
        edges: list[tuple[float, float]] = []
        for column in columns:
            width = max((c.width for c in column), default=0.0)
            for cell in column:
                cell.x = left + width / 2
                if id(cell) not in fed and not self.scene.shows_numbers:
                    cell.x = left + width - cell.width / 2
            edges.append((left, left + width))
            left += width + gap
        every = [c for column in columns for c in column]
        top = min((c.y - c.height / 2 for c in every), default=0.0)
        bottom = max((c.y + c.height / 2 for c in every), default=0.0)
        shift = MARGIN + (TITLE if box else 0.0) - top
        for cell in every:
            cell.y += shift
        width = left - gap + MARGIN
        if box:
            title = next(b for b in self.scene.boxes if b.id == box)
            width = max(
                width, text_width(title.title, 13, is_bold=True) + text_width(title.detail, 10.5) + 30
            )
        result = Layout(width, bottom + shift + MARGIN)
        for cell in every:
            if cell.kind in ("item", "wire", "box"):
                result.placed.append(Placed(cell.kind, cell.id, cell.x, cell.y, cell.width, cell.height))
            if cell.inner is not None:
                dx, dy = cell.x - cell.width / 2, cell.y - cell.height / 2
                result.placed += [p.moved(dx, dy) for p in cell.inner.placed]
                result.lines += [line.moved(dx, dy) for line in cell.inner.lines]
        meets = _meeting_points(links)
        for i, link in enumerate(links):
            result.lines.append(self._line(link, edges, meets[i], width))
        middle = result.height / 2
        return (
            result,
            {c.id: c.y - middle for c in every if c.kind == "in"},
            {c.id: c.y - middle for c in every if c.kind == "out"},
        )

    def _line(
        self, link: _Link, edges: list[tuple[float, float]], meets: tuple[float, float], width: float
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
        points.append(end)
        return Line(link.wire, tuple(points), head.kind == "item", link.use, link.is_first)


def _wire_height(wire: Wire) -> float:
    return 2 * (LINE * max(len(wire.value), len(wire.gradient), 1) + 6)


# --- ranks and order -----------------------------------------------------------------------------


def _rank(cells: list[_Cell], links: list[_Link], *, keeps_sources: bool) -> None:
    """Ranks by longest path; what nothing flows into moves up to its first use unless kept at the left."""
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(cells)))
    index = {id(c): i for i, c in enumerate(cells)}
    edges = [(index[id(k.tail)], index[id(k.head)]) for k in links]
    graph.add_edges_from(edges)
    if not nx.is_directed_acyclic_graph(graph):
        # Boxes may use one another's wires; then some wires run backwards.
        graph.remove_edges_from([(a, b) for a, b in edges if a >= b])
        links[:] = [k for k in links if index[id(k.tail)] < index[id(k.head)]]
    for rank, generation in enumerate(nx.topological_generations(graph)):
        for i in generation:
            cells[i].rank = rank
    last = max((c.rank for c in cells), default=0)
    for i in reversed(list(nx.topological_sort(graph))):
        cell = cells[i]
        users = [cells[j].rank for j in graph.successors(i)]
        if cell.kind == "out":
            cell.rank = last
        elif users and cell.kind != "in" and not keeps_sources and _only_sources(graph, cells, i):
            cell.rank = min(users) - 1


def _only_sources(graph: Any, cells: list[_Cell], i: int) -> bool:
    """Whether a cell is a source or the label of a source's wire."""
    before = list(graph.predecessors(i))
    if not before:
        return True
    return (
        cells[i].kind == "wire"
        and not list(graph.predecessors(before[0]))
        and cells[before[0]].kind == "item"
    )


def _with_dummies(cells: list[_Cell], links: list[_Link]) -> list[list[_Cell]]:
    """The ranks as columns, with a dummy wherever a link passes one."""
    columns: list[list[_Cell]] = [[] for _ in range(max((c.rank for c in cells), default=0) + 1)]
    for cell in cells:
        columns[cell.rank].append(cell)
    for link in links:
        link.cells = [link.tail]
        for rank in range(link.tail.rank + 1, link.head.rank):
            dummy = _Cell("", link.wire, 0.0, 4.0, rank)
            columns[rank].append(dummy)
            link.cells.append(dummy)
        link.cells.append(link.head)
    return columns


def _neighbours(links: list[_Link]) -> dict[int, list[tuple[_Cell, float, float]]]:
    """For each cell those it is linked to: the cell, how far the link shifts it, and its weight."""
    found: dict[int, list[tuple[_Cell, float, float]]] = {}
    for link in links:
        for a, b in pairwise(link.cells):
            out = a.ports_out.get(link.wire, 0.0)
            into = b.ports_in.get(link.wire, 0.0)
            weight = link.weight * (_STRAIGHT if not a.kind and not b.kind else 1.0)
            found.setdefault(id(a), []).append((b, into - out, weight))
            found.setdefault(id(b), []).append((a, out - into, weight))
    return found


def _order(columns: list[list[_Cell]], links: list[_Link], *, fixed: int) -> None:
    """Median sweeps; the order with the fewest crossings stays. The first `fixed` columns keep theirs."""
    near = _neighbours(links)
    pairs = [(a, b) for link in links for a, b in pairwise(link.cells)]
    best = _crossings(columns, pairs)
    kept = [list(column) for column in columns]
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        place = {id(c): i for column in columns for i, c in enumerate(column)}
        for r in range(fixed, len(columns)) if forward else range(len(columns) - 1, fixed - 1, -1):
            keys = {}
            for i, cell in enumerate(columns[r]):
                there = sorted(place[id(c)] for c, _, _ in near.get(id(cell), ()) if (c.rank < r) == forward)
                keys[id(cell)] = (there[(len(there) - 1) // 2] + there[len(there) // 2]) / 2 if there else i
            columns[r].sort(key=lambda c: keys[id(c)])
            place.update({id(c): i for i, c in enumerate(columns[r])})
        count = _crossings(columns, pairs)
        if count < best:
            best, kept = count, [list(column) for column in columns]
        if best == 0:
            break
    columns[:] = kept


def _crossings(columns: list[list[_Cell]], pairs: Iterable[tuple[_Cell, _Cell]]) -> int:
    """How often links between neighbouring ranks cross."""
    place = {id(c): i for column in columns for i, c in enumerate(column)}
    by_rank: dict[int, list[tuple[int, int]]] = {}
    for a, b in pairs:
        by_rank.setdefault(a.rank, []).append((place[id(a)], place[id(b)]))
    total = 0
    for ends in by_rank.values():
        seen: list[int] = []
        for _, end in sorted(ends):
            total += len(seen) - bisect.bisect_right(seen, end)
            bisect.insort(seen, end)
    return total


# --- coordinates ---------------------------------------------------------------------------------


def _place_vertically(columns: list[list[_Cell]], links: list[_Link]) -> None:
    """Heights, in order and apart from each other: by what each cell feeds, then by what feeds it.

    Forward sweeps come last, so that wires run straight on from their gates and gates stand in the middle
    of their operands.
    """
    near = _neighbours(links)
    for column in columns:
        y = 0.0
        for cell in column:
            cell.y = y + cell.height / 2
            y += cell.height + GAP
    for _ in range(_SWEEPS):
        for is_forward in (False, True):
            for column in columns if is_forward else reversed(columns):
                wanted, weights = [], []
                for cell in column:
                    around = [n for n in near.get(id(cell), ()) if (n[0].rank < cell.rank) == is_forward]
                    total = sum(w for _, _, w in around)
                    wanted.append(sum((c.y + d) * w for c, d, w in around) / total if around else cell.y)
                    weights.append(total or _LOOSE)
                for cell, y in zip(column, _apart(column, wanted, weights), strict=True):
                    cell.y = y


def _apart(column: list[_Cell], wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The heights closest to those wanted that keep order and distances (pool adjacent violators)."""
    offsets = [0.0] if column else []
    for a, b in pairwise(column):
        offsets.append(offsets[-1] + a.height / 2 + GAP + b.height / 2)
    pools: list[list[float]] = []  # sum of weight * wanted, weight, count
    for y, weight, offset in zip(wanted, weights, offsets, strict=True):
        pools.append([(y - offset) * weight, weight, 1])
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] > pools[-1][0] / pools[-1][1]:
            last = pools.pop()
            pools[-1] = [pools[-1][i] + last[i] for i in range(3)]
    result: list[float] = []
    for total, weight, count in pools:
        for _ in range(int(count)):
            result.append(total / weight + offsets[len(result)])
    return result


def _meeting_points(links: list[_Link]) -> list[tuple[float, float]]:
    """Where each link meets its head, off the centre: spread over a circle's left side, by height."""
    into: dict[int, list[int]] = {}
    for i, link in enumerate(links):
        into.setdefault(id(link.head), []).append(i)
    found = [(0.0, 0.0)] * len(links)
    for indices in into.values():
        indices.sort(key=lambda i: links[i].cells[-2].y)
        head = links[indices[0]].head
        for k, i in enumerate(indices):
            if head.kind != "item":
                found[i] = (-head.width / 2, head.ports_in.get(links[i].wire, 0.0))
                continue
            if links[i].weight == _SPINE:
                found[i] = (-head.width / 2, 0.0)
                continue
            share = 2 * k / (len(indices) - 1) - 1 if len(indices) > 1 else 0.0
            if abs(head.width - head.height) < 0.01:
                angle = radians(share * _SPREAD)
                found[i] = (-head.width / 2 * cos(angle), head.height / 2 * sin(angle))
            else:
                found[i] = (-head.width / 2, share * head.height / 4)
    return found
