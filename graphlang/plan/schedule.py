"""The plan: which operations to do, in which order, and when each value is last needed.

The interpreter and the exporters both work from a `Plan`, so that a script computes the same numbers as the
tool, bit for bit. Sizes may still be symbolic: `resolve` puts numbers in once the inputs are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphlang.graph.dag import ancestors
from graphlang.graph.node import Node
from graphlang.graph.op import Op
from graphlang.ops import registry
from graphlang.types.dims import Dim, substitute


class Step(NamedTuple):
    """`slots[target] = op(slots[sources], **attrs)`; then the slots in `frees` are done with."""

    node: Node
    op: Op
    sources: tuple[int, ...]
    target: int
    frees: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to compute for a set of wanted nodes.

    Attributes
    ----------
    leaves : tuple of (Node, int)
        Inputs, parameters, states and constants that are needed, with their slots.
    steps : tuple of Step
        Operations in order.
    wanted : dict of Node to int
        The nodes asked for and the slots they end in.
    slots : int
        How many slots there are.
    """

    leaves: tuple[tuple[Node, int], ...]
    steps: tuple[Step, ...]
    wanted: Mapping[Node, int]
    slots: int


def make_plan(nodes: Iterable[Node], wanted: Iterable[Node]) -> Plan:
    """Schedule what `wanted` needs of `nodes`, which are in topological order."""
    wanted = list(dict.fromkeys(wanted))
    needed = ancestors(wanted)
    order = [n for n in nodes if n in needed]
    slot = {n: i for i, n in enumerate(order)}
    frees = _frees(order, slot, set(wanted))
    ops = {name: registry.find(name) for name in {n.op for n in order if not n.is_leaf}}
    steps = [
        Step(n, ops[n.op], tuple([slot[i] for i in n.inputs]), slot[n], tuple(frees.get(n, ())))
        for n in order
        if n.op in ops
    ]
    leaves = tuple((n, slot[n]) for n in order if n.is_leaf)
    return Plan(leaves, tuple(steps), {n: slot[n] for n in wanted}, len(order))


def _frees(order: list[Node], slot: Mapping[Node, int], kept: set[Node]) -> dict[Node, list[int]]:
    """For each node the slots that nothing needs after it."""
    last_use: dict[Node, Node] = {}
    for node in order:
        for operand in node.inputs:
            last_use[operand] = node
    frees: dict[Node, list[int]] = {}
    for operand, user in last_use.items():
        if operand not in kept:
            frees.setdefault(user, []).append(slot[operand])
    return frees


def resolve(value: Any, sizes: Mapping[str, int]) -> Any:
    """An attribute with its free sizes replaced by numbers."""
    if isinstance(value, Dim):
        return substitute(value, sizes)
    if isinstance(value, tuple):
        return tuple(resolve(v, sizes) for v in value)
    return value
