"""Reverse accumulation: from a graph and a scalar to a graph that also computes the gradients.

Walks from the scalar `f` back to the leaves and gives every node the sum, over its uses, of (gradient of
the use) × (local derivative). Gradients are ordinary nodes, so they can be differentiated again, printed,
drawn and exported. A sweep visits each node once; nothing recurses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphlang.graph.dag import ancestors
from graphlang.graph.node import GateRule, Node
from graphlang.graph.op import Op
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.ops.wire import Wire
from graphlang.types.tensor import DType


class Sweeper:
    """Differentiates scalars of one graph under construction; each scalar is swept once."""

    def __init__(self, builder: Builder, rules: list[GateRule]):
        self.builder = builder
        # Each result of a gate with a hand-written backward pass -> its rule, in terms of this graph.
        self.rule_of: dict[Node, GateRule] = {out: rule for rule in rules for out in rule.outputs}
        self._done: dict[Node, dict[Node, Node]] = {}
        self._known: dict[Node, set[Node]] = {}

    def gradients(self, f: Node) -> dict[Node, Node]:
        """For every float node that `f` depends on, the node holding df/dnode."""
        if f not in self._done:
            self._done[f] = self._sweep(f)
        return self._done[f]

    def gradient(self, f: Node, x: Node) -> Node:
        """The node holding df/dx: zeros where `f` does not depend on `x`."""
        found = self.gradients(f).get(x)
        return found if found is not None else self.zeros(x)

    def zeros(self, x: Node) -> Node:
        """Zeros of the shape of `x`."""
        zero = self.builder.const(0.0)
        if x.shape == ():
            return zero
        return self.builder.apply(registry.find("broadcast"), (zero,), {"shape": x.shape})

    def _sweep(self, f: Node) -> dict[Node, Node]:
        builder = self.builder
        reached = ancestors([f])
        order = [n for n in builder.nodes if n in reached]
        needed = {n for n in order if _can_carry(n)}
        partial: dict[Node, Node] = {f: builder.const(1.0)}
        finished: dict[Node, Node] = {}
        gates_done: set[int] = set()
        made = set(builder.nodes)
        before = (builder.prefix, builder.scope, builder.span)
        for node in reversed(order):
            g = partial.pop(node, None)
            if g is None:
                continue
            finished[node] = g
            if g not in made and not g.is_const:
                # The first node that a gradient belongs to gives it its name.
                made.add(g)
                builder.rename(g, builder.unique(f"grad({f.path},{node.path})"), is_named=False)
            builder.scope, builder.span = node.scope, node.span
            builder.prefix = f"grad({f.path},{node.path})"
            rule = self.rule_of.get(node)
            if rule is None:
                contributions = self._local(node, g)
            elif id(rule) in gates_done:
                continue
            else:
                gates_done.add(id(rule))
                contributions = self._gate(rule, {o: finished.get(o) or partial.get(o) for o in rule.outputs})
            for operand, part in contributions:
                if operand not in needed:
                    continue
                builder.prefix = f"grad({f.path},{operand.path})"
                earlier = partial.get(operand)
                partial[operand] = part if earlier is None else self._add(earlier, part)
        builder.prefix, builder.scope, builder.span = before
        return finished

    def _add(self, a: Node, b: Node) -> Node:
        return self.builder.apply(registry.find("add"), (a, b))

    def _local(self, node: Node, g: Node) -> list[tuple[Node, Node]]:
        """Gradients that a node sends to its operands, by its operation's rule."""
        op = registry.lookup(node.op)
        if op is None or op.vjp is None:
            return []
        operands = [Wire(self.builder, n) for n in node.inputs]
        parts = op.vjp(Wire(self.builder, g), Wire(self.builder, node), *operands, **node.attrs)
        if not isinstance(parts, (tuple, list)):
            parts = (parts,)
        return self._made(op, node.inputs, parts)

    def _made(self, op: Op, inputs: tuple[Node, ...], parts: Any) -> list[tuple[Node, Node]]:
        made = []
        for operand, part in zip(inputs, parts, strict=True):
            if not _can_carry(operand) or part is None:
                continue
            wire = part() if isinstance(part, Callable) and not isinstance(part, Wire) else part  # type: ignore[arg-type]
            if wire is not None:
                made.append((operand, wire.node))
        return made

    def _gate(self, rule: GateRule, arrived: dict[Node, Node | None]) -> list[tuple[Node, Node]]:
        """Put a copy of a gate's backward template into the graph."""
        copy: dict[Node, Node] = {stand: real for real, stand in rule.stand_ins.items()}
        for output, stand in rule.grad_stand_ins.items():
            found = arrived.get(output)
            copy[stand] = found if found is not None else self.zeros(output)
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


def _can_carry(node: Node) -> bool:
    """Whether a gradient can arrive at a node: floats, but not the numbers written in a formula."""
    return node.type.dtype is DType.FLOAT and not (node.is_const and not node.is_named)
