"""The wires of a picture: where each goes, and the value, gradient or shape written on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphlang.draw import text
from graphlang.draw.elements import Use, Wire
from graphlang.draw.outline import Outline, is_derivative
from graphlang.draw.view import View
from graphlang.graph.model import Model
from graphlang.graph.node import PARAM, STATE, Node


class Numbers:
    """The values and gradients of a picture, all in one style."""

    def __init__(
        self,
        values: Mapping[str, Any],
        gradients: Mapping[str, Any],
        parts: Mapping[tuple[str, int], Any],
        show: frozenset[str],
        view: View,
    ):
        self.values = values if "values" in show else {}
        self.gradients = gradients if "grads" in show else {}
        self.parts = parts if "grads" in show else {}
        self.digits = view.digits
        self.style = text.NumberStyle(None)

    def choose_style(self, nodes: list[Node], part_of: list[Any]) -> None:
        """Look at all that will be shown."""
        shown: list[float] = []
        for node in nodes:
            for source in (self.values, self.gradients):
                if node.path in source:
                    shown += text.shown_numbers(source[node.path])
        for part in part_of:
            shown += text.shown_numbers(part)
        self.style = text.number_style(shown, self.digits)


def make_wires(model: Model, outline: Outline, numbers: Numbers, show: frozenset[str]) -> list[Wire]:
    """One wire for each node that something uses, in the order of the nodes."""
    uses = _uses(model, outline)
    carrying = [n for n in outline.nodes if uses.get(n)]
    tellers = _tellers(model, outline)
    telling = {n: tellers.get(n, n) for n in carrying}
    forks = {n: uses[n] for n in carrying if len(uses[n]) > 1 and n not in tellers}
    parts = _parts(forks, numbers, outline)
    numbers.choose_style([n for n in telling.values() if n is not None], list(parts.values()))
    all_scalar = all(n.shape == () for n in carrying)
    return [
        _wire(node, telling[node], outline,
              tuple(_with_part(use, parts.get((node, use)), numbers) for use in uses[node]),
              numbers, show, all_scalar)
        for node in carrying
    ]  # fmt: skip


def _parts(forks: dict[Node, list[Use]], numbers: Numbers, outline: Outline) -> dict[tuple[Node, Use], Any]:
    """The part of a wire's gradient that each branch brings; a closed box brings the sum of its uses."""
    into_boxes: dict[tuple[Node, str], Any] = {}
    for user in outline.nodes if numbers.parts else ():
        target = outline.item_of[user]
        for position, operand in enumerate(user.inputs) if target in outline.closed else ():
            part = numbers.parts.get((user.path, position))
            if part is not None:
                before = into_boxes.get((operand, target))
                into_boxes[operand, target] = part if before is None else before + part
    found = {}
    for node, uses in forks.items():
        for use in uses:
            is_box = use.target in outline.closed
            key = (use.target, use.position)
            gate = outline.node_of.get(use.target)
            if gate is not None and outline.folds.is_inside(gate):
                continue  # the sum of what every iteration brings
            part = into_boxes.get((node, use.target)) if is_box else numbers.parts.get(key)
            if part is not None:
                found[node, use] = part
    return found


def _with_part(use: Use, part: Any, numbers: Numbers) -> Use:
    if part is None:
        return use
    lines = text.value_lines(part, numbers.style)
    return Use(use.target, use.position, "" if text.is_grid(lines) else text.signed(lines[0]))


def _wire(
    node: Node,
    teller: Node | None,
    outline: Outline,
    uses: tuple[Use, ...],
    numbers: Numbers,
    show: frozenset[str],
    all_scalar: bool,
) -> Wire:
    value = gradient = None
    if teller is not None:
        value, gradient = numbers.values.get(teller.path), numbers.gradients.get(teller.path)
    if not node.type.is_float:
        gradient = None
    told = teller or node
    said = [text.shape_label(node.type)] if node.shape else []
    if value is not None:
        said.append(f"value {text.exact_text(value)}")
    if gradient is not None:
        said.append(f"gradient {text.exact_text(gradient)}")
    is_param = node.op in (PARAM, STATE)
    return Wire(
        id=f"{node.path}>",
        source=outline.item_of[node],
        uses=uses,
        name=text.short_name(told.path) if "names" in show and told.is_named and not told.is_leaf else "",
        value=() if value is None else text.value_lines(value, numbers.style),
        gradient=() if gradient is None else text.value_lines(gradient, numbers.style),
        shape=text.shape_label(node.type) if "shapes" in show and not is_param and not all_scalar else "",
        tooltip=f"{told.path}: {', '.join(said)}" if said else told.path,
        has_strange_value=value is not None and text.is_strange(value),
        has_strange_gradient=gradient is not None and text.is_strange(gradient),
        node=told.path if teller is not None else "",
    )


def _uses(model: Model, outline: Outline) -> dict[Node, list[Use]]:
    """Where each node's wire goes: once per operand of a gate, once per closed box.

    A node of a folded loop that is not drawn itself sends its wire from the node that stands for it.
    """
    folds = outline.folds
    uses: dict[Node, list[Use]] = {}
    for user in outline.nodes:
        target = outline.item_of[user]
        if is_derivative(user) and not outline.is_backward_drawn:
            continue
        for position, operand in enumerate(user.inputs):
            source = outline.item_of.get(operand)
            if source is None or source == target or folds.is_carried(operand, user):
                continue
            if source in outline.closed and _shares(outline, target, operand):
                continue
            found = uses.setdefault(folds.shown(operand), [])
            is_known = any(u.target == target and u.position == position for u in found)
            if not is_known and (target not in outline.closed or all(u.target != target for u in found)):
                found.append(Use(target, position))
    for node, name in _ends(model, outline, uses):
        uses.setdefault(folds.shown(node), []).append(Use(f">{name}", 0))
    return uses


def _ends(model: Model, outline: Outline, uses: Mapping[Node, list[Use]]) -> list[tuple[Node, str]]:
    """The wires that end in a name: outputs, named values that nothing uses, and asked-for gradients."""
    folds = outline.folds
    unused = [n for n in outline.nodes if n.is_named and not n.is_leaf and folds.shown(n) not in uses]
    # Of a value that every iteration has and nothing uses, the one name stands for all.
    unused = [n for n in unused if n not in folds.first]
    results = [n for n in unused if outline.item_of[n] not in outline.closed or _is_result(model, n)]
    named = {*model.outputs, *results}
    if model.of is not None and folds.shown(model.of) not in uses:
        named.add(model.of)
    ends = [(node, node.path) for node in outline.nodes if node in named]
    if outline.is_backward_drawn and model.of is not None:
        for path, node in model.gradients.items():
            if node in outline.item_of and model.by_path[path].is_named:
                ends.append((node, f"∂{model.of.path}/∂{path}"))
    return ends


def _tellers(model: Model, outline: Outline) -> dict[Node, Node | None]:
    """For each wire that starts in a folded loop the node whose numbers it shows.

    What leaves the loop is the last iteration's; what stays inside has other numbers in each iteration and
    shows none.
    """
    folds = outline.folds
    tellers: dict[Node, Node | None] = {n: None for n in outline.nodes if folds.is_inside(n)}
    if not tellers:
        return {}
    for user in outline.nodes:
        for operand in user.inputs:
            if operand in tellers and folds.leaves(operand, user):
                tellers[folds.shown(operand)] = operand
    for node in (*model.outputs, *([model.of] if model.of is not None else [])):
        if node in tellers:
            tellers[folds.shown(node)] = node
    return tellers


def _shares(outline: Outline, target: str, param: Node) -> bool:
    """Whether a closed box uses a parameter because both are calls of one layer, not as an argument."""
    scope = outline.closed.get(target)
    return (
        param.op in (PARAM, STATE)
        and scope is not None
        and scope.kind == "network"
        and param not in scope.inputs
    )


def _is_result(model: Model, node: Node) -> bool:
    scope = model.scopes.get(node.scope)
    return scope is not None and node in scope.outputs
