"""A page of its own to look at a model: the data that it shows.

The page holds pictures painted beforehand, one for each choice of open boxes (`states.py`), the steps
through each of them, and what is known of every node. Everything is plain data, names and formulas are
text. `html.py` puts it into a file, and a server may hand it out as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from graphlang.draw.elements import Scene
from graphlang.draw.loops import fold
from graphlang.draw.scopes import Chains, contents_of
from graphlang.draw.states import Boxes, State, chosen_states, view_of
from graphlang.draw.steps import Step
from graphlang.draw.story import Numbers, Story, make_story
from graphlang.draw.svg import svg_text
from graphlang.draw.text import exact_text, shape_label
from graphlang.draw.view import View
from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.graph.show import calls_of, formula

# Pictures beyond the first are left out when all together have more characters than this.
_MOST_TEXT = 6_000_000
# Entries of a tensor that are written out.
_MOST_ENTRIES = 100


def page_data(
    model: Model,
    numbers: Numbers,
    view: View,
    spell: Callable[[Any], str],
    *,
    with_local: bool = False,
    step: int | None = None,
) -> dict[str, Any]:
    """All that a page shows of a model.

    Parameters
    ----------
    model : Model
        With its backward pass, if there is one.
    numbers : Numbers
    view : View
        What is open at first.
    spell : function
        A value as `run --json` writes it.
    with_local : bool
        Write local derivatives on the pictures.
    step : int, optional
        The backward step that is shown at first, as `Story.after` counts; by default the whole picture is.

    Returns
    -------
    dict
        `name`, `description`, `of`, `theme`, `start` (how many steps are done at first, None for all and
        nothing highlighted); `nodes` by path; `boxes` by path; `texts`, which steps refer to by number; and
        `pictures`, each with the boxes that are `open` and that can be opened (`closed`), its `svg`, whether
        that shows `numbers`, its `steps`, and the node that each of its elements tells of (`tells`, by id).
    """
    pictures: list[dict[str, Any]] = []
    texts: dict[str, int] = {}
    size, start = 0, None
    for state, boxes in chosen_states(model, view).items():
        story = make_story(model, numbers, view_of(state, view), with_local=with_local)
        picture = _picture(story, state, boxes, texts)
        if step is not None and not pictures:
            story.after(step)  # complains if there is no such step
            start = story.forward_count + step
        size += len(picture["svg"])
        if pictures and size > _MOST_TEXT:
            break
        pictures.append(picture)
    open_and_closed = dict.fromkeys(b for p in pictures for b in (*p["open"], *p["closed"]))
    boxes_told = _boxes(model, open_and_closed, view)
    told = dict.fromkeys(path for picture in pictures for path in picture["tells"].values())
    told |= dict.fromkeys(path for box in boxes_told.values() for path in box["outputs"])
    teller = _Teller(model, numbers, spell)
    return {
        "name": model.name,
        "description": model.description,
        "of": model.of.path if model.of is not None else None,
        "theme": view.theme,
        "start": start,
        "nodes": {path: teller.node(model.by_path[path]) for path in told},
        "boxes": boxes_told,
        "texts": list(texts),
        "pictures": pictures,
    }


def _picture(story: Story, state: State, boxes: Boxes, texts: dict[str, int]) -> dict[str, Any]:
    scene = story.scene
    # The page has a style sheet of its own, for light and dark.
    svg = re.sub(r"<style>.*?</style>\n?", "", svg_text(scene), flags=re.DOTALL)
    return {
        "open": list(boxes.opened),
        "closed": [b for b in boxes.closed if any(item.id == b for item in scene.items)],
        "svg": svg,
        "numbers": scene.shows_numbers,
        "steps": [_step(step, scene, texts) for step in story.steps],
        "tells": _tells(scene),
    }


def _step(step: Step, scene: Scene, texts: dict[str, int]) -> dict[str, Any]:
    wires = [wire.id for wire in scene.wires if wire.node == step.node]
    also = [wire.id for wire in scene.wires if wire.node in step.also]
    lines = [texts.setdefault(line, len(texts)) for line in step.lines]
    found: dict[str, Any] = {"wires": wires, "items": list(step.items), "lines": lines}
    if step.is_backward:
        found["back"] = 1
    if also:
        found["also"] = also
    return found


def _tells(scene: Scene) -> dict[str, str]:
    """The node that each element of a picture tells of: of a wire and its ends, the one that flows there."""
    found: dict[str, str] = {}
    items = {item.id: item for item in scene.items}
    for wire in scene.wires:
        path = wire.node or wire.id.removesuffix(">")
        found[wire.id] = path
        for use in wire.uses:
            if use.target.startswith(">"):
                found[use.target] = path
        if items[wire.source].kind != "network":
            found[wire.source] = path
    return found


def _boxes(model: Model, paths: dict[str, None], view: View) -> dict[str, dict[str, Any]]:
    chains = Chains(model)
    contents = contents_of(model, chains)
    times = fold(model, chains, view.open, unfold=view.unfold).counts
    return {
        path: {
            "title": model.scopes[path].title,
            "kind": model.scopes[path].kind,
            "parent": _parent(model, path, paths),
            "times": times.get(path, 1),
            "parameters": contents[path].parameter_count,
            "outputs": [n.path for n in model.scopes[path].outputs],
        }
        for path in paths
    }


def _parent(model: Model, path: str, known: dict[str, None]) -> str:
    """The nearest box around a box that opens and closes, too."""
    parent = model.scopes[path].parent
    while parent and parent not in known:
        parent = model.scopes[parent].parent
    return parent


class _Teller:
    """What is known of nodes."""

    def __init__(self, model: Model, numbers: Numbers, spell: Callable[[Any], str]):
        self.model, self.numbers, self._spell = model, numbers, spell
        self._calls = calls_of(model)

    def node(self, node: Node) -> dict[str, Any]:
        """What the page says of a node, as text."""
        found: dict[str, Any] = {
            "formula": formula(node, calls=self._calls),
            "shape": shape_label(node.type),
        }
        for what, values in (("value", self.numbers.values), ("gradient", self.numbers.gradients)):
            if values is not None and node.path in values:
                found[what] = self._written(values[node.path])
        place = self.model.place_of(node)
        if place is not None:
            source = place.source
            found["line"] = place.line
            found["source"] = source.line(place.line).strip()
            found["file"] = source.name
        if node.doc:
            found["doc"] = node.doc
        return found

    def _written(self, value: Any) -> str:
        import numpy as np

        return self._spell(value) if np.size(value) <= _MOST_ENTRIES else exact_text(value)
