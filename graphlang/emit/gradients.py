"""What the gradients of a model are called wherever its backward pass is written.

The gradient of a node `q` is called `grad_q`. Several nodes may share one: an addition hands on what arrives,
so for `q = x + y` the gradients of `x` and `y` are the very node that holds that of `q`. It is then written
once, under the name of the node nearest to the result; the others are further names for it.

The pass starts from the number 1, the gradient of the result by itself. The graph has one node for every 1,
whatever it is there for; where a rule was handed the 1 that the pass starts from, it is written `grad_f`.
"""

from __future__ import annotations

from collections.abc import Callable

from graphlang.emit.expect_text import gradient_by
from graphlang.emit.formulas import MAX_INLINE, is_number
from graphlang.emit.writer import Names, without_result
from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.records import replace

# Operations whose first operand is, in every rule, the gradient that arrives.
_PASSING = frozenset((
    "mul", "div", "neg", "broadcast", "expand", "reshape", "unindex", "ungather", "scatter_add",
))  # fmt: skip
# How long the formula of what a rule multiplies in may be.
MAX_INSIDE = 72


class Gradients:
    """Names for the gradients of a differentiated model.

    Parameters
    ----------
    model : Model
        After `differentiate`; without a backward pass there is nothing to name.
    is_told : function
        Of which nodes the gradients must be there under a name of their own.
    called : dict of Node to str
        The names of the forward pass; those of the gradients are added.
    names : Names
        Where new names come from.

    Attributes
    ----------
    of : Node or None
        What was differentiated.
    nodes : dict of Node to Node
        Each told node with the node that holds its gradient.
    names : dict of Node to str
        Each told node with its gradient's name.
    labels : dict of Node to Node
        Each node that holds a gradient with the node that it is called after.
    aliases : dict of Node to list of Node
        For the same, and for numbers, the told nodes whose gradient has a further name.
    one : Node
        The constant that the pass starts from, if there is one.
    seed : Node or None
        What stands for it in a formula.
    """

    def __init__(
        self, model: Model, is_told: Callable[[Node], bool], called: dict[Node, str], names: Names
    ) -> None:
        self.model, self.of = model, model.of
        self._called = called
        found = {model.by_path[path]: g for path, g in model.gradients.items()}
        self.nodes = {x: g for x, g in found.items() if x is self.of or is_told(x)}
        self.names = {x: names.take(f"grad_{called.get(x, x.path)}") for x in self.nodes}
        self.labels: dict[Node, Node] = {}
        self.aliases: dict[Node, list[Node]] = {}
        self._label(found, names)
        self.seed: Node | None = None
        if self.of is not None:
            self.one = self.nodes[self.of]
            self.seed = Node(self.names[self.of], "seed", (), {}, self.of.type, is_named=True)
            called[self.seed] = self.names[self.of]
        self._prefix = f"grad({self.of.path}," if self.of is not None else "\0"
        self._steps = {n for n in model.nodes if n.path.startswith(self._prefix)}
        by_path = model.by_path
        self._part_of = {part: by_path[path].inputs[i] for (path, i), part in model.parts.items()}
        self._sums = self._accumulated()
        # Operations of a gate's backward block that a 1 enters which is not the gradient that arrives.
        ones = ((rule.scope, n.op) for rule in model.gate_rules for n in rule.template if _has_one_first(n))
        self._with_ones = set(ones)

    def _label(self, found: dict[Node, Node], names: Names) -> None:
        """Name each node that holds a gradient after the node nearest to the result whose gradient it is."""
        called = self._called
        for x, g in reversed(found.items()):
            if g not in called and not is_number(g) and not is_derivative(x):
                self.labels[g] = x
                called[g] = self.names.get(x) or names.take(f"grad_{called.get(x, x.path)}")
            elif x in self.nodes and x is not self.of:
                self.aliases.setdefault(g, []).append(x)

    def is_step(self, node: Node) -> bool:
        """Whether a node belongs to the backward pass from the model's own scalar."""
        return node in self._steps

    def told(self, node: Node) -> Node:
        """A node of the backward pass as it is written: with `grad_f` for the 1 that its rule was handed."""
        if self.seed is None or node not in self._steps or self.one not in node.inputs:
            return node
        if node in self._sums:
            return replace(node, inputs=tuple(self.seed if n is self.one else n for n in node.inputs))
        is_handed = node.op in _PASSING and (node.scope, node.op) not in self._with_ones
        if is_handed and node.inputs[0] is self.one:
            return replace(node, inputs=(self.seed, *node.inputs[1:]))
        return node

    def goes_to(self, node: Node) -> Node | None:
        """The node to whose gradient a part, or a sum of several parts, is added."""
        if node in self._sums:
            return self.model.by_path.get(node.path[len(self._prefix) : node.path.rindex(")")])
        return self._part_of.get(node)

    def room(self, node: Node) -> int:
        """How long the formula of a node may be that goes into another's.

        What a rule multiplies in may be long, so that the rule stays one line.
        """
        x = self.goes_to(node)
        return MAX_INSIDE if is_derivative(x or node) else MAX_INLINE

    def wanted(self, node: Node) -> str:
        """The name that a node without one would like: the result's own name is left out of it."""
        x = self.goes_to(node)
        if x is not None and x in self._called:
            return f"grad_{self._called[x]}_{'sum' if node in self._sums else 'part'}"
        return without_result(node.path, self.of)

    def asked_for(self, side: object, text: str) -> Node | None:
        """The told node whose gradient a side of an expectation is, and is said to be."""
        path = gradient_by(text, self.of.path) if self.of is not None else None
        x = self.model.find(path) if path is not None else None
        # A name that a loop binds anew is not the node's that was first called so.
        return x if x is not None and self.nodes.get(x) is side else None

    def _accumulated(self) -> set[Node]:
        """Sums of what the uses of a node send back; a sum that a rule makes for itself is none."""
        parts = self._part_of
        sums: set[Node] = set()
        for node in self.model.nodes:
            if node.op == "add" and node in self._steps and all(n in parts or n in sums for n in node.inputs):
                sums.add(node)
        return sums


def is_derivative(node: Node) -> bool:
    """Whether a node was made by differentiation."""
    return node.path.startswith("grad(")


def is_zero(g: Node) -> bool:
    """Whether a gradient is nought throughout."""
    if g.op == "broadcast":
        g = g.inputs[0]
    return is_number(g) and g.attrs["value"] == 0


def _has_one_first(node: Node) -> bool:
    return node.op in _PASSING and node.inputs[0].attrs.get("value") == 1
