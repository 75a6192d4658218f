"""Free sizes in an exported script: `N = x.shape[0]`, read off the inputs at the start of each function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphlang.emit.writer import Names
from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.graph.show import size_text
from graphlang.types.dims import Dim, names_of, solve


class FreeSizes:
    """The free sizes of a model's inputs, as variables.

    Parameters
    ----------
    model : Model
    names : Names
        Where the variables get their names.
    called : mapping of Node to str
        The variables of the inputs.
    """

    def __init__(self, model: Model, names: Names, called: Mapping[Node, str]):
        self._inputs, self._called = model.inputs.values(), called
        found = dict.fromkeys(name for node in self._inputs for name in sorted(node.type.names))
        self.variables = {name: names.take(name) for name in found}

    def variable(self, name: str) -> str:
        """The variable that holds a free size."""
        return self.variables.get(name, name)

    def text(self, size: int | Dim) -> str:
        """A size as Python writes it."""
        return size_text(size, self.variable)

    def names_at(self, nodes: Iterable[Node], values: Iterable[Any] = ()) -> list[str]:
        """The free sizes that occur in the formulas of nodes and in compile-time values."""
        if not self.variables:
            return []
        near = (value for node in nodes for value in _attrs_near(node))
        found = {name for value in (*near, *values) for name in names_in(value)}
        return [name for name in self.variables if name in found]

    def lines(self, names: Iterable[str]) -> Iterator[str]:
        """The statements that bind free sizes."""
        for name in names:
            source = self._source(name)
            if source is not None:
                yield f"{self.variables[name]} = {source[1]}"

    def sources(self, names: Iterable[str]) -> Iterator[Node]:
        """The inputs that those statements read."""
        found = map(self._source, names)
        return (source[0] for source in found if source is not None)

    def checks(self) -> Iterator[str]:
        """That the inputs' shapes agree with one another."""
        for node in self._inputs:
            if any(isinstance(s, Dim) for s in node.shape):
                shape = ", ".join(map(self.text, node.shape)) + ("," if len(node.shape) == 1 else "")
                yield f"assert {self._called[node]}.shape == ({shape}), {self._called[node]}.shape"

    def _source(self, name: str) -> tuple[Node, str] | None:
        """The input that tells a free size, and how: `N` itself is an axis, or `factor * N + rest` is."""
        axes = [(n, axis, size) for n in self._inputs for axis, size in enumerate(n.shape)]
        for node, axis, size in axes:
            if size == Dim.of(name):
                return node, f"{self._called[node]}.shape[{axis}]"
        for node, axis, size in axes:
            if isinstance(size, Dim) and names_of(size) == {name}:
                rest, total = size.substitute({name: 0}), size.substitute({name: 1})
                if isinstance(rest, int) and isinstance(total, int) and solve(size, total) == (name, 1):
                    return node, _solved(f"{self._called[node]}.shape[{axis}]", total - rest, rest)
        return None


def _solved(text: str, factor: int, rest: int) -> str:
    if factor == 1:
        return f"{text} - {rest}" if rest else text
    return f"({text} - {rest}) // {factor}" if rest else f"{text} // {factor}"


def names_in(value: Any) -> set[str]:
    """The free sizes in a compile-time value."""
    if isinstance(value, Dim):
        return set(names_of(value))
    return {n for v in value for n in names_in(v)} if isinstance(value, tuple) else set()


def _attrs_near(node: Node) -> Iterator[Any]:
    """A node's attributes, and those of the sizes that it is written with."""
    yield from node.attrs.values()
    for operand in node.inputs:
        inner = operand.inputs[0] if operand.op == "to_float" else operand
        if inner.op == "size_value":
            yield from inner.attrs.values()
