"""The plan: which operations to do, in which order, and when each value is last needed.

The interpreter and the exporters both work from a `Plan`, so that a script computes the same numbers as the
tool, bit for bit. Sizes may still be symbolic: `resolve` puts numbers in once the inputs are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from graphlang.collector import paused_collector
from graphlang.graph.dag import ancestors
from graphlang.graph.node import Node
from graphlang.graph.op import Op
from graphlang.plan.combine import find
from graphlang.records import Record
from graphlang.types.dims import Dim, substitute


class Step(NamedTuple):
    """`slots[target] = op(slots[sources], **attrs)`; then the slots in `frees` are done with."""

    node: Node
    op: Op
    sources: tuple[int, ...]
    target: int
    frees: tuple[int, ...]


class Plan(Record):
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


@paused_collector()
def make_plan(nodes: Iterable[Node], wanted: Iterable[Node]) -> Plan:
    """Schedule what `wanted` needs of `nodes`, which are in topological order."""
    wanted = list(dict.fromkeys(wanted))
    needed = ancestors(wanted)
    order = [n for n in nodes if n in needed]
    slot = {n: i for i, n in enumerate(order)}
    ops = {name: find(name) for name in {n.op for n in order if not n.is_leaf}}
    leaves = tuple((n, slot[n]) for n in order if n.is_leaf)
    return Plan(leaves, _steps(order, slot, ops, set(wanted)), {n: slot[n] for n in wanted}, len(order))


def _steps(
    order: list[Node], slot: Mapping[Node, int], ops: Mapping[str, Op], needed: set[Node]
) -> tuple[Step, ...]:
    """The operations among `order`; from the last to the first, a value's first use is where it is freed."""
    steps = []
    for node in reversed(order):
        op = ops.get(node.op)
        if op is None:
            continue
        frees = []
        for operand in node.inputs:
            if operand not in needed:
                needed.add(operand)
                frees.append(slot[operand])
        steps.append(Step(node, op, tuple([slot[i] for i in node.inputs]), slot[node], tuple(frees)))
    steps.reverse()
    return tuple(steps)


def resolve(value: Any, sizes: Mapping[str, int]) -> Any:
    """An attribute with its free sizes replaced by numbers."""
    if isinstance(value, Dim):
        return substitute(value, sizes)
    if isinstance(value, tuple):
        return tuple(resolve(v, sizes) for v in value)
    return value


def shape_of(node: Node, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of a node's value, once the free sizes are known."""
    return tuple(int(resolve(s, sizes)) for s in node.shape)
