"""Nodes of the graph, and the boxes they lie in.

A node is one operation's result, or a leaf: an input, a parameter, a state, a constant. It knows its
operands, so a list of nodes in topological order is the whole graph. Nodes are made by a `Builder`
(`ops/build.py`), which may still give a node its name; after that they are not changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphlang.records import Record, field
from graphlang.source import Span
from graphlang.types.tensor import TensorType

# What a node can be besides an operation.
INPUT, PARAM, STATE, CONST, GRAD = "input", "param", "state", "const", "grad"
LEAVES = frozenset({INPUT, PARAM, STATE, CONST})


class Node(Record, frozen=False, eq=False):
    """One value that flows.

    Attributes
    ----------
    path : str
        Its stable name: `f`, `f.mul_2`, `h[1].dense.W`.
    op : str
        Name of a registered operation, or one of `input param state const`; before differentiation also
        `grad`, whose operands are a scalar and the node it is differentiated with respect to.
    inputs : tuple of Node
        The operands in order.
    attrs : mapping
        What is known at compile time: an axis, a shape, `value` of a constant.
    type : TensorType
    span : Span or None
        Where it was written.
    scope : str
        Path of the innermost box (`Scope`) it lies in, "" for the main graph.
    is_named : bool
        Whether the user's file gives it a name (parameters and states always count as named).
    doc : str or None
        The comment above its declaration.
    """

    path: str
    op: str
    inputs: tuple[Node, ...]
    attrs: Mapping[str, Any]
    type: TensorType
    span: Span | None = None
    scope: str = ""
    is_named: bool = False
    doc: str | None = None

    @property
    def is_leaf(self) -> bool:
        """Whether it is an input, a parameter, a state or a constant."""
        return self.op in LEAVES

    @property
    def is_const(self) -> bool:
        """Whether it is a constant."""
        return self.op == CONST

    @property
    def shape(self) -> tuple[Any, ...]:
        """Its shape; free sizes are symbolic."""
        return self.type.shape

    def __repr__(self) -> str:
        operands = ", ".join(n.path for n in self.inputs)
        return f"<{self.path} = {self.op}({operands}): {self.type}>"


class Scope(Record, frozen=False):
    """A box around nodes: a call of a network or gate, a loop, an iteration of it.

    Attributes
    ----------
    path : str
        Its stable name, `scores.dense_2`; loops are `for`, `for_2`, their iterations `for[1]`.
    kind : str
        `network`, `gate`, `layer` (a named instance that owns parameters), `loop` or `iteration`.
    name : str
        The definition's name.
    title : str
        What a picture writes on it: `dense(128)`.
    parent : str
        Path of the box around it, "" for the main graph.
    span : Span or None
        The call.
    inputs, outputs : list of Node
        The wires that the call was given, and its results.
    """

    path: str
    kind: str
    name: str
    title: str
    parent: str
    span: Span | None = None
    inputs: list[Node] = field(default_factory=list)
    outputs: list[Node] = field(default_factory=list)


class GateRule(Record, frozen=False):
    """A gate's hand-written backward pass, to be put in place of its body's derivative.

    `template` is a graph of its own. Its inputs are `placeholders`: pairs of a stand-in and what it stands
    for, either a node of the main graph or the gradient of an output (`("grad", node)`). `gradients` maps
    each differentiated operand to the template's node for its gradient. `operand_names` and `output_names`
    are what the gate's definition calls them.
    """

    scope: str
    name: str
    span: Span | None
    operands: tuple[Node, ...]
    operand_names: tuple[str, ...]
    outputs: tuple[Node, ...]
    output_names: tuple[str, ...]
    template: list[Node]
    stand_ins: dict[Node, Node]
    grad_stand_ins: dict[Node, Node]
    gradients: dict[int, Node]
