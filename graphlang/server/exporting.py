"""A text of the page as a file to take away: a NumPy script, or the data with the points added by hand."""

from __future__ import annotations

import os
from typing import Any

from graphlang import pipeline
from graphlang.diagnostics import GraphlangError
from graphlang.differentiate.training_step import training_step
from graphlang.emit.numpy_script import numpy_script
from graphlang.emit.training_script import training_script
from graphlang.learning import prepare_training
from graphlang.run.settings import settings_of
from graphlang.server.added import add, as_csv, file_name
from graphlang.server.compiling import Text, compile_text
from graphlang.server.controls import learns
from graphlang.server.folder import Folder
from graphlang.server.map import map_of
from graphlang.server.points import read_points

# Data that take more memory are not written as text: an answer has to fit into one message.
_MOST_BYTES = 8 << 20


def export(message: dict[str, Any], folder: Folder) -> dict[str, Any]:
    """The script that `graphlang export --to numpy` writes, as `content` with a file `name`; or `why` not."""
    try:
        text = compile_text(message, folder)
        model = text.sound
        content = _training(text) if learns(model) else _evaluation(text)
    except GraphlangError as error:
        return {"why": [d.message for d in error.diagnostics]}
    return {"name": f"{model.name}.py", "content": content}


def data(message: dict[str, Any], folder: Folder) -> dict[str, Any]:
    """The data with the message's points as a CSV file, as `content` with its `name`; or `why` not.

    `block` is the data block that reads it, `rows` the number of its rows, `added` how many are points.
    """
    try:
        text = compile_text(message, folder)
        model = text.sound
        training = prepare_training(text.source)
        added = add(training, map_of(training, text.source), read_points(message))
        if added.fields is None:
            return {"why": [added.told["none"]]}
        rows, row_bytes = added.training.trainer.feed.count, added.training.trainer.feed.row_bytes()
        if rows * row_bytes > _MOST_BYTES:
            return {"why": [f"{rows:,} rows are too many for the page to give away."]}
    except GraphlangError as error:
        return {"why": [d.message for d in error.diagnostics]}
    name = file_name(model.name)
    content, block = as_csv(added.training, added.fields, name)
    return {"name": name, "content": content, "block": block, "rows": rows, "added": len(added.told["used"])}


def _evaluation(text: Text) -> str:
    model = text.sound
    of, _ = pipeline.objective(model, None)
    seed = pipeline.seed_of(model, None)
    return numpy_script(pipeline.differentiate(model, of), folder=_home(text), seed=seed)


def _training(text: Text) -> str:
    outcome = pipeline.compile_source(text.source, training=True)
    if outcome.problems.has_errors:
        raise GraphlangError(outcome.problems)
    return training_script(
        training_step(outcome.value),
        pipeline.differentiate(text.sound, None),
        settings_of(outcome.value.training, {}),
        data=pipeline.data_of(outcome.value),
        folder=_home(text),
    )


def _home(text: Text) -> str:
    """The script is meant to lie beside the file, so paths of data are written as the file has them."""
    return os.path.dirname(text.source.path or "") or "."
