"""Which of an optimizer's states fade: numbers too small to count, which processors compute with slowly.

The velocity of a weight whose gradient is zero from some step on (a pixel that is always black, a unit that
relu has turned off) shrinks by the same factor in every step, and soon lies below the smallest normal number:
1.2e-38 in float32. Rounding keeps it from ever becoming zero, and operations on such numbers take more than
ten times as long. They are therefore set to zero now and then, in the tool and in its scripts alike.
"""

from __future__ import annotations

from graphlang.graph.learner import Learner
from graphlang.graph.node import Node

# Steps from one time to the next: seldom enough to cost nothing, while the velocities of the default momentum
# take eight hundred to get there.
EVERY = 100
# What a number this small goes through without having any effect. Not so the square root or the logarithm.
_PROPORTIONAL = frozenset({"add", "sub", "mul", "neg"})


def fading(learner: Learner) -> tuple[int, ...]:
    """The positions, in `Learner.state_of`, of states of which zero does for any number next to zero.

    They are floats that an update only adds to others and multiplies: one that it divides by, or takes the
    root of, is left as it is.
    """
    positions = {path: k for paths in learner.state_of.values() for k, path in enumerate(paths)}
    carried: dict[Node, frozenset[int]] = {
        learner.states[path]: frozenset({k}) for path, k in positions.items()
    }
    unfit = {k for path, k in positions.items() if not learner.states[path].type.is_float}
    for node in learner.nodes:
        found = [carried.get(operand, frozenset()) for operand in node.inputs]
        every = frozenset().union(*found)
        if every:
            carried[node] = every
        if node.op == "div":
            unfit |= found[1]
        elif node.op not in _PROPORTIONAL:
            unfit |= every
    becomes = [(k, carried.get(learner.next[path], frozenset())) for path, k in positions.items()]
    return tuple(sorted(set(positions.values()) - _reaching(unfit, becomes)))


def _reaching(unfit: set[int], becomes: list[tuple[int, frozenset[int]]]) -> set[int]:
    """The unfit states and those from which, step by step, an unfit one is made."""
    found, before = set(unfit), None
    while found != before:
        before = set(found)
        found = found.union(*(sources for k, sources in becomes if k in found))
    return found
