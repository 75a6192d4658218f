"""Heights of the cells in ranks whose order is known, and the points where links meet them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import cos, radians, sin

from graphlang.draw.geometry import SPINE, SWEEPS, Cell, Link, neighbours

# Between neighbours in a rank.
GAP = 14.0
# Weight of what nothing holds.
_LOOSE = 0.01
_SPREAD = 38.0  # degrees at which outer wires meet a gate's circle


def set_heights(columns: list[list[Cell]], links: list[Link]) -> None:
    """Heights, in order and apart from each other: by what each cell feeds, then by what feeds it.

    Forward sweeps come last, so that wires run straight on from their gates and gates stand in the middle
    of their operands.
    """
    near = neighbours(links)
    for column in columns:
        y = 0.0
        for cell in column:
            cell.y = y + cell.height / 2
            y += cell.height + GAP
    for _ in range(SWEEPS):
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


def _apart(column: list[Cell], wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
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


def meeting_points(links: list[Link]) -> list[tuple[float, float]]:
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
            if links[i].weight == SPINE:
                found[i] = (-head.width / 2, 0.0)
                continue
            share = 2 * k / (len(indices) - 1) - 1 if len(indices) > 1 else 0.0
            if abs(head.width - head.height) < 0.01:
                angle = radians(share * _SPREAD)
                found[i] = (-head.width / 2 * cos(angle), head.height / 2 * sin(angle))
            else:
                found[i] = (-head.width / 2, share * head.height / 4)
    return found
