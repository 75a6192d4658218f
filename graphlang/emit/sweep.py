"""The backward pass in the order in which it is told: step by step, each under a comment.

A step goes through one statement of the forward pass: `# through q = x + y`. Under the comment stand what
the statement's operations send back and the gradients that are complete with it; one that is only a further
name (`grad_x = grad_q`) is told as soon as the pass has left the step that made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from graphlang.emit.formulas import is_number
from graphlang.emit.gradients import Gradients, is_zero
from graphlang.graph.node import Node

_MAX_COMMENT = 64
# A line that would get longer goes without its remark.
_MAX_LINE = 110
# More statements than these are counted.
_MAX_NAMES = 4
_NOT_REACHED = "not reached by the gradient"


class Hosts(NamedTuple):
    """In which statements of the forward pass its nodes stand.

    Attributes
    ----------
    of : mapping of Node to Node
        Each node with the one whose statement it stands in.
    back : mapping of Node to list of Node
        Each node with the statements through which its gradient arrives, the last one first.
    """

    of: Mapping[Node, Node]
    back: Mapping[Node, list[Node]]


class Sweep:
    """Puts the statements of a backward pass in order and comments on them.

    Parameters
    ----------
    gradients : Gradients
    hosts : Hosts
    written : mapping of Node to str
        The statements of the forward pass so far.
    called : mapping of Node to str
    operand : function
        How a node is written where it is used.
    remark : function
        What stands behind the gradient of a told node.
    """

    def __init__(
        self,
        gradients: Gradients,
        hosts: Hosts,
        written: Mapping[Node, str],
        called: Mapping[Node, str],
        operand: Callable[[Node], str],
        remark: Callable[[Node], str] = lambda _: "",
    ):
        self._gradients, self._hosts = gradients, hosts
        self._written, self._called = written, called
        self._operand, self._remark = operand, remark
        self._sender = {part: path for (path, _), part in gradients.model.parts.items()}
        # The statements in the order in which the pass comes to them, from the result back.
        self._turns = {node: i for i, node in enumerate(hosts.of)}
        self._comment = ""
        self._comments: dict[Node, str] = {}
        # Statements that wait for the comment of their step, and further names that wait for its end.
        self._held: list[str] = []
        self._waiting: list[Node] = []

    def head(self) -> Iterator[str]:
        """The gradient that the pass starts from."""
        g = self._gradients
        assert g.of is not None
        yield f"{g.names[g.of]} = {self._operand(g.one)}{self._remark(g.of)}"
        for shared, nodes in g.aliases.items():
            if shared is g.one or not (is_number(shared) or g.is_step(shared)):
                self._waiting += nodes

    def step(self, node: Node, lines: Sequence[str]) -> Iterator[str]:
        """The statements for a node; none if it stands in another's formula."""
        if not lines:
            return
        x = self._gradients.labels.get(node)
        remark = self._remark(x) if x is not None else ""
        self._held += [line + remark if len(line + remark) <= _MAX_LINE else line for line in lines]
        comment = self._through(node)
        if comment:
            if comment != self._comment:
                yield from self._left()
            yield from self._announced(comment)
            yield from self._released()
        self._waiting += self._gradients.aliases.get(node, ())

    def aside(self, lines: Sequence[str]) -> Iterator[str]:
        """Statements that only use gradients."""
        if lines:
            yield from self._released()
            yield from lines
            self._comment = ""

    def rest(self) -> Iterator[str]:
        """What is left: gradients that are numbers."""
        yield from self._released()
        yield from self._left()
        g = self._gradients
        for shared, nodes in g.aliases.items():
            if is_number(shared) and shared is not g.one:
                for x in nodes:
                    yield from self._alias(x)

    def _released(self) -> Iterator[str]:
        held, self._held = self._held, []
        yield from held

    def _left(self) -> Iterator[str]:
        """The further names of gradients, when a step is left."""
        waiting, self._waiting = sorted(self._waiting, key=self._turn), []
        for x in waiting:
            yield from self._alias(x)

    def _turn(self, x: Node) -> int:
        """When the pass comes to the last statement that uses `x`."""
        hosts = self._hosts.back.get(x)
        return self._turns[hosts[0]] if hosts else len(self._turns)

    def _alias(self, x: Node) -> Iterator[str]:
        yield from self._announced(self._used_by(x, self._gradients.nodes[x]))
        yield f"{self._gradients.names[x]} = {self._source(x)}{self._remark(x)}"

    def _source(self, x: Node) -> str:
        """What a further name stands for: the gradient of the one statement that uses `x` if it is that."""
        g = self._gradients
        shared, hosts = g.nodes[x], self._hosts.back.get(x, ())
        if len(hosts) == 1 and hosts[0] in g.names and g.nodes[hosts[0]] is shared:
            return g.names[hosts[0]]
        return g.names[g.of] if shared is g.one and g.of is not None else self._operand(shared)

    # --- comments ------------------------------------------------------------------------------

    def _announced(self, comment: str) -> Iterator[str]:
        if comment and comment != self._comment:
            self._comment = comment
            yield f"# {comment}"

    def _through(self, node: Node) -> str:
        """Through which statements a node's value arrives; nothing for parts of a rule's formula."""
        g = self._gradients
        x = g.labels.get(node)
        if x is None:
            sender = g.model.by_path.get(self._sender.get(node, ""))
            host = self._hosts.of.get(sender) if sender is not None else None
            if host is not None:
                return self._statements([host])
            x = g.goes_to(node)
        return self._used_by(x, node) if x is not None else ""

    def _used_by(self, x: Node, g: Node) -> str:
        if x not in self._comments:
            hosts = self._hosts.back.get(x, ())
            self._comments[x] = _NOT_REACHED if not hosts and is_zero(g) else self._statements(hosts)
        return self._comments[x]

    def _statements(self, hosts: Sequence[Node]) -> str:
        """One statement as it is written, several by their names."""
        found = [n for n in hosts if n in self._written]
        if not found:
            return ""
        if len(found) == 1:
            text = self._written[found[0]]
            return f"through {text if len(text) <= _MAX_COMMENT else text[: _MAX_COMMENT - 1] + '…'}"
        names = [self._called[n] for n in reversed(found) if n in self._called]
        if len(names) > _MAX_NAMES:
            names = [*names[: _MAX_NAMES - 1], f"{len(names) - _MAX_NAMES + 1} more"]
        return f"through {' and '.join(names)}"


def find_hosts(
    forward: Sequence[Node],
    operands: Callable[[Node], Iterable[Node]],
    is_inlined: Callable[[Node], bool],
    sends_back: Callable[[Node, Node], bool],
) -> Hosts:
    """Find out in which statements nodes stand, and through which their gradients arrive.

    Parameters
    ----------
    forward : sequence of Node
        The nodes of the forward pass in order.
    operands : function
        What a node is computed from.
    is_inlined : function
        Whether a node stands in another's formula.
    sends_back : function
        Whether a node sends a gradient back to an operand.
    """
    users: dict[Node, list[Node]] = {}
    back: dict[Node, list[Node]] = {}
    of: dict[Node, Node] = {}
    for node in reversed(forward):
        using = users.get(node, ())
        of[node] = using[0] if is_inlined(node) and len(using) == 1 else node
        for operand in operands(node):
            _append(users, operand, of[node])
            if sends_back(node, operand):
                _append(back, operand, of[node])
    return Hosts(of, back)


def _append(listed: dict[Node, list[Node]], node: Node, host: Node) -> None:
    so_far = listed.setdefault(node, [])
    if not so_far or so_far[-1] is not host:
        so_far.append(host)
