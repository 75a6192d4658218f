"""Reverse accumulation: from a graph and a scalar to a graph that also computes the gradients.

Walks from the scalar `f` back to the leaves and gives every node the sum, over its uses, of (gradient of
the use) × (local derivative). Gradients are ordinary nodes, so they can be differentiated again, printed,
drawn and exported. A sweep visits each node once; nothing recurses.
"""

from __future__ import annotations

from graphlang.graph.dag import ancestors
from graphlang.graph.node import GateRule, Node
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.ops.wire import Wire
from graphlang.types.tensor import DType

# (scope of a gate, operand) -> the first use of the operand inside, as (user, position).
_Uses = dict[tuple[str, Node], tuple[Node, int]]


class Sweeper:
    """Differentiates scalars of one graph under construction; each scalar is swept once."""

    def __init__(self, builder: Builder, rules: list[GateRule]):
        self.builder = builder
        # Each result of a gate with a hand-written backward pass -> its rule, in terms of this graph.
        self.rule_of: dict[Node, GateRule] = {out: rule for rule in rules for out in rule.outputs}
        # For each scalar that was swept, what every use of a node adds to that node's gradient.
        self.parts: dict[Node, dict[tuple[Node, int], Node]] = {}
        self._done: dict[Node, dict[Node, Node]] = {}

    def gradients(self, f: Node) -> dict[Node, Node]:
        """For every float node that `f` depends on, the node holding df/dnode."""
        if f not in self._done:
            self._done[f] = self._sweep(f)
        return self._done[f]

    def gradient(self, f: Node, x: Node) -> Node:
        """The node holding df/dx: zeros where `f` does not depend on `x`."""
        found = self.gradients(f).get(x)
        return found if found is not None else self.zeros(f, x)

    def zeros(self, f: Node, x: Node) -> Node:
        """Zeros of the shape of `x`: df/dx where `x` has no influence."""
        zero = self.builder.const(0.0)
        if x.shape == ():
            return zero
        path = self.builder.unique(f"grad({f.path},{x.path})")
        return self.builder.apply(registry.find("broadcast"), (zero,), {"shape": x.shape}, path)

    def _sweep(self, f: Node) -> dict[Node, Node]:
        builder = self.builder
        reached = ancestors([f])
        order = [n for n in builder.nodes if n in reached]
        needed = {n for n in order if _can_carry(n)}
        partial: dict[Node, Node] = {f: builder.const(1.0)}
        finished: dict[Node, Node] = {}
        parts = self.parts[f] = {}
        uses = self._uses_inside_gates(order)
        forward = set(builder.nodes)
        before = (builder.prefix, builder.scope, builder.span)
        for node in reversed(order):
            g = partial.pop(node, None)
            if g is None:
                continue
            finished[node] = g
            path = f"grad({f.path},{node.path})"
            self._name(g, path, forward)
            builder.scope, builder.span = node.scope, node.span
            builder.prefix = path
            for user, position, part in self._contributions(f, node, finished, partial, uses):
                operand = user.inputs[position]
                if operand not in needed:
                    continue
                parts[user, position] = part
                builder.prefix = f"grad({f.path},{operand.path})"
                earlier = partial.get(operand)
                partial[operand] = part if earlier is None else self._add(earlier, part)
        builder.prefix, builder.scope, builder.span = before
        return finished

    def _name(self, g: Node, path: str, forward: set[Node]) -> None:
        """The first node that a gradient belongs to gives it its name."""
        if g not in forward and not g.is_const:
            forward.add(g)
            self.builder.rename(g, self.builder.unique(path), is_named=False)

    def _contributions(
        self,
        f: Node,
        node: Node,
        finished: dict[Node, Node],
        partial: dict[Node, Node],
        uses: _Uses,
    ) -> list[tuple[Node, int, Node]]:
        """What a node sends back: the use it goes to, as (user, position), and the gradient's part."""
        rule = self.rule_of.get(node)
        if rule is None:
            return local_gradients(self.builder, node, finished[node])
        if any(other is not node and other in finished for other in rule.outputs):
            return []  # sent when the first of the gate's results was met
        arrived = {o: finished.get(o) or partial.get(o) for o in rule.outputs}
        return [
            (*uses[rule.scope, operand], part)
            for operand, part in self._gate(f, rule, arrived)
            if (rule.scope, operand) in uses
        ]

    def _uses_inside_gates(self, order: list[Node]) -> _Uses:
        """First uses inside the gates with hand-written rules: such a rule gives one sum for all uses."""
        gates = {rule.scope for rule in self.rule_of.values()}
        uses: _Uses = {}
        if not gates:
            return uses
        for user in order:
            scope = self.builder.scopes.get(user.scope)
            while scope is not None:
                if scope.path in gates:
                    for position, operand in enumerate(user.inputs):
                        uses.setdefault((scope.path, operand), (user, position))
                scope = self.builder.scopes.get(scope.parent)
        return uses

    def _add(self, a: Node, b: Node) -> Node:
        return self.builder.apply(registry.find("add"), (a, b))

    def _gate(self, f: Node, rule: GateRule, arrived: dict[Node, Node | None]) -> list[tuple[Node, Node]]:
        """Put a copy of a gate's backward template into the graph."""
        copy: dict[Node, Node] = {stand: real for real, stand in rule.stand_ins.items()}
        for output, stand in rule.grad_stand_ins.items():
            found = arrived.get(output)
            copy[stand] = found if found is not None else self.zeros(f, output)
        for node in rule.template:
            if node not in copy:
                copy[node] = self._copied(node, copy)
        return [(rule.operands[i], copy[node]) for i, node in rule.gradients.items()]

    def _copied(self, node: Node, copy: dict[Node, Node]) -> Node:
        builder = self.builder
        if node.is_const:
            value = node.attrs["value"]
            return builder.const(value, node.type.dtype)
        op = registry.find(node.op)
        return builder.apply(op, [copy[n] for n in node.inputs], node.attrs)


def local_gradients(builder: Builder, node: Node, g: Node) -> list[tuple[Node, int, Node]]:
    """What a node with the gradient `g` sends to its operands, by its operation's rule.

    Returns
    -------
    list of (Node, int, Node)
        The node, the position of an operand, and what this use adds to the operand's gradient.
    """
    op = registry.lookup(node.op)
    if op is None or op.vjp is None:
        return []
    operands = [Wire(builder, n) for n in node.inputs]
    parts = op.vjp(Wire(builder, g), Wire(builder, node), *operands, **node.attrs)
    if not isinstance(parts, (tuple, list)):
        parts = (parts,)
    made = []
    for position, part in enumerate(parts):
        if part is None or not _can_carry(node.inputs[position]):
            continue
        # A rule with several operands gives functions, so that only the parts that are wanted are made.
        wire = part if isinstance(part, Wire) else part()
        if wire is not None:
            made.append((node, position, wire.node))
    return made


def _can_carry(node: Node) -> bool:
    """Whether a gradient can arrive at a node: floats, but not the numbers written in a formula."""
    return node.type.dtype is DType.FLOAT and not (node.is_const and not node.is_named)
