"""The half of `graphlang plot` that shows what a model answers over its one or two inputs."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlang.cli import common
from graphlang.diagnostics import GraphlangError, Problems

if TYPE_CHECKING:
    from graphlang.graph.model import Model
    from graphlang.graph.node import Node
    from graphlang.learning import Inference
    from graphlang.plot.surface import Kind, Surface
    from graphlang.source import SourceFile

# What a loss says about its first operand; its second holds the labels.
_CLASSES = ("cross_entropy", "hinge")
_NUMBERS = ("mse", "mae", "huber")
# Operations that only arrange what they are given.
_ARRANGING = ("index", "squeeze", "reshape", "flatten", "identity", "expand")
_PANELS, _GIF_FRAMES = 3, 24


def draw_surface(path: str, options: argparse.Namespace) -> int:
    """Draw the surface of a .graph file."""
    from graphlang.plot.panels import animation, description, panels
    from graphlang.plot.save import save

    surface = _surface(path, options)
    problems = Problems()
    is_moving = options.output.lower().endswith(".gif")
    picture: Any = animation(surface) if is_moving else panels(surface)
    save(picture, options.output, problems, title=surface.title, description=description(surface))
    common.stop_on_errors(problems)
    return 0


def _surface(path: str, options: argparse.Namespace) -> Surface:
    from graphlang.learning import prepare_inference
    from graphlang.plot.surface import Frame, Surface
    from graphlang.run.surface import answers, features_of, make_grid, points_of

    source = common.read(path)
    overrides = _overrides(options)
    inference = prepare_inference(
        source,
        lambda model: _wanted(model, options.node),
        overrides=overrides,
        weights=options.weights,
        seed=options.seed,
    )
    (name, node), model = next(iter(inference.evaluator.nodes.items())), inference.model
    kind, labels_from = _kind(inference.whole, name)
    features = features_of(model, node)
    data = _data(inference)
    points = points_of(features, data)
    grid = make_grid(features, points, options.resolution)
    frames = tuple(
        Frame(title, answers(model, node, grid, values, np.float64))
        for title, values in _moments(source, inference, overrides, options)
    )
    labels = data.get(labels_from) if labels_from else None
    if points is None or labels is None:
        points, labels = np.zeros((0, len(grid.names))), np.zeros(0, dtype=int)
    return Surface(
        frames,
        grid.extent,
        _fitting(kind, frames[0].values, grid.shape),
        points,
        np.asarray(labels).reshape(len(labels)),
        inference.classes_of.get(labels_from or "", ()),
        grid.names,
        name,
        inference.whole.description.split("\n")[0] or inference.whole.name,
    )


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    from graphlang.elaborate.settings import parse_settings

    overrides, problems = parse_settings(options.set)
    common.stop_on_errors(problems)
    return overrides


def _wanted(model: Model, name: str | None) -> dict[str, Node]:
    """The node to show: the one that is named, else what the loss compares with labels, else the output."""
    if name is not None:
        found = model.find(name)
        nodes = {} if found is None else {name: found}
    else:
        of = model.training.minimize if model.training else None
        outputs = [n for n in model.outputs if n is not of and n.shape]
        compared = [s.inputs[0] for s in model.scopes.values() if s.name in (*_CLASSES, *_NUMBERS, _BINARY)]
        nodes = {n.path: n for n in (outputs or compared)[:1]}
    if not nodes:
        problems = Problems()
        text = f"There is no node called `{name}`." if name else "It is not clear which node to show."
        problems.error("E0909", None, text, suggestion="Name one: `--node scores`.")
        raise GraphlangError(problems)
    return nodes


_BINARY = "binary_cross_entropy"


def _kind(model: Model, name: str) -> tuple[Kind, str | None]:
    """What a node's values are, and the input that holds the labels."""
    from graphlang.plot.surface import Kind

    node = model.find(name)
    for scope in model.scopes.values():
        if scope.name in (*_CLASSES, *_NUMBERS, _BINARY) and len(scope.inputs) > 1:
            if node not in _arranged(scope.inputs[0]):
                continue
            label = _arranged(scope.inputs[1])[-1]
            kind = {_BINARY: Kind.LOGIT}.get(scope.name, Kind.CLASS_LOGITS)
            return Kind.NUMBER if scope.name in _NUMBERS else kind, label.path
    called = node.op if node is not None else ""
    return {"sigmoid": Kind.PROBABILITY, "softmax": Kind.CLASS_PROBABILITIES}.get(called, Kind.NUMBER), None


def _fitting(kind: Kind, values: np.ndarray, shape: tuple[int, ...]) -> Kind:
    """The kind for values that turn out to be several for each place."""
    from graphlang.plot.surface import Kind

    if values.ndim > len(shape):
        return kind if kind in (Kind.CLASS_LOGITS, Kind.CLASS_PROBABILITIES) else Kind.CLASS_LOGITS
    return Kind.LOGIT if kind is Kind.CLASS_LOGITS else kind


def _arranged(node: Node) -> list[Node]:
    """A node and those before it that it only arranges."""
    found = [node]
    while found[-1].op in _ARRANGING:
        found.append(found[-1].inputs[0])
    return found


def _data(inference: Inference) -> dict[str, np.ndarray]:
    """The file's data by input, labels among them; inputs without data have their defaults."""
    from graphlang.pipeline import data_of
    from graphlang.run.rows import open_rows

    spec, problems = data_of(inference.whole), Problems()
    found = {p: n.attrs["default"] for p, n in inference.whole.inputs.items() if "default" in n.attrs}
    found = {p: np.asarray(a) for p, a in found.items() if a is not None and np.ndim(a)}
    rows = open_rows(spec, problems) if spec is not None else None
    common.stop_on_errors(problems)
    if rows is None:
        return found
    # More points than a picture can show are of no use.
    step = max(1, rows.count // 5000)
    return {**found, **rows.take(np.arange(0, rows.count, step))}


def _moments(
    source: SourceFile, inference: Inference, overrides: dict[str, Any], options: argparse.Namespace
) -> list[tuple[str, dict[str, Any]]]:
    """The parameters at the moments that are shown, each with its title."""
    from graphlang.learning import prepare_training
    from graphlang.run.surface import epochs_shown

    spec = inference.whole.training
    if options.weights is not None or spec is None or spec.learner is None:
        title = os.path.basename(options.weights) if options.weights is not None else "as the file says"
        return [(title, inference.values)]
    settings = {"epochs": options.epochs, "seed": options.seed}
    training = prepare_training(source, overrides=overrides, settings=settings)
    trainer, progress = training.trainer, training.progress
    last = trainer.settings.epochs
    frames = options.frames or (_GIF_FRAMES if options.output.lower().endswith(".gif") else _PANELS)
    shown = epochs_shown(last, frames)
    moments = [("before", trainer.kept(progress.values))] if 0 in shown else []
    for found in trainer.steps(progress):
        if not isinstance(found, float) and found.epoch in shown:
            title = f"after {found.epoch} epochs" if found.epoch == last else f"during (epoch {found.epoch})"
            moments.append((title, trainer.kept(progress.values)))
    if progress.epoch not in shown:
        moments.append((f"after {progress.epoch} epochs", trainer.kept(progress.values)))
    return moments
