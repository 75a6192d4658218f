"""Loops as one box each: a `for` whose iterations are alike is drawn once, with `×12` in its title.

Iterations are alike if they have the same operations of the same types, wired to one another in the same
way; what comes from outside (the wire that is carried, a weight for each iteration) may differ, and so may
indices and numbers. The first iteration then stands for all: every node of a later one is drawn as its
counterpart there. The wire that each iteration hands to the next is not drawn; what leaves the last one
leaves the box.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from graphlang.draw.scopes import Chains, is_backward
from graphlang.graph.model import Model
from graphlang.graph.node import PARAM, STATE, Node, Scope

# Attributes that may differ between iterations that are drawn as one.
_MAY_DIFFER = frozenset({"items", "value", "seed"})


@dataclass(slots=True)
class Folds:
    """The loops that are drawn as one iteration.

    Attributes
    ----------
    counts : dict of str to int
        Path of a folded loop -> how many iterations it has.
    first : dict of Node to Node
        Each node of a later iteration -> the node that stands for it.
    iterations : set of str
        Paths of the iterations that are folded.
    """

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[Node, Node] = field(default_factory=dict)
    iterations: set[str] = field(default_factory=set)
    _places: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def shown(self, node: Node) -> Node:
        """The node that stands for a node."""
        return self.first.get(node, node)

    def places(self, node: Node) -> tuple[tuple[str, str], ...]:
        """The folded loops around a node, with the iteration it lies in, outermost first."""
        return self._places.get(node.scope, ())

    def is_carried(self, operand: Node, user: Node) -> bool:
        """Whether a wire runs from one iteration of a folded loop to another."""
        theirs = dict(self.places(operand))
        return any(loop in theirs and theirs[loop] != k for loop, k in self.places(user))

    def is_apart(self, loop: Scope, iteration: Scope) -> bool:
        """Whether an iteration of a folded loop is drawn beside it, since it differs from the others."""
        return loop.path in self.counts and iteration.path not in self.iterations

    def is_inside(self, node: Node) -> bool:
        """Whether a node lies in a folded loop."""
        return bool(self.places(node))

    def leaves(self, operand: Node, user: Node) -> bool:
        """Whether a wire leaves a folded loop."""
        theirs = {loop for loop, _ in self.places(user)}
        return any(loop not in theirs for loop, _ in self.places(operand))


def names_of_loops(model: Model) -> dict[str, set[str]]:
    """For each loop what it may be called: its path, `for`, and the names that it binds again and again."""
    names = {path: {path, scope.name} for path, scope in model.scopes.items() if scope.kind == "loop"}
    for node in model.nodes:
        if node.is_named and node.path.endswith("]"):
            name = node.path.rsplit(".", 1)[-1].partition("[")[0]
            for loop in _loops_around(model, node):
                names[loop] |= {name, node.path[: node.path.rindex(f"{name}[") + len(name)]}
    return names


def _loops_around(model: Model, node: Node) -> Iterator[str]:
    scope = model.scopes.get(node.scope)
    while scope is not None:
        if scope.kind == "loop":
            yield scope.path
        scope = model.scopes.get(scope.parent)


def fold(model: Model, chains: Chains, open_names: Iterable[str], *, unfold: bool) -> Folds:
    """The loops whose iterations are alike, but for those that are opened.

    Parameters
    ----------
    model : Model
    chains : Chains
    open_names : iterable of str
        Loops that are unfolded: paths, `for`, or names that they bind.
    unfold : bool
        Unfold all.
    """
    folds = Folds()
    loops = [path for path, scope in model.scopes.items() if scope.kind == "loop"]
    if unfold or not loops:
        return folds
    opened = set(open_names)
    called = names_of_loops(model) if opened else {}
    contents = _contents(model, chains)
    # Inner loops come first: a node of two loops goes to the first inner iteration, then to the first outer.
    for loop in sorted(loops, key=lambda path: -len(chains[path])):
        iterations = contents.get(loop, {})
        if called.get(loop, set()) & opened:
            continue
        alike = _alike(list(iterations.items()))
        if alike:
            folds.counts[loop] = len(alike)
            folds.iterations.update(path for path, _ in alike)
            (_, first), *others = alike
            for path, nodes in others:
                for node, stands in zip(nodes, first, strict=True):
                    folds.first.setdefault(node, stands)
                    _fold_leaves(folds, chains, path, node, stands)
    _follow(folds)
    for path in model.scopes:
        found = tuple(_folded_around(chains, path, folds))
        if found:
            folds._places[path] = found
    return folds


def _fold_leaves(folds: Folds, chains: Chains, iteration: str, node: Node, stands: Node) -> None:
    """Parameters of an iteration stand for their counterparts; those that all iterations share do not."""
    for leaf, other in zip(node.inputs, stands.inputs, strict=True):
        if leaf.op not in (PARAM, STATE) or leaf is other:
            continue
        if any(scope.path == iteration for scope in chains[leaf.scope]):
            folds.first.setdefault(leaf, other)


def _follow(folds: Folds) -> None:
    """Let each node stand for the last in its chain: an inner loop's first may lie in a later outer one."""
    for node in folds.first:
        stands = folds.first[node]
        while stands in folds.first:
            stands = folds.first[stands]
        folds.first[node] = stands


def _folded_around(chains: Chains, path: str, folds: Folds) -> Iterator[tuple[str, str]]:
    chain = chains[path]
    for loop, inner in pairwise(chain):
        if inner.path in folds.iterations:
            yield loop.path, inner.path


def _alike(iterations: Sequence[tuple[str, list[Node]]]) -> Sequence[tuple[str, list[Node]]]:
    """All iterations if they are alike, else all but the first if those are; at least two, else none."""
    for found in (iterations, iterations[1:]):
        if len(found) > 1 and _are_alike([nodes for _, nodes in found]):
            return found
    return ()


def _contents(model: Model, chains: Chains) -> dict[str, dict[str, list[Node]]]:
    """For each loop the nodes of each iteration, in order; those of inner boxes and loops too."""
    found: dict[str, dict[str, list[Node]]] = {}
    for node in model.nodes:
        # The parameters of a layer that all iterations call lie in the first: operations alone are compared.
        if is_backward(node) or node.op in (PARAM, STATE):
            continue
        chain = chains[node.scope]
        for loop, inner in pairwise(chain):
            if loop.kind == "loop":
                found.setdefault(loop.path, {}).setdefault(inner.path, []).append(node)
    return found


def _are_alike(iterations: Sequence[Sequence[Node]]) -> bool:
    """Whether all iterations have the same operations, wired alike."""
    first = iterations[0]
    if not first or any(len(nodes) != len(first) for nodes in iterations):
        return False
    place = {node: (k, i) for k, nodes in enumerate(iterations) for i, node in enumerate(nodes)}
    shape = [_signature(node, place, 0) for node in first]
    # What the second takes from the first, the third takes from the second.
    carried = [_carried(node, place, 1) for node in iterations[1]]
    for k, nodes in enumerate(iterations[1:], start=1):
        if [_signature(node, place, k) for node in nodes] != shape:
            return False
        if [_carried(node, place, k) for node in nodes] != carried:
            return False
    return True


def _signature(node: Node, place: Mapping[Node, tuple[int, int]], k: int) -> tuple[object, ...]:
    """What a node is, whichever iteration it lies in."""
    operands = tuple(_inside(n, place, k) for n in node.inputs)
    attrs = tuple(sorted((name, repr(v)) for name, v in node.attrs.items() if name not in _MAY_DIFFER))
    return node.op, node.type, attrs, operands, tuple(n.type for n in node.inputs)


def _inside(operand: Node, place: Mapping[Node, tuple[int, int]], k: int) -> int | None:
    """The place of an operand in the same iteration, None for what comes from elsewhere."""
    where = place.get(operand)
    return where[1] if where is not None and where[0] == k else None


def _carried(node: Node, place: Mapping[Node, tuple[int, int]], k: int) -> tuple[int | None, ...]:
    """For each operand its place in the iteration before, None for what comes from elsewhere."""
    return tuple(place[n][1] if n in place and place[n][0] == k - 1 else None for n in node.inputs)
