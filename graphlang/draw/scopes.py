"""The networks, gates and loops of a model, for drawing them: what lies around each, and what each holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from graphlang.graph.model import Model
from graphlang.graph.node import PARAM, Node, Scope

BACKWARD_PREFIX = "grad("


class Chains:
    """For each scope the scopes around it, outermost first, itself last."""

    def __init__(self, model: Model):
        self.scopes = model.scopes
        self._chains: dict[str, tuple[Scope, ...]] = {"": ()}

    def __getitem__(self, path: str) -> tuple[Scope, ...]:
        missing = []
        while path not in self._chains:
            scope = self.scopes.get(path)
            if scope is None:
                self._chains[path] = ()
                break
            missing.append(scope)
            path = scope.parent
        chain = self._chains[path]
        for scope in reversed(missing):
            chain = self._chains[scope.path] = (*chain, scope)
        return chain

    def level(self, path: str) -> int:
        """How many networks lie around a scope."""
        return sum(s.kind == "network" for s in self[path][:-1])


@dataclass(slots=True)
class Contents:
    """What a scope and the scopes in it hold: parameters, those declared there, layers with parameters."""

    used: dict[Node, None] = field(default_factory=dict)
    has_own: bool = False
    layers: int = 0

    @property
    def parameter_count(self) -> int:
        """Learned numbers; a free size counts as none."""
        sizes = [param.type.size for param in self.used]
        return sum(size for size in sizes if isinstance(size, int))


def contents_of(
    model: Model, chains: Chains, is_apart: Callable[[Scope, Scope], bool] = lambda loop, iteration: False
) -> dict[str, Contents]:
    """The contents of every scope, in one pass over the nodes.

    A loop holds what is declared in it. `is_apart` says which of its iterations are drawn beside it.
    """
    found = {path: Contents() for path in model.scopes}
    given = {path: set(scope.inputs) for path, scope in model.scopes.items()}
    for node in model.nodes:
        params = [p for p in node.inputs if p.op == PARAM] if not is_backward(node) else []
        chain = chains[node.scope] if params or node.op == PARAM else ()
        for scope, inner in zip(chain, (*chain[1:], None), strict=False):
            if scope.kind == "loop" and (node.op != PARAM or (inner is not None and is_apart(scope, inner))):
                continue
            contents = found[scope.path]
            if node.op == PARAM:
                contents.used[node] = None
                contents.has_own = True
            for param in params:
                if param not in given[scope.path]:
                    contents.used[param] = None
    for path, scope in model.scopes.items():
        if scope.kind == "network" and found[path].used:
            for around in chains[path][:-1]:
                found[around.path].layers += 1
    return found


def is_backward(node: Node) -> bool:
    """Whether differentiation made a node."""
    return node.path.startswith(BACKWARD_PREFIX)
