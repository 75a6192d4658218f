"""Making nodes: `Builder` applies operations, infers types and hands out paths.

Both the elaborator and the differentiator build graphs with it, so that a node is typed, promoted and
named by the same rules wherever it comes from. The nodes it has made are, in order, a topological order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from graphlang.graph.node import CONST, Node, Scope
from graphlang.graph.op import Op, RuleError
from graphlang.ops import registry
from graphlang.ops.wire import Wire
from graphlang.records import maker
from graphlang.source import Span
from graphlang.types.dims import Dim, Sizes
from graphlang.types.tensor import POISON, DType, TensorType

_RANKS = {DType.BOOL: 0, DType.INT: 1, DType.FLOAT: 2}
_BY_RANK = (DType.BOOL, DType.INT, DType.FLOAT)
# Least rank of the common kind: booleans take part in arithmetic as 0 and 1.
_LEAST_RANK = {"Number": 1, "Same": 0}
_IS_POISON = attrgetter("is_poison")
_FLOAT = DType.FLOAT  # what an enumeration holds takes a while to look up
_make_node = maker(Node)
_NO_ATTRS: Mapping[str, Any] = {}


class Builder:
    """A graph under construction.

    Attributes
    ----------
    nodes : list of Node
        All nodes in the order they were made, which is topological.
    sizes : Sizes
        What is known about free sizes.
    prefix, scope, span : str, str, Span or None
        Where the nodes made next are named, boxed and said to come from.
    """

    def __init__(self, sizes: Sizes | None = None):
        self.nodes: list[Node] = []
        self.sizes = sizes if sizes is not None else Sizes()
        self.scopes: dict[str, Scope] = {}
        self.prefix = ""
        self.scope = ""
        self.span: Span | None = None
        self._taken: set[str] = set()
        self._counters: dict[str, int] = {}
        self._consts: dict[tuple[type, Any], Node] = {}
        # The same for floats by themselves, without zeros, of which there are two, and NaN.
        self._floats: dict[float, Node] = {}
        self._size_nodes: dict[Dim, Node] = {}
        # The first so many nodes by the paths they have or had, once one was asked for.
        self._by_path: dict[str, Node] = {}
        self._indexed = 0

    # --- names ---------------------------------------------------------------------------------

    def unique(self, path: str) -> str:
        """`path`, or `path_2`, `path_3`, … if it is taken; the result is taken afterwards."""
        if path not in self._taken:
            self._taken.add(path)
            return path
        count = self._counters.get(path, 1)
        while True:
            count += 1
            candidate = f"{path}_{count}"
            if candidate not in self._taken:
                self._counters[path] = count
                self._taken.add(candidate)
                return candidate

    def child(self, name: str) -> str:
        """A fresh path for something called `name` under the current prefix."""
        path = f"{self.prefix}.{name}" if self.prefix else name
        if path in self._taken:
            return self.unique(path)
        self._taken.add(path)
        return path

    def reserve(self, path: str) -> None:
        """Mark a path as taken."""
        self._taken.add(path)

    def rename(self, node: Node, path: str, *, is_named: bool) -> None:
        """Give a node made here its final name."""
        node.path = path
        node.is_named = is_named
        self._taken.add(path)
        if self._indexed:
            self._by_path[path] = node

    def find(self, path: str) -> Node | None:
        """The node with a path: nearly always none, since every `x.T` might be one."""
        if path not in self._taken:
            return None
        for node in self.nodes[self._indexed :]:
            self._by_path[node.path] = node
        self._indexed = len(self.nodes)
        found = self._by_path.get(path)
        return found if found is not None and found.path == path else None

    # --- nodes ---------------------------------------------------------------------------------

    def add(self, node: Node) -> Node:
        """Append a finished node whose path is already unique."""
        self._taken.add(node.path)
        self.nodes.append(node)
        return node

    def const(self, value: Any, dtype: DType | None = None) -> Node:
        """The constant node for a number, a boolean or an array; equal scalars share one node."""
        if dtype is _FLOAT and type(value) is float and value in self._floats:
            return self._floats[value]
        if isinstance(value, Dim):
            return self.cast(self._size(value), dtype or DType.INT)
        if not isinstance(value, (bool, int, float)):
            return self._array_const(value, dtype)
        dtype = dtype or _dtype_of(value)
        plain: Any = {DType.FLOAT: float, DType.INT: int, DType.BOOL: bool}[dtype](value)
        # repr keeps -0.0 apart from 0.0 and makes NaN equal to itself.
        key = (type(plain), repr(plain))
        node = self._consts.get(key)
        if node is None:
            node = Node(self.unique(str(plain).lower()), CONST, (), {"value": plain}, TensorType(dtype, ()))
            self.nodes.append(node)
            self._consts[key] = node
        if type(plain) is float and plain and plain == plain:
            self._floats[plain] = node
        return node

    def _size(self, value: Dim) -> Node:
        node = self._size_nodes.get(value)
        if node is None:
            node = self._size_nodes[value] = self.apply(registry.find("size_value"), (), {"value": value})
        return node

    def _array_const(self, value: Any, dtype: DType | None) -> Node:
        array = np.asarray(value)
        kind = dtype or _array_dtype(array)
        array = np.array(array, dtype={DType.FLOAT: np.float64, DType.INT: np.int64, DType.BOOL: bool}[kind])
        array.setflags(write=False)
        return self.add(
            Node(
                self.child(CONST),
                CONST,
                (),
                {"value": array},
                TensorType(kind, array.shape),
                self.span,
                self.scope,
            )
        )

    def apply(
        self,
        op: Op,
        operands: Sequence[Node | int | float | bool],
        attrs: Mapping[str, Any] = _NO_ATTRS,
        path: str | None = None,
    ) -> Node:
        """Add the node for one operation.

        Operands are nodes or Python numbers; they are converted to the kinds that the operation accepts.
        Raises `RuleError` when they do not fit.
        """
        inputs = self.promote(op, operands)
        name, sizes = op.name, self.sizes
        sizes.span = span = self.span
        if len(inputs) == 2 and not attrs:
            # Most operations are of this sort; its types are passed on without a list of them.
            a, b = inputs[0].type, inputs[1].type
            kind = POISON if a.is_poison or b.is_poison else op.rule(sizes, a, b)
        else:
            types = [n.type for n in inputs]
            is_poisoned = any(map(_IS_POISON, types))
            kind = POISON if is_poisoned else op.rule(sizes, *types, **attrs)
        node = _make_node(path or self.child(name), name, inputs, attrs, kind, span, self.scope)
        self.nodes.append(node)
        return node

    def poison(self) -> Node:
        """A node that stands for something that could not be made."""
        return self.add(Node(self.unique("?"), CONST, (), {"value": 0.0}, POISON, self.span, self.scope))

    # --- kinds ---------------------------------------------------------------------------------

    def promote(self, op: Op, operands: Sequence[Node | int | float | bool]) -> tuple[Node, ...]:
        """The operands as nodes of the kinds that `op` accepts."""
        if op.takes_floats:
            # By far the most frequent cases: floats all round, nothing to convert; or numbers among floats.
            has_numbers = has_floats = False
            for value in operands:
                if type(value) is not Node:
                    has_numbers = True
                elif value.type.dtype is _FLOAT:
                    has_floats = True
                else:
                    break
            else:
                if not has_numbers:
                    return tuple(operands)  # type: ignore[arg-type]
                if has_floats and op.joins_floats:
                    return tuple([v if type(v) is Node else self.const(v, _FLOAT) for v in operands])
        kinds = [op.wire_kind(i) for i in range(len(operands))]
        common = self._common_kind(kinds, operands)
        return tuple(
            self._convert(value, kind, common, op, i)
            for i, (value, kind) in enumerate(zip(operands, kinds, strict=True))
        )

    def _common_kind(self, kinds: list[str], operands: Sequence[Node | int | float | bool]) -> DType:
        rank = 0
        for kind, value in zip(kinds, operands, strict=True):
            if kind in _LEAST_RANK:
                dtype = value.type.dtype if isinstance(value, Node) else _dtype_of(value)
                rank = max(rank, _LEAST_RANK[kind], _RANKS[dtype])
        return _BY_RANK[rank]

    def _convert(
        self, value: Node | int | float | bool, kind: str, common: DType, op: Op, position: int
    ) -> Node:
        wanted = DType.FLOAT if kind == "Float" else common if kind in _LEAST_RANK else None
        if not isinstance(value, Node):
            return self._checked(self.const(value, wanted), kind, op, position)
        if wanted is None or value.type.dtype is wanted or value.type.is_poison:
            return self._checked(value, kind, op, position)
        return self.cast(value, wanted)

    def _checked(self, node: Node, kind: str, op: Op, position: int) -> Node:
        wanted = {"Int": DType.INT, "Bool": DType.BOOL}.get(kind)
        if wanted is None or node.type.dtype is wanted or node.type.is_poison:
            return node
        raise RuleError(
            f"`{op.name}` needs {_KIND_WORDS[wanted]} here, but `{{{position}}}` is {node.type.dtype}"
            f" (its type is {node.type}).",
            operand=position,
            code="E0403",
        )

    def cast(self, node: Node, dtype: DType) -> Node:
        """`node` converted to `dtype`; a constant is converted at once."""
        if node.type.dtype is dtype:
            return node
        if node.is_const and node.span is None:
            return self.const(node.attrs["value"], dtype)
        return self.apply(registry.find(f"to_{dtype}"), (node,))

    # --- formulas ------------------------------------------------------------------------------

    def wire(self, op: Op, operands: Iterable[Any], attrs: Mapping[str, Any]) -> Wire:
        """Apply an operation to wires, filling in the attributes that have defaults."""
        full = {**op.defaults, **attrs} if op.attrs else attrs
        nodes = [o.node if isinstance(o, Wire) else o for o in operands]
        return Wire(self, self.apply(op, nodes, full))


_KIND_WORDS = {DType.INT: "integers", DType.BOOL: "true/false values"}


def _dtype_of(value: object) -> DType:
    if isinstance(value, bool):
        return DType.BOOL
    return DType.INT if isinstance(value, (int, Dim)) else DType.FLOAT


def _array_dtype(array: np.ndarray) -> DType:
    return {"b": DType.BOOL, "i": DType.INT, "u": DType.INT}.get(array.dtype.kind, DType.FLOAT)
