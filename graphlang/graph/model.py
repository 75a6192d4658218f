"""A model: the typed graph of one file, with all that is known about it.

This is what the elaborator makes and every later stage reads. Nothing here refers to the syntax tree.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphlang.graph.dag import to_networkx
from graphlang.graph.learner import Learner
from graphlang.graph.node import INPUT, PARAM, STATE, GateRule, Node, Scope
from graphlang.records import Record, field
from graphlang.source import SourceFile, Span
from graphlang.types.dims import Sizes

if TYPE_CHECKING:
    import networkx as nx


class Expectation(Record):
    """`expect left op right within tolerance`; each side is a node or a compile-time value."""

    text: str
    left: Any
    op: str
    right: Any
    within: float | None
    span: Span


class Column(Record):
    """One line of a data block: the input it feeds and how it is computed.

    `formula` is nested tuples: `("column", name, span)`, `("columns", first, last, span)`,
    `("op", name, operands, attrs)`, or a number.
    """

    name: str
    formula: Any
    span: Span


class DataSpec(Record):
    """`data name = kind("path") { … }`."""

    name: str
    kind: str
    path: str
    options: dict[str, Any]
    columns: tuple[Column, ...]
    span: Span
    source: SourceFile


class TrainingSpec(Record):
    """The train block: what is minimised, on which data, and the settings as written."""

    data: str | None
    minimize: Node | None
    settings: dict[str, Any]
    span: Span
    learner: Learner | None = None


class Model(Record, frozen=False, eq=False, caches=True):
    """One file's graph.

    Attributes
    ----------
    name : str
        The file's stem.
    description : str
        Its leading comment.
    nodes : list of Node
        All nodes, in a topological order.
    scopes : dict of str to Scope
        The boxes they lie in, by path.
    outputs : list of Node
        Declared outputs, or every node that nothing uses.
    expectations, metrics, data, training
        What the file says of them.
    initial : list of Node
        A graph of its own that computes where parameters and states start.
    initial_of : dict of str to Node
        Path of a parameter or state -> the node of `initial` that it starts from.
    updates : list of (Node, Node)
        Each state with what it becomes after a step.
    gate_rules : list of GateRule
        Hand-written backward passes.
    sizes : Sizes
        Free sizes: what their defaults are and what they must satisfy.
    aliases : dict of str to Node
        Names that stand for a node with another path: `h = x`, and what a loop rebinds.
    gradients : dict of str to Node
        After differentiation: path of a node -> the node that holds d(of)/d(node).
    parts : dict of (str, int) to Node
        After differentiation: (path of a user, position) -> what that use adds to its operand's gradient.
    of : Node or None
        What was differentiated.
    depends_on_training : bool
        Whether it may be another graph in training than otherwise.
    """

    name: str
    source: SourceFile
    description: str
    nodes: list[Node]
    scopes: dict[str, Scope] = field(default_factory=dict)
    outputs: list[Node] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)
    metrics: dict[str, Node] = field(default_factory=dict)
    data: dict[str, DataSpec] = field(default_factory=dict)
    training: TrainingSpec | None = None
    initial: list[Node] = field(default_factory=list)
    initial_of: dict[str, Node] = field(default_factory=dict)
    updates: list[tuple[Node, Node]] = field(default_factory=list)
    gate_rules: list[GateRule] = field(default_factory=list)
    sizes: Sizes = field(default_factory=Sizes)
    aliases: dict[str, Node] = field(default_factory=dict)
    consts: dict[str, Any] = field(default_factory=dict)
    gradients: dict[str, Node] = field(default_factory=dict)
    parts: dict[tuple[str, int], Node] = field(default_factory=dict)
    of: Node | None = None
    depends_on_training: bool = False

    @cached_property
    def by_path(self) -> dict[str, Node]:
        """Every node by its path."""
        return {n.path: n for n in self.nodes}

    @cached_property
    def inputs(self) -> dict[str, Node]:
        """The inputs by name, in the order of the file."""
        return {n.path: n for n in self.nodes if n.op == INPUT}

    @cached_property
    def params(self) -> dict[str, Node]:
        """The learned parameters by path, in the order of the file."""
        return {n.path: n for n in self.nodes if n.op == PARAM}

    @cached_property
    def states(self) -> dict[str, Node]:
        """The states by path."""
        return {n.path: n for n in self.nodes if n.op == STATE}

    @property
    def graph(self) -> nx.MultiDiGraph:
        """The graph as a NetworkX MultiDiGraph, without what only expectations and metrics need.

        See `graphlang.graph.dag` for its attributes.
        """
        return to_networkx(self.nodes_without_checks())

    def nodes_without_checks(self) -> list[Node]:
        """The nodes that were not made only for an `expect` or a `metric`."""
        checks = {path for path, scope in self.scopes.items() if self._is_in_check(scope)}
        return [n for n in self.nodes if n.scope not in checks] if checks else self.nodes

    def is_check(self, node: Node) -> bool:
        """Whether a node was made only for an `expect` or a `metric`."""
        return self._is_in_check(self.scopes.get(node.scope))

    def _is_in_check(self, scope: Scope | None) -> bool:
        while scope is not None:
            if scope.kind == "check":
                return True
            scope = self.scopes.get(scope.parent)
        return False

    def find(self, name: str) -> Node | None:
        """The node that a name of the main graph stands for at its end, else the node with this path."""
        return self.aliases.get(name) or self.by_path.get(name)

    def place_of(self, node: Node) -> Span | None:
        """Where the user's own text asks for a node: what the library does is asked for by a call."""
        span, scope = node.span, self.scopes.get(node.scope)
        while span is not None and span.source.is_std and scope is not None:
            span, scope = scope.span, self.scopes.get(scope.parent)
        return span
