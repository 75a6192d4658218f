"""What reads each value of a plan, where that decides how the value is written."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping

import numpy as np

from graphlang.graph.node import Node
from graphlang.plan.schedule import Plan, Step, shape_of
from graphlang.run.inline import is_pick
from graphlang.types.tensor import DType

# Operations that a truth value may enter as 0 or 1, without being converted first.
TAKES_MASKS = frozenset({"add", "sub", "mul"})
# So many ones can be added up in 32 bits, in any order.
_COUNTED = 1 << 24


class Readers:
    """The steps that read each value.

    Parameters
    ----------
    plan : Plan
    targets : mapping of Node to array
        Where some results are to be written: these are written as arrays.
    sizes : mapping of str to int
        The free sizes.
    dtype : numpy float type
    """

    def __init__(
        self,
        plan: Plan,
        targets: Mapping[Node, np.ndarray],
        sizes: Mapping[str, int],
        dtype: type[np.floating],
    ):
        self._wanted, self._targets, self._sizes, self._dtype = set(plan.wanted), targets, sizes, dtype
        self._steps: dict[Node, list[Step]] = {}
        for step in plan.steps:
            for operand in step.node.inputs:
                self._steps.setdefault(operand, []).append(step)

    def of(self, node: Node) -> list[Step]:
        """The steps that read a value, in order."""
        return self._steps.get(node, [])

    def only_count(self, step: Step) -> bool:
        """Whether truth values become numbers only to be added up, all of them to one number."""
        node = step.node
        if step.op.name != "to_float" or node.inputs[0].type.dtype is not DType.BOOL:
            return False
        shape, is_fed = self._shape_of(node), node.inputs[0].is_leaf
        is_exact = math.prod(shape) <= _COUNTED and np.dtype(self._dtype).itemsize >= 4
        is_ours = bool(shape) and is_exact and not is_fed
        return is_ours and self._are_only(node, ("sum", "mean"), ()) and self._are_inline(node)

    def only_pick(self, node: Node) -> bool:
        """Whether of a matrix one entry of each row is read, once, and nothing else."""
        shape, steps = self._shape_of(node), self.of(node)
        if len(steps) != 1 or not self._are_only(node, ("gather",), shape[:1]) or not self._are_inline(node):
            return False
        x, indices = steps[0].node.inputs
        return x is node and is_pick(shape, self._shape_of(indices), steps[0].node.attrs["axis"])

    def only_add(self, node: Node) -> bool:
        """Whether one step reads the value, entry by entry, and would take truth values in its place."""
        return len(self.of(node)) == 1 and self._are_only(node, TAKES_MASKS, self._shape_of(node))

    def _shape_of(self, node: Node) -> tuple[int, ...]:
        return shape_of(node, self._sizes)

    def _are_only(self, node: Node, ops: Container[str], shape: tuple[int, ...]) -> bool:
        return node not in self._wanted and all(
            step.op.name in ops and self._shape_of(step.node) == shape for step in self.of(node)
        )

    def _are_inline(self, node: Node) -> bool:
        """Whether what reads the value may be an expression, since it has no place to be written to."""
        return not any(step.node in self._targets for step in self.of(node))
