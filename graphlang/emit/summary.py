"""What a model costs: shapes, parameters, floating-point operations and memory, layer by layer.

Counts stay symbolic in the free sizes (`128*N`). Operations are counted as each op declares them (one per
entry of the result unless it says otherwise; a product of [n, k] and [k, m] counts 2 n k m).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from graphlang.graph.model import Model
from graphlang.graph.node import PARAM, STATE, Node, Scope
from graphlang.ops import registry
from graphlang.types.dims import Dim
from graphlang.types.tensor import TensorType

Count = "int | Dim"


@dataclass(slots=True)
class Row:
    """One layer, or one node of the main graph."""

    path: str
    what: str
    output: TensorType | None
    params: int | Dim = 0
    flops: int | Dim = 0
    indent: int = 0


@dataclass(slots=True)
class Summary:
    """The rows of the table and the totals.

    Attributes
    ----------
    trainable, state : int
        Entries of parameters and of states.
    flops : int or Dim
        Of one forward pass.
    activations : int or Dim
        Entries of all values that a forward pass computes.
    """

    rows: list[Row] = field(default_factory=list)
    trainable: int | Dim = 0
    state: int | Dim = 0
    flops: int | Dim = 0
    activations: int | Dim = 0


def flops_of(node: Node) -> int | Dim:
    """Floating-point operations of one node."""
    if node.is_leaf:
        return 0
    op = registry.lookup(node.op)
    if op is None:
        return 0
    if op.flops is not None:
        return op.flops(*(n.type for n in node.inputs), out=node.type, **node.attrs)  # type: ignore[no-any-return]
    return node.type.size


def summarize(model: Model, depth: int | None = 1) -> Summary:
    """The summary of a model as elaborated.

    Parameters
    ----------
    model : Model
    depth : int or None
        How many levels of networks are opened; None for all.
    """
    result = Summary()
    rows: dict[str, Row] = {}
    # Operations of unnamed nodes, by the name whose formula they stand in.
    carried: dict[str, int | Dim] = {}
    for node in model.nodes:
        if model.is_check(node):
            continue
        _count(result, node)
        boxes = boxes_around(model, node)
        shown = boxes if depth is None else boxes[:depth]
        for level, scope in enumerate(shown):
            row = rows.get(scope.path)
            if row is None:
                row = rows[scope.path] = _scope_row(scope, level)
                result.rows.append(row)
            row.params = row.params + (node.type.size if node.op == PARAM else 0)
            row.flops = row.flops + flops_of(node)
        if len(shown) < len(boxes) or _is_result(node, boxes):
            continue
        if node.is_named or node.op == PARAM:
            row = _node_row(node, len(boxes))
            row.flops = row.flops + carried.pop(node.path, 0)
            result.rows.append(row)
        else:
            owner = node.path.rpartition(".")[0]
            carried[owner] = carried.get(owner, 0) + flops_of(node)
    return result


def _count(result: Summary, node: Node) -> None:
    if node.op == PARAM:
        result.trainable = result.trainable + node.type.size
    elif node.op == STATE:
        result.state = result.state + node.type.size
    elif not node.is_leaf:
        result.flops = result.flops + flops_of(node)
        result.activations = result.activations + node.type.size


def boxes_around(model: Model, node: Node) -> list[Scope]:
    """The networks and gates around a node, outermost first; nothing inside a gate is shown."""
    boxes: list[Scope] = []
    scope = model.scopes.get(node.scope)
    while scope is not None:
        if scope.kind in ("network", "gate"):
            boxes.append(scope)
        scope = model.scopes.get(scope.parent)
    boxes.reverse()
    for i, box in enumerate(boxes):
        if box.kind == "gate":
            return boxes[: i + 1]
    return boxes


def _is_result(node: Node, boxes: list[Scope]) -> bool:
    return bool(boxes) and (node in boxes[-1].outputs or boxes[-1].kind == "gate")


def _scope_row(scope: Scope, level: int) -> Row:
    output = scope.outputs[0].type if scope.outputs else None
    return Row(scope.path, scope.title, output, indent=level)


def _node_row(node: Node, level: int) -> Row:
    params = node.type.size if node.op == PARAM else 0
    return Row(node.path, node.op, node.type, params, flops_of(node), level)


def as_dict(model: Model, summary: Summary) -> dict[str, Any]:
    """The summary as plain data; symbolic counts are strings."""
    return {
        "model": model.name,
        "layers": [
            {
                "path": r.path,
                "what": r.what,
                "output": str(r.output) if r.output else None,
                "parameters": plain(r.params),
                "flops": plain(r.flops),
            }
            for r in summary.rows
        ],
        "parameters": plain(summary.trainable),
        "state": plain(summary.state),
        "flops": plain(summary.flops),
        "activations": plain(summary.activations),
    }


def plain(count: int | Dim) -> int | str:
    """A count as a number, or as text if it depends on free sizes."""
    return count if isinstance(count, int) else str(count)
