"""What the gradient rule of an operation says, as steps that can be put down for many operations at once.

A *form* is an operation with what is known of its operands: which are constants, and for a few operations
their values, since `x^2` has a simpler derivative than `x^y`. The rule is asked once for a form, by giving it
nodes that stand for any others.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from graphlang.differentiate.backward import local_gradients
from graphlang.graph.dag import ancestors
from graphlang.graph.node import CONST, INPUT, Node
from graphlang.graph.numbers import Kind, is_spelled, kind_of
from graphlang.graph.op import Op, WireParameter
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.ops.rules import broadcasting
from graphlang.records import Record, field
from graphlang.types.tensor import DType

# Where an operand comes from: ("constant", its value), ("operand", position), ("step", number) or, with 0
# for a number, the "result" of the operation or its "gradient".
Source = tuple[str, float]


class Step(Record):
    """One operation of a template.

    Attributes
    ----------
    kind : Kind
    operands : tuple of Source
    is_late : bool
        Whether it depends on the gradient.
    depth : int
        How many steps of that sort it is away from what it depends on.
    """

    kind: Kind
    operands: tuple[Source, ...]
    is_late: bool = False
    depth: int = 0


class Template(Record):
    """Steps in order, and for positions of operands where the parts of their gradients come from."""

    steps: tuple[Step, ...]
    parts: tuple[tuple[int, Source], ...]

    @property
    def early(self) -> int:
        """How many steps in a row do not depend on the gradient."""
        return max((s.depth for s in self.steps if not s.is_late), default=0)


class Form(Record, frozen=False, eq=False):
    """Operations that differ only in where their operands lie.

    Attributes
    ----------
    step : Step
        The operation itself.
    dtype : DType
        Of the result.
    template : Template
        Its derivative.
    depths : tuple of (int, int)
        Positions that a gradient reaches, and how many steps behind that of the result.
    members : list of int
        The places of the results.
    columns : int array, shape (operands, members)
        The places of the operands.
    """

    step: Step
    dtype: DType
    template: Template
    depths: tuple[tuple[int, int], ...]
    members: list[int] = field(default_factory=list)
    columns: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int64))


def form_of(node: Node) -> Form | None:
    """The form of an operation, None if it or its derivative is not an operation on numbers."""
    op = registry.lookup(node.op)
    if op is None or not is_spelled(node, op):
        return None
    builder = Builder()
    operands = tuple(_stand_in(n, f"x{i}") for i, n in enumerate(node.inputs))
    result = Node("y", node.op, operands, node.attrs, node.type)
    gradient = Node("g", INPUT, (), {}, node.type)
    parts = [(position, part) for _, position, part in local_gradients(builder, result, gradient)]
    sources: dict[Node, Source] = {n: ("operand", i) for i, n in enumerate(operands)}
    own = _step(result, op, sources)
    sources |= {result: ("result", 0), gradient: ("gradient", 0)}
    template = _template(builder.nodes, parts, sources)
    if template is None:
        return None
    depths = tuple(
        (
            position,
            template.steps[int(which)].depth if sort == "step" and template.steps[int(which)].is_late else 0,
        )
        for position, (sort, which) in template.parts
    )
    return Form(own, node.type.dtype, template, depths)


def _stand_in(node: Node, path: str) -> Node:
    """A node for any other of its sort. A constant's value is there for the rules that look at it."""
    if node.is_const:
        return Node(path, CONST, (), node.attrs, node.type)
    return Node(path, INPUT, (), {}, node.type)


def _template(
    nodes: list[Node], parts: list[tuple[int, Node]], sources: dict[Node, Source]
) -> Template | None:
    """The steps that the parts need of `nodes`; None if some are not on numbers."""
    needed = ancestors([part for _, part in parts])
    steps: list[Step] = []
    for node in nodes:
        if node not in needed:
            continue
        if node.is_const:
            sources[node] = ("constant", float(node.attrs["value"]))
            continue
        op = registry.find(node.op)
        if not is_spelled(node, op):
            return None
        step = _step(node, op, sources)
        before = [steps[int(which)] for sort, which in step.operands if sort == "step"]
        is_late = ("gradient", 0) in step.operands or any(s.is_late for s in before)
        depth = 1 + max((s.depth for s in before if s.is_late is is_late), default=0)
        sources[node] = ("step", len(steps))
        steps.append(Step(step.kind, step.operands, is_late, depth))
    return Template(tuple(steps), tuple((position, sources[part]) for position, part in parts))


def _step(node: Node, op: Op, sources: dict[Node, Source]) -> Step:
    inputs = node.inputs
    simpler = _SIMPLER_POWERS.get(_value(inputs[1])) if op.name == "pow" else None
    if simpler is not None:
        op, inputs = registry.find(simpler), inputs[:1]
    kind, numbers = kind_of(op, node.attrs)
    return Step(kind, (*[sources[n] for n in inputs], *[("constant", v) for v in numbers]))


# Operations whose spellings are those of powers with such exponents (`ops/arithmetic.py`).
_SIMPLER_POWERS = {2.0: "square", 1.0: "identity", 0.5: "sqrt", -1.0: "reciprocal"}


def _value(node: Node) -> Any:
    return float(node.attrs["value"]) if node.is_const else None


@cache
def total(terms: int) -> Op:
    """The operation that adds up so many numbers, from the first to the last."""
    if terms == 2:
        return registry.find("add")
    names = [f"x{i}" for i in range(terms)]
    return Op(
        f"total_{terms}",
        sum,
        broadcasting,
        wires=tuple(WireParameter(name, "Float") for name in names),
        attrs=(),
        doc="Several numbers added up.",
        label="Σ",
        scalar=" + ".join(f"{{{name}}}" for name in names),
    )
