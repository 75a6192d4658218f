"""Gates with a hand-written backward pass, back as `gate` definitions with their `backward` block.

A gate's nodes lie in the graph like any others; what makes it a gate is its rule. So the definition is
rebuilt from both: the body from the nodes between the gate's operands and its results, the backward block
from the rule's template. Each distinct text is defined once, however often it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from graphlang.emit.formulas import Formulas, uses_of
from graphlang.emit.leaf_text import type_text
from graphlang.emit.writer import Names
from graphlang.graph.node import GateRule, Node
from graphlang.graph.show import POSTFIX, Text
from graphlang.types.dims import Dim, names_of

# A line of a backward block is one step of the chain rule, and may be as long as that is.
_MAX_STEP = 88


class Gates:
    """The definitions of a model's gates, written when their first call is.

    Parameters
    ----------
    rules : list of GateRule
    position : mapping of Node to int
        The order of the model's nodes.
    names : Names
        Where the definitions get their names.
    reserved : set of str
        What no name inside a gate may be: keywords, operations.
    """

    def __init__(
        self, rules: Iterable[GateRule], position: Mapping[Node, int], names: Names, reserved: Iterable[str]
    ):
        self.rule_of: dict[Node, GateRule] = {out: rule for rule in rules for out in rule.outputs}
        self.definitions: list[str] = []
        self._position = position
        self._names = names
        self._reserved = frozenset(reserved)
        self._called: dict[int, tuple[str, tuple[str, ...]]] = {}
        self._by_text: dict[str, str] = {}

    def operands(self, node: Node) -> tuple[Node, ...]:
        """What a node is computed from when gates are single steps."""
        rule = self.rule_of.get(node)
        return rule.operands if rule is not None else node.inputs

    def call(self, rule: GateRule, text_of: Callable[[Node], Text]) -> Text:
        """The call that stands for the gate's nodes."""
        if id(rule) not in self._called:
            self._called[id(rule)] = self._define(rule)
        name, sizes = self._called[id(rule)]
        arguments = [*(text_of(n).text for n in rule.operands), *sizes]
        return Text(f"{name}({', '.join(arguments)})", POSTFIX)

    def _define(self, rule: GateRule) -> tuple[str, tuple[str, ...]]:
        text, sizes = _Definition(self, rule).text()
        name = self._by_text.get(text)
        if name is None:
            name = self._by_text[text] = self._names.take(rule.name)
            self.definitions.append(f"gate {name}{text}")
        return name, sizes

    def region(self, rule: GateRule) -> list[Node]:
        """The body's nodes in order, without the operands; inner gates count as their results."""
        operands = set(rule.operands)
        found: set[Node] = set()
        stack = [n for n in (*rule.outputs, *rule.stand_ins) if n not in operands]
        while stack:
            node = stack.pop()
            if node in found or node in operands:
                continue
            found.add(node)
            inner = self.rule_of.get(node)
            stack.extend(node.inputs if inner is None or inner is rule else inner.operands)
        return sorted(found, key=self._position.__getitem__)

    def reserved(self) -> Names:
        """Fresh names for the inside of a gate."""
        return Names(self._reserved)


class _Definition:
    """One gate's definition while it is written."""

    def __init__(self, gates: Gates, rule: GateRule):
        self.gates, self.rule = gates, rule
        self.names = gates.reserved()
        self.body = gates.region(rule)
        self.template = _needed(rule)
        self.sizes = sorted(_free_names([*self.body, *self.template]))
        self.names.reserve(self.sizes)
        self.names.reserve(name for operand in rule.operands for name in operand.type.names)
        self.called: dict[Node, str] = {}
        self.parameters = [self.names.take(name) for name in rule.operand_names]
        for operand, name in zip(rule.operands, self.parameters, strict=True):
            self.called.setdefault(operand, name)
        self.results = [self.names.take(name) for name in rule.output_names]
        self.called.update(zip(rule.outputs, self.results, strict=True))

    def text(self) -> tuple[str, tuple[str, ...]]:
        """The definition without its name, and the free sizes that it takes as further arguments."""
        results = self.results[0] if len(self.results) == 1 else f"({', '.join(self.results)})"
        parameters, sizes = self._signature()
        lines = [f"({', '.join(parameters)}) -> {results} {{"]
        lines += [f"  {line}" for line in self._statements()]
        lines += ["  backward {", *(f"    {line}" for line in self._backward()), "  }", "}"]
        return "\n".join(lines), sizes

    def _signature(self) -> tuple[list[str], tuple[str, ...]]:
        """The parameters; a free size is one itself only where no wire's shape tells it."""
        parameters: list[str] = []
        found: set[str] = set()
        for name, operand in zip(self.parameters, self.rule.operands, strict=True):
            here = {str(size) for size in operand.shape if isinstance(size, Dim)}
            is_telling = not here.isdisjoint(self.sizes) and here == operand.type.names
            parameters.append(name + (type_text(operand.type) if is_telling else ""))
            found |= here if is_telling else set()
        rest = tuple(name for name in self.sizes if name not in found)
        return [*parameters, *(f"{name}: int" for name in rest)], rest

    def _statements(self) -> list[str]:
        kept = {*self.rule.outputs, *self.rule.stand_ins}
        formulas = Formulas(
            self.called,
            kept,
            uses_of(self.body, self._operands),
            self.names,
            _last_part,
            self._formula,
            self._group,
        )
        lines = []
        for node in self.body:
            lines += formulas.statement(node)
        return lines

    def _operands(self, node: Node) -> tuple[Node, ...]:
        inner = self.gates.rule_of.get(node)
        return node.inputs if inner is None or inner is self.rule else inner.operands

    def _formula(self, node: Node, text_of: Callable[[Node], Text]) -> Text | None:
        inner = self.gates.rule_of.get(node)
        return None if inner is None or inner is self.rule else self.gates.call(inner, text_of)

    def _group(self, node: Node) -> tuple[Node, ...]:
        inner = self.gates.rule_of.get(node)
        return (node,) if inner is None or inner is self.rule else inner.outputs

    def _backward(self) -> list[str]:
        rule = self.rule
        called = {stand: self.called[real] for real, stand in rule.stand_ins.items() if real in self.called}
        for node, stand in rule.grad_stand_ins.items():
            called[stand] = f"grad({self.called[node]})"
        uses = uses_of(self.template, lambda n: n.inputs)
        for node in rule.gradients.values():
            uses[node] = uses.get(node, 0) + 1
        formulas = Formulas(
            called, set(), uses, self.names, _last_part, fits=lambda _, text: len(text) <= _MAX_STEP
        )
        lines = []
        for node in self.template:
            if node not in called:
                lines += formulas.statement(node)
        for i, node in rule.gradients.items():
            lines.append(f"grad({self.parameters[i]}) = {formulas.operand(node).text}")
        return lines


def _last_part(node: Node) -> str:
    return node.path.rsplit(".", 1)[-1].lstrip("$") or "t"


def _needed(rule: GateRule) -> list[Node]:
    found: set[Node] = set()
    stack = list(rule.gradients.values())
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(node.inputs)
    return [n for n in rule.template if n in found]


def _free_names(nodes: Iterable[Node]) -> set[str]:
    found: set[str] = set()
    stack = [value for n in nodes for value in n.attrs.values()]
    while stack:
        value = stack.pop()
        if isinstance(value, Dim):
            found |= names_of(value)
        elif isinstance(value, tuple):
            stack.extend(value)
    return found
