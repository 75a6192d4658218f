"""Which boxes are open: the states of a picture whose boxes open and close, and how many of them are painted.

Boxes that open independently have 2ⁿ states. A page holds a bounded choice of them: the first state, every
level of depth, each box opened with just what lies around it, and then, nearest first, what is one click
away from a state that it has. On a page with few boxes that is all there are; on others, opening a box may
close boxes that have nothing to do with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from graphlang.draw.outline import Outline, make_outline
from graphlang.draw.scopes import Chains
from graphlang.draw.view import View
from graphlang.graph.model import Model

# Pictures on one page, and gates in one that is painted only to be reached by clicks.
MOST_STATES = 40
MOST_GATES = 400
# Gates on all of them together; painting takes its time, and a page is to be mailed.
_MOST_TOGETHER = 1500
# Gates in the first picture, unless more are asked for: boxes can be opened.
_MOST_AT_FIRST = 25
# Steps of depth.
_MOST_DEPTH = 12

State = frozenset[str]


@dataclass(frozen=True, slots=True)
class Boxes:
    """The open boxes of a state, and those that can be opened next."""

    opened: tuple[str, ...]
    closed: tuple[str, ...]
    gate_count: int


def first_state(model: Model, view: View) -> State:
    """The boxes that are open as the view says; if it leaves the depth open, those of a small picture."""
    outline = make_outline(model, view)
    depth = _MOST_DEPTH
    while view.depth is None and outline.gate_count > _MOST_AT_FIRST and depth:
        depth -= 1
        outline = make_outline(model, replace(view, depth=depth))
    return frozenset(_opened(outline))


def view_of(state: State, view: View) -> View:
    """A view with just these boxes open."""
    return replace(view, exactly=state)


def boxes_of(model: Model, state: State, view: View) -> Boxes:
    """What is open and closed in a state."""
    outline = make_outline(model, view_of(state, view))
    holding = _holding(outline)
    closed = [path for path in outline.closed if holding.get(path, 0) > 1]
    return Boxes(tuple(_opened(outline)), tuple(closed), outline.gate_count)


def chosen_states(model: Model, view: View) -> dict[State, Boxes]:
    """The states that are painted, the first one first."""
    found: dict[State, Boxes] = {}
    for state in _candidates(model, view, found):
        if len(found) >= MOST_STATES or sum(b.gate_count for b in found.values()) > _MOST_TOGETHER:
            break
        known = boxes_of(model, state, view)
        # What is said to be open may lie in a closed box: the same picture.
        state = frozenset(known.opened)
        if not found or known.gate_count <= MOST_GATES:
            found.setdefault(state, known)
    return found


def _candidates(model: Model, view: View, found: dict[State, Boxes]) -> Iterator[State]:
    """States in the order of their worth; those found so far are looked at for what is one click away."""
    yield first_state(model, view)
    for depth in range(_MOST_DEPTH):
        before = len(found)
        yield first_state(model, replace(view, depth=depth, open=(), close=()))
        if depth and len(found) == before:
            break
    chains = Chains(model)
    for state in _walk(found):
        for path in found[state].closed:
            yield frozenset(scope.path for scope in chains[path])
    for state in _walk(found):
        known = found[state]
        for path in known.closed:
            yield state | {path}
        for path in known.opened:
            yield state - {path}


def _walk(found: dict[State, Boxes]) -> Iterator[State]:
    """All that is found, and all that is found while it is walked."""
    done: set[State] = set()
    while True:
        waiting = [state for state in found if state not in done]
        if not waiting:
            return
        done.add(waiting[0])
        yield waiting[0]


def _opened(outline: Outline) -> list[str]:
    """Open boxes that hold something, outer ones first."""
    used: set[str] = set()
    for box in outline.box_of.values():
        while box and box not in used:
            used.add(box)
            box = outline.boxes[box]
    return [path for path in outline.boxes if path in used]


def _holding(outline: Outline) -> dict[str, int]:
    """How many operations each closed box stands for."""
    counts: dict[str, int] = {}
    for node, item in outline.item_of.items():
        if item in outline.closed and not node.is_leaf:
            counts[item] = counts.get(item, 0) + 1
    return counts
