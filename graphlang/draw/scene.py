"""What a picture shows: `make_scene` turns a model and the numbers of a run into a `Scene`.

It chooses which nodes are drawn and closes gates and networks to one item each (`outline.py`), draws the
wires with their numbers (`wires.py`), and writes what stands in items and boxes (`items.py`). DOT, our own
layout and the painters read scenes only, so they all show the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.draw import text
from graphlang.draw.elements import Box, Item, Scene, Use, Wire
from graphlang.draw.items import make_boxes, make_items, with_repeated_sources
from graphlang.draw.loops import names_of_loops
from graphlang.draw.outline import Outline, make_outline
from graphlang.draw.view import MANY_ITEMS, MOST_ITEMS, View
from graphlang.draw.wires import Numbers, make_wires
from graphlang.graph.model import Model

__all__ = ["Box", "Item", "Scene", "Use", "View", "Wire", "check_size", "make_scene"]

_DEFAULT = View()
_OPENABLE = frozenset({"network", "gate", "loop"})
# Boxes that a message lists.
_MOST_NAMES = 12


def make_scene(
    model: Model,
    values: Mapping[str, Any] | None = None,
    gradients: Mapping[str, Any] | None = None,
    view: View = _DEFAULT,
    parts: Mapping[tuple[str, int], Any] | None = None,
) -> Scene:
    """What a picture of a model shows.

    Parameters
    ----------
    model : Model
    values, gradients : mapping of str to array, optional
        Value of each node and d(of)/d(node), by path, of the node's shape. Those of unnamed nodes are shown
        too where given.
    view : View, optional
    parts : mapping of (str, int) to array, optional
        For the use of a wire as operand `position` of the node `path`: that use's part of the gradient,
        shown where a wire forks.

    Returns
    -------
    Scene

    Raises
    ------
    GraphlangError
        E0909 if `view` opens or closes a box that the model does not have; E0914 if what is left after
        closing boxes is too much for a picture.
    """
    _check_boxes(model, view)
    outline = make_outline(model, view)
    _refuse_too_many(model, outline)
    show = _shown(view, outline, values, gradients)
    numbers = Numbers(values or {}, gradients or {}, parts or {}, show, view)
    wires = tuple(make_wires(model, outline, numbers, show))
    items = make_items(model, outline, wires, show)
    if len(items) > MANY_ITEMS:
        items, wires = with_repeated_sources(items, wires)
    return Scene(
        name=model.name,
        items=tuple(items),
        wires=wires,
        boxes=tuple(make_boxes(model, outline)),
        theme=view.theme,
        shows_numbers=bool(show & {"values", "grads"}),
        description=model.description,
        direction=view.direction,
    )


def _check_boxes(model: Model, view: View) -> None:
    known = {name for scope in model.scopes.values() for name in (scope.path, scope.name)}
    known |= {name for names in names_of_loops(model).values() for name in names} if view.open else set()
    problems = Problems()
    for name in (*view.open, *view.close):
        if name not in known:
            boxes = ", ".join(_some([p for p, s in model.scopes.items() if s.kind in _OPENABLE]))
            problems.error(
                "E0909",
                None,
                f"There is no box called `{name}` in the graph.",
                suggestion=f"Its boxes are: {boxes}." if boxes else "It has no boxes.",
            )
    if problems.has_errors:
        raise GraphlangError(problems)


def _some(names: list[str]) -> list[str]:
    return names if len(names) <= _MOST_NAMES else [*names[:_MOST_NAMES], "…"]


def check_size(model: Model, view: View) -> None:
    """Refuse a model that is too large for a picture, before its numbers are worked out.

    Parameters
    ----------
    model : Model
        With or without its backward pass.
    view : View

    Raises
    ------
    GraphlangError
        E0914 if more than `MOST_ITEMS` items are left after closing boxes.
    """
    _refuse_too_many(model, make_outline(model, view))


def _refuse_too_many(model: Model, outline: Outline) -> None:
    if outline.item_count <= MOST_ITEMS:
        return
    others = outline.item_count - outline.gate_count
    names = f" and {text.count_label(others, 'source')}" if others else ""
    close = (
        "Close boxes: use `--depth 0` or `--close PATH`" if model.scopes else "Put what repeats into networks"
    )
    problems = Problems()
    problems.error(
        "E0914",
        None,
        f"This is too many to draw: {text.count_label(outline.gate_count, 'gate')}{names},"
        f" where a picture holds {MOST_ITEMS:,}.",
        suggestion=f"{close}, or draw a file with fewer outputs and named values.",
    )
    raise GraphlangError(problems)


def _shown(
    view: View, outline: Outline, values: Mapping[str, Any] | None, gradients: Mapping[str, Any] | None
) -> frozenset[str]:
    if view.show is not None:
        return view.show
    # Inside a folded loop there would be one number for each iteration.
    has_folds = any(path in outline.folds.counts for path in outline.boxes)
    if (values or gradients) and outline.gate_count <= MANY_ITEMS and not has_folds:
        return frozenset({"values", "grads"})
    return frozenset({"shapes"})
