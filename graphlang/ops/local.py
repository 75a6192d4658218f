"""One gate by itself: what it sends back to one operand, and whether its local derivative is a number.

The chain rule multiplies (gradient of the result) by (local derivative). Operations declare the product;
given 1 for what arrives, their rule is the local derivative, as long as operand and result have one number
each or correspond entry by entry. Elsewhere it is a Jacobian, which nobody writes out.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphlang.graph.node import Node
from graphlang.ops import registry
from graphlang.ops.rules import broadcasting, elementwise
from graphlang.ops.wire import Wire


def has_local_derivative(node: Node, position: int) -> bool:
    """Whether d(node)/d(operand) has as many numbers as the operand itself."""
    op, operand = registry.lookup(node.op), node.inputs[position]
    if op is None or op.vjp is None or not node.type.is_float or not operand.type.is_float:
        return False
    if node.shape == () and operand.shape == ():
        return True
    return node.shape == operand.shape and op.rule in (elementwise, broadcasting)


def sent_back(node: Node, position: int, g: Wire, y: Wire, operands: Sequence[Wire]) -> Node | None:
    """What the operation of `node` adds to the gradient of one operand, None where nothing flows.

    `g` is the gradient of the result `y`; all wires may be stand-ins in a graph of their own.
    """
    op = registry.lookup(node.op)
    if op is None or op.vjp is None:
        return None
    parts = op.vjp(g, y, *operands, **node.attrs)
    part = parts[position] if isinstance(parts, (tuple, list)) else parts
    made = part if part is None or isinstance(part, Wire) else part()
    return made.node if made is not None else None
