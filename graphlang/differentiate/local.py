"""Local derivatives: d(node)/d(operand) for each use of a wire, as nodes of their own.

They are the factors of the chain rule, which the backward pass never computes by themselves: it sends
(gradient of the use) × (local derivative) at once. `graphlang.ops.local` says where they are numbers.
"""

from __future__ import annotations

from collections.abc import Iterable

from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.ops.local import has_local_derivative, sent_back
from graphlang.ops.wire import Wire
from graphlang.records import replace


def local_derivatives(
    model: Model, uses: Iterable[tuple[Node, int]]
) -> tuple[Model, dict[tuple[str, int], Node]]:
    """A model with the local derivatives of some uses.

    Parameters
    ----------
    model : Model
        With or without its backward pass.
    uses : iterable of (Node, int)
        The node that uses a wire, and the operand's position.

    Returns
    -------
    Model
        With further nodes behind the others.
    dict of (str, int) to Node
        (path of the user, position) -> the node that holds d(user)/d(operand), of the operand's shape.
    """
    builder = Builder(model.sizes)
    builder.nodes = list(model.nodes)
    for node in model.nodes:
        builder.reserve(node.path)
    found: dict[tuple[str, int], Node] = {}
    for node, position in uses:
        part = _derivative(builder, node, position)
        if part is not None:
            found[node.path, position] = part
    return replace(model, nodes=builder.nodes), found


def _derivative(builder: Builder, node: Node, position: int) -> Node | None:
    if not has_local_derivative(node, position):
        return None
    # The prefix keeps it apart from the nodes of the file, as it does the backward pass.
    builder.prefix = f"grad({node.path},{node.inputs[position].path})"
    one = builder.const(1.0)
    if node.shape != ():
        one = builder.apply(registry.find("broadcast"), (one,), {"shape": node.shape})
    operands = [Wire(builder, n) for n in node.inputs]
    return sent_back(node, position, Wire(builder, one), Wire(builder, node), operands)
