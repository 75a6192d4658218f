"""Heights of the cells in ranks whose order is known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from graphlang.draw.cells import SWEEPS, Cell, Link, neighbours

# Between neighbours in a rank, and between two lines there.
GAP, LINE_GAP = 14.0, 8.0
# Weight of what nothing holds.
_LOOSE = 0.01


def set_heights(columns: list[list[Cell]], links: list[Link]) -> None:
    """Heights, in order and apart from each other: by what each cell feeds, then by what feeds it.

    Forward sweeps come last, so that wires run straight on from their gates and gates stand in the middle
    of their operands.
    """
    near = neighbours(links)
    for column in columns:
        for cell, y in zip(column, _stacked(column, [0.0] * len(column), [1.0] * len(column)), strict=True):
            cell.y = y
    for _ in range(SWEEPS):
        for is_forward in (False, True):
            for column in columns if is_forward else reversed(columns):
                wanted, weights = [], []
                for cell in column:
                    around = [n for n in near.get(id(cell), ()) if (n[0].rank < cell.rank) == is_forward]
                    total = sum(w for _, _, w in around)
                    wanted.append(sum((c.y + d) * w for c, d, w in around) / total if around else cell.y)
                    weights.append(total or _LOOSE)
                for cell, y in zip(column, _stacked(column, wanted, weights), strict=True):
                    cell.y = y
    for _ in range(2):
        _straighten(columns, links)


def _straighten(columns: list[list[Cell]], links: list[Link]) -> None:
    """Let long links run level over as many ranks as their neighbours there leave room for."""
    above: dict[int, Cell] = {}
    below: dict[int, Cell] = {}
    for column in columns:
        for a, b in pairwise(column):
            above[id(b)], below[id(a)] = a, b
    for link in sorted(links, key=lambda k: -len(k.cells)):
        run: list[Cell] = []
        low, high = -inf, inf
        for cell in link.cells[1:-1]:
            up, down = above.get(id(cell)), below.get(id(cell))
            least = -inf if up is None else up.y + _distance(up, cell)
            most = inf if down is None else down.y - _distance(cell, down)
            if max(low, least) > min(high, most) + 1e-9:
                _set_level(link, run, low, high)
                run, low, high = [], -inf, inf
            run.append(cell)
            low, high = max(low, least), min(high, most)
        _set_level(link, run, low, high)


def _set_level(link: Link, run: list[Cell], low: float, high: float) -> None:
    """Give the cells of a run one height between two bounds: that of the link's start or end if it may be."""
    if not run:
        return
    ends = []
    if run[0] is link.cells[1]:
        ends.append(link.tail.y + link.tail.ports_out.get(link.wire, 0.0))
    if run[-1] is link.cells[-2]:
        ends.append(link.head.y + link.head.ports_in.get(link.wire, 0.0))
    fitting = [y for y in ends if low <= y <= high]
    y = fitting[0] if fitting else min(max(sum(c.y for c in run) / len(run), low), high)
    for cell in run:
        cell.y = y


def _distance(a: Cell, b: Cell) -> float:
    """The least distance between the middles of neighbours in a rank."""
    return a.room / 2 + (GAP if a.kind or b.kind else LINE_GAP) + b.room / 2


def _stacked(column: list[Cell], wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The heights closest to those wanted that keep order and distances."""
    offsets = [0.0] if column else []
    for a, b in pairwise(column):
        offsets.append(offsets[-1] + _distance(a, b))
    return apart(wanted, weights, offsets)


def apart(wanted: Sequence[float], weights: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """The places closest to those wanted, by least squares, at least as far apart as the offsets.

    Pool adjacent violators: what would come too close moves together.
    """
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
