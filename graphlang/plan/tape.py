"""A plan of numbers as arrays that compiled code can walk: which formula, and where its operands lie.

All values lie in one vector: the arguments, the constants, then the results of the steps in the order of the
tape. A step is as early as its operands allow, and steps of the same kind that may be done together are next
to each other: a *run*. So the code decides once for a run what is to be done, and a processor need not guess
it for each step. What a step computes does not depend on the order, so neither do the bits.

The formulas themselves are the operations' spellings; `plan/c_text.py` turns them into C.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphlang.collector import paused_collector
from graphlang.graph.node import Node
from graphlang.graph.op import Op
from graphlang.plan.schedule import Plan

Constant = bool | int | float | None


@dataclass(frozen=True, slots=True)
class Kind:
    """What the steps of a run have in common: the operation, and the attributes that are no numbers."""

    op: Op
    attrs: tuple[tuple[str, bool | None], ...]
    numbers: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its operands: wires, then attributes that are numbers."""
        return (*(w.name for w in self.op.wires), *self.numbers)


@dataclass(frozen=True, slots=True)
class Tape:
    """Steps in runs.

    Attributes
    ----------
    kinds : tuple of Kind
    runs : int32 array, shape (runs, 2)
        The number of a kind, and of how many steps the run is.
    operands : int32 array
        Where the operands lie, step after step.
    values : float64 array
        The vector, with the constants in their places.
    first : int
        Where the result of the first step goes; the others follow.
    results : int32 array
        Where the wanted values lie.
    """

    kinds: tuple[Kind, ...]
    runs: np.ndarray
    operands: np.ndarray
    values: np.ndarray
    first: int
    results: np.ndarray


@paused_collector()
def make_tape(plan: Plan, arguments: Sequence[Node], results: Sequence[Node]) -> Tape:
    """The tape of a plan of numbers (`number_function.is_of_numbers`).

    Parameters
    ----------
    plan : Plan
    arguments : sequence of Node
        The leaves that are given: they come first in the vector.
    results : sequence of Node
        Some of the nodes that the plan is for.
    """
    place, constants = _places(plan, arguments)
    kinds: dict[Kind, int] = {}
    kind_of: list[int] = []
    operands: list[tuple[int, ...]] = []
    by_op: dict[Any, tuple[int, tuple[int, ...]]] = {}
    base = len(arguments)
    for node, op, sources, _, _ in plan.steps:
        key = (op, tuple(node.attrs.items())) if node.attrs else op
        found = by_op.get(key)
        if found is None:
            kind, values = _kind(node, op)
            extra = tuple(range(base + len(constants), base + len(constants) + len(values)))
            constants += values
            found = by_op[key] = kinds.setdefault(kind, len(kinds)), extra
        kind_of.append(found[0])
        operands.append(sources + tuple(-1 - e for e in found[1]) if found[1] else sources)
    first = base + len(constants)
    levels = _levels(plan)
    order = np.lexsort((np.array(kind_of, np.int32), levels))
    where = np.empty(plan.slots, np.int32)
    for slot, at in place.items():
        where[slot] = at
    targets = np.array([step.target for step in plan.steps], np.int64)
    where[targets[order]] = np.arange(first, first + len(order), dtype=np.int32)
    flat = np.array([s for i in order.tolist() for s in operands[i]], np.int64)
    placed = np.where(flat >= 0, where[flat], (-1 - flat).astype(np.int32)).astype(np.int32)
    vector = np.zeros(first + len(order))
    vector[base:first] = constants
    wanted = np.array([where[plan.wanted[n]] for n in results], np.int32)
    return Tape(tuple(kinds), _runs(np.array(kind_of, np.int32)[order]), placed, vector, first, wanted)


def _places(plan: Plan, arguments: Sequence[Node]) -> tuple[dict[int, int], list[float]]:
    """Where arguments and constants lie, by slot, and the constants."""
    position = {node: i for i, node in enumerate(arguments)}
    place: dict[int, int] = {}
    constants: list[float] = []
    for node, slot in plan.leaves:
        if node.is_const:
            place[slot] = len(arguments) + len(constants)
            constants.append(float(node.attrs["value"]))
        else:
            place[slot] = position[node]
    return place, constants


def _kind(node: Node, op: Op) -> tuple[Kind, list[float]]:
    """What kind of step a node is, and its attributes that are numbers."""
    plain = {k: v for k, v in node.attrs.items() if v is None or isinstance(v, bool)}
    numbers = {k: float(v) for k, v in node.attrs.items() if k not in plain}
    return Kind(op, tuple(plain.items()), tuple(numbers)), list(numbers.values())


def _levels(plan: Plan) -> np.ndarray:
    """How many steps each step has to wait for, one after the other."""
    level = [0] * plan.slots
    found = []
    for _, _, sources, target, _ in plan.steps:
        height = 1 + max([level[s] for s in sources], default=0)
        level[target] = height
        found.append(height)
    return np.array(found, np.int32)


def _runs(kinds: np.ndarray) -> np.ndarray:
    """Equal kinds in a row, with their counts."""
    starts = np.flatnonzero(np.diff(kinds, prepend=-1))
    counts = np.diff(starts, append=len(kinds))
    return np.stack([kinds[starts], counts], axis=1).astype(np.int32)
