"""The formulas of single gates, as a slide writes them: `q = x + y`, `z`, `−1 / d²`, `xᵀ @ dL/dh`.

A gate is copied onto stand-ins that carry the names to be written, and its operation's own gradient rule is
carried out on them; so nothing here knows any particular derivative. What the rule leaves to be simplified
(a factor 1, two signs) is tidied before it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from graphlang.draw import text
from graphlang.graph.node import CONST, INPUT, GateRule, Node, Scope
from graphlang.graph.show import POSTFIX, Text, call, formula, is_literal, literal
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.ops.local import has_local_derivative, sent_back
from graphlang.ops.wire import Wire
from graphlang.types.dims import Sizes

# Letters for wires without a name.
_LETTERS = "uvstpqrabc"
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
# Formulas longer than this are for a text book.
LONGEST = 60


def called(node: Node) -> str:
    """A named node as a formula writes it: the last part of its path, with a subscript."""
    return "".join(text.name_parts(text.short_name(node.path)))


def differential(name: str) -> str:
    """`dx`, but `d(dot)`: a word behind a d would read as another word."""
    stem = name.rstrip("₀₁₂₃₄₅₆₇₈₉")
    return f"d{name}" if len(stem) == 1 else f"d({name})"


def quotient(above: str, below: str) -> str:
    """`df/dx`."""
    return f"{differential(above)}/{differential(below)}"


def names_around(gate: Node, taken: Sequence[Node] = ()) -> dict[Node, str]:
    """Names for a gate's result and operands: their own, or a letter each where they have none.

    `taken` are further nodes that the formula will name.
    """
    return names_of([*(n for n in gate.inputs if not is_number(n)), gate, *taken])


def names_of(nodes: Sequence[Node]) -> dict[Node, str]:
    """A name for each node, all different."""
    around = list(dict.fromkeys(nodes))
    names: dict[Node, str] = {}
    for node in around:
        if node.is_named:
            short = called(node)
            names[node] = short if short not in names.values() else node.path
    letters = (c for c in _LETTERS if c not in names.values())
    for node in around:
        if not node.is_named:
            names[node] = next(letters, node.path)
    return names


def is_number(node: Node) -> bool:
    """Whether a node is always written as the number that it is."""
    if node.op in ("to_float", "to_int") and not node.is_named:
        return is_number(node.inputs[0])
    return node.op == "size_value" or (node.is_const and not node.is_named and node.shape == ())


def gate_text(gate: Node, names: Mapping[Node, str]) -> str:
    """The right-hand side of a gate: `x + y`."""
    return _typeset(formula(_on_stand_ins(gate, {n: _stand_in(n, t) for n, t in names.items()})))


def with_numbers(gate: Node, numbers: Mapping[Node, str]) -> str:
    """The same with a number for each operand: `−2 + 5`."""
    braced = {n: f"({t})" if t.startswith(text.MINUS) else t for n, t in numbers.items()}
    # A call has parentheses of its own.
    written = re.sub(r"(?<=\w)\(\(([^()]*)\)\)", r"(\1)", gate_text(gate, braced))
    # A sign in front needs no parentheses, unless a power would take it for its own.
    return re.sub(rf"^\(({text.MINUS}[^()]*)\)(?![⁰¹²³⁴⁵⁶⁷⁸⁹⁻])(?! \^)", r"\1", written)


def local_text(gate: Node, position: int, names: Mapping[Node, str], sizes: Sizes) -> str | None:
    """The local derivative of a gate by an operand: `z`; None where it is no number."""
    return (
        None if not has_local_derivative(gate, position) else _rule_text(gate, position, names, None, sizes)
    )


def sent_text(
    gate: Node, position: int, names: Mapping[Node, str], arriving: str, sizes: Sizes
) -> str | None:
    """What a gate sends back to an operand when `arriving` is the gradient of its result."""
    return _rule_text(gate, position, names, arriving, sizes)


def hand_written_text(rule: GateRule, operand: Node, names: Mapping[Node, str]) -> str | None:
    """The local derivative of a gate with a backward block of its own: `f · (1 − f)`.

    `names` has the operands and results of the gate.
    """
    if len(rule.outputs) != 1 or operand not in rule.operands:
        return None
    made = rule.gradients.get(rule.operands.index(operand))
    if made is None or made.shape != () or operand.shape != ():
        return None
    copy: dict[Node, Node] = {}
    for real, stand in rule.stand_ins.items():
        copy[stand] = _stand_in(real, names[real]) if real in names else real
    for stand in rule.grad_stand_ins.values():
        copy[stand] = Node("1", CONST, (), {"value": 1.0}, stand.type)
    for node in rule.template:
        if node not in copy:
            inputs = tuple(copy[n] for n in node.inputs)
            copy[node] = Node(node.path, node.op, inputs, node.attrs, node.type)
    written = _typeset(_right_side(_Tidy().tidied(copy[made])))
    return written if len(written) <= LONGEST else None


def call_text(scope: Scope, names: Mapping[Node, str]) -> str:
    """A call as the file writes it: `σ(u)`."""
    return _typeset(call(scope, lambda n: Text(names[n], POSTFIX) if n in names else literal(n)).text)


def _rule_text(
    gate: Node, position: int, names: Mapping[Node, str], arriving: str | None, sizes: Sizes
) -> str | None:
    op = registry.lookup(gate.op)
    if op is None or not gate.inputs[position].type.is_float:
        return None
    builder = Builder(Sizes(dict(sizes.defaults), dict(sizes.declared), list(sizes.constraints)))
    stand_ins = {n: builder.add(_stand_in(n, t)) for n, t in names.items()}
    result = _on_stand_ins(gate, stand_ins)
    if gate.is_named and op.infix is None:
        result = stand_ins[gate]  # `e` itself is better known than exp(x)
    g = Node("1", CONST, (), {"value": 1.0}, gate.type)
    if arriving is not None:
        g = Node(arriving, INPUT, (), {}, gate.type, is_named=True)
    operands = [Wire(builder, stand_ins.get(n, n)) for n in gate.inputs]
    made = sent_back(gate, position, Wire(builder, builder.add(g)), Wire(builder, result), operands)
    if made is None:
        return None
    written = _typeset(_right_side(_Tidy().tidied(made)))
    return written if len(written) <= LONGEST else None


def _right_side(node: Node) -> str:
    if not node.is_leaf:
        return formula(node)
    return literal(node).text if is_literal(node) else node.path


def _stand_in(node: Node, name: str) -> Node:
    return Node(name, INPUT, (), {}, node.type, is_named=True)


def _on_stand_ins(gate: Node, stand_ins: Mapping[Node, Node]) -> Node:
    return Node(gate.path, gate.op, tuple(stand_ins.get(n, n) for n in gate.inputs), gate.attrs, gate.type)


# --- tidying -------------------------------------------------------------------------------------


class _Tidy:
    """Rewrites the few operations of one rule without factors of 1 and double signs."""

    def __init__(self) -> None:
        self._done: dict[Node, Node] = {}

    def tidied(self, node: Node) -> Node:
        """A node that means the same and is written shorter."""
        if node.is_leaf:
            return node
        if node not in self._done:
            self._done[node] = self._rewritten(node, [self.tidied(n) for n in node.inputs])
        return self._done[node]

    def _rewritten(self, node: Node, inputs: list[Node]) -> Node:
        op = node.op
        if op in ("to_float", "identity"):
            return inputs[0]
        if op == "mul" and 1.0 in (values := [_value(n) for n in inputs]):
            return inputs[1 - values.index(1.0)]
        if op == "mul" and inputs[0] is inputs[1]:
            return _square(node, inputs[0])
        if op == "div" and _value(inputs[1]) == 1.0:
            return inputs[0]
        if op == "neg":
            return _negative(node, inputs[0])
        if op == "mul" and inputs[0].op == "neg":
            return _negative(node, _like(node, "mul", (inputs[0].inputs[0], inputs[1])))
        if op == "div":
            return _quotient(node, *inputs)
        return _like(node, op, tuple(inputs))


def _negative(node: Node, inner: Node) -> Node:
    value = _value(inner)
    if value is not None:
        return _constant(inner, -value)
    if inner.op == "neg":
        return inner.inputs[0]
    if inner.op in ("div", "mul") and _value(inner.inputs[0]) is not None:
        return _like(inner, inner.op, (_negative(node, inner.inputs[0]), *inner.inputs[1:]))
    return _like(node, "neg", (inner,))


def _quotient(node: Node, above: Node, below: Node) -> Node:
    """(a / b) / b is a / b², with its sign in front."""
    if above.op == "neg" and above.inputs[0].op == "div":
        return _negative(node, _quotient(node, above.inputs[0], below))
    if above.op == "div" and above.inputs[1] is below:
        return _like(node, "div", (above.inputs[0], _square(node, below)))
    return _like(node, "div", (above, below))


def _square(node: Node, base: Node) -> Node:
    two = Node("2", CONST, (), {"value": 2.0}, base.type)
    return _like(node, "pow", (base, two))


def _like(node: Node, op: str, inputs: tuple[Node, ...]) -> Node:
    return Node(node.path, op, inputs, node.attrs if op == node.op else {}, node.type)


def _constant(node: Node, value: float) -> Node:
    return Node(str(value), "const", (), {"value": value}, node.type)


def _value(node: Node) -> Any:
    """A plain float, as Python's; None for anything else."""
    value = node.attrs.get("value") if node.is_const and not node.is_named else None
    return value if isinstance(value, float) else None


def _typeset(written: str) -> str:
    """The language's formula with the signs of print; strings in it stay as they are."""
    if '"' in written:
        return written
    written = re.sub(r"(?<![\w.])([0-9]+)\.0(?![0-9eE])", r"\1", written)
    written = re.sub(r" \^ (-?[0-9]+)(?![0-9.eE])", lambda m: m[1].translate(_SUPERSCRIPTS), written)
    return written.replace(" * ", " · ").replace(".T", "ᵀ").replace("-", text.MINUS)
