"""The graph as a NetworkX DAG, and walks over it that need no recursion.

The stages pass lists of nodes in topological order, which is compact and quick to go over: 100,000 nodes
take milliseconds. Everything that is a question about graphs (levels, cycles, paths, cuts) is asked of the
`networkx.MultiDiGraph` that `to_networkx` makes from such a list.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

from graphlang.collector import paused_collector
from graphlang.graph.node import Node

if TYPE_CHECKING:
    import networkx as nx


@paused_collector()
def to_networkx(nodes: Iterable[Node]) -> nx.MultiDiGraph:
    """The nodes as a `networkx.MultiDiGraph`.

    Nodes are keyed by path and carry `node` (the `Node`), `op`, `shape`, `dtype`, `span`, `scope` and
    `is_named`. Edges run from operand to use, are keyed by the operand's position (`x * x` has two) and
    carry it as `position`. Nodes come in topological order, edges in the order of the operands.
    """
    import networkx as nx

    graph = nx.MultiDiGraph()
    # `add_node` and `add_edge` check for every edge what is known here: that it is new, and its ends are not.
    # So the dictionaries of the graph are filled directly, which takes a third of the time.
    data, successors, predecessors = graph._node, graph._succ, graph._pred
    for n in nodes:
        path, kind = n.path, n.type
        data[path] = {
            "node": n,
            "op": n.op,
            "shape": kind.shape,
            "dtype": kind.dtype._value_,  # `value` is a property, and takes longer than the rest
            "span": n.span,
            "scope": n.scope,
            "is_named": n.is_named,
        }
        successors[path] = {}
        before: dict[str, dict[int, dict[str, int]]] = {}
        predecessors[path] = before
        for position, operand in enumerate(n.inputs):
            origin = operand.path
            edges = before.get(origin)
            if edges is None:
                before[origin] = successors[origin][path] = {position: {"position": position}}
            else:
                edges[position] = {"position": position}
    return graph


def ancestors(roots: Iterable[Node]) -> set[Node]:
    """The roots and everything they are computed from."""
    found: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(n for n in node.inputs if n not in found)
    return found


def between(nodes: Iterable[Node], roots: Iterable[Node], ends: Container[Node | None]) -> list[Node]:
    """What the roots are computed from, as far as the `ends` and without them, in the order of `nodes`."""
    found: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in found and node not in ends:
            found.add(node)
            stack.extend(node.inputs)
    return [n for n in nodes if n in found]


def users(nodes: Iterable[Node]) -> dict[Node, list[Node]]:
    """For each node the nodes that use it, once per use, in order."""
    result: dict[Node, list[Node]] = {}
    for node in nodes:
        result.setdefault(node, [])
        for operand in node.inputs:
            result.setdefault(operand, []).append(node)
    return result
