"""The statements of one function of an exported script.

A number in a formula is a Python number where it meets an array, and a NumPy number where it would otherwise
meet only its like: Python's own arithmetic raises errors where NumPy gives an infinity. Where everything is
in float64, functions of numbers are those that define them (`number_functions.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from graphlang.emit.formulas import is_number
from graphlang.emit.kernels import ATOM, Kernels
from graphlang.emit.python_text import NUMPY, array_text, literal, number_text
from graphlang.emit.writer import Names, quoted
from graphlang.graph.node import Node
from graphlang.graph.show import Text
from graphlang.ops import registry
from graphlang.plan.spelled import differs
from graphlang.types.dims import Dim
from graphlang.types.tensor import DType

# Operations that treat a Python number as NumPy's own, as long as another operand is an array.
_TAKES_NUMBERS = frozenset(("maximum", "minimum", "where", "pow"))


@dataclass(frozen=True, slots=True)
class Home:
    """What the functions of a script share.

    Attributes
    ----------
    kernels : Kernels
    size_text : function
        A size as Python writes it.
    uses : mapping of Node to int
    kept : collection of Node
        Nodes that must be variables.
    called : dict of Node to str
        The variables so far.
    names : Names
    wanted : function
        The name that a node without one would like.
    told : function
        A node as it is written, with stand-ins among its operands.
    fits : function
        Whether a node's formula may go into that of the only node that uses it.
    types : mapping of DType to str
        NumPy's types; `NUMPY` itself where the script computes in float64, come what may.
    """

    kernels: Kernels
    size_text: Callable[[int | Dim], str]
    uses: Mapping[Node, int]
    kept: Collection[Node]
    called: dict[Node, str]
    names: Names
    wanted: Callable[[Node], str]
    told: Callable[[Node], Node]
    fits: Callable[[Node, str], bool]
    types: Mapping[DType, str] = field(default_factory=lambda: NUMPY)


class Block:
    """The statements of one function, in order.

    Parameters
    ----------
    home : Home
    earlier : Block or None
        The function before, whose formulas are known here.
    """

    def __init__(self, home: Home, earlier: Block | None = None):
        self._home = home
        # The nodes that were read by name, in order.
        self.used: dict[Node, None] = {}
        self._inlined: dict[Node, Text] = earlier._inlined if earlier is not None else {}

    def is_inlined(self, node: Node) -> bool:
        """Whether a node was written inside another's formula."""
        return node in self._inlined

    def statement(self, node: Node) -> list[str]:
        """The line for a node; none if it is written inside another's formula."""
        if is_number(node):
            return []
        home, text = self._home, self._formula(node)
        if node not in home.called:
            is_free = node not in home.kept and not node.is_leaf and home.uses.get(node, 0) <= 1
            if is_free and home.fits(node, text.text):
                self._inlined[node] = text
                return []
            home.called[node] = home.names.take(home.wanted(node))
        return [f"{home.called[node]} = {text.text}"]

    def operand(self, node: Node) -> Text:
        """An operand as an array or NumPy number."""
        home = self._home
        if node.op == "size_value" and node not in home.called:
            return home.kernels.call(registry.find("size_value"), (), node.attrs)
        if is_number(node):
            return Text(f"{home.types[node.type.dtype]}({literal(node).text})", ATOM)
        found = self._inlined.get(node)
        if found is not None:
            return found
        self.used.setdefault(node)
        return Text(home.called[node], ATOM)

    def _formula(self, node: Node) -> Text:
        if node.is_const:
            value = node.attrs["value"]
            if isinstance(value, np.ndarray):
                return Text(f"np.array({array_text(value)}, dtype={self._home.types[node.type.dtype]})", ATOM)
            return Text(f"{self._home.types[node.type.dtype]}({literal(node).text})", ATOM)
        if node.is_leaf:
            return Text(f"params[{quoted(node.path)}]", ATOM)
        if node.op == "transpose" and node.inputs[0].type.rank == 2:
            return Text(f"{self.operand(node.inputs[0]).within(ATOM)}.T", ATOM)
        kernels, op = self._home.kernels, registry.find(node.op)
        if self._home.types is NUMPY and differs(node, op):
            operands = [self._bare(n) or self.operand(n) for n in self._home.told(node).inputs]
            return kernels.number_call(op, operands, node.attrs)
        return kernels.call(op, self._operands(node), node.attrs)

    def _operands(self, node: Node) -> list[Text]:
        inputs = self._home.told(node).inputs
        takes_numbers = node.op in _TAKES_NUMBERS or registry.find(node.op).infix is not None
        # A condition is no array that a number could meet.
        if not takes_numbers or all(self._bare(n) is not None for n in inputs[-2:]):
            return [self.operand(n) for n in inputs]
        return [self._bare(n) or self.operand(n) for n in inputs]

    def _bare(self, node: Node) -> Text | None:
        """A number or size as Python's own; None for anything else."""
        if node.op == "to_float" and node not in self._home.called and node.inputs[0].op == "size_value":
            node = node.inputs[0]
        if node.is_named or not is_number(node):
            return None
        size = node.attrs["value"]
        if not isinstance(size, Dim):
            return number_text(size)
        text = self._home.size_text(size)
        return Text(text, ATOM if text.isidentifier() else 0)
