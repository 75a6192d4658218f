"""Which nodes are drawn, which boxes are open, and which item stands for each node.

A node inside a closed box is drawn as that box, the outermost one. Plain numbers of a formula are no items:
they stand in the gate that uses them (`+1`, `1/x`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphlang.draw import text
from graphlang.draw.loops import Folds, fold
from graphlang.draw.scopes import Chains, Contents, contents_of, is_backward
from graphlang.draw.view import MANY_ITEMS, View
from graphlang.graph.dag import ancestors
from graphlang.graph.model import Model
from graphlang.graph.node import Node, Scope


@dataclass(slots=True)
class Outline:
    """Which item stands for each drawn node, and the box each item lies in."""

    nodes: list[Node] = field(default_factory=list)
    item_of: dict[Node, str] = field(default_factory=dict)
    closed: dict[str, Scope] = field(default_factory=dict)  # item id -> the closed box it is
    box_of: dict[str, str] = field(default_factory=dict)  # item id -> the innermost open box
    boxes: dict[str, str] = field(default_factory=dict)  # open box -> the open box around it
    gate_count: int = 0
    is_backward_drawn: bool = False
    contents: dict[str, Contents] = field(default_factory=dict)
    folds: Folds = field(default_factory=Folds)
    node_of: dict[str, Node] = field(default_factory=dict)  # item id -> the gate or source that it is

    @property
    def item_count(self) -> int:
        """How many items stand for the nodes."""
        return len(self.box_of)


def make_outline(model: Model, view: View) -> Outline:
    """What is drawn, with as many levels of boxes open as the view says or as fit."""
    drawn = _drawn_nodes(model, view)
    chains = Chains(model)
    levels = [chains.level(path) + 1 for path, scope in model.scopes.items() if scope.kind == "network"]
    folds = fold(model, chains, view.open, unfold=view.unfold)
    depths = (
        [view.depth or 0]
        if view.depth is not None or view.exactly is not None
        else range(max(levels, default=0), -1, -1)
    )
    outline = Outline()
    for depth in depths:
        outline = _at_depth(drawn, view, chains, folds, depth)
        if outline.gate_count <= MANY_ITEMS:
            break
    outline.contents = contents_of(model, chains, folds.is_apart)
    return outline


def _drawn_nodes(model: Model, view: View) -> list[Node]:
    """What the outputs and the named nodes are computed from, without checks, in topological order.

    Unless the backward pass is asked for, a derivative that the forward graph uses is drawn as a source.
    """
    roots = [*model.outputs, *([model.of] if model.of is not None else [])]
    roots += [n for n in model.nodes if n.is_named and not n.is_leaf and not model.is_check(n)]
    if view.backward:
        roots += [model.gradients[p] for p, n in model.gradients.items() if model.by_path[p].is_named]
        needed = ancestors(roots)
        return [n for n in model.nodes if n in needed]
    found: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            if not is_derivative(node):
                stack.extend(node.inputs)
    return [n for n in model.nodes if n in found]


def _at_depth(drawn: list[Node], view: View, chains: Chains, folds: Folds, depth: int) -> Outline:
    is_closed = _closing(view, chains, depth, folds)
    outline = Outline(is_backward_drawn=view.backward, folds=folds)
    placed: dict[str, tuple[Scope | None, str]] = {}
    for node in drawn:
        if number_text(node) is not None:
            continue
        # The backward pass is drawn flat: inside a closed box it would flow out of and back into it.
        shown = folds.shown(node)
        scope = "" if is_backward(node) else shown.scope
        if scope not in placed:
            placed[scope] = _place(scope, chains, is_closed, outline)
        closed, box = placed[scope]
        item = closed.path if closed is not None else shown.path
        outline.nodes.append(node)
        outline.item_of[node] = item
        outline.box_of[item] = box
        if closed is not None:
            outline.closed[item] = closed
        elif shown is node:
            outline.node_of[item] = node
    outline.gate_count = len({i for n, i in outline.item_of.items() if i in outline.closed or not n.is_leaf})
    return outline


def _closing(view: View, chains: Chains, depth: int, folds: Folds) -> Mapping[str, bool]:
    """Whether each scope is drawn as one item."""
    if view.exactly is not None:
        return {
            path: (scope.kind in ("network", "gate") or path in folds.counts) and path not in view.exactly
            for path, scope in chains.scopes.items()
        }
    opened = {
        around.path
        for path, scope in chains.scopes.items()
        if path in view.open or scope.name in view.open
        for around in chains[path]
    }
    result = {}
    for path, scope in chains.scopes.items():
        if path in view.close or (scope.name in view.close and scope.kind != "iteration"):
            result[path] = True
        elif path in opened:
            result[path] = False
        else:
            result[path] = scope.kind == "gate" or (scope.kind == "network" and chains.level(path) >= depth)
    return result


def _place(
    path: str, chains: Chains, is_closed: Mapping[str, bool], outline: Outline
) -> tuple[Scope | None, str]:
    """The outermost closed scope around a node, if any, and the innermost open box around that."""
    box = ""
    for scope in chains[path]:
        if is_closed[scope.path]:
            return scope, box
        if scope.kind in ("network", "gate") or scope.path in outline.folds.iterations:
            # The box of a folded loop is where its one iteration is drawn.
            path = scope.parent if scope.kind == "iteration" else scope.path
            outline.boxes.setdefault(path, box)
            box = path
    return None, box


def is_derivative(node: Node) -> bool:
    """Whether a node is where the backward pass enters the forward graph: `g = grad(f, x)`, or unnamed."""
    return is_backward(node) or (node.op == "identity" and node.is_named and is_backward(node.inputs[0]))


def number_text(node: Node) -> str | None:
    """The text of a plain number written in a formula, which is no node of the picture; else None."""
    if node.op == "size_value":
        return str(node.attrs["value"])
    if node.op in ("to_float", "to_int") and not node.is_named:
        return number_text(node.inputs[0])
    if node.is_const and node.span is None and not node.is_named and node.shape == ():
        return text.constant_text(node.attrs["value"])
    return None
