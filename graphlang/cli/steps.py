"""`graphlang draw --step`, `--steps` and `--local`: one frame of a picture, or all of them."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from graphlang.cli import common
from graphlang.diagnostics import GraphlangError, Problems
from graphlang.draw.view import View

if TYPE_CHECKING:
    from graphlang.cli.common import Loaded
    from graphlang.draw.story import Numbers, Story
    from graphlang.graph.model import Model

# What all frames are written as: one file each, or all in one.
FRAMES = ("svg", "png", "dot")
FILMS = ("gif", "pdf", "html")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare --step, --steps and --local."""
    parser.add_argument(
        "--step",
        type=int,
        metavar="K",
        help="the state after K backward steps: 0 has all values and no gradient; -1, -2, … step back into"
        " the forward pass",
    )
    parser.add_argument(
        "--steps",
        metavar="OUT",
        help="all frames, forward and backward: numbered files in the folder OUT, or one .gif, .pdf or .html",
    )
    parser.add_argument(
        "--local", action="store_true", help="write the local derivative at the end of each wire"
    )


def wants_a_story(options: argparse.Namespace) -> bool:
    """Whether a picture with steps or local derivatives is asked for."""
    return getattr(options, "step", None) is not None or getattr(options, "local", False)


def story_of(options: argparse.Namespace, loaded: Loaded, view: View) -> Story:
    """The picture of a file with all its steps."""
    from dataclasses import replace

    from graphlang.draw.story import make_story

    model, found = numbers(options, loaded)
    if view.show is None and (getattr(options, "step", None) is not None or getattr(options, "steps", None)):
        view = replace(view, show=frozenset({"values", "grads"}))
    return make_story(model, found, view, with_local=getattr(options, "local", False))


def numbers(options: argparse.Namespace, loaded: Loaded) -> tuple[Model, Numbers]:
    """The differentiated model with values, gradients and local derivatives; no numbers for free inputs."""
    from graphlang import pipeline
    from graphlang.differentiate.local import local_derivatives
    from graphlang.draw.story import Numbers, uses_of

    try:
        prepared = common.prepared(options, loaded)
        prepared.model, nodes = local_derivatives(prepared.model, uses_of(prepared.model))
        wanted = list(dict.fromkeys(nodes.values()))
        evaluation = prepared.evaluate(dtype=options.dtype, every_node=True, wanted=wanted)
    except GraphlangError as error:
        if any(d.code != "E0901" for d in error.diagnostics) or options.feed:
            raise
        # Inputs without numbers: draw shapes.
        of, _ = pipeline.objective(loaded.model, options.of)
        return pipeline.differentiate(loaded.model, of), Numbers()
    local = {use: evaluation.values[node.path] for use, node in nodes.items()}
    for node in wanted:
        evaluation.values.pop(node.path, None)
    return prepared.model, Numbers(evaluation.values, evaluation.gradients, evaluation.parts, local)


def page(options: argparse.Namespace, loaded: Loaded, view: View) -> bytes:
    """The page that opens boxes and steps through a file's computation."""
    import json

    from graphlang.draw.html import html_text
    from graphlang.draw.page import page_data
    from graphlang.run.report import plain

    model, found = numbers(options, loaded)
    data = page_data(
        model,
        found,
        view,
        # As `run --json` writes it.
        lambda value: json.dumps(plain(value), ensure_ascii=False),
        with_local=getattr(options, "local", False),
        step=getattr(options, "step", None),
    )
    return html_text(data).encode()


# --- all frames ----------------------------------------------------------------------------------


def write_all(options: argparse.Namespace, loaded: Loaded, view: View) -> int:
    """Write every frame; returns how many there are."""
    from graphlang.draw.film import gif, pdf
    from graphlang.draw.render import render_frames

    target = options.steps
    kind = os.path.splitext(target)[1].lstrip(".").lower()
    if kind and kind not in FILMS and not os.path.isdir(target):
        raise _refused(
            f"`{target}`: all frames together are written as {', '.join(FILMS)}, not {kind}.",
            "Name a folder for one file per frame.",
        )
    frame_kind = options.format or "svg"
    if frame_kind not in FRAMES:
        raise _refused(f"Frames are written as {', '.join(FRAMES)}, not {frame_kind}.", "Leave out --format.")
    story = story_of(options, loaded, view)
    frames = story.frames()
    if not frames:
        story.after(0)  # says why there are none
    engine = getattr(options, "engine", "auto")
    if kind in ("gif", "pdf") and not os.path.isdir(target):
        common.write(target, (gif if kind == "gif" else pdf)(frames, engine))
    else:
        _write_folder(target, render_frames(frames, frame_kind, engine), frame_kind)
    return len(frames)


def _write_folder(folder: str, painted: list[bytes], kind: str) -> None:
    """Numbered files, with as many digits as the last number has, so that they sort in order."""
    try:
        os.makedirs(folder, exist_ok=True)
    except (OSError, ValueError) as error:
        problems = Problems()
        reason = getattr(error, "strerror", None) or error
        problems.error("E0912", None, f"The folder `{folder}` cannot be made: {reason}.")
        raise GraphlangError(problems) from error
    digits = max(2, len(str(len(painted))))
    for number, data in enumerate(painted, start=1):
        common.write(os.path.join(folder, f"{number:0{digits}d}.{kind}"), data)


def _refused(message: str, suggestion: str) -> GraphlangError:
    problems = Problems()
    problems.error("E0914", None, message, suggestion=suggestion)
    return GraphlangError(problems)
