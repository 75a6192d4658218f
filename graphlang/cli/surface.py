"""The half of `graphlang plot` that shows what a model answers over its one or two inputs."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlang.cli import common
from graphlang.diagnostics import Problems

if TYPE_CHECKING:
    from graphlang.learning import Inference
    from graphlang.plot.surface import Surface
    from graphlang.source import SourceFile

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
    from graphlang.surfaces import data_by_input, fitting_kind, kind_of, shown_node

    source = common.read(path)
    overrides = _overrides(options)
    inference = prepare_inference(
        source,
        lambda model: shown_node(model, options.node),
        overrides=overrides,
        weights=options.weights,
        seed=options.seed,
    )
    (name, node), model = next(iter(inference.evaluator.nodes.items())), inference.model
    kind, labels_from = kind_of(inference.whole, name)
    features = features_of(model, node)
    data = data_by_input(inference.whole)
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
        fitting_kind(kind, frames[0].values, grid.shape),
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
