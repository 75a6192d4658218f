"""Which statement a node stands in, for comments that say through what a gradient arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from graphlang.graph.node import Node

MAX_COMMENT = 64


def hosts(
    forward: Sequence[Node], operands: Callable[[Node], Iterable[Node]], is_inlined: Callable[[Node], bool]
) -> dict[Node, list[Node]]:
    """For each node of a forward pass the statements in whose formulas it stands, the last one first."""
    users: dict[Node, list[Node]] = {}
    host: dict[Node, Node] = {}
    for node in reversed(forward):
        found = users.get(node, ())
        host[node] = found[0] if is_inlined(node) and len(found) == 1 else node
        for operand in operands(node):
            listed = users.setdefault(operand, [])
            if not listed or listed[-1] is not host[node]:
                listed.append(host[node])
    return users


def through(users: Sequence[Node], written: Mapping[Node, str], called: Mapping[Node, str]) -> str:
    """What uses a node: the statement if there is one, the names if there are several."""
    found = [n for n in users if n in written]
    if len(found) == 1:
        text = written[found[0]]
        return text if len(text) <= MAX_COMMENT else text[: MAX_COMMENT - 1] + "…"
    names = [called[n] for n in reversed(found) if n in called]
    if len(names) > 4:
        names = [*names[:3], f"{len(names) - 3} more"]
    return " and ".join(names)
