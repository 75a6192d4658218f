"""A picture with its steps and local derivatives: what `--step`, `--steps`, `--local` and the page show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.draw.captions import local_labels
from graphlang.draw.elements import Scene
from graphlang.draw.scene import View, make_scene
from graphlang.draw.steps import Step, frame, make_steps
from graphlang.draw.text import FULL_SIDE
from graphlang.graph.model import Model
from graphlang.graph.node import Node


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a run computed, by path; `parts` and `local` by use. All may be empty."""

    values: Mapping[str, Any] | None = None
    gradients: Mapping[str, Any] | None = None
    parts: Mapping[tuple[str, int], Any] | None = None
    local: Mapping[tuple[str, int], Any] | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """A finished picture and the steps that lead to it."""

    scene: Scene
    steps: tuple[Step, ...]

    @property
    def forward_count(self) -> int:
        """How many steps the forward pass has."""
        return sum(not step.is_backward for step in self.steps)

    def frames(self) -> list[Scene]:
        """One picture after each step; the last has everything."""
        return [frame(self.scene, self.steps, k + 1) for k in range(len(self.steps))]

    def after(self, backward_steps: int) -> Scene:
        """The picture after so many backward steps; a negative number goes back into the forward pass.

        Raises
        ------
        GraphlangError
            E0914 if there are not so many steps.
        """
        first, last = 1 - self.forward_count, len(self.steps) - self.forward_count
        if not self.steps or not first <= backward_steps <= last:
            problems = Problems()
            message = f"The picture has no step {backward_steps}."
            has = f"Its steps are {first} to {last}: 0 has all values and no gradient, {last} all gradients."
            none = "Give its inputs values (`--set`, `--feed`): without numbers there are no steps."
            problems.error("E0914", None, message, suggestion=has if self.steps else none)
            raise GraphlangError(problems)
        return frame(self.scene, self.steps, self.forward_count + backward_steps)


def make_story(model: Model, numbers: Numbers, view: View, *, with_local: bool = False) -> Story:
    """A picture and its steps.

    Parameters
    ----------
    model : Model
    numbers : Numbers
    view : View
    with_local : bool
        Write the local derivative at the end of each branch.
    """
    scene = make_scene(model, numbers.values, numbers.gradients, view, numbers.parts)
    if with_local:
        labels = local_labels(model, scene, numbers.local or {}, numbers.gradients or {}, view.digits)
        wires = []
        for wire in scene.wires:
            at = [(wire.id, use.target, use.position) for use in wire.uses]
            uses = [replace(use, local=labels.get(k, "")) for use, k in zip(wire.uses, at, strict=True)]
            wires.append(replace(wire, uses=tuple(uses)))
        scene = replace(scene, wires=tuple(wires))
    steps = make_steps(model, scene, numbers.values, numbers.gradients, numbers.local, view.digits)
    return Story(scene, steps)


def uses_of(model: Model) -> list[tuple[Node, int]]:
    """Every use of a wire whose local derivative a picture may write."""
    return [
        (node, position)
        for node in model.nodes
        if not node.is_leaf and not node.path.startswith("grad(") and not model.is_check(node)
        for position, operand in enumerate(node.inputs)
        if operand.type.is_float and not operand.is_const and _is_small(operand)
    ]


def _is_small(node: Node) -> bool:
    size = node.type.size
    return isinstance(size, int) and size <= FULL_SIDE
