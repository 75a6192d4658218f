"""Reverse accumulation for graphs of numbers, by kinds of operations instead of node by node.

A graph of a hundred thousand operations has a dozen kinds of them: `add` of two wires, `mul` of a wire and a
constant. The gradient rule of each kind is asked once (`templates.py`), and what it says is put down for all
its operations together, as arrays. So nothing is made for a single operation, and nothing but the walk to the
operands is done for it in Python.

What is computed is what `backward.py` would: every use adds the same part, and a gradient is the sum of these
parts in the same order, from the last user to the first and from the first operand to the last. So the bits
are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from graphlang.differentiate.templates import Form, Template, form_of, total
from graphlang.graph.dag import ancestors
from graphlang.graph.model import Model
from graphlang.graph.node import CONST, LEAVES, Node
from graphlang.graph.numbers import Group, Kind, NumberGraph, is_number
from graphlang.ops.registry import all_ops
from graphlang.records import replace

_Count = TypeVar("_Count", int, np.ndarray)
# Terms that one step adds up at most.
TERMS = 16


def number_graph(
    model: Model, of: Node, values: Sequence[Node] | None = None, by: Sequence[Node] = ()
) -> NumberGraph | None:
    """A scalar and its gradients with respect to every input, parameter and state.

    Parameters
    ----------
    model : Model
        Not differentiated.
    of : Node
        A float of shape `[]`.
    values, by : sequence of Node, optional
        Nodes whose values are wanted, and among them floats by which `of` is differentiated, instead.

    Returns
    -------
    NumberGraph or None
        Its arguments are the leaves that are no constants, in order; its results the scalar, then the
        gradient for each argument that is a float; or the values, then the gradients. None if the graph is
        not of numbers alone, or has derivatives in it already or gates with hand-written ones.
    """
    arguments = [n for n in model.nodes if n.is_leaf and not n.is_const]
    if model.gate_rules or any(n.type.is_float and n.shape != () for n in arguments):
        return None
    if any(n.is_const for n in by):
        return None  # the templates take it that no gradient reaches a constant
    forward = _read(model.nodes, [of, *(values or ())])
    if forward is None:
        return None
    backward = _Backward(forward, forward.place[of])
    if values is not None:
        return backward.graph(arguments, values, by)
    return backward.graph(arguments, [of], [n for n in arguments if n.type.is_float])


# --- forward ---------------------------------------------------------------------------------------


class _Forward:
    """What a value depends on. All lists have an entry for each place; operands come before their users.

    Attributes
    ----------
    place : dict of Node to int
    forms : list of Form or None
        The form of an operation; None for leaves.
    operands : list of tuple of int
    levels : list of int
    constants : dict of int to float
    """

    def __init__(self) -> None:
        self.place: dict[Node, int] = {}
        self.forms: list[Form | None] = []
        self.operands: list[tuple[int, ...]] = []
        self.levels: list[int] = []
        self.constants: dict[int, float] = {}
        # What a form needs to know of an operand: whether it is a float, a truth value or a constant.
        self._sorts: list[object] = []
        self._form_by_key: dict[tuple[object, ...], Form | None] = {}
        # Operations whose formula depends on the values of constants.
        self._by_value = {name for name, op in all_ops().items() if callable(op.scalar)}

    def add_leaf(self, node: Node) -> bool:
        """Give a leaf its place; False if it is no number."""
        value = node.attrs.get("value")
        if not is_number(node) or (node.is_const and not isinstance(value, (bool, int, float))):
            return False
        if node.is_const:
            self.constants[len(self.forms)] = float(node.attrs["value"])
        self._add(node, None, (), 0, CONST if node.is_const else node.type.dtype)
        return True

    def add_operation(self, node: Node) -> bool:
        """Give an operation its place; False if it is none on numbers."""
        place, sorts, levels = self.place, self._sorts, self.levels
        operands = tuple([place[n] for n in node.inputs])
        key: tuple[object, ...] = (node.op, *[sorts[i] for i in operands])
        if node.attrs:
            key = (*key, *node.attrs.items())
        if node.op in self._by_value:
            key = (*key, *[repr(self.constants.get(i)) for i in operands])
        form = self._form_by_key.get(key)
        if form is None:
            form = self._form_by_key[key] = form_of(node)
            if form is None:
                return False
        form.members.append(len(levels))
        self._add(node, form, operands, 1 + max([levels[i] for i in operands], default=0), form.dtype)
        return True

    def _add(
        self, node: Node, form: Form | None, operands: tuple[int, ...], level: int, sort: object
    ) -> None:
        self.place[node] = len(self.forms)
        self.forms.append(form)
        self.operands.append(operands)
        self.levels.append(level)
        self._sorts.append(sort)


def _read(nodes: list[Node], wanted: list[Node]) -> _Forward | None:
    """What `wanted` depends on, None if that is not of numbers alone."""
    reached, found = ancestors(wanted), _Forward()
    for node in nodes:
        if node in reached:
            add = found.add_leaf if node.op in LEAVES else found.add_operation
            if not add(node):
                return None
    return found


# --- backward --------------------------------------------------------------------------------------


class _Backward:
    """The gradient of the value at a place.

    The gradient of the value at place p is written as place -1 - p until it is known where it lies: where the
    only part lies, which may be another gradient, or at the sum of the parts.
    """

    def __init__(self, forward: _Forward, of: int):
        self.forward = forward
        self.of = of
        self.places = len(forward.forms)
        self.constants = dict(forward.constants)
        self.groups: list[Group] = []
        self._constant_places: dict[str, int] = {}
        self.forms = list(dict.fromkeys(f for f in forward.forms if f is not None))

    def graph(self, arguments: list[Node], values: Sequence[Node], by: Sequence[Node]) -> NumberGraph:
        """The whole graph, forward and backward, for some values and for the gradients by some nodes."""
        forward, one, zero = self.forward, self.constant(1.0), self.constant(0.0)
        self._put_forward()
        level, count = self._walk()
        at = np.full(len(forward.forms), zero, np.int64)
        at[self.of] = one
        self._add_up(at, np.array(level, np.int64), np.array(count, np.int64))
        while (open_ := at < 0).any():
            at[open_] = at[-1 - at[open_]]
        # Counted from the end, entry -1 - p is where the gradient of p lies; all others stay where they are.
        final = np.concatenate([np.arange(self.places), at[::-1]])
        groups = tuple(replace(g, operands=final[g.operands]) for g in self.groups)
        places = [forward.place.get(n) for n in arguments]
        given = tuple((i, place) for i, place in enumerate(places) if place is not None)
        wanted = [forward.place[n] for n in values]
        gradients = [int(at[forward.place[n]]) if n in forward.place else zero for n in by]
        return NumberGraph(self.places, given, self.constants, groups, (*wanted, *gradients))

    def constant(self, value: float) -> int:
        """The place of a constant that derivatives bring in."""
        place = self._constant_places.setdefault(repr(value), self.places)
        if place == self.places:
            self.places += 1
            self.constants[place] = value
        return place

    def _put_forward(self) -> None:
        forward = self.forward
        for form in self.forms:
            members = np.array(form.members, np.int64)
            flat = [i for m in form.members for i in forward.operands[m]]
            form.columns = np.array(flat, np.int64).reshape(len(members), -1).T
            level = np.array([forward.levels[m] for m in form.members], np.int64)
            self._put(form.step.kind, self._operands(form, form.step.operands, []), members, level, members)

    def _operands(
        self, form: Form, wanted: tuple[tuple[str, float], ...], made: list[np.ndarray]
    ) -> list[np.ndarray]:
        """The places of a template's operands, for all members of a form (see `templates.Step`)."""
        members = np.array(form.members, np.int64)
        found = []
        for sort, which in wanted:
            if sort == "constant":
                found.append(np.full(len(members), self.constant(which)))
            elif sort == "gradient":
                found.append(-1 - members)
            elif sort == "result":
                found.append(members)
            else:
                found.append((made if sort == "step" else form.columns)[int(which)])
        return found

    def _put(
        self,
        kind: Kind,
        operands: list[np.ndarray],
        results: np.ndarray,
        levels: np.ndarray,
        turns: np.ndarray,
    ) -> None:
        columns = np.array(operands, np.int64).reshape(len(operands), len(results))
        self.groups.append(Group(kind, columns, results, levels, turns))

    def _fresh(self, count: int) -> np.ndarray:
        self.places += count
        return np.arange(self.places - count, self.places)

    def _walk(self) -> tuple[list[int], list[int]]:
        """From the last operation to the first: the level behind which each gradient's parts are known,
        -1 where no gradient arrives, and how many parts there are."""
        forms, operands = self.forward.forms, self.forward.operands
        level, count = [-1] * len(forms), [0] * len(forms)
        # First everything forward, then what of the derivatives depends on no gradient, then the gradients.
        self.top = max(self.forward.levels)
        level[self.of] = self.top + max([f.template.early for f in self.forms], default=0)
        for place in range(self.of, -1, -1):
            known, form = level[place], forms[place]
            if known < 0 or form is None:
                continue
            known += _rounds(count[place])
            inputs = operands[place]
            for position, depth in form.depths:
                operand = inputs[position]
                count[operand] += 1
                if known + depth > level[operand]:
                    level[operand] = known + depth
        return level, count

    def _add_up(self, at: np.ndarray, level: np.ndarray, count: np.ndarray) -> None:
        """Put the steps of all gradients, and say in `at` where each gradient lies."""
        behind = level + _rounds(count)
        operand, user, position, part = (np.concatenate(a) for a in self._parts(level, behind))
        order = np.lexsort((position, -user, operand))
        part, user = part[order], user[order]
        start = np.cumsum(count) - count
        is_single = count == 1
        at[is_single] = part[start[is_single]]
        # Those with several parts: the first, then up to TERMS - 1 further ones in each round.
        left = np.flatnonzero(count > 1)
        so_far, taken, done = part[start[left]], 1, 0
        while len(left):
            done += 1
            terms = np.minimum(count[left] - taken, TERMS - 1)
            results = np.empty(len(left), np.int64)
            for n in np.unique(terms).tolist():
                mine = np.flatnonzero(terms == n)
                results[mine] = self._fresh(len(mine))
                more = [part[start[left[mine]] + taken + i] for i in range(n)]
                operands, levels = [so_far[mine], *more], level[left[mine]] + done
                # Due as soon as the last of these parts is there.
                turns = -1 - user[start[left[mine]] + taken + n - 1]
                self._put(Kind(total(n + 1)), operands, results[mine], levels, turns)
            taken += TERMS - 1
            at[left] = results
            goes_on = count[left] > taken
            left, so_far = left[goes_on], results[goes_on]

    def _parts(self, level: np.ndarray, behind: np.ndarray) -> tuple[list[np.ndarray], ...]:
        """Put the steps that make the parts; each part's operand, user, position and place."""
        none = np.zeros(0, np.int64)
        found: tuple[list[np.ndarray], ...] = ([none], [none], [none], [none])
        for form in self.forms:
            is_reached = level[form.members] >= 0
            if not form.depths or not is_reached.any():
                continue
            form.members = np.array(form.members)[is_reached].tolist()
            form.columns = form.columns[:, is_reached]
            members = np.array(form.members, np.int64)
            made = self._put_template(form, form.template, behind[members], -1 - members)
            for position, which in form.template.parts:
                (part,) = self._operands(form, (which,), made)
                for column, array in zip(
                    found,
                    (form.columns[position], members, np.full(len(members), position), part),
                    strict=True,
                ):
                    column.append(array)
        return found

    def _put_template(
        self, form: Form, template: Template, behind: np.ndarray, turns: np.ndarray
    ) -> list[np.ndarray]:
        made: list[np.ndarray] = []
        for step in template.steps:
            results = self._fresh(len(behind))
            levels = behind + step.depth if step.is_late else np.full(len(behind), self.top + step.depth)
            self._put(step.kind, self._operands(form, step.operands, made), results, levels, turns)
            made.append(results)
        return made


def _rounds(count: _Count) -> _Count:
    """How many steps in a row add up so many parts."""
    return (count + TERMS - 3) // (TERMS - 1) * (count > 1)
