"""The update of all parameters as a few operations on pieces of their vectors that stay in the cache.

That is possible where the optimizer treats every entry of every parameter alike, as all those of the library
do. The results have the same bits as one update after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from graphlang.graph.dag import between
from graphlang.graph.learner import TrainingStep
from graphlang.graph.node import Node
from graphlang.records import Record
from graphlang.run.code import Code
from graphlang.run.layout import Layout
from graphlang.run.spellings import ELEMENTWISE, elementwise
from graphlang.run.threads import Threads

# Entries that are updated at once: a few vectors of so many fit into the second-level cache.
PIECE = 32_768


class FlatUpdate(Record):
    """The update of one parameter, which does for all.

    `body` are the steps on whole parameters in order, `scalars` what they read besides.
    """

    weight: Node
    gradient: Node
    states: tuple[Node, ...]
    body: tuple[Node, ...]
    scalars: tuple[Node, ...]
    next_weight: Node
    next_states: tuple[Node, ...]

    def compiled(
        self,
        layout: Layout,
        helpers: Threads | None = None,
        *,
        is_native: bool = False,
        is_shared: bool = False,
    ) -> list[Callable[..., None]]:
        """Functions of the scalars that together update the vectors of a layout, piece by piece.

        In C there may be one that itself is shared.
        """
        helpers = None if is_shared else helpers
        count = min(helpers.count, max(1, layout.size // PIECE)) if helpers is not None else 1
        marks = [layout.size * k // count for k in range(count + 1)]
        return [self._function(layout, a, b, is_native, is_shared) for a, b in pairwise(marks)]

    def _function(
        self, layout: Layout, start: int, stop: int, is_native: bool, is_shared: bool
    ) -> Callable[..., None]:
        """The update from one entry to another."""
        if is_native:
            from graphlang.run.native_step import one_loop

            text = UpdateText(self)
            vectors = [layout.weight, layout.gradient, *layout.flat_states]
            arrays = dict(zip(text.places.values(), (v[start:stop] for v in vectors), strict=True))
            arrays |= {name: np.empty(stop - start, layout.weight.dtype) for name in text.temporaries}
            lines, numbers = [*text.lines, *text.late], [*text.scalars.values()]
            function = one_loop(text.code, lines, arrays, text.temporaries, numbers, is_shared=is_shared)
            if function is not None:
                return function
        return self.written(layout, start, stop).function()

    def written(self, layout: Layout, start: int, stop: int) -> UpdateText:
        """The statements that update the vectors of a layout from one entry to another, piece by piece."""
        text = UpdateText(self)
        names = [*text.places.values(), *text.temporaries]
        pieces = text.code.constant(_pieces(layout, start, stop, len(text.temporaries)))
        text.code.lines = [
            f"for {', '.join(names)} in {pieces}:",
            *(f"    {line}" for line in [*text.lines, *text.late]),
        ]
        return text


class UpdateText:
    """The statements of an update, each result in its final place as soon as that is no longer read.

    `scalars` are the nodes, and what they are called, that the statements take from elsewhere.
    """

    def __init__(self, update: FlatUpdate):
        self.code = Code()
        self.lines: list[str] = []
        # What can be put into its place only at the end.
        self.late: list[str] = []
        self.temporaries: list[str] = []
        states = {s: f"s{k}" for k, s in enumerate(update.states)}
        self.places = {update.weight: "w", update.gradient: "g", **states}
        self.of = {**self.places, **{n: f"a{k}" for k, n in enumerate(update.scalars)}}
        leaves = (update.weight, *update.states)
        self._leaf_of = dict(zip((update.next_weight, *update.next_states), leaves, strict=True))
        self._last = {operand: i for i, n in enumerate(update.body) for operand in n.inputs}
        self._free: list[str] = []
        self._body = update.body
        for i, node in enumerate(update.body):
            self._write(i, node)
        self.scalars = {n: self.of[n] for n in update.scalars}

    def function(self) -> Callable[..., None]:
        """The statements as a function of the scalars."""
        return self.code.function(self.scalars.values())

    def _write(self, i: int, node: Node) -> None:
        operands = [self.of.get(n, "") for n in node.inputs]  # the 2 of a square is not read
        ended = [self.of[n] for n in dict.fromkeys(node.inputs) if self._ends(n, i)]
        leaf, early = self._leaf_of.get(node), self._early(i, node)
        if leaf is not None and self._last.get(leaf, -1) <= i:
            out = self.places[leaf]
        elif early is not None:
            out = self.places[early]
        else:
            out = ended.pop() if ended else self._temporary()
            if leaf is not None:
                self.late.append(f"{self.code.constant(np.copyto)}({self.places[leaf]}, {out})")
        self.lines.append(_statement(self.code, node, operands, out))
        self._free += ended
        self.of[node] = out

    def _early(self, i: int, node: Node) -> Node | None:
        """The leaf that is read last here, if the result is only read by what takes its place."""
        if node in self._leaf_of or node not in self._last:
            return None
        last = self._leaf_of.get(self._body[self._last[node]])
        is_alone = sum(n.inputs.count(node) for n in self._body) == 1
        return last if last in node.inputs and self._last[last] == i and is_alone else None

    def _ends(self, node: Node, i: int) -> bool:
        """Whether a temporary result is read for the last time."""
        return self._last[node] == i and self.of.get(node) in self.temporaries and node not in self._leaf_of

    def _temporary(self) -> str:
        if self._free:
            return self._free.pop()
        self.temporaries.append(f"t{len(self.temporaries)}")
        return self.temporaries[-1]


def _pieces(layout: Layout, start: int, stop: int, temporaries: int) -> list[tuple[np.ndarray, ...]]:
    """Views of the vectors, piece by piece, with what the steps in between are written to."""
    # Equal pieces, so that the last is not a small rest.
    count = max(1, -(-(stop - start) // PIECE))
    size = -(-(stop - start) // count)
    scratch = [np.empty(size, layout.weight.dtype) for _ in range(temporaries)]
    vectors = [layout.weight, layout.gradient, *layout.flat_states]
    return [
        (*(v[at : min(at + size, stop)] for v in vectors), *(t[: min(size, stop - at)] for t in scratch))
        for at in range(start, stop, size)
    ]


def _statement(code: Code, node: Node, operands: list[str], out: str) -> str:
    if node.op == "pow":
        return f"{code.constant(np.square)}({operands[0]}, {out})"
    return elementwise(code, node.op, operands, out)


def flat_update(step: TrainingStep, layout: Layout) -> FlatUpdate | None:
    """The update that does for all parameters, if they are all updated alike and entry by entry."""
    if not layout.is_flat or not layout.size:
        return None
    learner = step.learner
    keys = _Keys(step.copied[learner.factor] if learner.factor is not None else None)
    first: FlatUpdate | None = None
    shapes: set[Any] = set()
    for path in step.learner.weights:
        found = _update_of(step, path)
        if found is None:
            return None
        shapes.add(keys.of_update(found))
        first = first or found
    return first if len(shapes) == 1 else None


def _update_of(step: TrainingStep, path: str) -> FlatUpdate | None:
    """The update of one parameter, if it is done entry by entry."""
    learner = step.learner
    weight, gradient = step.model.by_path[path], step.gradients[path]
    states = tuple(step.copied[learner.states[s]] for s in learner.state_of[path])
    next_states = tuple(step.next[s] for s in learner.state_of[path])
    results = [step.next[path], *next_states]
    begin = {weight, gradient, *states}
    factor = step.copied[learner.factor] if learner.factor is not None else None
    body: list[Node] = []
    scalars: dict[Node, None] = {}
    own = set(begin)
    # Nodes that the update of this parameter needs, in order, up to where it begins.
    for node in between(step.nodes, results, {*begin, factor}):
        if node is not factor and not own.isdisjoint(node.inputs):
            own.add(node)
            body.append(node)
    for node in body:
        is_square = node.op == "pow" and _number(node.inputs[1]) == 2
        if node.shape != weight.shape or not (node.op in ELEMENTWISE or is_square) or not node.type.is_float:
            return None
        for operand in node.inputs:
            if operand not in own:
                if operand.shape != () or not operand.type.is_float:
                    return None
                if not is_square:
                    scalars[operand] = None
    if len(set(results)) < len(results) or not all(r in body for r in results):
        return None
    return FlatUpdate(weight, gradient, states, tuple(body), tuple(scalars), results[0], next_states)


def _number(node: Node) -> Any:
    value = node.attrs.get("value") if node.is_const else None
    return value if isinstance(value, (int, float)) else None


class _Keys:
    """Names of formulas: equal ones for nodes that compute the same from the same."""

    def __init__(self, factor: Node | None) -> None:
        self._numbers: dict[Any, int] = {}
        # What clips the gradients is the same for all, and the formula of everything.
        self._of: dict[Node, int] = {factor: -1} if factor is not None else {}

    def of_update(self, update: FlatUpdate) -> Any:
        """The name of an update, whatever parameter it is of."""
        local: dict[Node, Any] = {update.weight: "w", update.gradient: "g"}
        local |= {s: f"s{k}" for k, s in enumerate(update.states)}
        for node in update.body:
            operands = tuple(local[n] if n in local else self.of(n) for n in node.inputs)
            local[node] = self._number((node.op, repr(dict(node.attrs)), operands))
        return (local[update.next_weight], *(local[s] for s in update.next_states))

    def of(self, node: Node) -> int:
        """The name of a scalar's formula."""
        stack = [node]
        while stack:
            n = stack[-1]
            waiting = [i for i in n.inputs if i not in self._of]
            if n in self._of or waiting:
                stack = stack[:-1] if n in self._of else [*stack, *waiting]
                continue
            if n.is_leaf:
                what: Any = ("const", repr(n.attrs["value"]), str(n.type)) if n.is_const else ("leaf", n.path)
            else:
                what = (n.op, repr(dict(n.attrs)), tuple(self._of[i] for i in n.inputs))
            self._of[n] = self._number(what)
        return self._of[node]

    def _number(self, what: Any) -> int:
        return self._numbers.setdefault(what, len(self._numbers))
