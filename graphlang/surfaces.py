"""What of a model can be shown over its one or two inputs: which node, what its values are, and the data.

The answers themselves are computed by `run/surface.py`; still pictures of them are drawn by `plot/`, moving
ones by the page that `server/` serves.
"""

from __future__ import annotations

import numpy as np

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.pipeline import data_of
from graphlang.plot.surface import Kind
from graphlang.run.rows import open_rows

# What a loss says about its first operand; its second holds the labels.
_CLASSES = ("cross_entropy", "hinge")
_NUMBERS = ("mse", "mae", "huber")
_BINARY = "binary_cross_entropy"
# Operations that only arrange what they are given.
_ARRANGING = ("index", "squeeze", "reshape", "flatten", "identity", "expand")
# More points than a picture can show are of no use.
_MOST_ROWS = 5000


def shown_node(model: Model, name: str | None = None) -> dict[str, Node]:
    """The node to show: the one that is named, else what the loss compares with labels, else the output.

    Raises
    ------
    GraphlangError
        E0909 if there is no such node, or it is not clear which.
    """
    if name is not None:
        found = model.find(name)
        nodes = {} if found is None else {name: found}
    else:
        of = model.training.minimize if model.training else None
        outputs = [n for n in model.outputs if n is not of and n.shape]
        compared = [s.inputs[0] for s in model.scopes.values() if s.name in (*_CLASSES, *_NUMBERS, _BINARY)]
        nodes = {n.path: n for n in (outputs or compared)[:1]}
    if not nodes:
        problems = Problems()
        text = f"There is no node called `{name}`." if name else "It is not clear which node to show."
        problems.error("E0909", None, text, suggestion="Name one: `--node scores`.")
        raise GraphlangError(problems)
    return nodes


def kind_of(model: Model, name: str) -> tuple[Kind, str | None]:
    """What a node's values are, and the input that holds the labels."""
    node = model.find(name)
    for scope in model.scopes.values():
        if scope.name in (*_CLASSES, *_NUMBERS, _BINARY) and len(scope.inputs) > 1:
            if node not in _arranged(scope.inputs[0]):
                continue
            label = _arranged(scope.inputs[1])[-1]
            kind = {_BINARY: Kind.LOGIT}.get(scope.name, Kind.CLASS_LOGITS)
            return Kind.NUMBER if scope.name in _NUMBERS else kind, label.path
    called = node.op if node is not None else ""
    return {"sigmoid": Kind.PROBABILITY, "softmax": Kind.CLASS_PROBABILITIES}.get(called, Kind.NUMBER), None


def fitting_kind(kind: Kind, values: np.ndarray, shape: tuple[int, ...]) -> Kind:
    """The kind for values that turn out to be several for each place of a grid of this shape."""
    if values.ndim > len(shape):
        return kind if kind in (Kind.CLASS_LOGITS, Kind.CLASS_PROBABILITIES) else Kind.CLASS_LOGITS
    return Kind.LOGIT if kind is Kind.CLASS_LOGITS else kind


def _arranged(node: Node) -> list[Node]:
    """A node and those before it that it only arranges."""
    found = [node]
    while found[-1].op in _ARRANGING:
        found.append(found[-1].inputs[0])
    return found


def shown_rows(count: int) -> np.ndarray:
    """Numbers of the rows whose points are shown: all, or evenly chosen ones."""
    return np.arange(0, count, max(1, count // _MOST_ROWS))


def data_by_input(model: Model) -> dict[str, np.ndarray]:
    """The shown rows of the file's data by input, labels among them; inputs without data have defaults.

    Raises
    ------
    GraphlangError
        When the data cannot be read.
    """
    spec, problems = data_of(model), Problems()
    found = {p: n.attrs["default"] for p, n in model.inputs.items() if "default" in n.attrs}
    found = {p: np.asarray(a) for p, a in found.items() if a is not None and np.ndim(a)}
    rows = open_rows(spec, problems) if spec is not None else None
    if problems.has_errors:
        raise GraphlangError(problems)
    return found if rows is None else {**found, **rows.take(shown_rows(rows.count))}
