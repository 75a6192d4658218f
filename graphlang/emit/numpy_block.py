"""The statements of one function of an exported script.

A number in a formula is a Python number where it meets an array, and a NumPy number where it would otherwise
meet only its like: Python's own arithmetic raises errors where NumPy gives an infinity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphlang.emit.chain import Chain, Step
from graphlang.emit.formulas import is_number
from graphlang.emit.kernels import ATOM, PRODUCT, UNARY, Kernels
from graphlang.emit.python_text import NUMPY, array_text, literal, number_text
from graphlang.emit.writer import Names, quoted, without_result
from graphlang.graph.node import Node
from graphlang.graph.show import Text
from graphlang.ops import registry
from graphlang.types.dims import Dim

# Operations that treat a Python number as NumPy's own, as long as another operand is an array.
_TAKES_NUMBERS = frozenset(("maximum", "minimum", "where", "pow"))
# An operand's formula may be this long.
MAX_INLINE = 48


@dataclass(frozen=True, slots=True)
class Home:
    """What all functions of a script share."""

    of: Node | None
    kernels: Kernels
    chain: Chain
    grad_names: Mapping[Node, str]
    size_text: Callable[[int | Dim], str]


class Block:
    """The statements of one function, in order."""

    def __init__(
        self,
        home: Home,
        uses: Mapping[Node, int],
        kept: set[Node],
        called: dict[Node, str],
        names: Names,
        max_inline: int = MAX_INLINE,
    ):
        self.home = home
        self._uses, self._kept, self._called, self._names = uses, kept, called, names
        self._max_inline = max_inline
        # The nodes that were read by name, in order.
        self.used: dict[Node, None] = {}
        self._inlined: dict[Node, Text] = {}

    def take_over(self, earlier: Block) -> None:
        """Know the formulas of the function before."""
        self._inlined.update(earlier._inlined)

    def is_inlined(self, node: Node) -> bool:
        """Whether a node was written inside another's formula."""
        return node in self._inlined

    def statement(self, node: Node) -> list[str]:
        """The line for a node; none if it is written inside another's formula."""
        if is_number(node):
            return []
        text = self._formula(node)
        if (
            node not in self._kept
            and node not in self._called
            and not node.is_leaf
            and self._uses.get(node, 0) <= 1
            and len(text.text) <= self._max_inline
        ):
            self._inlined[node] = text
            return []
        if node not in self._called:
            self._called[node] = self._names.take(without_result(node.path, self.home.of))
        return [f"{self._called[node]} = {text.text}"]

    def _formula(self, node: Node) -> Text:
        if node.is_const:
            value = node.attrs["value"]
            if isinstance(value, np.ndarray):
                return Text(f"np.array({array_text(value)}, dtype={NUMPY[node.type.dtype]})", ATOM)
            return Text(f"{NUMPY[node.type.dtype]}({literal(node).text})", ATOM)
        if node.is_leaf:
            return Text(f"params[{quoted(node.path)}]", ATOM)
        op = registry.find(node.op)
        if node.op == "transpose" and node.inputs[0].type.rank == 2:
            return Text(f"{self.number_or_operand(node.inputs[0]).within(ATOM)}.T", ATOM)
        return self.home.kernels.call(op, self._operands(node), node.attrs)

    def _operands(self, node: Node) -> list[Text]:
        chain = self.home.chain
        inputs: Sequence[Node | Step] = chain.operands(node) if chain.is_step(node) else node.inputs
        op = registry.find(node.op)
        takes_numbers = op.infix is not None or node.op in _TAKES_NUMBERS
        # A condition is no array that a number could meet.
        has_array = any(isinstance(n, Step) or self._bare(n) is None for n in inputs[-2:])
        texts = []
        for n in inputs:
            if isinstance(n, Step):
                texts.append(self.step(n))
                continue
            bare = self._bare(n) if takes_numbers and has_array else None
            texts.append(bare if bare is not None else self.number_or_operand(n))
        return texts

    def step(self, step: Step) -> Text:
        """A gradient under its name, perhaps times a value."""
        name = Text(self.home.grad_names[step.through], ATOM)
        if step.times is None:
            return name
        times = self._bare(step.times) or self.number_or_operand(step.times)
        return Text(f"{name.text} * {times.within(UNARY)}", PRODUCT)

    def _bare(self, node: Node) -> Text | None:
        """A number or size as Python's own; None for anything else."""
        if node.op == "to_float" and node not in self._called and node.inputs[0].op == "size_value":
            node = node.inputs[0]
        if node.is_named or not is_number(node):
            return None
        if node.op == "size_value":
            size = node.attrs["value"]
            if not isinstance(size, Dim):
                return number_text(size)
            text = self.home.size_text(size)
            return Text(text, ATOM if text.isidentifier() else 0)
        return literal(node)

    def number_or_operand(self, node: Node) -> Text:
        """An operand as an array or NumPy number."""
        if node.op == "size_value" and node not in self._called:
            return self.home.kernels.call(registry.find("size_value"), (), node.attrs)
        if is_number(node):
            return Text(f"{NUMPY[node.type.dtype]}({literal(node).text})", ATOM)
        found = self._inlined.get(node)
        if found is not None:
            return found
        self.used.setdefault(node)
        return Text(self._called[node], ATOM)
