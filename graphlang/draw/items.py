"""The items and boxes of a picture, with their captions: symbols, names, shapes, numbers of parameters."""

from __future__ import annotations

from dataclasses import replace

from graphlang.draw import text
from graphlang.draw.elements import Box, Item, Wire
from graphlang.draw.outline import Outline, is_derivative, number_text
from graphlang.draw.scopes import BACKWARD_PREFIX
from graphlang.graph.model import Model
from graphlang.graph.node import CONST, INPUT, PARAM, STATE, Node, Scope
from graphlang.ops import registry

# Gates of the standard library that are painted as losses.
_LOSSES = frozenset({"cross_entropy", "binary_cross_entropy", "mse", "mae", "huber", "hinge"})
_LONGEST_NAME = 40
# In pictures with many items an input that is used more often than this is drawn again at each use.
_OFTEN = 4
_SOURCE_KINDS = {INPUT: "input", PARAM: "param", STATE: "state", CONST: "const"}


def make_items(model: Model, outline: Outline, wires: tuple[Wire, ...], show: frozenset[str]) -> list[Item]:
    """Sources that feed something, then gates and closed boxes, then the names at the ends of wires."""
    feeding = {w.source for w in wires}
    items: dict[str, Item] = {}
    for node in outline.nodes:
        item = outline.item_of[node]
        if item in items or (node.is_leaf and item not in outline.closed and item not in feeding):
            continue
        scope = outline.closed.get(item)
        items[item] = (
            _closed_item(outline, scope) if scope is not None else _item(node, outline, "shapes" in show)
        )
    for wire in wires:
        for use in wire.uses:
            if use.target.startswith(">") and use.target not in items and use.target not in outline.box_of:
                label = _shortened(use.target[1:])
                items[use.target] = Item(use.target, "output", label, tooltip=wire.tooltip)
    return list(items.values())


def _item(node: Node, outline: Outline, with_shape: bool) -> Item:
    item = outline.item_of[node]
    box = outline.box_of[item]
    if is_derivative(node) and not outline.is_backward_drawn:
        return Item(item, "derivative", _derivative_label(node), "", box, node.path)
    kind = _SOURCE_KINDS.get(node.op)
    if kind is None:
        return Item(item, "gate", _symbol(node), "", box, node.doc or node.path)
    if kind == "const" and not node.is_named:
        label = text.one_line(node.attrs["value"], text.NumberStyle(None, 6))
        return Item(item, kind, label, "", box, node.path)
    label = text.short_name(node.path) if box else node.path
    is_boxed = kind in ("param", "state")
    detail = text.shape_label(node.type) if is_boxed and (node.shape or (with_shape and box)) else ""
    return Item(item, kind, _shortened(label), detail, box, node.doc or node.path)


def _derivative_label(node: Node) -> str:
    if node.is_named:
        return node.path
    # Its path tells only what was differentiated: one node may be the derivative by several others.
    return f"∂{node.path.removeprefix(BACKWARD_PREFIX).partition(',')[0]}"


def _symbol(node: Node) -> str:
    """What stands in a gate's circle, with the plain numbers among its operands."""
    op = registry.lookup(node.op)
    label = op.label_text(node.attrs) if op is not None else node.op
    return text.folded_symbol(label, node.op, [number_text(n) for n in node.inputs])


def _closed_item(outline: Outline, scope: Scope) -> Item:
    box = outline.box_of[scope.path]
    if scope.kind not in ("network", "loop", "iteration"):
        op = registry.lookup(scope.name)
        symbol = op.label if op is not None and isinstance(op.label, str) else scope.name
        kind = "loss" if scope.name in _LOSSES else "gate"
        return Item(scope.path, kind, _shortened(symbol), "", box, scope.path)
    contents = outline.contents[scope.path]
    layers, count = contents.layers, contents.parameter_count
    words = [text.count_label(layers, "layer")] if layers else []
    if count:
        words.append(f"{count:,}" if box else text.count_label(count, "parameter"))
        words += [] if contents.has_own or scope.kind != "network" else ["shared"]
    return Item(
        scope.path,
        "network",
        _times(scope.path, outline) + _shortened(scope.title),
        " · ".join(words),
        box,
        scope.path,
        layers > 0,
    )


def _times(path: str, outline: Outline) -> str:
    """What stands before the title of a folded loop."""
    count = outline.folds.counts.get(path)
    return f"×{count}  " if count else ""


def make_boxes(model: Model, outline: Outline) -> list[Box]:
    """The open boxes that have something in them, outer ones first."""
    used: set[str] = set()
    for box in outline.box_of.values():
        while box and box not in used:
            used.add(box)
            box = outline.boxes[box]
    result = []
    for path, parent in outline.boxes.items():
        if path in used:
            scope = model.scopes[path]
            count = outline.contents[path].parameter_count
            detail = f"{count:,}" if parent else text.count_label(count, "parameter")
            title = _times(path, outline) + _shortened(scope.title)
            result.append(Box(path, scope.kind, title, detail if count else "", parent))
    return result


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST_NAME else label[: _LONGEST_NAME - 1] + "…"


def with_repeated_sources(items: list[Item], wires: tuple[Wire, ...]) -> tuple[list[Item], tuple[Wire, ...]]:
    """Long wires from one input across a large picture are hard to follow: write its name at each use."""
    by_id = {item.id: item for item in items}
    loose = {item.id for item in items if item.is_source and not item.box}
    many = {wire.source for wire in wires if len(wire.uses) > _OFTEN and wire.source in loose}
    copies: list[Item] = []
    result: list[Wire] = []
    for wire in wires:
        if wire.source not in many:
            result.append(wire)
            continue
        for count, use in enumerate(wire.uses, start=1):
            item = replace(by_id[wire.source], id=f"{wire.source} {count}", box=by_id[use.target].box)
            copies.append(item)
            result.append(replace(wire, id=f"{item.id}>", source=item.id, uses=(replace(use, part=""),)))
    return [*copies, *(item for item in items if item.id not in many)], tuple(result)
