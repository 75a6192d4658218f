"""A graph made smaller before it is compiled, without changing a bit of what is wanted of it.

- Nodes that compute the same from the same become one.
- The mask of a rectifier's gradient, `x > 0`, becomes `relu(x) > 0`, so that `x` need not be kept for it.
- The gradients of several slices of a wire, each as zeros around it and all of them added up, become one
  array into which each is written: `assemble`.

What is wanted keeps its node, so that whoever asks finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graphlang.graph.dag import ancestors, users
from graphlang.graph.node import Node
from graphlang.graph.op import Op
from graphlang.ops import registry
from graphlang.ops.rules import reduction
from graphlang.types.dims import Sizes
from graphlang.types.tensor import Shape, TensorType

# (items, what is put there); see `unindex`.
Part = tuple[tuple[Any, ...], Node]


def _assemble(*xs: Any, items: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Zeros of `shape`, with every x in the place that its items pick; the places are apart."""
    full = np.zeros(shape, np.asarray(xs[0]).dtype)
    for x, place in zip(xs, items, strict=True):
        # -0 becomes 0, as when the others' zeros are added to it.
        np.add(x, np.zeros((), full.dtype), out=full[selection(place)])
    return full


def selection(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """What NumPy is given to index with, so that it answers with a view, even of one entry."""
    rest = () if "..." in items else (...,)
    return (*(slice(*i[1:]) if isinstance(i, tuple) else ... if i == "..." else i for i in items), *rest)


def _inner(x: Any, y: Any, *, axis: Any = -1, keepdims: bool = False) -> Any:
    """The sum of the products of two arrays along the last axis."""
    found = np.vecdot(x, y)
    return found[..., None] if keepdims else found


def _like_the_first(sizes: Sizes, *types: TensorType, shape: Shape, **_attrs: Any) -> TensorType:
    return types[0].with_shape(shape)


def _along(sizes: Sizes, *types: TensorType, **attrs: Any) -> TensorType:
    return reduction(sizes, types[0], **attrs)


# Operations that only plans know: they are made here and compiled, and nobody writes or differentiates them.
INTERNAL: Mapping[str, Op] = {
    "assemble": Op(
        "assemble", _assemble, _like_the_first, wires=(), attrs=(), doc=_assemble.__doc__ or "", label="Σ put"
    ),
    "inner": Op("inner", _inner, _along, wires=(), attrs=(), doc=_inner.__doc__ or "", label="·"),
}


def find(name: str) -> Op:
    """The operation called `name`, of the language or of plans alone."""
    return INTERNAL.get(name) or registry.find(name)


def combined(nodes: Iterable[Node], wanted: Iterable[Node]) -> tuple[list[Node], dict[Node, Node]]:
    """The nodes that `wanted` needs, fewer where possible.

    Returns
    -------
    list of Node
        In topological order; what is wanted is computed by nodes of the same paths.
    dict of Node to Node
        The node that now computes what each of the old ones did.
    """
    wanted = set(wanted)
    needed = ancestors(wanted)
    return _Combining(wanted).all([n for n in nodes if n in needed])


class Rewriting:
    """Goes over a graph once, in order, and puts other nodes in the place of some.

    Attributes
    ----------
    now : dict of Node to Node
        Old node -> the one in its place, of those that were met.
    order : list of Node
        The new graph as far as it is made.
    """

    def __init__(self, nodes: list[Node], wanted: set[Node]):
        self._nodes, self._wanted = nodes, wanted
        self._users = users(nodes)
        self.now: dict[Node, Node] = {}
        self.order: list[Node] = []

    def rewritten(self, node: Node) -> Node | None:
        """What comes in the place of a node; None to leave it, with its new operands."""
        raise NotImplementedError

    def all(self) -> tuple[list[Node], dict[Node, Node]]:
        """The new graph, and for each old node the one in its place."""
        for node in self._nodes:
            found = self.rewritten(node)
            if found is None:
                inputs = tuple(self.now[i] for i in node.inputs)
                found = node if inputs == node.inputs else _with_inputs(node, inputs)
            self.now[node] = found
            self.order.append(found)
        return self.order, self.now

    def made(self, node: Node, op: str, inputs: tuple[Node, ...], attrs: Mapping[str, Any]) -> Node:
        """A node like another one that is computed otherwise."""
        return Node(node.path, op, inputs, attrs, node.type, node.span, node.scope)


class _Combining:
    def __init__(self, wanted: set[Node]):
        self._wanted = wanted
        self._new: dict[Node, Node] = {}
        self._seen: dict[Any, Node] = {}
        # The rectifier of a node, of those so far.
        self._rectified: dict[Node, Node] = {}
        # The slices that make up a node, where it is the sum of slices with zeros around them.
        self._parts: dict[Node, tuple[Part, ...]] = {}

    def all(self, order: list[Node]) -> tuple[list[Node], dict[Node, Node]]:
        made: list[Node] = []
        for node in order:
            found = self._one(node)
            self._new[node] = found
            made.append(found)
        self._share_one_use(made)
        result = self._assembled(list(dict.fromkeys(made)))
        kept = ancestors(self._new[n] for n in self._wanted)
        return [n for n in result if n in kept], self._new

    def _one(self, node: Node) -> Node:
        """The node with its new operands, or one that was there already and computes the same."""
        inputs = tuple(self._new[i] for i in node.inputs)
        if node.op == "gt" and _is_zero(inputs[1]):
            inputs = (self._rectified.get(inputs[0], inputs[0]), inputs[1])
        key: Any = None
        if node.is_const:
            value = node.attrs["value"]
            key = ("const", repr(value), node.type) if np.ndim(value) == 0 else None
        elif not node.is_leaf and not find(node.op).is_random:
            key = (node.op, repr(sorted(node.attrs.items())), tuple(map(id, inputs)), node.type.dtype)
        if node not in self._wanted and key is not None and key in self._seen:
            return self._seen[key]
        found = node if inputs == node.inputs else _with_inputs(node, inputs)
        if key is not None:
            self._seen.setdefault(key, found)
        if found.op == "relu":
            self._rectified.setdefault(inputs[0], found)
        return found

    def _share_one_use(self, made: list[Node]) -> None:
        self._uses: dict[Node, int] = {}
        for node in dict.fromkeys(made):
            for operand in node.inputs:
                self._uses[operand] = self._uses.get(operand, 0) + 1
        for node in self._wanted:
            self._uses[self._new[node]] = 2

    # --- slices ---------------------------------------------------------------------------------------

    def _assembled(self, order: list[Node]) -> list[Node]:
        """The nodes with sums of slices in one piece."""
        replaced: dict[Node, Node] = {}
        result: list[Node] = []
        for node in order:
            current = node
            if any(i in replaced for i in node.inputs):
                current = _with_inputs(node, tuple(replaced.get(i, i) for i in node.inputs))
            parts = self._parts_of(node, current)
            if parts:
                self._parts[node] = parts
            if len(parts) > 1:
                current = _assembly(node, parts)
            if current is not node:
                replaced[node] = current
            result.append(current)
        self._new = {old: replaced.get(new, new) for old, new in self._new.items()}
        return result

    def _parts_of(self, node: Node, current: Node) -> tuple[Part, ...]:
        if node.op == "unindex" and node.type.is_float and node.inputs[0].type.is_float:
            return ((tuple(node.attrs["items"]), current.inputs[0]),)
        if node.op != "add":
            return ()
        a, b = node.inputs
        if a is b or self._uses[a] > 1 or self._uses[b] > 1:
            return ()
        left, right = self._parts.get(a, ()), self._parts.get(b, ())
        if not left or not right or a.shape != b.shape:
            return ()
        return (*left, *right) if all(_are_apart(p, q) for p, _ in left for q, _ in right) else ()


def _assembly(node: Node, parts: tuple[Part, ...]) -> Node:
    attrs = {"items": tuple(items for items, _ in parts), "shape": node.shape}
    inputs = tuple(g for _, g in parts)
    return Node(node.path, "assemble", inputs, attrs, node.type, node.span, node.scope, node.is_named)


def _is_zero(node: Node) -> bool:
    return node.is_const and np.ndim(node.attrs["value"]) == 0 and bool(node.attrs["value"] == 0)


def _with_inputs(node: Node, inputs: tuple[Node, ...]) -> Node:
    return Node(node.path, node.op, inputs, node.attrs, node.type, node.span, node.scope, node.is_named)


def _are_apart(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    """Whether two indices never pick the same entry, as far as their numbers tell."""
    for p, q in zip(a, b, strict=False):
        if p == "..." or q == "...":
            return False
        one, other = _span(p), _span(q)
        if one is not None and other is not None and (one[1] <= other[0] or other[1] <= one[0]):
            return True
    return False


def _span(item: Any) -> tuple[float, float] | None:
    """The first place that is picked, and the one after the last, counted from the front."""
    if isinstance(item, int):
        return (item, item + 1) if item >= 0 else None
    if not isinstance(item, tuple) or item[3] not in (None, 1):
        return None
    start = 0 if item[1] is None else item[1]
    stop = float("inf") if item[2] is None else item[2]
    is_plain = all(isinstance(v, (int, float)) and v >= 0 for v in (start, stop))
    return (start, stop) if is_plain else None
