"""The part of a model that a script needs, and whether two parts compute the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from graphlang.emit.numpy_sizes import names_in
from graphlang.graph.dag import ancestors
from graphlang.graph.model import Model
from graphlang.graph.node import INPUT, Node
from graphlang.records import replace


def part_for(model: Model, wanted: Iterable[Node], gradients: Iterable[str] = ()) -> Model:
    """What some nodes, and the gradients for some paths, are computed from.

    Parameters
    ----------
    model : Model
        After `differentiate`.
    wanted : iterable of Node
    gradients : iterable of str
        Paths of nodes whose gradients are wanted too.
    """
    needed = ancestors([*wanted, *(model.gradients[path] for path in gradients)])
    sizes = _untold_sizes(needed)
    kept = [n for n in model.nodes if n in needed or (n.op == INPUT and sizes & set(n.type.names))]
    here = set(kept)
    paths = {n.path for n in kept}
    has_backward = bool(list(gradients)) and model.of is not None
    return replace(
        model,
        nodes=kept,
        outputs=[],
        metrics={},
        expectations=[],
        updates=[],
        gradients={p: g for p, g in model.gradients.items() if p in paths and g in here}
        if has_backward
        else {},
        parts={use: part for use, part in model.parts.items() if use[0] in paths and part in here}
        if has_backward
        else {},
        of=model.of if has_backward else None,
        initial_of={path: n for path, n in model.initial_of.items() if path in paths},
    )


def _untold_sizes(needed: Iterable[Node]) -> set[str]:
    """The free sizes that no input among some nodes tells, so that others have to."""
    used: set[str] = set()
    told: set[str] = set()
    for node in needed:
        used.update(node.type.names, *map(names_in, node.attrs.values()))
        if node.op == INPUT:
            told.update(node.type.names)
    return used - told


def compute_alike(a: Sequence[Node], b: Sequence[Node]) -> bool:
    """Whether the nodes of two graphs are computed by the same operations from the same leaves."""
    return len(a) == len(b) and _listed(a) == _listed(b)


def _listed(roots: Sequence[Node]) -> dict[str, Any]:
    found = {n.path: (n.op, [o.path for o in n.inputs], _attrs(n), n.type) for n in ancestors(roots)}
    return {"": [n.path for n in roots], **found}


def _attrs(node: Node) -> list[tuple[str, Any]]:
    """The attributes, arrays as their bytes, so that they can be compared."""
    items = sorted(node.attrs.items(), key=lambda item: item[0])
    return [(k, (v.shape, v.tobytes()) if isinstance(v, np.ndarray) else repr(v)) for k, v in items]
