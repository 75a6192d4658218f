"""Which nodes become statements and which are written inside another's formula.

A node without a name that is used once goes into the formula of its user, as long as the line stays short.
Nodes are met in topological order, so each formula is put together from the finished texts of its operands:
nothing recurses, and the work is linear in the length of what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np

from graphlang.emit.writer import Names
from graphlang.graph.node import Node
from graphlang.graph.show import (
    POSTFIX,
    PRODUCT,
    Text,
    constant_text,
    is_literal,
    literal,
    operation,
    value_text,
)
from graphlang.types.tensor import DType

# How long a formula may be that goes into another's.
MAX_INLINE = 48

Special = Callable[[Node, Callable[[Node], Text]], "Text | None"]
Group = Callable[[Node], tuple[Node, ...]]


def uses_of(nodes: Iterable[Node], operands: Callable[[Node], Iterable[Node]]) -> dict[Node, int]:
    """How often each node is used by the given ones."""
    uses: dict[Node, int] = {}
    for node in nodes:
        for operand in operands(node):
            uses[operand] = uses.get(operand, 0) + 1
    return uses


class Formulas:
    """Writes statements `name = formula`, one node after the other in topological order.

    Parameters
    ----------
    called : dict of Node to str
        Names that are known beforehand; every statement adds its own.
    kept : collection of Node
        Nodes that must be statements.
    uses : mapping of Node to int
    names : Names
        Where new names come from.
    wanted : function
        The name that a node without one would like.
    special : function, optional
        Formulas of nodes that are not written as their operation; None for all others.
    group : function, optional
        All results of the call that a node is a result of: they are bound by one statement.
    told : function, optional
        The node as it is written, with stand-ins among its operands.
    fits : function, optional
        Whether a node's formula may go into that of the only node that uses it; by default, if it is short.
    """

    def __init__(
        self,
        called: dict[Node, str],
        kept: Collection[Node],
        uses: Mapping[Node, int],
        names: Names,
        wanted: Callable[[Node], str],
        special: Special | None = None,
        group: Group | None = None,
        told: Callable[[Node], Node] = lambda node: node,
        fits: Callable[[Node, str], bool] = lambda _, text: len(text) <= MAX_INLINE,
    ):
        self.called = called
        self._kept = kept
        self._uses = uses
        self._names = names
        self._wanted = wanted
        self._special = special
        self._group = group
        self._told = told
        self._fits = fits
        self._bound: set[Node] = set()
        self._inlined: dict[Node, Text] = {}

    def operand(self, node: Node) -> Text:
        """A node as it is written where it is used."""
        if node not in self.called and is_number(node):
            return literal(node)
        found = self._inlined.get(node)
        return found if found is not None else Text(self.called[node], POSTFIX)

    def is_inlined(self, node: Node) -> bool:
        """Whether a node was written inside another's formula."""
        return node in self._inlined

    def formula(self, node: Node) -> Text:
        """The right-hand side of a node."""
        if node.is_const:
            return Text(constant_text(node), POSTFIX)
        found = self._special(node, self.operand) if self._special else None
        if found is not None:
            return found
        if node.op == "identity" and node.type.dtype is not DType.BOOL:
            return self.passed_on(node.inputs[0])
        told = self._told(node)
        if node.op == "unindex":
            return put_back(told, self.operand)
        return operation(told, self.operand, self.is_inlined)

    def passed_on(self, node: Node) -> Text:
        """The same value as a node of its own: `h = x` would only be another name."""
        text = self.operand(node)
        if self.is_inlined(node) or is_number(node):
            return text
        return Text(f"{text.within(PRODUCT)} * 1", PRODUCT)

    def statement(self, node: Node) -> list[str]:
        """The statement for a node; nothing if it will be written inside another's formula."""
        if node not in self.called and node not in self._kept and is_number(node):
            return []
        if node in self._bound:
            return []
        text = self.formula(node)
        together = self._group(node) if self._group else (node,)
        if len(together) > 1:
            self._bound.update(together)
            return [f"{', '.join([self.name(n) for n in together])} = {text.text}"]
        if self._goes_inside(node, text):
            self._inlined[node] = text
            return []
        name = self.name(node)
        return [f"{name} = {text.text}"]

    def name(self, node: Node) -> str:
        """The name of a node, a new one if it has none yet."""
        if node not in self.called:
            self.called[node] = self._names.take(self._wanted(node))
        return self.called[node]

    def _goes_inside(self, node: Node, text: Text) -> bool:
        return (
            node not in self.called
            and node not in self._kept
            and not node.is_const
            and self._uses.get(node, 0) <= 1
            and self._fits(node, text.text)
        )


def put_back(node: Node, text_of: Callable[[Node], Text]) -> Text:
    """The gradient of an index: zeros around the entries, or zeros with the entries put in their places."""
    shape, items = node.attrs["shape"], _spelled_out(node.attrs["items"], node.attrs["shape"])
    inner = text_of(node.inputs[0]).text
    slices = [(i, s) for i, s in zip(items, shape, strict=True) if isinstance(i, tuple) and i[3] == 1]
    widths = [(i[1], s - i[2]) for i, s in slices]
    if len(widths) == len(shape) and all(isinstance(w, int) and w >= 0 for pair in widths for w in pair):
        return Text(f"pad({inner}, widths = {value_text(tuple(widths))})", POSTFIX)
    return Text(f"unindex({inner}, items = {value_text(items)}, shape = {value_text(shape)})", POSTFIX)


def _spelled_out(items: tuple[Any, ...], shape: tuple[Any, ...]) -> tuple[Any, ...]:
    """An index with one item for every axis and all bounds as numbers: the language has no word for none."""
    at = items.index("...") if "..." in items else len(items)
    missing = len(shape) - (len(items) - ("..." in items))
    full = (*items[:at], *[("slice", None, None, None)] * missing, *items[at + 1 :])
    return tuple(_bounds(i, s) if isinstance(i, tuple) else i for i, s in zip(full, shape, strict=True))


def _bounds(item: tuple[Any, ...], size: Any) -> tuple[Any, ...]:
    _, start, stop, step = item
    step = 1 if step is None else step
    if step < 0:
        # Stopping below -size means going on to the first entry.
        return ("slice", -1 if start is None else start, -size - 1 if stop is None else stop, step)
    start, stop = 0 if start is None else start, size if stop is None else stop
    if not isinstance(size, int):
        return ("slice", start, stop, step)
    start, stop, _ = slice(start, stop).indices(size) if _are_known(start, stop) else (start, stop, 1)
    return ("slice", start, max(start, stop) if _are_known(start, stop) else stop, step)


def _are_known(*bounds: Any) -> bool:
    return all(isinstance(b, int) for b in bounds)


def is_number(node: Node) -> bool:
    """Whether a node is always written in its place: a number or size, but no array."""
    return is_literal(node) and not isinstance(node.attrs["value"], np.ndarray)
