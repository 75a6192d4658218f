"""A graph of numbers as arrays: for graphs so large that an object for each operation would be too much.

A number is a float64 or a truth value of shape `[]`; truth values are 0.0 and 1.0. Every value has a *place*:
arguments, constants and results of steps, in any order. Steps of the same kind stand together in groups, each
with its *level*: a step reads only what steps of lower levels have written, so those of one level may be done
in any order, or at once. `plan/tape.py` lays such a graph out for those who walk it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphlang.graph.node import Node
from graphlang.graph.op import Op
from graphlang.records import Record
from graphlang.types.tensor import DType


class Kind(Record):
    """What steps have in common: the operation, and the attributes that are no numbers."""

    op: Op
    attrs: tuple[tuple[str, bool | None], ...] = ()
    numbers: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its operands: wires, then attributes that are numbers."""
        return (*(w.name for w in self.op.wires), *self.numbers)


class Group(Record):
    """Steps of one kind.

    Attributes
    ----------
    kind : Kind
    operands : int array, shape (operands of the kind, steps)
        The places they read.
    results : int array, shape (steps,)
        The places they write.
    levels : int array, shape (steps,)
    turns : int array, shape (steps,)
        When they are due on the way through the program and back: p for the step that fills place p of the
        program, -1 - p for those of gradients that need no more than the gradient of place p and of those
        behind it.
    """

    kind: Kind
    operands: np.ndarray
    results: np.ndarray
    levels: np.ndarray
    turns: np.ndarray


class NumberGraph(Record):
    """A graph of numbers.

    Attributes
    ----------
    places : int
        How many there are.
    arguments : tuple of (int, int)
        Positions of arguments, with the places where they go.
    constants : dict of int to float
        By place.
    groups : tuple of Group
    results : tuple of int
        The places of the wanted values.
    """

    places: int
    arguments: tuple[tuple[int, int], ...]
    constants: Mapping[int, float]
    groups: tuple[Group, ...]
    results: tuple[int, ...]


def is_number(node: Node) -> bool:
    """Whether a node holds one float or truth value."""
    kind = node.type
    return kind.shape == () and (kind.dtype is DType.FLOAT or kind.dtype is DType.BOOL)


def is_spelled(node: Node, op: Op) -> bool:
    """Whether a node is an operation on numbers that its spelling (`Op.scalar`) defines."""
    if op.scalar is None or not is_number(node):
        return False
    for operand in node.inputs:
        if not is_number(operand):
            return False
    return not node.attrs or all(v is None or type(v) in (bool, int, float) for v in node.attrs.values())


def kind_of(op: Op, attrs: Mapping[str, Any]) -> tuple[Kind, list[float]]:
    """The kind of a step, and those of its attributes that are numbers."""
    if not attrs:
        return Kind(op), []
    plain = {k: v for k, v in attrs.items() if v is None or isinstance(v, bool)}
    numbers = {k: float(v) for k, v in attrs.items() if k not in plain}
    return Kind(op, tuple(plain.items()), tuple(numbers)), list(numbers.values())
