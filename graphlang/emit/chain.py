"""The steps of the chain rule that the derived graph leaves out, put back for the reader.

The backward pass starts from 1, and products with 1 are not made into nodes: for `f = q * z` the gradient of
`q` is the node `z` itself, and for `q = x + y` those of `x` and `y` are that of `q`. Written out, these are
`grad_q = grad_f * z` and `grad_x = grad_q`. A `Step` says so: the gradient of a node, perhaps times another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from graphlang.emit.formulas import is_number
from graphlang.graph.model import Expectation, Model
from graphlang.graph.node import Node

# Operations whose first operand is, in every rule, the gradient that arrives.
PASSING = frozenset((
    "mul", "div", "neg", "broadcast", "expand", "reshape", "unindex", "ungather", "scatter_add",
))  # fmt: skip
_MAX_STEPS = 50
# Behind `grad(f,`: the path of the node, and what distinguishes the steps towards its gradient.
_ABOUT = re.compile(r"(.*)\)(?:_\d+)?(?:\.[^()]*)?")


def expected_gradient(e: Expectation, model: Model) -> tuple[str | None, str | None]:
    """For each side of an expectation the node whose gradient by the model's scalar it is, if it is one."""
    if model.of is None:
        return None, None
    pattern = rf"\s*grad\(\s*{re.escape(model.of.path)}\s*,\s*([^(),]+?)\s*\)\s*"
    left, _, right = e.text.partition(f" {e.op} ")
    found = [re.fullmatch(pattern, side) for side in (left, right.split(" within ")[0])]
    names = [f[1] if f and f[1] in model.gradients else None for f in found]
    return names[0], names[1]


@dataclass(frozen=True, slots=True)
class Step:
    """The gradient of `through`, times a node of the forward pass if `times` is one."""

    through: Node
    times: Node | None = None


class Chain:
    """Knows which gradient is which in the backward pass of a model.

    Parameters
    ----------
    model : Model
        After `differentiate`, with a backward pass.
    forward : sequence of Node
        The nodes of the forward pass, in order.
    operands : function
        What a node is computed from.
    has_name : function
        Whether the gradient of a node has a name of its own.
    """

    def __init__(
        self,
        model: Model,
        forward: Sequence[Node],
        operands: Callable[[Node], Iterable[Node]],
        has_name: Callable[[Node], bool],
    ):
        self.of = model.of
        self.position = {n: i for i, n in enumerate(forward)}
        self._has_name = has_name
        self._by_path = {n.path: n for n in forward}
        self.gradient = {n: model.gradients[n.path] for n in forward if n.path in model.gradients}
        self._prefix = f"grad({model.of.path}," if model.of is not None else None
        self._users: dict[Node, list[Node]] = {}
        for node in reversed(forward):
            for operand in dict.fromkeys(operands(node)):
                self._users.setdefault(operand, []).append(node)
        # Gates in whose backward block a 1 may come first that is not the arriving gradient.
        self._with_ones = {r.scope for r in model.gate_rules if any(map(_starts_with_one, r.template))}

    def is_step(self, node: Node) -> bool:
        """Whether a node belongs to the backward pass from the model's own scalar."""
        return self._prefix is not None and node.path.startswith(self._prefix)

    def about(self, node: Node) -> Node | None:
        """The node whose gradient, or whose rule, a node of the backward pass belongs to."""
        assert self._prefix is not None
        found = _ABOUT.fullmatch(node.path[len(self._prefix) :])
        return self._by_path.get(found[1]) if found else None

    def is_seed(self, g: Node | None) -> bool:
        """Whether a gradient is the 1 that the backward pass starts from."""
        return g is not None and self.of is not None and g is self.gradient.get(self.of) and is_number(g)

    def step(self, x: Node, part: Node) -> Step | None:
        """How `part` comes to be a share of the gradient of `x`; None if that is not simply passed on."""
        if is_number(part) and part.attrs["value"] == 0:
            return None
        for _ in range(_MAX_STEPS):
            same = None
            for user in self._users.get(x, ()):
                arriving = self.gradient.get(user)
                if arriving is part:
                    same = user
                    break
                if user.op == "mul" and self.is_seed(arriving) and part in user.inputs and x is not part:
                    assert self.of is not None
                    return Step(user if self._has_name(user) else self.of, part)
            if same is None:
                return None
            if self._has_name(same):
                return Step(same)
            if self.is_seed(part):
                assert self.of is not None
                return Step(self.of)
            x = same
        return None

    def operands(self, node: Node) -> tuple[Node | Step, ...]:
        """The operands of a node of the backward pass, gradients among them told as such."""
        inputs: list[Node | Step] = list(node.inputs)
        about = self.about(node)
        if about is None:
            return tuple(inputs)
        if node.op in PASSING:
            inputs[0] = self._arriving(node, about) or node.inputs[0]
        elif node.op == "add":
            for i, part in enumerate(node.inputs):
                if part in self.position or self.is_seed(part):
                    inputs[i] = self.step(about, part) or part
        return tuple(inputs)

    def _arriving(self, node: Node, about: Node) -> Step | None:
        """The gradient that a rule was handed first, if it has lost its own node."""
        first = node.inputs[0]
        for source in (about, *self._users.get(about, ())):
            if first is not self.gradient.get(source):
                continue
            if self.is_seed(first):
                return None if node.scope in self._with_ones or self.of is None else Step(self.of)
            if first in self.position and self._has_name(source):
                return Step(source)
        return None


def _starts_with_one(node: Node) -> bool:
    if node.op not in PASSING or not node.inputs[0].is_const:
        return False
    value: Mapping[str, object] = node.inputs[0].attrs
    return value["value"] == 1
