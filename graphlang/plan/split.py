"""Which part of a graph can be computed on some rows of a batch at a time, and what is added up afterwards.

Every node is one of four things:

- *whole*: it does not depend on the rows, and is the same for all of them;
- *rows*: it has an axis of rows, and each of them comes from the same rows of the operands alone;
- *partial*: it has no such axis, and for the whole batch it is the sum of what it is for the parts of it;
- *after*: it depends on partial nodes in another way, so it waits until these are added up.

So a batch can be cut into parts, which different threads compute, if nothing is in a fifth way: rows that
depend on sums over all rows (batch normalisation), drawn numbers (dropout), or an operation not known here.
A mean over the rows is divided by their number in the whole batch, and a size is that of the whole batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from graphlang.graph.dag import ancestors
from graphlang.graph.node import CONST, INPUT, Node
from graphlang.ops.rules import elementwise
from graphlang.plan.combine import find
from graphlang.plan.schedule import resolve, shape_of
from graphlang.records import Record
from graphlang.types.dims import Dim, names_of
from graphlang.types.tensor import DType, TensorType


class Role(Enum):
    """How a node depends on the rows."""

    WHOLE = "whole"
    ROWS = "rows"
    PARTIAL = "partial"
    AFTER = "after"


class Split(Record):
    """A graph in two: what is computed for each part of the rows, and what is computed from their sums.

    Attributes
    ----------
    roles : dict of Node to Role
        Of the nodes as they were.
    axis : dict of Node to int
        The axis of the rows.
    nodes : list of Node
        The graph for a part, in topological order.
    now : dict of Node to Node
        Node as it was -> the node of `nodes` that computes it.
    after : list of Node
        The graph of what comes after; its leaves of kind input include the sums.
    sums : dict of Node to Node
        Partial node as it was -> the leaf of `after` that stands for its sum.
    then : dict of Node to Node
        Node as it was -> the node of `after` that computes it.
    """

    roles: Mapping[Node, Role]
    axis: Mapping[Node, int]
    nodes: list[Node]
    now: Mapping[Node, Node]
    after: list[Node]
    sums: Mapping[Node, Node]
    then: Mapping[Node, Node]


def split(nodes: Iterable[Node], wanted: Iterable[Node], rows: str, sizes: Mapping[str, int]) -> Split | None:
    """Split a graph by the free size `rows`; None where that cannot be done.

    Parameters
    ----------
    nodes : iterable of Node
        In topological order.
    wanted : iterable of Node
        What is asked of it.
    rows : str
        The free size that counts the rows.
    sizes : mapping of str to int
        All free sizes, for the whole batch.
    """
    wanted = list(wanted)
    needed = ancestors(wanted)
    order = [n for n in nodes if n in needed]
    roles: dict[Node, Role] = {}
    axis: dict[Node, int] = {}
    for node in order:
        role = _Asking(node, rows, roles, axis).role()
        if role is None:
            return None
        roles[node] = role
        if role is Role.ROWS:
            axis[node] = _row_axes(node, rows)[0]
    if not any(role is Role.PARTIAL for role in roles.values()):
        return None
    if not all(_is_proportional(n.shape[k], rows, sizes) for n, k in axis.items()):
        return None
    made, now = _for_a_part(order, roles, rows, sizes)
    return Split(roles, axis, made, now, *_afterwards(order, wanted, roles, now))


def _row_axes(node: Node, rows: str) -> list[int]:
    return [k for k, s in enumerate(node.shape) if not isinstance(s, int) and rows in names_of(s)]


def _is_proportional(size: Any, rows: str, sizes: Mapping[str, int]) -> bool:
    """Whether an axis has a fixed number of entries for every row."""
    once = {**sizes, rows: 1}
    return all(int(resolve(size, {**sizes, rows: n})) == n * int(resolve(size, once)) for n in (2, 5))


# --- roles -------------------------------------------------------------------------------------------

_ARITHMETIC = {"add", "sub", "mul", "div", "floordiv", "mod", "pow", "maximum", "minimum", "clip"}
_LOGIC = {"eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "where"}
# Each entry of the result comes from the entries of the operands in its place.
_ENTRIES = frozenset({*_ARITHMETIC, *_LOGIC, "to_float", "to_int", "to_bool"})
_REDUCING = {"sum", "mean", "var", "std", "norm", "prod", "reduce_max", "reduce_min", "any", "all"}
_ALONG = frozenset({*_REDUCING, "argmax", "argmin", "logsumexp", "softmax", "log_softmax", "cumsum", "flip"})
_POOLING = {"max_pool2d", "max_unpool2d", "max_pick2d", "avg_pool2d", "avg_unpool2d", "global_avg_pool2d"}
_FIRST_AXIS = frozenset({*_POOLING, "conv2d", "conv_transpose2d", "conv1d", "reshape", "flatten"})
_ANY_AXIS = frozenset({"transpose", "permute", "squeeze", "expand", "one_hot"})
# Sums go through these as they are.
_MOVING = {"reshape", "flatten", "squeeze", "expand", "transpose", "permute", "index", "unindex", "assemble"}
_LINEAR = frozenset({*_MOVING, "neg", "sum", "broadcast", "identity"})


class _Asking:
    """One node, and what is known of its operands."""

    def __init__(self, node: Node, rows: str, roles: Mapping[Node, Role], axis: Mapping[Node, int]):
        self._node, self._rows, self._roles, self._axis = node, rows, roles, axis
        self._at = _row_axes(node, rows)
        self._of = {roles[n] for n in node.inputs}

    def role(self) -> Role | None:
        """What the node is; None if it is in none of the ways that can be split."""
        node = self._node
        if node.is_leaf or not node.inputs or self._of == {Role.WHOLE}:
            return self._from_whole()
        if Role.ROWS not in self._of:
            return None if self._at else self._from_sums()
        if self._of - {Role.ROWS, Role.WHOLE}:
            return None
        if not self._at:
            return Role.PARTIAL if self._adds_up() else None
        return Role.ROWS if len(self._at) == 1 and self._keeps_rows_apart() else None

    def _from_whole(self) -> Role | None:
        node = self._node
        if not node.is_leaf and find(node.op).is_random:
            return None
        if not self._at:
            return Role.WHOLE
        is_alike = node.op in ("broadcast", "full", INPUT)
        return Role.ROWS if is_alike and len(self._at) == 1 else None

    def _from_sums(self) -> Role:
        name, inputs = self._node.op, self._node.inputs
        kinds = [self._roles[n] for n in inputs]
        if Role.AFTER in self._of:
            return Role.AFTER
        is_sum = (
            (name in _LINEAR and self._of == {Role.PARTIAL})
            or (name in ("add", "sub") and self._of == {Role.PARTIAL})
            or (name == "mul" and kinds.count(Role.PARTIAL) == 1)
            or (name == "div" and kinds == [Role.PARTIAL, Role.WHOLE])
        )
        return Role.PARTIAL if is_sum else Role.AFTER

    def _adds_up(self) -> bool:
        """Whether the rows are summed over, and nothing else is done with them."""
        node, inputs = self._node, self._node.inputs
        if node.op in ("sum", "mean"):
            return True
        if any(n not in self._axis for n in inputs):
            return False
        if node.op == "matmul":
            x, y = inputs
            ranks = len(x.shape), len(y.shape)
            return min(ranks) > 1 and self._axis[x] == ranks[0] - 1 and self._axis[y] == ranks[1] - 2
        if node.op == "scatter_add":
            return all(self._axis[n] == 0 for n in inputs) and node.attrs["axis"] == 0
        return node.op == "conv2d_weights" and all(self._axis[n] == 0 for n in inputs)

    def _keeps_rows_apart(self) -> bool:
        node = self._node
        name, (at,), first = node.op, self._at, node.inputs[0]
        if name in _ENTRIES or name == "broadcast" or find(name).rule is elementwise:
            return self._meets_entry_by_entry(len(node.shape) - at)
        if name in _ALONG:
            k = self._axis[first]
            axis = node.attrs.get("axis")
            axes = axis if isinstance(axis, tuple) else (axis,)
            return all(a is not None and a % len(first.shape) != k for a in axes)
        if name in _FIRST_AXIS:
            with_rows = [n for n in node.inputs if n in self._axis]
            others = [n for n in node.inputs if n not in self._axis]
            filters = others == list(node.inputs[1:]) and name.startswith("conv")
            return at == 0 and all(self._axis[n] == 0 for n in with_rows) and (not others or filters)
        if name in _ANY_AXIS:
            return True
        if name == "matmul":
            return self._multiplies_row_by_row()
        if name in ("index", "unindex"):
            return self._takes_all(first if name == "index" else node, [node.attrs["items"]])
        if name == "assemble":
            return self._takes_all(node, node.attrs["items"])
        if name == "concat":
            return bool(node.attrs["axis"] % len(node.shape) != at)
        if name == "gather":
            along = node.attrs["axis"] % len(first.shape)
            return along != 0 and all(self._axis.get(n) == 0 for n in node.inputs)
        return (name == "stack" and all(n in self._axis for n in node.inputs)) or (
            name == "take" and first not in self._axis
        )

    def _meets_entry_by_entry(self, from_end: int) -> bool:
        for n in self._node.inputs:
            if n in self._axis:
                if len(n.shape) - self._axis[n] != from_end:
                    return False
            elif len(n.shape) >= from_end and n.shape[len(n.shape) - from_end] != 1:
                return False
        return True

    def _multiplies_row_by_row(self) -> bool:
        x, y = self._node.inputs
        ranks = len(x.shape), len(y.shape)
        if min(ranks) < 2:
            return False
        left = self._axis[x] - ranks[0] if x in self._axis else None
        right = self._axis[y] - ranks[1] if y in self._axis else None
        if left is None:
            return right != -2 and (right == -1 or ranks[0] < -right)  # type: ignore[operator]
        if right is None:
            return left != -1 and (left == -2 or ranks[1] < -left)
        return left == right and left < -2

    def _takes_all(self, node: Node, places: Iterable[Any]) -> bool:
        """Whether the indices leave the axis of the rows as it is."""
        rows = _row_axes(node, self._rows)
        if len(rows) != 1 or any("..." in items for items in places):
            return False
        (k,) = rows
        return all(
            isinstance(i, tuple) and i[1:] == (None, None, None) for items in places for i in items[k : k + 1]
        )


# --- the two graphs -----------------------------------------------------------------------------------


def _for_a_part(
    order: list[Node], roles: Mapping[Node, Role], rows: str, sizes: Mapping[str, int]
) -> tuple[list[Node], dict[Node, Node]]:
    """The nodes that a part computes; what they divide by is the number of all rows."""
    made: list[Node] = []
    now: dict[Node, Node] = {}
    for node in order:
        if roles[node] is Role.AFTER:
            continue
        inputs = tuple(now[n] for n in node.inputs)
        found = node if inputs == node.inputs else _with_inputs(node, inputs)
        if node.op == "size_value":
            found = _number(node.path, int(resolve(node.attrs["value"], sizes)), DType.INT)
        elif node.op == "mean" and roles[node] is Role.PARTIAL:
            total = Node(f"{node.path}.sum", "sum", inputs, node.attrs, node.type, node.span, node.scope)
            entries, left = (math.prod(shape_of(n, sizes)) for n in (node.inputs[0], node))
            count = _number(f"{node.path}.count", entries / max(1, left), DType.FLOAT)
            found = _with_inputs(
                Node(node.path, "div", (), {}, node.type, node.span, node.scope), (total, count)
            )
            made += [total, count]
        made.append(found)
        now[node] = found
    return made, now


def _number(path: str, value: Any, dtype: DType) -> Node:
    return Node(path, CONST, (), {"value": value}, TensorType(dtype, ()))


def _with_inputs(node: Node, inputs: tuple[Node, ...]) -> Node:
    return Node(node.path, node.op, inputs, node.attrs, node.type, node.span, node.scope)


def _afterwards(
    order: list[Node], wanted: list[Node], roles: Mapping[Node, Role], now: Mapping[Node, Node]
) -> tuple[list[Node], dict[Node, Node], dict[Node, Node]]:
    """The nodes behind the sums, with leaves for these, and what depends on no row."""
    made: list[Node] = []
    sums: dict[Node, Node] = {}
    then: dict[Node, Node] = {}
    for node in order:
        role = roles[node]
        if role is Role.PARTIAL:
            sums[node] = Node(node.path, INPUT, (), {}, node.type)
            then[node] = sums[node]
        elif role is Role.AFTER:
            then[node] = _with_inputs(node, tuple(then[n] for n in node.inputs))
        elif role is Role.WHOLE:
            then[node] = now[node]
        else:
            continue
        made.append(then[node])
    reached = ancestors(then[n] for n in wanted if roles[n] is not Role.ROWS)
    used = {n: leaf for n, leaf in sums.items() if leaf in reached}
    return [n for n in made if n in reached], used, then


def rows_of(inputs: Iterable[Node]) -> str | None:
    """The free size that counts the rows of these inputs, if all have the same and have it first."""
    names: set[str] = set()
    for node in inputs:
        size = node.shape[0] if node.shape else None
        if not isinstance(size, Dim) or len(size.names) != 1 or size != Dim.of(*size.names):
            return None
        names |= size.names
    return names.pop() if len(names) == 1 else None
