"""A training step compiled: forward and backward into one flat gradient, then the update of the flat weights.

Parameters, their gradients and each state of the optimizer lie in one vector each; what the rest of the tool
sees are views. Where the optimizer treats every entry alike, as all those of the library do, its update is a
handful of operations on pieces of these vectors that stay in the processor's cache. Its results have the
same bits as one update after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np

from graphlang.graph.learner import TrainingStep
from graphlang.graph.node import Node
from graphlang.plan.split import rows_of, split, work
from graphlang.run.code import Code
from graphlang.run.program import Program
from graphlang.run.spellings import ELEMENTWISE, elementwise
from graphlang.run.split_program import SplitProgram, Threads
from graphlang.types.tensor import DType

# Entries that are updated at once: a few vectors of so many fit into the second-level cache.
PIECE = 32_768
# Floating-point operations of a step that are worth waking up another thread for.
LEAST_WORK = 10_000_000


class Layout:
    """Where the numbers of a training run lie.

    Parameters
    ----------
    step : TrainingStep
    dtype : numpy float type

    Attributes
    ----------
    held : dict of str to array
        Parameters and states, of the model and of the optimizer, by path: always the same arrays.
    gradients : dict of str to array
        By path of the parameter.
    """

    def __init__(self, step: TrainingStep, dtype: type[np.floating[Any]]):
        learner, model = step.learner, step.model
        self.shapes = {path: tuple(int(s) for s in n.shape) for path, n in learner.weights.items()}
        self.size = sum(map(math.prod, self.shapes.values()))
        self.weight, self.gradient = np.zeros(self.size, dtype), np.zeros(self.size, dtype)
        self.held: dict[str, np.ndarray] = self._views(self.weight)
        self.gradients = self._views(self.gradient)
        self.flat_states: list[np.ndarray] = []
        self.is_flat = flat_states(step)
        if self.is_flat:
            count = len(next(iter(learner.state_of.values()), ()))
            for k in range(count):
                flat = np.zeros(self.size, dtype)
                views = self._views(flat)
                self.held |= {learner.state_of[path][k]: view for path, view in views.items()}
                self.flat_states.append(flat)
        kinds = {**{p: model.by_path[p] for p in (*model.params, *model.states)}, **learner.states}
        for path, node in kinds.items():
            if path not in self.held:
                kind = {DType.FLOAT: dtype, DType.INT: np.int64, DType.BOOL: np.bool_}[node.type.dtype]
                self.held[path] = np.zeros(tuple(int(s) for s in node.shape), kind)

    @cached_property
    def vectors(self) -> list[np.ndarray]:
        """All parameters and states as vectors, each number in one of them."""
        flat = [self.weight, *self.flat_states]
        others = [a for a in self.held.values() if not any(np.may_share_memory(a, v) for v in flat)]
        return [*flat, *(a.reshape(-1) for a in others)]

    def _views(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        views, at = {}, 0
        for path, shape in self.shapes.items():
            views[path] = flat[at : at + math.prod(shape)].reshape(shape)
            at += math.prod(shape)
        return views

    def adopt(self, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Copy values into their places; what is returned are these places."""
        for path, array in self.held.items():
            array[...] = values[path]
        return dict(self.held)


def flat_states(step: TrainingStep) -> bool:
    """Whether the optimizer's states all have their parameters' shapes."""
    learner = step.learner
    return all(
        learner.states[s].shape == learner.weights[path].shape and learner.states[s].type.is_float
        for path, states in learner.state_of.items()
        for s in states
    )


class StepProgram:
    """One training step for a batch of a certain size.

    Parameters
    ----------
    step : TrainingStep
    layout : Layout
    wanted : list of Node
        What else is computed: the loss and the metrics.
    sizes : mapping of str to int
    dtype : numpy float type
    threads : Threads, optional
        They share the batch if its rows can be kept apart.
    fed : sequence of str
        The inputs that have a row for each of the batch.
    is_exact : bool
        Whether sums are to be taken in the interpreter's order; with threads they are not.
    helpers : Threads, optional
        They share the update, which changes no bit of it.
    """

    def __init__(
        self,
        step: TrainingStep,
        layout: Layout,
        wanted: list[Node],
        sizes: Mapping[str, int],
        dtype: type[np.floating[Any]],
        threads: Threads | None = None,
        fed: Sequence[str] = (),
        *,
        is_exact: bool = True,
        helpers: Threads | None = None,
    ):
        update = _flat_update(step, layout)
        self._layout = layout
        self._states = [s for s in step.next if s not in step.learner.next]
        following = {p: step.next[p] for p in (self._states if update is not None else step.next)}
        scalars = list(update.scalars) if update is not None else []
        targets: dict[Node, np.ndarray] = {}
        copies: list[tuple[np.ndarray, Node]] = []
        for path, node in step.gradients.items():
            if node in targets or node.is_leaf:
                copies.append((layout.gradients[path], node))
            else:
                targets[node] = layout.gradients[path]
        asked = [*wanted, *step.gradients.values(), *following.values(), *scalars]
        self._asked = [*wanted, *following.values(), *scalars]
        rows = rows_of(step.model.by_path[path] for path in fed) if threads is not None else None
        is_worth_it = rows is not None and work(step.nodes, asked, sizes) >= LEAST_WORK
        parted = split(step.nodes, asked, rows, sizes) if is_worth_it and rows is not None else None
        self.program: Program | SplitProgram
        if parted is not None and rows is not None and threads is not None:
            self.program = SplitProgram(parted, asked, rows, sizes, dtype, layout.held, targets, threads)
        else:
            self.program = Program(
                step.nodes, asked, sizes, dtype, layout.held, targets, is_exact=is_exact and threads is None
            )
        self._copies = copies
        self._following = [
            (layout.held[path], node, self._is_among(layout, node)) for path, node in following.items()
        ]
        self._whole_update = update
        self._updates = update.compiled(layout, helpers) if update is not None else []
        self._helpers, self._scalars = helpers, scalars

    def _is_among(self, layout: Layout, node: Node) -> bool:
        """Whether a value is a view of a parameter or of a state."""
        array = self.program.array_of(node)
        return array is not None and any(np.may_share_memory(array, held) for held in layout.held.values())

    @property
    def update_text(self) -> UpdateText | None:
        """The statements of the update of the flat vectors, if they are updated as a whole."""
        update, layout = self._whole_update, self._layout
        return update.written(layout, 0, layout.size) if update is not None else None

    @property
    def asked(self) -> list[Node]:
        """All nodes whose values a step hands on."""
        return list(self._asked)

    @property
    def copies(self) -> list[tuple[np.ndarray, Node]]:
        """Gradients that are copied into their places at the end, since they are also something else."""
        return self._copies

    @property
    def following(self) -> list[tuple[np.ndarray, Node, bool]]:
        """Places outside the flat update, what they become, and whether that lies in such a place itself."""
        return self._following

    def forward_backward(self, leaves: Mapping[str, Any], seed: int) -> dict[Node, Any]:
        """The loss and the metrics; the gradients are in the layout afterwards."""
        found = self.program.run(leaves, seed)
        for array, node in self._copies:
            array[...] = found[node]
        return found

    def update(self, found: Mapping[Node, Any]) -> None:
        """Change the parameters and the states."""
        # A value that lies in a place which is written here is copied before the first is.
        following = [(a, np.array(found[n]) if is_held else found[n]) for a, n, is_held in self._following]
        for array, value in following:
            array[...] = value
        given = [found[node] for node in self._scalars]
        if self._helpers is not None and len(self._updates) > 1:
            self._helpers.each([partial(update, *given) for update in self._updates])
            return
        for update in self._updates:
            update(*given)


# --- the update of flat vectors ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _FlatUpdate:
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

    def compiled(self, layout: Layout, helpers: Threads | None = None) -> list[Callable[..., None]]:
        """Functions of the scalars that together update the vectors of a layout, piece by piece."""
        count = min(helpers.count, max(1, layout.size // PIECE)) if helpers is not None else 1
        marks = [layout.size * k // count for k in range(count + 1)]
        return [self.written(layout, a, b).function() for a, b in pairwise(marks)]

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

    def __init__(self, update: _FlatUpdate):
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
        for i, node in enumerate(update.body):
            self._write(i, node)
        self.scalars = {n: self.of[n] for n in update.scalars}

    def function(self) -> Callable[..., None]:
        """The statements as a function of the scalars."""
        return self.code.function(self.scalars.values())

    def _write(self, i: int, node: Node) -> None:
        operands = [self.of.get(n, "") for n in node.inputs]  # the 2 of a square is not read
        ended = [self.of[n] for n in dict.fromkeys(node.inputs) if self._ends(n, i)]
        leaf = self._leaf_of.get(node)
        if leaf is not None and self._last.get(leaf, -1) <= i:
            out = self.places[leaf]
        else:
            out = ended.pop() if ended else self._temporary()
            if leaf is not None:
                self.late.append(f"{self.code.constant(np.copyto)}({self.places[leaf]}, {out})")
        self.lines.append(_statement(self.code, node, operands, out))
        self._free += ended
        self.of[node] = out

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


def _flat_update(step: TrainingStep, layout: Layout) -> _FlatUpdate | None:
    """The update that does for all parameters, if they are all updated alike and entry by entry."""
    if not layout.is_flat or not layout.size:
        return None
    learner = step.learner
    keys = _Keys(step.copied[learner.factor] if learner.factor is not None else None)
    first: _FlatUpdate | None = None
    shapes: set[Any] = set()
    for path in step.learner.weights:
        found = _update_of(step, path)
        if found is None:
            return None
        shapes.add(keys.of_update(found))
        first = first or found
    return first if len(shapes) == 1 else None


def _update_of(step: TrainingStep, path: str) -> _FlatUpdate | None:
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
    for node in _between(step.nodes, results, {*begin, factor}):
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
    return _FlatUpdate(weight, gradient, states, tuple(body), tuple(scalars), results[0], next_states)


def _between(nodes: list[Node], results: list[Node], ends: set[Node | None]) -> list[Node]:
    """What the results need, not going beyond `ends`, in order."""
    found: set[Node] = set()
    stack = list(results)
    while stack:
        node = stack.pop()
        if node not in found and node not in ends:
            found.add(node)
            stack.extend(node.inputs)
    return [n for n in nodes if n in found]


def _number(node: Node) -> Any:
    value = node.attrs.get("value") if node.is_const else None
    return value if isinstance(value, (int, float)) else None


class _Keys:
    """Names of formulas: equal ones for nodes that compute the same from the same."""

    def __init__(self, factor: Node | None) -> None:
        self._numbers: dict[Any, int] = {}
        # What clips the gradients is the same for all, and the formula of everything.
        self._of: dict[Node, int] = {factor: -1} if factor is not None else {}

    def of_update(self, update: _FlatUpdate) -> Any:
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
