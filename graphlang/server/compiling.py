"""From a text of the page to a model and its numbers, by the stages of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphlang import pipeline
from graphlang.diagnostics import Diagnostic, GraphlangError, Problems
from graphlang.differentiate.local import local_derivatives
from graphlang.draw.story import uses_of
from graphlang.graph.model import Model
from graphlang.run import datasets
from graphlang.run.session import Evaluation
from graphlang.server.folder import Folder
from graphlang.source import SourceFile
from graphlang.syntax import tree
from graphlang.syntax.parse import parse
from graphlang.syntax.reading import decode_source


@dataclass(frozen=True, slots=True)
class Text:
    """A text with all that `graphlang check` says of it.

    Attributes
    ----------
    source : SourceFile
    file : tree.File
    model : Model or None
        None if the text has errors.
    problems : Problems
    """

    source: SourceFile
    file: tree.File
    model: Model | None
    problems: Problems

    @property
    def sound(self) -> Model:
        """The model. Raises GraphlangError if the text has errors."""
        if self.model is None:
            raise GraphlangError(self.problems)
        return self.model


def compile_text(message: dict[str, Any], folder: Folder) -> Text:
    """The message's `text`, as if it stood in the file `name` of the folder."""
    name = folder.place(str(message["name"]))
    read = decode_source(str(message["text"]).encode("utf-8", "replace"), name, name)
    source, problems = read.value, Problems()
    for problem in read.problems:
        problems.add(problem)
    file = parse(source).value
    outside = Problems()
    folder.check_imports(file, outside)
    if outside.has_errors:
        return Text(source, file, None, outside)
    outcome = pipeline.compile_source(source)
    for problem in outcome.problems:
        problems.add(problem)
    before = len(problems.errors)
    folder.check_data(outcome.value, problems)
    if len(problems.errors) == before:
        for spec in outcome.value.data.values():
            datasets.check_data(spec, problems)
    return Text(source, file, None if problems.has_errors else outcome.value, problems)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A model with its numbers; without any if some input has no value.

    `local` has the derivative of a node by its operand, by (path of the node, position).
    """

    model: Model
    evaluation: Evaluation | None
    local: Mapping[tuple[str, int], Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()


def learned(asked: Any, model: Model) -> dict[str, np.ndarray] | None:
    """Parameters and states by path, as a training run tells them; None if a model has others."""
    leaves = {**model.params, **model.states}
    if not isinstance(asked, dict) or asked.keys() != leaves.keys():
        return None
    try:
        found = {path: np.asarray(value, np.float64) for path, value in asked.items()}
    except (ValueError, TypeError):
        return None
    return found if all(found[path].shape == node.shape for path, node in leaves.items()) else None


def evaluate(model: Model, weights: Mapping[str, np.ndarray] | None = None) -> Numbers:
    """Forward and backward over every node, as `graphlang draw` does.

    Raises
    ------
    GraphlangError
        When a value cannot be computed.
    """
    try:
        prepared = pipeline.prepare(model, weights=weights)
        prepared.model, nodes = local_derivatives(prepared.model, uses_of(prepared.model))
        wanted = list(dict.fromkeys(nodes.values()))
        evaluation = prepared.evaluate(every_node=True, wanted=wanted)
    except GraphlangError as error:
        if any(d.code != "E0901" for d in error.diagnostics):
            raise
        of, _ = pipeline.objective(model, None)
        differentiated = pipeline.differentiate(model, of)
        return Numbers(differentiated, None, remarks=("Some inputs have no value: only shapes are shown.",))
    local = {use: evaluation.values[node.path] for use, node in nodes.items()}
    for node in wanted:
        evaluation.values.pop(node.path, None)
    return Numbers(evaluation.model, evaluation, local, tuple(prepared.remarks), tuple(prepared.warnings))
