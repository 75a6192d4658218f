"""What a click on each part of a picture tells, and the picture's steps, as plain data."""

from __future__ import annotations

from typing import Any

from graphlang.draw.elements import Item, Scene, Wire
from graphlang.draw.steps import Step
from graphlang.draw.story import Story
from graphlang.emit.brief import brief
from graphlang.graph.node import Node, Scope
from graphlang.graph.show import calls_of, formula
from graphlang.server.compiling import Numbers
from graphlang.server.places import Places

# Pictures of more items are not stepped through: nobody would.
_MOST_ITEMS = 400
# Characters of the line that says what is given.
_LONGEST = 120


def said(value: Any) -> str:
    """A value in few words, with the sign that slides use for minus."""
    return brief(value).replace("-", "−")


def items_of(scene: Scene, numbers: Numbers, places: Places) -> dict[str, dict[str, Any]]:
    """What is known of every item, wire and box of a picture, by its id; `box:` stands before a box's."""
    teller = _Teller(numbers, places)
    found: dict[str, dict[str, Any]] = {}
    for box in scene.boxes:
        found[box.element] = teller.scope(numbers.model.scopes[box.id])
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
        self.numbers, self.places = numbers, places
        self.model, self.evaluation = numbers.model, numbers.evaluation
        self.calls = calls_of(numbers.model)

    def item(self, item: Item) -> dict[str, Any]:
        path = item.id.removeprefix(">") if item.kind == "output" else item.id
        node = self.model.find(path) or self.model.find(path.rpartition(" ")[0])
        if node is not None:
            return self.node(node)
        scope = self.model.scopes.get(item.id)
        return self.scope(scope) if scope is not None else {"title": item.label, "kind": item.kind}

    def node_of_wire(self, wire: Wire) -> Node | None:
        return self.model.by_path.get(wire.node or wire.id.removesuffix(">"))

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
            "local": self._local(node),
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

    def _local(self, node: Node) -> list[list[str]]:
        """The derivatives of a node by its operands, whatever is upstream."""
        found = ((n.path, self.numbers.local.get((node.path, i))) for i, n in enumerate(node.inputs))
        return [[path, said(value)] for path, value in found if value is not None]

    @staticmethod
    def _place(place: list[int] | None, line: int | None) -> dict[str, Any]:
        return {"place": place, "line": line}


# --- steps -------------------------------------------------------------------------------------------


def steps_of(story: Story) -> list[dict[str, Any]]:
    """The steps forward and then backward, as `graphlang draw --steps` has them; what is given comes at once.

    Each has `phase`, the `items` at work, the `wires` whose value or gradient is known from then on, and
    `lines` that say how it is computed.
    """
    if len(story.scene.items) > _MOST_ITEMS:
        return []
    wires: dict[str, list[str]] = {}
    for wire in story.scene.wires:
        wires.setdefault(wire.key, []).append(wire.id)
    steps = [_step(s, [w for n in (s.node, *s.also) for w in wires.get(n, ())]) for s in story.steps]
    given = [s for s in steps if s["phase"] == "forward" and not s["items"]]
    if not given:
        return steps
    lines = ["  ".join(line for s in given for line in s["lines"])]
    together = {
        "phase": "forward",
        "items": [],
        "wires": [w for s in given for w in s["wires"]],
        "lines": lines if len(lines[0]) <= _LONGEST else ["What is given has its value."],
    }
    return [together, *(s for s in steps if s not in given)]


def _step(step: Step, wires: list[str]) -> dict[str, Any]:
    phase = "backward" if step.is_backward else "forward"
    return {"phase": phase, "items": list(step.items), "wires": wires, "lines": list(step.lines)}
