"""A graph of numbers laid out for those who walk it: which formula, and where its operands lie.

All values lie in one vector: the arguments, the constants, then the results of the steps in the order of the
tape. A step is as early as its operands allow, and steps of the same kind that may be done together are next
to each other: a *run*. So whoever walks the tape decides once for a run what is to be done: compiled code
(`run/native.py`) need not make its processor guess for each step, and NumPy (`run/walker.py`) does a run in
one call. What a step computes does not depend on the order, so neither do the bits.

The formulas themselves are the operations' spellings; `plan/c_text.py` turns them into C and
`plan/array_text.py` into NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphlang.collector import paused_collector
from graphlang.graph.node import Node
from graphlang.graph.numbers import Group, Kind, NumberGraph, kind_of
from graphlang.plan.schedule import Plan
from graphlang.records import Record


class Tape(Record):
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
    levels : int64 array
        How many steps stand before each level; the steps of a level do not need one another.
    results : int32 array
        Where the wanted values lie.
    """

    kinds: tuple[Kind, ...]
    runs: np.ndarray
    operands: np.ndarray
    values: np.ndarray
    first: int
    levels: np.ndarray
    results: np.ndarray


@paused_collector()
def schedule(graph: NumberGraph, arguments: int) -> Tape:
    """The tape of a graph of numbers whose arguments, so many, come first in the vector."""
    kinds: dict[Kind, int] = {}
    groups = graph.groups
    counts = [len(g.results) for g in groups]
    kind = np.repeat(np.array([kinds.setdefault(g.kind, len(kinds)) for g in groups], np.int64), counts)
    level = joined([g.levels for g in groups])
    order = np.lexsort((kind, level))
    first, where = constants_of(graph, arguments)
    where[joined([g.results for g in groups])[order]] = np.arange(first, first + len(order), dtype=np.int32)
    vector = np.zeros(first + len(order))
    vector[arguments:first] = list(graph.constants.values())
    return Tape(
        tuple(kinds),
        _runs(kind[order]),
        where[operands_of(groups, counts, order)],
        vector,
        first,
        np.flatnonzero(np.diff(level[order], prepend=-1)),
        where[list(graph.results)],
    )


def constants_of(graph: NumberGraph, arguments: int) -> tuple[int, np.ndarray]:
    """How many arguments and constants come first in the vector; for each place of theirs where it is."""
    first = arguments + len(graph.constants)
    where = np.full(graph.places, -1, np.int32)
    for position, place in graph.arguments:
        where[place] = position
    where[list(graph.constants)] = np.arange(arguments, first, dtype=np.int32)
    return first, where


def operands_of(groups: Sequence[Group], counts: Sequence[int], order: np.ndarray) -> np.ndarray:
    """The places of the operands, step after step in this order."""
    flat = joined([g.operands.T.ravel() for g in groups])
    arity = np.repeat(np.array([len(g.operands) for g in groups], np.int64), counts)
    start = (np.cumsum(arity) - arity)[order]
    arity = arity[order]
    skipped = np.repeat(start - (np.cumsum(arity) - arity), arity)
    found: np.ndarray = flat[skipped + np.arange(len(flat))]
    return found


def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """All entries in one array."""
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)


def _runs(kinds: np.ndarray) -> np.ndarray:
    """Equal kinds in a row, with their counts."""
    starts = np.flatnonzero(np.diff(kinds, prepend=-1))
    counts = np.diff(starts, append=len(kinds))
    return np.stack([kinds[starts], counts], axis=1).astype(np.int32)


# --- from a plan -----------------------------------------------------------------------------------


@paused_collector()
def make_tape(plan: Plan, arguments: Sequence[Node], results: Sequence[Node]) -> Tape:
    """The tape of a plan of numbers; see `numbers_of`."""
    return schedule(numbers_of(plan, arguments, results), len(arguments))


@paused_collector()
def numbers_of(plan: Plan, arguments: Sequence[Node], results: Sequence[Node]) -> NumberGraph:
    """A plan of numbers (`number_function.is_of_numbers`) as arrays.

    Parameters
    ----------
    plan : Plan
    arguments : sequence of Node
        The leaves that are given: they come first in the vector.
    results : sequence of Node
        Some of the nodes that the plan is for.
    """
    position = {node: i for i, node in enumerate(arguments)}
    given = tuple((position[n], slot) for n, slot in plan.leaves if not n.is_const)
    constants = {slot: float(n.attrs["value"]) for n, slot in plan.leaves if n.is_const}
    groups = _groups(plan, constants)
    places = max(plan.slots, *constants, 0) + 1
    return NumberGraph(places, given, constants, groups, tuple(plan.wanted[n] for n in results))


def _groups(plan: Plan, constants: dict[int, float]) -> tuple[Group, ...]:
    """The steps of a plan by kind; attributes that are numbers become further constants, after the slots."""
    steps: dict[Kind, tuple[list[tuple[int, ...]], list[int]]] = {}
    by_op: dict[Any, tuple[list[tuple[int, ...]], list[int], tuple[int, ...]]] = {}
    extra = plan.slots
    for node, op, sources, target, _ in plan.steps:
        key = (op, tuple(node.attrs.items())) if node.attrs else op
        found = by_op.get(key)
        if found is None:
            kind, values = kind_of(op, node.attrs)
            numbers = tuple(range(extra, extra + len(values)))
            constants.update(zip(numbers, values, strict=True))
            extra += len(values)
            found = by_op[key] = (*steps.setdefault(kind, ([], [])), numbers)
        found[0].append(sources + found[2])
        found[1].append(target)
    level = _levels(plan)
    groups = []
    for kind, (operands, targets) in steps.items():
        results = np.array(targets, np.int64)
        columns = np.array(operands, np.int64).reshape(len(targets), len(kind.names)).T
        groups.append(Group(kind, columns, results, level[results], results))
    return tuple(groups)


def _levels(plan: Plan) -> np.ndarray:
    """How many steps each value has to wait for, one after the other, by slot."""
    level = [0] * plan.slots
    for _, _, sources, target, _ in plan.steps:
        level[target] = 1 + max([level[s] for s in sources], default=0)
    return np.array(level, np.int64)
