"""One look at a text: what is wrong with it, its picture, and what can be clicked, stepped and moved.

The answer is plain data. Places in the text are offsets in UTF-16 units, which is how browsers count; all
names and comments are text, which the page never takes for HTML.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from graphlang.diagnostics import Diagnostic, GraphlangError, Label, Severity
from graphlang.diagnostics.render import as_json, render
from graphlang.draw.elements import Scene
from graphlang.draw.render import render as paint
from graphlang.draw.scene import View, check_size
from graphlang.draw.story import Numbers as Computed
from graphlang.draw.story import Story, make_story
from graphlang.draw.theme import THEMES
from graphlang.emit.brief import failure
from graphlang.graph.model import Model
from graphlang.run.report import plain
from graphlang.run.session import Evaluation
from graphlang.server import controls, steps
from graphlang.server.compiling import Numbers, compile_text, evaluate, learned
from graphlang.server.folder import Folder
from graphlang.server.places import Places

# Values of more entries are told by shape and norm only.
_MOST_ENTRIES = 64
# Pictures are laid out by graphlang itself: at once, and with an id on everything.
_ENGINE = "builtin"


def look(message: dict[str, Any], folder: Folder) -> dict[str, Any]:
    """All that the page shows of a text.

    Parameters
    ----------
    message : dict
        `text`, `name` (of the file), `view` (see `_view`), and perhaps `weights` to look with.
    folder : Folder

    Returns
    -------
    dict
        `diagnostics` as `check --json` has them, each with its `place` in the text and as `rendered`;
        `controls`; `learns`; `ok`; and if the text has no errors `svg`, `numbers`, `items`, `steps`, `boxes`
        and `remarks`.
    """
    text = compile_text(message, folder)
    places = Places(text.source)
    answer: dict[str, Any] = {
        "ok": False,
        "diagnostics": [_told(d, places) for d in text.problems],
        "controls": controls.controls_of(text.file, places),
        "learns": text.model is not None and controls.learns(text.model),
    }
    if text.model is None:
        return answer
    try:
        return answer | _picture(text.model, message, places, answer)
    except GraphlangError as error:
        answer["diagnostics"] += [_told(d, places) for d in error.diagnostics]
        return answer


def _picture(model: Model, message: dict[str, Any], places: Places, answer: dict[str, Any]) -> dict[str, Any]:
    asked = message.get("view") or {}
    view, with_local = _view(asked), asked.get("local") is True
    check_size(model, view)
    weights = learned(message.get("weights"), model)
    numbers = evaluate(model, weights)
    story, dropped = _story(numbers, view, with_local=with_local)
    scene = story.scene
    evaluation = numbers.evaluation
    found = [*numbers.warnings, *(_failures(evaluation) if evaluation else ())]
    return {
        "ok": True,
        "diagnostics": [*answer["diagnostics"], *(_told(d, places) for d in found)],
        "remarks": [*numbers.remarks, *dropped],
        "svg": paint(scene, "svg", _ENGINE).decode("utf-8"),
        "is_learned": weights is not None,
        "of": numbers.model.of.path if numbers.model.of is not None else None,
        "name": model.name,
        "description": model.description,
        "numbers": _numbers(evaluation) if evaluation else {},
        "items": steps.items_of(scene, numbers, places),
        "steps": steps.steps_of(story),
        "boxes": _boxes(model, scene),
    }


def _story(numbers: Numbers, view: View, *, with_local: bool) -> tuple[Story, list[str]]:
    """The picture; boxes that a changed text has no longer are forgotten rather than complained of."""
    model, e = numbers.model, numbers.evaluation
    known = {name for s in model.scopes.values() for name in (s.path, s.name)}
    opened, closed = (tuple(b for b in boxes if b in known) for boxes in (view.open, view.close))
    dropped = [b for b in (*view.open, *view.close) if b not in known]
    found = Computed() if e is None else Computed(e.values, e.gradients, e.parts, numbers.local)
    story = make_story(model, found, replace(view, open=opened, close=closed), with_local=with_local)
    return story, [f"There is no box `{b}` any more." for b in dropped]


def _view(asked: dict[str, Any]) -> View:
    """How the page looks at a model: `depth` (None: as fits), `open`, `close` (paths), `theme`."""
    depth, theme = asked.get("depth"), asked.get("theme")
    return View(
        depth=depth if isinstance(depth, int) and not isinstance(depth, bool) and depth >= 0 else None,
        open=tuple(map(str, asked.get("open") or ())),
        close=tuple(map(str, asked.get("close") or ())),
        theme=theme if theme in THEMES else "slide",
    )


def _told(diagnostic: Diagnostic, places: Places) -> dict[str, Any]:
    return {
        **as_json(diagnostic),
        "place": places.range_of(diagnostic.span),
        "rendered": render(diagnostic),
    }


def _failures(evaluation: Evaluation) -> Iterable[Diagnostic]:
    """Expectations that do not hold, as `graphlang run` warns of them."""
    for c in evaluation.expectations:
        if not c.ok:
            message = failure(c.expectation.text, c.left, c.right)
            yield Diagnostic("W0901", Severity.WARNING, message, Label(c.expectation.span))


def _numbers(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """Of every node that the file names what `run --json` says; of large tensors the shape and the norm."""
    found: dict[str, dict[str, Any]] = {}
    for path, value in evaluation.values.items():
        if not evaluation.model.by_path[path].is_named:
            continue
        found[path] = {"shape": list(np.shape(value)), **_entries("value", value)}
        if path in evaluation.gradients:
            found[path] |= _entries("gradient", evaluation.gradients[path])
    return found


def _entries(what: str, value: Any) -> dict[str, Any]:
    if np.size(value) <= _MOST_ENTRIES:
        return {what: plain(value)}
    with np.errstate(all="ignore"):
        norm = float(np.linalg.norm(np.ravel(value).astype(float)))
    return {f"{what}_norm": norm if math.isfinite(norm) else str(norm)}


def _boxes(model: Model, scene: Scene) -> list[dict[str, Any]]:
    """What can be opened (an item) or closed (a frame) by a click."""
    frames = {b.id for b in scene.boxes}
    items = {i.id for i in scene.items}
    return [
        {"path": path, "open": path in frames, "title": scope.title}
        for path, scope in model.scopes.items()
        if scope.kind in ("network", "gate") and (path in frames or path in items)
    ]
