"""Ranks from left to right, and the order of the cells in each: longest paths, then median sweeps."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from graphlang.draw.cells import SPINE, SWEEPS, Cell, Link, neighbours

# Enough for some 300 gates with skips all over the picture; ten times as many take half a minute.
_MOST_DUMMIES = 10_000


def set_ranks(cells: list[Cell], links: list[Link], *, keeps_sources: bool) -> None:
    """Ranks by longest path; what depends on sources beside the main path moves up to its first use.

    In slides sources keep their place at the left.
    """
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
    order = list(nx.topological_sort(graph))
    loose = set() if keeps_sources else _loose(graph, order, cells, links)
    for i in reversed(order):
        users = [cells[j].rank for j in graph.successors(i)]
        if cells[i].kind == "out":
            cells[i].rank = last
        elif users and i in loose:
            cells[i].rank = min(users) - 1


def _loose(graph: Any, order: list[int], cells: list[Cell], links: list[Link]) -> set[int]:
    """The cells that depend neither on the main path nor on what enters the box."""
    on_path = {id(cell) for link in links if link.weight == SPINE for cell in (link.tail, link.head)}
    loose: set[int] = set()
    for i in order:
        is_held = cells[i].kind == "in" or id(cells[i]) in on_path
        if not is_held and all(j in loose for j in graph.predecessors(i)):
            loose.add(i)
    return loose


def with_dummies(cells: list[Cell], links: list[Link]) -> list[list[Cell]]:
    """The ranks as columns, with a dummy wherever a link passes one.

    The longest links of a large picture have none: they cross it straight, over whatever is in the way.
    """
    columns: list[list[Cell]] = [[] for _ in range(max((c.rank for c in cells), default=0) + 1)]
    for cell in cells:
        columns[cell.rank].append(cell)
    longest = _longest_with_dummies(links)
    for link in links:
        link.cells = [link.tail]
        ranks = range(link.tail.rank + 1, link.head.rank)
        for rank in ranks if len(ranks) <= longest else ():
            dummy = Cell("", link.wire, 0.0, 4.0, rank)
            columns[rank].append(dummy)
            link.cells.append(dummy)
        link.cells.append(link.head)
    return columns


def _longest_with_dummies(links: list[Link]) -> int:
    """How many dummies a link may have, so that there are not too many in all."""
    total = 0
    spans = sorted(link.head.rank - link.tail.rank - 1 for link in links)
    for span in spans:
        total += span
        if total > _MOST_DUMMIES:
            return span - 1
    return max(spans, default=0)


def set_order(columns: list[list[Cell]], links: list[Link], *, fixed: int) -> None:
    """Median sweeps; the order with the fewest crossings stays. The first `fixed` columns keep theirs."""
    near = neighbours(links)
    pairs = [(a, b) for link in links for a, b in pairwise(link.cells)]
    best = _crossings(columns, pairs)
    kept = [list(column) for column in columns]
    for sweep in range(SWEEPS):
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


def _crossings(columns: list[list[Cell]], pairs: Iterable[tuple[Cell, Cell]]) -> int:
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
