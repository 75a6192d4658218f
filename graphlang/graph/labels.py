"""Labels: integers fed to the model that pick one of several classes, which are counted from 0."""

from __future__ import annotations

from graphlang.graph.model import Model
from graphlang.graph.node import INPUT, Node

# What only arranges indices anew, or hands them on; a slice may leave out what is no class.
_VIEWS = frozenset(("identity", "reshape", "flatten", "squeeze", "expand", "transpose", "permute"))


def classes_picked(model: Model) -> dict[str, int]:
    """How many classes there are to pick from, for every input of integers that `gather` picks by.

    NumPy would take -1 for the last of them, and a gradient written with `one_hot` for none.
    """
    found: dict[str, int] = {}
    for node in model.nodes:
        if node.op != "gather":
            continue
        x, indices = node.inputs
        size, fed = x.shape[node.attrs.get("axis", -1)], _source(indices)
        if fed.op == INPUT and isinstance(size, int):
            found[fed.path] = min(size, found.get(fed.path, size))
    return found


def _source(indices: Node) -> Node:
    while indices.op in _VIEWS:
        indices = indices.inputs[0]
    return indices
