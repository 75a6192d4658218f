"""A plan of numbers alone as one Python function: numbers in, the wanted numbers out.

Everything is a local variable or stands inside another's formula; nothing goes through the list of slots,
whose entries are NumPy's numbers. That is twice as fast as running the plan's chunks where there are few
steps (see `plan/scalars.py`, which writes the formulas).
"""

from __future__ import annotations

from collections.abc import Sequence

from graphlang.collector import paused_collector
from graphlang.graph.node import Node
from graphlang.plan.scalars import Traffic, Writer, literals_of
from graphlang.plan.schedule import Plan
from graphlang.plan.spelled import is_number, is_spelled


def is_of_numbers(plan: Plan) -> bool:
    """Whether every leaf is a number and every step an operation on numbers that its spelling defines."""
    literals = literals_of(plan)
    leaves = all(slot in literals if n.is_const else is_number(n) for n, slot in plan.leaves)
    return leaves and all(is_spelled(step.node, step.op) for step in plan.steps)


@paused_collector()
def number_function(plan: Plan, arguments: Sequence[Node], results: Sequence[Node]) -> str:
    """The text of `run`, a function of floats that returns the tuple of the results.

    Parameters
    ----------
    plan : Plan
        Of numbers alone.
    arguments : sequence of Node
        The leaves that are given, in order; those that the plan does not need are ignored.
    results : sequence of Node
        Some of the nodes that the plan is for.
    """
    slot_of = dict(plan.leaves)
    names = [f"v{slot_of[n]}" if n in slot_of else f"_{i}" for i, n in enumerate(arguments)]
    traffic = Traffic(plan, [(0, len(plan.steps))])
    traffic.is_left = [False] * plan.slots
    for node in results:
        traffic.uses[plan.wanted[node]] += 1
    writer = Writer(traffic, literals_of(plan))
    writer.known |= {slot_of[n]: name for n, name in zip(arguments, names, strict=True) if n in slot_of}
    writer.write(plan.steps)
    found = ", ".join(writer.result(plan.wanted[n]) for n in results)
    return "\n".join([f"def run({', '.join(names)}):", *writer.lines, f" return ({found},)", ""])
