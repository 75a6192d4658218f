"""Forward and backward one gate at a time, and what a click on each part of a picture tells.

The numbers are those of one evaluation with every use's part of the gradient (`Evaluation.parts`): a backward
step through a gate takes the gradient that has arrived at its output ("upstream") and hands each operand its
part, upstream × local derivative. A wire's gradient is complete when all its branches have brought theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphlang.draw.scene import Item, Scene, Wire
from graphlang.emit.brief import brief
from graphlang.graph.model import Model
from graphlang.graph.node import Node, Scope
from graphlang.graph.show import POSTFIX, Text, calls_of, formula, is_literal, literal, operation, short
from graphlang.server.compiling import Numbers
from graphlang.server.places import Places

# Pictures of more items are not stepped through: nobody would.
_MOST_ITEMS = 400


def said(value: Any) -> str:
    """A value in few words, with the sign that slides use for minus."""
    return brief(value).replace("-", "−")


def items_of(scene: Scene, numbers: Numbers, places: Places) -> dict[str, dict[str, Any]]:
    """What is known of every item, wire and box of a picture, by its id; `box ` stands before a box's."""
    teller = _Teller(numbers, places)
    found: dict[str, dict[str, Any]] = {}
    for box in scene.boxes:
        # A gate may have the name of the box around it.
        found[f"box {box.id}"] = teller.scope(numbers.model.scopes[box.id])
    for item in scene.items:
        found[item.id] = teller.item(item)
    for wire in scene.wires:
        node = teller.node_of_wire(wire)
        if node is not None:
            found[wire.id] = teller.node(node)
    return found


class _Teller:
    """What is known of nodes and boxes."""

    def __init__(self, numbers: Numbers, places: Places):
        self.model, self.evaluation, self.places = numbers.model, numbers.evaluation, places
        self.calls = calls_of(numbers.model)

    def item(self, item: Item) -> dict[str, Any]:
        path = item.id.removeprefix(">") if item.kind == "output" else item.id
        node = self.model.find(path) or self.model.find(path.rpartition(" ")[0])
        if node is not None:
            return self.node(node)
        scope = self.model.scopes.get(item.id)
        return self.scope(scope) if scope is not None else {"title": item.label, "kind": item.kind}

    def node_of_wire(self, wire: Wire) -> Node | None:
        path = wire.id.removesuffix(">")
        return self.model.by_path.get(path) or self.model.by_path.get(path.rpartition(" ")[0])

    def scope(self, scope: Scope) -> dict[str, Any]:
        told = {"kind": scope.kind, "title": scope.path, "formula": scope.title, "box": scope.path}
        outputs = [n for n in scope.outputs if not n.is_leaf]
        if len(outputs) == 1:
            told |= self._numbers(outputs[0])
        return told | self._place(self.places.range_of(scope.span), self.places.line_of(scope.span))

    def node(self, node: Node) -> dict[str, Any]:
        span = self.model.place_of(node)
        kind = node.op if node.is_leaf else "value"
        return {
            "kind": kind,
            "title": node.path,
            "formula": formula(node, calls=self.calls),
            "op": node.op,
            "doc": node.doc,
            "type": str(node.type),
            **self._numbers(node),
            **self._place(self.places.range_of(span), self.places.line_of(span)),
        }

    def _numbers(self, node: Node) -> dict[str, Any]:
        if self.evaluation is None:
            return {}
        found: dict[str, Any] = {"path": node.path}
        for what, values in (("value", self.evaluation.values), ("gradient", self.evaluation.gradients)):
            if node.path in values:
                found[what] = said(values[node.path])
        return found

    @staticmethod
    def _place(place: list[int] | None, line: int | None) -> dict[str, Any]:
        return {"place": place, "line": line}


# --- steps -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Gate:
    """An item that computes, with the nodes that it stands for."""

    item: Item
    nodes: list[Node] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)  # that leave it


@dataclass(frozen=True, slots=True)
class _Part:
    """What one item hands back to one operand."""

    operand: Node
    part: Any
    upstream: Any
    count: int  # so many uses of the operand are in it


def steps_of(scene: Scene, numbers: Numbers) -> list[dict[str, Any]]:
    """The steps forward and then backward; none where there are no numbers, or too many items.

    Each has `phase`, the `item` at work (None for the first of a phase), the `wires` whose value or gradient
    is known from then on, and `lines` of text.
    """
    if numbers.evaluation is None or len(scene.items) > _MOST_ITEMS:
        return []
    stepper = _Stepper(scene, numbers)
    return [*stepper.forward(), *stepper.backward()]


class _Stepper:
    def __init__(self, scene: Scene, numbers: Numbers):
        assert numbers.evaluation is not None
        self.scene, self.model, self.evaluation = scene, numbers.model, numbers.evaluation
        self.gates = _gates(scene, numbers.model)
        self.wire_of = {w.id.removesuffix(">"): w.id for w in scene.wires}

    # --- forward ------------------------------------------------------------------------------

    def forward(self) -> Iterator[dict[str, Any]]:
        given = [w.id for w in self.scene.wires if w.source not in self.gates]
        yield {"phase": "forward", "item": None, "wires": given, "lines": ["What is given has its value."]}
        for gate in self.gates.values():
            if gate.wires:
                lines = [self._forward_line(gate, w) for w in gate.wires]
                yield {
                    "phase": "forward",
                    "item": gate.item.id,
                    "wires": [w.id for w in gate.wires],
                    "lines": lines,
                }

    def _forward_line(self, gate: _Gate, wire: Wire) -> str:
        path = wire.id.removesuffix(">")
        node, value = self.model.by_path[path], said(self.evaluation.values[path])
        if gate.item.id != node.path:
            title = self.model.scopes[gate.item.id].title
            return f"{path} = {title} of its inputs = {value}"
        names = operation(node, self._name, lambda _: False).text
        figures = operation(node, self._figure, lambda _: False).text.replace("-", "−")
        middle = f" = {figures}" if figures != names and all(n.shape == () for n in node.inputs) else ""
        return f"{path} = {names}{middle} = {value}"

    def _name(self, node: Node) -> Text:
        return literal(node) if is_literal(node) else Text(node.path, POSTFIX)

    def _figure(self, node: Node) -> Text:
        value = self.evaluation.values.get(node.path)
        if is_literal(node) or value is None or np.ndim(value) or not node.type.is_float:
            return self._name(node)
        return short(float(f"{float(value):.6g}"))

    # --- backward -----------------------------------------------------------------------------

    def backward(self) -> Iterator[dict[str, Any]]:
        of = self.model.of
        if of is None:
            return
        known = [self.wire_of[of.path]] if of.path in self.wire_of else []
        yield {
            "phase": "backward",
            "item": None,
            "wires": known,
            "lines": [f"Backward: ∂{of.path}/∂{of.path} = 1"],
        }
        missing = self._uses()
        sums: dict[Node, Any] = {}
        for gate in reversed(self.gates.values()):
            parts = self._parts(gate)
            if not parts:
                continue
            lines: list[str] = []
            done: list[str] = []
            for part in parts:
                missing[part.operand] -= part.count
                before = sums.get(part.operand)
                sums[part.operand] = part.part if before is None else before + part.part
                lines.append(self._backward_line(part, sums[part.operand], before, missing[part.operand]))
                if missing[part.operand] <= 0 and part.operand.path in self.wire_of:
                    done.append(self.wire_of[part.operand.path])
            yield {"phase": "backward", "item": gate.item.id, "wires": done, "lines": lines}

    def _uses(self) -> dict[Node, int]:
        """How many parts each operand's gradient is the sum of, of those that the gates drawn bring."""
        found: dict[Node, int] = {}
        for gate in self.gates.values():
            for part in self._parts(gate):
                found[part.operand] = found.get(part.operand, 0) + part.count
        return found

    def _parts(self, gate: _Gate) -> list[_Part]:
        inside = set(gate.nodes)
        outputs = [w.id.removesuffix(">") for w in gate.wires]
        upstream = self.evaluation.gradients.get(outputs[0]) if len(outputs) == 1 else None
        found: dict[Node, _Part] = {}
        for user in gate.nodes:
            for position, operand in enumerate(user.inputs):
                part = self.evaluation.parts.get((user.path, position))
                if part is None or operand in inside or is_literal(operand):
                    continue
                before = found.get(operand)
                total, count = (part, 1) if before is None else (before.part + part, before.count + 1)
                found[operand] = _Part(operand, total, upstream, count)
        return list(found.values())

    def _backward_line(self, p: _Part, total: Any, before: Any, missing: int) -> str:
        assert self.model.of is not None
        text = f"∂{self.model.of.path}/∂{p.operand.path} "
        text += "gets " if before is not None or missing > 0 else "= "
        local = _quotient(p.part, p.upstream)
        text += (
            f"{said(p.upstream)} × {_bracketed(said(local))} = {said(p.part)}"
            if local is not None
            else (said(p.part))
        )
        if missing > 0:
            return text + f"; {missing} more to come"
        return text + f"; in all {said(total)}" if before is not None else text


def _gates(scene: Scene, model: Model) -> dict[str, _Gate]:
    """The items that compute, in topological order, with their nodes."""
    gates = {i.id: _Gate(i) for i in scene.items if i.kind in ("gate", "loss", "network")}
    for node in model.nodes:
        if node.path in gates:
            gates[node.path].nodes.append(node)
        elif not node.path.startswith("grad(") and (closed := _closed(node, model, gates)) is not None:
            gates[closed].nodes.append(node)
    for wire in scene.wires:
        if wire.source in gates:
            gates[wire.source].wires.append(wire)
    return gates


def _closed(node: Node, model: Model, gates: dict[str, _Gate]) -> str | None:
    """The closed box that a node is in."""
    scope = model.scopes.get(node.scope)
    found = None
    while scope is not None:
        found = scope.path if scope.path in gates else found
        scope = model.scopes.get(scope.parent)
    return found


def _quotient(part: Any, upstream: Any) -> float | None:
    """The local derivative of a gate on scalars; None where part and upstream do not tell it."""
    if upstream is None or np.ndim(part) or np.ndim(upstream) or not np.isfinite(part) or not upstream:
        return None
    return float(f"{float(part) / float(upstream):.6g}")


def _bracketed(text: str) -> str:
    return f"({text})" if text.startswith("−") else text
