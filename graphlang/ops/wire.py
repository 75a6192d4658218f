"""A handle on a node with `+ - * / @ ** ==`, so that gradient rules read like formulas.

Wires exist only while a graph is being built: `g * (1 - y * y)` adds three nodes through the builder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphlang.graph.node import Node
from graphlang.ops import registry
from graphlang.types.tensor import Shape, TensorType

if TYPE_CHECKING:
    from graphlang.ops.build import Builder


class Wire:
    """A node and the builder it belongs to."""

    __slots__ = ("builder", "node")

    def __init__(self, builder: Builder, node: Node):
        self.builder = builder
        self.node = node

    @property
    def type(self) -> TensorType:
        """The node's type."""
        return self.node.type

    @property
    def shape(self) -> Shape:
        """The node's shape; free sizes are symbolic."""
        return self.node.type.shape

    @property
    def value(self) -> Any:
        """The number of a scalar constant, None for any other node."""
        value = self.node.attrs.get("value") if self.node.is_const else None
        return value if isinstance(value, (bool, int, float)) else None

    def _do(self, name: str, *operands: Any) -> Wire:
        return self.builder.wire(registry.find(name), operands, {})

    def __add__(self, other: Any) -> Wire:
        return self._do("add", self, other)

    def __radd__(self, other: Any) -> Wire:
        return self._do("add", other, self)

    def __sub__(self, other: Any) -> Wire:
        return self._do("sub", self, other)

    def __rsub__(self, other: Any) -> Wire:
        return self._do("sub", other, self)

    def __mul__(self, other: Any) -> Wire:
        return self._do("mul", self, other)

    def __rmul__(self, other: Any) -> Wire:
        return self._do("mul", other, self)

    def __truediv__(self, other: Any) -> Wire:
        return self._do("div", self, other)

    def __rtruediv__(self, other: Any) -> Wire:
        return self._do("div", other, self)

    def __matmul__(self, other: Any) -> Wire:
        return self._do("matmul", self, other)

    def __pow__(self, other: Any) -> Wire:
        return self._do("pow", self, other)

    def __neg__(self) -> Wire:
        return self._do("neg", self)

    # Comparisons build nodes, as NumPy's build arrays; identity of wires is never asked.
    def __eq__(self, other: Any) -> Wire:  # type: ignore[override]
        return self._do("eq", self, other)

    def __lt__(self, other: Any) -> Wire:
        return self._do("lt", self, other)

    def __le__(self, other: Any) -> Wire:
        return self._do("le", self, other)

    def __gt__(self, other: Any) -> Wire:
        return self._do("gt", self, other)

    def __ge__(self, other: Any) -> Wire:
        return self._do("ge", self, other)

    __hash__ = None  # type: ignore[assignment]
