"""A graph made faster where it may take its sums in another order: for `--fast` and `--threads`.

Each rewrite gives the same numbers in exact arithmetic and nearly the same ones in floats:

- a sum of a sum is one sum;
- the sum of products along the last axis is an inner product;
- bias and rectifier come after a maximum over windows instead of before: both keep the order of numbers, and
  there are fewer of them afterwards. Their gradients are taken at the greatest entries alone.

Where entries of a window are equal after rounding but not before, the gradient of the last rewrite goes to
one of them instead of to all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from graphlang.graph.node import Node
from graphlang.plan.combine import Rewriting


def loosened(nodes: Iterable[Node], wanted: Iterable[Node]) -> tuple[list[Node], dict[Node, Node]]:
    """The nodes of a `combined` graph, rewritten, and for each old node the one in its place."""
    return _Loosening(list(nodes), set(wanted)).all()


class _Loosening(Rewriting):
    """Goes over the nodes once, in order, and puts others in the place of some."""

    def __init__(self, nodes: list[Node], wanted: set[Node]):
        super().__init__(nodes, wanted)
        self._pools = dict(_pools(nodes, self._users, wanted))
        # The mask and the gradient inside of each rewritten pool, by their old nodes.
        self._sources: dict[Node, Node] = {}
        for pool in self._pools.values():
            self._sources[pool.gradient] = pool.pooled

    def rewritten(self, node: Node) -> Node | None:
        """What comes in the place of a node; None to leave it, with its new operands."""
        if node.op == "sum":
            return self._sum(node)
        if node in self._pools:
            return self._pooled(self._pools[node])
        if node in self._sources:
            return self._unpooled(self._pools[self._sources[node]])
        return None

    # --- sums ---------------------------------------------------------------------------------------------

    def _sum(self, node: Node) -> Node | None:
        (x,), axes = node.inputs, _axes(node)
        if x in self._sources:
            pool = self._pools[self._sources[x]]
            if {0, 2, 3} >= axes >= {2, 3}:
                # What is spread over the windows has the sum that it had before.
                return self.made(node, "sum", (self.now[pool.masked],), node.attrs)
        is_inner = x.op == "sum" and x not in self._wanted and len(self._users[x]) == 1
        if is_inner and x.attrs["keepdims"]:
            inner, both = x.inputs[0], axes | _axes(x)
            source = self.now[inner]
            if inner in self._sources and {0, 2, 3} >= both >= {2, 3}:
                source = self.now[self._pools[self._sources[inner]].masked]
            return self._reduced_like(node, source, tuple(sorted(both)))
        is_last = axes == {len(x.shape) - 1} and x.op == "mul" and len(self._users[x]) == 1
        if (
            is_last
            and x not in self._wanted
            and all(n.shape == x.shape for n in x.inputs)
            and node.type.is_float
        ):
            return self.made(node, "inner", tuple(self.now[n] for n in x.inputs), node.attrs)
        return None

    def _reduced_like(self, node: Node, x: Node, axes: tuple[int, ...]) -> Node:
        """The sum over several axes, of which the first sum kept its own as 1."""
        kept = x.type.with_shape(s for k, s in enumerate(x.shape) if k not in axes)
        total = Node(f"{node.path}.sum", "sum", (x,), {"axis": axes, "keepdims": False}, kept)
        self.order.append(total)
        return self.made(node, "reshape", (total,), {"shape": node.shape})

    # --- pools --------------------------------------------------------------------------------------------

    def _pooled(self, pool: _Pool) -> Node:
        """`relu(max_pool2d(z) + b)`, for `max_pool2d(relu(z + b))`."""
        node = pool.pooled
        z, bias = self.now[pool.raw], self.now[pool.bias]
        pool.least = Node(f"{node.path}.pool", "max_pool2d", (z,), node.attrs, node.type)
        shifted = Node(f"{node.path}.add", "add", (pool.least, bias), {}, node.type)
        self.order += [pool.least, shifted]
        return self.made(node, "relu", (shifted,), {})

    def _unpooled(self, pool: _Pool) -> Node:
        """The gradient by z: that of the pooled entries, masked, and then spread over the windows."""
        node, g, zero = pool.gradient, self.now[pool.incoming], self.now[pool.gradient.inputs[2]]
        assert pool.least is not None
        pooled = self.now[pool.pooled]
        mask = Node(f"{node.path}.mask", "gt", (pooled, self.now[pool.mask.inputs[1]]), {}, pool.mask_type)
        masked = Node(f"{node.path}.where", "where", (mask, g, zero), {}, g.type)
        self.order += [mask, masked]
        self.now[pool.masked] = masked
        z = self.now[pool.raw]
        return self.made(node, "max_unpool2d", (masked, z, pool.least), pool.pooled.attrs)


class _Pool:
    """`max_pool2d(relu(raw + bias))`, and the gradient by `raw + bias` as it flows back through both.

    `masked` stands for the gradient by the pooled entries.
    """

    def __init__(self, pooled: Node, raw: Node, bias: Node, gradient: Node, incoming: Node, mask: Node):
        self.pooled, self.raw, self.bias = pooled, raw, bias
        self.gradient, self.incoming, self.mask = gradient, incoming, mask
        self.masked = Node(f"{gradient.path}.masked", "where", (), {}, incoming.type)
        self.mask_type = mask.type.with_shape(pooled.shape)
        self.least: Node | None = None


def _pools(
    nodes: list[Node], used: Mapping[Node, list[Node]], wanted: set[Node]
) -> Iterable[tuple[Node, _Pool]]:
    for node in nodes:
        found = _pool_at(node, used, wanted) if node.op == "max_pool2d" else None
        if found is not None:
            yield node, found


def _pool_at(node: Node, used: Mapping[Node, list[Node]], wanted: set[Node]) -> _Pool | None:
    """The pool that ends in `node`, if everything between is used for its gradient alone."""
    relu = node.inputs[0]
    if relu.op != "relu" or relu.inputs[0].op != "add":
        return None
    total = relu.inputs[0]
    raw, bias = total.inputs
    is_bias = raw.shape == total.shape and len(raw.shape) == 4 and tuple(bias.shape[1:]) == (1, 1)
    if not is_bias or len(bias.shape) != 3 or any(np.any(np.asarray(b)) for b in (node.attrs["padding"],)):
        return None
    # The mask is taken from the rectified images: see `combine.py`.
    unpools, masks = ([n for n in used[relu] if n.op == op] for op in ("max_unpool2d", "gt"))
    others = len(used[relu]) - len(unpools) - len(masks)
    if len(unpools) != 1 or len(masks) != 1 or others != 1 or len(used[total]) != 1 or {relu, total} & wanted:
        return None
    (unpool,), (mask,) = unpools, masks
    is_gradient = unpool.op == "max_unpool2d" and unpool.inputs[1:] == (relu, node)
    if not is_gradient or len(used[unpool]) != 1 or len(used[mask]) != 1 or {unpool, mask} & wanted:
        return None
    gradient = used[unpool][0]
    if gradient.op != "where" or gradient.inputs[:2] != (mask, unpool) or gradient in wanted:
        return None
    zero = gradient.inputs[2]
    if not all(n.is_const and n.shape == () and n.attrs["value"] == 0 for n in (zero, mask.inputs[1])):
        return None
    return _Pool(node, raw, bias, gradient, unpool.inputs[0], mask)


def _axes(node: Node) -> set[int]:
    rank, axis = len(node.inputs[0].shape), node.attrs["axis"]
    if axis is None:
        return set(range(rank))
    return {a % rank for a in (axis if isinstance(axis, tuple) else (axis,))}
