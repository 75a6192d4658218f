"""Draw the training curves of runs, or what a model answers over its inputs.

A RUN is a log as `graphlang train --log` writes it; without -o, its curves are shown as text. With --surface
a .graph file is given: its model of one or two inputs is trained (or takes --weights), and its decision or
response surface is drawn before, during and after, with the data; a .gif moves.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from graphlang.cli import common
from graphlang.cli.term import Painter, table, wants_color
from graphlang.diagnostics import Problems

if TYPE_CHECKING:
    from graphlang.plot.log import RunLog

_HEADER = ("run", "curve", "course", "epochs", "first", "lowest", "highest", "last")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", metavar="RUN", nargs="+", help="the log of a run (.jsonl), or a .graph file")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="the picture: .svg, .png or .pdf, with --surface also .gif (needs matplotlib)",
    )
    surface = parser.add_argument_group("surfaces")
    surface.add_argument("--surface", action="store_true", help="draw what the model answers over its inputs")
    surface.add_argument("--node", metavar="NAME", help="what to show (default: what the loss compares)")
    surface.add_argument("--weights", metavar="FILE", help="show these, instead of training")
    surface.add_argument("--epochs", type=common.natural, metavar="N", help="in place of the train block's")
    surface.add_argument("--seed", type=common.natural, metavar="N", help="in place of the train block's")
    surface.add_argument(
        "--frames", type=common.count, metavar="K", help="panels (3), or pictures of a .gif (24)"
    )
    surface.add_argument(
        "--resolution", type=_resolution, default=120, metavar="R", help="places along each input (120)"
    )
    common.add_model_options(surface)
    common.add_output_options(parser)
    parser.epilog = (
        "example:\n  graphlang plot slow.jsonl fast.jsonl -o curves.svg\n"
        "  graphlang plot examples/spiral.graph --surface -o spiral.gif"
    )


def _resolution(text: str) -> int:
    value = int(text)
    if not 2 <= value <= 1000:
        raise argparse.ArgumentTypeError("a number from 2 to 1000 is needed")
    return value


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    problems = Problems()
    if options.surface:
        return _execute_surface(options, problems)
    for path in options.runs:
        if path.endswith(".graph"):
            problems.error(
                "E0914",
                None,
                f"`{path}` is a model, not the log of a run.",
                suggestion=f"Draw what it answers by `graphlang plot {path} --surface -o surface.png`, or"
                " train it with `--log run.jsonl` and plot that.",
            )
    common.stop_on_errors(problems)
    if options.output is not None:
        _check_output(options.output, problems)
    runs = _read(options.runs, problems)
    common.stop_on_errors(problems)
    common.report(problems, options.color)
    if options.output is None:
        print(_as_text(runs, Painter(wants_color(sys.stdout, options.color))))
        return 0
    return draw_runs(runs, options.output)


def _execute_surface(options: argparse.Namespace, problems: Problems) -> int:
    from graphlang.cli.surface import draw_surface

    if len(options.runs) != 1 or options.output is None:
        problems.error(
            "E0914",
            None,
            "`--surface` takes one .graph file and the picture to write.",
            suggestion="For example `graphlang plot spiral.graph --surface -o spiral.png`.",
        )
        common.stop_on_errors(problems)
    _check_output(options.output, problems)
    return draw_surface(options.runs[0], options)


def _check_output(path: str, problems: Problems) -> None:
    """Say what is wrong with the output before anything is read."""
    from graphlang.plot.save import format_of
    from graphlang.plot.style import has_matplotlib

    if format_of(path, problems) is not None:
        has_matplotlib(problems)
    common.stop_on_errors(problems)


def _read(paths: list[str], problems: Problems) -> list[RunLog]:
    from graphlang.plot.log import distinct, read_log

    found = [(read_log(path, problems), path) for path in paths]
    good = [(run, path) for run, path in found if run is not None]
    return distinct([run for run, _ in good], [path for _, path in good])


def draw_runs(runs: list[RunLog], path: str) -> int:
    from graphlang.plot.curves import curves, description
    from graphlang.plot.save import save

    problems = Problems()
    title = "Training curves of " + ", ".join(run.name for run in runs)
    save(curves(runs), path, problems, title=title, description=description(runs))
    common.stop_on_errors(problems)
    return 0


# --- as text -------------------------------------------------------------------------------------


def _as_text(runs: list[RunLog], painter: Painter) -> str:
    rows = [row for run in runs for row in _rows(run)]
    return table(
        _HEADER,
        rows,
        painter=painter,
        right=frozenset({3, 4, 5, 6, 7}),
        styles=((), (), ("blue",)),
        limits={0: 28, 1: 28},
    )


def _rows(run: RunLog) -> Iterator[tuple[str, ...]]:
    """One row for each curve of a run; its name stands in the first."""
    from graphlang.plot.spark import sparkline
    from graphlang.plot.text import number

    name = run.name
    for title, points in _curves(run):
        values = [value for _, value in points]
        ranked = sorted((v, e) for e, v in points if v == v)
        low, high = (ranked[0], ranked[-1]) if ranked else (None, None)
        yield (
            name,
            title,
            sparkline(values, 30),
            str(len(values)),
            number(values[0]),
            f"{number(low[0])} @ {low[1]}" if low else "—",
            f"{number(high[0])} @ {high[1]}" if high else "—",
            number(values[-1]),
        )
        name = ""


def _curves(run: RunLog) -> Iterator[tuple[str, list[tuple[int, float]]]]:
    """Title, and epoch and value of each point, of the curves that a run has."""
    from graphlang.plot.text import plain

    training = [(e.epoch, e.train) for e in run.epochs]
    holdout = [(e.epoch, e.holdout) for e in run.epochs if e.holdout is not None]
    yield "loss", [(epoch, s.loss) for epoch, s in training]
    if holdout:
        yield "loss, held out", [(epoch, s.loss) for epoch, s in holdout]
    for name in run.metrics:
        for where, scores in (("", training), (", held out", holdout)):
            points = [(epoch, s.metrics[name]) for epoch, s in scores if name in s.metrics]
            if points:
                yield plain(name) + where, points
